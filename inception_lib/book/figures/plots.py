"""Plots of counts, errors, trainings and gradients."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import matplotlib
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from inception_lib.book.figures.style import COLORS, INK, LOSSES, WIDE, WIDTH
from inception_lib.history import PROCEDURES, Procedure
from inception_lib.paper import Audit

if TYPE_CHECKING:
    import pandas


def bars(
    labels: Sequence[str],
    series: Mapping[str, Sequence[float]],
    *,
    ylabel: str,
    title: str = "",
    colors: Mapping[str, str] | None = None,
    stacked: bool = True,
    ax: Axes | None = None,
) -> Figure:
    """Bars over `labels`, one color per entry of `series`, stacked or side by side."""
    colors = COLORS | dict(colors or {})
    ax = ax or plt.subplots()[1]
    fig = ax.get_figure(root=True)
    assert fig is not None, "axes that were removed from their figure"
    base = [0.0] * len(labels)
    width = 0.75 if stacked else 0.8 / len(series)
    for i, (name, values) in enumerate(series.items()):
        at = [x + (0 if stacked else (i - (len(series) - 1) / 2) * width) for x in range(len(labels))]
        ax.bar(at, values, width, bottom=base if stacked else None, label=name, color=colors.get(name))
        if stacked:
            base = [b + v for b, v in zip(base, values, strict=True)]
    ax.set_xticks(range(len(labels)), labels)
    ax.set_ylabel(ylabel)
    ax.set_title(title, pad=28 if title and len(series) > 1 else None)
    if len(series) > 1:  # above the bars, where it cannot cover one
        ax.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=len(series), handlelength=1.2)
    return fig


def name_lines(ax: Axes, *, size: float = 10) -> None:
    """Write each line's label behind its last point, instead of a legend; call it when all else is drawn.

    Labels of lines that end close to each other are moved apart; each begins with a dash in its line's color.
    """
    fig = ax.get_figure(root=True)
    assert fig is not None, "axes that were removed from their figure"
    fig.draw_without_rendering()  # places the axes, so that the labels can be placed
    points = 72 / fig.dpi
    named = [line for line in ax.lines if not str(line.get_label()).startswith("_")]
    ends = [cast(Any, line.get_xydata())[-1] for line in named]
    heights = [points * float(ax.transData.transform(end)[1]) for end in ends]
    places = _apart(heights, 1.25 * size)
    for line, end, height, place in zip(named, ends, heights, places, strict=True):
        look: dict[str, Any] = {
            "xy": end,
            "textcoords": "offset points",
            "va": "center",
            "annotation_clip": False,
            "fontsize": size,
        }
        ax.annotate("━", xytext=(8, place - height), color=line.get_color(), **look)
        ax.annotate(str(line.get_label()), xytext=(8 + 1.3 * size, place - height), **look)


def _apart(heights: Sequence[float], least: float) -> list[float]:
    """`heights` with neighbors pushed apart until they are `least` from each other."""
    order = sorted(range(len(heights)), key=heights.__getitem__)
    placed = [heights[i] for i in order]
    for _ in range(100):
        for k in range(len(placed) - 1):
            if (short := least - (placed[k + 1] - placed[k])) > 0:
                placed[k] -= short / 2
                placed[k + 1] += short / 2
    return [placed[order.index(i)] for i in range(len(heights))]


def plot_audit(audit: Audit) -> Figure:
    """How far each exact number is from the one printed in Table 1; marker and color say the verdict."""
    marks = {
        "agrees": ("o", COLORS["violet"]),
        "explained": ("D", COLORS["olive"]),
        "unexplained": ("X", COLORS["accent"]),
    }
    found = [f for f in audit if f.table == "1" and f.column in ("params", "ops")]
    rows = list(dict.fromkeys(f.row for f in found))
    fig, axes = plt.subplots(1, 2, figsize=(WIDE, 0.3 * len(rows) + 1.4), sharey=True)
    for ax, column in zip(axes, ("params", "ops"), strict=True):
        for verdict, (marker, color) in marks.items():
            chosen = [
                (f, f.difference)
                for f in found
                if (f.column, f.verdict) == (column, verdict) and f.difference is not None
            ]
            percent = [100 * off / (float(f.printed[:-1]) + off) for f, off in chosen]
            ax.scatter(
                percent,
                [rows.index(f.row) for f, _ in chosen],
                s=48,
                marker=marker,
                color=color,
                label=verdict,
                zorder=3,
            )
        ax.axvline(0, color=INK, linewidth=0.8)
        ax.set_xscale("symlog", linthresh=1)  # a percent or less is rounding; seventy is another network
        ax.set_xlim(-15, 100)
        ax.set_xticks([-10, -1, 0, 1, 10, 50], ["-10", "-1", "0", "1", "10", "50"])
        ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        ax.set_xlabel("exact minus printed, % of exact\n(logarithmic beyond 1)")
        ax.set_title(column)
        ax.grid(axis="y", color=COLORS["muted"], alpha=0.3, linewidth=0.6)
    axes[0].set_yticks(range(len(rows)), [row.removeprefix("inception_") for row in rows])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="outside upper left", ncols=3)
    return fig


#: Where a label may stand beside its dot, in points: right, left, below, above, and so on.
_SPOTS = (
    (8, 0, "left"),
    (-8, 0, "right"),
    (0, -12, "center"),
    (0, 12, "center"),
    (7, -11, "left"),
    (-7, -11, "right"),
    (7, 11, "left"),
    (-7, 11, "right"),
    (7, -21, "left"),
    (-7, -21, "right"),
)


def plot_errors(
    rows: pandas.DataFrame,
    column: str,
    procedures: Sequence[Procedure],
    *,
    xlabel: str,
    log: bool = True,
    highlight: str = "GoogLeNet",
) -> Figure:
    """Published errors against a column of `history.table()`: a panel for each procedure, no lines between.

    Args:
        rows: `history.table()`, or some of its rows.
        column: what is across, as `parameters`, `MACs`, `depth` or `year`.
        procedures: of `history.PROCEDURES`; errors of two procedures are never in one panel.
        xlabel: the words under the axis.
        log: a logarithmic axis.
        highlight: title of the network whose dot has another color.
    """
    fig, axes = plt.subplots(
        len(procedures),
        1,
        figsize=(WIDTH, 2.3 * len(procedures)),
        sharex=True,
        squeeze=False,
    )
    for ax, procedure in zip(axes.flat, procedures, strict=True):
        shown = rows[rows[procedure].notna()]
        own = shown["title"] == highlight
        ax.scatter(
            shown[column],
            shown[procedure],
            s=42,
            color=[COLORS["accent" if mine else "violet"] for mine in own],
            zorder=3,
        )
        words = PROCEDURES[procedure]
        ax.set_title(words[0].upper() + words[1:], fontsize=10)
        ax.yaxis.set_major_locator(matplotlib.ticker.MultipleLocator(5))
        ax.set_ylabel("top-5 error, %")
        ax.set_ylim(0, 1.2 * shown[procedure].max())
        ax.grid(axis="y", color=COLORS["muted"], alpha=0.3, linewidth=0.6)
    if log:
        axes.flat[0].set_xscale("log")
    everything = rows[rows[list(procedures)].notna().any(axis=1)][column]
    low, high = everything.min(), everything.max()
    span = high - low
    axes.flat[0].set_xlim((low / 1.4, high * 1.9) if log else (low - 0.08 * span, high + 0.2 * span))
    axes.flat[-1].set_xlabel(xlabel)
    fig.draw_without_rendering()  # places the axes, so that the labels can be placed
    for ax, procedure in zip(axes.flat, procedures, strict=True):
        _label_dots(ax, rows[rows[procedure].notna()], column, procedure)
    return fig


def _label_dots(ax: Axes, shown: pandas.DataFrame, column: str, procedure: str, size: float = 9) -> None:
    """Write each network's title beside its dot, where it covers no dot and no other title."""
    points = 72 / ax.figure.dpi
    spots = [points * ax.transData.transform(xy) for xy in zip(shown[column], shown[procedure], strict=True)]
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in spots]
    frame = [points * edge for edge in ax.bbox.extents]

    def box(at: Any, spot: tuple, title: str) -> tuple[float, float, float, float]:
        wide = 0.56 * size * len(title)
        left = at[0] + spot[0] - {"left": 0, "center": wide / 2, "right": wide}[spot[2]]
        return left, at[1] + spot[1] - 5, left + wide, at[1] + spot[1] + 5

    def free(b: tuple) -> bool:
        inside = frame[0] <= b[0] and b[2] <= frame[2] and frame[1] <= b[1] and b[3] <= frame[3]
        return inside and all(b[2] <= o[0] or o[2] <= b[0] or b[3] <= o[1] or o[3] <= b[1] for o in taken)

    for at, (_, row) in zip(spots, shown.iterrows(), strict=True):
        spot = next((s for s in _SPOTS if free(box(at, s, row["title"]))), _SPOTS[0])
        taken.append(box(at, spot, row["title"]))
        ax.annotate(
            row["title"],
            (row[column], row[procedure]),
            spot[:2],
            textcoords="offset points",
            ha=spot[2],
            va="center",
            fontsize=size,
        )


def plot_training(history: Sequence[Mapping], classes: int, *, epochs: float | None = None) -> Figure:
    """The losses of the classifier and of both heads over the epochs, beside the accuracy on validation.

    Args:
        history: the records of a training run, one per epoch.
        classes: their number; a dotted line says what guessing would give.
        epochs: the end of the axis, for a run that is still going on.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE, 3.2))
    at = [record["epoch"] for record in history]
    labels = {"loss": "classifier", "aux1": "first head", "aux2": "second head"}
    # they often lie on each other, so each has a line of its own
    for name, (color, line) in LOSSES.items():
        if history and name in history[0]:
            values = [record[name] for record in history]
            left.plot(at, values, line, markersize=4, label=labels[name], color=color)
    left.axhline(math.log(classes), color=COLORS["muted"], linestyle=":")
    left.text(0, math.log(classes), " guessing", va="bottom", fontsize=10)
    right.plot(at, [record["top1"] for record in history], "o-", markersize=4, color=LOSSES["loss"][0])
    right.axhline(1 / classes, color=COLORS["muted"], linestyle=":")
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, 1.15 * math.log(classes)))
    right.set(xlabel="epoch", ylabel="top-1 accuracy, validation", ylim=(0, 1))
    for ax in (left, right):
        ax.set_xlim(0, 1.03 * (epochs or (at[-1] if at else 1)))  # room for the last marker
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    if history:
        name_lines(left)
    return fig


def plot_gradients(
    norms: Mapping[str, Mapping[str, float]], *, title: str = "", ax: Axes | None = None
) -> Figure:
    """Norms of gradients over the depth of the network, on a logarithmic axis.

    Args:
        norms: for each of `main`, `aux1` and `aux2` that there is, the norm by layer or module, as
            `training.gradients.by_module` gives it; `total`, the norm of their sum, is a broad band.
        title: of the plot.
        ax: where to draw; a figure of its own by default.
    """
    ax = ax or plt.subplots(figsize=(WIDTH, 3.2))[1]
    order = list(norms["main"])
    lines = (
        ("main", "main loss's", *LOSSES["loss"]),
        ("aux1", "first head's", *LOSSES["aux1"]),
        ("aux2", "second head's", *LOSSES["aux2"]),
        ("total", "all together", COLORS["muted"], "-"),
    )
    for part, label, color, line in lines:
        if part in norms:
            broad: dict[str, Any] = {"linewidth": 7, "alpha": 0.4} if part == "total" else {}
            ax.plot(
                [order.index(name) for name in norms[part]],
                list(norms[part].values()),
                line,
                label=label,
                color=color,
                markersize=4,
                **broad,
            )
    ax.set_yscale("log")
    ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xticks(range(len(order)), order, rotation=60, ha="right", rotation_mode="anchor")
    ax.set_ylabel("norm of the gradient")
    ax.set_title(title)
    return cast(Figure, ax.get_figure(root=True))


def picture_grid(
    pictures: Sequence, said: Sequence[str], *, truth: Sequence[str] | None = None, columns: int = 5
) -> Figure:
    """Pictures with a line of text over each; where `truth` says otherwise, a cross and both answers.

    Args:
        pictures: as matplotlib shows them.
        said: what stands over each, as the class that a network gives it.
        truth: the right answers, if there are any. A wrong picture has a frame as well.
        columns: pictures in a row.
    """
    rows = -(-len(pictures) // columns)
    height = 1.95 if truth is None else 2.25
    fig, axes = plt.subplots(rows, columns, figsize=(WIDE, height * rows), squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, picture, answer, right in zip(axes.flat, pictures, said, truth or said, strict=False):
        ax.imshow(picture, interpolation="none")  # into the page at its own size, not blown up
        ax.set_title(
            answer if answer == right else f"✗ says {answer},\nis {right}", fontsize=11, loc="center"
        )
        if answer != right:
            corner, wide, high = (-0.5, -0.5), len(picture[0]), len(picture)
            ax.add_patch(Rectangle(corner, wide, high, fill=False, lw=3, ec=COLORS["accent"], clip_on=False))
    return fig
