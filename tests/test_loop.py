"""Training: it learns, it leaves what it should, and it says what is wrong."""

from __future__ import annotations

import csv
import json
import math
import subprocess
from dataclasses import replace

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from runs import QUICK, changed, run_on, two_classes, weights_of
from safetensors.torch import load_file
from torch import nn

from inception_lib import DataError, TrainingError, googlenet
from inception_lib.cli import main
from inception_lib.history import build as networks_of
from inception_lib.training import checkpoint, loop
from inception_lib.training.logs import alarms, line, not_finite
from inception_lib.training.recipes import NetworkOptions, Recipe, recipe
from inception_lib.training.speed import copy_rate, devices, matmul_flops, measure_speed
from inception_lib.training.step import build, optimizer
from inception_lib.training.train import train
from inception_lib.weights.loading import load_weights


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    """An uninterrupted run."""
    return run_on(data, QUICK, tmp_path_factory.mktemp("whole") / "run")


# --------------------------------------------------------------------------------- a whole run


def test_a_run_leaves_its_recipe_its_logs_and_its_weights(whole, data):
    about = json.loads((whole.folder / "recipe.json").read_text())
    on_a_cpu = replace(QUICK.recipe, precision="float32", compile=False)
    assert Recipe.from_dict(about["recipe"]) == whole.recipe == on_a_cpu
    assert about["classes"] == ["dark", "light"]
    lines = [json.loads(line) for line in (whole.folder / "log.jsonl").read_text().splitlines()]
    assert lines == whole.history and [line["updates"] for line in lines] == [6, 12, 18]
    with (whole.folder / "log.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [float(row["top1"]) for row in table] == [line["top1"] for line in lines]
    assert all(line["images_per_s"] > 0 for line in lines)
    assert all(0 < line[share] < 2 for line in lines for share in ("flops_share", "traffic_share"))
    trained, info = load_weights(whole.weights)
    assert info.classes == ("dark", "light") and info.preprocess == QUICK.recipe.preprocess()
    average = checkpoint.load_last(whole.folder)["average"]["network"]
    for name, value in trained.state_dict().items():
        assert torch.equal(value, average[name])


def test_the_logged_accuracy_is_that_of_the_weights(whole, data):
    trained, info = load_weights(whole.weights)
    right = total = loss = 0
    for label, name in enumerate(info.classes):
        for path in sorted((data / "val" / name).glob("*.png")):
            with torch.inference_mode():
                logits = trained(info.preprocess(Image.open(path))[None]).logits
            right += logits.argmax().item() == label
            loss += nn.functional.cross_entropy(logits, torch.tensor([label])).item()
            total += 1
    assert right / total == pytest.approx(whole.history[-1]["top1"])
    assert loss / total == pytest.approx(whole.history[-1]["val_loss"], rel=1e-4)


def test_it_learns(data, tmp_path):
    plain = changed(epochs=20, augment="none", average="none", dropout=False)
    run = run_on(data, plain, tmp_path / "run")
    assert run.history[-1]["loss"] < 0.3 < math.log(2) < run.history[0]["loss"] + 0.2
    assert run.history[-1]["top1"] == 1
    assert run.history[-1]["aux1"] < 0.5 and run.history[-1]["aux2"] < 0.5


def test_a_moving_average_of_a_short_run_is_as_good_as_its_weights(data, tmp_path):
    """With the decay of `modern`, thirty updates without a warm-up would leave 99 % of the start."""
    fields = {"augment": "none", "dropout": False, "lr": 0.02}
    run = run_on(data, changed(epochs=5, average="ema", ema_decay=0.9998, **fields), tmp_path / "ema")
    raw = run_on(data, changed(epochs=5, average="none", **fields), tmp_path / "raw")
    assert run.history[-1]["updates"] == 30
    assert run.history[-1]["top1"] >= raw.history[-1]["top1"] - 0.01
    assert run.history[-1]["val_loss"] < run.history[0]["val_loss"] < math.log(2) + 0.1


def test_a_module_of_anybody_can_be_trained(data, tmp_path):
    """One of torchvision, whose heads come in a named tuple of other names, and one that gives a tensor."""
    recipe = changed(epochs=1, dropout=False).recipe
    theirs = torchvision.models.googlenet(num_classes=2, aux_logits=True, init_weights=False)
    run = train(theirs, str(data), recipe, tmp_path / "theirs", device="cpu", progress=False)
    assert {"loss", "aux_logits1", "aux_logits2"} <= run.history[0].keys()
    assert load_file(run.weights).keys() == theirs.state_dict().keys()
    plain = nn.Sequential(
        nn.Conv2d(3, 4, 7, 4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2)
    )
    run = train(plain, str(data), recipe, tmp_path / "plain", device="cpu", progress=False)
    assert math.isfinite(run.history[0]["val_loss"]) and "aux1" not in run.history[0]
    again = train(plain, str(data), recipe, tmp_path / "plain", resume=True, device="cpu", progress=False)
    assert again.history == run.history
    with pytest.raises(TrainingError, match="must give its logits, as a tensor or in a field"):
        train(Nothing(), str(data), recipe, tmp_path / "nothing", device="cpu", progress=False)


class Nothing(nn.Linear):
    """Gives no logits."""

    def __init__(self):
        super().__init__(1, 2)

    def forward(self, x):
        return [x]


def test_networks_of_the_lineage_train(data, tmp_path):
    recipe = replace(changed(epochs=1 / 6, batch=2).recipe, input_size=64, resize=64)
    for name in ("resnet50", "nin"):
        network = networks_of(name, classes=2, input_size=64)
        run = train(network, str(data), recipe, tmp_path / name, device="cpu", progress=False)
        assert math.isfinite(run.history[0]["loss"]) and load_weights(run.weights).network


@pytest.mark.parametrize(
    ("network", "says"),
    [
        (googlenet(classes=3, width=0.1, input_size=80), "has 3 outputs, and the data has 2 classes"),
        (
            googlenet(classes=2, width=0.1, input_size=96),
            r"takes images of 96x96 pixels, and the recipe .*80x80",
        ),
        (NetworkOptions(width=500), r"parameters are too many for one machine; lower --width"),
    ],
)
def test_a_network_that_does_not_go_with_the_rest_is_refused(data, tmp_path, network, says):
    with pytest.raises(TrainingError, match=says):
        train(network, str(data), QUICK.recipe, tmp_path / "run", device="cpu", progress=False)


def test_the_callers_random_numbers_are_left_alone(data, tmp_path):
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    run_on(data, changed(epochs=1 / 6), tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)


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
    plain = nn.Linear(2, 2)
    (only,) = alarms(record, 10, tiny, plain)
    assert "the second head has learned nothing" in only and "ln 10 = 2.303" in only
    assert alarms(record | {"aux2": 1.2}, 10, tiny, plain) == []
    assert "far above chance" in alarms(record | {"loss": 4.0}, 10, tiny, plain)[0]
    assert alarms(record | {"epoch": 0.5}, 10, tiny, plain) == []


def test_advice_is_what_the_recipe_and_the_network_do_not_have():
    record = {"epoch": 40, "lr": 0.01, "loss": 2.302}
    plain, normalized = nn.Linear(2, 2), nn.BatchNorm2d(2)
    bare, tiny = recipe("bvlc_quick"), recipe("tiny")
    for how, network, says in (
        (bare, plain, "Other initial weights (--initial he), a warm-up (--warmup) or another learning rate"),
        (bare, normalized, "A warm-up (--warmup) or another learning rate"),
        (tiny, plain, "A longer warm-up (--warmup) or another learning rate"),
        (
            replace(bare, warmup=1),
            plain,
            "Other initial weights (--initial he), a longer warm-up",
        ),
        (replace(bare, normalize="weights"), plain, "A warm-up (--warmup) or another learning rate"),
    ):
        (only,) = alarms(record, 10, how, network)
        assert f". {says}" in only and only.endswith(" (--lr) may help.")
    assert not_finite(tiny) == "A smaller --lr, a longer --warmup or a smaller --clip may help."
    assert not_finite(bare) == "A smaller --lr, a --warmup or a --clip (such as 5) may help."


def test_no_share_above_the_whole_is_printed_as_if_it_were_so():
    record = {"epoch": 1, "loss": 1.0, "top1": 0.5, "images_per_s": 9, "bad": 0}
    said = line(record | {"flops_share": 1.26, "traffic_share": 0.2})
    assert "126%" not in said and "20% of a copy's memory traffic" in said
    assert "more than a matrix product's FLOP/s as measured at the start (was the machine busy then?)" in said


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
    assert matmul_flops("cpu") > 1e8 and copy_rate("cpu") > 1e8
