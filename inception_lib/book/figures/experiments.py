"""Pictures of a training experiment: its arms, seed by seed, and the differences that decide its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from inception_lib.book.experiments import Answer, answers, top1
from inception_lib.book.figures.style import COLORS, INK, WIDE, WIDTH


def plot_experiment(outcome: Mapping[str, Any], arms: Mapping[str, str], claims: Mapping[str, str]) -> Figure:
    """Left a row for each arm with a dot for each seed, right a row for each claim with its interval.

    Args:
        outcome: of a record of `benchmarks/experiment.py`.
        arms: those that are shown, and how they are called.
        claims: those that are shown, and how their difference is called.
    """
    rows = max(len(arms), len(claims))
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE, 0.36 * rows + 1.1), layout="constrained")
    draw_arms(left, outcome, arms)
    found = answers(outcome)
    draw_answers(right, {name: found[claim] for claim, name in claims.items()})
    return fig


def draw_arms(ax: Axes, outcome: Mapping[str, Any], arms: Mapping[str, str]) -> None:
    """A dot for each seed of an arm, and a line at their mean."""
    for y, arm in enumerate(arms):
        values = top1(outcome, arm)
        mean = sum(values) / len(values)
        ax.plot([mean, mean], [y - 0.3, y + 0.3], color=COLORS["accent"], linewidth=2)
        ax.plot(values, [y] * len(values), "o", color=INK, alpha=0.7, markersize=5)
    ax.set_yticks(range(len(arms)), list(arms.values()))
    ax.set(title="top-1 accuracy on validation, %", ylim=(len(arms) - 0.4, -0.6))
    _tidied(ax)


def draw_answers(ax: Axes, found: Mapping[str, Answer]) -> None:
    """Differences in points with their intervals, against a line at 0; gray where the interval holds 0."""
    ax.axvline(0, color=INK, linewidth=0.8)
    for y, one in enumerate(found.values()):
        color = COLORS["muted" if one.verdict == "not shown" else "violet"]
        if one.low is not None and one.high is not None:
            ax.plot((one.low, one.high), (y, y), color=color, linewidth=2)
        ax.plot(one.mean, y, "|" if one.verdict == "not shown" else "o", color=color, markersize=9, mew=2)
    ax.set_yticks(range(len(found)), list(found))
    ax.set(title="difference, points", ylim=(len(found) - 0.4, -0.6))
    _tidied(ax)


def plot_lead(
    leads: Mapping[str, Sequence[tuple[float, float, float, float]]], *, title: str, ax: Axes | None = None
) -> Figure:
    """How far one arm is ahead of another through a training: the mean over seeds, and their range.

    Args:
        leads: by what was compared, the rows of `book.experiments.lead`; at most two.
        title: of the plot.
        ax: where to draw; a figure of its own by default.
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")[1]
    ax.axhline(0, color=INK, linewidth=0.8)
    for (name, rows), color, line in zip(
        leads.items(), (COLORS["accent"], COLORS["violet"]), ("o-", "s--"), strict=False
    ):
        epochs, means, least, most = zip(*rows, strict=True)
        ax.fill_between(epochs, least, most, color=color, alpha=0.2, linewidth=0)
        ax.plot(epochs, means, line, color=color, markersize=4, label=name)
    ax.set(xlabel="epoch", ylabel="points", title=title, xlim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=9)
    figure = ax.get_figure(root=True)
    assert isinstance(figure, Figure)
    return figure


def _tidied(ax: Axes) -> None:
    ax.xaxis.set_major_locator(MaxNLocator(5))
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x", color=COLORS["muted"], alpha=0.3, linewidth=0.6)
