"""A question and its answers, and the numbers that questions are made with."""

from __future__ import annotations

from typing import NamedTuple

from inception_lib.paper import TABLE2, TABLE3, Table3Row


class Answer(NamedTuple):
    """A possible answer, and what is said to a reader who gives it."""

    text: str
    feedback: str


class Question(NamedTuple):
    """A question and its answers; the first is the right one."""

    text: str
    answers: tuple[Answer, ...]


def ask(text: str, *answers: tuple[str, str]) -> Question:
    """A question out of its text and (answer, feedback), the right answer first."""
    return Question(text, tuple(Answer(*answer) for answer in answers))


def millions(number: float) -> str:
    """A count in millions: `7.0 million`."""
    return f"{number / 1e6:.1f} million"


def percent(share: float, digits: int = 0) -> str:
    """A share in percent: 0.5 is `50%`."""
    return f"{100 * share:.{digits}f}%"


def error(team: str, year: int) -> str:
    """A team's top-5 error in Table 2, without external data."""
    return f"{next(r.error for r in TABLE2 if (r.team, r.year, r.external_data) == (team, year, 'no'))}%"


def table3(models: int, crops: int) -> Table3Row:
    """The row of Table 3 with that many networks and crops."""
    return next(row for row in TABLE3 if (row.models, row.crops) == (models, crops))
