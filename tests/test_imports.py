"""Who types along finds every name: in code that is shown, or in the chapter's fold of imports."""

import ast
import builtins
import json
from pathlib import Path

import pytest

from tools.imports import SUMMARY, imports, with_imports

BOOK = Path(__file__).parents[1] / "book"
CHAPTERS = sorted(BOOK.glob("[01]*.ipynb"))
#: Of cells whose code no page shows.
HIDDEN = {"remove-cell", "remove-input"}


def of(path):
    return json.loads(path.read_text(encoding="utf-8"))


def made(tree):
    """The names that code makes, wherever it does."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(name.asname or name.name).split(".")[0] for name in node.names}
    return found


def used(tree):
    return {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)}


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_every_name_in_code_that_is_shown_can_be_found(path):
    notebook = of(path)
    known = set(dir(builtins)) | made(ast.parse(imports(notebook)))
    for cell in notebook["cells"]:
        tags = set(cell["metadata"].get("tags", ()))
        if cell["cell_type"] != "code" or tags & HIDDEN:
            continue
        # what follows checks an answer, and is for those who run the notebook
        code = ast.parse("".join(cell["source"]).partition("# check")[0])
        known |= made(code)
        if "hide-input" not in tags:  # figures
            assert used(code) <= known, (cell["id"], used(code) - known)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_the_imports_stand_above_the_exercises(path):
    before, after = of(path)["cells"], json.loads(with_imports(path.read_text(encoding="utf-8")))["cells"]
    (cell,) = (c for a, c in zip(before, after, strict=True) if "".join(a["source"]) != "".join(c["source"]))
    text = cell["source"]
    assert text.startswith("## Exercises") and text.index(SUMMARY) < text.index("**1. ")
    code = text.partition("```python\n")[2].partition("\n```")[0]
    assert "import torch" in code and "chdir" not in code and "make book" not in code
    ast.parse(code)


def test_a_notebook_without_exercises_or_with_imports_in_view_stays():
    for path in BOOK.glob("*.ipynb"):
        if path not in CHAPTERS:
            text = path.read_text(encoding="utf-8")
            assert json.loads(with_imports(text)) == json.loads(text)
