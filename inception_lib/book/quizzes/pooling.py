"""The quiz on global average pooling."""

from __future__ import annotations

from inception_lib.book import factors
from inception_lib.book.quizzes.question import Question, ask

TITLE = "global average pooling"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    connected = factors.fully_connected(7, 1024, 1024).weights
    pooled = factors.pooled(7, 1024, 1024).weights
    return [
        ask(
            "How many weights has a fully connected layer from 7x7 places of 1,024 channels to 1,024 "
            "outputs?",
            (f"{connected:,}", "7 x 7 x 1,024 inputs, each with a weight for each of 1,024 outputs."),
            (f"{pooled:,}", "That is the layer after global average pooling: the grid is missing."),
            (f"{7 * 7 * 1024:,}", "That many numbers go in. Each output has a weight for each."),
        ),
        ask(
            "How many weights has global average pooling itself?",
            ("None", "A mean has nothing to learn."),
            ("One per channel", "Every place of a channel has the same share, which is fixed."),
            ("One per place", "Every place has the same share, which is fixed."),
        ),
        ask(
            "What is the network blind to after the mean?",
            ("Where on the last grid something was found", "A sum does not know the order of its terms."),
            ("Which channel it was found in", "Each channel keeps a mean of its own."),
            ("How much of it was found", "The more places it is found in, the larger the mean."),
        ),
        ask(
            "Why does a network that ends in global average pooling take pictures of other sizes?",
            ("No weight depends on the size of the grid", "The mean takes as many places as there are."),
            (
                "Pictures are resized before the first layer",
                "That works with every network, and is not what happens here.",
            ),
            (
                "Average pooling trains the network on all sizes",
                "It is a mean. How well the network does at another size is another question.",
            ),
        ),
    ]
