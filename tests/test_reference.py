"""The pages that are made from docstrings: whole, and without this machine's addresses and paths."""

from __future__ import annotations

import inspect
import json
import re

import pytest

from inception_lib import googlenet
from inception_lib.book import widgets
from tools import reference

MODULES = list(reference.modules())
PAGES = {module.__name__: reference.described(module) for module in reference.documented()}
LIBRARY = "".join(PAGES.values())


def test_everything_public_is_on_its_modules_page_and_in_the_index():
    index = reference.library()
    for module in MODULES:
        for name in reference.public(module):
            assert f"\n## {name}\n\n```python\n{name}" in PAGES[module.__name__], f"{module.__name__}.{name}"
            (line,) = re.findall(rf"^- .*\(library/{re.escape(module.__name__)}\.md\).*$", index, re.M)
            assert f"`{name}`" in line
    assert sorted(re.findall(r"\(library/(.*?)\.md\)", index)) == sorted(PAGES)


def test_a_page_that_stays_is_not_touched_and_one_of_a_module_that_is_gone_goes(tmp_path, monkeypatch):
    kept, changed = reference.documented(), "inception_lib.files"
    some = [module for module in kept if module.__name__ in (changed, "inception_lib.paper")]
    monkeypatch.setattr(reference, "documented", lambda: some)
    assert reference.write_library(tmp_path) == {changed, "inception_lib.paper"}
    (tmp_path / f"{changed}.md").write_text("old")
    (tmp_path / "inception_lib.gone.md").write_text("old")
    before = (tmp_path / "inception_lib.paper.md").stat().st_mtime_ns
    reference.write_library(tmp_path)
    assert (tmp_path / f"{changed}.md").read_text() == PAGES[changed]
    assert (tmp_path / "inception_lib.paper.md").stat().st_mtime_ns == before
    assert not (tmp_path / "inception_lib.gone.md").exists()


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


INDEX = reference.widgets()


def test_the_index_has_every_widget_its_chapter_and_its_settings():
    assert re.findall(r"^## (\w+)$", INDEX, re.M) == widgets.__all__
    assert r"[2\. The 1x1 convolution](02_one_by_one_convolution)" in INDEX
    for name in widgets.__all__:
        section = INDEX.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert "\n\nIn: [" in section, f"{name} stands in no chapter"
        for field in getattr(getattr(widgets, name), "described", list)():
            assert f"| `{field['name']}` | {field['label']} | {field['default']} |" in section
    assert "| `epoch` | Epochs trained | 1 | 0 to 5 |" in INDEX
    assert "| `kernel` | Kernel size | 5 | 1 to 11 in steps of 2 |" in INDEX
    assert "| `mirror` | Mirror image | False | yes or no |" in INDEX


def test_the_gallery_has_a_card_for_every_widget_with_the_widget_in_it():
    cards = re.findall(r"^::::\{grid-item-card\} (.+?)\n(.+?)^::::$", INDEX, re.M | re.S)
    (states,) = re.findall(r'<script type="[^"]*state\+json">(.*?)</script>', INDEX, re.S)
    states = json.loads(states)["state"]
    assert len(cards) == len(widgets.__all__)
    for name, (title, card) in zip(widgets.__all__, cards, strict=True):
        cls = getattr(widgets, name)
        own = getattr(cls, "title", None)
        assert title == (own if isinstance(own, str) else name)  # a quiz has its title from its questions
        assert json.loads(re.search(r"<script data-late [^>]*>(.*?)</script>", card)[1])["model_id"] == name
        assert 'class="widget-glance" inert' in card
        assert inspect.getdoc(cls).partition("\n\n")[0] in card
        for field in getattr(cls, "described", list)():
            assert states[name]["state"][field["name"]] == field["default"]


def test_marks_are_replaced():
    page = "# Title\n\n% generated: library\n\nEnd"
    assert reference.fill(page) == f"# Title\n\n{reference.library()}\n\nEnd"
    assert inspect.getdoc(widgets.Quiz).partition("\n")[0] in reference.fill("% generated: widgets")


def test_arguments_and_errors_are_lists_and_headings_can_break():
    text = reference.docstring(googlenet)
    assert "**Arguments:**\n\n- `variant`:" in text and "**Raises:**\n\n- `ArchitectureError`:" in text
    assert not re.search(r"^(Args|Raises|Returns):$", LIBRARY, flags=re.M)
    assert "ForwardRef" not in LIBRARY
    assert "# inception_lib.\u200bpaper\n" in PAGES["inception_lib.paper"]
