"""Gradients by the loss they come from: apart they are right, together they are those of the training."""

import math

import pytest
import torch
from torch import nn

from inception_lib import googlenet
from inception_lib.book.gradients import by_module, gradients, norms
from inception_lib.nn.network import Network
from inception_lib.training.step import losses, total_loss

LABELS = torch.tensor([0, 2])


@pytest.fixture
def network():
    architecture = googlenet(width=0.05, classes=3, input_size=80)
    return Network(architecture, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def pictures():
    return torch.randn(2, 3, 80, 80, generator=torch.Generator().manual_seed(1))


def test_the_parts_add_up_to_the_gradient_of_a_training(network, pictures):
    parts = gradients(network, pictures, LABELS, aux_weight=0.7)
    for module in network.train().modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    total_loss(losses(network(pictures), LABELS), 0.7).backward()
    for conv, of_main in parts["main"].items():
        whole = sum(parts[part][conv] for part in parts if conv in parts[part])
        torch.testing.assert_close(whole, network.get_submodule(conv).weight.grad)
        assert of_main.shape == whole.shape


def test_a_heads_gradient_reaches_the_layers_below_it_and_no_other(network, pictures):
    parts = gradients(network, pictures, LABELS)
    reached = {part: list(by_module(of_convs)) for part, of_convs in norms(parts).items()}
    assert reached["main"] == [
        "conv1",
        "conv2_reduce",
        "conv2",
        "3a",
        "3b",
        "4a",
        "4b",
        "4c",
        "4d",
        "4e",
        "5a",
        "5b",
    ]
    assert reached["aux1"] == reached["main"][:6] and reached["aux2"] == reached["main"][:9]


def test_the_weight_multiplies_the_heads_part_alone(network, pictures):
    one, ten = (norms(gradients(network, pictures, LABELS, aux_weight=w)) for w in (1.0, 10.0))
    assert ten["main"] == one["main"]
    assert ten["aux2"] == pytest.approx({conv: 10 * norm for conv, norm in one["aux2"].items()}, rel=1e-4)


def test_without_heads_there_is_the_main_part(pictures):
    plain = Network(googlenet(width=0.05, classes=3, input_size=80, heads=False))
    assert list(gradients(plain, pictures, LABELS)) == ["main"]


@pytest.mark.parametrize("mode", [True, False])
def test_the_network_is_left_as_it_was(network, pictures, mode):
    network.train(mode)
    first, second = (norms(gradients(network, pictures, LABELS)) for _ in range(2))
    assert first == second  # no dropout
    assert all(module.training is mode for module in network.modules())
    assert all(p.grad is None for p in network.parameters())


def test_norms_join_as_the_root_of_squares():
    joined = by_module({"conv1.conv": 2.0, "inception_3a.1x1.conv": 3.0, "inception_3a.5x5_reduce.conv": 4.0})
    assert joined == {"conv1": 2.0, "3a": math.hypot(3, 4)}


def test_the_network_is_left_as_it_was_with_batch_normalization_too():
    """Its running statistics would move at every forward pass in training mode."""
    network = Network(googlenet("torchvision", width=0.05, classes=3, input_size=80)).eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    gradients(network, torch.randn(2, 3, 80, 80), torch.tensor([0, 1]))
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert not any(module.training for module in network.modules())
    assert all(p.grad is None for p in network.parameters())
