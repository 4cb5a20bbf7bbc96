"""The exercises: every solution passes its check, and no unsolved stub does."""

from __future__ import annotations

import ast
import re
import resource
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from inception_lib.book.exercises import GENERAL_HINT, NotYet, check
from tools import exercises

ROOT = Path(__file__).resolve().parents[1]
CHAPTERS = sorted((ROOT / "book").glob(exercises.CHAPTERS))
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def touched(source: str) -> tuple[set[str], set[str]]:
    """The names that a cell defines or changes, and those that it takes from elsewhere."""
    nodes = list(ast.walk(ast.parse(source)))
    names = [node for node in nodes if isinstance(node, ast.Name)]
    writes = {name.id for name in names if isinstance(name.ctx, ast.Store)}
    own = writes | {node.arg for node in nodes if isinstance(node, ast.arg)}
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            writes.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            writes |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    reads = {name.id for name in names} - own - writes
    for node in nodes:  # table["x"] = 1 changes the table
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            writes |= {name.id for name in ast.walk(node) if isinstance(name, ast.Name)}
    return writes, reads


def chapter_before_the_exercises(notebook: nbformat.NotebookNode) -> dict:
    """The names that the exercises stand on: those of the chapter's cells run that something depends on."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    needed: set[str] = set()
    wanted = []
    for cell in reversed(cells):
        writes, reads = touched(cell.source)
        if "solution" in cell.metadata.get("tags", []):
            needed = (needed - writes) | reads
        elif writes & needed:
            wanted.append(cell.source)
            needed |= reads
    scope = {"__name__": "__main__"}
    for source in reversed(wanted):
        exec(source, scope)
    return scope


@pytest.mark.book
@pytest.mark.slow
@every_chapter
def test_solutions_pass_and_stubs_fail(path, monkeypatch, capsys):
    monkeypatch.chdir(path.parent)
    notebook = read(path)
    found = exercises.exercises(notebook)
    scope = chapter_before_the_exercises(notebook)
    for exercise in found:
        for solution in exercise.solutions:
            where = f"exercise {exercise.number} of {path.stem}"
            if not solution.names:
                exec("\n".join((solution.given, solution.answer, solution.check)), scope)
                continue
            exec(solution.stub(), scope)
            with pytest.raises(NotYet) as failed:
                exec(solution.check_cell(), scope)
            hint = scope[solution.field].hint if solution.field else solution.hint or GENERAL_HINT
            assert hint in str(failed.value), f"{where}: the unsolved stub fails without the hint"
            exec(f"{solution.given}\n{solution.answer}", scope)
            right = {name: scope[name] for name in solution.names}
            capsys.readouterr()
            exec(solution.check_cell(), scope)
            assert capsys.readouterr().out.endswith("Right.\n"), where
            for name, value in right.items():
                if type(value) is float and (rounded := float(f"{value:.3g}")) != value:
                    scope[name] = rounded  # an answer with three digits is good enough
                    exec(solution.check_cell(), scope)
                if type(value) in (int, float):
                    scope[name] = 2 * value + 1
                elif type(value) is bool:
                    scope[name] = not value
                else:
                    continue
                with pytest.raises(NotYet):
                    exec(solution.check_cell(), scope)
                scope[name] = value
                if type(value) is not bool and value > 9:
                    told = {f"{value:,.0f}", f"{value:.0f}"} & set(re.findall(r"[\d,.]*\d", hint))
                    assert not told, f"{where}: the hint gives the answer away"


@every_chapter
def test_exercises_come_at_three_levels_and_check_themselves(path):
    found = exercises.exercises(read(path))
    assert [exercise.number for exercise in found] == list(range(1, len(found) + 1))
    assert {exercise.level for exercise in found} >= {"Predict", "Compute", "Build"}
    unchecked = [e.number for e in found if not e.checked and e.level != "Predict"]
    assert unchecked == [], "these ask for something that their checks do not use"


@every_chapter
def test_a_student_notebook_has_everything_but_the_solutions(path):
    source = read(path)
    made = exercises.student(source, path.stem)
    nbformat.validate(made)
    ids = [cell.id for cell in made.cells]
    assert len(set(ids)) == len(ids)
    text = "\n".join(cell.source for cell in made.cells)
    headings = re.findall(r"^## .*$", text, flags=re.M)
    assert headings == re.findall(r"^## .*$", "\n".join(c.source for c in source.cells), flags=re.M)
    assert not [c for c in made.cells if "solution" in c.metadata.get("tags", []) or c.get("outputs")]
    assert "<summary>Solution" not in text and "<summary>Comment" not in text
    for exercise in exercises.exercises(source):
        assert exercise.text in text
        for solution in exercise.solutions:
            for node in ast.parse(solution.answer).body:
                line = ast.get_source_segment(solution.answer, node)
                assert isinstance(node, ast.Import | ast.ImportFrom) or line not in solution.stub(), (
                    f"{exercise.number}: the stub holds the answer"
                )
    for cell in made.cells:
        if "check" in cell.metadata.get("tags", []):
            assert cell.metadata["jupyter"]["source_hidden"]
            ast.parse(cell.source)


def test_split_without_marks():
    solution = exercises.Solution.of(
        "import math\n\ndef helper(x):\n    return x\n\nside = helper(7)      # places\n"
        "assert side == 7\nside"
    )
    assert (solution.given, solution.names) == ("", ("side",))
    assert solution.stub() == "import math\n\nside = ...      # places"
    assert solution.check_cell().splitlines()[-1] == "    assert side == 7"


def test_split_with_marks():
    solution = exercises.Solution.of(
        "a = 1\n# answer\nclass C:\n    def f(self, x):\n        return x\n\nb, c = 2, 3\n# check\n"
        "d = C().f(b)\nassert d == 2, 'Think.'\n"
    )
    assert solution.given == "a = 1" and solution.names == ("C", "b") and solution.hint == "Think."
    assert solution.stub() == "a = 1\n\nclass C:\n    def f(self, x):\n        ...\n\nb = ..."


def test_a_check_says_what_is_wrong(capsys):
    with pytest.raises(NotYet, match=r"^Not answered yet: b. Hint: Look.$"):
        check(a=1, b=..., hint="Look.").__enter__()
    with pytest.raises(NotYet, match=r"^Not yet. Hint: Count again.$"), check(a=1, hint="Look."):
        raise AssertionError("Count again.")
    with pytest.raises(NotYet, match=r"TypeError .* Hint: Look.$"), check(a=1, hint="Look."):
        len(1)
    with pytest.raises(NotYet, match="Read the exercise once more"), check(a=1):
        raise AssertionError
    assert capsys.readouterr().out == ""
    with check(a=1):
        pass
    assert capsys.readouterr().out == "Right.\n"


def test_a_stopped_check_is_no_wrong_answer():
    with pytest.raises(KeyboardInterrupt), check(a=1):
        raise KeyboardInterrupt


def test_the_command_writes_notebooks_and_never_over_a_students_work(tmp_path):
    command = [sys.executable, str(ROOT / "tools" / "exercises.py"), "--to", str(tmp_path), str(CHAPTERS[0])]
    first = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    target = tmp_path / CHAPTERS[0].name
    assert "check themselves" in first.stdout and nbformat.read(target, 4).cells
    target.write_text("my work")
    again = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert target.read_text() == "my work" and "stays as it is" in again.stderr


def test_a_full_disk_leaves_no_half_a_notebook(tmp_path):
    source, limit = CHAPTERS[0], 10_000  # bytes
    assert source.stat().st_size > limit
    command = [sys.executable, str(ROOT / "tools" / "exercises.py"), "--to", str(tmp_path), str(source)]
    full = subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd=ROOT,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert full.returncode == 1 and list(tmp_path.iterdir()) == []
    assert full.stderr.startswith("error: ") and len(full.stderr.splitlines()) == 1
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    assert nbformat.read(tmp_path / source.name, as_version=4).cells


def test_half_a_notebook_of_before_is_named_and_kept(tmp_path):
    target = tmp_path / CHAPTERS[0].name
    target.write_text('{"cells": [')
    command = [sys.executable, str(ROOT / "tools" / "exercises.py"), "--to", str(tmp_path), str(CHAPTERS[0])]
    run = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert "stays as it is, but Jupyter cannot open it" in run.stderr and target.read_text() == '{"cells": ['
