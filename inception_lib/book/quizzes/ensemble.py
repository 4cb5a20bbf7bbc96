"""The quiz on ensembles and the ablation."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask, table3

TITLE = "ensembles and the ablation"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    first, last = table3(1, 1), table3(7, 144)
    seven, whole, crops = table3(7, 1), table3(7, 10), table3(1, 144)
    return [
        ask(
            "Three networks are each wrong on 5% of your images, and the correlation of their mistakes is "
            "0.95. You want the error of their mean to fall. What do you do next?",
            (
                "Train one that differs more",
                "They make nearly all their mistakes together, so there is little to outvote. A different "
                "architecture, different data or a different augmentation makes different mistakes.",
            ),
            (
                "Train four more in the same way, so that mistakes are outvoted",
                "The new ones would make the same mistakes as the old ones.",
            ),
            (
                "Take a vote instead of the mean",
                "If all three are wrong on an image, so is their vote.",
            ),
        ),
        ask(
            "You have seven trained networks and time for 100 forward passes for each image. Which test of "
            "Table 3 do you run?",
            (
                "7 networks x 10 crops",
                f"{whole.cost} passes and {whole.error}%; one network with 144 has {crops.error}%.",
            ),
            (
                "1 network x 144 crops, because more crops see more",
                f"Too many passes, and at {crops.error}% still worse than seven networks with 10 crops.",
            ),
            (
                "7 networks x 1 crop",
                f"{seven.error}% for {seven.cost} passes. The rest of your budget would buy crops.",
            ),
        ),
        ask(
            f"Table 3 prints errors of {first.error}% and {last.error}%, and a change of {last.change}. "
            "Which change do you quote?",
            (
                f"{last.error - first.error}",
                f"{last.error} - {first.error}, from the two errors that it prints.",
            ),
            (f"{last.change}, as printed", "Subtract the two errors before you quote their difference."),
            (f"{whole.error - first.error}", "That is the change with 10 crops."),
        ),
        ask(
            "On the same 1,000 images one network makes 60 mistakes and another 45. Their intervals overlap. "
            "What do you do next?",
            (
                "Count the images on which only one is wrong",
                "Both saw the same images. If the counts are 40 and 25, coins are that uneven in 8 of 100 "
                "cases; if they are 15 and 0, almost never.",
            ),
            (
                "Conclude that they do not differ, because the intervals overlap",
                "If two tests use the same images, overlapping intervals do not show that.",
            ),
            (
                "Conclude that the second is better",
                "Fifteen fewer mistakes can be chance. It depends on how many mistakes the two share.",
            ),
        ),
        ask(
            "Two networks, trained separately, are each wrong on 4% of the images. To save time you average "
            "their weights, and the result is wrong on 90%. What do you do next?",
            (
                "Average along one training",
                "There, all weights are in one valley of the loss, and so is their mean. Separately trained "
                "networks end in different ones.",
            ),
            (
                "Train both for longer, until their weights have converged",
                "Each is in a valley of its own; more training brings them no closer.",
            ),
            (
                "Give the better one more weight",
                "The error falls toward the ends, and each end is one network alone.",
            ),
        ),
    ]
