"""The arms of `benchmarks/small_experiments.py`: what is exchanged in each, and what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from small_experiments import ARMS

from inception_lib import count
from inception_lib.architecture import LRN, Branches, Conv, Linear, walk
from inception_lib.book import results
from inception_lib.nn.network import Network
from inception_lib.training.recipes import network_options, recipe

BASE = replace(network_options("tiny"), heads=False).architecture(10, recipe("tiny").input_size)
BUILT = {arm: make(BASE) for arm, make in ARMS.items()}


def modules(network):
    return [layer for layer in network.layers if isinstance(layer, Branches)]


@pytest.mark.parametrize("arm", ARMS)
def test_an_arm_is_a_network_of_ten_classes(arm):
    network = Network(BUILT[arm])
    assert network(torch.zeros(2, 3, 80, 80)).logits.shape == (2, 10)
    assert sum(p.numel() for p in network.parameters()) == count(BUILT[arm]).parameters


@pytest.mark.parametrize("arm", ["naive", "single"])
def test_modules_of_another_kind_cost_as_much_and_no_more(arm):
    paper = count(BASE).macs
    assert 0.98 * paper < count(BUILT[arm]).macs <= paper


def test_only_the_named_part_is_exchanged():
    shapes = {
        arm: [count(network).groups[m.name].out_shape for m in modules(network)]
        for arm, network in BUILT.items()
    }
    assert all(shapes[arm] == shapes["paper"] for arm in ARMS if arm != "naive")
    assert [len(m.branches) for m in modules(BUILT["single"])] == [1] * 9
    assert {len(b.layers) for m in modules(BUILT["naive"]) for b in m.branches} == {1}
    lrn = {arm: sum(isinstance(layer, LRN) for layer in network.layers) for arm, network in BUILT.items()}
    assert lrn == dict.fromkeys(ARMS, 2) | {"none": 0, "batch_norm": 0}
    convolutions = [step.layer for step in walk(BUILT["batch_norm"]) if isinstance(step.layer, Conv)]
    assert len(convolutions) == 57 and all(conv.batch_norm and not conv.bias for conv in convolutions)
    connected = [layer for layer in BUILT["connected"].layers if isinstance(layer, Linear)]
    assert len(connected) == 2 and connected[0].relu and not connected[1].relu


def test_the_record_is_of_these_networks():
    for run in results.load("small_experiments").outcome["runs"]:
        counts = count(BUILT[run["arm"]])
        assert (run["macs"], run["parameters"]) == (counts.macs, counts.parameters)
