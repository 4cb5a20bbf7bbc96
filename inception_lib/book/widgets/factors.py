"""The test of 144 crops, factor by factor: what each adds or takes away, and what it costs."""

from __future__ import annotations

from functools import cache
from typing import Any

from inception_lib.book.widgets.base import Widget, choice, number, recorded

#: The comparisons that are shown, by the test that they start from: the record's group.
STARTS = {"1": "added", "144": "taken"}
MEASURES = ("top1", "top5", "nats")
UNIT = 1e-4  #: of all of them: a hundredth of a point, a ten thousandth of a nat
_ENDS = ("value", "low", "high", "low_together", "high_together")


class FactorsWidget(Widget):
    """What the scales, squares, positions and mirror images of a test bring, with intervals and their price.

    Settings: `start`, the test that each comparison starts from: one crop, to which is added, or the 144,
    from which is taken; `measure`: `top1`, `top5` or `nats`, the mean logarithm of the right class's
    probability; and `row`, the comparison that is said in words, from 1 in the order of cost. All was
    recorded in `data/results/` by benchmarks/crop_factors.py; nothing runs here.
    """

    script = "factors.js"
    styles = (*Widget.styles, "factors.css")
    key = "factors"
    title = "The test factor by factor: what each buys, and what it costs"

    start = choice(tuple(STARTS), "1", "Start from", ("one crop, and add", "144 crops, and take away"))
    measure = choice(MEASURES, "top1", "Measure", ("top-1 accuracy", "top-5 accuracy", "log probability"))
    row = number(1, 1, 11, "Comparison, by cost")

    def __init__(self, **settings: Any) -> None:
        super().__init__(factor_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the comparison: forward passes before and after, and the change with both intervals, in
        hundredths of a point or ten thousandths of a nat. Of how many of all that are drawn the change is
        `better` or `worse` than chance would make it, with all comparisons of the record counted in."""
        rows = self.table["starts"][self.start]
        row = rows[min(self.row, len(rows)) - 1]
        return {
            "rows_drawn": len(rows),
            "before": int(self.start),
            "after": row["views"],
            **{name: row[self.measure][name] for name in _ENDS},
            "better": sum(one[self.measure]["low_together"] > 0 for one in rows),
            "worse": sum(one[self.measure]["high_together"] < 0 for one in rows),
        }


@cache
def factor_table() -> dict:
    """What was recorded of the comparisons: for each start its rows, the cheapest test first.

    A row has `what`, the `views` of the test after the change, and for each measure the change, its interval,
    and the one that holds for all comparisons of the record at once, in UNITs.

    Raises:
        InceptionError: nothing was recorded.
    """
    record = recorded("crop_factors")
    views = {test["test"]: test["views"] for test in record["tests"]}
    starts = {}
    for start, group in STARTS.items():
        rows = []
        for claim in record["claims"]:
            if claim["group"] != group:
                continue
            measured = {m: {end: round(claim[m][end] / UNIT) for end in _ENDS} for m in MEASURES}
            rows.append({"what": claim["what"], "views": views[claim["after"]], **measured})
        starts[start] = sorted(rows, key=lambda row: row["views"])
    return {
        "starts": starts,
        "images": record["images"],
        "of": record["of"],
        "comparisons": record["comparisons"],
    }
