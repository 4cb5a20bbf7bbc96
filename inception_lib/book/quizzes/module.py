"""The quiz on the Inception module."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask
from inception_lib.networks.googlenet import PAPER_WIDTHS

TITLE = "the Inception module"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    w = PAPER_WIDTHS["3a"]
    thin = [PAPER_WIDTHS[key].reduce5x5 for key in PAPER_WIDTHS]
    unprojected = w.out_channels - w.pool_proj + 192
    return [
        ask(
            "You stack naive modules, and each has more channels than the one before. You may add one "
            "layer to each module to stop that. Which?",
            (
                "A 1x1 convolution after the pool",
                "The pool passes on every channel that comes in, and the other branches add theirs. Only a "
                "projection after it limits their number.",
            ),
            (
                "A 1x1 convolution before the 5x5 convolution",
                "That makes the module cheaper. But the pool still passes on all channels.",
            ),
            (
                "A 1x1 convolution before the 3x3 convolution, which has the most outputs",
                "Its number of outputs stays as it is, whatever comes before it.",
            ),
        ),
        ask(
            f"You built module 3a with the widths {', '.join(map(str, w))} on 192 channels. It outputs "
            f"{unprojected} channels instead of {w.out_channels}. What did you forget?",
            (
                "The pool projection",
                f"{w.n1x1} + {w.n3x3} + {w.n5x5} from the convolutions, and all 192 from the pool.",
            ),
            (
                "The reduction before the 5x5 convolution",
                f"Without it the module costs more, but still outputs {w.out_channels} channels.",
            ),
            (
                "To leave the outputs of the reductions out of the concatenation",
                f"With them there would be {sum(w)} channels.",
            ),
        ),
        ask(
            "A module has too many MACs, and you want to know which branch has most of them. Where do you "
            "look first?",
            ("At the 3x3 branch", "In every module of GoogLeNet it takes more than half of the MACs."),
            (
                "At the 5x5 branch, because its kernel has the most weights",
                f"Its kernel is the largest, but it reads only {min(thin)} to {max(thin)} channels.",
            ),
            (
                "At the pooling branch, because it reads all channels",
                "A pool multiplies nothing, and its projection is a small 1x1 convolution. In seconds the "
                "pool may still be slow: exercise 6 measures it.",
            ),
        ),
        ask(
            "On 28x28 feature maps, torch.cat complains that one of the branches has maps of 24x24. What "
            "do you check?",
            ("The padding of the 5x5 convolution", "Without padding, a 5x5 kernel takes away four rows."),
            ("The padding of the 3x3 convolution", "Without it, its maps would be 26x26."),
            ("The stride of the pool in its branch", "With a stride of 2 its maps would be 14x14."),
        ),
    ]
