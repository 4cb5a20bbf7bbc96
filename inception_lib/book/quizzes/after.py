"""The quiz on in its time and after."""

from __future__ import annotations

from inception_lib import networks
from inception_lib.book.quizzes.question import Question, ask, error
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet
from inception_lib.paper import TABLE2

TITLE = "in its time and after"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    ours, fifty = count(googlenet(heads=False)), count(networks.resnet(50))
    external = next(r for r in TABLE2 if r.team == "SuperVision" and r.external_data != "no")
    return [
        ask(
            f"Table 2 gives SuperVision two errors, {error('SuperVision', 2012)} and {external.error}%. "
            "What made the difference?",
            (
                "Training on further pictures, those of ImageNet 22k",
                "GoogLeNet's entry used no external data.",
            ),
            ("More crops", "The table tells the entries apart by their training data."),
            ("Another year", "Both are of 2012."),
        ),
        ask(
            "BN-Inception has two 3x3 convolutions for one 5x5. How many weights is that for each pair of "
            "channels, if all widths are equal?",
            (f"{2 * 3 * 3} in place of {5 * 5}", "And there is one ReLU more."),
            (f"{3 * 3} in place of {5 * 5}", "There are two of them."),
            (f"As many, {5 * 5}", "They see the same 25 pixels, with fewer weights."),
        ),
        ask(
            "Inception v3 takes a 7x7 apart into 1x7 and 7x1. How many weights for each pair of channels?",
            (f"{7 + 7} in place of {7 * 7}", "One goes along the rows, the other along the columns."),
            (f"{7 * 7} as before", "Each of the two kernels has only 7 pixels."),
            (f"{3 * 9} in place of {7 * 7}", "That would be three 3x3 convolutions."),
        ),
        ask(
            "How does a residual block join its two paths?",
            ("It adds them", "Both have equally many channels, and the input has a way past the layers."),
            ("It concatenates them", "An Inception module does that."),
            ("It takes the larger", "Maxout would do that."),
        ),
        ask(
            "How do ResNet-50's MACs compare with GoogLeNet's?",
            (
                f"{fifty.macs / ours.macs:.1f} times as many",
                f"{fifty.macs / 1e9:.1f} against {ours.macs / 1e9:.1f} billion.",
            ),
            (
                f"{fifty.parameters / ours.parameters:.1f} times as many",
                "That is the ratio of their parameters.",
            ),
            ("About as many", "ResNet-50 is deeper, and its layers are wider."),
        ),
    ]
