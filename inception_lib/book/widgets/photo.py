"""The large network, in the page, on the reader's own photograph."""

from __future__ import annotations

from functools import cache
from typing import Any

from inception_lib.architecture import Dropout, GlobalPool, Linear
from inception_lib.book.live.widget import Living
from inception_lib.book.photographs import photographs
from inception_lib.book.widgets.base import Widget, choice, jpeg, number
from inception_lib.networks.googlenet import googlenet

BEST = 5  #: classes that are shown
#: Whose maps can be looked at: what gives maps, and of a module what it passes on.
LAYERS = tuple(
    layer.name
    for layer in googlenet(heads=False).layers
    if not isinstance(layer, (Dropout, GlobalPool, Linear))
)


class PhotoWidget(Living, Widget):
    """A large network, of a file that the reader has or of the book's own, and what it says of a photograph.

    Settings: `answer`, from 1, of the five best classes the one whose class map is shown; `crops`, 1 or 10,
    whose probabilities are averaged; `layer`, whose maps are shown; `channel`, the map that lights the
    photograph, or 0 for the class map. Nothing that the reader chooses leaves the page, and so it is no
    setting either.
    """

    script = "photo.js"
    styles = (*Widget.styles, "photo.css")
    key = "photo"
    title = "Your own photograph, through the whole GoogLeNet"

    answer = number(1, 1, BEST, "Class map of answer")
    crops = choice((1, 10), 1, "Crops averaged", ("1", "10"))
    layer = choice(
        LAYERS,
        "inception_4b",
        "Maps of",
        tuple(name.removeprefix("inception_").replace("_", " ") for name in LAYERS),
    )
    channel = number(0, 0, 1024, "Channel that lights the photograph, 0 for the class map")

    def __init__(self, **settings: Any) -> None:
        super().__init__(photo_table(), **settings)


@cache
def photo_table() -> dict[str, Any]:
    """The photograph that is there before the reader's own, and how many classes are shown."""
    cat = photographs(["chelsea"])["chelsea"]
    return {"photograph": jpeg(cat), "name": "the cat of scikit-image", "best": BEST}
