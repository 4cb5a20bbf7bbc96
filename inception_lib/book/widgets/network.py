"""The whole network, row by row of Table 1."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, cast

import traitlets as t

from inception_lib import paper
from inception_lib.book.factors import Factors
from inception_lib.book.widgets.base import Widget, choice, steps
from inception_lib.counting import Counts, Row, count
from inception_lib.errors import ArchitectureError
from inception_lib.networks.googlenet import VARIANTS, Stem, Variant, googlenet

SIZES = tuple(range(32, 513, 16))
WIDTHS = tuple(step / 20 for step in range(5, 41))
STEMS: tuple[Stem, ...] = ("plain", "separable")


class NetworkWidget(Widget):
    """The whole network, row by row of Table 1, beside what the paper prints.

    Settings: `size` (input, pixels a side, in steps of 16), `width` (multiplies all channels, in steps
    of 0.05), `variant`, `stem`, `heads`.
    """

    script = "network.js"
    key = "network"
    title = "GoogLeNet, row by row of Table 1"

    size = steps(SIZES, 224, "Input size", 16)
    width = steps(WIDTHS, 1.0, "Width multiplier", 0.05)
    variant = choice(VARIANTS, "paper", "Variant", ("the paper's", "Inception5h's widths", "torchvision's"))
    stem = choice(STEMS, "plain", "First layer", ("plain 7x7", "separable"))
    heads = t.Bool(False).tag(sync=True, label="Auxiliary heads")

    def __init__(self, **settings: Any) -> None:
        super().__init__(network_table(), **settings)

    def counts(self) -> Counts:
        """The counts of the network as it is set; an ArchitectureError where there is none."""
        s = self.settings
        return count(
            googlenet(s["variant"], stem=s["stem"], heads=s["heads"], input_size=s["size"], width=s["width"])
        )

    def result(self) -> dict[str, Any]:
        """MACs, weights and parameters, in all and by row of Table 1."""
        counts = self.counts()
        belongs = table1_rows(counts)
        rows: dict[str, dict[str, int]] = {}
        for row in counts.rows:
            sums = rows.setdefault(belongs[row.path], {"macs": 0, "weights": 0})
            sums["macs"] += row.macs.value
            sums["weights"] += row.weights.value
        return {"macs": counts.macs, "weights": counts.weights, "parameters": counts.parameters, "rows": rows}


@cache
def _network(variant: Variant, stem: Stem, heads: bool, size: int, width: float) -> Counts | str:
    """The counts, or the sentence that says why there is no such network."""
    try:
        return count(googlenet(variant, stem=stem, heads=heads, input_size=size, width=width))
    except ArchitectureError as error:
        return str(error)


class _Columns:
    """Numbers that change with one setting, each distinct column kept once."""

    def __init__(self) -> None:
        self.columns: dict[tuple, int] = {}

    def index(self, column: tuple) -> int:
        return self.columns.setdefault(column, len(self.columns))


@cache
def network_table() -> dict:
    """What the browser needs to count any of the networks that the widget offers.

    For each variant and stem: `rows`, each with the row of Table 1 it belongs to and its factors.
    A factor is a number, or `"s3"`: column 3 of `sizes` (it changes with the input size), or
    `"w5"`: column 5 of `widths` (with the width multiplier). `why` says, for each size, why there
    is no network with heads, and none without, or is None.
    """
    networks = {f"{variant} {stem}": _one_network(variant, stem) for variant in VARIANTS for stem in STEMS}
    printed = [
        {"name": row.name, "type": row.type, "params": row.params, "ops": row.ops} for row in paper.TABLE1
    ]
    return {"sizes": SIZES, "widths": WIDTHS, "printed": printed, "networks": networks}


def _one_network(variant: Variant, stem: Stem) -> dict:
    # at the paper's size there is a network of every width
    by_width = cast(list[Counts], [_network(variant, stem, True, 224, width) for width in WIDTHS])
    whole = [_network(variant, stem, True, size, 1.0) for size in SIZES]
    why: list[list[str | None]] = [[None, None] if isinstance(c, Counts) else [c, None] for c in whole]
    for i, counts in enumerate(whole):
        if not isinstance(counts, Counts):  # too small for the heads, perhaps not for the rest
            without = whole[i] = _network(variant, stem, False, SIZES[i], 1.0)
            why[i][1] = None if isinstance(without, Counts) else without
    size_columns, width_columns = _Columns(), _Columns()

    def of_sizes(path: str, get: Callable[[Row], int]) -> tuple[int | None, ...]:
        """A number of one layer at every size; None where there is no such layer."""
        found = (counts.by_path.get(path) if isinstance(counts, Counts) else None for counts in whole)
        return tuple(None if row is None else get(row) for row in found)

    def factor(path: str, get: Callable[[Row], int]) -> str | int:
        widths = tuple(get(counts.by_path[path]) for counts in by_width)
        if len(set(widths)) > 1:
            return f"w{width_columns.index(widths)}"
        sizes = of_sizes(path, get)
        if len(set(sizes) - {None}) > 1:
            return f"s{size_columns.index(sizes)}"
        return widths[0]

    def factors(path: str, what: str) -> Factors:
        row = by_width[0].by_path[path]

        def one(i: int) -> str | int:
            return factor(path, lambda r: getattr(r, what).factors[i][1])

        return [one(i) for i in range(len(getattr(row, what).factors))]

    belongs = table1_rows(by_width[0])
    rows = []
    for row in by_width[0].rows:
        path, last = row.path, len(row.out_shape) - 1
        rows.append(
            {
                "path": path,
                "row": belongs[path],
                "head": row.head,
                "macs": factors(path, "macs"),
                "weights": factors(path, "weights"),
                "biases": [factor(path, lambda r: r.biases)] if row.biases else [],
                "norm": [factor(path, lambda r: r.norm_parameters)] if row.norm_parameters else [],
                "grid": factor(path, lambda r: r.out_shape[1]) if last else None,
                "channels": factor(path, lambda r: r.out_shape[0]),
            }
        )
    return {
        "rows": rows,
        "size_columns": list(size_columns.columns),
        "width_columns": list(width_columns.columns),
        "why": why,
    }


def table1_rows(counts: Counts) -> Mapping[str, str]:
    """For each layer the name of its row in Table 1; the normalizations and heads have rows of their own."""
    names = {group: row.name for row in paper.TABLE1 for group in row.groups}
    return {path: names.get(row.module or path, row.module or path) for path, row in counts.by_path.items()}
