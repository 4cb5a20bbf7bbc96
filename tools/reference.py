"""Pages that are made from the library: its reference, a page for each module, and the widgets' gallery.

A line `% generated: library` or `% generated: widgets` in a page of the book is replaced by what is made
here. Docstrings are Markdown. What a card of the gallery shows is the widget itself, small.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import nbformat
import yaml
from ipywidgets.embed import dependency_state

from tools import shared_widgets

ROOT = Path(__file__).resolve().parents[1]
BOOK = ROOT / "book"
MARK = re.compile(r"^% generated: (\w+)$", re.M)
QUIZZES = "inception_lib.book.quizzes."  # texts, a module for each chapter
# the command line explains itself
INNER = {
    "inception_lib.__main__",
    "inception_lib.cli",
    "inception_lib.cli.audit",
    "inception_lib.cli.count",
    "inception_lib.cli.evaluate",
    "inception_lib.cli.predict",
    "inception_lib.cli.train",
}
WIDTH = 88
MOST_VALUES = 12  # of a widget's setting; of more, the gallery names some
# what a widget that cannot be made without is made of, in the gallery
EXAMPLES: dict[str, dict[str, Any]] = {
    "Answer": {"hint": "The grid cancels.", "factor": 21.4},
    "Guess": {
        "question": "A 5x5 convolution, 480 to 48 channels: how much does a reduction to 16 save?",
        "truth": 480 * 48 * 25 / (480 * 16 + 16 * 48 * 25),
        "low": 1,
        "high": 100,
        "unit": "x",
    },
    "Quiz": {"key": "reduction"},
}
SECTION = re.compile(r"^(Args|Raises|Returns):\n((?: {4}.*(?:\n|\Z))+)", re.M)  # of a docstring


def modules() -> Iterator[ModuleType]:
    """The library's modules in alphabetical order, the package itself first."""
    import inception_lib

    yield inception_lib
    for found in sorted(
        m.name
        for m in pkgutil.walk_packages(inception_lib.__path__, "inception_lib.")
        if m.name != "inception_lib.__main__"
    ):
        if found not in INNER and not found.startswith(QUIZZES):
            yield importlib.import_module(found)


def public(module: ModuleType) -> dict[str, object]:
    """The functions and classes that `module` defines for others, in the order of its source."""
    found = {
        name: value
        for name, value in vars(module).items()
        if not name.startswith("_")
        and getattr(value, "__module__", None) == module.__name__
        and (inspect.isfunction(value) or inspect.isclass(value))
    }
    return dict(sorted(found.items(), key=lambda item: inspect.getsourcelines(item[1])[1]))


def signature(name: str, thing: Callable) -> str:
    """The call, with its types as they are written; one argument a line where it is long."""
    try:
        found = inspect.signature(thing)
        if inspect.isclass(thing):  # "-> None" says nothing of a class
            found = found.replace(return_annotation=inspect.Signature.empty)
    except (TypeError, ValueError):
        return name

    def plain(text: str) -> str:
        text = text.replace(f"{ROOT}/", "").replace("PosixPath(", "Path(")
        text = re.sub(r"<class '([\w.]+)'>", r"\1", text)
        text = re.sub(r"<function .*? at 0x[0-9a-f]+>", "...", text)  # a default without a name
        text = re.sub(r"ForwardRef\((['\"])(.*?)\1\)", r"\2", text)  # a named tuple's types
        return re.sub(r"(: |-> )(['\"])(.*?)\2", r"\1\3", text)

    whole = name + plain(str(found))
    if len(whole) <= WIDTH:
        return whole
    kinds, parts = inspect.Parameter, []
    for parameter in found.parameters.values():
        keyword = parameter.kind is kinds.KEYWORD_ONLY
        if keyword and "*" not in parts and not any(part.startswith("*") for part in parts):
            parts.append("*")
        parts.append(plain(str(parameter)))
    arguments = textwrap.indent(",\n".join(parts) + ",", "    ")
    return f"{name}(\n{arguments}\n){plain(str(found)).rpartition(')')[2]}"


def docstring(thing: object) -> str:
    """The docstring of `thing` itself, not of what it inherits from; nothing where dataclasses made it."""
    text = inspect.getdoc(thing) if getattr(thing, "__doc__", None) else ""
    name = getattr(thing, "__name__", "")
    if not text or text.startswith((f"{name}(", "Initialize self")):
        return ""
    text = re.sub(r"(?<![`\w])<(?=\w+>)", r"\\<", text)  # <NA> is no tag
    return SECTION.sub(lambda found: _section(found[1], textwrap.dedent(found[2])), text)


def _section(head: str, body: str) -> str:
    """The arguments or the errors of a docstring as a list; what is returned is a paragraph."""
    entries = [" ".join(entry.split()) for entry in re.split(r"\n(?! )", body.strip())]
    if head == "Returns":
        return f"**Returns:** {' '.join(entries)}\n"
    title = "Arguments" if head == "Args" else head
    lines = (re.sub(r"^([\w*., ]+?):", r"- `\1`:", entry) for entry in entries)
    return f"**{title}:**\n\n" + "\n".join(lines) + "\n"


def members(cls: type) -> Iterator[str]:
    """The public methods and properties of a class that have a docstring, as a definition list."""
    for name, value in vars(cls).items():
        inner = getattr(value, "__func__", value)
        if name.startswith("_") or not (inspect.isfunction(inner) or isinstance(inner, property)):
            continue
        text = docstring(inner)
        if text:
            call = name if isinstance(inner, property) else " ".join(signature(name, inner).split())
            yield f"`{call.replace('( ', '(').replace(', )', ')')}`\n: {textwrap.indent(text, '  ').strip()}"


def described(module: ModuleType) -> str:
    """The page of a module: its public functions and classes."""
    name = module.__name__
    out = [f"---\norphan: true\n---\n\n# {breakable(name)}", docstring(module)]
    if name == "inception_lib":
        out.append(f"It hands on {', '.join(f'`{one}`' for one in module.__all__)}.")
    out.append("In the [library reference](../library.md).")
    for called, thing in public(module).items():
        out.append(f"## {called}\n\n```python\n{signature(called, thing)}\n```\n\n{docstring(thing)}")
        if inspect.isclass(thing):
            out += members(thing)
    return "\n\n".join(part.strip() for part in out) + "\n"


def documented() -> Iterator[ModuleType]:
    """The modules that have a page: those with something public, and the package."""
    return (module for module in modules() if public(module) or module.__name__ == "inception_lib")


def library() -> str:
    """The index of the reference: packages, their modules, and the names in each."""
    entries: dict[str, list[str]] = {}
    for module in documented():
        name = module.__name__
        package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
        entries.setdefault(package, []).append(_entry(module))
    out = []
    for package, lines in sorted(entries.items()):
        about = docstring(sys.modules[package]).partition("\n\n")[0]
        out.append(f"## {breakable(package)}\n\n{about}\n\n" + "\n".join(lines))
    return "\n\n".join(out)


def _entry(module: ModuleType) -> str:
    """A line of the index."""
    first = docstring(module).partition("\n\n")[0].replace("\n", " ")
    names = ", ".join(f"`{name}`" for name in public(module))
    link = f"[{breakable(module.__name__)}](library/{module.__name__}.md)"
    return f"- {link}: {first}" + (f" {names}" if names else "")


def write_library(folder: Path) -> set[str]:
    """Write the page of each module into a folder, and remove those of modules that are gone.

    A page that stays as it was is not touched, so that Sphinx need not read it again. Gives their names.
    """
    folder.mkdir(exist_ok=True)
    texts = {module.__name__: described(module) for module in documented()}
    for old in folder.glob("*.md"):
        if old.stem not in texts:
            old.unlink()
    for name, text in texts.items():
        path = folder / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    return set(texts)


@cache
def chapters() -> dict[str, Any]:
    """The chapters' notebooks by name, in the order of the table of contents."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    names = [entry["file"] for part in toc["parts"] if part.get("numbered") for entry in part["chapters"]]
    return {name: nbformat.read(BOOK / f"{name}.ipynb", as_version=4) for name in names}


def chapters_with(call: str) -> list[tuple[str, str]]:
    """The front page and the chapters that have a code cell with `call`: name, and title with its number."""
    found = []
    front = (BOOK / "intro.md").read_text(encoding="utf-8")
    if re.search(rf"^{call}\(", front, re.M):
        found.append(("intro", re.search(r"^# +(.+)$", front, re.M)[1].strip()))
    for number, (name, notebook) in enumerate(chapters().items(), 1):
        if any(c.cell_type == "code" and re.search(rf"\b{call}\b[.(]", c.source) for c in notebook.cells):
            title = re.search(r"^# +(.+)$", notebook.cells[0].source, re.M)
            found.append((name, f"{number}\\. {title[1].strip()}"))  # a point that makes no list
    return found


def widgets() -> str:
    """The gallery, and what can be set in each widget."""
    from inception_lib.book import widgets as package

    cards, sections, states = [], [], {}
    for name in package.__all__:
        cls = getattr(package, name)
        first, _, rest = docstring(cls).partition("\n\n")
        chapters = chapters_with(name)
        widget = cls(**EXAMPLES.get(name, {}))
        states[name] = _state(widget)
        title = getattr(cls, "title", name)
        cards.append(_card(name, title if isinstance(title, str) else name, first, chapters))
        links = ", ".join(f"[{title}]({stem})" for stem, title in chapters)
        sections.append(f"## {name}\n\n{first}\n\nIn: {links}." if links else f"## {name}\n\n{first}")
        settings = cls.described() if hasattr(cls, "described") else []
        if settings:
            head = "| setting | in the widget | opens on | values |\n| --- | --- | --- | --- |\n"
            sections.append(
                head
                + "\n".join(
                    f"| `{field['name']}` | {field['label']} | {field['default']} | {_values(field)} |"
                    for field in settings
                )
            )
        if rest:
            sections.append(rest)
    text = json.dumps({"version_major": 2, "version_minor": 0, "state": states}).replace("</", "<\\/")
    data = f'<script type="{shared_widgets.KIND}state+json">{text}</script>'
    grid = ":::::{grid} 1 1 2 2\n:gutter: 3\n\n" + "\n\n".join(cards) + "\n:::::"
    return "\n\n".join([grid, *sections, _raw(data)])


def _card(name: str, title: str, about: str, chapters: Sequence[tuple[str, str]]) -> str:
    """A card of the gallery. The widget in it is a picture: no mouse, key or screen reader gets into it."""
    view = json.dumps({"version_major": 2, "version_minor": 0, "model_id": name})
    picture = f'<div class="widget-glance" inert>{shared_widgets.late_view(view)}</div>'
    link = f":link: {chapters[0][0]}\n:link-type: doc\n" if chapters else ""
    titles = [title for _, title in chapters]
    names = " · ".join(titles) if len(titles) < 3 else f"In {len(titles)} chapters"
    foot = f"\n\n:::{{card-footer}}\n{names}\n:::" if names else ""
    return f"::::{{grid-item-card}} {title}\n{link}\n{_raw(picture)}\n\n{about}{foot}\n::::"


def _raw(text: str) -> str:
    return f"```{{raw}} html\n{text}\n```"


def _state(widget: Any) -> dict[str, Any]:
    """The state of a widget as a notebook holds it."""
    state = dependency_state([widget], drop_defaults=False)[widget.model_id]
    widget.close()
    return state


def _values(field: Mapping) -> str:
    if "options" in field:
        values = [f"`{value}`" if value != "" else "nothing" for value, _ in field["options"]]
        if len(values) > MOST_VALUES:
            return f"{', '.join(values[:3])}, ... {values[-1]}, {len(values)} in all"
        return ", ".join(values)
    if "pattern" in field:
        return "text, made in the widget"
    if "min" not in field:
        return "yes or no"
    limits = f"{field['min']:,} to {field['max']:,}"
    return limits if field["step"] == 1 else f"{limits} in steps of {field['step']}"


def breakable(name: str) -> str:
    """A module's name that can break after its dots: a space without width stands there."""
    return name.replace(".", ".\u200b")


def fill(text: str) -> str:
    """`text` with its marks replaced."""
    made = {"library": library, "widgets": widgets}
    return MARK.sub(lambda mark: made[mark[1]](), text)
