"""Training: it learns, it can be killed and resumed, it works in a team, and it says what is wrong."""

from __future__ import annotations

import csv
import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import DataError, TrainingError, googlenet
from inception_lib.cli import main
from inception_lib.training import checkpoint, loop
from inception_lib.training.logs import alarms
from inception_lib.training.recipes import NetworkOptions, Recipe, recipe
from inception_lib.training.speed import devices, matmul_flops, measure_speed
from inception_lib.training.step import build, optimizer
from inception_lib.training.train import train
from inception_lib.weights.loading import load_weights


class Case(NamedTuple):
    """A network and a recipe, and how both are changed by the names of their fields."""

    network: NetworkOptions
    recipe: Recipe


#: Three epochs of six updates on a folder of 24 images: a second or two.
QUICK = Case(
    NetworkOptions(width=0.1),
    Recipe(
        name="quick",
        input_size=80,
        resize=80,
        batch=4,
        epochs=3,
        lr=0.01,
        initial="he",
        schedule="cosine",
        augment="paper",
        average="ema",
        ema_decay=0.5,
    ),
)


def changed(base=QUICK, **more):
    own = {f.name for f in fields(NetworkOptions)}
    return Case(
        replace(base.network, **{k: v for k, v in more.items() if k in own}),
        replace(base.recipe, **{k: v for k, v in more.items() if k not in own}),
    )


def built(case, classes=2):
    return build(case.network.architecture(classes, case.recipe.input_size), case.recipe)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    for split, n in (("train", 12), ("val", 4)):
        for name, low in (("dark", 0), ("light", 128)):
            for i in range(n):
                path = root / split / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(low, low + 128, (84, 90, 3), np.uint8)).save(path)
    return root


def run_on(data, chosen, folder, **more):
    return train(chosen.network, str(data), chosen.recipe, folder, device="cpu", progress=False, **more)


def weights_of(run_folder):
    return checkpoint.load_last(run_folder)["network"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An uninterrupted run."""
    return run_on(data, QUICK, tmp_path_factory.mktemp("whole") / "run")


# --------------------------------------------------------------------------------- a whole run


def test_a_run_leaves_its_recipe_its_logs_and_its_weights(whole, data):
    about = json.loads((whole.folder / "recipe.json").read_text())
    assert Recipe.from_dict(about["recipe"]) == QUICK.recipe and about["classes"] == ["dark", "light"]
    lines = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert lines == whole.history and [line["updates"] for line in lines] == [6, 12, 18]
    with (whole.folder / "log.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["top1"]) for row in table] == [line["top1"] for line in lines]
    assert all(line["images_per_s"] > 0 and 0 < line["flops_share"] < 2 for line in lines)
    trained, info = load_weights(whole.weights)
    assert info.classes == ("dark", "light") and info.preprocess == QUICK.recipe.preprocess()
    average = checkpoint.load_last(whole.folder)["average"]["network"]
    for name, value in trained.state_dict().items():
        assert torch.equal(value, average[name])


def test_the_logged_accuracy_is_that_of_the_weights(whole, data):
    trained, info = load_weights(whole.weights)
    right = total = 0
    for label, name in enumerate(info.classes):
        for path in sorted((data / "val" / name).glob("*.png")):
            with torch.inference_mode():
                right += trained(info.preprocess(Image.open(path))[None]).logits.argmax().item() == label
            total += 1
    assert right / total == pytest.approx(whole.history[-1]["top1"])


def test_it_learns(data, tmp_path):
    plain = changed(epochs=20, augment="none", average="none", dropout=False)
    run = run_on(data, plain, tmp_path / "run")
    assert run.history[-1]["loss"] < 0.3 < math.log(2) < run.history[0]["loss"] + 0.2
    assert run.history[-1]["top1"] == 1
    assert run.history[-1]["aux1"] < 0.5 and run.history[-1]["aux2"] < 0.5


def test_imagenet_from_its_folders_to_a_prediction(tmp_path, monkeypatch):
    """Everything `inception train --data imagenet` goes through, on two classes laid out as ImageNet is."""
    names = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish", "Carassius auratus")}
    home, rng = tmp_path / "imagenet", np.random.default_rng(0)
    for split, n in (("train", 8), ("val", 3)):
        for wnid, low in zip(names, (0, 128), strict=True):
            for i in range(n):
                path = home / split / wnid / f"{wnid}_{i}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(low, low + 128, (100, 120, 3), np.uint8)).save(path)
    torch.save((names, []), home / "meta.bin")
    monkeypatch.setenv("INCEPTION_DATA", str(home))
    options = {
        "width": 0.1,
        "input-size": 80,
        "resize": 90,
        "batch": 4,
        "epochs": 2,
        "lr": 1e-4,
        "workers": 1,
        "average": "none",
        "out": tmp_path / "run",
        "device": "cpu",
    }
    words = [str(word) for name, value in options.items() for word in (f"--{name}", value)]
    for more in ([], ["--resume", "--epochs", "3"]):  # the step schedule can be made longer
        assert main(["train", "--recipe", "paper", "--data", "imagenet", *words, *more]) == 0
    log = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2, 3] and log[-1]["bad"] == 0
    network, info = load_weights(tmp_path / "run" / "model.safetensors")
    assert info.classes == ("tench", "goldfish")
    picture = info.preprocess(Image.open(next((home / "val" / "n01443537").iterdir())))
    assert network(picture[None]).logits.shape == (1, 2)


def test_nothing_is_overwritten(whole, data):
    with pytest.raises(TrainingError, match="holds a run already; --resume goes on with it"):
        run_on(data, QUICK, whole.folder)


# ------------------------------------------------------------------------- interruption and resume


class Killed(Exception):
    pass


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
    timing = {"images_per_s", "seconds", "flops_share"}
    for a, b in zip(checkpoint.load_last(folder)["history"], whole.history, strict=True):
        assert all(a[name] == b[name] for name in b.keys() - timing)


COMMAND = [sys.executable, "-m", "inception_lib", "train"]


def options(fields):
    words = []
    for name, value in fields.items():
        dashed = name.replace("_", "-")
        words += (
            [f"--{dashed}" if value else f"--no-{dashed}"]
            if isinstance(value, bool)
            else [f"--{dashed}", str(value)]
        )
    return words


def command(data, folder, **fields):
    quick = {k: v for k, v in (QUICK.network.to_dict() | QUICK.recipe.to_dict()).items() if v is not None}
    return [
        *COMMAND,
        "--recipe",
        "modern",
        "--clip",
        "None",
        "--data",
        str(data),
        "--out",
        str(folder),
        "--device",
        "cpu",
        *options(quick | fields),
    ]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1"}


def finish(words):
    subprocess.run(words, env=environment(), check=True, capture_output=True)


def test_kill_minus_nine_at_ten_random_moments(data, tmp_path):
    """Ten kills of one run: whenever they come, the run ends as one that nobody touched."""
    long = {"epochs": 12, "width": 0.05}
    finish(command(data, tmp_path / "whole", **long))
    folder, rng, kills = tmp_path / "run", random.Random(0), 0
    while kills < 10:
        process = subprocess.Popen(
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
    assert kills >= 5
    assert same(weights_of(folder), weights_of(tmp_path / "whole"))
    ends = [f / "model.safetensors" for f in (folder, tmp_path / "whole")]
    assert same(*(load_weights(end).network.state_dict() for end in ends))


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_asked_to_stop_it_saves_and_says_how_to_go_on(data, tmp_path, number, status):
    folder = tmp_path / "run"
    process = subprocess.Popen(
        command(data, folder, epochs=1000), env=environment(), stderr=subprocess.PIPE, text=True
    )
    while not checkpoint.saved(folder):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(number)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert "--resume continues" in said and "Traceback" not in said
    state = checkpoint.load_last(folder)
    assert f"stopped after {state['updates']:,} of 6,000 updates" in said


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


# ----------------------------------------------------------------------------------- several processes


def torchrun(script, processes, *args):
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={processes}",
            *script,
            *args,
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_two_processes_give_the_curve_of_one(data, tmp_path):
    fields = {"dropout": False, "augment": "none", "average": "none", "epochs": 2}
    one = run_on(data, changed(**fields), tmp_path / "one")
    words = command(data, tmp_path / "two", **fields)[2:]  # without "python -m"
    process = torchrun(["-m"], 2, *words)
    err = process.communicate(timeout=300)[1]
    assert process.returncode == 0, err
    two = [json.loads(line) for line in (tmp_path / "two" / "log.jsonl").read_text().splitlines()]
    for a, b in zip(one.history, two, strict=True):
        for name in ("loss", "aux1", "aux2", "val_loss", "top1"):
            assert a[name] == pytest.approx(b[name], abs=1e-5)
    for name, value in weights_of(tmp_path / "two").items():
        torch.testing.assert_close(value, weights_of(tmp_path / "one")[name], atol=1e-6, rtol=1e-5)


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
    process = torchrun(["-m"], 2, *command(data, tmp_path / "two", **fields)[2:])
    assert process.wait(300) == 0, process.stderr.read()
    start = built(changed(**fields)).state_dict()
    for name, value in weights_of(tmp_path / "one").items():
        one, two = value - start[name], weights_of(tmp_path / "two")[name] - start[name]
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
    process = torchrun(["-m"], 2, *command(data, folder, epochs=1000, schedule="constant")[2:])
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


# ------------------------------------------------------------------------------------ what goes wrong


def test_a_loss_that_is_not_finite_stops_the_run(data, tmp_path):
    with pytest.raises(TrainingError, match=r"no longer finite in update \d+; .*smaller --lr"):
        run_on(data, changed(lr=1e20, epochs=50), tmp_path / "run")
    for path in checkpoint.saved(tmp_path / "run"):
        state = torch.load(path, weights_only=True)
        assert all(value.isfinite().all() for value in state["network"].values())


def test_too_many_bad_pictures_stop_the_run_and_few_are_counted(data, tmp_path):
    bad = tmp_path / "data"
    subprocess.run(["cp", "-r", str(data), str(bad)], check=True)
    for i in range(3):
        (bad / "train" / "dark" / f"{i}.png").write_bytes(b"broken")
    run = run_on(bad, changed(epochs=1), tmp_path / "run")
    assert run.history[0]["bad"] == 3
    with pytest.raises(DataError, match=r"more than the 2 that the recipe allows .*dark/\d\.png"):
        run_on(bad, changed(epochs=1, bad_pictures=2), tmp_path / "strict")


def test_a_folder_that_cannot_be_made(data, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="the run's folder cannot be made"):
        run_on(data, QUICK, tmp_path / "file" / "run")


def test_a_device_that_is_not_there(data, tmp_path):
    with pytest.raises(TrainingError, match="The device 'cuda:99' cannot be used"):
        train(QUICK.network, str(data), QUICK.recipe, tmp_path / "run", device="cuda:99", progress=False)


def test_alarms_name_the_head_that_has_learned_nothing():
    tiny = recipe("tiny")
    record = {"epoch": 4, "lr": 0.01, "loss": 1.0, "aux1": 1.5, "aux2": 2.302}
    (only,) = alarms(record, 10, tiny)
    assert "the second head has learned nothing" in only and "ln 10 = 2.303" in only
    assert alarms(record | {"aux2": 1.2}, 10, tiny) == []
    assert "far above chance" in alarms(record | {"loss": 4.0}, 10, tiny)[0]
    assert alarms(record | {"epoch": 0.5}, 10, tiny) == []


# ------------------------------------------------------------------------------------- options


@pytest.mark.parametrize(
    "fields",
    [
        {"average": "polyak", "average_from": 0.5},
        {"precision": "bfloat16"},
        {"variant": "torchvision"},
        {"accumulate": 2, "dropout": False},
        {"heads": False},
        {"channels_last": False},
        {"normalize": "bvlc"},
        {"augment": "bvlc", "resize": 90},
        {"clip": 1.0, "label_smoothing": 0.1, "warmup": 0.5},
        {"nesterov": True},
    ],
)
def test_every_option_trains(data, tmp_path, fields):
    run = run_on(data, changed(epochs=1, **fields), tmp_path / "run")
    assert math.isfinite(run.history[0]["val_loss"])
    assert ("aux1" in run.history[0]) == fields.get("heads", True)
    load_weights(run.weights)


def test_accumulation_changes_nothing_but_memory(data, tmp_path):
    runs = [
        run_on(data, changed(epochs=1, dropout=False, accumulate=parts), tmp_path / str(parts))
        for parts in (1, 2)
    ]
    a, b = (weights_of(run.folder) for run in runs)
    for name in a:
        torch.testing.assert_close(a[name], b[name], atol=1e-6, rtol=1e-5)


def test_polyak_is_the_mean_of_the_later_weights(data, tmp_path, monkeypatch):
    seen, update = [], loop.Training._update

    def noted(self, *args):
        update(self, *args)
        seen.append({k: v.clone() for k, v in self.network.state_dict().items()})

    monkeypatch.setattr(loop.Training, "_update", noted)
    run = run_on(data, changed(average="polyak", average_from=0.5, epochs=2), tmp_path / "run")
    trained = load_weights(run.weights).network.state_dict()
    for name, value in trained.items():
        mean = torch.stack([state[name] for state in seen[6:]]).mean(0)
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-4)


def test_biases_have_their_own_rate_and_no_decay():
    network = build(googlenet(classes=10), recipe("bvlc_quick"))
    weights, others = optimizer(network, recipe("bvlc_quick")).param_groups
    assert weights["weight_decay"] == 2e-4 and others["weight_decay"] == 0
    assert (weights["lr_scale"], others["lr_scale"]) == (1, 2)
    assert all(p.dim() > 1 for p in weights["params"]) and all(p.dim() == 1 for p in others["params"])
    assert sum(p.numel() for group in (weights, others) for p in group["params"]) == sum(
        p.numel() for p in network.parameters()
    )


def test_speed_and_devices_are_those_of_this_machine():
    quick = changed(batch=2)
    assert devices()[-1].startswith("cpu: ") and "core" in devices()[-1]
    assert measure_speed(quick.network.architecture(2, 80), quick.recipe, device="cpu", seconds=0.1) > 0
    assert matmul_flops("cpu") > 1e8
