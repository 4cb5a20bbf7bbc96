"""Execute the book's notebooks and clean them for git, or check that they are clean.

usage: python tools/notebooks.py book/*.ipynb            execute, clean, write
       python tools/notebooks.py --check book/*.ipynb    name those that are not clean

Clean means: every code cell keeps its execution count (nbval never compares a cell that has none); its
output keeps text and tables only; cells tagged nbval-ignore-output keep their figures, small, so that a
notebook shows them where nothing runs, and no other output; JupyterLab folds solutions and what only draws;
no widget state, no times, no machine's details; the same notebook gives the same bytes.
"""

from __future__ import annotations

import argparse
import base64
import io
import json
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools.saving import save  # noqa: E402

KEPT_TYPES = ("text/plain", "text/html", "text/markdown", "text/latex")
KEPT_METADATA = ("tags", "mystnb")
FOLDED = {"solution", "hide-input", "remove-input"}  # tags of cells whose source JupyterLab folds
FIGURE, NAMED = "image/png", "text/plain"
FIGURE_WIDTHS, FIGURE_COLORS = (800, 640, 480), 64  # pixels: the first that is small enough; of a palette
MAX_FIGURE, MAX_FIGURES = 100_000, 700_000  # bytes of one figure, and of all in a notebook
KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
TIMEOUT = 600


def clean(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Drop from `notebook`, in place, what changes from run to run or does not belong in git."""
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNEL, "language_info": {"name": "python"}})
    for number, cell in enumerate(notebook.cells):
        # execution times and the state of somebody's editor go; tags and alt texts stay
        cell.metadata = nbformat.from_dict({k: v for k, v in cell.metadata.items() if k in KEPT_METADATA})
        if cell.cell_type == "code" and FOLDED.intersection(cell.metadata.get("tags", [])):
            cell.metadata["jupyter"] = {"source_hidden": True}
        cell.setdefault("id", f"cell-{number:02d}")
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            continue
        if "nbval-ignore-output" in cell.metadata.get("tags", []):
            cell.outputs = [figure for output in cell.outputs if (figure := figure_of(output))]
            continue
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


def figure_of(output: nbformat.NotebookNode) -> nbformat.NotebookNode | None:
    """The figure that an output shows, as an image with a text; None if it shows none."""
    data = output.get("data", {})
    if FIGURE not in data:
        return None
    kept = {kind: data[kind] for kind in (FIGURE, NAMED) if kind in data}
    count = {"execution_count": output.execution_count} if "execution_count" in output else {}
    return nbformat.from_dict({"output_type": output.output_type, "data": kept, "metadata": {}} | count)


def shrink(notebook: nbformat.NotebookNode) -> None:
    """Make the figures of an executed notebook small, in place."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            if png := output.get("data", {}).get(FIGURE):
                image = Image.open(io.BytesIO(base64.b64decode(png))).convert("RGB")
                for width in FIGURE_WIDTHS:
                    image.thumbnail((width, 2 * width), Image.Resampling.LANCZOS)
                    file = io.BytesIO()
                    image.quantize(FIGURE_COLORS).save(file, "PNG", optimize=True)
                    if len(file.getvalue()) < MAX_FIGURE:
                        break
                output.data[FIGURE] = base64.b64encode(file.getvalue()).decode()


def figure_bytes(notebook: nbformat.NotebookNode) -> list[int]:
    """The size of each figure that a notebook holds, to a few bytes."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [len(o.data[FIGURE]) * 3 // 4 for o in outputs if FIGURE in o.get("data", {})]


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
    sizes = figure_bytes(notebook)
    if max(sizes, default=0) > MAX_FIGURE or sum(sizes) > MAX_FIGURES:
        found.append(f"its figures are too large: {sum(sizes):,} bytes, one of {max(sizes):,}")
    if json.loads(before) != json.loads(text(clean(notebook))):
        found.append("it holds images that are no figures, widget state, times or other machines' metadata")
    return found


def execute(path: Path) -> str:
    """Run the notebook at `path` in a fresh kernel, in its own folder, and give its clean text."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT,
        coalesce_streams=True,  # what a cell prints stands together, however it came
        kernel_name=KERNEL["name"],
        resources={"metadata": {"path": str(path.parent)}},
    )
    client.execute()
    shrink(notebook)
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
