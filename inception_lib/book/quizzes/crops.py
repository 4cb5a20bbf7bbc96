"""The quiz on scales, squares, crops."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask, percent, table3
from inception_lib.evaluation.plan import distinct, plan, scheme

TITLE = "scales, squares, crops"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    one, all_crops = table3(1, 1).error, table3(1, 144).error
    square = len(distinct(plan(scheme(144), 300, 300)))
    return [
        ask(
            "4 scales, 3 squares, 6 crops of each, mirrored or not. How many crops is that?",
            (str(4 * 3 * 6 * 2), "4 x 3 x 6 x 2."),
            (str(4 * 3 * 6), "The mirror images are missing."),
            (
                str(4 * 3 * 5 * 2),
                "Beside four corners and the center there is a sixth: the whole square, resized.",
            ),
        ),
        ask(
            "How many different crops does a square picture have?",
            (str(square), "Its left, center and right square are one and the same."),
            ("144", "Three of them at a time are equal, since there is only one square."),
            (str(square // 2), "The mirror images do differ."),
        ),
        ask(
            "Which three squares are taken of a portrait picture?",
            ("Top, center and bottom", "The squares lie along the longer side."),
            ("Left, center and right", "So it is in a landscape picture. Here they would coincide."),
            ("Three at random", "The test has no random part."),
        ),
        ask(
            "How are the answers for all crops put together?",
            ("The mean of the softmax outputs", "Over all crops, and then over all networks."),
            ("The maximum of each class over the crops", "The paper tried it: it was worse."),
            ("The crop that the network is surest of", "One sure crop may be wrong; the mean asks all."),
        ),
        ask(
            f"One network errs on {one}% with one crop (top-5). And with 144?",
            (
                f"{all_crops}%",
                f"{percent(float((one - all_crops) / one))} of its errors are gone, for 144 times the work.",
            ),
            (f"{table3(1, 10).error}%", "That is with 10 crops."),
            (f"{table3(7, 144).error}%", "That takes seven networks, too."),
        ),
    ]
