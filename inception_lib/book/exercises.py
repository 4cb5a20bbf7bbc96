"""Checks that tell a student whether an answer is right, and if not, what to think about.

`make exercises` (tools/exercises.py) writes notebooks in which each exercise is followed by a cell for the
answer and one that begins `with check(...)`. The assertions in it are those of the chapter's own solution;
their messages are the hints.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = ["GENERAL_HINT", "NotYet", "check"]

GENERAL_HINT = "Read the exercise once more, then the section of this chapter that it is about."


class NotYet(AssertionError):
    """An answer that is missing or wrong; the message holds the hint."""

    def _render_traceback_(self) -> list[str]:
        """What Jupyter shows: the sentence alone, since the traceback would lead into the check."""
        return [str(self)]


class check:  # reads as a statement: `with check(...)`
    """Run assertions on a student's answers: `with check(total=total, hint="..."): assert total == 3`.

    Each keyword but `hint` is an answer under its name. An answer that still is `...`, and any error inside
    the block, is raised as NotYet with a hint: the message of the assertion that failed, else `hint`, else
    GENERAL_HINT. If all hold, "Right." is printed.
    """

    def __init__(self, *, hint: str = GENERAL_HINT, **answers: Any) -> None:
        self.hint = hint
        self.open = [name for name, value in answers.items() if value is ...]

    def __enter__(self) -> None:
        if self.open:
            raise NotYet(f"Not answered yet: {', '.join(self.open)}. Hint: {self.hint}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            print("Right.")
        elif isinstance(error, AssertionError):
            raise NotYet(f"Not yet. Hint: {str(error) or self.hint}") from error
        elif isinstance(error, Exception):
            raise NotYet(
                f"Not yet: the check stopped with {type(error).__name__} ({error}). Hint: {self.hint}"
            ) from error
