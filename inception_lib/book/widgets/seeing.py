"""What excites the channels of each branch, module by module, and where a cat excites them."""

from __future__ import annotations

import io
from functools import cache
from typing import Any

from PIL import Image

from inception_lib.architecture import Branches
from inception_lib.book import results
from inception_lib.book.photographs import photographs
from inception_lib.book.seeing import recorded_picture, tiles_of
from inception_lib.book.widgets.base import Widget, choice, data_uri, jpeg, number, recorded
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.networks.googlenet import googlenet

_NETWORK = googlenet(heads=False)
MODULES = tuple(layer.name for layer in _NETWORK.layers if isinstance(layer, Branches))
BRANCHES = ("1x1", "3x3", "5x5", "pool")
CHANNELS = 4  #: of a branch that are shown, as both records have them


class SeeingWidget(Widget):
    """A wall of optimized images, each of one channel, and the photograph of a cat lit where that one fires.

    Settings: `module`, `branch`, and `number`, which of the branch's four channels that are shown. The images
    were recorded by benchmarks/what_it_sees.py, the maps by tools/record_seeing.py, both of BVLC's network;
    nothing runs here.
    """

    script = "seeing.js"
    styles = (*Widget.styles, "seeing.css")
    key = "seeing"
    title = "What excites a channel, and where it fires on a photograph"

    module = choice(MODULES, "inception_4b", "Module", tuple(m.removeprefix("inception_") for m in MODULES))
    branch = choice(BRANCHES, "3x3", "Branch")
    number = number(1, 1, CHANNELS, "Channel shown")

    def __init__(self, **settings: Any) -> None:
        super().__init__(seeing_table(), **settings)

    def result(self) -> dict[str, Any]:
        """The `channel`; the largest value `most` of its map, and the position of that, from 0; and of its
        image the `excitation` and the most that `random` images have, None where it is not recorded."""
        place = MODULES.index(self.module) * len(BRANCHES) + BRANCHES.index(self.branch)
        own = self.table["channels"][place * CHANNELS + self.number - 1]
        left, top, width, height = own["map"]
        with Image.open(results.folder() / recorded("seeing_chelsea")["pictures"][0]) as sheet:
            values = list(sheet.convert("L").crop((left, top, left + width, top + height)).tobytes())
        brightest = values.index(max(values))
        return {
            "channel": own["channel"],
            "most": own["most"],
            "row": brightest // width,
            "column": brightest % width,
            "excitation": own.get("excitation"),
            "random": own.get("random"),
        }


@cache
def seeing_table() -> dict[str, Any]:
    """The pictures as data URIs, and of each of the channels where in them it is.

    `map` is the box of a channel's map in `maps`, and `most` the value that is white there; `tile` is the
    left upper corner of its image in `sheet`, if that is recorded.

    Raises:
        InceptionError: nothing was recorded.
    """
    seen, images = recorded("seeing_chelsea"), recorded("what_it_sees")
    maps = {(m["path"], m["channel"]): m for m in seen["maps"]}
    tiles = {(t["path"], t["channel"]): t for t in images["tiles"]}
    channels = []
    for tile in tiles_of(_NETWORK, CHANNELS):
        own, image = maps[tile.path, tile.channel], tiles.get((tile.path, tile.channel))
        about = {"module": tile.module, "branch": tile.branch, "channel": tile.channel}
        channels.append(about | {"map": own["box"], "most": own["most"]})
        if image:
            corner, most = [image["left"], image["top"]], image["random_most"]
            channels[-1] |= {"tile": corner, "excitation": image["excitation"], "random": most}
    return {
        "photograph": jpeg(BVLC_PREPROCESS.frame(photographs(["chelsea"])["chelsea"]), 85),
        "maps": _file(seen["pictures"][0], "png"),
        "sheet": _light(images["sheet"]),
        "side": images["tile_pixels"],
        "channels": channels,
    }


def _light(name: str) -> str:
    """The recorded sheet of tiles, at the quality of a page."""
    with io.BytesIO() as file:
        recorded_picture(name).save(file, "WEBP", quality=40, method=6)
        return data_uri(file.getvalue(), "webp")


def _file(name: str, kind: str) -> str:
    return data_uri((results.folder() / name).read_bytes(), kind)
