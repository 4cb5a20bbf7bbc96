"""Which channels the chapter "What it sees" shows: the same for their images and for their maps."""

from __future__ import annotations

import random
from typing import NamedTuple

from inception_lib.architecture import Architecture, Branches, walk


class Tile(NamedTuple):
    """A channel of the layer that ends a branch of a module."""

    module: str
    branch: str
    path: str
    channel: int


def tiles_of(architecture: Architecture, channels: int = 4, seed: int = 0) -> list[Tile]:
    """So many channels of each branch of each module, or all that it has, drawn by the seed."""
    widths = {step.path: step.out_shape[0] for step in walk(architecture)}
    found = []
    for module in architecture.layers:
        for branch in module.branches if isinstance(module, Branches) else ():
            path = f"{module.name}/{branch.layers[-1].name}"
            drawn = random.Random(f"{seed} {path}").sample(range(widths[path]), min(channels, widths[path]))
            found += [Tile(module.name, branch.name, path, channel) for channel in sorted(drawn)]
    return found
