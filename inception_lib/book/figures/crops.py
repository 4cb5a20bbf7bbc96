"""Pictures of the chapter on testing: what is said of crops, where they are, and what tests differ by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from inception_lib.book.figures.style import COLORS, INK, PAPER, WIDE

if TYPE_CHECKING:
    from inception_lib.evaluation.plan import View

DIM = 0.4  #: of a photograph's light outside the square that is shown


def plot_answers(pictures: Mapping[str, Image.Image], answers: np.ndarray, classes: Sequence[str]) -> Figure:
    """Pictures with their titles in a row, and below each a bar for the probability of each class.

    Args:
        pictures: by title.
        answers: (pictures, classes), from 0 to 1; the largest of a picture is filled in another color.
        classes: their names, written once, on the left.
    """
    fig, axes = plt.subplots(2, len(pictures), figsize=(WIDE, 2.9), height_ratios=(3, 2), squeeze=False)
    for i, ((title, picture), row) in enumerate(zip(pictures.items(), answers, strict=True)):
        axes[0, i].imshow(picture)
        axes[0, i].set_title(title, fontsize=10, loc="center")
        axes[0, i].set_axis_off()
        best = int(np.argmax(row))
        colors = [COLORS["accent" if k == best else "muted"] for k in range(len(row))]
        axes[1, i].barh(range(len(row)), row, color=colors)
        for k, value in enumerate(row):
            axes[1, i].text(value + 0.03, k, f"{value:.0%}", va="center", fontsize=9)
        axes[1, i].set(xlim=(0, 1.25), ylim=(len(row) - 0.5, -0.5), xticks=[], yticks=range(len(row)))
        axes[1, i].set_yticklabels(classes if i == 0 else [], fontsize=10)
        axes[1, i].tick_params(length=0)
        axes[1, i].spines["bottom"].set_visible(False)
    return fig


def plot_crops(picture: Image.Image, views: Sequence[View]) -> Figure:
    """A panel for each scale, a column, and each square, a row: the square is bright, its crops are outlined.

    The photograph is drawn as large as the scale makes it. Mirrored views are not drawn.
    """
    scales = list(dict.fromkeys(view.scale for view in views))
    squares = list(dict.fromkeys(view.square for view in views))
    short = min(picture.size)
    long = max(scales) / short * max(picture.size)
    fig, axes = plt.subplots(len(squares), len(scales), figsize=(WIDE, 0.5 * WIDE), squeeze=False)
    for (row, column), ax in np.ndenumerate(axes):
        scale, square = scales[column], squares[row]
        own = [v for v in views if (v.scale, v.square, v.mirror) == (scale, square, False)]
        size = round(picture.width * scale / short), round(picture.height * scale / short)
        pixels = np.asarray(picture.resize(size, Image.Resampling.BILINEAR)).astype(float)
        whole = next((v for v in own if v.crop == "whole"), None)
        light = np.full((size[1], size[0], 1), DIM if whole else 1.0)
        if whole:
            left, top, side = whole.place
            light[top : top + side, left : left + side] = 1
        ax.imshow((pixels * light).astype(np.uint8), extent=(0, size[0], size[1], 0))
        for view in own:
            left, top, side = view.place
            look: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.9}
            if view.crop == "center":
                look = {"edgecolor": COLORS["accent"], "linewidth": 1.8}
            if view.crop == "whole":
                look = {"edgecolor": "white", "linewidth": 2.4}
            ax.add_patch(Rectangle((left, top), side, side, fill=False, **look))
        ax.set(xlim=(0, long), ylim=(max(scales), 0), aspect="equal")
        ax.set_axis_off()
        if row == 0:
            ax.set_title(f"scale {scale}", fontsize=10)
        if column == 0:
            ax.text(-0.04, 0.5, square, transform=ax.transAxes, rotation=90, va="center", ha="right")
    return fig


def plot_changes(
    rows: Mapping[str, Mapping[str, float]], ax: Axes, *, unit: float = 100, xlabel: str = ""
) -> None:
    """Differences with their intervals, one below the other, and a line where nothing changes.

    Args:
        rows: by label; each with `value`, `low` and `high`, and with `low_together` and `high_together`,
            which hold for all comparisons of a record at once and are drawn thin. A dot is filled where
            this wide interval leaves out zero.
        ax: where to draw.
        unit: what the numbers are multiplied by; 100 makes shares into points.
        xlabel: the words under the axis.
    """
    ax.axvline(0, color=INK, linewidth=0.8)
    for y, change in enumerate(rows.values()):
        value, low, high, least, most = (
            unit * change[end] for end in ("value", "low", "high", "low_together", "high_together")
        )
        ax.plot([least, most], [y, y], color=COLORS["muted"], linewidth=1.2)
        ax.plot([low, high], [y, y], color=COLORS["violet"], linewidth=3.5, solid_capstyle="butt")
        inside = COLORS["violet"] if least > 0 or most < 0 else PAPER
        ax.plot(value, y, "o", color=COLORS["violet"], markerfacecolor=inside, markersize=8)
    ax.set(yticks=range(len(rows)), yticklabels=list(rows), ylim=(len(rows) - 0.5, -0.5), xlabel=xlabel)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
