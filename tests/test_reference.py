"""The pages that are made from docstrings: whole, and without this machine's addresses and paths."""

from __future__ import annotations

import inspect
import re

import pytest

from inception_lib import googlenet
from inception_lib.book import widgets
from tools import reference

LIBRARY = reference.library()
MODULES = list(reference.modules())


def test_everything_public_is_there():
    for module in MODULES:
        for name in reference.public(module):
            section = LIBRARY.partition(f"## {module.__name__}\n")[2]
            assert f"### {name}\n\n```python\n{name}" in section, f"{module.__name__}.{name}"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_everything_public_has_a_docstring(module):
    assert module.__doc__
    assert [name for name, thing in reference.public(module).items() if not reference.docstring(thing)] == []


def test_signatures_are_readable():
    machine = r"0x[0-9a-f]{6,}|<(?:function|class|object)\b|PosixPath|(?<![\w.])/(?:work|tmp|home)/"
    assert not re.search(machine, LIBRARY)
    assert "count(architecture: Architecture, policy: Policy | None = " in LIBRARY
    blocks = re.findall(r"```python\n(.*?)\n```", LIBRARY, re.S)
    assert len(blocks) > 50 and max(len(line) for block in blocks for line in block.splitlines()) < 130


def test_long_calls_stand_on_several_lines():
    def call(first: int, *, second: str = "of some length" * 5, third: float = 0.5) -> dict[str, int]:
        return {}

    said = reference.signature("call", call)
    assert said.splitlines() == [
        "call(",
        "    first: int,",
        "    *,",
        f"    second: str = {'of some length' * 5!r},",
        "    third: float = 0.5,",
        ") -> dict[str, int]",
    ]


def test_the_index_has_every_widget_its_chapter_and_its_settings():
    index = reference.widgets()
    assert re.findall(r"^## (\w+)$", index, re.M) == widgets.__all__
    assert "[The 1x1 convolution](02_one_by_one_convolution)" in index
    for name in widgets.__all__:
        section = index.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert "\n\nIn: [" in section, f"{name} stands in no chapter"
        for field in getattr(getattr(widgets, name), "described", list)():
            assert f"| `{field['name']}` | {field['label']} | {field['default']} |" in section
    assert "| `epoch` | Epochs trained | 1 | 0 to 5 |" in index
    assert "| `kernel` | Kernel, pixels a side | 5 | 1 to 11 in steps of 2 |" in index
    assert "| `mirror` | Mirror image | False | yes or no |" in index


def test_marks_are_replaced():
    page = "# Title\n\n% generated: widgets\n\nEnd"
    assert reference.fill(page) == f"# Title\n\n{reference.widgets()}\n\nEnd"
    assert inspect.getdoc(widgets.Quiz).partition("\n")[0] in reference.fill(page)


def test_arguments_and_errors_are_lists_and_headings_can_break():
    text = reference.docstring(googlenet)
    assert "**Arguments:**\n\n- `variant`:" in text and "**Raises:**\n\n- `ArchitectureError`:" in text
    assert not re.search(r"^(Args|Raises|Returns):$", LIBRARY, flags=re.M)
    assert "ForwardRef" not in LIBRARY
    assert reference.breakable("## inception_lib.paper\n`a.b`") == "## inception_lib.\u200bpaper\n`a.b`"
