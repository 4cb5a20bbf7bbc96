"""Checkpoints: whole, few, and safe to load."""

import errno

import pytest
import torch

from inception_lib import TrainingError
from inception_lib.training import checkpoint


def test_the_last_ones_stay_and_load_without_code(tmp_path):
    for updates in (1, 20, 300):
        checkpoint.save(tmp_path, updates, {"x": torch.arange(3)})
    kept = [p.name for p in checkpoint.saved(tmp_path)]
    assert kept == ["checkpoint-000000020.pt", "checkpoint-000000300.pt"]
    state = checkpoint.load_last(tmp_path)
    assert state["updates"] == 300 and torch.equal(state["x"], torch.arange(3))
    torch.load(checkpoint.saved(tmp_path)[0], weights_only=True)


def test_a_damaged_last_checkpoint_gives_way_to_the_one_before(tmp_path):
    checkpoint.save(tmp_path, 1, {})
    path = checkpoint.save(tmp_path, 2, {})
    path.write_bytes(path.read_bytes()[:100])
    assert checkpoint.load_last(tmp_path)["updates"] == 1


def test_a_full_disk_is_one_sentence_and_the_last_checkpoint_stays(tmp_path, monkeypatch):
    checkpoint.save(tmp_path, 1, {})

    def full(self, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    said = (
        r"checkpoint-000000002\.pt: cannot be written \(No space left on device\); "
        r"the last checkpoint, checkpoint-000000001\.pt, is whole"
    )
    with pytest.raises(TrainingError, match=said):
        checkpoint.save(tmp_path, 2, {})
    assert checkpoint.load_last(tmp_path)["updates"] == 1
    assert [p.name for p in tmp_path.iterdir()] == ["checkpoint-000000001.pt"]


def test_an_empty_folder_and_a_ruined_one_are_told_apart(tmp_path):
    with pytest.raises(TrainingError, match="holds no checkpoint to resume from"):
        checkpoint.load_last(tmp_path)
    (tmp_path / "checkpoint-000000001.pt").write_bytes(b"no checkpoint")
    with pytest.raises(TrainingError, match="none of its 1 checkpoints can be used"):
        checkpoint.load_last(tmp_path)


def test_a_checkpoint_that_would_run_code_is_not_loaded(tmp_path):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('code was run')",))

    torch.save({"format": checkpoint.FORMAT, "updates": 1, "x": Trap()}, tmp_path / "checkpoint-000000001.pt")
    with pytest.raises(TrainingError, match="none of its 1 checkpoints can be used"):
        checkpoint.load_last(tmp_path)
