"""Fine-tuning: from trained weights and a folder to a file for prediction, and what is refused on the way."""

from __future__ import annotations

import json
import re
import shutil
import signal
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from runs import same, together, two_classes, weights_of
from small import network as small_network
from torch import nn
from torch.nn import functional as F
from torchvision import datasets as tv

from inception_lib import DataError, Network, TrainingError, googlenet, load_weights, save_weights
from inception_lib.cli import main
from inception_lib.data.images import TORCHVISION_PREPROCESS, Preprocess
from inception_lib.training import checkpoint, loop
from inception_lib.training.recipes import NetworkOptions, Recipe, recipe
from inception_lib.training.train import train
from inception_lib.weights.states import digest

WANTS = Preprocess(resize=90, crop=80, channels="BGR", mean=(90.0, 100.0, 110.0), std=(60.0, 50.0, 40.0))
SHORT = ("--epochs", "1", "--batch", "4", "--workers", "0", "--device", "cpu")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights of a narrow network that names three classes, and that somebody published."""
    made, info = small_network(0, preprocess=WANTS)
    info = replace(info, name="insects", source="a paper", license="free", urls=("http://x/y",))
    info = replace(info, tensors=digest(made.state_dict()))
    return save_weights(made, tmp_path_factory.mktemp("weights") / "insects.safetensors", info)


def fine_tune(data, out, weights, *more):
    return main(["train", "--weights", str(weights), "--data", str(data), "--out", str(out), *SHORT, *more])


@pytest.fixture(scope="module")
def tuned(data, weights, tmp_path_factory):
    """The folder of a run of three epochs, begun by the command."""
    out = tmp_path_factory.mktemp("tuned") / "run"
    assert fine_tune(data, out, weights, "--epochs", "3", "--keep-best") == 0
    return out


def refused(capsys, *words):
    """The one sentence with which the command refuses."""
    capsys.readouterr()
    assert main(list(map(str, words))) == 1
    said = capsys.readouterr().err.splitlines()
    assert said[-1].startswith("inception: ") and not any("Traceback" in line for line in said)
    return said[-1]


# ---------------------------------------------------------------------------------- what comes out


def test_classes_are_the_datas_and_the_input_is_the_weights(tuned):
    network, info = load_weights(tuned / "model.safetensors")
    assert info.classes == ("dark", "light") and network.classifier.linear.weight.shape[0] == 2
    assert info.preprocess == WANTS
    about = json.loads((tuned / "recipe.json").read_text())
    assert Recipe.from_dict(about["recipe"]).input_size == 80 and about["recipe"]["resize"] == 90
    assert about["network"]["weights"].startswith("insects")


def test_the_result_says_where_it_comes_from_and_is_no_published_file(tuned):
    info = load_weights(tuned / "model.safetensors").info
    assert info.name == "fine-tuned from insects" and not info.urls and not info.checksums
    assert "a paper" in info.source and "recipe finetune, 18 updates on data" in info.source
    assert "not stated" in info.license


def test_what_trains_is_what_prediction_will_see(data, weights, tmp_path, monkeypatch):
    """The logged validation is that of the file's own pre-processing, picture by picture."""
    run = train(
        NetworkOptions(weights=str(weights), heads=False),
        data,
        replace(recipe("finetune"), epochs=1, batch=4, workers=0),
        tmp_path / "run",
        device="cpu",
        progress=False,
    )
    network, info = load_weights(run.weights)
    losses = []
    for label, name in enumerate(info.classes):
        for path in sorted((data / "val" / name).glob("*.png")):
            logits = network(info.preprocess(Image.open(path))[None]).logits
            losses.append(F.cross_entropy(logits, torch.tensor([label])).item())
    assert np.mean(losses) == pytest.approx(run.history[-1]["val_loss"], rel=1e-4)
    assert network.classifier.linear.weight.shape == (2, 102)


def test_training_begins_with_the_given_weights(data, weights, tmp_path):
    """All but the classifier; with rates of zero on the trunk they are still there at the end."""
    network = Network.from_pretrained(weights, classes=("dark", "light"))
    start = {name: value.clone() for name, value in network.state_dict().items()}
    how = replace(recipe("finetune"), epochs=1, batch=4, workers=0, lr=1e-9)
    train(network, data, how, tmp_path / "run", device="cpu", progress=False)
    original = load_weights(weights).network.state_dict()
    for name, value in weights_of(tmp_path / "run").items():
        torch.testing.assert_close(value, start[name], atol=1e-6, rtol=0)
        if not name.startswith("classifier"):
            assert torch.equal(start[name], original[name])


def test_the_classes_that_the_weights_know_keep_their_classifier(tuned, data, tmp_path):
    first = load_weights(tuned / "model.safetensors").network
    assert fine_tune(data, tmp_path / "more", tuned / "model.safetensors", "--lr", "1e-9") == 0
    again, info = load_weights(tmp_path / "more" / "model.safetensors")
    torch.testing.assert_close(again.classifier.linear.weight, first.classifier.linear.weight)
    assert info.name == "fine-tuned from insects" and info.source.count("inception train") == 2


def test_the_commands_take_the_result(tuned, data, capsys):
    photo = data / "val" / "light" / "0.png"
    result = tuned / "model.safetensors"
    assert main(["predict", str(photo), "--weights", str(result), "--format", "json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["weights"] == "fine-tuned from insects" and "http" not in json.dumps(answer)
    assert {p["class"] for p in answer["pictures"][0]["predictions"]} == {"dark", "light"}
    arguments = ["--weights", result, "--data", data, "--crops", 1, "--device", "cpu"]
    assert main(["evaluate", *map(str, arguments)]) == 0
    top1 = json.loads((tuned / "log.jsonl").read_text().splitlines()[-1])["top1"]
    shown = re.search(r"top-1 +([\d.]+) %", capsys.readouterr().out)
    assert float(shown[1]) == pytest.approx(100 * top1, abs=0.1)


def test_the_best_epoch_is_kept_where_it_is_asked_for(tuned, data, weights, tmp_path, monkeypatch):
    history = [json.loads(line) for line in (tuned / "log.jsonl").read_text().splitlines()]
    best = max(history, key=lambda record: record["top1"])
    info = load_weights(tuned / "best.safetensors").info
    assert f"{best['updates']} updates" in info.source and info.classes == ("dark", "light")
    assert fine_tune(data, tmp_path / "plain", weights) == 0
    assert not (tmp_path / "plain" / "best.safetensors").exists()
    found = iter([0.5, 0.9, 0.7])
    monkeypatch.setattr(loop, "validate", lambda *args: {"val_loss": 1.0, "top1": next(found), "top5": 1.0})
    assert fine_tune(data, tmp_path / "run", weights, "--epochs", "3", "--keep-best") == 0
    for name, updates in (("best", 12), ("model", 18)):
        said = load_weights(tmp_path / "run" / f"{name}.safetensors").info.source
        assert f"{updates} updates" in said


@pytest.mark.slow
def test_what_the_file_does_not_say_can_be_said(data, tmp_path):
    """torchvision's transform_input is in no state dict; dropout and the like can be left out."""
    torch.manual_seed(0)
    path = tmp_path / "theirs.pth"
    torch.save(Network(googlenet("torchvision", classes=5, heads=False)).state_dict(), path)
    short = ("--epochs", "0.1", "--input-size", "64", "--preprocess", "torchvision", "--no-dropout")
    assert fine_tune(data, tmp_path / "run", path, *short) == 0
    network, info = load_weights(tmp_path / "run" / "model.safetensors")
    assert info.preprocess == replace(TORCHVISION_PREPROCESS, crop=64, resize=73)
    assert all(m.p == 0 for m in network.modules() if isinstance(m, nn.Dropout))
    assert info.name == "fine-tuned from theirs"


@pytest.mark.parametrize("keep", ["none", "device"])
def test_images_kept_on_the_device_are_validated_as_the_weights_want(data, weights, tmp_path, keep, tuned):
    assert fine_tune(data, tmp_path / "run", weights, "--epochs", "3", "--keep", keep) == 0
    ends = [load_weights(folder / "model.safetensors").network for folder in (tuned, tmp_path / "run")]
    assert same(*(end.state_dict() for end in ends))
    logs = [json.loads((f / "log.jsonl").read_text().splitlines()[-1]) for f in (tuned, tmp_path / "run")]
    assert logs[0]["val_loss"] == pytest.approx(logs[1]["val_loss"], abs=1e-6)


def test_a_network_in_python(data, tmp_path, weights):
    """Gradual unfreezing: two trainings of one network, the second with all layers."""
    network = Network.from_pretrained(weights, classes=("dark", "light"))
    conv1 = network.conv1.conv.weight.clone()
    how = replace(recipe("finetune"), epochs=1, batch=4, workers=0, freeze="inception_4e")
    options = {"device": "cpu", "progress": False}
    train(network, data, how, tmp_path / "first", **options)
    assert torch.equal(network.conv1.conv.weight, conv1)
    train(network, data, replace(how, freeze=None), tmp_path / "second", **options)
    assert not torch.equal(network.conv1.conv.weight, conv1)


def test_torchs_own_datasets_train(weights, tmp_path):
    fake = tv.FakeData(16, (3, 96, 96), num_classes=2)
    how = replace(recipe("finetune"), epochs=1, batch=4, workers=0)
    options = {"device": "cpu", "progress": False}
    made = NetworkOptions(weights=str(weights), heads=False)
    run = train(made, fake, how, tmp_path / "share", val_share=0.25, **options)
    assert run.pictures == 12 and run.classes == ("class 0", "class 1")
    run = train(made, torch.utils.data.random_split(fake, [12, 4]), how, tmp_path / "two", **options)
    assert run.pictures == 12 and load_weights(run.weights).info.classes == ("class 0", "class 1")
    with pytest.raises(DataError, match="give two splits, or a val_share"):
        train(made, fake, how, tmp_path / "none", **options)
    with pytest.raises(DataError, match="Two splits are given, so that val_share has nothing to do"):
        train(made, (fake, fake), how, tmp_path / "none", val_share=0.5, **options)


# ---------------------------------------------------------------------------------- a flat folder


def test_a_share_of_a_flat_folder_validates_in_training_and_in_evaluation(data, weights, tmp_path, capsys):
    flat = data / "train"
    out = tmp_path / "run"
    assert fine_tune(flat, out, weights, "--val-share", "0.25") == 0
    record = json.loads((out / "log.jsonl").read_text())
    assert json.loads((out / "recipe.json").read_text())["pictures"] == 18
    capsys.readouterr()
    table = tmp_path / "table.csv"
    words = ["--weights", out / "model.safetensors", "--data", flat, "--crops", 1, "--device", "cpu"]
    assert main(["evaluate", *map(str, words), "--val-share", "0.25", "--table", str(table)]) == 0
    said = capsys.readouterr().out
    assert ": 6 pictures" in said
    assert float(re.search(r"top-1 +([\d.]+) %", said)[1]) == pytest.approx(100 * record["top1"], abs=0.1)
    assert fine_tune(flat, out, weights, "--val-share", "0.25", "--resume") == 0
    assert "not the same data" in refused(
        capsys,
        *("train", "--weights", weights, "--data", flat, "--out", out, *SHORT, "--resume"),
        *("--val-share", "0.5"),
    )


@pytest.fixture(scope="module")
def shared(data, weights, tmp_path_factory):
    """The folder of a run with a fourth of a flat folder held out, and that folder."""
    root = tmp_path_factory.mktemp("shared")
    flat = shutil.copytree(data / "train", root / "flat")
    assert fine_tune(flat, root / "run", weights, "--val-share", "0.25") == 0
    return root / "run", flat


def measured(capsys, run, folder, *more):
    """What a test of a run's weights prints, and what it says beside it."""
    capsys.readouterr()
    words = ("evaluate", "--weights", run / "model.safetensors", "--data", folder, "--crops", 1)
    assert main([*map(str, (*words, "--device", "cpu", *more))]) == 0
    said = capsys.readouterr()
    return said.out, "\n".join(line for line in said.err.splitlines() if line.startswith("inception: "))


def test_weights_know_the_share_that_was_held_out_of_their_training(shared, data, capsys, tmp_path):
    run, flat = shared
    assert json.loads((run / "recipe.json").read_text())["val_share"] == 0.25
    out, said = measured(capsys, run, flat)
    assert ": 6 pictures" in out and "those held out are tested (--val-share 0.25)" in said
    assert (out, "") == measured(capsys, run, flat, "--val-share", "0.25")
    out, said = measured(capsys, run, flat, "--split", "train")
    assert ": 18 pictures" in out and "18 of the 18 pictures of this test trained" in said
    out, said = measured(capsys, run, flat, "--val-share", "0.5")
    assert ": 12 pictures" in out and "6 of the 12 pictures of this test trained" in said
    # whole, with images of its own that validate
    out, said = measured(capsys, run, data)
    assert ": 8 pictures" in out and not said
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{name}/{i}.png {name}\n" for name in ("dark", "light") for i in range(12)))
    out, said = measured(capsys, run, flat, "--labels", listed)
    assert ": 24 pictures" in out and "18 of the 24 pictures of this test trained" in said


def test_where_images_came_or_went_the_share_is_named(shared, capsys, tmp_path):
    run, flat = shared
    other = shutil.copytree(flat, tmp_path / "other")
    (other / "dark" / "0.png").unlink()
    out, said = measured(capsys, run, other)
    assert ": 23 pictures" in out and "--val-share 0.25 tests those that were held out" in said


def test_a_second_training_does_not_hide_the_first(shared, data, capsys, tmp_path):
    run, flat = shared
    first = load_weights(run / "model.safetensors").info.trained_on
    assert fine_tune(data, tmp_path / "run", run / "model.safetensors") == 0
    trained_on = load_weights(tmp_path / "run" / "model.safetensors").info.trained_on
    assert trained_on[:1] == first and [share for _, share in trained_on] == [0.25, None]
    out, said = measured(capsys, tmp_path / "run", flat)
    assert ": 6 pictures" in out and "(--val-share 0.25)" in said
    out, said = measured(capsys, tmp_path / "run", data, "--split", "train")
    assert "24 of the 24 pictures of this test trained" in said


# ---------------------------------------------------------------------------------- resume


class Killed(Exception):
    pass


@pytest.mark.parametrize("freeze", [(), ("--freeze", "inception_3b")])
def test_interrupted_it_ends_with_the_same_weights(data, weights, tmp_path, monkeypatch, freeze):
    fields = (*freeze, "--epochs", "2")
    assert fine_tune(data, tmp_path / "whole", weights, *fields) == 0
    update, done = loop.Training._update, []

    def stopped(self, *args):
        if len(done) == 4:
            self.stop_signal = signal.SIGTERM
        done.append(1)
        update(self, *args)

    monkeypatch.setattr(loop.Training, "_update", stopped)
    assert fine_tune(data, tmp_path / "run", weights, *fields) == 143
    assert checkpoint.saved(tmp_path / "run") and not (tmp_path / "run" / "model.safetensors").exists()
    monkeypatch.setattr(loop.Training, "_update", update)
    assert fine_tune(data, tmp_path / "run", weights, *fields, "--resume") == 0
    ends = [load_weights(tmp_path / name / "model.safetensors") for name in ("whole", "run")]
    assert same(*(end.network.state_dict() for end in ends)) and ends[0].info == ends[1].info


def test_a_run_goes_on_from_its_own_weights_and_freeze_only(tuned, data, weights, tmp_path, capsys):
    network, info = load_weights(weights)
    with torch.no_grad():
        network.conv1.conv.bias += 1
    other = save_weights(network, tmp_path / "insects.safetensors", replace(info, tensors=""))
    base = ("train", "--data", data, "--out", tuned, *SHORT, "--epochs", "3", "--resume")
    assert "was begun from insects" in refused(capsys, *base, "--weights", other)
    begun = refused(capsys, *base, "--weights", weights, "--freeze", "conv1")
    assert "begun with other settings (freeze None)" in begun
    scratch = refused(capsys, *base, "--recipe", "tiny", "--width", "0.1")
    assert "begun with other settings" in scratch
    assert fine_tune(data, tuned, weights, "--epochs", "3", "--resume") == 0


def test_a_damaged_checkpoint_costs_nothing_but_its_epoch(data, weights, tmp_path):
    out = tmp_path / "run"
    assert fine_tune(data, out, weights, "--epochs", "2") == 0
    first = load_weights(out / "model.safetensors").network.state_dict()
    last = checkpoint.saved(out)[-1]
    last.write_bytes(last.read_bytes()[:-2000])
    assert fine_tune(data, out, weights, "--epochs", "2", "--resume") == 0
    assert same(load_weights(out / "model.safetensors").network.state_dict(), first)


def test_a_run_in_python_goes_on_from_the_same_weights(data, weights, tmp_path):
    """Its new classifier is drawn anew, and then taken from the checkpoint."""
    how = replace(recipe("finetune"), epochs=1, batch=4, workers=0)
    for resume in (False, True):
        network = Network.from_pretrained(weights, classes=("dark", "light"))
        run = train(network, data, how, tmp_path / "run", resume=resume, device="cpu", progress=False)
        assert same(network.state_dict(), weights_of(run.folder))


def test_runs_of_before_fine_tuning_go_on(data, tmp_path):
    """Their checkpoints do not say what recipes have since then."""
    from runs import QUICK, run_on

    run = run_on(data, QUICK, tmp_path / "run")
    path = checkpoint.saved(run.folder)[-1]
    state = torch.load(path, weights_only=True)
    for name in ("freeze", "classifier_lr"):
        del state["identity"]["recipe"][name]
    del state["identity"]["start"]
    torch.save(state, path)
    for older in checkpoint.saved(run.folder)[:-1]:
        older.unlink()
    assert run_on(data, QUICK, tmp_path / "run", resume=True).history == run.history


@pytest.mark.slow
def test_two_processes_fine_tune_as_one_does(data, weights, tmp_path):
    words = ["train", "--weights", weights, "--data", data, *SHORT, "--freeze", "inception_3b"]
    words = [*map(str, words), "--augment", "none"]
    assert main([*words, "--out", str(tmp_path / "one")]) == 0
    ends, said = together([sys.executable, "-m", "inception_lib", *words, "--out", tmp_path / "two"])
    assert ends == [0, 0], said
    one, two = (load_weights(tmp_path / name / "model.safetensors") for name in ("one", "two"))
    assert one.info.preprocess == two.info.preprocess and two.info.name == "fine-tuned from insects"
    still = [name for name in one.network.state_dict() if name.startswith(("conv", "inception_3"))]
    for name, value in two.network.state_dict().items():
        torch.testing.assert_close(value, one.network.state_dict()[name], atol=2e-2, rtol=0.1)
        assert name not in still or torch.equal(value, one.network.state_dict()[name])


# ---------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--freeze", "inception_9z"), "has no layer 'inception_9z'"),
        (("--freeze", "inception_4a/5x5"), "inception_4a/5x5: is a part of inception_4a; what can be frozen"),
        (("--freeze", "classifier"), "layers up to classifier are frozen, so that nothing is left to train"),
        (("--val-share", "0.1"), "val: these images validate already; leave out --val-share"),
        (("--val-share", "0"), "is above 0 and below 1, not 0.0"),
        (("--val-share", "1"), "is above 0 and below 1, not 1.0"),
        (("--variant", "torchvision"), "trained weights decide which network it is; leave out"),
        (("--width", "0.5"), "trained weights decide which network it is; leave out"),
        (("--normalize", "imagenet"), "input_size must be a finite number above 0 (or 0, where normalize is"),
        (
            ("--normalize", "imagenet", "--input-size", "80", "--resize", "80"),
            "set it to weights (--normalize weights)",
        ),
        (("--batch", "100"), "24 training images do not fill one batch of 100"),
        (("--classifier-lr", "-1"), "classifier_lr must be a finite number of at least 0, not -1"),
    ],
)
def test_bad_input_is_one_sentence(data, weights, tmp_path, capsys, more, says):
    words = ("train", "--weights", weights, "--data", data, "--out", tmp_path / "run", *SHORT, *more)
    assert says in refused(capsys, *words)
    assert not (tmp_path / "run").exists() or not list((tmp_path / "run").glob("*.safetensors"))


def test_weights_that_are_none_are_refused(data, tmp_path, capsys):
    (tmp_path / "text.safetensors").write_text("no weights")
    for name in ("nowhere", tmp_path / "text.safetensors"):
        words = ("train", "--weights", name, "--data", data, "--out", tmp_path / "run", *SHORT)
        assert str(name) in refused(capsys, *words)


def test_the_recipe_wants_weights(data, tmp_path, capsys):
    words = ("train", "--recipe", "finetune", "--data", data, "--out", tmp_path / "run", *SHORT)
    assert "finetune: starts from trained weights, and none are given; --weights names" in refused(
        capsys, *words
    )


def test_a_number_of_classes_that_does_not_fit_is_refused_in_python(data, weights, tmp_path):
    network = load_weights(weights).network
    how = replace(recipe("finetune"), epochs=1, batch=4, workers=0)
    with pytest.raises(TrainingError, match="has 3 outputs, and the data has 2 classes; reset_classifier"):
        train(network, data, how, tmp_path / "run", device="cpu", progress=False)
    network.reset_classifier(2)
    with pytest.raises(TrainingError, match=r"modern: normalize is imagenet, .* set it to weights"):
        train(network, data, replace(recipe("modern"), batch=4), tmp_path / "run", device="cpu")
    train(network, data, how, tmp_path / "run", device="cpu", progress=False)


def test_a_network_whose_layers_are_all_frozen_is_refused(data, tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 80 * 80, 2)).requires_grad_(False)
    how = Recipe(name="x", input_size=80, resize=80, batch=4)
    with pytest.raises(TrainingError, match="All layers are frozen, so that nothing is left to train"):
        train(network, data, how, tmp_path / "run", device="cpu", progress=False)


# ---------------------------------------------------------------------------------- the recipe


def test_the_recipe_is_caffes_example_of_fine_tuning():
    """base_lr 0.001 where from scratch has 0.01; lr_mult 10 and 20 of the new layer; weight_decay 0.0005."""
    tuned, scratch = recipe("finetune"), recipe("paper")
    assert (tuned.lr, tuned.classifier_lr, tuned.bias_lr) == (0.001, 10, 2) and scratch.lr == 0.01
    assert (tuned.momentum, tuned.weight_decay, tuned.augment) == (0.9, 5e-4, "bvlc")


@pytest.mark.parametrize(
    ("size", "resize", "expected"),
    [(0, 0, (80, 90)), (160, 0, (160, 180)), (64, 100, (64, 100)), (0, 96, (80, 96))],
)
def test_sizes_that_are_left_open_are_the_weights(size, resize, expected):
    how = replace(recipe("finetune"), input_size=size, resize=resize)
    made = how.preprocess(WANTS)
    assert (made.crop, made.resize) == expected
    assert replace(made, crop=80, resize=90) == WANTS


@pytest.mark.parametrize(
    "name", ["inception_4c", "inception_4c/output", "mixed4c", "inception4c", "Mixed_4d"]
)
def test_layers_may_be_named_as_others_do(name):
    from inception_lib.training.parts import frozen_names

    names = frozen_names(Network(googlenet(width=0.05)), name)
    assert names[0] == "conv1" and names[-1] == "inception_4c"


def test_frozen_layers_of_another_module_are_its_first_children():
    import torchvision

    from inception_lib.training.parts import frozen, training_mode

    theirs = torchvision.models.googlenet(num_classes=2, aux_logits=False, init_weights=False)
    with frozen(theirs, "inception4e"):
        training_mode(theirs, "inception4e")
        still = {name.split(".")[0] for name, p in theirs.named_parameters() if not p.requires_grad}
        assert {"conv1", "inception3a", "inception4e"} <= still
        assert not theirs.inception4e.branch1.bn.training and theirs.inception5a.branch1.bn.training
        assert theirs.inception5a.training and theirs.fc.weight.requires_grad
    assert all(p.requires_grad for p in theirs.parameters())
    with pytest.raises(TrainingError, match="inception_4e: is no layer of GoogLeNet; what can be"):
        frozen(theirs, "inception_4e").__enter__()


def test_frozen_layers_cost_no_way_back():
    from inception_lib import count
    from inception_lib.training.parts import update_flops

    network = Network(googlenet(classes=10, width=0.25))
    assert update_flops(network, None) == 6 * count(network.architecture).macs
    trunk = count(network.architecture).trunk
    heads = count(network.architecture).macs - trunk.macs
    last = trunk["classifier"].macs.value
    assert update_flops(network, "inception_5b") == 2 * (trunk.macs - last) + 6 * (last + heads)
