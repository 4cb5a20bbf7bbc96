"""The quiz on in its time and after."""

from __future__ import annotations

from inception_lib import networks
from inception_lib.book.quizzes.question import Question, ask
from inception_lib.counting import count
from inception_lib.history import NETWORKS
from inception_lib.networks.googlenet import googlenet

TITLE = "in its time and after"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    ratio = count(networks.resnet(50)).macs / count(googlenet(heads=False)).macs
    one, many = (
        NETWORKS["inception_v3"].reported("one crop"),
        NETWORKS["bn_inception"].reported("144 crops"),
    )
    assert one is not None and many is not None
    return [
        ask(
            f"Network A has {many.error}% top-5 error with 144 crops, network B {one.error}% with one crop. "
            "A colleague calls them about equal. What do you ask for?",
            ("Both with one crop", "The test is part of the number: B spends one pass per image and A 144."),
            (
                "Nothing, because both are top-5 errors",
                "More crops lower the error of any network, so this compares two things at once.",
            ),
            (
                "Their numbers of parameters",
                "That is useful to know, but it does not make the two errors comparable.",
            ),
        ),
        ask(
            "You replace each 5x5 of GoogLeNet, behind its narrow reduction, by two 3x3 that are as wide. "
            "The count of MACs goes up. Where do you look?",
            (
                "At what the second 3x3 reads",
                "It reads all output channels of the first, while the 5x5 read only the few channels of "
                "the reduction.",
            ),
            (
                "At the counter, because 18 weights are fewer than 25",
                "They are fewer at equal widths, but the widths here are not equal.",
            ),
            ("At the padding", "Padding keeps the size of the maps, and adds hardly any work."),
        ),
        ask(
            "A plain network of 30 layers has gradients of healthy size, yet a higher training loss than one "
            "of 15 layers. What do you try first?",
            ("Shortcuts that add", "This is what they were made for: deep networks that are hard to train."),
            (
                "More dropout",
                "It fights overfitting. Here the loss is high on the training images themselves.",
            ),
            (
                "More training images, so that it overfits less",
                "A network that cannot fit what it has is not helped by more.",
            ),
        ),
        ask(
            f"GoogLeNet takes 30 ms on your machine, and you have 60 ms. ResNet-50 has {ratio:.1f} times the "
            "MACs. What do you do?",
            ("Time ResNet-50 there", "MACs give the order, and only a clock gives the milliseconds."),
            (
                f"Reject it, because it will take {30 * ratio:.0f} ms",
                "Time does not follow MACs so exactly: layers and bytes count as well.",
            ),
            (
                "Take it, because time has nothing to do with MACs",
                "Over a wide range, time follows MACs. Here you need to know whether it differs by a "
                "factor of two.",
            ),
        ),
        ask(
            "You make all 3x3 convolutions depthwise separable. The MACs are divided by eight, the time only "
            "by two. What do you measure next?",
            ("The time of each layer", "Then you see which layers wait for memory, and not for arithmetic."),
            (
                "The MACs again, with a second counter",
                "The count is easy and probably right. It is the clock that has to be explained.",
            ),
            ("The accuracy", "That is worth knowing, but it says nothing about the time."),
        ),
    ]
