"""Where tensors are and of what type: what other devices need, checked on a machine that has none of them.

A pretended CUDA device (FakeTensorMode) refuses an operation between two devices, as the real one would. The
backward pass asks for the device itself, and no CUDA device is here: it runs on a pretended `lazy` one, whose
tensors are no less apart from the CPU's, and on the meta device. A dispatch mode sees every operation of an
update, and so each wait for the device and each float64, which Apple's GPUs do not have.
"""

from __future__ import annotations

import importlib
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inception_lib import googlenet
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.data.loading import Batch
from inception_lib.distributed import Team
from inception_lib.evaluation.crops import cut, levels, pixels
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.evaluation.reading import softmax
from inception_lib.nn.network import Network
from inception_lib.training.average import Average
from inception_lib.training.loop import Training
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import build, clip_gradients, losses, total_loss
from inception_lib.training.validation import validate
from inception_lib.weights.info import Loaded, Weights

SIDE = 80
RECIPE = Recipe(
    name="placement",
    input_size=SIDE,
    resize=SIDE,
    batch=4,
    epochs=2,
    clip=1,
    label_smoothing=0.1,
    average="ema",
    augment="none",
    initial="he",
)
VARIANTS = pytest.mark.parametrize("variant", ["paper", "torchvision"])


def architecture(variant):
    return googlenet(variant, width=0.05, classes=3, input_size=SIDE)


@VARIANTS
@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_forward_and_losses_on_a_pretended_gpu(variant, preprocess):
    """From bytes to losses no tensor is left on the CPU."""
    with FakeTensorMode():
        with torch.device("cuda"):
            network = Network(architecture(variant)).train()
            pictures = torch.empty(4, SIDE, SIDE, 3, dtype=torch.uint8)
            labels = torch.zeros(4, dtype=torch.long)
        x = preprocess.batch(pictures)
        parts = losses(network(x), labels, 0.1)
        loss = total_loss(parts, (0.3, 0.3))
        assert x.device.type == loss.device.type == "cuda" and loss.dtype == torch.float32
        assert network.eval()(x).logits.device.type == "cuda"


@VARIANTS
def test_a_whole_update_on_the_meta_device(variant):
    """Forward, losses, backward, clipping and the average, where a tensor of another device is an error."""
    with torch.device("meta"):
        network = Network(architecture(variant)).train()
    average = Average(network, "ema")
    x = torch.empty(4, 3, SIDE, SIDE, device="meta").contiguous(memory_format=torch.channels_last)
    loss = total_loss(losses(network(x), torch.zeros(4, dtype=torch.long, device="meta")), (0.3, 0.3))
    loss.backward()
    norm = clip_gradients(network, 1.0)
    average.update(network)
    tensors = [loss, norm, *(p.grad for p in network.parameters()), *average.network.parameters()]
    assert all(t.device.type == "meta" and t.dtype == torch.float32 for t in tensors)


class Watch(TorchDispatchMode):
    """Notes what would make an accelerator wait, and what some of them cannot compute."""

    WAITS = ("_local_scalar_dense", "equal.default", "is_nonzero", "nonzero", "item")

    def __init__(self):
        super().__init__()
        self.waits, self.wide, self.operations = [], [], 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.operations += 1
        if any(name in str(function) for name in self.WAITS):
            self.waits.append(str(function))
        out = function(*args, **(kwargs or {}))
        if any(isinstance(t, torch.Tensor) and t.dtype == torch.float64 for t in tree_leaves(out)):
            self.wide.append(str(function))
        return out


@VARIANTS
@pytest.mark.parametrize(
    "fields", [{}, {"precision": "bfloat16"}, {"clip": None, "average": "polyak"}, {"accumulate": 2}]
)
def test_an_update_neither_waits_for_the_device_nor_uses_float64(variant, fields):
    images = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    data = Data("noise", ("a", "b", "c"), np.arange(8) % 3, Arrays(images))
    recipe = replace(RECIPE, **fields)
    members = Team(0, 1, torch.device("cpu"))
    training = Training(
        build(architecture(variant), recipe), "noise", (data, data), recipe, Path("unused"), members
    )
    training.network.train()
    first, second = training.loader.training(0)
    training._update(training.network, first)  # the optimizer makes its state in the first
    with Watch() as watch:
        training._update(training.network, second)
    assert watch.operations > 300
    assert watch.waits == [] and watch.wide == []


class Pretended(Team):
    """One process on a device that does not exist; sums over all processes are known there."""

    def total(self, values):
        return Known(values)


class Known:
    def __init__(self, values):
        assert values.device.type == "cpu"
        self.values = values

    def tolist(self):
        return [1.0] * len(self.values)


@pytest.fixture
def lazy(monkeypatch):
    """A pretended device on which everything runs that a training does."""
    optim = importlib.import_module("torch.optim.optimizer")
    monkeypatch.setattr(optim, "_get_fused_kernels_supported_devices", lambda: ["lazy"])
    rules = importlib.import_module("torch.optim.sgd")

    def fused(*tensors, grad_scale, found_inf, **settings):  # fake tensors do not know the fused rule
        assert found_inf.device.type == "lazy"
        rules._multi_tensor_sgd(*tensors, grad_scale=None, found_inf=None, **settings)

    monkeypatch.setattr(rules, "_fused_sgd", fused)
    monkeypatch.setattr(torch, "autocast", lambda *args, **more: nullcontext())  # unknown there
    # made there, and not moved: the parameters of a module cannot be exchanged for fake ones
    monkeypatch.setattr(Network, "to", lambda network, *args, **more: network)
    with FakeTensorMode():
        yield torch.device("lazy", 0)


def trained_on(device, variant, **fields):
    recipe = replace(RECIPE, average="none", **fields)  # a fake network's copy is of another world
    images = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
    data = Data("noise", ("a", "b", "c"), np.arange(8) % 3, Arrays(images))
    with device:
        made = Network(architecture(variant))
    return Training(made, "noise", (data, data), recipe, Path("unused"), Pretended(0, 1, device))


@VARIANTS
@pytest.mark.parametrize(
    "fields",
    [{}, {"clip": None}, {"accumulate": 2}, {"channels_last": False}],
    ids=str,
)
def test_a_whole_update_and_a_validation_on_a_pretended_device(lazy, variant, fields):
    training = trained_on(lazy, variant, **fields)
    training.network.train()
    pictures = torch.zeros(4, SIDE, SIDE, 3, dtype=torch.uint8)
    batches = [Batch(pictures, torch.zeros(4, dtype=torch.long), []) for _ in range(2)]
    for batch in batches:
        training._update(training.network, batch)
    found = validate(training.result(), iter(batches), training.members, training._input)
    assert training.updates == 2 and set(found) == {"val_loss", "top1", "top5"}
    state = training.optimizer.state_dict()["state"].values()
    kept = [t for s in state for t in s.values()] + [p.grad for p in training.network.parameters()]
    kept += [training.sums._recent, training.sums._broken]
    kept += [*training.network.parameters(), *training.network.buffers()]
    assert {t.device.type for t in kept} == {"lazy"}


@pytest.mark.parametrize("crops", [10, 144])
@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_crops_and_their_answers_on_a_pretended_gpu(crops, preprocess):
    """From the picture, which is on the CPU, to the mean of the views' answers, there again."""
    wanted = replace(preprocess, crop=SIDE, resize=96)
    picture = Image.fromarray(np.zeros((120, 90, 3), np.uint8))
    with FakeTensorMode(allow_non_fake_inputs=True):
        with torch.device("cuda"):
            network = Network(architecture("paper")).eval()
        planned = plan(scheme(crops, wanted), 90, 120, wanted)
        sizes = levels(pixels(picture).to("cuda"), sorted({view.scale for view in planned}), wanted)
        views = cut(sizes, planned, wanted)
        loaded = Loaded(network, Weights(name="none", architecture=network.architecture, preprocess=wanted))
        (answers,) = softmax([loaded], views, 16)
        assert views.device.type == answers.device.type == "cuda" and answers.shape == (crops, 3)
