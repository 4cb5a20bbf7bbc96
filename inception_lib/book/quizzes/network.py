"""The quiz on the whole network."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask, percent
from inception_lib.counting import count
from inception_lib.networks.googlenet import INCEPTION5H_WIDTHS, googlenet

TITLE = "the whole network"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    plain = count(googlenet(heads=False))
    released = count(googlenet("inception5h", stem="separable", heads=False))
    half = count(googlenet(heads=False, input_size=112)).macs / plain.macs
    five_a = INCEPTION5H_WIDTHS["4a"].out_channels
    return [
        ask(
            f"By the printed widths the network has {plain.macs / 1e9:.2f} billion MACs; the paper says 1.5 "
            "billion. What brings the exact count there?",
            (
                "A separable first layer and the widths of Google's later release",
                f"Then it is {released.macs / 1e9:.2f} billion. That the paper's was so is an inference.",
            ),
            ("Leaving out the auxiliary heads", "They are left out already."),
            ("Counting multiplications and additions apart", "That doubles the number."),
        ),
        ask(
            "Where does the network's work sit, and where its weights?",
            ("Work early, weights late", "Early layers have large grids, late ones many channels."),
            ("Both early", "The first layers have few channels, so few weights."),
            ("Both late", "The last grid has 49 places; the first convolution's has 12,544."),
        ),
        ask(
            "What does the paper count when it says 22 layers?",
            ("Layers with parameters on the longest way through", "With the pools there are 27."),
            ("All convolutions", "There are many more of them: each module has six."),
            ("Rows of Table 1", "A module is one row and counts as two layers."),
        ),
        ask(
            "The input shrinks from 224 to 112 pixels a side. Which share of the MACs is left?",
            (
                percent(half, 1),
                "A little less than a quarter: the last grid falls from 7 to 3 pixels a side, not to 3.5.",
            ),
            ("50%", "The grid is halved in both directions."),
            ("Exactly 25%", "Seven pixels cannot be halved; the last pool makes three of them."),
        ),
        ask(
            "Row 4a prints params that its printed widths do not give. Which widths do?",
            (
                f"Those of the released Inception5h graph, with {five_a} channels out",
                "Its 3x3 convolution is a little narrower there. It is an inference from arithmetic.",
            ),
            ("Those of row 4b", "They belong to another module, with other costs."),
            ("None is known", "That is so for other cells of the table, not for this row."),
        ),
    ]
