"""The quiz on the 1x1 convolution."""

from __future__ import annotations

from inception_lib.book import factors
from inception_lib.book.quizzes.question import Question, ask

TITLE = "the 1x1 convolution"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    direct, reduced = factors.direct(14, 5, 480, 48).macs, factors.reduced(14, 5, 480, 48, 16).macs
    five = direct * 16 // 480
    return [
        ask(
            "Module 4a: a 5x5 convolution from 480 to 48 channels on a 14x14 grid. How much cheaper is it "
            "behind a reduction to 16 channels?",
            (
                f"About {direct / reduced:.0f} times",
                f"{direct:,} MACs become {reduced:,}, the reduction's own {reduced - five:,} included.",
            ),
            (
                f"{direct // five} times",
                "By that factor the 5x5 convolution alone becomes cheaper. "
                "The reduction costs something, too.",
            ),
            ("25 times", "25 is the number of pixels under the kernel. It stays the same."),
        ),
        ask(
            "What does a 1x1 convolution compute at each place?",
            ("A matrix times the vector of the channels there", "The same matrix at every place."),
            ("The mean over the neighbors", "It sees one place only, no neighbors."),
            (
                "Each channel times a number of its own",
                "It mixes the channels: every output reads every input.",
            ),
        ),
        ask(
            "The grid gets twice as many pixels a side. What happens to the factor that is saved?",
            ("It stays", "Both costs are multiplied by the number of places, which cancels."),
            (
                "It becomes four times as large",
                "The MACs do, with the reduction and without it. Their ratio does not.",
            ),
            ("It becomes half", "Neither cost falls when the grid grows."),
        ),
        ask(
            "The ReLU between a reduction to 16 channels and the 5x5 convolution is left out. What are both "
            "together?",
            (
                "One 5x5 convolution whose 25 matrices, stacked, have a rank of at most 16",
                "Two linear maps in a row are one. All 25 positions of the kernel read the same 16 mixtures.",
            ),
            ("Any 5x5 convolution", "All that is passed on has to go through 16 channels."),
            ("One 1x1 convolution", "The second kernel still sees 25 pixels."),
        ),
    ]
