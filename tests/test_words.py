"""The chapters speak as the field does: none of the book's earlier private words comes back."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest

BOOK = Path(__file__).resolve().parents[1] / "book"
REWRITTEN = ("01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
CHAPTERS = [next(BOOK.glob(f"{number}_*.ipynb")) for number in REWRITTEN]
PAGES = [*CHAPTERS, BOOK / "intro.md"]

#: What is not said, and what is.
PRIVATE = {
    r"\bgrids?\b": "feature map, size, positions",
    r"\bplaces?\b": "position",
    r"\bone row\b": "flattened",
    r"\bway back\b": "the backward pass",
    r"\bloss of guessing\b": "chance-level loss",
    r"\b(?:errs?|erred)\b": "makes a mistake, differs",
    r"\b(?:stands?|lies) (?:in|on|at)\b": "is in, is attached to",
    r"\b(?:held?|holds?) (?:it |them |[\w ]{0,20})?(?:beside|against)\b": "compare with",
    r"\bmend(?:s|ed|ing)?\b": "fix",
    r"\bdear(?:er|est)?\b": "expensive, costs more",
    r"\bhand(?:s|ed)? on\b": "pass on",
    r"\bputs? out\b": "output",
    r"\bso long as\b": "if, as long as",
    r"\bbut for\b": "except",
    r"\ba side\b(?! by)": "X x X",
    r"\bpictures?\b": "image (what a network reads)",
}
#: Where such a word is the right one: the chapter, and what stands around it.
EXCEPTIONS = {
    "02": ("in place of", "in the first place"),
    "03": ("in place of",),
    "04": ("in place of", "The votes are a picture", "Such a picture", "a picture of where"),
    "05": ("in place of",),
    "06": ("in place of",),
    "10": ("in place of",),
    "12": ("in place of",),
    "intro.md": ("Every widget in one place", "in place of"),
}
NEEDED = ("feature map", "tensor", "flatten", "position")  #: the field's own, somewhere in the book


def prose(path: Path) -> str:
    """The text of a page, with the sentences that code makes, without code, formulas and addresses."""
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"\A---\n.*?\n---\n|^:\S.*$", "", text, flags=re.S | re.M)
        text = re.sub(r"^```(?!\{code-cell\}).*?^```", "", text, flags=re.S | re.M)
    else:
        text = ""
        for cell in nbformat.read(path, 4).cells:
            if cell.cell_type == "markdown":
                text += cell.source + "\n\n"
            else:
                text += "\n\n".join(re.findall(r'Markdown\(\s*f?"""(.*?)"""', cell.source, re.S)) + "\n\n"
    text = re.sub(
        r"\$\$.*?\$\$|\$[^$\n]*\$|`[^`]*`|\]\([^)]*\)|<[^>]*>|\{\{?[^}]*\}?\}", " ", text, flags=re.S
    )
    return re.sub(r"\s+", " ", text)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name[:8])
def test_no_private_word_is_left(path):
    text = prose(path)
    for allowed in EXCEPTIONS.get(path.name[:2], EXCEPTIONS.get(path.name, ())):
        text = text.replace(allowed, "")
    found = [
        f"…{text[max(0, m.start() - 30) : m.end() + 30]}… (say: {better})"
        for word, better in PRIVATE.items()
        for m in re.finditer(word, text, re.I)
    ]
    assert not found, f"{path.name}: " + "; ".join(found)


def test_the_field_s_words_are_used():
    book = " ".join(prose(path) for path in CHAPTERS).lower()
    assert all(book.count(word) >= 2 for word in NEEDED)


def test_the_list_finds_what_it_should():
    text = "The grid at each place is dear, and mended; hold it against the picture."
    assert sum(bool(re.search(word, text, re.I)) for word in PRIVATE) == 6
