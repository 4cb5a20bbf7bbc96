"""Drawings of an auxiliary head, and of the three losses whose gradients flow down one trunk."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrow, Rectangle

from inception_lib.architecture import Architecture, Branches, Conv, Linear, Pool
from inception_lib.book.figures.style import COLORS, INK, LOSSES, WIDE
from inception_lib.counting import count, shape_text

_TRUNK = COLORS["muted"]
_HEADS = {"aux1": "first head", "aux2": "second head"}


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str = INK) -> None:
    look = {"arrowstyle": "-|>", "color": color, "lw": 1.2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=look)


def draw_losses(architecture: Architecture) -> Figure:
    """The trunk from image to classifier with its heads above, and below it the gradient of each loss.

    A layer's box is as high as its feature map is wide, on a root scale.
    """
    counts = count(architecture)
    shapes = {
        layer.name: counts.groups[layer.name].rows[-1].out_shape
        for layer in architecture.layers
        if isinstance(layer, Conv | Branches)
    }
    names = list(shapes)
    fig, ax = plt.subplots(figsize=(WIDE, 4.1))
    ax.axis("off")
    ax.set(xlim=(-1.45, len(names) + 2.3), ylim=(-2.75, 3.0))

    def high(side: int) -> float:
        return 1.9 * (side / 224) ** 0.5

    ax.add_patch(Rectangle((-1.3, -high(224) / 2), 0.8, high(224), fc="none", ec=INK, lw=1.5))
    ax.text(-0.9, 0, "image", ha="center", va="center", rotation=90)
    for x, name in enumerate(names):
        side = shapes[name][-1]
        ax.add_patch(Rectangle((x - 0.37, -high(side) / 2), 0.74, high(side), fc=_TRUNK, alpha=0.35, lw=0))
        label = name.removeprefix("inception_").replace("_reduce", "\n1x1")
        ax.text(x, 0, label, ha="center", va="center", fontsize=9)
        _arrow(ax, (x - (0.5 if x == 0 else 0.63), 0), (x - 0.37, 0))
    last = len(names) - 1
    color = LOSSES["loss"][0]
    ax.text(last + 1.05, 0, "classifier", ha="left", va="center", fontsize=10.5)
    _arrow(ax, (last + 0.37, 0), (last + 1.0, 0))
    ax.text(last + 1.05, -0.45, "main loss", ha="left", va="center", color=color, weight="bold")
    ends = {"loss": last}
    for key, head in zip(("aux1", "aux2"), architecture.heads, strict=True):
        x = ends[key] = names.index(head.after)
        color, side = LOSSES[key][0], shapes[head.after][-1]
        _arrow(ax, (x, high(side) / 2), (x, 1.05))
        ax.add_patch(Rectangle((x - 0.95, 1.05), 1.9, 0.6, fc=color, alpha=0.25, lw=0))
        ax.text(x, 1.35, _HEADS[key], ha="center", va="center")
        _arrow(ax, (x, 1.65), (x, 2.15))
        ax.text(
            x,
            2.4,
            f"its loss, times {head.loss_weight}",
            ha="center",
            va="center",
            color=color,
            weight="bold",
        )
    for row, key in enumerate(("loss", "aux2", "aux1")):
        begin, y, color = ends[key] + 0.4, -1.35 - 0.52 * row, LOSSES[key][0]
        ax.add_patch(
            FancyArrow(
                begin,
                y,
                -begin - 0.75,
                0,
                width=0.3,
                head_width=0.46,
                head_length=0.28,
                length_includes_head=True,
                fc=color,
                lw=0,
                alpha=0.75,
            )
        )
        said = "gradient of the main loss" if key == "loss" else f"of the {_HEADS[key]}'s"
        ax.text(begin + 0.12, y, said, va="center", fontsize=10)
    return fig


def draw_head(architecture: Architecture, name: str = "aux1") -> Figure:
    """A head beside the trunk: its tensors to scale, what is between them, and the weights of that.

    A tensor is as high as its feature map and as wide as it has channels.
    """
    head = next(h for h in architecture.heads if h.name == name)
    rows = [row for row in count(architecture).rows if row.path.startswith(f"{name}/")]
    fig, ax = plt.subplots(figsize=(WIDE, 3.1))
    ax.axis("off")
    module = [layer.name for layer in architecture.layers if isinstance(layer, Branches)]
    at = module.index(head.after)
    for y, one in enumerate(module[at - 1 : at + 2], -1):
        strong = 0.55 if one == head.after else 0.25
        ax.add_patch(Rectangle((-0.45, y * 0.85 - 0.3), 0.9, 0.6, fc=_TRUNK, alpha=strong, lw=0))
        ax.text(0, y * 0.85, one.removeprefix("inception_"), ha="center", va="center")
        _arrow(ax, (0, y * 0.85 + 0.3), (0, y * 0.85 + 0.55))
    ax.text(0, -1.55, "the trunk", ha="center", fontsize=10)

    color, x = LOSSES[name][0], 1.05
    _arrow(ax, (0.45, 0), (x - 0.08, 0))
    steps = [
        (layer, row)
        for layer, row in zip(head.layers, rows, strict=True)
        if isinstance(layer, Pool | Conv | Linear)
    ]

    def tensor(x: float, shape: tuple[int, ...]) -> float:
        """Draw it from x on; where it ends."""
        wide, high = shape[0] / 640, (shape[1] if len(shape) > 1 else 1) / 9
        ax.add_patch(Rectangle((x, -high / 2), wide, high, fc=color, alpha=0.45, ec=color))
        ax.text(x + wide / 2, -high / 2 - 0.1, shape_text(shape), ha="center", va="top", fontsize=10)
        return x + wide

    for layer, row in steps:
        x = tensor(x, row.in_shape)
        said = {
            Pool: "average pool\n5x5, stride 3",
            Conv: "1x1 convolution,\nReLU",
            Linear: "flatten,\nfully connected,\nReLU"
            if len(row.in_shape) > 1
            else "dropout,\nfully\nconnected",
        }[type(layer)]
        ax.text(x + 0.85, 0.14, said, ha="center", va="bottom", fontsize=9)
        weights = f"{row.weights.value:,}\nweights" if row.weights.value else "no weights"
        ax.text(x + 0.85, -0.62, weights, ha="center", va="top", fontsize=9)
        _arrow(ax, (x + 0.08, 0), (x + 1.62, 0))
        x += 1.7
    x = tensor(x, rows[-1].out_shape)
    ax.set(xlim=(-0.6, x + 0.15), ylim=(-1.75, 1.45))
    return fig
