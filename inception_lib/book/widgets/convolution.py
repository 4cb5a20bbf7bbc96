"""A 1x1 convolution at work: one position's numbers, times a matrix; and what larger windows cost."""

from __future__ import annotations

import base64
from functools import partial
from typing import Any

from inception_lib.book import factors
from inception_lib.book.live.widget import Living
from inception_lib.book.photographs import photographs
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.counting import Counts

SIDE = 48  #: pixels a side of the photograph
PHOTOGRAPH = "chelsea"
LUMA = (0.299, 0.587, 0.114)  #: of red, green and blue in a gray value, by ITU-R BT.601
LAYER = "inception_3a/3x3_reduce"  #: of the bundled network, whose input and weights the second case has
BEFORE = "pool2"  #: the layer whose maps arrive there

#: Of each case the numbers that its counts are products of; `reduce` is the width of the reduction.
CASES = {
    "gray": {"grid": SIDE, "c_in": 3, "c_out": 1, "reduce": 1},
    "maps": {"grid": 10, "c_in": 48, "c_out": 24, "reduce": 4},
}
#: What a larger kernel does in its window: each weight of the 1x1 convolution, times these.
PATTERNS = {
    "1x1": ((1.0,),),
    "3x3": tuple(
        tuple((8 if (row, column) == (1, 1) else -1) / 8 for column in range(3)) for row in range(3)
    ),
    "5x5": tuple(tuple(a * b / 256 for b in (1, 4, 6, 4, 1)) for a in (1, 4, 6, 4, 1)),
}
KERNELS = (*PATTERNS, "reduced")
NAMES = ("1x1", "3x3", "5x5", "5x5 behind a reduction")


class ConvolutionWidget(Living, Widget):
    """One position of a stack of maps as a column of numbers, times a matrix, and what each output costs.

    `case`: "gray", a photograph's three colors to one gray value by the usual weights, or "maps", what the
    bundled network's 3x3 reduction in module 3a makes of its 48 maps. `kernel`: the window; a kernel larger
    than 1x1 has each weight of the 1x1, times one of `PATTERNS`, and "reduced" the best approximation of the
    5x5 by two layers. `row`, `column`: the position, from 1, up to which the output is there, row by row;
    where a map has fewer, its last. `output`: the output channel whose sum is written out. `order`: 0, or the
    number of a shuffle of the input channels.
    """

    script = "convolution.js"
    styles = (*Widget.styles, "convolution.css")
    key = "convolution"
    title = "See a 1x1 convolution"

    case = choice(tuple(CASES), "gray", "Input", ("a photograph: RGB to gray", "48 maps of a GoogLeNet's 3a"))
    kernel = choice(KERNELS, "1x1", "Window", NAMES)
    row = number(20, 1, SIDE, "Position, row")
    column = number(31, 1, SIDE, "Position, column")
    output = number(1, 1, max(case["c_out"] for case in CASES.values()), "Output channel")
    order = number(0, 0, 99, "Shuffle of the input channels, 0 for none")

    def __init__(self, **settings: Any) -> None:
        super().__init__(convolution_table(), **settings)

    def result(self) -> dict[str, int]:
        """How many positions are done, of how many; and for each kernel the MACs so far and of all."""
        case = CASES[self.case]
        row, column = (min(at, case["grid"]) for at in (self.row, self.column))
        found = {"done": (row - 1) * case["grid"] + column, "positions": case["grid"] ** 2}
        for kernel in KERNELS:
            macs = _counted(kernel, **case).macs
            found[f"all_{kernel}"] = macs
            found[f"spent_{kernel}"] = macs // found["positions"] * found["done"]
        return found


def _counted(kernel: str, grid: int, c_in: int, c_out: int, reduce: int) -> Counts:
    """One of `KERNELS` on one of the cases."""
    if kernel == "reduced":
        return factors.reduced(grid, 5, c_in, c_out, reduce)
    return factors.direct(grid, len(PATTERNS[kernel]), c_in, c_out)


def pixels(side: int) -> bytes:
    """The photograph's middle square in `side` x `side` pixels: R, G and B of each, row by row."""
    photograph = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    edge = min(photograph.size)
    left, top = ((length - edge) // 2 for length in photograph.size)
    square = photograph.crop((left, top, left + edge, top + edge))
    return square.resize((side, side)).tobytes()


def convolution_table() -> dict[str, Any]:
    """The photograph, the weights of the first case, the patterns, and the factors of each kernel's MACs."""
    names = ("grid", "c_in", "c_out", "reduce")
    macs = {kernel: factors.named(names, partial(_counted, kernel)) for kernel in KERNELS}
    return {
        "photograph": {"side": SIDE, "data": base64.b64encode(pixels(SIDE)).decode()},
        "luma": LUMA,
        "layer": LAYER,
        "before": BEFORE,
        "cases": CASES,
        "patterns": PATTERNS,
        "macs": macs,
    }
