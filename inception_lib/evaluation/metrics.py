"""What came out of a test: shares of right answers, each with how far it can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from inception_lib.errors import InceptionError

if TYPE_CHECKING:
    import pandas

Array = np.ndarray


class Rate(NamedTuple):
    """A share of right answers, and the ends of its confidence interval; all from 0 to 1."""

    value: float
    low: float
    high: float
    pictures: int

    def __str__(self) -> str:
        return f"{100 * self.value:.2f} % ({100 * self.low:.2f} to {100 * self.high:.2f})"


class Change(NamedTuple):
    """How a share changed between two tests of the same pictures, and its confidence interval.

    `better` counts pictures that only the second test got right, `worse` those that only the first did.
    """

    value: float
    low: float
    high: float
    better: int
    worse: int
    pictures: int

    def __str__(self) -> str:
        return (
            f"{100 * self.value:+.2f} points ({100 * self.low:+.2f} to {100 * self.high:+.2f}; "
            f"{self.better} better, {self.worse} worse)"
        )


def ranks(probabilities: Array, labels: Array) -> Array:
    """How many classes were held more probable than the right one: 0 where the answer was right.

    Of classes held equally probable the earlier one counts as the more probable, as it does in a sort.
    Where a probability is not a number, the answer is wrong.

    Args:
        probabilities: (pictures, classes).
        labels: (pictures,), the right classes.

    Returns:
        (pictures,) in int64.

    Raises:
        InceptionError: these do not go together.
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 2 or labels.shape != probabilities.shape[:1]:
        raise InceptionError(
            f"Probabilities (pictures, classes) and labels (pictures,) are wanted, not "
            f"{probabilities.shape} and {labels.shape}."
        )
    classes = probabilities.shape[1]
    if len(labels) and not (labels.min() >= 0 and labels.max() < classes):
        raise InceptionError(
            f"The labels go from {labels.min()} to {labels.max()}, and there are {classes} classes."
        )
    right = np.take_along_axis(probabilities, labels[:, None], 1)
    earlier = np.arange(classes) < labels[:, None]
    found = (probabilities > right).sum(1) + ((probabilities == right) & earlier).sum(1)
    return np.where(np.isfinite(probabilities).all(1), found, classes)


def among(probabilities: Array, labels: Array, outputs: Array) -> tuple[Array, Array]:
    """As if there were only some of the classes: their probabilities, and the labels as numbers of them.

    Args:
        probabilities: (pictures, classes).
        labels: (pictures,), each among `outputs`.
        outputs: (some,), the classes that are left, in rising order.

    Returns:
        (pictures, some), which add up to the share that these classes have, and (pictures,).
    """
    return np.asarray(probabilities)[:, outputs], np.searchsorted(outputs, labels)


def rate(right: Array, level: float = 0.95) -> Rate:
    """The share of True, with Wilson's score interval (Wilson 1927).

    It does not leave 0 to 1, and keeps its level near its ends, where the usual one fails. It says how far
    the share would move on other pictures of the same kind; not how far with networks trained anew.

    Args:
        right: (pictures,) of bool.
        level: of confidence.

    Raises:
        InceptionError: there is no picture.
    """
    right = np.asarray(right, bool)
    if not right.size:
        raise InceptionError("There is no picture, and so no share of right answers.")
    return Rate(float(right.mean()), *_wilson(int(right.sum()), right.size, level), right.size)


def _wilson(right: int, n: int, level: float) -> tuple[float, float]:
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = right / n
    center = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5
    return 0.0 if right == 0 else center - half, 1.0 if right == n else center + half


def change(before: Array, after: Array, level: float = 0.95) -> Change:
    """How the share of right answers changed between two tests of the same pictures.

    The interval is Newcombe's for paired proportions: the Wilson intervals of both shares, joined with regard
    to their correlation (Newcombe 1998, Statistics in Medicine 17, 2635-2650, method 10). It is much
    narrower than that of two tests on different pictures, since most pictures are right, or wrong, in both.

    Args:
        before: (pictures,) of bool, what the first test got right.
        after: (pictures,) of bool, what the second did, in the same order.
        level: of confidence.

    Raises:
        InceptionError: there is no picture, or not the same number of them.
    """
    before, after = np.asarray(before, bool), np.asarray(after, bool)
    if before.shape != after.shape or before.ndim != 1 or not before.size:
        raise InceptionError(
            f"A change is between two tests of the same pictures, and these are of "
            f"{before.size} and {after.size}."
        )
    n = before.size
    both, neither = int((before & after).sum()), int((~before & ~after).sum())
    better, worse = int((~before & after).sum()), int((before & ~after).sum())
    new, old = both + better, both + worse
    (low_new, high_new), (low_old, high_old) = _wilson(new, n, level), _wilson(old, n, level)
    p_new, p_old = new / n, old / n
    product = new * (n - new) * old * (n - old)
    joint: float = both * neither - better * worse
    if joint > 0:
        joint = max(joint - n / 2, 0)  # his continuity correction
    phi = joint / product**0.5 if product else 0.0

    def reach(a: float, b: float) -> float:
        return max(a * a - 2 * phi * a * b + b * b, 0.0) ** 0.5

    value = (better - worse) / n
    return Change(
        value,
        value - reach(p_new - low_new, high_old - p_old),
        value + reach(high_new - p_new, p_old - low_old),
        better,
        worse,
        n,
    )


def per_class(probabilities: Array, labels: Array, classes: Sequence[str]) -> pandas.DataFrame:
    """One row for every class: its pictures, how many were right, and what it is most often taken for.

    Columns: `class`, `pictures`, `top1` with `low` and `high` (see `rate`), `top5`, `taken_for` and `times`.
    A class without pictures has no shares; one that was never mistaken is taken for nothing.

    Args:
        probabilities: (pictures, classes).
        labels: (pictures,), the right classes.
        classes: the names.

    Raises:
        InceptionError: these do not go together.
    """
    import pandas

    found, labels = ranks(probabilities, labels), np.asarray(labels)
    if len(classes) != probabilities.shape[1]:
        raise InceptionError(f"There are {len(classes)} names for {probabilities.shape[1]} classes.")
    answers, rows = np.asarray(probabilities).argmax(1), []
    for label, name in enumerate(classes):
        own = labels == label
        row: dict = {"class": name, "pictures": int(own.sum())}
        rows.append(row)
        if own.any():
            top1 = rate(found[own] == 0)
            row |= {
                "top1": top1.value,
                "low": top1.low,
                "high": top1.high,
                "top5": float((found[own] < 5).mean()),
            }
            mistaken = np.bincount(answers[own & (found > 0)], minlength=len(classes))
            if mistaken.any():
                row |= {"taken_for": classes[int(mistaken.argmax())], "times": int(mistaken.max())}
    columns = ["class", "pictures", "top1", "low", "high", "top5", "taken_for", "times"]
    return pandas.DataFrame(rows, columns=columns).astype({"times": "Int64"})
