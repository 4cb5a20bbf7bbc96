"""A training that is interrupted, anywhere and in any way, goes on as if it had not been."""

from __future__ import annotations

import json
import math
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import replace

import pytest
import torch
import warm
from filelock import FileLock
from runs import (
    QUICK,
    built,
    changed,
    command,
    environment,
    finish,
    run_on,
    same,
    two_classes,
    weights_of,
)

from inception_lib import DataError, TrainingError
from inception_lib.training import checkpoint, loop
from inception_lib.weights.loading import load_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An uninterrupted run."""
    return run_on(data, QUICK, tmp_path_factory.mktemp("whole") / "run")


# ------------------------------------------------------------------------- interruption and resume


class Killed(Exception):
    pass


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_killed_anywhere_it_ends_with_the_same_weights(whole, data, tmp_path, monkeypatch, workers):
    rng, update = random.Random(workers), loop.Training._update
    left = [0]

    def killed_update(self, *args):
        if not left[0]:
            raise Killed
        left[0] -= 1
        update(self, *args)

    monkeypatch.setattr(loop.Training, "_update", killed_update)
    folder, interrupted = tmp_path / "run", 0
    while True:
        left[0] = rng.randint(5, 9)  # at least one epoch's worth at times, so that the run gets on
        try:
            run_on(data, changed(workers=workers), folder, resume=folder.exists())
            break
        except Killed:
            interrupted += 1
    assert interrupted >= 2
    assert same(weights_of(folder), weights_of(whole.folder))
    assert same(
        load_weights(folder / "model.safetensors").network.state_dict(),
        load_weights(whole.weights).network.state_dict(),
    )
    timing = {"images_per_s", "seconds", "flops_share", "traffic_share"}
    for a, b in zip(checkpoint.load_last(folder)["history"], whole.history, strict=True):
        assert all(a[name] == b[name] for name in b.keys() - timing)


@pytest.mark.slow
def test_kill_minus_nine_at_random_moments(data, tmp_path):
    """Five kills of one run: whenever they come, the run ends as one that nobody touched."""
    long = {"epochs": 12, "width": 0.05}
    finish(command(data, tmp_path / "whole", **long))
    folder, rng, kills = tmp_path / "run", random.Random(0), 0
    while kills < 5:
        process = warm.Popen(
            [*command(data, folder, **long), *["--resume"] * folder.exists()],
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        before = len(checkpoint.saved(folder)) and checkpoint.saved(folder)[-1]
        while process.poll() is None and (
            not checkpoint.saved(folder) or checkpoint.saved(folder)[-1] == before
        ):
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 0.3))
        process.send_signal(signal.SIGKILL)
        if process.wait() == 0:
            break
        kills += 1
    finish([*command(data, folder, **long), "--resume"])
    assert kills >= 3
    assert same(weights_of(folder), weights_of(tmp_path / "whole"))
    ends = [f / "model.safetensors" for f in (folder, tmp_path / "whole")]
    assert same(*(load_weights(end).network.state_dict() for end in ends))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "status", "start"),
    [(signal.SIGINT, 130, subprocess.Popen), (signal.SIGTERM, 143, warm.Popen)],
    ids=["SIGINT", "SIGTERM"],
)
def test_asked_to_stop_it_saves_and_says_how_to_go_on(data, tmp_path, number, status, start):
    folder = tmp_path / "run"
    process = start(command(data, folder, epochs=1000), env=environment(), stderr=subprocess.PIPE, text=True)
    while not checkpoint.saved(folder):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert "--resume continues" in said and "Traceback" not in said
    state = checkpoint.load_last(folder)
    assert f"stopped after {state['updates']:,} of 6,000 updates" in said


@pytest.mark.slow
def test_a_stop_of_the_whole_group_saves_where_there_are_readers(data, tmp_path):
    """torchrun, systemd and batch queues signal all processes: readers that obeyed would end the update."""
    folder = tmp_path / "run"
    process = warm.Popen(
        command(data, folder, epochs=1000, workers=2),
        env=environment(),
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    while not checkpoint.saved(folder):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143 and "Traceback" not in said
    updates = checkpoint.load_last(folder)["updates"]
    assert f"stopped after {updates:,} of 6,000 updates" in said


def test_a_run_is_resumed_with_its_own_settings_only(whole, data, tmp_path):
    with pytest.raises(TrainingError, match=r"begun with other settings \(lr 0\.01\)"):
        run_on(data, changed(lr=0.5), whole.folder, resume=True)
    with pytest.raises(TrainingError, match="there is no run to resume"):
        run_on(data, QUICK, tmp_path / "none", resume=True)


def test_a_run_can_be_made_longer(whole, data, tmp_path):
    folder = tmp_path / "run"
    constant = changed(schedule="constant", epochs=1)
    run_on(data, constant, folder)
    (folder / "model.safetensors").unlink()
    run = run_on(data, changed(constant, epochs=2), folder, resume=True)
    assert [record["epoch"] for record in run.history] == [1, 2]


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_a_run_that_has_finished_says_so(data, tmp_path, schedule, capsys):
    folder = tmp_path / "run"
    how = changed(schedule=schedule, epochs=1, width=0.05)
    run_on(data, how, folder)
    before = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").unlink()  # as where it was killed before it wrote them
    capsys.readouterr()
    run = run_on(data, how, folder, resume=True, progress=True)
    said = capsys.readouterr().err
    assert [record["epoch"] for record in run.history] == [1] and "images/s" not in said
    assert "this run has finished: 1 of 1 epochs are done" in said
    more = {"constant": "more --epochs than 1 train longer", "cosine": "a new run (--out) with more --epochs"}
    assert more[schedule] in said and str(run.weights) in said
    assert run.weights.read_bytes() == before


def log_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


TIMING = {"images_per_s", "seconds", "flops_share", "traffic_share"}


@pytest.mark.slow
def test_a_stop_in_the_last_update_of_an_epoch_keeps_its_record(whole, data, tmp_path, monkeypatch):
    """Also in the last update of all: what is due is made good when the run is resumed."""
    update = loop.Training._update

    def stop_after(n):
        def asked(self, *args):
            update(self, *args)
            if self.updates == n:
                self.stop_signal = signal.SIGINT

        return asked

    for last in (6, 18):
        folder = tmp_path / str(last)
        with monkeypatch.context() as patch:
            patch.setattr(loop.Training, "_update", stop_after(last))
            with pytest.raises(KeyboardInterrupt):
                run_on(data, QUICK, folder)
        assert checkpoint.load_last(folder)["updates"] == last
        run = run_on(data, QUICK, folder, resume=True)
        assert [record["updates"] for record in run.history] == [6, 12, 18]
        for a, b in zip(run.history, whole.history, strict=True):
            assert all(a[name] == b[name] for name in b.keys() - TIMING)
        assert same(weights_of(folder), weights_of(whole.folder))


@pytest.mark.slow
def test_a_stop_in_a_validation_saves_and_loses_nothing(whole, data, tmp_path, monkeypatch):
    folder, real = tmp_path / "run", loop.validate

    def asked(network, batches, members, as_input, look):
        os.kill(os.getpid(), signal.SIGTERM)
        return real(network, batches, members, as_input, look)

    with monkeypatch.context() as patch:
        patch.setattr(loop, "validate", asked)
        with pytest.raises(SystemExit):
            run_on(data, QUICK, folder)
    assert checkpoint.load_last(folder)["updates"] == 6 and not (folder / "log.jsonl").exists()
    run = run_on(data, QUICK, folder, resume=True)
    for a, b in zip(run.history, whole.history, strict=True):
        assert all(a[name] == b[name] for name in b.keys() - TIMING)


@pytest.fixture
def stopped(data, tmp_path, monkeypatch):
    """A run that was stopped after ten of eighteen updates, with two checkpoints."""
    update = loop.Training._update

    def asked(self, *args):
        update(self, *args)
        if self.updates == 10:
            self.stop_signal = signal.SIGINT

    with monkeypatch.context() as patch:
        patch.setattr(loop.Training, "_update", asked)
        with pytest.raises(KeyboardInterrupt):
            run_on(data, QUICK, tmp_path / "stopped")
    assert len(checkpoint.saved(tmp_path / "stopped")) == 2
    return tmp_path / "stopped"


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.slow
@pytest.mark.parametrize("damage", [flipped, lambda content: content[:-300], lambda content: b""])
def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(whole, data, stopped, damage, capfd):
    last = checkpoint.saved(stopped)[-1]
    last.write_bytes(damage(last.read_bytes()))
    run_on(data, QUICK, stopped, resume=True, progress=True)
    said = capfd.readouterr().err
    assert f"{last.name}: cannot be used" in said and "resumed after 6 updates" in said
    assert same(weights_of(stopped), weights_of(whole.folder))


def spoiled(state):
    """States that load and are no checkpoint of this run."""
    yield {"a": 1}
    yield [1, 2]
    yield torch.zeros(2)
    yield state["network"]
    yield {key: value for key, value in state.items() if key != "optimizer"} | {"network": None}
    yield {key: value for key, value in state.items() if key != "identity"}
    yield state | {"format": 9}
    yield state | {"updates": 10**9}
    yield state | {"updates": "ten"}
    yield state | {"history": [1, 2]}
    yield state | {"network": {k: v * math.nan for k, v in state["network"].items()}}
    yield state | {"network": {k: v[:1] for k, v in state["network"].items()}}


@pytest.mark.slow
def test_what_is_no_checkpoint_of_this_run_is_passed_over(whole, data, stopped):
    last = checkpoint.saved(stopped)[-1]
    good = torch.load(last, weights_only=True)
    for state in spoiled(good):
        torch.save(state, last)
        found = checkpoint.load_last(stopped, loop_check(data, stopped))
        assert found["updates"] == 6, state if not isinstance(state, dict) else list(state)


def loop_check(data, folder):
    """What a run on this data asks of a checkpoint."""
    from pathlib import Path

    from inception_lib.data.datasets import open_data
    from inception_lib.distributed import Team

    splits = tuple(open_data(str(data), split) for split in ("train", "val"))
    members = Team(0, 1, torch.device("cpu"))
    return loop.Training(built(QUICK), str(data), splits, QUICK.recipe, Path(folder), members)._check


def test_two_runs_in_one_folder_are_one_too_many(data, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    with FileLock(folder / ".lock"), pytest.raises(TrainingError, match="another run is writing there"):
        run_on(data, QUICK, folder)
    run_on(data, changed(epochs=1), folder)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"epochs": 1}, r"begun with other settings \(epochs 3\)"),  # cosine: the rate would jump
        ({"accumulate": 2}, r"other settings \(accumulate 1\)"),
        ({"seed": 1}, r"other settings \(seed 0\)"),
        ({"width": 0.2}, "begun with another network"),
    ],
)
def test_what_changes_the_outcome_cannot_be_changed(data, stopped, fields, says):
    with pytest.raises(TrainingError, match=says):
        run_on(data, changed(**fields), stopped, resume=True)


def test_a_run_cannot_end_before_where_it_is(data, tmp_path):
    constant = changed(schedule="constant", epochs=2)
    run_on(data, constant, tmp_path / "run")
    with pytest.raises(TrainingError, match=r"12 updates are done already, and --epochs 1 would be 6"):
        run_on(data, changed(constant, epochs=1), tmp_path / "run", resume=True)


def copy_class(root, name, new):
    for split in ("train", "val"):
        shutil.copytree(root / split / name, root / split / new)


@pytest.mark.slow
def test_a_run_goes_on_with_its_own_data_only(data, stopped, tmp_path):
    other = two_classes(tmp_path / "other")
    assert run_on(other, QUICK, stopped, resume=True)  # the same files elsewhere
    for change, says in (
        (lambda: (other / "train" / "dark" / "0.png").unlink(), "24 training images, and .* 23 is not"),
        (lambda: (other / "train" / "light").rename(other / "train" / "a"), "in one only"),
        (lambda: (other / "val" / "light").rename(other / "val" / "a"), "has 2 others"),
        (lambda: copy_class(other, "dark", "third"), "with 2 classes, and .*other has 3 others"),
    ):
        change()
        with pytest.raises((TrainingError, DataError), match=says):
            run_on(other, QUICK, stopped, resume=True)


def test_an_ended_run_without_checkpoints_is_not_begun_again(whole, data, tmp_path):
    folder = tmp_path / "run"
    run_on(data, changed(epochs=1), folder)
    for path in checkpoint.saved(folder):
        path.unlink()
    with pytest.raises(TrainingError, match="no checkpoint to go on from; --out names another"):
        run_on(data, changed(epochs=1), folder, resume=True)


def test_a_folder_whose_name_is_not_text(data, tmp_path):
    odd = tmp_path / os.fsdecode(b"d\xe9ta")
    subprocess.run(["cp", "-r", str(data), odd], check=True)
    run = run_on(odd, changed(epochs=1), tmp_path / "run")
    assert "d\\xe9ta" in load_weights(run.weights).info.source


def test_the_order_of_classes_belongs_to_a_run(data, stopped):
    from inception_lib.data.datasets import open_data

    splits = [open_data(str(data), split) for split in ("train", "val")]
    turned = tuple(replace(split, classes=split.classes[::-1]) for split in splits)
    from inception_lib.training.train import train

    with pytest.raises(TrainingError, match="has the same in another order"):
        train(QUICK.network, turned, QUICK.recipe, stopped, resume=True, device="cpu", progress=False)


def test_a_stop_within_an_epoch_leaves_its_record_as_it_would_have_been(whole, data, stopped):
    """Ten of eighteen updates: the sums of the second epoch's first four go on in the checkpoint."""
    run = run_on(data, QUICK, stopped, resume=True)
    for a, b in zip(run.history, whole.history, strict=True):
        assert all(a[name] == b[name] for name in b.keys() - TIMING)
    assert same(weights_of(stopped), weights_of(whole.folder))
