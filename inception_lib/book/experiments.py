"""What a training experiment found, as chapters say it: its arms, and the answers to its claims.

The records are those of `benchmarks/experiment.py`: several seeds of each arm, and claims that were written
down before they were run, each answered by differences that are paired by seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from inception_lib.errors import InceptionError


class Answer(NamedTuple):
    """A mean difference and its interval, in percentage points; the interval holds for all claims at once."""

    mean: float
    low: float | None
    high: float | None
    seeds: int
    verdict: str
    """Of the claim that it is above 0: shown, not shown or refuted."""

    def __str__(self) -> str:
        """The difference and its interval."""
        if self.low is None or self.high is None:
            return f"{_points(self.mean)} (one seed, so there is no interval)"
        return f"{_points(self.mean)} points ({_points(self.low)} to {_points(self.high)})"


def _points(value: float) -> str:
    return f"{value:+.1f}".replace("-", "−")


def top1(outcome: Mapping[str, Any], arm: str, *, training: bool = False) -> list[float]:
    """Top-1 accuracy of each seed of an arm, in percent, in the order of the seeds.

    Args:
        outcome: of a record of `benchmarks/experiment.py`.
        arm: its name.
        training: on the training images, not on those of validation.

    Raises:
        InceptionError: no training of the arm is recorded.
    """
    runs = [run for run in outcome["runs"] if run["arm"] == arm and not run["failed"]]
    if not runs:
        there = ", ".join(sorted({run["arm"] for run in outcome["runs"]}))
        raise InceptionError(f"{arm}: no training of that arm is recorded; there are {there}.")
    key = "train_top1" if training else "top1"
    return [100 * run[key] for run in sorted(runs, key=lambda run: run["seed"])]


def answer(found: Mapping[str, Any]) -> Answer:
    """The answer of a record: of one of its claims, or of whatever else is answered in that form."""
    mean, low, high = (
        None if found[key] is None else 100 * found[key] for key in ("mean", "low_together", "high_together")
    )
    assert mean is not None
    return Answer(mean, low, high, len(found["values"]), found["verdict"])


def answers(outcome: Mapping[str, Any]) -> dict[str, Answer]:
    """The answers of all claims that have one, by the claim."""
    return {claim["claim"]: answer(claim) for claim in outcome["claims"] if claim["verdict"] is not None}
