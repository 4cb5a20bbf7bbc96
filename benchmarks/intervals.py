"""How far a mean over few seeds can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

LEVEL = 0.95


def student(share: float, freedom: int) -> float:
    """Below which that share of Student's t lies; without scipy, which a lent GPU machine may lack.

    With t = sqrt(freedom) tan(angle), the density is a power of the cosine.
    """
    angles, step = np.linspace(0, np.pi / 2, 200_001, retstep=True)
    middle = np.cos(angles[:-1] + step / 2) ** (freedom - 1)
    below = 0.5 + np.concatenate([[0], middle.cumsum()]) / middle.sum() / 2
    return float(freedom**0.5 * np.tan(np.interp(share, below, angles)))


def mean_of(values: Sequence[float], level: float = LEVEL) -> tuple[float, float, float]:
    """The mean of independent values and the ends of its two-sided interval (Student's t).

    Of one value the interval has no ends, which are then infinite. Paired differences make it one of the
    difference of two means.
    """
    found = np.asarray(values, float)
    mean, n = float(found.mean()), found.size
    if n < 2:
        return mean, -np.inf, np.inf
    reach = student((1 + level) / 2, n - 1) * float(found.std(ddof=1)) / n**0.5
    return mean, mean - reach, mean + reach


def verdict(low: float, high: float) -> str:
    """Of the claim that a value is above 0, by its interval."""
    return "shown" if low > 0 else "refuted" if high < 0 else "not shown"


def answered(values: Sequence[float], together: int = 1) -> dict[str, Any]:
    """The claim that a mean is above 0, decided by independent values.

    `low` and `high` are the ends at 95 %; `low_together` and `high_together` hold at 95 % for `together`
    claims at once (Bonferroni), and give the verdict. All are None where there is but one value.
    """
    mean, low, high = mean_of(values)
    _, least, most = mean_of(values, 1 - (1 - LEVEL) / together)
    return {
        "values": [round(v, 5) for v in values],
        "mean": round(mean, 5),
        **{
            name: round(end, 5) if np.isfinite(end) else None
            for name, end in (
                ("low", low),
                ("high", high),
                ("low_together", least),
                ("high_together", most),
            )
        },
        "verdict": verdict(least, most),
    }


def points(answer: dict[str, Any]) -> str:
    """The mean and its interval in percentage points, as `answered` gives them."""
    n = len(answer["values"])
    if answer["low_together"] is None:
        return f"{100 * answer['mean']:+.1f} points (one seed, so that there is no interval)"
    low, high = (100 * answer[f"{end}_together"] for end in ("low", "high"))
    return f"{100 * answer['mean']:+.1f} points ({low:+.1f} to {high:+.1f}, {n} seeds)"


def spread(values: Sequence[float]) -> dict[str, Any]:
    """Mean, standard deviation over seeds (None of one), least and most."""
    found = np.asarray(values, float)
    return {
        "n": found.size,
        "mean": round(float(found.mean()), 5),
        "deviation": round(float(found.std(ddof=1)), 5) if found.size > 1 else None,
        "least": round(float(found.min()), 5),
        "most": round(float(found.max()), 5),
    }
