"""What a network's layers give as features: how many channels, how much smaller than the input."""

from __future__ import annotations

from typing import NamedTuple

from inception_lib.architecture import Architecture, Branches, Conv, GlobalPool, Layer, Linear, Pool, walk


class FeatureInfo(NamedTuple):
    """The output of a layer.

    Attributes:
        channels: how many, or how many features.
        reduction: how many pixels of the input lie between two neighboring positions, which is the product of
            all strides; None once there is no grid any more (after global pooling).
        size: height and width for an input of the architecture's size; () of a fully connected layer.
    """

    channels: int
    reduction: int | None
    size: tuple[int, ...]


def feature_info(architecture: Architecture) -> dict[str, FeatureInfo]:
    """Of each layer by its path, in order; those of auxiliary heads come last."""
    reductions = _reductions(architecture.layers, "", 1)
    for head in architecture.heads:
        reductions |= _reductions(head.layers, f"{head.name}/", reductions[head.after])
    return {
        step.path: FeatureInfo(step.out_shape[0], reductions[step.path], step.out_shape[1:])
        for step in walk(architecture)
    }


def _reductions(layers: tuple[Layer, ...], prefix: str, reduction: int | None) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for layer in layers:
        path = prefix + layer.name
        match layer:
            case Branches():
                inner = [_reductions(branch.layers, f"{path}/", reduction) for branch in layer.branches]
                for branch in inner:
                    found |= branch
                # all branches end on one grid; one without layers passes its input on
                reduction = next((list(branch.values())[-1] for branch in inner if branch), reduction)
            case Conv() | Pool():
                reduction = reduction and reduction * layer.stride
            case GlobalPool() | Linear():
                reduction = None
        found[path] = reduction
    return found
