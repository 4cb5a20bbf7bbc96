"""A quiz, with a sentence for each answer."""

from __future__ import annotations

import traitlets as t

from inception_lib.book import quizzes
from inception_lib.book.widgets.base import Scripted


class Quiz(Scripted):
    """Some questions on a chapter, with a sentence for each answer, the right one and the wrong ones.

    `key` names one of `quizzes.QUIZZES`, which are in the order of the chapters; another raises a ValueError.
    """

    script = "quiz.js"

    key = t.Unicode().tag(sync=True)
    title = t.Unicode().tag(sync=True)
    questions = t.List(t.Dict()).tag(sync=True)

    def __init__(self, key: str) -> None:
        if key not in quizzes.QUIZZES:
            raise ValueError(f"There is no quiz {key!r}; there are {', '.join(quizzes.QUIZZES)}.")
        super().__init__(key=key, title=quizzes.QUIZZES[key][0], questions=quizzes.quiz(key))

    def __repr__(self) -> str:
        return f"Quiz({self.key!r})"
