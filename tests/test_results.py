"""Recording and reading results."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inception_lib import cli
from inception_lib.book import results
from inception_lib.errors import InceptionError

RECORDED = Path(__file__).parents[1] / "data" / "results"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


def test_what_was_recorded_is_read_back_with_its_provenance(folder):
    outcome = {"shares": [0.25, 1.0], "name": "3a"}
    path = results.record("one", outcome, about="A test", data="nothing, 0 bytes", seed=7)
    assert path == folder / "one.json"
    found = results.load("one")
    assert (found.name, found.about, found.outcome) == ("one", "A test", outcome)
    provenance = found.provenance
    assert provenance["seed"] == 7 and provenance["data"] == "nothing, 0 bytes"
    age = datetime.now(UTC) - datetime.fromisoformat(provenance["date"])
    assert 0 <= age.total_seconds() < 60
    assert provenance["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert set(provenance["versions"]) >= {"torch", "numpy"}
    assert "core" in provenance["device"] and provenance["command"] in found.source()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=RECORDED, capture_output=True, text=True)
    assert provenance["commit"].rstrip("+") == (head.stdout.strip() or "unknown")


def test_the_command_is_what_one_would_type(folder, tmp_path):
    script = (
        "import sys; from inception_lib.book import results;"
        "sys.argv = ['-c', '--weights', sys.argv[1]];"
        "print(results.load(results.record('a', 1, about='b', data='c').stem).provenance['command'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "w.caffemodel")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == "python -c --weights w.caffemodel"


@pytest.mark.parametrize("bad", [math.nan, {"a": math.inf}, {1, 2}])
def test_what_is_no_json_is_refused_and_the_old_result_stays(folder, bad):
    results.record("one", 1, about="A test", data="none")
    with pytest.raises(InceptionError, match=r"one\.json: was not written"):
        results.record("one", bad, about="A test", data="none")
    assert results.load("one").outcome == 1
    assert [p.name for p in folder.iterdir()] == ["one.json"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "file"))
    with pytest.raises(InceptionError, match="the result cannot be written"):
        results.record("one", 1, about="A test", data="none")


def test_a_missing_result_is_told_with_those_that_are_there(folder):
    results.record("one", 1, about="A test", data="none")
    with pytest.raises(InceptionError, match=r"two\.json: there is no such result \(recorded: one\)"):
        results.load("two")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', "\xff"])
def test_a_damaged_result_is_named(folder, text):
    folder.mkdir()
    (folder / "one.json").write_text(text, encoding="latin-1")
    with pytest.raises(InceptionError, match=r"one\.json: is not a recorded result"):
        results.load("one")


def test_a_newer_format_is_refused(folder):
    path = results.record("one", 1, about="A test", data="none")
    path.write_text(path.read_text().replace('"format": 1', '"format": 99'))
    with pytest.raises(InceptionError, match="is of format 99"):
        results.load("one")


@pytest.mark.parametrize("name", ["", "a/b", "../a", "a\0b"])
def test_a_name_with_a_folder_is_refused(folder, name):
    for refuse in (results.load, results.check_name, lambda n: results.record(n, 1, about="b", data="c")):
        with pytest.raises(InceptionError, match="name"):
            refuse(name)
    assert not folder.exists()


def other_repository(path):
    """A repository with one commit."""
    for words in (
        ["init", "-q"],
        ["-c", "user.name=a", "-c", "user.email=b", "commit", "-qm", "x", "--allow-empty"],
    ):
        subprocess.run(["git", "-C", str(path), *words], check=True)


def test_an_installed_library_records_only_where_it_is_told(tmp_path, monkeypatch):
    """In a virtual environment that lies in another repository, as most do."""
    site = tmp_path / "project" / ".venv" / "site-packages"
    site.mkdir(parents=True)
    other_repository(tmp_path / "project")
    monkeypatch.setattr(results, "_CHECKOUT", site)
    monkeypatch.delenv("INCEPTION_RESULTS", raising=False)
    for ask in (
        lambda: results.record("one", 1, about="A test", data="none"),
        lambda: results.check_name("one"),
        lambda: results.load("one"),
    ):
        with pytest.raises(InceptionError, match="INCEPTION_RESULTS"):
            ask()
    assert not list(site.iterdir())
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    results.record("one", 1, about="A test", data="none")
    assert results.load("one").provenance["commit"] == "unknown", "that of the other repository"


def test_a_checkout_inside_another_repository_says_nothing_of_its_commit(tmp_path, monkeypatch):
    other_repository(tmp_path)
    (tmp_path / "vendored").mkdir()
    (tmp_path / "vendored" / "pyproject.toml").touch()
    monkeypatch.setattr(results, "_CHECKOUT", tmp_path / "vendored")
    assert results.commit() == "unknown"


def test_a_home_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", "~nobody-of-that-name/x")
    with pytest.raises(InceptionError, match="~nobody-of-that-name"):
        results.folder()


@pytest.mark.parametrize("path", sorted(RECORDED.glob("*.json")), ids=lambda p: p.stem)
def test_the_results_of_the_book_are_whole_and_say_nothing_of_a_machines_folders(path):
    found = results.load(path.stem)
    assert found.name == path.stem
    assert not any(word in json.dumps(dict(found.provenance)) for word in ("/home", "/root", "/work", "/tmp"))
    assert found.provenance["commit"] != "unknown"
    assert found.provenance["command"].startswith(("python ", "inception "))


TRAININGS = sorted(
    path.stem
    for path in RECORDED.glob("*.json")
    if "train" in json.loads(path.read_text())["provenance"]["command"].split()
)


@pytest.mark.parametrize("name", TRAININGS)
def test_a_command_repeats_its_record_or_its_source_says_what_it_means_today(name, monkeypatch):
    """Against what the command line makes of the recorded command today."""
    found, called = results.load(name), []
    monkeypatch.setattr("inception_lib.training.train.train", lambda *args, **more: called.append(args))
    words = found.provenance["command"].split()
    with pytest.raises(AttributeError):  # nothing was trained, so that there is nothing to record
        cli._command(words[words.index("train") :])
    ((network, data, settings, *_),) = called
    today = network.to_dict() | settings.to_dict()
    then = found.outcome.get("network", {}) | found.outcome["recipe"]
    for options in (today, then):  # older records have the values that None stands for
        usual = {"aux_weight": 0.3, "variant": "paper"}
        options |= {key: value for key, value in usual.items() if options.get(key, value) is None}
    differ = {key for key in then if today[key] != then[key]} - results._HOW
    assert differ == set(found.changed_since()) and data in found.provenance["data"]
    assert ("It needs that commit" in found.source()) == bool(differ)


def test_some_commands_need_their_commit():
    changed = {name: results.load(name).changed_since() for name in TRAININGS}
    assert {name for name, values in changed.items() if values} == {
        "tiny_xavier",
    }
    assert changed["tiny_xavier"]["epochs"] == (10, 5)
    assert results.load("tiny").changed_since() == {}, "its command is a script"


def test_a_source_says_that_a_checkout_was_changed():
    said = results.load("tiny_xavier").source()
    assert "at commit af16fa32 (with changes that were not committed), on" in said
    assert "not committed" not in results.load("tiny").source()
