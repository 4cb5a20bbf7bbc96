"""A field for the answer to an exercise: the page checks it, and says what to think about if it is wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import traitlets as t

from inception_lib.book.widgets.base import Scripted


class Answer(Scripted):
    """Fields for the answers to one exercise.

    `Answer("The grid cancels.", factor=21.4)` asks for one number; its `check(factor=...)` is the same check
    in Python, for the solution and for students' notebooks.

    Args:
        hint: what a reader with a wrong answer should think about.
        tolerance: of a number, as a share of it; two numbers that round alike are alike in any case.
        options: of an answer that is chosen: its name, and what there is to choose from.
        answers: by name; the page shows the name with spaces. Numbers, texts, or True and False.
    """

    script = "answer.js"
    styles = (*Scripted.styles, "answer.css")

    fields = t.List(t.Dict()).tag(sync=True)
    hint = t.Unicode().tag(sync=True)
    tolerance = t.Float().tag(sync=True)

    def __init__(
        self,
        hint: str,
        *,
        tolerance: float = 0.01,
        options: Mapping[str, tuple[str, ...]] | None = None,
        **answers: float | str | bool,
    ) -> None:
        if not answers:
            raise ValueError("an exercise without an answer needs no field")
        self._answers = answers
        fields: list[dict[str, Any]] = []
        for name, value in answers.items():
            chosen = ("yes", "no") if isinstance(value, bool) else (options or {}).get(name)
            right: Any = ("no", "yes")[value] if isinstance(value, bool) else value
            if chosen is not None and right not in chosen:
                raise ValueError(f"{name}: {right!r} is not among {', '.join(chosen)}")
            if chosen is None and isinstance(value, str):
                raise ValueError(f"{name}: a text needs its options")
            label = name.replace("_", " ")
            fields.append({"label": label, "value": right} | ({"options": list(chosen)} if chosen else {}))
        super().__init__(fields=fields, hint=hint, tolerance=tolerance)

    def check(self, **answers: Any) -> None:
        """Compare answers with the right ones.

        Raises:
            AssertionError: one is wrong; its message is the hint.
            TypeError: one is missing, or none of this exercise.
        """
        if answers.keys() != self._answers.keys():
            raise TypeError(f"the answers are {', '.join(self._answers)}, not {', '.join(answers)}")
        for name, right in self._answers.items():
            value = answers[name]
            if isinstance(right, bool | str):
                assert value == right, self.hint
            else:
                assert math.isclose(value, right, rel_tol=self.tolerance), self.hint

    def __repr__(self) -> str:
        return f"Answer({', '.join(self._answers)})"
