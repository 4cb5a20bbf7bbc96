"""Each position of the last map votes, and the mean of the votes is the answer."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from functools import cache
from typing import Any

from inception_lib.book.live.widget import Living
from inception_lib.book.photographs import photographs
from inception_lib.book.widgets.base import Widget, choice, number, recorded
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.data.shapes import CLASSES

SIDE = 160  #: pixels of the image that the reader makes; its last map has 5x5 positions
PHOTOGRAPH = "chelsea"
IMAGES = ("shapes", "chelsea 224", "chelsea 448")


class VotesWidget(Living, Widget):
    """An image under the grid of the last map, the logits at each position, and their mean.

    `image`: two objects, on which the bundled network runs in the page; or scikit-image's photograph of a
    cat at one of two input sizes, on which BVLC's votes were recorded by benchmarks/votes.py. Of the objects:
    `shape` at `x`, `y` and `second` at `x2`, `y2`, their `radius` in hundredths of the image's side, and
    `colors`, a number that stands for some. `shown`: the class whose map is shown, by its line, 0 for the
    most probable. `position`: counted by rows from 1; where there are fewer, the last. `order`: 0 with the
    positions in their places, else the number of a shuffle. The fully connected layer was fitted on the
    bundled network's last map, by benchmarks/votes.py too. The tests hold its numbers against torch.
    """

    script = "votes.js"
    styles = (*Widget.styles, "votes.css")
    key = "votes"
    title = "Each position votes"

    image = choice(IMAGES, "shapes", "Image", ("objects, live", "a cat, 7x7", "a cat, 14x14"))
    shape = choice(CLASSES, "striped disc", "Object")
    second = choice(("none", *CLASSES), "cross", "Second object")
    radius = number(15, 6, 24, "Radius, % of the image")
    colors = number(15, 1, 999, "Colors, by number")
    x = number(28, 0, 100, "Object, % from the left")
    y = number(32, 0, 100, "Object, % from the top")
    x2 = number(72, 0, 100, "Second object, % from the left")
    y2 = number(70, 0, 100, "Second object, % from the top")
    shown = number(0, 0, 10, "Class of the map, by its line; 0: the most probable")
    position = number(7, 1, 196, "Position, counted by rows")
    order = number(0, 0, 999, "Shuffle, by its number; 0: in place")

    def __init__(self, **settings: Any) -> None:
        super().__init__(votes_table(), **settings)


@cache
def votes_table() -> dict:
    """Of the objects the classes and a fully connected layer; of the photograph itself and its votes.

    Raises:
        InceptionError: nothing was recorded.
    """
    preprocess = replace(BVLC_PREPROCESS, resize=2 * BVLC_PREPROCESS.resize, crop=2 * BVLC_PREPROCESS.crop)
    with io.BytesIO() as file:
        preprocess.frame(photographs([PHOTOGRAPH])[PHOTOGRAPH]).save(file, "JPEG", quality=80)
        source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {
        "side": SIDE,
        "classes": list(CLASSES),
        "connected": recorded("votes_connected"),
        "chelsea": {"src": source, **recorded("votes_chelsea")},
    }
