"""A guess before the answer: the reader drags a marker or a curve, and then sees the truth drawn over it."""

from __future__ import annotations

from collections.abc import Sequence

import traitlets as t

from inception_lib.book.widgets.base import Scripted


class Guess(Scripted):
    """A question whose answer is a number, or with `labels` one number for each of them.

    Args:
        question: a sentence; it is the title.
        truth: the answer, or the answers.
        low, high: ends of the scale.
        log: whether the scale is logarithmic; by default if `high` is at least 20 times `low`, above 0.
        unit: behind each number, a space included where there is one.
        labels: of a curve's points, from left to right.
        says: a sentence that the reader sees with the truth.

    Raises:
        ValueError: the truth is not on the scale, or has not as many numbers as there are labels.
    """

    script = "guess.js"
    styles = (*Scripted.styles, "guess.css")

    question = t.Unicode().tag(sync=True)
    truth = t.List(t.Float()).tag(sync=True)
    labels = t.List(t.Unicode()).tag(sync=True)
    low = t.Float().tag(sync=True)
    high = t.Float().tag(sync=True)
    log = t.Bool().tag(sync=True)
    unit = t.Unicode().tag(sync=True)
    says = t.Unicode().tag(sync=True)

    def __init__(
        self,
        question: str,
        truth: float | Sequence[float],
        *,
        low: float,
        high: float,
        log: bool | None = None,
        unit: str = "",
        labels: Sequence[str] = (),
        says: str = "",
    ) -> None:
        values = [float(v) for v in (truth if isinstance(truth, Sequence) else [truth])]
        if len(values) != max(1, len(labels)):
            raise ValueError(
                f"{len(values)} answers for {max(1, len(labels))} places: one for each is needed"
            )
        if not all(low <= value <= high for value in values):
            raise ValueError(f"an answer of {values} is not on the scale from {low:g} to {high:g}")
        log = low > 0 and high / low >= 20 if log is None else log
        if log and low <= 0:
            raise ValueError(f"a logarithmic scale cannot begin at {low:g}")
        super().__init__(
            question=question,
            truth=values,
            labels=list(labels),
            low=low,
            high=high,
            log=log,
            unit=unit,
            says=says,
        )

    def __repr__(self) -> str:
        return f"Guess({self.question!r})"
