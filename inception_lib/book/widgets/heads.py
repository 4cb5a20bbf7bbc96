"""Training with and without the auxiliary heads."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Any

import traitlets as t

from inception_lib.book.norms import by_module
from inception_lib.book.widgets.base import Widget, choice, number, recorded
from inception_lib.errors import InceptionError

HEAD_WEIGHTS = ("0", "0.1", "0.3", "1")  #: of each head's loss, in the recorded runs; 0 has no heads
HEAD_LOSSES = ("loss", "aux1", "aux2")


class HeadsWidget(Widget):
    """Networks that learned with several weights of the heads' losses: losses, accuracy, gradients.

    Settings: `weight` of each head's loss (0: no heads) and `epoch` (0: before the training). All runs were
    recorded in `data/results/` by benchmarks/head_weight.py; nothing runs here.
    """

    script = "heads.js"
    key = "heads"
    title = "Training with and without the heads"

    weight = choice(
        HEAD_WEIGHTS,
        "0.3",
        "Weight of each head's loss",
        ("0: no heads", "0.1", "0.3: the paper's", "1"),
    )
    epoch = number(1, 0, None, "Epochs trained")  # as many as the record has

    def __init__(self, **settings: Any) -> None:
        super().__init__(head_table(), **settings)

    @classmethod
    def described(cls) -> list[dict[str, Any]]:
        fields = super().described()
        return [field | {"max": epochs()} if field["name"] == "epoch" else field for field in fields]

    @t.validate("epoch")
    def _within_the_record(self, proposal: Any) -> int:
        if proposal["value"] > epochs():
            raise t.TraitError(f"epoch: {epochs()} epochs were recorded, not {proposal['value']}.")
        return proposal["value"]

    def result(self) -> dict[str, int]:
        """Of the run at that epoch: `top1` in hundredths of a percent and the losses in thousandths (none
        before the training); and the norms of the gradients in millionths, `main_1` at the first layer."""
        run, epoch = self.table["runs"][self.weight], self.epoch
        found = {}
        if epoch:
            found = {"top1": run["top1"][epoch - 1]}
            found |= {name: losses[epoch - 1] for name, losses in run["losses"].items()}
        for part, norms in run["norms"][epoch].items():
            found |= {f"{part}_{i}": norm for i, norm in enumerate(norms, 1)}
        return found


@cache
def head_table() -> dict:
    """What was recorded while networks learned with several weights of the heads' losses.

    For each weight, in whole numbers: `top1` in hundredths of a percent and `losses` in thousandths, from
    epoch 1 on; `norms` of the gradients in millionths, from epoch 0 (before the training) on, by part and
    in the order of `modules`. `chance` is the loss of guessing.

    Raises:
        InceptionError: nothing was recorded, or not for these weights, or not equally many epochs for each.
    """
    record = recorded("head_weight")
    runs = {}
    for run in record["runs"]:
        key = f"{run['aux_weight']:g}"
        if run["seed"] == 0 and key in HEAD_WEIGHTS:
            runs[key] = _head_run(run)
    modules = list(by_module(record["runs"][0]["gradients"][0]["main"]))
    if runs.keys() != set(HEAD_WEIGHTS) or len({len(run["top1"]) for run in runs.values()}) > 1:
        raise InceptionError(
            f"head_weight: must hold runs of seed 0 with the weights {', '.join(HEAD_WEIGHTS)}, all of "
            f"equally many epochs."
        )
    return {"modules": modules, "chance": round(1000 * math.log(10)), "runs": runs}


def epochs() -> int:
    """How many epochs the recorded runs have."""
    return len(head_table()["runs"]["0"]["top1"])


def _head_run(run: Mapping) -> dict:
    history = run["history"]
    return {
        "top1": [round(1e4 * record["top1"]) for record in history],
        "losses": {
            name: [round(1e3 * record[name]) for record in history]
            for name in HEAD_LOSSES
            if name in history[0]
        },
        "norms": [
            {
                part: [max(1, round(1e6 * norm)) for norm in by_module(record[part]).values()]
                for part in ("main", "aux1", "aux2")
                if part in record
            }
            for record in run["gradients"]
        ],
    }
