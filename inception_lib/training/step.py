"""What one update is made of: the network at its start, the optimizer, and the three losses."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib.nn.network import Network, Output, initialize
from inception_lib.training.recipes import Recipe

HEADS = ("logits", "aux1", "aux2")


def build(recipe: Recipe, classes: int) -> Network:
    """The network of a recipe with its initial weights, on the CPU."""
    seed = recipe.seed if recipe.init_seed is None else recipe.init_seed
    generator = torch.Generator().manual_seed(seed)
    network = Network(recipe.architecture(classes), generator=generator)
    initialize(network, generator, recipe.initial)
    if not recipe.dropout:
        for module in network.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
    return network


def optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with one group for the weights and one for biases and normalization, which do not decay.

    Each group's `lr_scale` multiplies the recipe's learning rate.
    """
    weights = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    return torch.optim.SGD(
        [
            {"params": weights, "weight_decay": recipe.weight_decay, "lr_scale": 1.0},
            {"params": others, "weight_decay": 0.0, "lr_scale": recipe.bias_lr},
        ],
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        fused=True,
    )


def losses(output: Output, labels: Tensor, smoothing: float = 0.0) -> list[Tensor]:
    """Cross-entropy of the classifier and of each head that ran, each a mean over the batch."""
    return [F.cross_entropy(o.float(), labels, label_smoothing=smoothing) for o in output if o is not None]


def total_loss(parts: list[Tensor], aux_weight: float) -> Tensor:
    """Main loss + aux_weight * (loss of the first head + loss of the second): the paper, section 5."""
    return parts[0] + aux_weight * sum(parts[1:])
