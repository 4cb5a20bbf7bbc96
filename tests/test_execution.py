"""Chapters are executed several at a time, into the cache from which the pages are built."""

from __future__ import annotations

import nbformat
import pytest
from jupyter_cache import get_cache
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from tools import execution, notebooks


def write(book, name: str, code: str):
    notebook = new_notebook(cells=[new_markdown_cell(f"# {name}"), new_code_cell(code)])
    notebook.metadata = nbformat.from_dict({"kernelspec": notebooks.KERNEL})
    nbformat.write(notebook, book / f"{name}.ipynb")
    return book / f"{name}.ipynb"


def test_the_chapters_are_the_notebooks_of_the_table_of_contents():
    found = [path.stem for path in execution.chapters(notebooks.ROOT / "book")]
    assert found == sorted((path.stem for path in (notebooks.ROOT / "book").glob("*.ipynb")), reverse=True)


@pytest.mark.slow
def test_what_is_not_in_the_cache_is_executed_and_what_fails_is_left(tmp_path):
    first = write(tmp_path, "first", "import os\nprint(6 * 7, os.getcwd())")
    second = write(tmp_path, "second", "print('second')")
    failing = write(tmp_path, "failing", "raise ValueError")
    dying = write(tmp_path, "dying", "import os\nos._exit(1)")
    every = [first, second, failing, dying]
    done = dict(execution.ahead(every, tmp_path / "cache", timeout=60))
    assert set(done) == {first, second} and all(seconds > 0 for seconds in done.values())
    cache = get_cache(tmp_path / "cache")
    notebook = nbformat.read(first, as_version=4)
    _, merged = cache.merge_match_into_notebook(notebook)
    assert merged.cells[1].outputs[0].text == f"42 {tmp_path}\n"
    with pytest.raises(KeyError):
        cache.match_cache_notebook(nbformat.read(failing, as_version=4))
    write(tmp_path, "second", "print('changed')")
    assert [path for path, _ in execution.ahead([first, second], tmp_path / "cache", timeout=60)] == [second]
