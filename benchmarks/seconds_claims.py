"""What the seconds of pieces say of their MACs: laws, outliers, ratios, verdicts, and the finding in words.

For `seconds_per_mac.py`, which says how the intervals are meant and what is claimed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from pieces import Piece

LEVEL = 0.95
FACTOR, SHARE = 2.0, 0.9  #: MACs predict within this factor, for this share
LAWS = ("one rate", "power law")
VERDICTS = ("shown", "not shown", "refuted")

Took = dict[Piece, list[float]]  #: seconds of one call, in each round


def interval(values: Sequence[float], level: float) -> tuple[float, float] | None:
    """Of the median of what the values are drawn from, by order statistics; None where they are too few."""
    n, ordered = len(values), sorted(values)
    beyond = np.cumsum([math.comb(n, i) for i in range(n // 2 + 1)]) / 2**n
    out = int(np.sum(1 - 2 * beyond >= level))  # how many places it ends from either end
    return (ordered[out - 1], ordered[n - out]) if out else None


def measured(values: Sequence[float], together: int, bar: float | None = None) -> dict[str, Any]:
    """The median over rounds and its intervals, alone and for all comparisons; the verdict on `bar`.

    The claim is that the value is at least `bar`.
    """
    alone, strict = interval(values, LEVEL), interval(values, 1 - (1 - LEVEL) / together)
    found: dict[str, Any] = {"value": round(float(np.median(values)), 4)}
    for end, pair in (("", alone), ("_together", strict)):
        found |= {f"{name}{end}": pair and round(pair[i], 4) for i, name in enumerate(("low", "high"))}
    if bar is not None:
        found["verdict"] = verdict(strict, bar)
    return found


def verdict(strict: tuple[float, float] | None, bar: float) -> str:
    if strict is None:
        return "not shown"
    return "shown" if strict[0] >= bar else "refuted" if strict[1] < bar else "not shown"


def fitted(law: str, macs: np.ndarray, took: np.ndarray) -> tuple[np.ndarray, float]:
    """Seconds by the law that is nearest to these in logarithms, and its exponent of the MACs."""
    x, y = np.log(macs), np.log(took)
    slope = 1.0 if law == "one rate" else float(np.polyfit(x, y, 1)[0])
    return np.exp(slope * (x - x.mean()) + y.mean()), slope


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(pd.Series(a).rank(), pd.Series(b).rank())[0, 1])


def laws_of(what: str, batch: int, took: Took, together: int) -> dict[str, Any]:
    """How well the MACs of these pieces tell their seconds, by each law."""
    macs = np.array([batch * piece.macs for piece in took], float)
    rounds = np.array(list(took.values())).T
    median = np.median(rounds, 0)
    found: dict[str, Any] = {
        "what": what,
        "batch": batch,
        "pieces": len(took),
        "gmacs_per_s": round(float(macs.sum() / median.sum() / 1e9), 3),
        "spearman": measured([spearman(macs, each) for each in rounds], together),
        "exponent": measured([fitted("power law", macs, each)[1] for each in rounds], together),
    }
    for law in LAWS:
        share = [float(np.mean(inside(each / fitted(law, macs, each)[0]))) for each in rounds]
        found[law] = {
            "within_factor_2": measured(share, together, SHARE),
            "outliers": outliers(took, median / fitted(law, macs, median)[0]),
        }
    return found


def inside(times: np.ndarray) -> np.ndarray:
    """Which are neither more than FACTOR nor less than its inverse."""
    return np.abs(np.log(times)) <= math.log(FACTOR)


def outliers(took: Took, times: np.ndarray) -> dict[str, float]:
    """Seconds as multiples of what a law gives, by path, the largest first."""
    far = [(p.path, round(float(t), 2)) for p, t in zip(took, times, strict=True) if not inside(t)]
    return dict(sorted(far, key=lambda item: -item[1]))


def reductions_of(batch: int, took: Took, together: int) -> list[dict[str, Any]]:
    """What each 1x1 reduction divides the MACs of its branch by, and what the seconds."""
    direct, reduced = ({p.path: p for p in took if p.group == group} for group in ("direct", "reduced"))
    rows = []
    for path, one in direct.items():
        other = reduced[path]
        ratio = [a / b for a, b in zip(took[one], took[other], strict=True)]
        macs = one.macs / other.macs
        rows.append(
            {
                "path": path,
                "batch": batch,
                "kernel": one.kernel,
                "macs_direct": batch * one.macs,
                "macs_reduced": batch * other.macs,
                "seconds_direct": digits(np.median(took[one])),
                "seconds_reduced": digits(np.median(took[other])),
                "macs_divided_by": round(macs, 3),
                "seconds_divided_by": measured(ratio, together, 1.0),
                "seconds_over_macs": measured([each / macs for each in ratio], together, 1.0),
            }
        )
    return rows


def without_macs(took: Took, together: int) -> dict[str, Any]:
    """The share of all layers' seconds that each kind of layer without MACs takes, and all of them."""
    free = {piece.kind for piece in took if not piece.macs}
    total = np.sum(list(took.values()), 0)

    def share(kinds: set[str]) -> dict[str, Any]:
        own = [times for piece, times in took.items() if piece.kind in kinds]
        return {"layers": len(own), **measured(list(np.sum(own, 0) / total), together)}

    return {"all": share(free), **{kind: share({kind}) for kind in sorted(free)}}


def longer(took: Took) -> list[dict[str, Any]]:
    """Pairs of networks of which that with fewer MACs takes more seconds, shown for all pairs at once."""
    pairs = [(a, b) for a in took for b in took if a.macs < b.macs]
    rows = []
    for few, many in pairs:
        ratio = [a / b for a, b in zip(took[few], took[many], strict=True)]
        found = measured(ratio, len(pairs), 1.0)
        if found["verdict"] == "shown":
            rows.append({"fewer": few.path, "more": many.path, "seconds": found})
    return rows


def digits(value: float) -> float:
    """Four of them."""
    return float(f"{value:.4g}")


def row_of(piece: Piece, batch: int, times: Sequence[float]) -> dict[str, Any]:
    low, median, high = np.quantile(times, (0.25, 0.5, 0.75))
    return piece.row(batch) | {
        "batch": batch,
        "seconds": digits(median),
        "quartiles": [digits(low), digits(high)],
    }


def rows_of(batch: int, took: Took) -> list[dict[str, Any]]:
    """A row for each piece; with MACs, its seconds as a multiple of what each law gives it.

    Layers and branches are set against the laws of the convolutions among GoogLeNet's layers.
    """
    known = convolutions(took) or took
    macs = np.array([batch * p.macs for p in known], float)
    median = np.array([np.median(known[p]) for p in known])
    rows = [row_of(piece, batch, times) for piece, times in took.items()]
    for law in LAWS:
        guess, slope = fitted(law, macs, median)
        for row in rows:
            if row["macs"]:
                by_law = guess[0] * (row["macs"] / macs[0]) ** slope
                row[f"of_{law.replace(' ', '_')}"] = round(float(row["seconds"] / by_law), 3)
    return rows


def convolutions(took: Took) -> Took:
    return {p: times for p, times in took.items() if (p.group, p.kind) == ("layer", "conv")}


def between(found: Mapping[str, Any], show: Callable[[float], str]) -> str:
    """The value with the interval for all comparisons."""
    if found["low_together"] is None:
        return show(found["value"])
    return f"{show(found['value'])} [{show(found['low_together'])} to {show(found['high_together'])}]"


def percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def times(value: float) -> str:
    return f"{value:.2f}"


def short(path: str) -> str:
    return path.removeprefix("inception_")


def module(row: Mapping[str, Any]) -> str:
    return short(row["path"]).split("/")[0]


def enumerated(some: Sequence[str], of: int) -> str:
    """How many modules, and which if they are the fewer."""
    return f"{len(some)} of {of}" + (f" ({', '.join(some)})" if len(some) < of / 2 else "")


def named(far: Mapping[str, float]) -> str:
    return ", ".join(f"{short(path)} ({times(each)})" for path, each in far.items()) or "none"


def said_of_laws(laws: Mapping[str, Any]) -> str:
    rate, power = (laws[law]["within_factor_2"] for law in LAWS)
    return (
        f"MACs predict the seconds of at least {percent(SHARE)} of {laws['pieces']} {laws['what']} within a "
        f"factor of 2, at one rate: {rate['verdict']} ({between(rate, percent)}); by a power law: "
        f"{power['verdict']} ({between(power, percent)}), with exponent {between(laws['exponent'], times)} "
        f"and rank correlation {between(laws['spearman'], times)}. Outliers, as multiples of the power law's "
        f"seconds: {named(laws['power law']['outliers'])}."
    )


def said_of_reductions(rows: Sequence[Mapping[str, Any]]) -> str:
    """Of the branches with one kernel at one batch size."""
    kernel = f"{rows[0]['kernel']}x{rows[0]['kernel']}"

    def verdicts(key: str) -> str:
        by = {v: [module(row) for row in rows if row[key]["verdict"] == v] for v in VERDICTS}
        return ", ".join(f"{v} in {enumerated(found, len(rows))}" for v, found in by.items() if found)

    ends = [choose(rows, key=lambda r: r["seconds_over_macs"]["value"]) for choose in (min, max)]
    cases = {row["path"]: row for row in (*ends, *(r for r in rows if "_4a/" in r["path"]))}
    examples = "; ".join(
        f"{module(row)}: MACs by {row['macs_divided_by']:.1f}, seconds by "
        f"{between(row['seconds_divided_by'], times)}"
        for row in cases.values()
    )
    return (
        f"The reduction before the {kernel} divides the seconds of its branch by at least as much as "
        f"the MACs: {verdicts('seconds_over_macs')}; it saves time: {verdicts('seconds_divided_by')} "
        f"({examples})."
    )


def said_of_longer(rows: Sequence[Mapping[str, Any]]) -> str:
    pairs = ", ".join(f"{r['fewer']} than {r['more']} ({times(r['seconds']['value'])})" for r in rows)
    return f"Fewer MACs and yet more seconds, shown for all pairs at once: {pairs or 'no pair'}."


def finding(settings: Mapping[str, Any], together: int, lists: Mapping[str, list[Any]]) -> str:
    """One paragraph, which goes no further than the verdicts."""
    said = [
        f"On {settings['device']}, float32, {settings['threads']} threads: medians over "
        f"{settings['layer_rounds']} rounds (networks: {settings['network_rounds']}), with intervals at 95 % "
        f"for all {together} claims at once where there are rounds enough; they hold for this machine alone."
    ]
    if settings["quick"]:
        said.append("A quick trial on a small network, which decides nothing.")
    for batch in settings["batches"]:
        own = {name: [row for row in rows if row["batch"] == batch] for name, rows in lists.items()}
        for layout in own["layouts"]:
            summed = between(layout["sum_of_layers_over_network"], times)
            said.append(
                f"Batch {batch}, {layout['chosen']}: the layers timed alone add up to {summed} times the "
                f"seconds of the whole GoogLeNet."
            )
        said += [said_of_laws(laws) for laws in own["laws"] if laws["what"] == "convolutions"]
        said += map(said_without_macs, own["without_macs"])
        for kernel in sorted({row["kernel"] for row in own["reductions"]}, reverse=True):
            said.append(said_of_reductions([row for row in own["reductions"] if row["kernel"] == kernel]))
        for laws in own["laws"]:
            if laws["what"] == "networks":
                said += [said_of_laws(laws), said_of_longer(own["longer"])]
    return " ".join(said)


def said_without_macs(free: Mapping[str, Any]) -> str:
    kinds = ", ".join(
        f"{free[kind]['layers']} {kind} {percent(free[kind]['value'])}"
        for kind in free
        if kind not in ("batch", "all")
    )
    return (
        f"Without MACs are {free['all']['layers']} layers, which take {between(free['all'], percent)} of all "
        f"layers' seconds ({kinds})."
    )
