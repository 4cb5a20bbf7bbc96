"""Drawings and plots of the book, made from the data, with one palette and one style.

A figure is shown as inline SVG whose text and lines take the color of the page around them, so it
can be read in light and in dark; photographs inside it stay as they are.
"""

from __future__ import annotations

import base64
import html
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import matplotlib
import matplotlib.pyplot as plt
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter

from inception_lib.architecture import Architecture, Branch, Branches, Conv, Layer, Linear, Pool, pair, walk
from inception_lib.counting import shape_text
from inception_lib.history import PROCEDURES, Procedure
from inception_lib.paper import Audit

if TYPE_CHECKING:
    import pandas


#: One color per branch, everywhere in the book (Okabe and Ito's palette, safe for color-blind readers).
COLORS = {
    "1x1": "#0072B2",
    "3x3": "#E69F00",
    "5x5": "#009E73",
    "pool": "#CC79A7",
    "accent": "#D55E00",
    "muted": "#8A8A8A",
}

#: A branch of a later network has the color of the one it stands for.
_STANDS_FOR = {
    "double3x3": "5x5",
    "3x3dbl": "5x5",
    "7x7": "3x3",
    "7x7dbl": "5x5",
    "7x7x3": "5x5",
    "residual": "accent",
}

_INK = "#010203"  # stands for "the color of the page's text" until the SVG is written

_STYLE: dict[Any, Any] = {
    "figure.figsize": (7.2, 3.6),
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "inception_lib",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": _INK,
    "axes.labelcolor": _INK,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "text.color": _INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "hatch.color": _INK,
    "axes.prop_cycle": cycler(color=[COLORS[k] for k in ("1x1", "3x3", "5x5", "pool", "accent")]),
}


def use_style() -> None:
    """Set the book's style for every plot that follows, and let matplotlib show nothing by itself."""
    matplotlib.use("agg")
    plt.rcParams.update(_STYLE)


def to_svg(fig: Figure, alt: str) -> str:
    """The figure as an SVG element with `alt` as its accessible name; text follows the page's color."""
    with io.StringIO() as buffer:
        fig.savefig(buffer, format="svg", bbox_inches="tight", metadata={"Date": None})
        svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    svg = re.sub(r"font: ([\d.]+px) [^;\"]*", r"font-size: \1", svg)  # the page's own typeface
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert size is not None, "matplotlib writes the size of its SVG in points"
    width, height = map(float, size.groups())
    start = (
        f'<svg role="img" aria-label="{html.escape(alt, quote=True)}" '
        f'style="width:100%;max-width:{width * 4 / 3:.0f}px;height:auto" '
        f'viewBox="0 0 {width:g} {height:g}" '
    )
    return re.sub(r"<svg [^>]*?(?=xmlns)", start, re.sub(r' viewBox="[^"]*"', "", svg, count=1), count=1)


class Picture:
    """A shown figure: inline SVG for pages and notebooks, PNG where only images can be shown."""

    def __init__(self, fig: Figure, alt: str):
        self.alt = alt
        self._svg = to_svg(fig, alt)
        with io.BytesIO() as buffer:
            fig.savefig(buffer, format="png", dpi=120, bbox_inches="tight", facecolor="white")
            self._png = buffer.getvalue()

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        bundle = {
            "text/plain": repr(self),
            "text/html": f'<figure class="inception-figure">{self._svg}</figure>',
            "image/png": base64.b64encode(self._png).decode(),
        }
        return bundle, {"image/png": {"alt": self.alt}}


def show(fig: Figure, alt: str) -> Picture:
    """Show `fig` with the text `alt` for those who cannot see it. Call it last in a cell."""
    if not alt.strip():
        raise ValueError("a figure needs a text that says what it shows")
    picture = Picture(fig, alt)
    plt.close(fig)
    return picture


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


def branch_color(name: str) -> str:
    """The color of a branch by its name, gray where it has none."""
    return COLORS.get(_STANDS_FOR.get(name, name), COLORS["muted"])


def _label(layer: Layer) -> str:
    match layer:
        case Pool():
            op = {"average": "avg"}.get(layer.op, layer.op)  # as in Table 1; the whole word fills its box
            return f"{layer.kernel}x{layer.kernel} {op} pool"
        case Conv():
            rows, columns = pair(layer.kernel)
            return f"{rows}x{columns} conv, {layer.out_channels}"
        case Branches():
            return "\n".join(_label(part) for branch in layer.branches for part in branch.layers)
    return layer.name


def _channels(branch: Branch) -> int | None:
    """The channels that a branch gives; None where it passes on those of its input."""
    for layer in reversed(branch.layers):
        if isinstance(layer, Conv):
            return layer.out_channels
        if isinstance(layer, Branches):
            given = [n for part in layer.branches if (n := _channels(part)) is not None]
            if len(given) < len(layer.branches):
                return None
            return given[0] if layer.join == "add" else sum(given)
    return None


def draw_module(module: Branches, *, title: str = "") -> Figure:
    """Draw a module, data flowing upwards as in the paper's figure 2; widths from the data."""
    depth = max(len(branch.layers) for branch in module.branches)
    n = len(module.branches)
    fig, ax = plt.subplots(figsize=(7.2, 1.1 * (depth + 2)))
    ax.set_xlim(-0.6, n - 0.4)
    ax.set_ylim(-0.45, depth + 1.45)
    ax.axis("off")
    ax.set_title(title)

    def box(x: float, y: float, text: str, color: str, width: float = 0.86, filled: bool = True) -> None:
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - 0.22),
                width,
                0.44,
                boxstyle="round,pad=0.02",
                facecolor=color if filled else "none",
                edgecolor=color,
                linewidth=1.8,
            )
        )
        ink = "white" if filled and color in (COLORS["1x1"],) else "black" if filled else _INK
        ax.text(x, y, text, ha="center", va="center", fontsize=10, color=ink)

    def arrow(start: tuple[float, float], end: tuple[float, float]) -> None:
        ax.annotate(
            "",
            end,
            start,
            arrowprops={"arrowstyle": "-|>", "color": _INK, "lw": 1, "shrinkA": 0, "shrinkB": 0},
        )

    middle = (n - 1) / 2
    for x, branch in enumerate(module.branches):
        color = branch_color(branch.name)
        below = (middle, 0.24)
        named = any(layer.name == branch.name for layer in branch.layers)
        for y, layer in enumerate(branch.layers, start=1):
            # the layer that gives the branch its name, or else the last, is filled; what only changes the
            # width is outlined
            box(
                x,
                y,
                _label(layer),
                color,
                filled=layer.name == branch.name if named else y == len(branch.layers),
            )
            arrow(below, (x, y - 0.25))
            below = (x, y + 0.24)
        if 0 < len(branch.layers) < depth:  # up beside the longer branches, not across them
            ax.plot([x, x], [below[1], depth + 0.24], color=_INK, linewidth=1)
            below = (x, depth + 0.24)
        arrow(below, (middle + (x - middle) * 0.45, depth + 0.75))
    given = [_channels(branch) for branch in module.branches]
    known = [n for n in given if n is not None]
    passed_on = " + the input's" if None in given else ""
    if module.join == "add":
        joined = f"add{', ReLU' if module.relu else ''}: {known[0] if known else 'as many'} channels"
    else:
        joined = f"concatenate: {sum(known)}{passed_on} channels"
    box(middle, 0, "previous layer", COLORS["muted"], width=1.5, filled=False)
    box(middle, depth + 1, joined, COLORS["muted"], width=min(2.6, n - 0.1), filled=False)
    return fig


def draw_network(architecture: Architecture, *, title: str = "") -> Figure:
    """Draw a network from input to classifier, one bar per layer, as long as it has channels.

    A module's bar is divided by branch, in the order of concatenation. Auxiliary heads are marked
    where they stand.
    """
    trunk = [step for step in walk(architecture) if step.head is None]
    steps = [step for step in trunk if step.branch == ""]
    widest = max(step.out_shape[0] for step in steps)
    fig, ax = plt.subplots(figsize=(7.2, 0.27 * (len(steps) + 1)))
    ax.set_xlim(0, widest * 1.16)
    ax.set_ylim(len(steps) - 0.3, -1.4)
    heads = {head.after: head.name for head in architecture.heads}
    labels = []
    for y, step in enumerate(steps):
        left = 0
        if isinstance(step.layer, Branches) and step.layer.join == "concatenate":
            for branch in step.layer.branches:
                channels = next(
                    (
                        s.out_shape[0]
                        for s in reversed(trunk)
                        if (s.module, s.branch) == (step.path, branch.name)
                    ),
                    step.in_shape[0],
                )
                ax.barh(y, channels, 0.7, left=left, color=branch_color(branch.name))
                left += channels
        else:
            left = step.out_shape[0]
            ax.barh(y, left, 0.7, color=_color(step.layer))
        text = shape_text(step.out_shape)
        if step.path in heads:
            text += f"  ← {heads[step.path]}"
        ax.text(left + widest * 0.012, y, text, va="center", fontsize=8.5)
        labels.append(step.path.removeprefix("inception_"))
    ax.set_yticks(range(len(steps)), labels, fontsize=8.5)
    ax.tick_params(left=False)
    ax.spines["left"].set_visible(False)
    ax.set_xlabel("channels")
    ax.set_title(title)
    for i, name in enumerate(("1x1", "3x3", "5x5", "pool")):
        ax.text(widest * (0.62 + 0.12 * i), -1, "■", color=COLORS[name], fontsize=11, va="center")
        ax.text(widest * (0.65 + 0.12 * i), -1, name, fontsize=9.5, va="center")
    return fig


def _color(layer: Layer) -> str:
    """A lone layer has the color of the branch with its kernel, where there is one."""
    if isinstance(layer, Conv):
        rows, columns = pair(layer.kernel)
        return COLORS.get(f"{rows}x{columns}", COLORS["accent"])
    return COLORS["accent"] if isinstance(layer, Linear) else COLORS["muted"]


def plot_audit(audit: Audit) -> Figure:
    """How far each exact number is from the one printed in Table 1; marker and color say the verdict."""
    marks = {
        "agrees": ("o", COLORS["1x1"]),
        "explained": ("D", COLORS["3x3"]),
        "unexplained": ("X", COLORS["accent"]),
    }
    found = [f for f in audit if f.table == "1" and f.column in ("params", "ops")]
    rows = list(dict.fromkeys(f.row for f in found))
    fig, axes = plt.subplots(1, 2, figsize=(7.2, 0.3 * len(rows) + 1.2), sharey=True)
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
        ax.axvline(0, color=_INK, linewidth=0.8)
        ax.set_xscale("symlog", linthresh=1)  # a percent or less is rounding; seventy is another network
        ax.set_xlim(-15, 100)
        ax.set_xticks([-10, -1, 0, 1, 10, 50], ["-10", "-1", "0", "1", "10", "50"])
        ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        ax.set_xlabel("exact minus printed, % of exact")
        ax.set_title(column)
        ax.grid(axis="y", color=COLORS["muted"], alpha=0.3, linewidth=0.6)
    axes[0].set_yticks(range(len(rows)), [row.removeprefix("inception_") for row in rows])
    axes[0].invert_yaxis()
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.06))
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
        figsize=(6, 2.3 * len(procedures)),
        sharex=True,
        layout="constrained",
        squeeze=False,
    )
    for ax, procedure in zip(axes.flat, procedures, strict=True):
        shown = rows[rows[procedure].notna()]
        own = shown["title"] == highlight
        ax.scatter(
            shown[column],
            shown[procedure],
            s=42,
            color=[COLORS["accent" if mine else "1x1"] for mine in own],
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
    fig, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3), layout=ConstrainedLayoutEngine(wspace=0.08))
    at = [record["epoch"] for record in history]
    lines = (
        ("loss", "classifier", "1x1", "o-"),
        ("aux1", "first head", "3x3", "s--"),
        ("aux2", "second head", "5x5", "^:"),
    )
    for name, label, color, line in lines:  # they often lie on each other, so each has a line of its own
        if history and name in history[0]:
            left.plot(
                at, [record[name] for record in history], line, markersize=4, label=label, color=COLORS[color]
            )
    left.axhline(math.log(classes), color=COLORS["muted"], linestyle=":")
    right.plot(at, [record["top1"] for record in history], "o-", markersize=4, color=COLORS["1x1"])
    right.axhline(1 / classes, color=COLORS["muted"], linestyle=":")
    left.set(xlabel="epoch", ylabel="training loss", ylim=(0, 1.15 * math.log(classes)))
    right.set(xlabel="epoch", ylabel="top-1 accuracy, validation", ylim=(0, 1))
    for ax in (left, right):
        ax.set_xlim(0, 1.03 * (epochs or (at[-1] if at else 1)))  # room for the last marker
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    left.legend(loc="lower left")
    return fig


def plot_arms(runs: Sequence[Mapping], arms: Mapping[str, str], *, ax: Axes | None = None) -> Figure:
    """Accuracy on validation over the epochs: a color for each arm of an experiment, a line for each seed.

    Args:
        runs: each with its `arm` and its `history`, the records of a training run.
        arms: which of them, at most three, and how they are named.
        ax: where to draw; a figure of its own by default.
    """
    ax = ax or plt.subplots(figsize=(7.2, 3), layout="constrained")[1]
    colors = (COLORS["accent"], COLORS["muted"], _INK)  # the others belong to the branches of a module
    looks = zip(arms.items(), colors, ("o-", "s--", "^:"), strict=False)
    for (arm, label), color, line in looks:
        own = [run["history"] for run in runs if run["arm"] == arm]
        for i, history in enumerate(own):
            ax.plot(
                [record["epoch"] for record in history],
                [record["top1"] for record in history],
                line,
                markersize=4,
                color=color,
                label=label if i == 0 else None,
            )
    ax.set(xlabel="epoch", ylabel="top-1 accuracy, validation", ylim=(0, 1))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.legend(loc="upper left", fontsize=9)
    return cast(Figure, ax.get_figure(root=True))


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
    ax = ax or plt.subplots(figsize=(7.2, 3.2))[1]
    order = list(norms["main"])
    lines = (
        ("main", "main loss's", "1x1", "o-"),
        ("aux1", "first head's", "3x3", "s--"),
        ("aux2", "second head's", "5x5", "^:"),
        ("total", "all together", "muted", "-"),
    )
    for part, label, color, line in lines:
        if part in norms:
            broad: dict[str, Any] = {"linewidth": 7, "alpha": 0.4} if part == "total" else {}
            ax.plot(
                [order.index(name) for name in norms[part]],
                list(norms[part].values()),
                line,
                label=label,
                color=COLORS[color],
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
    pictures: Sequence, titles: Sequence[str], *, good: Sequence[bool], columns: int = 5
) -> Figure:
    """Pictures with a line of text over each, in another color where `good` is false."""
    rows = -(-len(pictures) // columns)
    fig, axes = plt.subplots(rows, columns, figsize=(7.2, 1.75 * rows), layout="constrained", squeeze=False)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, picture, title, right in zip(axes.flat, pictures, titles, good, strict=False):
        ax.imshow(picture, interpolation="none")  # into the page at its own size, not blown up
        ax.set_title(title, fontsize=9, loc="center", color=_INK if right else COLORS["accent"])
    return fig
