"""The quiz on scales, squares, crops."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask

TITLE = "scales, squares, crops"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    better, worse, images = 12, 9, 500
    gain = f"{100 * (better - worse) / images:.1f}"
    stride, size, larger = 32, 224, 288
    positions = (larger - size) // stride + 1
    several, sure = 0.7, 0.9999
    assert (5 * several + 1 - sure) / 6 > 0.5, "in the mean of the softmax five outvote one"
    assert (several / (1 - several)) ** 5 < sure / (1 - sure), "in the mean of the logits they do not"
    return [
        ask(
            f"Out of {images} images, ten crops are right on {better} that one crop gets wrong, and wrong on "
            f"{worse} that one crop gets right. What do you report?",
            (
                "That no difference is shown",
                f"Toss {better + worse} coins, and they often fall {better} to {worse}. The other images say "
                "nothing.",
            ),
            (
                f"A gain of {gain} points, so ten crops are worth it",
                f"You did see {gain} points. But with {better} against {worse}, chance alone can do that.",
            ),
            (
                f"A gain of {100 * better / images:.1f} points",
                f"You forgot the {worse} images that got worse.",
            ),
        ),
        ask(
            "Your network was trained on crops at one scale. You add three larger scales to the test, and "
            "the accuracy falls. What do you do next?",
            (
                "Drop them, or train at several scales",
                "The network does not know objects of that size. Only training can teach it.",
            ),
            (
                "Add more scales, because more views average out more mistakes",
                "An average is only as good as what goes into it, and these views are worse.",
            ),
            (
                "Take the maximum over the scales",
                "Then the most confident view decides, even if it is confident and wrong.",
            ),
        ),
        ask(
            f"Five crops give cat {several} and dog {1 - several:.1f}. A sixth gives dog {sure}. Which way "
            "of combining them says dog?",
            (
                "The mean of the logits, and the maximum",
                "Both let one sure crop overrule five. The mean of the softmax gives it one vote of six.",
            ),
            (
                "Only the maximum",
                "In the mean of the logits, too, the sixth crop's logit for dog outweighs the other five.",
            ),
            (
                "None of them, since five crops outvote a single one",
                "In the mean of the softmax they do. But what does one huge logit do to a mean of logits?",
            ),
        ),
        ask(
            "Your views have a log loss of 0.40 on average, and the center crop has 0.30. What do you know "
            "about the log loss of the averaged softmax before you measure it?",
            (
                "It is at most 0.40",
                "That is all that convexity promises. It may be above the center crop's 0.30.",
            ),
            (
                "It is at most 0.30, because averaging cannot hurt",
                "It can, if the other views are worse than the one you compare with.",
            ),
            (
                "It is 0.40",
                "That is the average of the losses. The loss of the average is lower if the views differ.",
            ),
        ),
        ask(
            f"A fully convolutional network was trained on {size}x{size} pixels, and its strides multiply to "
            f"{stride}. You run it once on {larger}x{larger}. The scores of how many crops do you get?",
            (
                str(positions**2),
                f"({larger} - {size}) / {stride} + 1 = {positions} positions down, and {positions} across.",
            ),
            (
                str((positions - 1) ** 2),
                f"The crops start at 0, {stride} and {2 * stride}, down and across.",
            ),
            (
                str((larger - size + 1) ** 2),
                f"That would be with a stride of 1. Here the crops are {stride} pixels apart.",
            ),
        ),
    ]
