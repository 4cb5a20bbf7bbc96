"""The bundled network, running on an image that the reader makes: every map, and each number written out."""

from __future__ import annotations

import re
from typing import Any

import traitlets as t

from inception_lib.architecture import walk
from inception_lib.book.live.widget import Living
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.data.shapes import CLASSES, SIDE
from inception_lib.networks.googlenet import googlenet

_MODULES = tuple(layer.name for layer in googlenet(heads=False).layers if layer.name.startswith("inception_"))
DRAWING = "drawing"  #: in place of a class: what the reader drew
LONGEST = 400  #: letters of a drawing, which has its place in the page's address
STROKES = "(?:(?:[0-9a-zA-X]{2})+(?:-(?:[0-9a-zA-X]{2})+)*)?"  # as live/shapes.js writes them
#: What can be looked at: all but whole modules, whose branches are, and dropout, which does nothing here.
PATHS = (
    "input",
    *(step.path for step in walk(googlenet(heads=False)) if step.path not in ("dropout", *_MODULES)),
)


def _name(path: str) -> str:
    return path.removeprefix("inception_").replace("/", ", ").replace("_", " ")


class XrayWidget(Living, Widget):
    """An image, what each layer of the bundled network makes of it, and its answer.

    Settings of the image: `shape` (a class, or the reader's `drawing`), its center `x`, `y` and `radius` in
    hundredths of the image's side, its `turn` in degrees, and `colors`, a number that stands for some. What
    is looked at: `path`, a layer, and `channel`, `row`, `column`, from 1; where a map has fewer, its last.
    `scale`: whether the brightest of the layer or of each map is white. `off_*`: whether this branch is set
    to zero, in the module `off_in`, or if that is "" in the one that is looked at; later maps are then those
    of the network without it. Its numbers are those of the engine in the page, which the tests compare with
    torch.
    """

    script = "xray.js"
    styles = (*Widget.styles, "xray.css")
    key = "xray"
    title = "X-ray: every map of a GoogLeNet that runs here"

    shape = choice((*CLASSES, DRAWING), "striped square", "Object", (*CLASSES, "your own drawing"))
    radius = number(24, 8, 48, "Radius, % of the image")
    turn = number(10, -180, 180, "Turn, degrees")
    colors = number(1, 1, 999, "Colors, by number")
    x = number(46, 0, 100, "Center, % from the left")
    y = number(48, 0, 100, "Center, % from the top")
    scale = choice(("layer", "map"), "layer", "White is the largest value of", ("the layer", "each map"))
    path = choice(PATHS, "inception_3a/3x3", "Layer", tuple(map(_name, PATHS)))
    channel = number(5, 1, 256, "Channel")
    row = number(5, 1, SIDE, "Row")
    column = number(5, 1, SIDE, "Column")
    off_1x1 = t.Bool(False).tag(sync=True, label="1x1 branch off", branch="1x1")
    off_3x3 = t.Bool(False).tag(sync=True, label="3x3 branch off", branch="3x3")
    off_5x5 = t.Bool(False).tag(sync=True, label="5x5 branch off", branch="5x5")
    off_pool = t.Bool(False).tag(sync=True, label="pool branch off", branch="pool")
    off_in = choice(
        ("", *_MODULES), "", "Branches are off in", ("the module that is looked at", *map(_name, _MODULES))
    )
    drawing = t.Unicode("").tag(sync=True, label="Drawing", pattern=STROKES, longest=LONGEST)

    def __init__(self, **settings: Any) -> None:
        super().__init__({"side": SIDE, "drawing": DRAWING, "longest": LONGEST}, **settings)

    @t.validate("drawing")
    def _only_strokes(self, proposal: dict[str, Any]) -> str:
        text = proposal["value"]
        if len(text) > LONGEST or not re.fullmatch(STROKES, text):
            raise t.TraitError(
                f"drawing: {text!r} is none: two letters for a point, - between strokes, {LONGEST} at most"
            )
        return text
