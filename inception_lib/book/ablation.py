"""The paper's Table 3 for other networks: from probabilities to errors, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from inception_lib import paper
from inception_lib.errors import DataError
from inception_lib.evaluation.metrics import change, ranks, rate

if TYPE_CHECKING:
    import pandas

    from inception_lib.evaluation.store import Array

#: The recorded ablations, by a short name of their data.
RECORDED = {"shapes": "ablation_shapes", "caltech": "ablation_caltech", "photographs": "ablation_photographs"}


def errors(rows: Sequence[Mapping[str, Any]] | pandas.DataFrame) -> pandas.DataFrame:
    """The rows of an ablation as errors in percent, one row for each test, with its cost.

    Columns: `pool`, `models`, `crops`, `passes` (through a network, for each picture), `choices` (of that
    many among the networks), and for the top 1 and the top 5: `error1` of the first networks with
    `error1_low` and `error1_high`; `error1_mean`, `error1_least`, `error1_most` over all choices; and
    `change1` from the first row, with `change1_low` and `change1_high`, negative where the error fell.

    Args:
        rows: of `grid`, or the outcome's `rows` of a recorded ablation.
    """
    import pandas

    given = pandas.DataFrame(rows)
    out = pandas.DataFrame(given[["models", "crops", "choices"]]).assign(pool=given.get("pool", "mean"))
    out["passes"] = out["models"] * out["crops"]
    other = {"": "", "_low": "_high", "_high": "_low", "_mean": "_mean", "_least": "_most", "_most": "_least"}
    for top in (1, 5):
        for end, source in other.items():  # the least error is of the most right answers
            out[f"error{top}{end}"] = 100 * (1 - given[f"top{top}{source}"])
        for end in ("", "_low", "_high"):
            out[f"change{top}{end}"] = -100 * given[f"change{top}{other[end]}"]
    return out.replace(-0.0, 0.0)


def errors_of_paper() -> pandas.DataFrame:
    """Table 3 in the same columns, as far as it is printed; changes are the differences of printed errors."""
    import pandas

    first = paper.TABLE3[0].error
    return pandas.DataFrame(
        [
            {
                "pool": "mean",
                "models": row.models,
                "crops": row.crops,
                "passes": row.models * row.crops,
                "error5": float(row.error),
                "change5": float(row.error - first),
            }
            for row in paper.TABLE3
        ]
    )


def grid(
    probabilities: Mapping[int, Array],
    labels: Array,
    crops: Sequence[int] = (1, 10, 144),
    models: Sequence[int] = (1, 7),
) -> pandas.DataFrame:
    """The paper's Table 3 for other networks and pictures: each number of models with each number of crops.

    `top1` and `top5` are of the first k networks, with their intervals (see `metrics.rate`). Which k are
    taken matters as well, so that `top1_mean`, `top1_least` and `top1_most` are over all choices of k among
    the networks, and likewise for the top 5. `change1` and `change5` are against the first row, on the same
    pictures, with intervals (see `metrics.change`).

    Args:
        probabilities: for each number of crops (networks, pictures, classes).
        labels: (pictures,), the right classes.
        crops: which of them.
        models: how many networks.

    Raises:
        DataError: there are no such crops, or not so many networks.
    """
    import pandas

    for n in crops:
        if n not in probabilities:
            raise DataError(f"There are no probabilities over {n} crops.")
    there = min(len(probabilities[n]) for n in crops)
    if not models or min(models) < 1 or max(models) > there:
        raise DataError(f"There are {there} networks, so that {list(models)} cannot be taken of them.")
    rows, first = [], None
    for k in models:
        for n in crops:
            found = probabilities[n]
            choices = [ranks(found[list(c)].mean(0), labels) for c in combinations(range(len(found)), k)]
            first = choices[0] if first is None else first
            row: dict[str, Any] = {"models": k, "crops": n, "choices": len(choices)}
            for top in (1, 5):
                shares = [float((r < top).mean()) for r in choices]
                own, moved = rate(choices[0] < top), change(first < top, choices[0] < top)
                row |= {
                    f"top{top}": own.value,
                    f"top{top}_low": own.low,
                    f"top{top}_high": own.high,
                    f"top{top}_mean": float(np.mean(shares)),
                    f"top{top}_least": min(shares),
                    f"top{top}_most": max(shares),
                    f"change{top}": moved.value,
                    f"change{top}_low": moved.low,
                    f"change{top}_high": moved.high,
                }
            rows.append(row)
    return pandas.DataFrame(rows)
