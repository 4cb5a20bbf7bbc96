"""Small stacks of layers that widgets and quizzes count, and counts as products of the reader's settings.

A table row names the factors of a layer's counts: `["grid", "grid", "n5x5", 5, 5, "reduce5x5"]`. The
browser looks the names up in the reader's settings and multiplies. It knows no other formula, so
that it cannot disagree with `counting`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from inception_lib.architecture import Architecture, Conv, GlobalPool, Layer, Linear
from inception_lib.counting import Counts, count

#: The factors of a product: numbers, and the names of settings.
Factors = list[str | int]

#: Stand-ins for the reader's settings: distinct primes, so that each number in a count tells whose it is.
STAND_INS = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049)


def stacked(layers: Iterable[Layer], channels: int, grid: int) -> Counts:
    """Counts of some layers on an input of `channels` x `grid` x `grid`."""
    return count(Architecture(name="module", input=(channels, grid, grid), layers=tuple(layers)))


def named(names: Iterable[str], make: Callable[..., Counts]) -> list[dict]:
    """Rows of `make(**settings)` with each factor replaced by the name of the setting it came from."""
    settings = dict(zip(names, STAND_INS, strict=False))
    whose = {number: name for name, number in settings.items()}
    return [
        {
            "layer": row.path.rpartition("/")[2],
            "branch": row.branch,
            "macs": [whose.get(n, n) for _, n in row.macs.factors],
            "weights": [whose.get(n, n) for _, n in row.weights.factors],
        }
        for row in make(**settings).rows
        if row.macs.factors
    ]


def direct(grid: int, kernel: int, c_in: int, c_out: int) -> Counts:
    """A k x k convolution on its own."""
    return stacked([_conv("conv", c_out, kernel)], c_in, grid)


def reduced(grid: int, kernel: int, c_in: int, c_out: int, reduce: int) -> Counts:
    """The same behind a 1x1 reduction to `reduce` channels."""
    return stacked([_conv("reduce", reduce, 1), _conv("conv", c_out, kernel)], c_in, grid)


def _conv(name: str, out: int, kernel: int) -> Conv:
    return Conv(name=name, out_channels=out, kernel=kernel, padding=kernel // 2)


def fully_connected(grid: int, channels: int, outputs: int) -> Counts:
    """A fully connected layer on the flattened grid."""
    return stacked([Linear(name="linear", out_features=outputs)], channels, grid)


def pooled(grid: int, channels: int, outputs: int) -> Counts:
    """Global average pooling, then a fully connected layer."""
    return stacked([GlobalPool(name="pool"), Linear(name="linear", out_features=outputs)], channels, grid)
