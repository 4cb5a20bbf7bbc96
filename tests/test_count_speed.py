"""`benchmarks/count_speed.py`: what it prints; that its tools count right is in test_counting_tools.py."""

from __future__ import annotations

import json

import count_speed
import pytest

from inception_lib.book import results


def of_a_missing_tool(network, x):
    import a_package_that_is_not_there  # noqa: F401


@pytest.fixture
def recorded(monkeypatch, tmp_path, capsys):
    tools = {"FlopCounterMode": count_speed.COUNTERS["FlopCounterMode"], "missing": of_a_missing_tool}
    monkeypatch.setattr(count_speed, "COUNTERS", tools)
    monkeypatch.setattr(count_speed, "ROUND", 0.0)
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    assert count_speed.main(rounds=1, record="count_speed") == 0
    return results.load("count_speed").outcome, capsys.readouterr()


def test_speed_and_answer_stand_side_by_side(recorded):
    outcome, printed = recorded
    rows = {row.pop("how"): row for row in outcome["rows"]}
    assert list(rows) == [count_speed.OURS, count_speed.AT_HAND, "FlopCounterMode", "FlopCounterMode, meta"]
    assert {(row["MACs"], row["beyond_ours"]) for row in rows.values()} == {(1_582_671_872, 0)}
    assert [row["parameters"] for row in rows.values()] == [6_998_552, 6_998_552, None, None]
    assert rows[count_speed.OURS]["times_ours"] == 1 < rows["FlopCounterMode"]["times_ours"]
    assert "1582671872" in printed.out and json.dumps(outcome)


def test_a_tool_that_is_not_installed_is_named_and_left_out(recorded):
    outcome, printed = recorded
    assert "missing: left out, since a_package_that_is_not_there is not installed" in printed.err
    assert "missing" not in [row["how"] for row in outcome["rows"]]
