"""The quiz on ensembles and the ablation."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask, table3

TITLE = "ensembles and the ablation"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    first, last = table3(1, 1), table3(7, 144)
    seven, ten = table3(7, 1), table3(1, 10)
    return [
        ask(
            "In what do the paper's seven networks differ?",
            (
                "In how pictures were sampled and ordered; one is wider",
                "That was enough to make their errors differ.",
            ),
            ("In their initial weights", "They had the same, due to an oversight."),
            ("In their learning rates", "All had the same policy."),
        ),
        ask(
            "Table 3 prints -3.45 as the gain of seven networks and 144 crops. What is it by the table's "
            "own errors?",
            (f"{last.error - first.error}", f"{last.error} - {first.error}."),
            (f"{last.change}", "So it is printed. Subtract the two errors."),
            (f"{table3(7, 10).change}", "That is the gain with 10 crops."),
        ),
        ask(
            "How many forward passes does one picture take with seven networks and 144 crops?",
            (f"{last.cost:,}", "7 x 144: every network looks at every crop."),
            (str(7 + 144), "Each network looks at each crop; the numbers multiply."),
            ("144", "Each of the seven networks takes that many."),
        ),
        ask(
            "Which gains more in Table 3: ten crops with one network, or one crop with seven networks?",
            (
                "Seven networks with one crop",
                f"{seven.error}% against {ten.error}%, for {seven.cost} forward passes against {ten.cost}.",
            ),
            (
                "Ten crops with one network",
                f"{ten.error}%; seven networks with one crop reach {seven.error}%.",
            ),
            ("Both the same", f"{seven.error}% and {ten.error}%."),
        ),
        ask(
            "When does averaging networks help most?",
            ("When they err on different pictures", "A mistake of one is then outvoted by the others."),
            ("When they always agree", "Then the mean says what each of them says."),
            ("When one is much better than the rest", "Then the rest pull the mean away from it."),
        ),
    ]
