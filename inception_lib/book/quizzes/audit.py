"""The quiz on the audit of Table 1."""

from __future__ import annotations

import math

from inception_lib.book.quizzes.question import Question, ask, millions
from inception_lib.counting import UNIT, count
from inception_lib.networks.googlenet import googlenet
from inception_lib.paper import TABLE1

TITLE = "the audit of Table 1"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    whole = count(googlenet())
    pool, first = whole["pool5"], whole["conv1"]
    params = first.weights.value / UNIT["K"] / float(str(TABLE1[0].params).removesuffix("K"))
    ops = first.macs.value / UNIT["M"] / float(str(TABLE1[0].ops).removesuffix("M"))
    macs, fewer = whole.trunk.macs, math.prod(pool.in_shape) + pool.activations
    return [
        ask(
            f"Both cells of a row are too small, by nearly the same factor: params by {params:.1f}, ops "
            f"by {ops:.1f}. What do you suspect?",
            ("Another layer", "Fewer weights, each used as often: both cells shrink alike."),
            ("Two misprints", "They would hardly agree with each other."),
            (
                "Another meaning of K, 1,000 instead of 1,024",
                "That changes a number by 2.4%, and the ops are not printed in K.",
            ),
        ),
        ask(
            "A module's params and ops contradict each other, and its ops fit the printed widths. What "
            "do you report?",
            ("The params are unexplained", "That is what the numbers show, and no more."),
            (
                "The params are a misprint",
                "Perhaps. They may also count something that the paper does not name.",
            ),
            (
                "The widths are misprinted, and both cells with them",
                "No widths give both cells of such a row.",
            ),
        ),
        ask(
            f"One profiler prints {macs / 1e9:.2f} billion for your network, another {2 * macs / 1e9:.2f} "
            "billion. What next?",
            ("Look up what each counts as a MAC", "One operation or two: that is a factor of two."),
            (
                "Keep the larger number, since it has missed less",
                "Nothing was missed. The two count the same multiplications.",
            ),
            (
                "Run both again, with an image in place of zeros",
                "The counts depend on shapes, not on values.",
            ),
        ),
        ask(
            f"You write the last pool as a mean, and thop prints {fewer:,} fewer operations. What has become "
            "cheaper?",
            ("Nothing", "The arithmetic is the same. thop recognizes the pool as a layer, but not the mean."),
            ("The pool: a mean needs no divisions", "A mean divides as well, once for each channel."),
            ("The classifier", "It reads the same number of channels."),
        ),
        ask(
            f"torchinfo prints {millions(whole.parameters)} parameters for the network that you want to use. "
            "What do you do?",
            (
                "Build it without heads",
                f"Then it has {millions(whole.trunk.parameters)}; the heads only run in training.",
            ),
            ("Halve the number, as with operations", "A parameter is counted once by every tool."),
            (
                "Nothing: the heads are part of the network",
                "Not at test time. They hold almost half of these parameters, and never run.",
            ),
        ),
    ]
