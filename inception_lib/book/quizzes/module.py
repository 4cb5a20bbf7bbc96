"""The quiz on the Inception module."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask
from inception_lib.networks.googlenet import PAPER_WIDTHS

TITLE = "the Inception module"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    w = PAPER_WIDTHS["3a"]
    thin = [PAPER_WIDTHS[key].reduce5x5 for key in PAPER_WIDTHS]
    return [
        ask(
            "Why can naive modules not be stacked for long?",
            (
                "The pool branch hands on all channels, and the others add to them",
                "So the channels grow from module to module, and the cost with them.",
            ),
            ("The grid shrinks in each module", "All branches keep the grid."),
            (
                "The branches end with grids of different sizes",
                "Padding makes them equal; else they could not be joined.",
            ),
        ),
        ask(
            f"Module 3a has the widths {', '.join(map(str, w))}. With how many channels does it end?",
            (
                str(w.out_channels),
                f"{w.n1x1} + {w.n3x3} + {w.n5x5} + {w.pool_proj}: what the four branches end with.",
            ),
            (str(sum(w)), "The two reductions stand inside their branches and are not passed on."),
            (str(w.n3x3), "The branches are joined along the channels; the widest does not decide."),
        ),
        ask(
            "Which branch takes most of the work, in every module of GoogLeNet?",
            ("3x3", "It has the widest reduction and the most outputs of the branches with a large kernel."),
            ("5x5", f"Its kernel is the largest, but it reads only {min(thin)} to {max(thin)} channels."),
            ("1x1", "It has many outputs, but a kernel of one pixel."),
        ),
        ask(
            "Which padding does the 5x5 convolution need for its output to fit the other branches?",
            ("2", "So its output has as many pixels a side as its input."),
            ("1", "That is right for a kernel of 3x3."),
            ("0", "Then the grid would lose four pixels a side, and the branches could not be joined."),
        ),
    ]
