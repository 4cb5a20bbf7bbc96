"""The quiz on from LeNet to GoogLeNet."""

from __future__ import annotations

from inception_lib import networks
from inception_lib.book.quizzes.question import Question, ask, error, millions, percent, table3
from inception_lib.counting import count

TITLE = "from LeNet to GoogLeNet"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    alexnet = count(networks.alexnet())
    fc6, conv1, conv2 = (alexnet[name] for name in ("fc6", "conv1", "conv2"))
    return [
        ask(
            "AlexNet is to run on a device with little storage. You may shrink one layer. Which?",
            (
                "The first fully connected layer",
                f"It has {millions(fc6.parameters)} of the {millions(alexnet.parameters)} parameters: "
                "one for "
                "each pair of a number in the feature maps and an output.",
            ),
            (
                "The first convolution, because its kernels are the largest",
                f"It has {conv1.parameters:,} parameters. Its 96 kernels are used at many positions, "
                "but they "
                "are stored once.",
            ),
            (
                "It makes no difference: each layer holds about an eighth",
                "The five convolutions together hold 4%. The rest is in the three fully connected layers.",
            ),
        ),
        ask(
            "On another device there is enough room, but each image takes too long. You can halve the MACs "
            "of one layer of AlexNet. Where do you save most?",
            (
                "In the second convolution",
                f"It needs {millions(conv2.macs.value)} of {millions(alexnet.macs)} MACs: many "
                "channels, and "
                "still large feature maps.",
            ),
            (
                "In the first convolution, where the feature maps are largest",
                f"It reads only three channels, so it needs {millions(conv1.macs.value)}.",
            ),
            (
                "In the first fully connected layer, which has most of the weights",
                f"It uses each weight once: {millions(fc6.macs.value)} MACs, "
                f"{percent(fc6.macs.value / alexnet.macs)} of all.",
            ),
        ),
        ask(
            "Your network names 99% of its training images correctly, and 60% of new ones. Somebody "
            "proposes to double its channels. What do you do first?",
            (
                "Fight overfitting",
                "Get more images, alter copies of them, add dropout, or use fewer weights: the gap is "
                "between training and new images.",
            ),
            (
                "Double them: a larger network makes fewer mistakes",
                "It has already memorized its training images. More weights make that even easier.",
            ),
            (
                "Train longer, until the training images are all right",
                "Only one percent is left to gain on them. The problem is on new images.",
            ),
        ),
        ask(
            "A plain stack of 22 convolutions with ReLUs does not learn. Before the first step the "
            "gradient "
            "is ten thousand times smaller at the first layer than at the last. What do you change?",
            (
                "The size of the initial weights",
                "Each layer multiplies the gradient by about the same factor; with larger weights it is "
                "closer to one.",
            ),
            (
                "The learning rate, which should be ten thousand times larger",
                "Then the last layers take steps ten thousand times too large.",
            ),
            (
                "The number of training images, which is too small",
                "No image can help if hardly any gradient reaches the first layers.",
            ),
        ),
        ask(
            "Your single network, with one crop of each image, has a top-5 error of 10.1%. The winner "
            "of 2014 "
            f"reports {error('GoogLeNet', 2014)}. Is your network worse?",
            (
                "You cannot tell yet",
                f"The winner averaged seven networks and 144 crops. One of them with one crop has "
                f"{table3(1, 1).error}%, about as much as yours.",
            ),
            (
                "Yes, it makes one and a half times as many mistakes",
                "The tests differ. An error belongs to a network and a test.",
            ),
            (
                "No, because it needs less arithmetic",
                "It does need less. But that says nothing about its mistakes.",
            ),
        ),
    ]
