"""Messages to the user stay in one line that a terminal shows as it is, whatever they quote."""

import shutil
from pathlib import Path

import pytest
from PIL import Image
from weights_helpers import tiny

from inception_lib import errors, googlenet
from inception_lib.cli.predict import predict
from inception_lib.weights import save_weights


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


def test_names_of_files_and_classes_reach_the_terminal_without_escapes(tmp_path, capsys):
    network = tiny(googlenet(width=0.01, classes=2, heads=False))
    weights = save_weights(network, tmp_path / "x.safetensors", classes=["\x1b[31mred", "a\nb"])
    photo = tmp_path / "\x1b[2J.png"
    Image.new("RGB", (30, 20)).save(tmp_path / "x.png")
    shutil.move(tmp_path / "x.png", photo)
    assert predict((photo, Path("no\x07thing.png")), weights=str(weights)) == 1
    shown = capsys.readouterr()
    assert "".join((shown.out + shown.err).split("\n")).isprintable()
    assert r"\x1b[31mred" in shown.out and r"\x1b[2J.png" in shown.out and r"no\x07thing.png" in shown.err
