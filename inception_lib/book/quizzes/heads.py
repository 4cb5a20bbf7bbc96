"""The quiz on auxiliary classifiers."""

from __future__ import annotations

import math

from inception_lib.book.quizzes.question import Question, ask, millions, percent
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "auxiliary classifiers"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    whole = count(googlenet())
    bare = whole.trunk
    narrow = whole["aux1/conv"].weights.value + whole["aux1/fc"].weights.value
    fewer = whole["aux1/fc"].weights.value + whole["aux1/classifier"].weights.value
    return [
        ask(
            "With 1,000 classes, the log after 20 epochs says: main loss 3.1, first head "
            f"{math.log(1000):.2f}, second head 3.4. What do you look at first?",
            (
                "The first head itself",
                f"{math.log(1000):.2f} is ln 1000, chance level: it has learned nothing, while the trunk "
                "has. Is its loss in the sum? Does its output go to the right loss?",
            ),
            (
                "The learning rate, which must be too high",
                "Then the other two losses would suffer as well, and they have fallen by half.",
            ),
            (
                "Nothing: lower heads are worse",
                "A little worse is fine. This one is at chance level.",
            ),
        ),
        ask(
            "Before training, the main loss's gradient is a thousand times smaller in the first layer than "
            "in the last. Your network may not have heads. What do you try?",
            (
                "Initial weights of variance 2/n",
                "They keep the factor of each layer near one, for all layers at once.",
            ),
            (
                "A learning rate that is a thousand times larger",
                "Then the last layer takes steps that are a thousand times too large.",
            ),
            ("More dropout in front of the classifier", "It makes the gradient noisier, not larger."),
        ),
        ask(
            "Both heads together need too much memory in training. Which change to them saves the most?",
            (
                "512 units in place of 1,024",
                f"It halves both fully connected layers and saves {millions(fewer / 2)} weights in each "
                "head.",
            ),
            (
                "64 channels in the 1x1 convolution in place of 128",
                f"It halves the convolution and the layer after it, and saves {millions(narrow / 2)} weights "
                "in each head. The classifier stays.",
            ),
            (
                "Removing the average pool, which has to be stored",
                "Without it the fully connected layer sees 196 positions, twelve times as many.",
            ),
        ),
        ask(
            "Your evaluation gets three outputs for each image. What do you do?",
            (
                "Put the network into evaluation mode",
                "Call eval(): heads run in training mode only. Dropout was on, too, and made scores noisy.",
            ),
            (
                "Average the three outputs",
                "The paper averages over crops and networks, and throws the heads away.",
            ),
            (
                "Set the weight of the heads' losses to zero",
                "The heads would still run, because the weight only matters in the sum of the losses. "
                f"They cost little, though: {percent((whole.macs - bare.macs) / bare.macs, 1)} of the MACs.",
            ),
        ),
        ask(
            "Three runs with heads beat three without by one point. The learning rate was chosen with heads. "
            "What next?",
            (
                "Tune it without heads as well",
                "Until each arm has a rate of its own, the comparison favors the one that was tuned.",
            ),
            (
                "Report that heads are worth one point",
                "The difference may come from the learning rate, and three seeds give a wide interval.",
            ),
            (
                "Train the arm with heads from more seeds",
                "That makes one mean more exact, but the comparison still favors heads.",
            ),
        ),
    ]
