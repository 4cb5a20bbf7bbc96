"""Networks beside each other: what their errors cost, where their work is, and how long they take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from inception_lib.architecture import Architecture, Branches
from inception_lib.book.figures.style import COLORS, INK, WIDE
from inception_lib.counting import count
from inception_lib.history import NETWORKS, Milestone, Procedure

#: The marker of each test, from the cheapest to the most expensive.
_MARKS: dict[Procedure, str] = {"one crop": "o", "ten crops": "s", "144 crops": "D", "ensemble": "*"}


#: Where a network's name is written, in points from its dot; to the left of it where the first is negative.
_AT_PRICE = {"ResNet-34": (8.0, 6.0), "ResNet-50": (9.0, -11.0), "Inception v4": (2.0, -12.0)}
_AT_SPEED = {
    "AlexNet": (-6.0, 8.0),
    "GoogLeNet": (-8.0, 5.0),
    "ResNet-34": (8.0, -10.0),
    "Inception v3": (8.0, 1.0),
    "Inception v4": (0.0, -14.0),
    "VGG-16": (8.0, 0.0),
}


def plot_prices() -> Figure:
    """Published errors against the MACs of the whole test of one image: a line for each network.

    A marker is a test; it is hollow where the blacklisted images are left out. Tests whose number of passes
    is not known are left out.
    """
    fig, ax = plt.subplots(figsize=(WIDE, 4.2))
    for milestone in NETWORKS.values():
        _price(ax, milestone)
    ax.set(xscale="log", xlabel="billion MACs for one image, all networks and crops", ylim=(0, 20))
    ax.set(ylabel="top-5 error, %", yticks=range(0, 21, 5))
    ax.xaxis.set_major_formatter("{x:,g}")
    ax.grid(axis="y", color=COLORS["muted"], alpha=0.3, linewidth=0.6)
    look: dict[str, Any] = {
        "color": "none",
        "markerfacecolor": COLORS["muted"],
        "markeredgecolor": COLORS["muted"],
    }
    handles = [Line2D([], [], marker=mark, markersize=8, label=test, **look) for test, mark in _MARKS.items()]
    ax.legend(handles=handles, loc="upper right", ncols=4, handletextpad=0.1, columnspacing=1.2)
    return fig


def _price(ax: Axes, milestone: Milestone) -> None:
    """One network's line, and its name at the left end."""
    macs = count(milestone.make().without_heads()).macs
    tests = [error for error in reversed(milestone.errors) if error.passes]
    if not tests:
        return
    own = milestone.title == "GoogLeNet"
    color = COLORS["accent"] if own else INK
    points = [(error.passes * macs / 1e9, float(error.error)) for error in tests if error.passes]
    ax.plot(*zip(*points, strict=True), color=color, linewidth=2 if own else 1, alpha=1 if own else 0.5)
    for error, (x, y) in zip(tests, points, strict=True):
        mark = _MARKS[error.procedure]
        face = "none" if "blacklisted" in error.measured else color
        ax.plot(x, y, mark, ms=12 if mark == "*" else 7, markerfacecolor=face, markeredgecolor=color)
    _name(ax, milestone.title, points[0], _AT_PRICE.get(milestone.title, (8, 7)), color)
    if own:
        _name(ax, "the entry that won in 2014", points[-1], (-4, 30), color)


def _name(
    ax: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], color: str = INK
) -> None:
    """Write a name beside a dot, `offset` points from it."""
    side = "left" if offset[0] >= 0 else "right"
    ax.annotate(text, at, offset, textcoords="offset points", color=color, fontsize=9.5, ha=side, va="center")


def plot_windows() -> Figure:
    """What two 3x3 kernels, and a row and a column, see: each square is a position of the input."""
    fig, axes = plt.subplots(1, 3, figsize=(WIDE, 2.6))
    drawn = (
        ("one 5x5: 25 weights", 5, {(2, 2): (5, 5)}),
        ("3x3 after 3x3: 9 + 9 weights", 5, {(1, 1): (3, 3), (2, 2): (3, 3)}),
        ("7x1 after 1x7: 7 + 7 weights", 7, {(1, 3): (1, 7), (3, 3): (7, 1)}),
    )
    for ax, (title, side, kernels) in zip(axes, drawn, strict=True):
        for i in range(side * side):
            square = (i % side, i // side)
            ax.add_patch(Rectangle(square, 1, 1, fc="none", ec=COLORS["muted"], lw=0.8))
        looks = zip(kernels.items(), ("violet", "accent")[2 - len(kernels) :], strict=True)
        for ((row, column), (rows, columns)), color in looks:
            corner = (column - columns // 2, row - rows // 2)
            ax.add_patch(Rectangle(corner, columns, rows, color=COLORS[color], alpha=0.45, lw=2))
        edge = (7 - side) / 2  # in the middle of seven positions
        ends = (-0.1 - edge, 7.1 - edge)
        ax.set(xlim=ends, ylim=ends[::-1], aspect="equal")
        ax.set_title(title, fontsize=11, loc="center")
        ax.set_axis_off()
    return fig


#: What the parts of a network are called in `plot_branches`, and whose color each has.
PARTS = {
    "1x1 branch": "1x1",
    "second branch": "3x3",
    "third branch": "5x5",
    "pooling branch": "pool",
    "outside the modules": "muted",
}


def macs_by_branch(architecture: Architecture) -> dict[str, int]:
    """MACs of a network of the Inception family, without heads, by `PARTS`.

    The third branch is GoogLeNet's 5x5 and the pairs that came after it; a module without a 1x1 branch
    halves the map, and the branches of a stem are outside the modules.
    """
    sums = dict.fromkeys(PARTS, 0)
    part = {
        (module.name, branch.name): part
        for module in architecture.layers
        if isinstance(module, Branches) and "pool" in [branch.name for branch in module.branches[2:]]
        for branch, part in zip(module.branches, list(PARTS)[4 - len(module.branches) :], strict=False)
    }
    for row in count(architecture.without_heads()).rows:
        sums[part.get((row.module, row.branch), "outside the modules")] += row.macs.value
    return sums


def plot_branches(networks: Mapping[str, Architecture]) -> Figure:
    """Billion MACs of some networks by the branch of their modules: a bar for each network."""
    fig, ax = plt.subplots(figsize=(WIDE, 0.55 * len(networks) + 1.2))
    for y, architecture in enumerate(networks.values()):
        left = 0.0
        for part, macs in macs_by_branch(architecture).items():
            ax.barh(
                y,
                macs / 1e9,
                0.7,
                left=left,
                color=COLORS[PARTS[part]],
                label=part if y == 0 else None,
            )
            left += macs / 1e9
        ax.text(left, y, f" {left:.2f}", va="center", fontsize=10)
    ax.set_yticks(range(len(networks)), list(networks))
    ax.invert_yaxis()
    ax.set_xlabel("billion MACs for one image")
    ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=len(PARTS), handlelength=1.2, fontsize=10)
    return fig


def plot_speeds(rows: Iterable[Mapping], batches: Sequence[int]) -> Figure:
    """Measured seconds against MACs, both for one image: a panel for each size of the batch.

    A dotted line has the seconds per MAC of GoogLeNet: a network above it is slower than its MACs say.

    Args:
        rows: the networks of a record of `benchmarks/seconds_per_mac.py`.
        batches: which of them. A thin line is from the lower to the upper quartile of the rounds.
    """
    fig, axes = plt.subplots(1, len(batches), figsize=(WIDE, 3.8), sharey=True, sharex=True)
    found = list(rows)
    for ax, batch in zip(axes, batches, strict=True):
        here = [row for row in found if row["batch"] == batch]
        base = next(row for row in here if row["path"] == "googlenet")
        ends = (0.4, 30)
        ax.plot(
            ends,
            [1e12 * base["seconds"] / base["macs"] * gmacs for gmacs in ends],
            ":",
            color=COLORS["accent"],
        )
        for row in here:
            x, y = row["macs"] / batch / 1e9, 1000 * row["seconds"] / batch
            color = COLORS["accent"] if row["path"] == "googlenet" else INK
            ax.plot([x, x], [1000 * q / batch for q in row["quartiles"]], color=color, linewidth=1)
            ax.plot(x, y, "o", color=color)
            title = NETWORKS[row["path"]].title
            _name(ax, title, (x, y), _AT_SPEED.get(title, (8, -5)), color)
        ax.set(xscale="log", yscale="log", xlim=(0.3, 60), xlabel="billion MACs for one image")
        ax.set_title(f"{batch} image{'s' * (batch > 1)} at a time")
        ax.xaxis.set_major_formatter("{x:g}")
        ax.yaxis.set_major_formatter("{x:g}")
        ax.minorticks_off()
    axes[0].set_ylabel("milliseconds for one image")
    return fig
