"""Where the gradients of a network with heads come from: the main loss, or the loss of a head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.func import functional_call

from inception_lib.book.norms import by_module as by_module
from inception_lib.nn.network import Network
from inception_lib.training.step import losses

PARTS = ("main", "aux1", "aux2")


def gradients(
    network: Network, pictures: Tensor, labels: Tensor, aux_weight: float | None = None
) -> dict[str, dict[str, Tensor]]:
    """The gradient of the main loss and of each head's weighted loss, apart from each other.

    Added up they are the gradient that a training follows. Dropout is off, so that the same call gives the
    same numbers. The network stays as it was: its mode, its `.grad`, and the running statistics of batch
    normalization, which uses the batch's as in a training.

    Args:
        network: any; without heads there is only `main`. Frozen parameters have gradients too.
        pictures: (batch, channels, height, width), normalized as the network wants them.
        labels: (batch,), whole numbers.
        aux_weight: multiplies the losses of the heads; where None, each head's own `loss_weight` does.

    Returns:
        For each of `PARTS` that the network has, by convolution of the trunk (`conv1.conv`,
        `inception_3a.5x5_reduce.conv`) the gradient in its weights. Convolutions that a head does not
        stand on are left out of its part.
    """
    heads = network.architecture.heads
    convs = {
        name: m.weight.detach().requires_grad_()
        for name, m in network.named_modules()
        if isinstance(m, nn.Conv2d) and name.partition(".")[0] not in {head.name for head in heads}
    }
    tensors = {f"{name}.weight": weight for name, weight in convs.items()}
    tensors |= {name: buffer.clone() for name, buffer in network.named_buffers()}
    modes = {module: module.training for module in network.modules()}
    network.train()
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    try:
        with torch.enable_grad():
            found = losses(functional_call(network, tensors, (pictures,)), labels)
    finally:
        for module, mode in modes.items():
            module.training = mode
    weights = (1.0, *(head.loss_weight if aux_weight is None else aux_weight for head in heads))
    parts = {}
    for name, weight, loss in zip(PARTS, weights, found, strict=False):
        of_part = torch.autograd.grad(loss, list(convs.values()), retain_graph=True, allow_unused=True)
        parts[name] = {conv: weight * g for conv, g in zip(convs, of_part, strict=True) if g is not None}
    return parts


def norms(parts: Mapping[str, Mapping[str, Tensor]]) -> dict[str, dict[str, float]]:
    """The Euclidean norm of each gradient."""
    return {part: {conv: float(g.norm()) for conv, g in of_part.items()} for part, of_part in parts.items()}
