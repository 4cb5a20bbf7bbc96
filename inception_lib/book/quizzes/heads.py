"""The quiz on auxiliary classifiers."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask, millions, percent
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "auxiliary classifiers"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    whole = count(googlenet())
    bare = whole.trunk
    return [
        ask(
            "Which loss does the network minimize?",
            ("The classifier's, plus 0.3 times the sum of the two heads'", "0.3 is the paper's weight."),
            ("The sum of all three", "Then the heads would count as much as the classifier."),
            ("The mean of all three", "The heads are helpers; the classifier counts in full."),
        ),
        ask(
            "What happens to the heads at test time?",
            ("They are dropped", "They are there for the training only."),
            (
                "Their answers are averaged with the classifier's",
                "The paper averages over crops and networks, not over heads.",
            ),
            ("They replace the classifier on small pictures", "They play no part at all."),
        ),
        ask(
            "On the outputs of which modules do the heads stand?",
            ("4a and 4d", "After 9 and 15 of the 22 layers with parameters."),
            ("3b and 4e", "Behind these two stands a pool."),
            ("5a and 5b", "There they would hardly shorten the way of the gradient."),
        ),
        ask(
            "What do both heads together add to the parameters?",
            (
                "Nearly as many as the rest of the network has",
                f"{millions(whole.parameters - bare.parameters)} beside {millions(bare.parameters)}: each "
                "has two fully connected layers.",
            ),
            (
                "Less than a hundredth",
                f"That holds for the MACs: {percent((whole.macs - bare.macs) / bare.macs, 1)} more.",
            ),
            ("Ten times as many", f"They add {millions(whole.parameters - bare.parameters)}."),
        ),
    ]
