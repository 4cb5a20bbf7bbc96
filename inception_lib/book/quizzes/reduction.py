"""The quiz on the 1x1 convolution."""

from __future__ import annotations

from inception_lib.book import factors
from inception_lib.book.quizzes.question import Question, ask, percent

TITLE = "the 1x1 convolution"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    direct, reduced = factors.direct(14, 5, 480, 48).macs, factors.reduced(14, 5, 480, 48, 16).macs
    five = direct * 16 // 480
    left = [0.4 + 0.6 * share for share in (reduced / direct, five / direct, 1 / 25)]
    return [
        ask(
            "In a profile, 60% of a network's MACs are in one 5x5 convolution from 480 to 48 channels. You "
            "put a reduction to 16 channels in front of it. What share of the network's MACs is left?",
            (
                f"About {percent(left[0])}",
                f"The branch goes from {direct:,} to {reduced:,} MACs, {direct / reduced:.1f} times fewer. "
                "The other 40% stay, so a second reduction elsewhere may now save more.",
            ),
            (
                f"About {percent(reduced / direct)}",
                "That is what is left of the branch. The rest of the network still has to be computed.",
            ),
            (
                "About 60%",
                "That is the branch's share, and nearly all of it is saved.",
            ),
        ),
        ask(
            "A colleague deletes the ReLU between a reduction and its 5x5 convolution. What is true of the "
            "new pair?",
            ("It equals one 5x5 convolution of low rank", "Two linear maps in a row are one linear map."),
            (
                "It can learn any 5x5 convolution, at a lower cost",
                "Everything still passes through 16 numbers: all pixels of the kernel see the same mixtures.",
            ),
            (
                "It equals one 1x1 convolution",
                "The second kernel still covers 25 pixels.",
            ),
        ),
        ask(
            "Your feature maps become twice as wide and twice as high. What should you do about the widths "
            "of the reductions, to save by the same factor?",
            (
                "Nothing",
                "Both costs are multiplied by the number of positions, which cancels in their ratio.",
            ),
            ("Halve them", "The ratio depends on the channels and the kernel only."),
            (
                "Divide them by four, because there are four times as many positions",
                "Both costs grow by four, with the reduction and without it.",
            ),
        ),
        ask(
            "Somebody proposes to replace trained reductions by principal components, because these keep "
            "more variance. What would you do first?",
            (
                "Measure the accuracy",
                "Explained variance is not what a classifier is trained for; only accuracy decides.",
            ),
            (
                "Agree: no linear map to as many channels keeps more of the input",
                "That holds for squared error. The network's answer may depend on what varies little.",
            ),
            (
                "Refuse: trained layers keep more variance than principal components",
                "No linear map does. In this chapter's measurement they keep clearly less.",
            ),
        ),
    ]
