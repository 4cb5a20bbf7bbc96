"""Messages to the user stay in one line that a terminal shows as it is, whatever they quote."""

import pytest

from inception_lib import errors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, é, 日本", "plain text, é, 日本"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("\x1b[31mred\x1b]0;title\x07", r"\x1b[31mred\x1b]0;title\x07"),
        ("d\udce9ta", r"d\udce9ta"),
        ("\u202eabc\x9b", r"\u202eabc\x9b"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert errors.printable(text) == shown
    for kind in vars(errors).values():
        if isinstance(kind, type) and issubclass(kind, errors.InceptionError):
            assert str(kind(text)) == shown


def test_the_middle_of_a_long_text_is_left_out():
    assert errors.printable("a" * 50 + "b" * 50, 10) == "aaaaa...bbbbb"
    assert errors.printable("a" * 10, 10) == "a" * 10
