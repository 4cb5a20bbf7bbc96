"""Pictures of a training experiment: its arms, seed by seed, and the differences that decide its claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from inception_lib.book.experiments import Answer, answers, top1
from inception_lib.book.figures.ensembles import Estimate, draw_estimate, draw_rows
from inception_lib.book.figures.style import COLORS, INK, WIDE, WIDTH


def plot_experiment(
    outcome: Mapping[str, Any], arms: Mapping[str, str], claims: Mapping[str, str], *, training: bool = False
) -> Figure:
    """Left a row for each arm with a dot for each seed, right a row for each claim with its interval.

    Args:
        outcome: of a record of `benchmarks/experiment.py`.
        arms: those that are shown, and how they are called.
        claims: those that are shown, and how their difference is called.
        training: beside the accuracy on validation, that on the training images as empty circles.
    """
    rows = max(len(arms), len(claims))
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE, 0.36 * rows + 1.1), layout="constrained")
    _draw_arms(left, {name: top1(outcome, arm) for arm, name in arms.items()})
    if training:
        for y, arm in enumerate(arms):
            values = top1(outcome, arm, training=True)
            left.plot(values, [y] * len(values), "o", markerfacecolor="none", color=INK, markersize=5)
        left.set_title("top-1 accuracy, %")
        left.set_xlabel("● validation   ○ training")
    found = answers(outcome)
    _draw_answers(right, {name: found[claim] for claim, name in claims.items()})
    for ax in (left, right):
        ax.xaxis.set_major_locator(MaxNLocator(5))
    return fig


def _draw_arms(ax: Axes, arms: Mapping[str, Sequence[float]]) -> None:
    for y, values in enumerate(arms.values()):
        mean = sum(values) / len(values)
        ax.plot([mean, mean], [y - 0.3, y + 0.3], color=COLORS["accent"], linewidth=2)
        ax.plot(values, [y] * len(values), "o", color=INK, alpha=0.7, markersize=5)
    ax.set_title("top-1 on validation, %")
    draw_rows(ax, list(arms))


def _draw_answers(ax: Axes, found: Mapping[str, Answer]) -> None:
    ax.axvline(0, color=INK, linewidth=0.8)
    for y, one in enumerate(found.values()):
        draw_estimate(ax, y, Estimate(one.mean, one.low, one.high))
    ax.set_title("difference, points")
    draw_rows(ax, list(found))


def plot_lead(leads: Mapping[str, Sequence[Mapping[str, float]]], *, title: str) -> Figure:
    """How many points one arm is ahead of another after each epoch: the mean, and its 95% interval as a band.

    Args:
        leads: by what was compared, the `lead` of a record: `epoch`, and as shares `lead`, `low` and `high`;
            at most two.
        title: of the plot.
    """
    fig, ax = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
    ax.axhline(0, color=INK, linewidth=0.8)
    looks = (COLORS["accent"], "o-"), (COLORS["violet"], "s--")
    for (name, rows), (color, line) in zip(leads.items(), looks, strict=False):
        epochs = [row["epoch"] for row in rows]
        mean, low, high = ([100 * row[key] for row in rows] for key in ("lead", "low", "high"))
        ax.fill_between(epochs, low, high, color=color, alpha=0.2, linewidth=0)
        ax.plot(epochs, mean, line, color=color, markersize=4, label=name)
    ax.set(xlabel="epoch", ylabel="points", title=title, xlim=(0, None))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(fontsize=9)
    return fig
