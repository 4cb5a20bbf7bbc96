"""Write the chapters for Google Colab: each fetches the library and its data in a first cell.

usage: python tools/colab.py FOLDER https://github.com/OWNER/NAME [REVISION]

Colab opens a notebook by itself, without the repository around it. The notebooks in book/ are run beside the
library and need no such cell, so these copies are made when the book is published, and kept on a branch of
their own (.github/workflows/pages.yml).
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools import environments, pins  # noqa: E402
from tools.notebooks import text  # noqa: E402
from tools.saving import save  # noqa: E402

FIRST_CELL = """\
# Google Colab: fetch the library and the recorded results, and install what is missing here
import sys

!git clone --quiet {address} /content/inception && git -C /content/inception checkout --quiet {revision}
%pip install --quiet {packages}
sys.path.insert(0, "/content/inception")"""


def for_colab(notebook: nbformat.NotebookNode, address: str, revision: str) -> nbformat.NotebookNode:
    """The notebook with a first cell that makes it run in Colab."""
    packages = " ".join(environments.for_colab(pins.project_file()))
    source = FIRST_CELL.format(address=address, revision=revision, packages=packages)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(source, id="colab"))
    return notebook


def main(folder: Path, address: str, revision: str = "main") -> None:
    for path in sorted((ROOT / "book").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        save(folder / path.name, text(for_colab(notebook, address, revision)))


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.split("\n\n")[1])
    main(Path(sys.argv[1]), *sys.argv[2:])
