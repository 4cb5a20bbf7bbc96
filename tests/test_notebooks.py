"""The committed notebooks: executed, clean, in the chapters' shape, with a text for every figure.

What the cells print is compared by nbval, which `make test` runs beside these tests.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import nbformat
import pytest

from inception_lib.book.quizzes import QUIZZES
from tools.notebooks import problems

BOOK = Path(__file__).resolve().parents[1] / "book"
NOTEBOOKS = sorted(BOOK.glob("*.ipynb"))
CHAPTERS = [path for path in NOTEBOOKS if re.match(r"\d\d_", path.name)]
LAST = ["Summary", "Exercises", "Sources"]

AIMS = '<details class="aims"><summary>'
MAKES_WIDE = r"figures\.(WIDE|plot_training\(|plot_audit\(|picture_grid\()"  # what leaves the text's column
LINE = 78  # characters that a box of code shows

WIDGET = r"\b\w+Widget(?:\.of)?\("
ASKED = r"\b(?:Guess|Answer)\("
QUIZ = r'\bQuiz\("(\w+)"\)'

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    return [cell for cell in read(path).cells if cell.cell_type == "code"]


def markdown(path: Path) -> str:
    """The notebook's prose, fenced code left out."""
    text = "\n\n".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown")
    return re.sub(r"^(```+|~~~+).*?^\1", "", text, flags=re.S | re.M)


def tags(cell: nbformat.NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def calls(source: str, *names: str) -> list[ast.Call]:
    """Calls in `source` to one of the dotted `names`."""
    tree = ast.parse(re.sub(r"^\s*[%!].*$", "", source, flags=re.M))
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) in names]


def test_there_are_chapters():
    assert len(CHAPTERS) >= 4


@every_notebook
def test_is_clean_and_executed(path):
    assert problems(path) == []


@every_notebook
def test_the_first_cell_says_how_to_get_what_it_imports(path):
    first = code_cells(path)[0].source
    assert first.startswith("# ") and "make book" in first.splitlines()[0] and "import" in first


@every_notebook
def test_cell_ids_are_unique(path):
    ids = [cell.id for cell in read(path).cells]
    assert len(set(ids)) == len(ids)


@every_notebook
def test_nothing_is_skipped_and_counts_are_in_order(path):
    cells = code_cells(path)
    assert not [cell.id for cell in cells if "nbval-skip" in tags(cell)]
    counts = [cell.execution_count for cell in cells]
    assert counts == list(range(1, len(cells) + 1)), "the notebook was not run from top to bottom"


@every_notebook
def test_only_figures_widgets_and_what_the_readers_machine_gives_escape_comparison(path):
    shows = re.compile(
        rf"figures\.show\(|{WIDGET}|{QUIZ}|{ASKED}|display\(|\bcached\(|\bdevices\(|\bimages_per_s\b"
    )
    unexplained = [
        cell.id
        for cell in code_cells(path)
        if "nbval-ignore-output" in tags(cell) and not shows.search(cell.source)
    ]
    assert unexplained == []


@every_notebook
def test_every_figure_has_a_text_and_is_not_compared(path):
    for cell in code_cells(path):
        for call in calls(cell.source, "figures.show"):
            alt = next((word.value for word in call.keywords if word.arg == "alt"), None)
            assert alt is not None, f"{cell.id}: figures.show without alt="
            short = isinstance(alt, ast.Constant) and len(alt.value.strip()) < 20
            assert not short, f"{cell.id}: the text says too little"
            assert "nbval-ignore-output" in tags(cell), f"{cell.id}: a figure's bytes would be compared"
        assert not calls(cell.source, "plt.show", "plt.plot"), f"{cell.id}: show it with figures.show"


@every_notebook
def test_pictures_in_prose_have_a_text(path):
    prose = markdown(path)
    assert not re.findall(r"!\[\s*\]\(", prose)
    assert not [tag for tag in re.findall(r"<img\b[^>]*>", prose) if not re.search(r'alt="[^"]+"', tag)]


@every_notebook
def test_no_path_of_somebodys_machine(path):
    assert not re.findall(r"(?<![\w.])/(?:work|root|home|Users)/\w+", path.read_text(encoding="utf-8"))


@every_chapter
def test_shape_of_the_chapter(path):
    headings = re.findall(r"^(#{1,2}) +(.+?) *$", markdown(path), flags=re.M)
    assert [level for level, _ in headings].count("#") == 1 and headings[0][0] == "#"
    sections = [text for level, text in headings if level == "##"]
    assert sections[-3:] == LAST
    questions = [text for text in sections[:-3] if text.endswith("?")]
    assert len(questions) >= 3 and questions == sections[:-3], "a section begins with a reader's question"
    assert "**Next:**" in read(path).cells[-1].source


@every_chapter
def test_the_readers_own_code_comes_before_the_library_s_widgets(path):
    whole = read(path).cells
    first = next(i for i, cell in enumerate(whole) if re.search(r"^## ", cell.source, re.M))
    cells = [cell for cell in whole[first:] if cell.cell_type == "code"]  # one may open the chapter
    own = [
        i for i, cell in enumerate(cells) if not tags(cell) and re.search(r"\b(?:torch|nn)\.", cell.source)
    ]
    shown = [i for i, cell in enumerate(cells) if re.search(WIDGET, cell.source)]
    assert own and shown and own[0] < shown[0]


@every_chapter
def test_exercises_are_of_many_kinds(path):
    kinds = re.findall(r"^\*\*\d+\. (\w+)\.\*\* (★+) ", markdown(path), flags=re.M)
    assert 5 <= len(kinds) <= 7 and len({kind for kind, _ in kinds}) >= 4
    assert {"Measure", "Train"} & {kind for kind, _ in kinds}, "one at least trains or measures"
    assert len({stars for _, stars in kinds}) > 1


@every_chapter
def test_aims_and_place_in_the_paper_are_one_fold_before_the_first_section(path):
    before = markdown(path).partition("\n## ")[0]
    assert before.count(AIMS) == 1 and before.rstrip().endswith("</details>")
    fold = before.partition(AIMS)[2]
    assert "\nAfter this chapter you can\n" in fold and "{cite:t}`szegedy2015going`" in fold


@every_notebook
def test_what_only_sets_up_is_not_on_the_page(path):
    """Imports, and the one line that shows a widget or a quiz: for those who run the notebook."""
    for cell in code_cells(path):
        if calls(cell.source, "figures.use_style"):
            assert "remove-cell" in tags(cell), cell.id
        elif re.fullmatch(rf"{QUIZ}|(\w+ = )?{WIDGET}[^\n]*(\n\w+)?", cell.source.strip()):
            assert "remove-input" in tags(cell), cell.id


@every_notebook
def test_folds_say_what_they_hold(path):
    for cell in code_cells(path):
        if {"hide-input", "hide-cell"} & set(tags(cell)):
            said = cell.metadata.get("mystnb", {})
            assert said.get("code_prompt_show") and said.get("code_prompt_hide"), cell.id


@every_notebook
def test_code_in_view_fits_its_box(path):
    for cell in code_cells(path):
        if not any(tag.startswith(("hide-", "remove-")) for tag in tags(cell)):
            long = [line for line in cell.source.splitlines() if len(line) > LINE]
            assert not long, f"{cell.id}: {long[0]}"


@every_notebook
def test_wide_figures_and_widgets_leave_the_column(path):
    for cell in code_cells(path):
        shown = re.search(rf"^(\w+ = )?{WIDGET}", cell.source) and "solution" not in tags(cell)
        if shown or re.search(MAKES_WIDE, cell.source):
            assert "full-width" in tags(cell), cell.id


@every_notebook
def test_where_a_record_is_from_is_a_fold(path):
    for cell in code_cells(path):
        assert ".source()" not in cell.source, f"{cell.id}: five lines of provenance; use .note()"


@every_chapter
def test_the_chapters_quiz_ends_the_summary(path):
    section, found = None, []
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            section = [section, *re.findall(r"^## +(.+?) *$", cell.source, flags=re.M)][-1]
        else:
            found += [(section, key) for key in re.findall(QUIZ, cell.source)]
    of = dict(zip(CHAPTERS, QUIZZES, strict=True))
    assert found == [("Summary", of[path])]


@every_chapter
def test_exercises_have_folded_solutions_that_check_themselves(path):
    solutions = [cell for cell in code_cells(path) if "solution" in tags(cell)]
    # an exercise has one fold that is called just so, in words or in code
    plain = 0
    for cell in read(path).cells:
        exercise = re.split(r"^\*\*\d+\. ", cell.source, flags=re.M)
        if cell.cell_type == "markdown":
            folds = [part.count("<summary>Solution</summary>") for part in exercise]
            plain = folds[-1] if len(exercise) > 1 else plain + folds[0]
            assert max([plain, *folds]) <= 1, cell.id
        elif "solution" in tags(cell):
            plain += "hide-cell" in tags(cell)
            assert plain <= 1 and not {"remove-cell", "remove-input"} & set(tags(cell)), cell.id
    for cell in solutions:
        asserts = any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(cell.source)))
        assert asserts or calls(cell.source, "torch.testing.assert_close"), (
            f"{cell.id}: a solution that asserts nothing"
        )
    exercises = markdown(path).partition("## Exercises")[2].partition("## Sources")[0]
    assert len(solutions) + exercises.count("<details") >= 5
    assert exercises.count("<details") == exercises.count("</details>")


@every_chapter
def test_sources_are_cited(path):
    keys = set(re.findall(r"\{cite:[tp]\}`([^`]+)`", markdown(path)))
    keys = re.findall(r"^@\w+\{(\w+),", (BOOK / "references.bib").read_text(), flags=re.M)
    known = set(keys)
    assert len(keys) == len(known), "a reference is listed twice"
    cited = {key.strip() for group in keys for key in group.split(",")}
    assert cited and cited <= known
