"""Networks and crops: the error, and what it costs."""

from __future__ import annotations

from functools import cache
from typing import Any

from inception_lib.book.widgets.base import Widget, choice, number, recorded
from inception_lib.evaluation.plan import COUNTS, POOLS

#: What the widget offers, and which error its plot shows: the top 5 of ten classes say little.
ABLATIONS = {
    "shapes": ("Shapes, 7 networks", 1),
    "caltech": ("Caltech-101, 7 networks", 5),
    "photographs": ("Photographs, 1 network", 5),
    "paper": ("The paper's Table 3", 5),
}


class EnsembleWidget(Widget):
    """The error of some networks with some crops of each image, as it was recorded, beside its cost.

    Settings: `models` (1 to 7), `crops` (1, 10 or 144), `pool` (over the crops: mean or max) and `data`: one
    of the recorded ablations, or the paper's Table 3. It opens on one network with one crop, from which
    changes are counted. Nothing runs here.
    """

    script = "ensemble.js"
    key = "ensemble"
    title = "Networks and crops: the error, and what it costs"

    models = number(1, 1, 7, "Networks averaged")
    crops = choice(COUNTS, 1, "Crops of each image", tuple(map(str, COUNTS)))
    pool = choice(POOLS, "mean", "Over the crops of a network", ("mean", "maximum"))
    data = choice(tuple(ABLATIONS), "shapes", "Measured on", tuple(name for name, _ in ABLATIONS.values()))

    def __init__(self, **settings: Any) -> None:
        super().__init__(ensemble_table(), **settings)

    def result(self) -> dict[str, int]:
        """Forward passes for each image, whether the test was `measured` (1 or 0), and what is known of it:
        errors, their changes and the ends of their intervals, in hundredths of a percent."""
        cell = self.table[self.data]["cells"].get(f"{self.pool} {self.models} {self.crops}")
        if cell is None:
            return {"passes": self.models * self.crops, "measured": 0}
        return {"measured": 1, **cell}


@cache
def ensemble_table() -> dict:
    """The recorded ablations and the paper's, in hundredths of a percent.

    For each: `about`, a sentence; `top`, 1 or 5, what is plotted; and `cells`, by pool, models and crops
    ("mean 7 144"), each with what is known of it in the columns of `ablation.errors`.

    Raises:
        InceptionError: one was not recorded.
    """
    from inception_lib.book import ablation

    tables: dict[str, dict] = {}
    for name, (_, top) in ABLATIONS.items():
        if name == "paper":
            rows = ablation.errors_of_paper()
            about = "Top-5 error on the validation images of ILSVRC 2014. The paper gives no intervals."
        else:
            outcome = recorded(ablation.RECORDED[name])
            rows, count = ablation.errors(outcome["rows"]), len(outcome["networks"])
            networks = f"{count} network{'s' * (count > 1)}"
            about = f"{outcome['pictures']:,} images, {networks}; intervals are of 95%."
            if name == "photographs":
                about += " Whether the network was trained on some of them is not known."
        cells = {}
        for row in rows.to_dict("records"):
            key = f"{row.pop('pool')} {row.pop('models')} {row.pop('crops')}"
            cells[key] = {
                "passes": row.pop("passes"),
                "choices": row.pop("choices", 1),
                **{column: round(100 * value) for column, value in row.items()},
            }
        tables[name] = {"about": about, "top": top, "cells": cells}
    return tables
