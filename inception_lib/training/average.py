"""Averages of the weights over a training: Polyak's mean of the last part, or a moving one."""

from __future__ import annotations

import copy
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Average:
    """A copy of a network whose weights follow an average of the network's.

    `polyak`: the mean of the weights after each update since the averaging began (Polyak and Juditsky 1992).
    `ema`: at each update the average keeps a share of itself, min(decay, (1 + n) / (10 + n)) after n updates,
    so that in a short run, too, it forgets the initial weights. Running statistics of normalization are
    averaged with the weights; counters are copied.

    Args:
        network: to follow; its weights of now are the average's first.
        kind: of average.
        decay: the largest share that a moving average keeps.
    """

    def __init__(self, network: nn.Module, kind: Literal["polyak", "ema"], decay: float = 0.999) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.kind, self.decay, self.updates = kind, decay, 0

    def keep(self) -> float:
        """The share that the average keeps of itself at the next update."""
        if self.kind == "polyak":
            return self.updates / (self.updates + 1)
        return min(self.decay, (1 + self.updates) / (10 + self.updates))

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's weights of now."""
        pairs = list(zip(_tensors(self.network), _tensors(network), strict=True))
        floats = [(mine, its) for mine, its in pairs if mine.is_floating_point()]
        torch._foreach_lerp_([mine for mine, _ in floats], [its for _, its in floats], 1 - self.keep())
        for mine, its in pairs:
            if not mine.is_floating_point():
                mine.copy_(its)
        self.updates += 1

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"updates": self.updates, "network": self.network.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what a checkpoint kept."""
        self.network.load_state_dict(state["network"])
        self.updates = state["updates"]


def _tensors(network: nn.Module) -> list[Tensor]:
    return [*network.parameters(), *network.buffers()]
