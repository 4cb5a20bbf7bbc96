"""Progress: a bar where somebody watches, and lines in a log."""

from __future__ import annotations

import sys

import pytest
from tqdm import tqdm

from inception_lib import progress
from inception_lib.progress import progress_bar


@pytest.fixture
def no_notebook(monkeypatch):
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)


def test_a_log_gets_a_line_now_and_then_and_nothing_that_goes_back(no_notebook, capsys, monkeypatch):
    for _ in progress_bar(True, range(1000)):
        pass
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "EVERY", 1e-9)
    with progress_bar(True, total=3, desc="some", unit=" images") as bar:
        bar.update()
        tqdm.write("a sentence", file=sys.stderr)
        bar.update(2)
    said = capsys.readouterr().err
    assert "\r" not in said and said.count("\n") == 3
    first, second, third = said.splitlines()
    assert first.startswith("some:  33%, 1/3 ") and third.startswith("some: 100%, 3/3 ")
    assert second == "a sentence"


def test_a_terminal_gets_a_bar(no_notebook, capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert list(progress_bar(True, range(3))) == [0, 1, 2]
    assert "\r100%" in capsys.readouterr().err


@pytest.mark.parametrize("terminal", [True, False])
def test_nothing_is_shown_where_nothing_is_to_be(capsys, monkeypatch, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    monkeypatch.setattr(progress, "EVERY", 0)
    assert list(progress_bar(False, range(3))) == [0, 1, 2]
    assert capsys.readouterr().err == ""
