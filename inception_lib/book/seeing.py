"""The chapter "What it sees": which channels it shows, and the pictures that were recorded."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
from PIL import Image

from inception_lib.architecture import Architecture, Branches, walk
from inception_lib.book import results


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


def recorded_picture(name: str) -> Image.Image:
    """A picture beside the records, in RGB."""
    with Image.open(results.folder() / name) as picture:
        return picture.convert("RGB")


def recorded_filters(name: str = "what_it_sees") -> np.ndarray:
    """(filters, height, width, 3) in uint8: the first convolution's, recorded in rows of eight."""
    outcome = results.load(name).outcome
    sheet, side = np.asarray(recorded_picture(outcome["filter_sheet"])), outcome["filter_pixels"]
    cells = sheet.reshape(-1, side, sheet.shape[1] // side, side, 3).swapaxes(1, 2)
    return cells.reshape(-1, side, side, 3)[: outcome["filters"]]
