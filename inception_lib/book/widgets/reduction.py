"""A convolution alone and behind a 1x1 reduction."""

from __future__ import annotations

from inception_lib.architecture import Branches, walk
from inception_lib.book import factors
from inception_lib.book.widgets.base import Widget, number, steps
from inception_lib.networks.googlenet import PAPER_WIDTHS, googlenet

_SHAPES = [step.in_shape for step in walk(googlenet(heads=False)) if isinstance(step.layer, Branches)]
#: Of the paper's modules, marked under the sliders: what comes in, and the widths of the 5x5 branch.
CHANNELS, GRIDS = (tuple(sorted({shape[axis] for shape in _SHAPES})) for axis in (0, 1))
REDUCTIONS = tuple(sorted({widths.reduce5x5 for widths in PAPER_WIDTHS.values()}))
WIDTHS = tuple(sorted({widths.n5x5 for widths in PAPER_WIDTHS.values()}))


class ReductionWidget(Widget):
    """A k x k convolution, alone and behind a 1x1 reduction: MACs, weights, and where it stops paying.

    It opens on the 5x5 branch of module 4a. Settings, all whole numbers: `grid` (pixels a side),
    `kernel` (odd), `c_in`, `c_out` and `reduce` (channels).
    """

    script = "reduction.js"
    key = "reduction"
    title = "A convolution, alone and behind a 1x1 reduction"

    grid = number(14, 1, 256, "Feature map size", scale="log", ticks=GRIDS)
    kernel = steps((1, 3, 5, 7, 9, 11), 5, "Kernel size", 2)
    c_in = number(480, 1, 2048, "Channels in", scale="log", ticks=CHANNELS)
    c_out = number(48, 1, 2048, "Channels out", scale="log", ticks=WIDTHS)
    reduce = number(16, 1, 2048, "Reduction, channels", scale="log", ticks=REDUCTIONS)

    def __init__(self, **settings: int) -> None:
        super().__init__(reduction_table(), **settings)

    def result(self) -> dict[str, int]:
        """MACs and weights without and with the reduction; the widest reduction that still saves MACs."""
        s = self.settings
        direct = factors.direct(s["grid"], s["kernel"], s["c_in"], s["c_out"])
        reduced = factors.reduced(**s)
        per_output = self.kernel**2
        return {
            "direct_macs": direct.macs,
            "direct_weights": direct.weights,
            "reduced_macs": reduced.macs,
            "reduced_weights": reduced.weights,
            "pays_up_to": (per_output * self.c_in * self.c_out - 1) // (self.c_in + per_output * self.c_out),
        }


def reduction_table() -> dict[str, list[dict]]:
    """Rows of the convolution alone and behind the reduction, in the settings' names."""
    names = ("grid", "kernel", "c_in", "c_out", "reduce")
    return {
        "direct": factors.named(names, lambda reduce, **settings: factors.direct(**settings)),
        "reduced": factors.named(names, factors.reduced),
    }
