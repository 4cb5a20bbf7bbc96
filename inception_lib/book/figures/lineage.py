"""The networks before GoogLeNet: drawn to scale, layer by layer, and what one of them does to an image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from inception_lib.architecture import Branches, Conv, Linear
from inception_lib.book.figures.style import COLORS, INK, WIDE, branch_color, plt
from inception_lib.counting import Counts, count
from inception_lib.history import NETWORKS, Milestone, Name, Procedure

_MAPS, _CONNECTED = COLORS["violet"], COLORS["accent"]  # layers on feature maps, and fully connected ones
_LAYER, _GAP = 18, 6  # how wide a layer is drawn, and what is between two
_LARGEST = 128  # side of the largest square of costs
_WIDE, _COSTS, _COST = 1250, 730, 188  # the drawing; where the columns of costs begin, how far they are apart


def draw_lineage(names: Sequence[Name], images: Mapping[Name, Any], procedure: Procedure) -> Figure:
    """Networks one under the other: a bar for each layer, and squares for what they cost.

    A bar is as high as the square root of the side of its feature maps, or of the length of its vector.

    Args:
        names: of `history.NETWORKS`.
        images: an input for each, as matplotlib shows it.
        procedure: whose published errors are written beside the squares.
    """
    counts = {name: count(NETWORKS[name].make().without_heads()) for name in names}
    heights = [max(_height(counts[name].architecture.input), 44) + 66 for name in names]
    fig, ax = plt.subplots(figsize=(WIDE, WIDE * (sum(heights) + 30) / _WIDE))
    ax.set(xlim=(0, _WIDE), ylim=(sum(heights), -30), aspect="equal")
    ax.axis("off")
    most = {kind: max(sum(_split(c, kind)) for c in counts.values()) for kind in ("parameters", "macs")}
    for i, title in enumerate(("parameters", "MACs", "top-5 error")):
        ax.text(_COSTS + i * _COST, -18, title, fontsize=10, va="center")
    top = 0.0
    for name, height in zip(names, heights, strict=True):
        milestone, middle = NETWORKS[name], top + 44 + (height - 66) / 2
        ax.plot([0, _WIDE], [top, top], color=COLORS["muted"], linewidth=0.6)
        words: dict[str, Any] = {"fontsize": 11, "weight": "bold", "va": "center"}
        ax.text(0, top + 23, f"{milestone.title}, {milestone.year}", **words)
        _draw_layers(ax, counts[name], images[name], middle)
        for i, kind in enumerate(most):
            parts = _split(counts[name], kind)
            side = _LARGEST * math.sqrt(sum(parts) / most[kind])
            _draw_square(ax, parts, side, _COSTS + i * _COST, middle)
            ax.text(_COSTS + i * _COST, top + 23, _short(sum(parts)), **words)
        ax.text(_COSTS + 2 * _COST, top + 23, _error(milestone, procedure), **words)
        top += height
    return fig


def _height(shape: Sequence[int]) -> float:
    return 8.5 * math.sqrt(shape[1]) if _on_maps(shape) else 1.4 * math.sqrt(shape[0])


def _on_maps(shape: Sequence[int]) -> bool:
    return len(shape) == 3 and shape[1] > 1


def _draw_layers(ax: Axes, counts: Counts, image: Any, middle: float) -> None:
    side = _height(counts.architecture.input)
    ax.imshow(image, extent=(0, side, middle + side / 2, middle - side / 2), cmap="gray", aspect="equal")
    x = side + 3 * _GAP
    for layer in counts.architecture.layers:
        shape = counts.groups[layer.name].out_shape
        high = _height(shape)
        if isinstance(layer, Branches) and layer.name.startswith("inception"):
            _draw_module(ax, layer, counts, (x, middle - high / 2, 2 * _LAYER + _GAP, high))
            x += 2 * (_LAYER + _GAP)
        elif isinstance(layer, Conv | Branches | Linear):
            color = _MAPS if _on_maps(shape) else _CONNECTED
            ax.add_patch(Rectangle((x, middle - high / 2), _LAYER, high, facecolor=color))
            x += _LAYER + _GAP


def _draw_module(ax: Axes, layer: Branches, counts: Counts, box: tuple[float, float, float, float]) -> None:
    """Two layers deep; one band for each branch, as high as its share of the channels."""
    x, top, wide, high = box
    rows = counts.groups[layer.name].rows
    given = {b.name: [row for row in rows if row.branch == b.name][-1].out_shape[0] for b in layer.branches}
    for name, channels in given.items():
        part = high * channels / sum(given.values())
        ax.add_patch(Rectangle((x, top), wide, part, facecolor=branch_color(name)))
        top += part


def _split(counts: Counts, kind: str) -> tuple[float, float]:
    """What the layers on feature maps cost, and what those do that read or make a flat vector."""
    flat = sum(getattr(g, kind) for g in counts.groups.values() if not _on_maps(g.out_shape))
    return getattr(counts, kind) - flat, flat


def _draw_square(ax: Axes, parts: tuple[float, float], side: float, x: float, middle: float) -> None:
    side = max(side, 2)
    maps = side * parts[0] / sum(parts)
    top = middle - side / 2
    ax.add_patch(Rectangle((x, top), side, maps, facecolor=_MAPS))
    ax.add_patch(Rectangle((x, top + maps), side, side - maps, facecolor=_CONNECTED))


def _short(number: float) -> str:
    for unit, name in ((1e9, " billion"), (1e6, " million")):
        if number >= unit:
            return f"{number / unit:.{1 if number < 20 * unit else 0}f}{name}"
    return f"{number:,.0f}"


def _error(milestone: Milestone, procedure: Procedure) -> str:
    reported = milestone.reported(procedure)
    return f"{reported.error}%" if reported else "reads digits"


def plot_bill(rows: Iterable[tuple[str, int, int]]) -> Figure:
    """Parameters to the left and MACs to the right of each layer, both in millions.

    Args:
        rows: of each layer a name, its parameters and its MACs; a name that begins with `fc` is that of a
            fully connected layer.
    """
    names, parameters, macs = zip(*rows, strict=True)
    colors = [_CONNECTED if name.startswith("fc") else _MAPS for name in names]
    fig, axes = plt.subplots(1, 2, figsize=(WIDE, 0.36 * len(names) + 0.7), sharey=True)
    for ax, values, title in zip(axes, (parameters, macs), ("parameters", "MACs"), strict=True):
        ax.barh(range(len(names)), values, 0.72, color=colors)
        for y, value in enumerate(values):
            ax.annotate(
                f"{value / 1e6:.{2 if value < 1e6 else 1}f} million",
                (value, y),
                (-6 if ax is axes[0] else 6, 0),
                textcoords="offset points",
                ha="right" if ax is axes[0] else "left",
                va="center",
                fontsize=10,
            )
        ax.set_title(title, loc="right" if ax is axes[0] else "left", weight="bold")
        ax.set_xlim(0, 1.32 * max(values))
        ax.set_xticks([])
        ax.spines[["bottom", "left"]].set_visible(False)
        ax.tick_params(left=False)
    axes[0].invert_xaxis()
    axes[0].invert_yaxis()
    axes[0].tick_params(labelleft=False)
    axes[1].set_yticks(range(len(names)), names)
    axes[1].tick_params(labelleft=True, pad=12)
    for label in axes[1].get_yticklabels():
        label.set_horizontalalignment("center")
        label.set_fontsize(11)
    axes[1].tick_params(axis="y", pad=26)
    return fig


def plot_flow(stages: Sequence[tuple[str, np.ndarray]], scores: Sequence[float]) -> Figure:
    """What each layer makes of one image, from left to right: feature maps to scale, then vectors.

    Args:
        stages: a title and an array of channels x height x width, or of numbers, for each layer.
        scores: what the last layer gives each class.
    """
    fig, ax = plt.subplots(figsize=(WIDE, 4))
    ax.axis("off")
    x = 0.0
    for title, numbers in stages:
        wide = (_flow_maps if numbers.ndim == 3 else _flow_vector)(ax, numbers, x)
        ax.text(x + wide / 2, -12, title, ha="center", va="center", fontsize=9)
        x += wide + (19 if numbers.ndim == 3 else 27)
    best = int(np.argmax(scores))
    for digit, score in enumerate(scores):
        y, long = 8 + 14 * digit, 34 * max(0.0, score) / max(scores)
        color = _CONNECTED if digit == best else COLORS["muted"]
        ax.text(
            x, y, str(digit), ha="center", va="center", fontsize=10, weight="bold" if digit == best else None
        )
        ax.add_patch(Rectangle((x + 8, y - 4), long, 8, facecolor=color))
    ax.text(x + 18, -12, "scores\n10", ha="center", va="center", fontsize=9)
    ax.set(xlim=(-1, x + 44), ylim=(144, -22), aspect="equal")
    return fig


def _flow_maps(ax: Axes, maps: np.ndarray, x: float) -> float:
    """Draw maps as a block, each in shades of its own; returns how wide the block is."""
    n, side = len(maps), maps.shape[1]
    columns = round(0.9 * math.sqrt(n))
    rows = -(-n // columns)
    gap = 3 if side > 20 else 2
    step = side + gap
    top = (142 - (min(rows, n) * step - gap)) / 2
    for i, one in enumerate(maps):
        column, row = divmod(i, rows)
        left, up = x + column * step, top + row * step
        ax.imshow(one, extent=(left, left + side, up + side, up), cmap="gray", aspect="equal")
    return columns * step - gap


def _flow_vector(ax: Axes, numbers: np.ndarray, x: float) -> float:
    """Draw a vector as a column, one number under the other."""
    high = 142 * len(numbers) / 120
    top = (142 - high) / 2
    ax.imshow(numbers[:, None], extent=(x, x + 7, top + high, top), cmap="gray", aspect="auto")
    ax.add_patch(Rectangle((x, top), 7, high, fill=False, edgecolor=INK, linewidth=0.4))
    ax.set_aspect("equal")
    return 7
