"""Drawings of modules and networks, made from their data."""

from __future__ import annotations

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from inception_lib.architecture import Architecture, Branch, Branches, Conv, Layer, Pool, pair, walk
from inception_lib.book.figures.style import COLORS, INK, WIDTH, branch_color, line_color
from inception_lib.counting import shape_text


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
    fig, ax = plt.subplots(figsize=(WIDTH, 1.1 * (depth + 2)))
    ax.set_xlim(-0.6, n - 0.4)
    ax.set_ylim(-0.45, depth + 1.45)
    ax.axis("off")
    ax.set_title(title)

    def box(x: float, y: float, text: str, name: str, width: float = 0.86, filled: bool = True) -> None:
        color = branch_color(name)
        ax.add_patch(
            FancyBboxPatch(
                (x - width / 2, y - 0.22),
                width,
                0.44,
                boxstyle="round,pad=0.02",
                facecolor=color if filled else "none",
                edgecolor=line_color(name),
                linewidth=1.8,
            )
        )
        ink = "white" if filled and color in (COLORS["1x1"],) else "black" if filled else INK
        ax.text(x, y, text, ha="center", va="center", fontsize=10, color=ink)

    def arrow(start: tuple[float, float], end: tuple[float, float]) -> None:
        ax.annotate(
            "",
            end,
            start,
            arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1, "shrinkA": 0, "shrinkB": 0},
        )

    middle = (n - 1) / 2
    for x, branch in enumerate(module.branches):
        below = (middle, 0.24)
        named = any(layer.name == branch.name for layer in branch.layers)
        for y, layer in enumerate(branch.layers, start=1):
            # the layer that gives the branch its name, or else the last, is filled; what only changes the
            # width is outlined
            box(
                x,
                y,
                _label(layer),
                branch.name,
                filled=layer.name == branch.name if named else y == len(branch.layers),
            )
            arrow(below, (x, y - 0.25))
            below = (x, y + 0.24)
        if 0 < len(branch.layers) < depth:  # up beside the longer branches, not across them
            ax.plot([x, x], [below[1], depth + 0.24], color=INK, linewidth=1)
            below = (x, depth + 0.24)
        arrow(below, (middle + (x - middle) * 0.45, depth + 0.75))
    given = [_channels(branch) for branch in module.branches]
    known = [n for n in given if n is not None]
    passed_on = " + the input's" if None in given else ""
    if module.join == "add":
        joined = f"add{', ReLU' if module.relu else ''}: {known[0] if known else 'as many'} channels"
    else:
        joined = f"concatenate: {sum(known)}{passed_on} channels"
    box(middle, 0, "previous layer", "", width=1.5, filled=False)
    box(middle, depth + 1, joined, "", width=min(2.6, n - 0.1), filled=False)
    return fig


def draw_network(architecture: Architecture, *, title: str = "") -> Figure:
    """Draw a network from input to classifier, one bar per layer, as long as it has channels.

    A module's bar is divided by branch, in the order of concatenation; layers outside of modules are gray.
    Auxiliary heads are marked where they stand.
    """
    trunk = [step for step in walk(architecture) if step.head is None]
    steps = [step for step in trunk if step.branch == ""]
    widest = max(step.out_shape[0] for step in steps)
    fig, ax = plt.subplots(figsize=(WIDTH, 0.27 * (len(steps) + 1)))
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
            ax.barh(y, left, 0.7, color=COLORS["muted"])
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
