"""Several processes that train together."""

from __future__ import annotations

import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import warm
from runs import (
    QUICK,
    built,
    changed,
    command,
    run_on,
    same,
    together,
    torchrun,
    two_classes,
    weights_of,
)

from inception_lib.training import checkpoint

# each starts processes of its own
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An uninterrupted run."""
    return run_on(data, QUICK, tmp_path_factory.mktemp("whole") / "run")


# ----------------------------------------------------------------------------------- several processes


@pytest.mark.parametrize("more", [{}, {"accumulate": 2}, {"freeze": "inception_3a", "heads": False}], ids=str)
def test_two_processes_give_the_curve_of_one(data, tmp_path, more):
    fields = {"dropout": False, "augment": "none", "average": "none", "epochs": 2} | more
    one = run_on(data, changed(**fields), tmp_path / "one")
    ends, said = together(command(data, tmp_path / "two", **fields))
    assert ends == [0, 0], said
    two = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    for a, b in zip(one.history, two, strict=True):
        for name in {"loss", "aux1", "aux2", "val_loss", "top1"} & a.keys():
            assert a[name] == pytest.approx(b[name], abs=1e-5)
    weights = weights_of(tmp_path / "one")
    for name, value in weights_of(tmp_path / "two").items():
        # a half of the batch may be computed by another kernel
        torch.testing.assert_close(value, weights[name], atol=5e-6, rtol=1e-5)


def test_two_processes_give_the_gradients_of_one(data, tmp_path):
    """After one update without momentum the weights differ by the learning rate times the gradients."""
    fields = {
        "dropout": False,
        "augment": "none",
        "average": "none",
        "epochs": 1 / 6,
        "momentum": 0,
        "lr": 1,
        "weight_decay": 0,
        "schedule": "constant",
        "width": 0.05,
    }
    run_on(data, changed(**fields), tmp_path / "one")
    ends, said = together(command(data, tmp_path / "two", **fields))
    assert ends == [0, 0], said
    start = built(changed(**fields)).state_dict()
    weights = weights_of(tmp_path / "two")
    for name, value in weights_of(tmp_path / "one").items():
        one, two = value - start[name], weights[name] - start[name]
        assert (one - two).abs().max() <= 1e-6


def test_a_team_that_is_asked_to_stop_saves(data, tmp_path):
    folder = tmp_path / "run"
    process = torchrun(["-m"], 2, *command(data, folder, epochs=1000)[2:])
    while not checkpoint.saved(folder):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    updates = checkpoint.load_last(folder)["updates"]
    assert f"stopped after {updates:,} of 6,000 updates; --resume continues" in said


def test_a_killed_worker_ends_the_run_with_a_usable_checkpoint(data, tmp_path):
    folder = tmp_path / "run"
    words = command(data, folder, epochs=1000, schedule="constant")[2:]
    process = torchrun(["-m"], 2, *words, start=warm.Popen)
    while not checkpoint.saved(folder):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.1)
    children = subprocess.run(
        ["pgrep", "-P", str(process.pid), "-f", "inception_lib"], capture_output=True, text=True
    )
    victim = int(children.stdout.split()[-1])
    os.kill(victim, signal.SIGKILL)
    err = process.communicate(timeout=120)[1]
    assert process.returncode != 0
    assert "Another process of this run has ended" in err or "--resume continues" in err or "Signal 9" in err
    state = checkpoint.load_last(folder)
    assert state["updates"] > 0
    resumed = changed(schedule="constant", epochs=math.ceil(state["updates"] / 6) + 1)
    run_on(data, resumed, folder, resume=True)


@pytest.fixture(scope="module")
def undisturbed(data, tmp_path_factory):
    """A run of two processes that nobody touches."""
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    ends, said = together(command(data, folder, **TWICE))
    assert ends == [0, 0], said
    return folder


TWICE = {"batch": 4, "epochs": 2, "average": "none"}


@pytest.mark.parametrize("end", ["is asked to stop", "is killed"])
def test_a_team_that_ends_early_and_is_resumed_ends_as_an_undisturbed_one(data, tmp_path, undisturbed, end):
    """The same weights bit for bit, and in the log sums of all processes, none counted twice."""
    how = {"is asked to stop": "self.stop_signal = signal.SIGTERM", "is killed": "os.kill(os.getpid(), 9)"}
    script = tmp_path / "ends.py"
    script.write_text(
        "import os, signal, sys\n"
        "from inception_lib.cli import main\n"
        "from inception_lib.training.loop import Training\n"
        "update = Training._update\n"
        "def disturbed(self, *args):\n"
        "    update(self, *args)\n"
        "    if self.updates == 9 and '--resume' not in sys.argv and os.environ['RANK'] == '1':\n"
        f"        {how[end]}\n"
        "Training._update = disturbed\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = [sys.executable, script, *command(data, tmp_path / "run", **TWICE)[3:]]
    ends, said = together(words)
    assert all(ends), said
    assert checkpoint.load_last(tmp_path / "run")["updates"] == (9 if "stop" in end else 6)
    ends, said = together([*words, "--resume"])
    assert ends == [0, 0], said
    assert same(weights_of(tmp_path / "run"), weights_of(undisturbed))
    logs = [
        [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
        for folder in (tmp_path / "run", undisturbed)
    ]
    for a, b in zip(*logs, strict=True):
        for name in ("loss", "aux1", "aux2", "val_loss", "top1", "bad"):
            assert a[name] == pytest.approx(b[name], rel=1e-6)


def test_each_process_drops_out_other_units(data, tmp_path):
    """With dropout two processes give other weights than one on the same batches, and the same each time."""
    fields = {"epochs": 1 / 6, "width": 0.05, "augment": "none", "average": "none", "momentum": 0}
    script = tmp_path / "masks.py"
    script.write_text(
        "import os, sys, torch\n"
        "from pathlib import Path\n"
        "from inception_lib.cli import main\n"
        "here = Path(sys.argv.pop(1)) / f\"seeds of {os.environ['RANK']}\"\n"
        "real = torch.manual_seed\n"
        "def noted(seed):\n"
        "    with here.open('a') as file:\n"
        "        print(seed, file=file)\n"
        "    return real(seed)\n"
        "torch.manual_seed = noted\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = command(data, tmp_path / "run", **fields)[3:]
    ends, said = together([sys.executable, script, tmp_path, *words])
    assert ends == [0, 0], said
    # A file for each process: what two of them print can meet in the middle of a line.
    seeds = [(tmp_path / f"seeds of {rank}").read_text().split() for rank in (0, 1)]
    assert [len(drawn) for drawn in seeds] == [1, 1] and seeds[0] != seeds[1]


def test_a_team_with_readers_trains_to_its_end(data, tmp_path):
    """Readers that are forked beside gloo's threads can wait for ever; these are spawned, once."""
    ends, said = together(command(data, tmp_path / "run", epochs=4, workers=1, width=0.05))
    assert ends == [0, 0], said


def test_processes_that_download_do_not_race(data, tmp_path):
    """The first fetches, the others find: a data set that one process is still writing is opened by none."""
    script = tmp_path / "fetch.py"
    script.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "from inception_lib.data import datasets\n"
        "from inception_lib.cli import main\n"
        "here = Path(sys.argv.pop(1))\n"
        "def slow(root, split, download):\n"
        "    if not (here / 'there').exists():\n"
        "        (here / f\"fetched by {os.environ['RANK']}\").touch()\n"
        "        time.sleep(2)\n"
        "        (here / 'there').touch()\n"
        f"    return datasets.open_data({str(data)!r}, split)\n"
        "datasets._OPENERS['imagenette'] = slow\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    words = command("imagenette", tmp_path / "run", epochs=1 / 6, width=0.05)[3:]
    ends, said = together([sys.executable, script, tmp_path, *words, "--download"])
    assert ends == [0, 0], said
    assert [p.name for p in tmp_path.glob("fetched*")] == ["fetched by 0"]
