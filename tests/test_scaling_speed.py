"""`benchmarks/scaling.py`: it starts the processes it says, and records what they did."""

from __future__ import annotations

import pytest
import scaling
import warm

from inception_lib.book import results
from inception_lib.errors import InceptionError


def test_the_volume_of_gradients_is_counted():
    assert scaling.gradient_bytes(224) == {"with_heads": 53_513_120, "trunk": 27_994_208}


@pytest.mark.slow
def test_one_process_and_two_are_measured_in_turn(monkeypatch, tmp_path, capfd):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    monkeypatch.setattr(scaling, "subprocess", warm)
    assert scaling.main(batch=1, size=80, updates=1, rounds=1, record="scaling_cpu") == 0
    outcome = results.load("scaling_cpu").outcome
    rows = {(row["processes"], row["how"]): row for row in outcome["rows"]}
    assert list(rows) == [(1, "alone"), (2, "apart"), (2, "together")]
    assert rows[1, "alone"]["efficiency"] == 1
    assert all(row["images_per_s"] > 0 for row in rows.values())
    assert outcome["all_reduce_s"] > 0 and outcome["update_s"] > 0
    assert "among 2 processes" in capfd.readouterr().out


@pytest.mark.slow
def test_processes_that_cannot_train_are_said(monkeypatch, capfd):
    monkeypatch.setattr(scaling, "subprocess", warm)
    with pytest.raises(InceptionError, match="ended before they had measured"):
        scaling.launched(1, 1, ["--batch", "1", "--size", "8", "--updates", "1"])
    assert "kernel is larger than its padded input" in capfd.readouterr().err
