"""The map of the network: every block to scale, and what the bundled network sees in an image."""

from __future__ import annotations

from functools import cache
from itertools import groupby
from typing import Any

from inception_lib.book import map as network
from inception_lib.book.live.widget import Living
from inception_lib.book.map import Block, Plan, View
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.data.shapes import CLASSES, SIDE

#: Pixels around a drawing: left, top, right, bottom. Labels are below, or left where it runs downward.
_MARGINS = {"wide": (6, 26, 34, 48), "tall": (68, 4, 26, 6)}


def _name(block: Block) -> str:
    same = [one.name for one in network.blocks() if one.label == block.label]
    return block.label if len(same) == 1 else f"{block.label} {same.index(block.name) + 1}"


class MapWidget(Living, Widget):
    """The paper's network in one drawing, and the way into each chapter.

    Settings: `view`: what a block's size stands for, or `sees`, in which the bundled network runs and each
    block shows maps of its own; `block`, the one that is looked at; and the image: `shape`, a class, its
    center `x`, `y` in hundredths of the image's side, and `colors`, a number that stands for some.
    """

    script = "map.js"
    styles = (*Widget.styles, "map.css")
    key = "map"
    title = "GoogLeNet to scale"

    view = choice(network.VIEWS, "shape", "Show", ("shape", "arithmetic", "weights", "what it sees"))
    block = choice(
        tuple(block.name for block in network.blocks()),
        "inception_3b",
        "Block",
        tuple(map(_name, network.blocks())),
    )
    shape = choice(CLASSES, "striped square", "Object")
    x = number(50, 0, 100, "Center, % from the left")
    y = number(50, 0, 100, "Center, % from the top")
    colors = number(1, 1, 999, "Colors, by number")

    def __init__(self, **settings: Any) -> None:
        super().__init__(map_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the chosen block its channels, the side of its maps, its MACs and its weights."""
        block = next(one for one in network.blocks() if one.name == self.block)
        return {
            "channels": block.shape[0],
            "side": block.side,
            "macs": block.macs,
            "weights": block.weights,
        }


@cache
def map_table() -> dict[str, Any]:
    """Blocks with their numbers, chapters with their pins, and where everything is drawn."""
    counts = network.counted()
    return {
        "blocks": [_block(block) for block in network.blocks()],
        "chapters": [
            {"page": one.page, "title": one.title, "pins": one.pins, "all": one.whole}
            for one in network.CHAPTERS
        ],
        "sides": [
            (side, [block.name for block in of_side])
            for side, of_side in groupby((b for b in network.blocks() if not b.after), lambda b: b.side)
        ],
        "plans": {name: _plan(network.PLANS[name], _MARGINS[name]) for name in _MARGINS},
        "total": {
            "macs": counts.trunk.macs,
            "weights": counts.trunk.weights,
            "heads": counts.weights - counts.trunk.weights,
            "depth": counts.architecture.depth,
        },
        "image": SIDE,
    }


def _block(block: Block) -> dict[str, Any]:
    return {
        "name": block.name,
        "label": block.label,
        "kind": block.kind,
        "shape": block.shape,
        "after": block.after,
        "macs": block.macs,
        "weights": block.weights,
        "chapter": network.CHAPTERS.index(network.opens(block)),
        "parts": [
            {"path": part.path, "branch": part.branch, "channels": part.shape[0]} for part in block.parts
        ],
    }


def _plan(plan: Plan, margins: tuple[int, int, int, int]) -> dict[str, Any]:
    left, top, right, bottom = margins
    along, across = plan.length, plan.most
    size = (along, across) if plan.upward else (across, along)
    return {
        "upward": plan.upward,
        "size": [round(left + size[0] + right, 2), round(top + size[1] + bottom, 2)],
        "ground": round(top + across if plan.upward else left, 2),
        "views": {view: _view(plan, view, left, top) for view in network.VIEWS},
    }


def _view(plan: Plan, view: View, left: int, top: int) -> dict[str, Any]:
    """In order, of the parts their [x, y, width, height], of the trunk's blocks their [start, size] along."""

    def place(rect: network.Rect) -> list[float]:
        start, size, base, length = rect
        x, y, wide, high = (
            (left + start, top + plan.most - base - length, size, length)
            if plan.upward
            else (left + base, top + start, length, size)
        )
        return [round(value, 2) for value in (x, y, wide, high)]

    rects = plan.rects(view)
    first = left if plan.upward else top
    return {
        "rects": [place(rects[part.path]) for block in network.blocks() for part in block.parts],
        "slots": [[round(first + at, 2), round(size, 2)] for at, size in plan.slots(view).values()],
    }
