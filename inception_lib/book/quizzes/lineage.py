"""The quiz on from LeNet to GoogLeNet."""

from __future__ import annotations

from inception_lib import networks
from inception_lib.book.quizzes.question import Question, ask, error, millions
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "from LeNet to GoogLeNet"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    ours, alexnet, vgg = (count(a) for a in (googlenet(heads=False), networks.alexnet(), networks.vgg(16)))
    fewer = alexnet.parameters / ours.parameters
    return [
        ask(
            "In 2012 SuperVision's network, AlexNet, won with a top-5 error of "
            f"{error('SuperVision', 2012)} without external data. What was GoogLeNet's two years later?",
            (error("GoogLeNet", 2014), "With seven networks and 144 crops of each picture."),
            (error("Clarifai", 2013), "That was the winner's between the two, Clarifai's in 2013."),
            (error("VGG", 2014), "That was VGG's, which came second in 2014."),
        ),
        ask(
            "What does the top-5 error count?",
            (
                "Pictures whose class is not among the five that the network finds most probable",
                "Many pictures show more than one thing; five guesses leave room for that.",
            ),
            ("Pictures whose class is not the most probable one", "That is the top-1 error."),
            ("Mistakes in the five hardest classes", "All classes count alike."),
        ),
        ask(
            "How many times fewer parameters than AlexNet does GoogLeNet have, by exact counts and without "
            "its auxiliary classifiers?",
            (
                f"About {fewer:.0f} times",
                f"{millions(ours.parameters)} against {millions(alexnet.parameters)}.",
            ),
            (
                "12 times",
                "So the paper says; the exact counts are "
                f"{millions(ours.parameters)} and {millions(alexnet.parameters)}.",
            ),
            (
                "About as many",
                "AlexNet's fully connected layers alone have several times the parameters of GoogLeNet.",
            ),
        ),
        ask(
            "VGG-16 came close to GoogLeNet in accuracy. How many times as many MACs does it need?",
            (
                f"About {vgg.macs / ours.macs:.0f} times",
                f"{vgg.macs / 1e9:.1f} billion against {ours.macs / 1e9:.1f} billion for one picture.",
            ),
            (f"About {vgg.parameters / ours.parameters:.0f} times", "That is the ratio of parameters."),
            ("About as many", "VGG narrows nothing: its wide 3x3 convolutions read all channels."),
        ),
    ]
