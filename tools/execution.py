"""Execute the chapters that the cache does not hold, several at a time; Jupyter Book alone takes one by one.

What fails here is left to Jupyter Book, which executes it once more and says what went wrong.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.executors.utils import single_nb_execution

AT_MOST = 4  # chapters at a time: a kernel takes about a gigabyte


def chapters(book: Path) -> list[Path]:
    """The notebooks of the table of contents, the last chapter first: it takes longest."""
    toc = yaml.safe_load((book / "_toc.yml").read_text(encoding="utf-8"))
    files = [toc["root"], *(c["file"] for part in toc.get("parts", ()) for c in part["chapters"])]
    return [path for name in reversed(files) if (path := book / f"{name}.ipynb").is_file()]


def execute(path: Path, timeout: int) -> tuple[nbformat.NotebookNode, float] | None:
    """Run a notebook in a fresh kernel in its own folder; give it and its seconds, or None if it failed."""
    notebook = nbformat.read(path, as_version=4)
    result = single_nb_execution(notebook, cwd=str(path.parent), timeout=timeout, allow_errors=False)
    return (result.nb, result.time) if result.err is None else None


def ahead(notebooks: Sequence[Path], folder: Path, timeout: int) -> Iterator[tuple[Path, float]]:
    """Execute what the cache in `folder` lacks; gives each notebook that went well, and its seconds."""
    cache = get_cache(folder)
    missing = []
    for path in notebooks:
        try:
            cache.match_cache_notebook(nbformat.read(path, as_version=4))
        except KeyError:
            missing.append(path)
    if not missing:
        return
    cores = os.cpu_count() or 1
    jobs = min(cores, AT_MOST, len(missing))
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // jobs)))  # threads that wait for each other
    with ProcessPoolExecutor(jobs) as pool:
        running = {pool.submit(execute, path, timeout): path for path in missing}
        for done in as_completed(running):
            path = running[done]
            if done.exception() is None and (executed := done.result()):
                notebook, seconds = executed
                bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
                cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
                yield path, seconds
