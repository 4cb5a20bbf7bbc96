"""What a recipe leaves open, decided for a device; and a compiler that is not there, or fails."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import pytest
import torch
from runs import QUICK, changed, run_on, same, two_classes, weights_of
from torch import nn

from inception_lib import googlenet
from inception_lib.cli.train import with_values
from inception_lib.nn import layers, lrn_triton
from inception_lib.nn.network import Network
from inception_lib.training import forms
from inception_lib.training.forms import settled
from inception_lib.training.train import train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHORT = changed(epochs=1)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def plain(data, tmp_path_factory):
    """What an epoch without a compiler gives, with batch normalization."""
    return run_on(data, BATCH_NORM, tmp_path_factory.mktemp("plain") / "run")


BATCH_NORM = changed(SHORT, variant="torchvision", precision="float32")


@pytest.fixture
def network():
    return Network(googlenet(width=0.05, classes=3, input_size=80))


@pytest.mark.parametrize(
    ("device", "updates", "fault", "precision", "compiled"),
    [
        (CPU, 10**6, "", "float32", False),
        (CUDA, 10**6, "", "bfloat16", True),
        (CUDA, forms.PAYS_FROM, "", "bfloat16", True),
        (CUDA, forms.PAYS_FROM - 1, "", "bfloat16", False),
        (CUDA, 10**6, "no C compiler", "bfloat16", False),
        (torch.device("mps"), 10**6, "", "float32", False),
    ],
)
def test_what_is_left_open_suits_the_device(
    monkeypatch, network, device, updates, fault, precision, compiled
):
    monkeypatch.setattr(lrn_triton, "fault", lambda device: fault)
    found = settled(QUICK.recipe, network, device, updates)
    assert (found.precision, found.compile) == (precision, compiled)
    # of anybody's module nobody knows whether it can be compiled
    assert settled(QUICK.recipe, nn.Linear(2, 2), device, updates).compile is False


@pytest.mark.parametrize("compiled", [True, False])
def test_what_is_said_stands(monkeypatch, network, compiled):
    monkeypatch.setattr(lrn_triton, "fault", lambda device: "" if not compiled else "none")
    recipe = changed(compile=compiled, precision="float16").recipe
    assert settled(recipe, network, CUDA, 10**6) == settled(recipe, network, CPU, 1) == recipe


def test_the_command_line_takes_flags_and_values():
    words = ["train", "--compile", "--lr", "1", "--no-compile"]
    assert with_values(words) == ["train", "--compile", "True", "--lr", "1", "--compile", "False"]
    assert with_values(["--compile", "None"]) == ["--compile", "None"]
    assert with_values([]) == []


def test_the_trial_before_the_first_update_leaves_no_trace(monkeypatch, data, plain, tmp_path):
    seen = []
    monkeypatch.setattr(torch, "compile", lambda step, **options: lambda x: seen.append(x) or step(x))
    run = run_on(data, changed(BATCH_NORM, compile=True), tmp_path / "run")
    assert len(seen) == 7 and seen[0].shape == seen[1].shape and seen[0].stride() == seen[1].stride()
    assert run.recipe.compile is True and same(weights_of(run.folder), weights_of(plain.folder))


def test_compiled_it_gives_the_same_losses(monkeypatch, data, tmp_path):
    monkeypatch.setattr(layers, "_SMALL", 0)  # traced, no 1x1 convolution is computed in another way
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    plain = run_on(data, BATCH_NORM, tmp_path / "plain")
    run = run_on(data, changed(BATCH_NORM, compile=True), tmp_path / "run")
    for name in ("loss", "aux1", "aux2", "val_loss"):
        assert run.history[0][name] == pytest.approx(plain.history[0][name], rel=1e-5)


def test_without_a_compiler_it_trains_all_the_same(monkeypatch, data, tmp_path, capfd):
    """Inductor is told of a C++ compiler that does not exist; it looks for one when all is traced."""
    import torch._inductor.config as inductor

    def small():
        torch.manual_seed(0)
        parts = (nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        return nn.Sequential(*parts, nn.Linear(4, 2))

    def run_of(folder, **more):
        recipe = replace(SHORT.recipe, precision="float32", **more)
        return train(small(), str(data), recipe, folder, device="cpu", progress=bool(more))

    plain = run_of(tmp_path / "plain")
    monkeypatch.setattr(inductor.cpp, "cxx", ("no-such-compiler",))
    with inductor.patch(force_disable_caches=True):
        run = run_of(tmp_path / "run", compile=True)
    assert same(weights_of(run.folder), weights_of(plain.folder))
    said = [line for line in capfd.readouterr().err.splitlines() if "torch.compile does not work" in line]
    assert len(said) == 1 and "trains without" in said[0]
    about = json.loads((run.folder / "recipe.json").read_text())
    assert run.recipe.compile is about["recipe"]["compile"] is False


class Breaks(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x.clone()

    @staticmethod
    def backward(ctx, grad):
        raise RuntimeError("the backward pass cannot be lowered\nand so on")


def test_a_backward_pass_that_cannot_be_compiled_is_found_before_the_first_update(
    monkeypatch, data, plain, tmp_path, capfd
):
    def compiled(step, **options):
        return lambda x: Breaks.apply(step(x).logits)

    monkeypatch.setattr(torch, "compile", compiled)
    run = run_on(data, changed(BATCH_NORM, compile=True), tmp_path / "run", progress=True)
    assert same(weights_of(run.folder), weights_of(plain.folder))
    assert "(the backward pass cannot be lowered): the network trains without" in capfd.readouterr().err
