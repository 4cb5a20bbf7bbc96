"""The questions of the quizzes, a module for each chapter, with a sentence for every answer.

Numbers that the library can count are counted there, not typed. Of each question the first answer is the
right one; `quiz` gives the answers in another order, the same at every call.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from inception_lib.book.quizzes import (
    after,
    audit,
    crops,
    ensemble,
    heads,
    lineage,
    module,
    network,
    pooling,
    reduction,
    seeing,
    training,
)
from inception_lib.book.quizzes.question import Question

#: The quizzes by key, in the order of the chapters: a title, and what makes the questions.
QUIZZES: dict[str, tuple[str, Callable[[], list[Question]]]] = {
    "lineage": (lineage.TITLE, lineage.questions),
    "reduction": (reduction.TITLE, reduction.questions),
    "module": (module.TITLE, module.questions),
    "pooling": (pooling.TITLE, pooling.questions),
    "network": (network.TITLE, network.questions),
    "seeing": (seeing.TITLE, seeing.questions),
    "audit": (audit.TITLE, audit.questions),
    "heads": (heads.TITLE, heads.questions),
    "crops": (crops.TITLE, crops.questions),
    "ensemble": (ensemble.TITLE, ensemble.questions),
    "after": (after.TITLE, after.questions),
    "training": (training.TITLE, training.questions),
}


def quiz(key: str) -> list[dict]:
    """The questions of a quiz as the browser takes them, with the keys `text` and `answers`.

    An answer has the keys `text`, `feedback` and `right`. The answers are shuffled, always alike. Raises
    KeyError where there is no such quiz.
    """
    found = []
    for question in QUIZZES[key][1]():
        answers = [{**answer._asdict(), "right": i == 0} for i, answer in enumerate(question.answers)]
        random.Random(question.text).shuffle(answers)
        found.append({"text": question.text, "answers": answers})
    return found
