"""A wide figure for a narrow page: its plots one under the other, each a view of the same drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

PAD = 3  #: points around what is shown
TICK = 4.5  #: points that an axis and its ticks take
MOST = 8  #: plots; more of them are a table, which is read across
WHOLE = 0.75  #: of a figure's width: a plot this wide gains nothing by a view of its own


class Box(NamedTuple):
    """A part of a figure, in points from its top left."""

    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: Box) -> bool:
        """Whether they have more in common than their edges."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > PAD
            and min(self.bottom, other.bottom) - max(self.top, other.top) > PAD
        )


def views(fig: Figure, name: str) -> str:
    """A `div` with a view of each entry of the legend and each plot, or nothing where they are not apart.

    Args:
        fig: it is drawn again as for the SVG, with 72 dots an inch, so that dots are points.
        name: id of the element of the page's SVG that holds the drawing.
    """
    plots = [ax for ax in fig.axes if ax.get_visible() and (ax.axison or ax.has_data() or ax.texts)]
    if not 2 <= len(plots) <= MOST or fig.texts or fig.lines or fig.patches or fig.images:
        return ""
    fig.set_dpi(72)
    fig.draw_without_rendering()
    entries = [
        _box(fig, *entry)
        for legend in fig.legends
        for entry in zip(legend.legend_handles, legend.get_texts(), strict=True)
    ]
    boxes = {ax: _box(fig, ax) for ax in plots}
    if any(box.right - box.left > WHOLE * 72 * fig.get_figwidth() for box in boxes.values()):
        return ""
    if any(one.overlaps(other) for one, other in combinations([*entries, *boxes.values()], 2)):
        return ""
    if any(_lacks_x(ax) for ax in plots):
        return ""
    shown = [_view([box], name) for box in entries]
    for ax, box in boxes.items():
        scale = _scale(fig, ax, boxes)
        shown.append(_view([scale, box] if scale else [box], name))
    return f'<div class="inception-views" style="display:none" aria-hidden="true">{"".join(shown)}</div>'


def _box(fig: Figure, *parts: Artist | None) -> Box:
    found = Bbox.union([box for part in parts if part and (box := part.get_tightbbox())])
    height = 72 * fig.get_figheight()
    return Box(found.x0 - PAD, height - found.y1 - PAD, found.x1 + PAD, height - found.y0 + PAD)


def _lacks_x(ax: Axes) -> bool:
    """Whether the numbers of its horizontal axis are written at another plot."""
    return ax.axison and len(ax.get_shared_x_axes().get_siblings(ax)) > 1 and not _labels(ax.xaxis, "bottom")


def _labels(axis: Axis, side: str) -> bool:
    return bool(axis.get_tick_params()[f"label{side}"])


def _scale(fig: Figure, ax: Axes, boxes: Mapping[Axes, Box]) -> Box | None:
    """Where the numbers of its vertical axis are, if they are written at another plot of its row."""
    if not ax.axison or _labels(ax.yaxis, "left"):
        return None
    for other in ax.get_shared_y_axes().get_siblings(ax):
        if other in boxes and _labels(other.yaxis, "left"):
            place = other.get_position()
            if abs(place.y0 - ax.get_position().y0) < 0.01:
                edge = 72 * fig.get_figwidth() * place.x0 - TICK
                return Box(boxes[other].left, boxes[ax].top, edge, boxes[ax].bottom)
    return None


def _view(parts: Sequence[Box], name: str) -> str:
    """An SVG of these parts of the drawing, side by side."""
    height = parts[-1].bottom - parts[-1].top
    pieces, at = "", 0.0
    for left, top, right, _ in parts:
        width = right - left
        pieces += (
            f'<svg x="{at:.1f}" width="{width:.1f}" height="{height:.1f}" '
            f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}"><use href="#{name}"/></svg>'
        )
        at += width
    return f'<svg style="--drawn:{at * 4 / 3:.0f}px" viewBox="0 0 {at:.1f} {height:.1f}">{pieces}</svg>'
