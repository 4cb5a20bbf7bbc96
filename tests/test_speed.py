"""What an update takes of a device: operations and memory traffic, against sums done by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from inception_lib.architecture import Architecture, Conv, GlobalPool, Linear
from inception_lib.distributed import Team
from inception_lib.nn.network import Network
from inception_lib.training import speed
from inception_lib.training.parts import update_flops, update_traffic
from inception_lib.training.recipes import Recipe

ARCHITECTURE = Architecture(
    name="small",
    input=(3, 8, 8),
    layers=(
        Conv(name="conv", out_channels=4, kernel=3, padding=1),
        GlobalPool(name="pool"),
        Linear(name="classes", out_features=10),
    ),
)
CONV, POOL, CLASSES = (3 * 64, 4 * 64), (4 * 64, 4), (4, 10)  # values read and written
PARAMETERS = 4 * 27 + 4, 4 * 10 + 10


@pytest.mark.parametrize("value", [2, 4])
@pytest.mark.parametrize("parts", [1, 2])
def test_memory_traffic_of_an_update(value, parts):
    network = Network(ARCHITECTURE)
    images = sum(3 * read + 2 * written for read, written in (CONV, POOL, CLASSES))
    weights = sum(PARAMETERS) * (3 * parts + 5)
    assert update_traffic(network, None, 16, parts, value) == value * images + 4 * weights / 16


def test_a_frozen_layer_has_no_way_back():
    images = sum(CONV) + 3 * POOL[0] + 2 * POOL[1] + 3 * CLASSES[0] + 2 * CLASSES[1]
    weights = PARAMETERS[0] + 8 * PARAMETERS[1]
    assert update_traffic(Network(ARCHITECTURE), "conv", 1) == 4 * images + 4 * weights


def test_shares_are_of_all_devices_and_of_their_rates(monkeypatch):
    monkeypatch.setattr(speed, "matmul_flops", lambda device, kind: 1e6 if kind is None else 2e6)
    monkeypatch.setattr(speed, "copy_rate", lambda device: 1e5)
    recipe, network = Recipe(name="r", batch=32, precision="bfloat16"), Network(ARCHITECTURE)
    found = speed.shares(network, recipe, Team(0, 2, torch.device("cpu")))
    assert found["flops_share"] == update_flops(network, None) / 2e6 / 2
    assert found["traffic_share"] == update_traffic(network, None, 16, 1, 2) / 1e5 / 2
    wide = speed.shares(network, replace(recipe, precision="auto"), Team(0, 1, torch.device("cpu")))
    assert wide["flops_share"] == update_flops(network, None) / 1e6
    # of anybody's module the operations are not known
    assert set(speed.shares(nn.Linear(2, 2), recipe, Team(0, 1, torch.device("cpu"))).values()) == {0.0}
