"""Initial values of a network's parameters."""

from __future__ import annotations

from typing import Literal

import torch
from torch import nn

from inception_lib.nn import layers


def initialize(
    network: nn.Module, generator: torch.Generator | None = None, scheme: Literal["xavier", "he"] = "xavier"
) -> None:
    """Set all parameters in place to initial values, on which the paper is silent.

    `xavier` are BVLC's. Weights are uniform in ±sqrt(3 / fan_in), which is Caffe's "xavier"; fan_in
    counts the inputs of one output. Biases are 0.2 where a ReLU follows, so that it starts open, and 0
    elsewhere, that is on the classifiers. Batch normalization and a trained scale start as the identity.

    `he` keeps the variance of the signal through ReLUs: weights are normal with variance 2 / fan_in and
    biases 0; weights of the classifiers are normal with deviation 0.01, so that all classes begin as
    equally probable.

    Sources: models/bvlc_googlenet/train_val.prototxt and Caffe's `XavierFiller`; He et al. 2015.
    """
    fill = {"xavier": _xavier, "he": _he}[scheme]
    for module in network.modules():
        match module:
            case layers.Conv():
                fill(module.conv, module.relu is not None, generator)
            case layers.Linear():
                fill(module.linear, module.relu is not None, generator)
            case nn.BatchNorm2d() | layers.Scale():
                if isinstance(module, nn.BatchNorm2d):
                    module.reset_running_stats()
                nn.init.ones_(module.weight)
                nn.init.zeros_(module.bias)


def _xavier(part: nn.Conv2d | nn.Linear, relu: bool, generator: torch.Generator | None) -> None:
    bound = (3 / part.weight[0].numel()) ** 0.5
    nn.init.uniform_(part.weight, -bound, bound, generator=generator)
    if part.bias is not None:
        nn.init.constant_(part.bias, 0.2 if relu else 0.0)


def _he(part: nn.Conv2d | nn.Linear, relu: bool, generator: torch.Generator | None) -> None:
    deviation = (2 / part.weight[0].numel()) ** 0.5 if relu else 0.01
    nn.init.normal_(part.weight, 0, deviation, generator=generator)
    if part.bias is not None:
        nn.init.zeros_(part.bias)
