"""Execute the book's notebooks and clean them for git, or check that they are clean.

usage: python tools/notebooks.py book/*.ipynb            execute, clean, write
       python tools/notebooks.py --check book/*.ipynb    name those that are not clean

Clean means: every code cell keeps its execution count (nbval never compares a cell that has none); its
output keeps text and tables only; cells tagged nbval-ignore-output keep no output; no widget state, no
times, no machine's details; the same notebook gives the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools.saving import save  # noqa: E402

KEPT_TYPES = ("text/plain", "text/html", "text/markdown", "text/latex")
KEPT_METADATA = ("tags", "mystnb")
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TIMEOUT = 600


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop from `notebook`, in place, what changes from run to run or does not belong in git."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        # execution times and the state of somebody's editor go; tags and alt texts stay
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        cell.setdefault("id", f"cell-{number:02d}")
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            continue
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            cell.outputs = []
        kept = []
        for output in cell.outputs:
            if output.get("name") == "stderr":  # warnings name files of this machine; the book drops them too
                continue
            if "data" in output:
                output.data = {k: v for k, v in output.data.items() if k in KEPT_TYPES}
                output.metadata = {}
                if not output.data:
                    continue
            kept.append(output)
        cell.outputs = kept
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def text(notebook: nbformat.NotebookNode) -> str:
    """The notebook as it stands in git: sorted keys, one space of indent, a newline at the end."""
    return nbformat.writes(notebook, version=4).rstrip("\n") + "\n"


def problems(path: Path) -> list[str]:
    """What keeps the notebook at `path` from being clean, one phrase each."""
    before = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(before, as_version=4)
    found = [
        f"cell {i} was not executed"
        for i, cell in enumerate(notebook.cells)
        if cell.cell_type == "code" and cell.source.strip() and not cell.execution_count
    ]
    found += [
        f"cell {i} holds an error"
        for i, cell in enumerate(notebook.cells)
        for output in cell.get("outputs", ())
        if output.output_type == "error"
    ]
    if json.loads(before) != json.loads(text(clean(notebook))):
        found.append("it holds images, widget state, times or other machines' metadata")
    return found


def execute(path: Path) -> str:
    """Run the notebook at `path` in a fresh kernel, in its own folder, and give its clean text."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    return text(clean(notebook))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("notebooks", nargs="+", type=Path)
    parser.add_argument("--check", action="store_true", help="change nothing; name what is not clean")
    arguments = parser.parse_args()
    bad = 0
    for path in arguments.notebooks:
        if arguments.check:
            for problem in problems(path):
                print(f"{path}: {problem}", file=sys.stderr)
                bad += 1
            continue
        print(f"Executing {path}", flush=True)
        try:
            save(path, execute(path))
        except CellExecutionError as error:
            print(f"{path} stopped:\n{error}", file=sys.stderr)
            bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
