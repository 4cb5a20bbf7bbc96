"""Where the gradients of a network with heads come from: the main loss, or the loss of a head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from inception_lib.book.norms import by_module as by_module
from inception_lib.nn.network import Network
from inception_lib.training.step import losses

PARTS = ("main", "aux1", "aux2")


def gradients(
    network: Network, pictures: Tensor, labels: Tensor, aux_weight: float = 0.3
) -> dict[str, dict[str, Tensor]]:
    """The gradient of the main loss and of each head's weighted loss, apart from each other.

    Added up they are the gradient that a training follows. Dropout is off, so that the same call gives the
    same numbers; the network's mode, its running statistics and its own `.grad` stay as they were.

    Args:
        network: any with at most two heads; without heads there is only `main`.
        pictures: (batch, channels, height, width), normalized as the network wants them.
        labels: (batch,), whole numbers.
        aux_weight: multiplies the losses of the heads. The paper, section 5: 0.3.

    Returns:
        For each of `PARTS` that the network has, by convolution of the trunk (`conv1.conv`,
        `inception_3a.5x5_reduce.conv`) the gradient in its weights. Convolutions that a head does not
        stand on are left out of its part.
    """
    modes = {module: module.training for module in network.modules()}
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    # batch normalization in training mode moves its running statistics: those of these copies
    statistics = {name: buffer.clone() for name, buffer in network.named_buffers()}
    try:
        found = losses(torch.func.functional_call(network, statistics, (pictures,)), labels)
    finally:
        for module, mode in modes.items():
            module.training = mode
    convs = {
        name: m.weight
        for name, m in network.named_modules()
        if isinstance(m, nn.Conv2d) and not name.startswith("aux")
    }
    parts = {}
    for name, weight, loss in zip(PARTS, (1, aux_weight, aux_weight), found, strict=False):
        of_part = torch.autograd.grad(
            weight * loss, list(convs.values()), retain_graph=True, allow_unused=True
        )
        parts[name] = {conv: g for conv, g in zip(convs, of_part, strict=True) if g is not None}
    return parts


def norms(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, float]]:
    """The Euclidean norm of each gradient."""
    return {part: {conv: float(g.norm()) for conv, g in of_part.items()} for part, of_part in parts.items()}
