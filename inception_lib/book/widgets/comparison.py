"""Two networks of the lineage, stage by stage."""

from __future__ import annotations

from functools import cache
from typing import Any

from inception_lib.book import comparison
from inception_lib.book.comparison import STAGES
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.history import NETWORKS, Name

NAMES: tuple[Name, ...] = tuple(NETWORKS)
TITLES = tuple(milestone.title for milestone in NETWORKS.values())


class ComparisonWidget(Widget):
    """Any two networks of the lineage, stage by stage, and one stage layer by layer.

    Settings: `left` and `right` (names in `history.NETWORKS`), `what` is compared, and `stage`, from 1 to 7,
    which is listed layer by layer. Stages are those of `comparison.STAGES`.
    """

    script = "comparison.js"
    styles = (*Widget.styles, "comparison.css")
    key = "comparison"
    title = "Two networks, stage by stage"

    left = choice(NAMES, "googlenet", "First network", TITLES)
    right = choice(NAMES, "vgg16", "Second network", TITLES)
    what = choice(
        ("macs", "parameters", "activations", "depth"),
        "macs",
        "Compared",
        ("MACs", "parameters", "activations", "depth"),
    )
    stage = number(4, 1, len(STAGES), "Stage to list")

    def __init__(self, **settings: Any) -> None:
        super().__init__(comparison_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of each network the four totals, what is compared in the chosen stage, and the number of modules
        and layers listed there; and `apart`, the stage in which the two differ most (the first of equals)."""
        found: dict[str, int] = {}
        sums: dict[str, list[int]] = {}
        for side in ("left", "right"):
            own = units(getattr(self, side))
            for what in ("macs", "parameters", "activations", "depth"):
                found[f"{side}_{what}"] = sum(getattr(unit, what) for unit in own)
            sums[side] = [
                sum(getattr(unit, self.what) for unit in own if unit.stage == stage)
                for stage in range(1, len(STAGES) + 1)
            ]
            found[f"{side}_stage"] = sums[side][self.stage - 1]
            found[f"{side}_units"] = sum(unit.stage == self.stage for unit in own)
        apart = [abs(a - b) for a, b in zip(sums["left"], sums["right"], strict=True)]
        return found | {"apart": 1 + apart.index(max(apart))}


@cache
def units(name: Name) -> tuple[comparison.Unit, ...]:
    """The modules and lone layers of a network of the lineage, by its name in `NETWORKS`."""
    return comparison.units(NETWORKS[name].make())


@cache
def comparison_table() -> dict:
    """Every network of the lineage, unit by unit: name, stage, what it is, output, and the four counts."""
    return {
        "stages": comparison.STAGES,
        "networks": {
            name: {
                "title": milestone.title,
                "year": milestone.year,
                "units": [
                    [u.name, u.stage, u.text, u.output, u.parameters, u.macs, u.activations, u.depth]
                    for u in units(name)
                ],
            }
            for name, milestone in NETWORKS.items()
        },
    }
