"""Pictures of the chapter on ensembles: opinions, voters, a simplex, votes by number, a forest plot."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from inception_lib.book.figures.plots import name_lines
from inception_lib.book.figures.style import COLORS, INK, WIDE, WIDTH

Array = np.ndarray

#: Of the right class, and of two others.
CLASSES = (COLORS["violet"], COLORS["olive"], COLORS["berry"])
FAINT = 0.35  #: how opaque is what is only there to be compared with


def plot_opinions(image: Array, softmax: Array, names: Mapping[int, str]) -> Figure:
    """An image, and what each network says of it as a bar of probabilities, with their mean below.

    Args:
        image: as matplotlib shows it.
        softmax: (networks, classes).
        names: the right class first, and at most two others, with their names; the rest is gray.
    """
    fig, (left, ax) = plt.subplots(1, 2, figsize=(WIDE, 3.3), width_ratios=(1, 2.6))
    left.imshow(image, interpolation="nearest")
    left.set_axis_off()
    rows = np.vstack([softmax, softmax.mean(0)])
    at = [*range(len(softmax)), len(softmax) + 0.5]
    begun = np.zeros(len(rows))
    for number, color in zip(names, CLASSES, strict=False):
        ax.barh(at, rows[:, number], 0.78, begun, color=color, label=names[number])
        begun += rows[:, number]
    ax.barh(at, 1 - begun, 0.78, begun, color=COLORS["muted"], alpha=FAINT)
    right = rows.argmax(1) == next(iter(names))
    for y, good in zip(at, right, strict=True):
        ax.text(1.02, y, "✓ right" if good else "✗ wrong", va="center")
    ax.set_yticks(at, [f"network {n}" for n in range(1, len(softmax) + 1)] + ["their mean"])
    ax.get_yticklabels()[-1].set_weight("bold")
    ax.set(xlim=(0, 1.16), xticks=(0, 0.5, 1), xticklabels=("0", "0.5", "1"), xlabel="probability")
    ax.xaxis.set_label_coords(0.43, -0.12)
    ax.invert_yaxis()
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
    ax.legend(loc="lower left", bbox_to_anchor=(-0.01, 1), ncols=len(names), handlelength=1)
    return fig


def plot_voters(cases: Mapping[str, Sequence[set[int]]], images: int = 10) -> Figure:
    """For each case some voters, each a row of images with those filled on which it is wrong, and their vote.

    Args:
        cases: by title, for each voter the images, from 0, on which it is wrong.
        images: how many there are.
    """
    fig, axes = plt.subplots(1, len(cases), figsize=(WIDE, 1.8), squeeze=False)
    for ax, (title, voters) in zip(axes.flat, cases.items(), strict=True):
        lost = {i for i in range(images) if 2 * sum(i in wrong for wrong in voters) > len(voters)}
        rows = [*voters, lost]
        for y, wrong in enumerate(rows):
            last = y == len(voters)
            color = COLORS["accent"] if last else COLORS["violet"]
            for i in range(images):
                corner = (i + 0.08, y + 0.08 + 0.45 * last)
                look = {"facecolor": color} if i in wrong else {"fill": False}
                ax.add_patch(Rectangle(corner, 0.84, 0.84, edgecolor=color, linewidth=1, **look))
            name = "vote" if last else f"voter {y + 1}"
            ax.text(-0.25, y + 0.5 + 0.45 * last, name, ha="right", va="center", fontsize=9.5)
        ax.set_title(f"{title}\nvote wrong on {len(lost)} of {images}", fontsize=11)
        ax.set(xlim=(-2.2, images), ylim=(len(rows) + 0.55, -0.1), aspect="equal")
        ax.set_axis_off()
    return fig


class Simplex(NamedTuple):
    """One panel of `plot_simplex`: an image, and (networks, 3) probabilities of it, the right class first.

    `identity` are the squared error of the mean, the mean squared error of the members and their spread.
    """

    title: str
    image: Array
    points: Array
    names: Sequence[str]
    identity: Sequence[float]


#: Corners of a triangle whose sides are the square root of 2 long, as far apart as two sure answers are.
_CORNERS = math.sqrt(2) * np.array([(0.5, math.sqrt(0.75)), (0.0, 0.0), (1.0, 0.0)])


def plot_simplex(panels: Sequence[Simplex]) -> Figure:
    """Answers as points of a triangle, whose corners are sure answers: the truth, the members, their mean."""
    fig, axes = plt.subplots(1, len(panels), figsize=(WIDE, 4.5), squeeze=False)
    for ax, panel in zip(axes.flat, panels, strict=True):
        points = panel.points / panel.points.sum(1, keepdims=True) @ _CORNERS
        mean, truth = points.mean(0), _CORNERS[0]
        ax.fill(*_CORNERS.T, facecolor=COLORS["muted"], alpha=0.12)
        ax.fill(*_CORNERS.T, fill=False, edgecolor=COLORS["muted"], linewidth=1)
        for point in points:
            ax.plot(*zip(point, mean, strict=True), color=COLORS["violet"], linewidth=1.2)
        ax.plot(*zip(mean, truth, strict=True), color=COLORS["accent"], linewidth=3)
        ax.scatter(*points.T, s=60, color=COLORS["violet"], alpha=0.85, zorder=3)
        ax.scatter(*mean, s=110, marker="D", color=INK, zorder=4)
        for corner, name, (dy, va) in zip(
            _CORNERS, panel.names, ((0.06, "bottom"), (-0.06, "top"), (-0.06, "top")), strict=True
        ):
            ax.text(corner[0], corner[1] + dy, name, ha="center", va=va, fontsize=10)
        inset = ax.inset_axes((-0.25, 0.98, 0.42, 0.42), transform=ax.transData)
        inset.imshow(panel.image, interpolation="nearest")
        inset.set_axis_off()
        ensemble, members, spread = panel.identity
        middle = math.sqrt(0.5)
        for x, number, color, name in (
            (-0.55, f"{ensemble:.3f}", COLORS["accent"], "error of\nthe mean"),
            (-0.275, "=", INK, ""),
            (0.0, f"{members:.3f}", INK, "mean error\nof the seven"),
            (0.275, "−", INK, ""),
            (0.55, f"{spread:.3f}", COLORS["violet"], "their\nspread"),
        ):
            ax.text(middle + x, -0.33, number, ha="center", va="center", fontsize=15, color=color)
            ax.text(middle + x, -0.43, name, ha="center", va="top", fontsize=9.5)
        ax.set_title(panel.title, loc="center")
        ax.set(xlim=(-0.25, 1.67), ylim=(-0.66, 1.4), aspect="equal")
        ax.set_axis_off()
    return fig


def plot_votes(
    counts: Mapping[str, Sequence[float]],
    falls: Mapping[str, Sequence[float]],
    sizes: Sequence[int],
    interval: tuple[float, float],
) -> Figure:
    """On how many images so many networks are wrong, and the error of so many together, measured and modeled.

    Args:
        counts: by name, the images on which 1, 2, ... networks are wrong.
        falls: by name, the error in percent of each of `sizes`.
        sizes: numbers of networks.
        interval: of the measured vote of the most networks, in percent.
    """
    colors = {"independent": COLORS["muted"], "correlated": COLORS["olive"], "measured": COLORS["violet"]}
    colors |= {"vote": COLORS["violet"], "mean softmax": COLORS["berry"]}
    fig, (left, ax) = plt.subplots(1, 2, figsize=(WIDE, 3.4), width_ratios=(1.25, 1))
    width = 0.8 / len(counts)
    for i, (name, values) in enumerate(counts.items()):
        at = [k + 1 + (i - (len(counts) - 1) / 2) * width for k in range(len(values))]
        left.bar(at, values, width, color=colors[name], label=name)
    left.set(xlabel="networks that are wrong on an image", title="Images, of 1,000")
    left.set_xticks(range(1, max(map(len, counts.values())) + 1))
    left.legend(loc="upper right")
    for name, values in falls.items():
        line = "--" if name in counts else "o-"
        ax.plot(sizes, values, line, color=colors[name], label=name)
    end = falls["vote"][-1]
    reach = [[end - interval[0]], [interval[1] - end]]
    ax.errorbar(sizes[-1:], [end], yerr=reach, color=colors["vote"], capsize=4, linewidth=1.2)
    ax.set(xlabel="networks together", title="Error, %", xticks=sizes, ylim=(0, None))
    name_lines(ax)
    return fig


class Estimate(NamedTuple):
    """A change with its interval; without one where none is known."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def shown(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.low is not None and self.high is not None and not self.low <= 0 <= self.high


def plot_forest(
    panels: Mapping[str, Mapping[str, Estimate | None]], *, xlabel: str, height: float = 2.9
) -> Figure:
    """A panel for each data set, a row for each test: the change with its interval, against a line at 0.

    A dot has an interval that leaves out 0, a gray bar one that does not; a cross has none.
    """
    rows = list(next(iter(panels.values())))
    fig, axes = plt.subplots(1, len(panels), figsize=(WIDE, height), sharey=True, squeeze=False)
    for ax, (title, found) in zip(axes.flat, panels.items(), strict=True):
        ax.axvline(0, color=INK, linewidth=0.8)
        for y, row in enumerate(rows):
            if (one := found.get(row)) is not None:
                draw_estimate(ax, y, one)
            else:
                ax.text(0, y, "not measured ", ha="right", va="center", fontsize=9, color=COLORS["muted"])
        ax.set_title(title, fontsize=11)
        low = min([one.low or one.value for one in found.values() if one], default=-1.0)
        high = max([one.high or one.value for one in found.values() if one], default=0.0)
        ax.set_xlim(low - 0.08 * (high - low), max(high, 0) + 0.08 * (high - low))
        ax.set_xlabel(xlabel, fontsize=10)
        draw_rows(ax, rows)
        ax.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    return fig


def draw_rows(ax: Axes, names: Sequence[str]) -> None:
    """Rows from the top, one for each name, with faint lines upward from the numbers below."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=COLORS["muted"], alpha=0.3, linewidth=0.6)


def draw_estimate(ax: Axes, y: float, one: Estimate) -> None:
    """One row of a forest plot."""
    color = COLORS["violet" if one.shown or one.low is None else "muted"]
    if one.low is not None and one.high is not None:
        ax.plot((one.low, one.high), (y, y), color=color, linewidth=2)
    marker = "x" if one.low is None else "o" if one.shown else "|"
    ax.plot(one.value, y, marker, color=color, markersize=9, markeredgewidth=2)


def plot_reach(share: float, sets: Mapping[str, int]) -> Figure:
    """Half the width of a 95% interval, in points, against the number of images, with some sets marked."""
    fig, ax = plt.subplots(figsize=(WIDTH, 3.0))
    numbers = np.geomspace(50, 100_000, 50)

    def half(n: Any) -> Any:
        return 196 * np.sqrt(share * (1 - share) / n)

    ax.loglog(numbers, half(numbers), color=COLORS["muted"])
    for name, n in sets.items():
        ax.plot(n, half(n), "o", color=COLORS["violet"], markersize=8)
        ax.annotate(
            f"{name}: ±{half(n):.1f}" if half(n) >= 1 else f"{name}: ±{half(n):.2f}",
            (n, half(n)),
            xytext=(8, 6),
            textcoords="offset points",
        )
    ax.set(xlabel="test images", title=f"Points on each side of an error of {100 * share:g}%", xlim=(50, 4e5))
    ax.set_xticks([100, 1000, 10_000, 100_000], ["100", "1,000", "10,000", "100,000"])
    ax.set_yticks([0.1, 0.3, 1, 3], ["0.1", "0.3", "1", "3"])
    ax.minorticks_off()
    return fig
