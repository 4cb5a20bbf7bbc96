"""Every number in the book's prose is computed, a size in the network, or quoted with its source.

Computed numbers come from code cells, so that none of them is in the text that is looked at here. Sizes of
the network (its channels, grids and kernels) are held against the architecture. All others are in
`quoted.csv`, each with the chapters that use it and where it is from. Whole numbers below ten, and those that
name a section, table, figure or chapter, may stand anywhere.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from pathlib import Path

import nbformat
import pytest

from inception_lib import googlenet
from inception_lib.counting import count

BOOK = Path(__file__).parent.parent / "book"
PAGES = [*sorted(BOOK.glob("[0-9]*.ipynb")), BOOK / "intro.md"]
UNREAD = [  # what is not prose, and what names a place in a text
    r"\A---\n.*?\n---\n",
    r"```.*?```",
    r"\$\$.*?\$\$",
    r"\$[^$\n]*\$",
    r"\{[a-z:]+\}`[^`]*`",
    r"`[^`]*`",
    r"\]\([^)]*\)",
    r"<[^>]*>",
    r"https?://\S+",
    r"^:+\S*.*$",
    r"^\s*\d+\. ",
    r"[Ss]ections?\W\d[\d.]*(?:(?:, | and | to )\d[\d.]*)*",
    r"(?:[Tt]able|[Ff]igure|[Cc]hapter)s?\W\d+(?:(?:, | and | to )\d+)*",
    r"[Tt]op-[15]",
    r"\*\*\d+\. \w+",
    r"(?:VGG|ResNet|LeNet)-\d+",
    r"v[1-4]\b",
]
NUMBER = re.compile(r"(?<![\w.#])(\d[\d,]*(?:\.\d+)?(?:x\d+)*(?: ?%| million| billion)?)(?!\w)")


def prose(path: Path) -> str:
    """The page's text without code, formulas, links and places."""
    if path.suffix == ".md":
        text = path.read_text(encoding="utf-8")
    else:
        cells = nbformat.read(path, 4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    for pattern in UNREAD:
        text = re.sub(pattern, "", text, flags=re.S | re.M if not pattern.startswith("^") else re.M)
    return text


def numbers(text: str) -> list[str]:
    return [found.rstrip(",") for found in NUMBER.findall(text)]


def of_the_network() -> set[str]:
    """The channels, grids and kernels of GoogLeNet, as a text writes them."""
    found = {"1x1", "2x2"}
    for row in count(googlenet()).rows:
        channels, *grid = row.out_shape
        found |= {f"{channels:,}", *map(str, grid)}
        if len(grid) == 2:
            found |= {f"{grid[0]}x{grid[1]}", f"{grid[0]}x{grid[1]}x{channels}"}
    for kernel in (3, 5, 7):
        found.add(f"{kernel}x{kernel}")
    return found | {"224", "224x224"}


def quoted() -> dict[str, dict[str, str]]:
    """By page: number and source."""
    found: dict[str, dict[str, str]] = defaultdict(dict)
    with (Path(__file__).parent / "quoted.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            assert row["source"].strip(), f"{row['number']}: has no source"
            for page in row["pages"].split():
                found[page][row["number"]] = row["source"]
    return found


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_numbers_in_prose_are_computed_or_quoted(path):
    page = path.stem.split("_")[0]
    known, network = quoted()[page], of_the_network()
    found = numbers(prose(path))
    free = {n for n in found if not (n.isdigit() and len(n) == 1)}
    typed = sorted(free - network - set(known))
    assert not typed, f"{path.name}: {', '.join(typed)}: compute them, or quote them in tests/quoted.csv"
    unused = sorted(set(known) - set(found))
    assert not unused, f"{path.name}: {', '.join(unused)} in tests/quoted.csv are not in its text"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_percent_is_written_one_way(path):
    """As 6.67%, in the prose, in the sentences that code makes, and in what the cells give."""
    if path.suffix == ".md":
        texts = [path.read_text(encoding="utf-8")]
    else:
        cells = nbformat.read(path, 4).cells
        texts = [cell.source for cell in cells]
        texts += [
            out.get("text", "") or str(out.get("data", "")) for c in cells for out in c.get("outputs", ())
        ]
    spaced = [found for text in texts for found in re.findall(r".{0,30}[\d}] %", text)]
    assert not spaced, f"{path.name}: write 6.67% and not 6.67 %: {spaced[0]}"


def test_finds_what_it_should():
    text = "The module needs 21.4 times fewer, 5.3 million in Table 2 of chapter 3, and 7x7x1024 or 3 more."
    for pattern in UNREAD:
        text = re.sub(pattern, "", text, flags=re.M)
    assert numbers(text) == ["21.4", "5.3 million", "7x7x1024", "3"]
