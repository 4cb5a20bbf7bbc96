"""The 144 crops of one photograph."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from math import ceil
from typing import Any

import numpy as np
import traitlets as t

from inception_lib.book.photographs import photographs
from inception_lib.book.widgets.base import Widget, choice, number, recorded, steps
from inception_lib.evaluation.plan import CROPS, SQUARES, plan, scheme

SCALES = scheme(144).scales
WIDTH, HEIGHT = 451, 300  #: pixels of the photograph
_SAID = {"chelsea": "A cat's face, seen from the front and lit from the left"}  # of a photograph


class CropWidget(Widget):
    """The 144 crops of one photograph, what BVLC's network sees in each, and the average as crops are added.

    Settings: `scale` (length of the shorter side), `square`, `crop`, `mirror`, of the crop that is shown;
    `averaged`, the number of crops in the average; `column` and `row` of a pixel, from 1, of which is asked
    which of these crops hold it (0: none is asked of). Crops are added in the order of the tests in Table 3:
    the one crop, the ten, all. The probabilities were recorded in `data/results/` by tools/record_crops.py;
    nothing runs here.
    """

    script = "crops.js"
    styles = (*Widget.styles, "crops.css")
    key = "crops"
    title = "The 144 crops of a photograph, and their average"

    scale = steps(SCALES, 256, "Shorter side, pixels", SCALES[1] - SCALES[0])
    square = choice(SQUARES, "center", "Square")
    crop = choice(CROPS, "center", "Crop", (*CROPS[:-1], "the whole square, resized"))
    mirror = t.Bool(False).tag(sync=True, label="Mirror image")
    averaged = number(10, 1, 144, "Crops averaged")
    column = number(0, 0, WIDTH, "Pixel, column (0: none)")
    row = number(0, 0, HEIGHT, "Pixel, row (0: none)")

    def __init__(self, **settings: Any) -> None:
        super().__init__(crop_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the crop: its number, and its box in hundredths of the picture's pixels. The best five classes
        (places in the table's list) and their probabilities in millionths, of the crop and of the average.
        How many of the averaged crops have the average's first class in the first place, how many of them
        hold the pixels that most and that fewest hold, and how many hold the pixel asked of, also of those
        that have that class in the first place."""
        views = self.table["views"]
        wanted = {name: getattr(self, name) for name in ("scale", "square", "crop", "mirror")}
        place, view = next((i, v) for i, v in enumerate(views, 1) if wanted.items() <= v.items())
        chosen = [v["p"] for v in views[: self.averaged]]
        n = len(chosen)
        mean = [(2 * sum(column) + n) // (2 * n) for column in zip(*chosen, strict=True)]
        found = {"number": place}
        for name, edge in zip(("left", "top", "right", "bottom"), view["box"], strict=True):
            found[name] = round(edge * 100)
        for before, row in (("", view["p"]), ("mean_", mean)):
            for i, k in enumerate(best(row)[:5], 1):
                found |= {f"{before}class{i}": k, f"{before}p{i}": row[k]}
        agree = [best(p)[0] == found["mean_class1"] for p in chosen]
        boxes = [v["box"] for v in views[: self.averaged]]
        counts = covered(boxes, WIDTH, HEIGHT)
        asked = self.column and self.row
        held = [bool(asked) and _holds(box, self.column, self.row) for box in boxes]
        return found | {
            "agree": sum(agree),
            "covered_most": int(counts.max()),
            "covered_least": int(counts.min()),
            "held": sum(held),
            "held_agree": sum(a and b for a, b in zip(held, agree, strict=True)),
        }


def _holds(box: Sequence[float], column: int, row: int) -> bool:
    """Whether the middle of a pixel, counted from 1, is in a box."""
    left, top, right, bottom = box
    return left <= column - 0.5 < right and top <= row - 0.5 < bottom


def covered(boxes: Sequence[Sequence[float]], width: int, height: int) -> np.ndarray:
    """Of each pixel (height, width) the number of boxes that hold its middle."""
    counts = np.zeros((height, width), int)
    for box in boxes:
        left, top, right, bottom = (ceil(edge - 0.5) for edge in box)
        counts[top:bottom, left:right] += 1
    return counts


def best(row: Sequence[int]) -> list[int]:
    """Places of the largest first; of equals, the first first."""
    return sorted(range(len(row)), key=lambda k: (-row[k], k))


@cache
def crop_table() -> dict:
    """The photograph, the box of each of its 144 crops, and what was recorded of each.

    `views` are in the order of the tests of Table 3: the test with 1 crop takes the first, that with 10 the
    first ten. `box` is in the photograph's own pixels, `p` has the probabilities of `classes` in millionths.
    `mean_classes` are the five most probable on average over all.

    Raises:
        InceptionError: nothing was recorded.
    """
    record = recorded("crops_chelsea")
    name, width, height = record["photograph"], record["width"], record["height"]
    assert (width, height) == (WIDTH, HEIGHT), "recorded for another photograph"
    boxes = {(v.scale, v.square, v.crop, v.mirror): v.box for v in plan(scheme(144), width, height)}
    found = {
        (v["scale"], v["square"], v["crop"], v["mirror"]): [int(n) for n in v["millionths"].split()]
        for v in record["views"]
    }
    assert boxes.keys() == found.keys(), "recorded for another plan"
    order = [
        (v.scale, v.square, v.crop, v.mirror)
        for crops in (1, 10, 144)
        for v in plan(scheme(crops), width, height)
    ]
    views = [
        {
            "scale": key[0],
            "square": key[1],
            "crop": key[2],
            "mirror": key[3],
            "box": [round(edge, 2) for edge in boxes[key]],
            "p": found[key],
        }
        for key in dict.fromkeys(order)
    ]
    totals = [sum(column) for column in zip(*found.values(), strict=True)]
    with io.BytesIO() as file:
        photographs([name])[name].save(file, "JPEG", quality=80)
        source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {
        "picture": {"src": source, "width": width, "height": height, "alt": _SAID[name]},
        "classes": record["classes"],
        "mean_classes": best(totals)[:5],
        "views": views,
    }
