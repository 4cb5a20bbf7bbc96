"""Where tensors are and of what type: what other devices need, checked on a machine that has none of them.

A pretended CUDA device (FakeTensorMode) refuses an operation between two devices, as the real one would; on
the meta device the backward pass runs as well. A dispatch mode sees every operation of an update, and so
each wait for the device and each float64, which Apple's GPUs do not have.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inception_lib import googlenet
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.distributed import Team
from inception_lib.nn.network import Network
from inception_lib.training.average import Average
from inception_lib.training.loop import Training
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import build, clip_gradients, losses, total_loss

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
