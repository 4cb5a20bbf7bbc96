"""Pictures of the chapter "What it sees": filters, optimized images, and photographs lit by maps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from inception_lib.book.figures.style import branch_color

DARK = 0.25  #: of a photograph's light where a map is 0, as in the widget


def lit(photograph: Image.Image, values: np.ndarray) -> Image.Image:
    """The photograph, dark but where a map (height, width) is bright; nothing below 0 counts."""
    light = np.maximum(values, 0) / max(float(np.max(values)), 1e-30)
    spread = Image.fromarray(light.astype(np.float32)).resize(photograph.size, Image.Resampling.BICUBIC)
    share = DARK + (1 - DARK) * np.clip(np.asarray(spread), 0, 1)
    return Image.fromarray((np.asarray(photograph) * share[..., None]).astype(np.uint8))


def plot_filters(filters: np.ndarray, columns: int = 16) -> Figure:
    """Filters (n, height, width, 3) in uint8, side by side, each weight a square."""
    n, height, width, _ = filters.shape
    rows = -(-n // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(7.2, 7.2 * rows / columns), squeeze=False)
    fig.subplots_adjust(0, 0, 1, 1, 0.08, 0.08)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, one in zip(axes.flat, filters, strict=False):
        ax.imshow(one.repeat(56 // height, 0).repeat(56 // width, 1), interpolation="none")
    return fig


def plot_tiles(sheet: Image.Image, tiles: Sequence[Mapping[str, Any]], side: int) -> Figure:
    """One optimized image of each branch, a row, and of each module, a column, as they are recorded."""
    modules = list(dict.fromkeys(tile["module"] for tile in tiles))
    branches = list(dict.fromkeys(tile["branch"] for tile in tiles))
    first = {(tile["module"], tile["branch"]): tile for tile in reversed(tiles)}
    fig, axes = plt.subplots(
        len(branches), len(modules), figsize=(7.2, 7.2 * len(branches) / max(len(modules), 5)), squeeze=False
    )
    fig.subplots_adjust(0, 0, 1, 1, 0.05, 0.05)
    for (row, column), ax in np.ndenumerate(axes):
        tile = first[modules[column], branches[row]]
        corner = tile["left"], tile["top"]
        ax.imshow(sheet.crop((*corner, corner[0] + side, corner[1] + side)), interpolation="none")
        ax.set(xticks=[], yticks=[])
        for edge in ax.spines.values():
            edge.set_visible(False)
        if row == 0:
            ax.set_title(modules[column].removeprefix("inception_"), fontsize=10, loc="center")
        if column == 0:
            ax.set_ylabel(branches[row], fontsize=10, fontweight="bold", labelpad=6)
            ax.spines["left"].set(visible=True, color=branch_color(branches[row]), linewidth=4)
    return fig


def plot_pictures(pictures: Mapping[str, Image.Image], columns: int) -> Figure:
    """Pictures of one shape with their names above, in rows."""
    width, height = next(iter(pictures.values())).size
    rows, each = -(-len(pictures) // columns), 7.2 / columns
    size = (7.2, rows * (each * height / width + 0.25))
    fig, axes = plt.subplots(rows, columns, figsize=size, squeeze=False, layout="constrained")
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (name, picture) in zip(axes.flat, pictures.items(), strict=False):
        ax.imshow(picture, interpolation="none")
        ax.set_title(name, fontsize=10)
    return fig
