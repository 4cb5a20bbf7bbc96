"""Write the student notebooks: the chapters without solutions, with a cell for each answer and its check.

usage: python tools/exercises.py [--to exercises] [book/0*.ipynb]

There is one source, the chapter. In its section "Exercises" a bold line such as `**3. Compute.**` begins an
exercise. The `<details>` after it and the code cells tagged `solution` are its solution and are left out.
Of each solution cell is made

- what is given: the lines above a line `# answer`, where there is one, and the cell's imports;
- a stub: each name that the check uses and the answer defines, as `name = ...` with the comment that stands
  behind it, a function or class with its docstring and an empty body;
- a check: the lines below a line `# check`, or from the first assertion on, run by
  `inception_lib.book.exercises.check`. The messages of the assertions are the hints, or the page's answer
  field has one: a cell such as `bill = Answer("Hint.", total=3)` goes in front of the check that uses it.

An exercise without a check gets a cell for an answer in words.
"""

from __future__ import annotations

import argparse
import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools.notebooks import text  # noqa: E402
from tools.saving import save  # noqa: E402

CHAPTERS = "[0-9][0-9]_*.ipynb"
HEADING = re.compile(r"^\*\*(\d+)\. (Predict|Compute|Build|Break|Repair|Measure|Train|Design)\.\*\*", re.M)
DETAILS = re.compile(r"<details\b.*?</details>\n*", re.S)
MARK = re.compile(r"^# (answer|check)\b.*\n?", re.M)
HOW = """\
Run the chapter's cells first. Write each answer into the cell below its exercise, in place of the dots, and
run it. The folded cell under it checks the answer: it says "Right.", or gives a hint. To open that cell may
give the answer away."""
WORDS = "*Your answer, in words:*"
BEGIN, END = "## Exercises", "## Sources"


def _is_check(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assert) or (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Call)
        and ast.unparse(node.value.func).endswith(("assert_close", ".check"))
    )


def _bound(node: ast.stmt) -> list[str]:
    """The names that a statement of an answer defines, in order."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return [node.name]
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return []
    return [
        name.id
        for target in targets
        for name in ast.walk(target)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Store)
    ]


def _used(tree: ast.AST) -> set[str]:
    """The names that the code reads, those of its comprehensions left out."""
    own = {
        name.id
        for node in ast.walk(tree)
        if isinstance(node, ast.comprehension)
        for name in ast.walk(node.target)
        if isinstance(name, ast.Name)
    }
    return {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    } - own


def _empty(node: ast.FunctionDef | ast.ClassDef, lines: list[str]) -> list[str]:
    """A definition's head and docstring; in place of its body three dots, in a class for each method."""
    first = node.body[0]
    documented = isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant)
    kept = lines[node.lineno - 1 : (first.end_lineno if documented else first.lineno - 1)]
    while kept and not kept[-1].strip():
        kept.pop()
    methods = [
        method
        for method in node.body
        if isinstance(node, ast.ClassDef) and isinstance(method, ast.FunctionDef)
    ]
    if not methods:
        return [*kept, " " * (node.col_offset + 4) + "..."]
    for method in methods:
        kept += [*_empty(method, lines), ""]
    return kept[:-1]


@dataclass(frozen=True)
class Solution:
    """A solution cell in its parts, each of them source code. `names` are the answers that are asked for.

    `fields` makes the page's answer fields, and `field` is the name of those that the check asks, if it does.
    """

    given: str
    answer: str
    check: str
    names: tuple[str, ...]
    fields: str = ""
    field: str | None = None

    @classmethod
    def of(cls, source: str, fields: str = "") -> Solution:
        """Split a cell at its marks, or, where it has no `# check`, before its first assertion."""
        parts = {"given": "", "answer": "", "check": ""}
        place = "given" if re.search(r"^# answer\b", source, re.M) else "answer"
        position = 0
        for mark in MARK.finditer(source):
            parts[place] += source[position : mark.start()]
            place, position = mark[1], mark.end()
        parts[place] += source[position:]
        if not re.search(r"^# check\b", source, re.M):
            lines = parts["answer"].splitlines(keepends=True)
            start = next((n.lineno - 1 for n in ast.parse(parts["answer"]).body if _is_check(n)), len(lines))
            parts["answer"], parts["check"] = "".join(lines[:start]), "".join(lines[start:])
        used = _used(ast.parse(parts["check"]))
        asked = [name for node in ast.parse(parts["answer"]).body for name in _bound(node) if name in used]
        asked_by = [node for node in ast.parse(fields).body if "Answer(" in ast.unparse(node)]
        made = [name for node in asked_by for name in _bound(node)]
        return cls(
            **{k: v.strip("\n") for k, v in parts.items()},
            names=tuple(dict.fromkeys(asked)),
            fields=fields,
            field=next((name for name in made if name in used), None),
        )

    @property
    def hint(self) -> str | None:
        """The first message of an assertion that is plain text."""
        nodes = [node for node in ast.walk(ast.parse(self.check)) if hasattr(node, "lineno")]
        for node in sorted(nodes, key=lambda node: (node.lineno, node.col_offset)):
            message = (
                node.msg
                if isinstance(node, ast.Assert)
                else next((word.value for word in node.keywords if word.arg == "msg"), None)
                if isinstance(node, ast.Call)
                else None
            )
            if isinstance(message, ast.Constant):
                return message.value
        return None

    def stub(self) -> str:
        """The cell that a student fills in."""
        lines, imports, out, done = self.answer.splitlines(), [], [], set()
        for node in ast.parse(self.answer).body:
            names = [name for name in _bound(node) if name in self.names and name not in done]
            if isinstance(node, ast.Import | ast.ImportFrom):
                imports += lines[node.lineno - 1 : node.end_lineno]
            elif names and isinstance(node, ast.FunctionDef | ast.ClassDef):
                out += ["", *_empty(node, lines), ""]
            elif names:
                comment = re.search(r"# .*$", lines[node.end_lineno - 1][node.end_col_offset :])
                out.append(
                    f"{', '.join(names)} = {', '.join('...' for _ in names)}"
                    + (f"      {comment[0]}" if comment else "")
                )
            done |= set(names)
        parts = (self.given, "\n".join(imports), "\n".join(out).strip("\n"))
        return "\n\n".join(part for part in parts if part)

    def check_cell(self) -> str:
        """The cell that checks what is in the stub's place."""
        words = [", ".join(f"{name}={name}" for name in self.names)]
        if self.field:
            words.append(f"hint={self.field}.hint")
        elif self.hint:
            words.append(f"hint={self.hint!r}")
        body = self.check.splitlines()
        last = ast.parse(self.check).body[-1]
        if isinstance(last, ast.Expr) and not _is_check(last):  # shows the answer; a block shows nothing
            body = body[: last.lineno - 1]
        return "\n".join(
            [
                "from inception_lib.book.exercises import check",
                "",
                *([self.fields, ""] if self.field else []),
                "with check(",
                *(f"    {word}," for word in words),
                "):",
                textwrap.indent("\n".join(body).strip("\n"), "    "),
            ]
        )


@dataclass(frozen=True)
class Exercise:
    """An exercise of a chapter: its number, its level, its text, and its solution cells."""

    number: int
    level: str
    text: str
    solutions: tuple[Solution, ...]

    @property
    def checked(self) -> bool:
        """Whether some check asks for an answer."""
        return any(solution.names for solution in self.solutions)

    def cells(self, chapter: str) -> Iterator[nbformat.NotebookNode]:
        """The student's cells, with ids made from the chapter's number and the exercise's."""
        name = f"ex-{chapter[:2]}-{self.number}"
        yield new_markdown_cell(self.text, id=name)
        if not self.checked:
            yield new_markdown_cell(WORDS, id=f"{name}-words")
        for i, solution in enumerate(s for s in self.solutions if s.names):
            yield new_code_cell(solution.stub(), id=f"{name}-answer{i or ''}", metadata={"tags": ["answer"]})
            yield new_code_cell(
                solution.check_cell(),
                id=f"{name}-check{i or ''}",
                metadata={"tags": ["check"], "jupyter": {"source_hidden": True}},
            )


def exercises(notebook: nbformat.NotebookNode) -> list[Exercise]:
    """The exercises of a chapter, in order."""
    found: list[dict] = []
    fields = ""
    for cell in _section(notebook):
        if cell.cell_type == "code":
            if found and "solution" in cell.metadata.get("tags", []):
                found[-1]["solutions"].append(Solution.of(cell.source, fields))
            elif " = Answer(" in cell.source:
                fields = cell.source.rpartition("\n")[0]  # the last line shows them
            continue
        text = DETAILS.sub("", cell.source.partition(BEGIN)[2] or cell.source).partition(f"\n{END}")[0]
        heads = list(HEADING.finditer(text))
        for head, end in zip(heads, [*(h.start() for h in heads), len(text)][1:], strict=True):
            found.append(
                {
                    "number": int(head[1]),
                    "level": head[2],
                    "solutions": [],
                    "text": text[head.start() : end].strip(),
                }
            )
    return [Exercise(**{**one, "solutions": tuple(one["solutions"])}) for one in found]


def _section(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells from the heading of the exercises to that of the sources, both included."""

    def at(heading: str) -> int:
        pattern = re.compile(rf"^{heading}\s*$", re.M)
        return next(
            i
            for i, cell in enumerate(notebook.cells)
            if cell.cell_type == "markdown" and pattern.search(cell.source)
        )

    return notebook.cells[at(BEGIN) : at(END) + 1]


def student(notebook: nbformat.NotebookNode, chapter: str) -> nbformat.NotebookNode:
    """The chapter called `chapter`, without solutions and outputs, as a new notebook."""
    section = _section(notebook)
    start = next(i for i, cell in enumerate(notebook.cells) if cell is section[0])
    cells = []
    for cell in notebook.cells[:start]:
        cells.append(
            new_markdown_cell(cell.source, id=cell.id)
            if cell.cell_type == "markdown"
            else new_code_cell(cell.source, id=cell.id, metadata=cell.metadata)
        )
    cells.append(
        new_markdown_cell(f"{section[0].source.partition(BEGIN)[0]}{BEGIN}\n\n{HOW}", id=section[0].id)
    )
    for exercise in exercises(notebook):
        cells += exercise.cells(chapter)
    _, heading, sources = section[-1].source.partition(END)
    cells.append(new_markdown_cell(heading + sources, id=f"{section[-1].id}-end"))
    for cell in notebook.cells[start + len(section) :]:
        cells.append(new_markdown_cell(cell.source, id=cell.id))
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def is_whole(path: Path) -> bool:
    """Whether Jupyter can open a notebook."""
    try:
        nbformat.read(path, as_version=4)
    except (OSError, ValueError, nbformat.ValidationError):
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("chapters", nargs="*", type=Path)
    parser.add_argument(
        "--to", type=Path, default=ROOT / "exercises", help="folder that they are written into"
    )
    arguments = parser.parse_args()
    for path in arguments.chapters or sorted((ROOT / "book").glob(CHAPTERS)):
        target = arguments.to / path.name
        if target.exists():  # it may hold a student's work
            but = "" if is_whole(target) else ", but Jupyter cannot open it: move it away for a new one"
            print(f"{target} is there already and stays as it is{but}", file=sys.stderr)
            continue
        notebook = nbformat.read(path, as_version=4)
        save(target, text(student(notebook, path.stem)))
        found = exercises(notebook)
        print(f"{target}: {len(found)} exercises, {sum(e.checked for e in found)} of them check themselves")
    return 0


if __name__ == "__main__":
    sys.exit(main())
