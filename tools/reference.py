"""Pages that are made from the library's docstrings: the library reference and the index of the widgets.

A line `% generated: library` or `% generated: widgets` in a page of the book is replaced by what is made
here. Docstrings are Markdown.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import nbformat

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


def library() -> str:
    """The reference: every public function and class, module by module."""
    out = []
    for module in modules():
        things = public(module)
        if not things and module.__name__ != "inception_lib":
            continue
        out.append(f"## {module.__name__}\n\n{docstring(module)}")
        if module.__name__ == "inception_lib":
            names = ", ".join(f"`{name}`" for name in module.__all__)
            out.append(f"It hands on {names}.")
        for name, thing in things.items():
            out.append(f"### {name}\n\n```python\n{signature(name, thing)}\n```\n\n{docstring(thing)}")
            if inspect.isclass(thing):
                out += members(thing)
    return "\n\n".join(part.strip() for part in out)


def chapters_with(call: str) -> list[tuple[str, str]]:
    """Name and title of the chapters, and of the front page, that have a code cell with `call`."""
    found = []
    front = (BOOK / "intro.md").read_text(encoding="utf-8")
    if re.search(rf"^{call}\(", front, re.M):
        found.append(("intro", re.search(r"^# +(.+)$", front, re.M)[1].strip()))
    for path in sorted(BOOK.glob("[0-9]*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        if any(c.cell_type == "code" and re.search(rf"\b{call}\b[.(]", c.source) for c in notebook.cells):
            title = re.search(r"^# +(.+)$", notebook.cells[0].source, re.M)
            found.append((path.stem, title[1].strip()))
    return found


def widgets() -> str:
    """The index: what each widget shows, where it stands, and what can be set."""
    from inception_lib.book import widgets as package

    out = []
    for name in package.__all__:
        cls = getattr(package, name)
        first, _, rest = docstring(cls).partition("\n\n")
        links = ", ".join(f"[{title}]({stem})" for stem, title in chapters_with(name))
        out.append(f"## {name}\n\n{first}\n\nIn: {links}." if links else f"## {name}\n\n{first}")
        settings = cls.described() if hasattr(cls, "described") else []
        if settings:
            head = "| setting | in the widget | opens on | values |\n| --- | --- | --- | --- |\n"
            out.append(
                head
                + "\n".join(
                    f"| `{field['name']}` | {field['label']} | {field['default']} | {_values(field)} |"
                    for field in settings
                )
            )
        if rest:
            out.append(rest)
    return "\n\n".join(out)


def _values(field: Mapping) -> str:
    if "options" in field:
        return ", ".join(f"`{value}`" for value, _ in field["options"])
    if "min" not in field:
        return "yes or no"
    limits = f"{field['min']:,} to {field['max']:,}"
    return limits if field["step"] == 1 else f"{limits} in steps of {field['step']}"


def breakable(text: str) -> str:
    """`text` with headings that can break after their dots: a space without width stands there."""
    return re.sub(r"^## [\w.]+$", lambda heading: heading[0].replace(".", ".\u200b"), text, flags=re.M)


def fill(text: str) -> str:
    """`text` with its marks replaced."""
    made = {"library": library, "widgets": widgets}
    return MARK.sub(lambda mark: breakable(made[mark[1]]()), text)
