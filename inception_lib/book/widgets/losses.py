"""Three classifiers on one trunk, and the gradients that their losses send down."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import Any

import traitlets as t

from inception_lib.book.live.widget import Living
from inception_lib.book.widgets.base import Widget, choice, number, recorded, steps
from inception_lib.book.widgets.xray import DRAWING, LONGEST, STROKES
from inception_lib.data.shapes import CLASSES, SIDE

PARTS = ("main", "aux1", "aux2")  #: the losses, as training/step.py orders them
PAPER = 0.3  #: the weight of each head's loss
EPOCHS = 5  #: of the recorded training


class ThreeLossesWidget(Living, Widget):
    """The bundled network with two heads on an image, and what three losses send down a network in training.

    Of the image: `shape`, `x`, `y`, `radius`, `turn`, `colors` and `drawing`, as in the X-ray. The heads were
    fitted on the finished network, and the gradients recorded while another was trained, by
    benchmarks/three_losses.py. `main`, `aux1`, `aux2`: whether this loss is on. `weight` of each head's loss,
    `epoch` of the training (0: before it), and `layer`, counted from the image.
    """

    script = "losses.js"
    styles = (*Widget.styles, "xray.css", "losses.css")
    key = "losses"
    title = "Three classifiers, three losses, one trunk"

    aux1 = t.Bool(True).tag(sync=True, label="First head's loss")
    aux2 = t.Bool(True).tag(sync=True, label="Second head's loss")
    main = t.Bool(True).tag(sync=True, label="Main loss")
    weight = steps(tuple(round(0.1 * i, 1) for i in range(11)), PAPER, "Weight of each head's loss", 0.1)
    epoch = number(0, 0, EPOCHS, "Epochs trained")
    layer = number(4, 1, 12, "Layer, counted from the image")
    shape = choice((*CLASSES, DRAWING), "crescent", "Object", (*CLASSES, "your own drawing"))
    radius = number(26, 8, 48, "Radius, % of the image")
    turn = number(-10, -180, 180, "Turn, degrees")
    colors = number(3, 1, 999, "Colors, by number")
    x = number(48, 0, 100, "Center, % from the left")
    y = number(52, 0, 100, "Center, % from the top")
    drawing = t.Unicode("").tag(sync=True, label="Drawing", pattern=STROKES, longest=LONGEST)

    def __init__(self, **settings: Any) -> None:
        super().__init__(losses_table(), **settings)

    @t.validate("drawing")
    def _only_strokes(self, proposal: dict[str, Any]) -> str:
        text = proposal["value"]
        if len(text) > LONGEST or not re.fullmatch(STROKES, text):
            raise t.TraitError(f"drawing: {text!r} is none: two letters for a point, - between strokes")
        return text

    def result(self) -> dict[str, int]:
        """Norms of gradients in millionths, `_1` being the first layer's: of each loss that is on, weighted
        (`main_1`), of their sum (`total_1`), and of the paper's sum: all on, of weight 0.3 (`paper_1`)."""
        on = [float(getattr(self, part)) for part in PARTS]
        sums = {"total": _weighted(on, self.weight), "paper": _weighted((1, 1, 1), PAPER)}
        for i, part in enumerate(PARTS):
            alone = [on[i] if j == i else 0.0 for j in range(3)]
            sums[part] = _weighted(alone, self.weight)
        products = self.table["gradients"][self.epoch]["products"]
        return {
            f"{name}_{i}": round(1e6 * norm(matrix, factors))
            for name, factors in sums.items()
            for i, matrix in enumerate(products, 1)
        }


def norm(products: list[list[float]], factors: list[float]) -> float:
    """Of a weighted sum of gradients whose inner products are known."""
    return math.sqrt(
        max(0.0, sum(a * b * products[i][j] for i, a in enumerate(factors) for j, b in enumerate(factors)))
    )


def _weighted(on: Any, weight: float) -> list[float]:
    return [on[0], on[1] * weight, on[2] * weight]


@cache
def losses_table() -> dict:
    """The heads, and by epoch the losses and the inner products of the gradients by layer.

    Raises:
        InceptionError: nothing was recorded.
    """
    record = recorded("three_losses")
    epochs = record["gradients"]
    return {
        "side": SIDE,
        "classes": list(CLASSES),
        "drawing": DRAWING,
        "longest": LONGEST,
        "paper": PAPER,
        "heads": record["heads"],
        "images": record["images"],
        "layers": list(epochs[0]["products"]),
        "gradients": [one | {"products": list(one["products"].values())} for one in epochs],
    }
