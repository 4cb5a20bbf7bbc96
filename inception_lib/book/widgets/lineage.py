"""Published errors of the lineage against what its networks cost."""

from __future__ import annotations

from functools import cache
from typing import Any

from inception_lib.book.comparison import units
from inception_lib.book.widgets.base import Widget, choice
from inception_lib.history import NETWORKS, PROCEDURES


class LineageWidget(Widget):
    """The networks from LeNet-5 to Inception v4: their published errors against what they cost.

    Settings: `axis`, the `procedure` by which the errors were measured, and `network`, the number of the one
    that is looked at, in order of year.
    """

    script = "lineage.js"
    key = "lineage"
    title = "Errors and costs, network by network"

    axis = choice(
        ("parameters", "macs", "depth", "year"),
        "parameters",
        "Across",
        ("parameters", "MACs", "depth", "year"),
    )
    procedure = choice(
        tuple(PROCEDURES),
        "ensemble",
        "Errors measured with",
        (
            "several networks, many crops",
            "one network, 144 crops",
            "one network, ten crops",
            "one network, one crop",
        ),
    )
    network = choice(
        tuple(range(1, 1 + len(NETWORKS))),
        1 + list(NETWORKS).index("googlenet"),
        "Network",
        tuple(milestone.title for milestone in NETWORKS.values()),
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(lineage_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the chosen network year and counts, and its error in hundredths of a percent, 0 where none was
        published; how many networks have one, how many of them a lower one, and how many of those no more of
        what is across."""
        rows = self.table["networks"]
        row = rows[self.network - 1]
        shown = [other for other in rows if self.procedure in other["errors"]]
        error = row["errors"].get(self.procedure, [0])[0]
        better = [other for other in shown if other["errors"][self.procedure][0] < error]
        smaller = [other for other in better if other[self.axis] <= row[self.axis]]
        return {
            **{what: row[what] for what in ("year", "parameters", "macs", "depth")},
            "error": error,
            "shown": len(shown),
            "better": len(better),
            "smaller": len(smaller),
        }


@cache
def lineage_table() -> dict:
    """Every network of the lineage with its counts, and its top-5 errors in hundredths of a percent."""
    return {
        "procedures": PROCEDURES,
        "networks": [
            {
                "title": milestone.title,
                "year": milestone.year,
                **{
                    what: sum(getattr(u, what) for u in units(milestone.make()))
                    for what in ("parameters", "macs", "depth")
                },
                "errors": {e.procedure: [int(100 * e.error), e.measured, e.source] for e in milestone.errors},
            }
            for milestone in NETWORKS.values()
        ],
    }
