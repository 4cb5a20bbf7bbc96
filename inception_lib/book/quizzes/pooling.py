"""The quiz on global average pooling."""

from __future__ import annotations

from inception_lib.book import factors
from inception_lib.book.quizzes.question import Question, ask, millions, percent
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "global average pooling"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    connected = factors.fully_connected(7, 1024, 1024).weights
    pooled = factors.pooled(7, 1024, 1024).weights
    ours = count(googlenet(heads=False)).weights
    return [
        ask(
            f"GoogLeNet has {millions(ours)} weights. A colleague wants to flatten its 7x7 maps of 1,024 "
            "channels and add one fully connected layer with 1,024 outputs. How large does the network "
            "become?",
            (
                f"About {(ours + connected) / ours:.0f} times as large",
                f"That layer has 7 x 7 x 1,024 x 1,024 = {connected:,} weights.",
            ),
            (
                f"About {percent(pooled / ours)} larger, because the layer has {pooled:,} weights",
                "It would, after a global average pool. Flattened, each of the 49 positions has "
                "weights of its own.",
            ),
            (
                "Hardly larger, because most weights are in the convolutions",
                "They are, until you add such a layer.",
            ),
        ),
        ask(
            "Your network ends in a global average pool and says 'cat'. A user wants to know where it is. "
            "What do you try first?",
            (
                "Draw the class activation map",
                "Run the classifier at each position: the votes show where the evidence is, and "
                "you train nothing.",
            ),
            (
                "Train it again with a fully connected layer, which knows the positions",
                "It would still output only a class. And the maps have the positions already.",
            ),
            (
                "Run it on many small crops, and see which of them it calls a cat",
                "That works, too, but it costs a forward pass for each crop. The votes need only one.",
            ),
        ),
        ask(
            "A network with global average pooling was trained at 224 pixels. Your images have 448, and it "
            "runs on them without an error. What next?",
            (
                "Measure its accuracy at 448",
                "It runs because no weight depends on the size of the maps. But it has not "
                "learned objects twice as large.",
            ),
            (
                "Nothing: with a mean at the end, the size does not matter",
                "It does not matter for the shapes. But in this chapter the score of the right class fell.",
            ),
            (
                "Look for the bug, because its classifier was built for 7x7 positions",
                "It was built for 1,024 means, and you can take a mean over any number of positions.",
            ),
        ),
        ask(
            "With 50 training images, the flattened end of your network is right on all of them and on 60% "
            "of the test images. What is worth trying first?",
            (
                "Averaging the maps",
                "It leaves far fewer weights to memorize the images with.",
            ),
            (
                "More steps of training",
                "It is already right on all training images, so there is little left to learn from them.",
            ),
            (
                "A hidden layer in between, so that it can learn more",
                "It already learns too much: the problem is the gap between training and test images.",
            ),
        ),
    ]
