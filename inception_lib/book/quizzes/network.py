"""The quiz on the whole network."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "the whole network"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    plain = count(googlenet(heads=False))
    layers = sum(row.weights.value > 0 for row in plain.rows)
    first, last = plain["conv1"].out_shape[1] ** 2, plain["inception_5b/1x1"].out_shape[1] ** 2
    return [
        ask(
            "Trained weights load into your network without an error, but its module 4a gets 13x13 feature "
            "maps instead of 14x14. What do you look at?",
            (
                "How the pools round",
                "Rounded down, the sizes are 112, 55, 27 and 13. ceil_mode=True makes them 112, 56, "
                "28 and 14.",
            ),
            (
                "The padding of the 3x3 convolutions in the modules",
                "Without it the branches of a module would have maps of different sizes, and you would "
                "get an error.",
            ),
            (
                "Whether the weights belong to another network",
                "They fit. Weights do not depend on the size of the feature maps, so they load either way.",
            ),
        ),
        ask(
            "You want GoogLeNet to be faster, and a colleague wants it to be smaller. In which layers should "
            "each of you look first?",
            (
                "You in the early ones, the colleague in the late ones",
                f"MACs are weights times positions, and there are {first:,} positions after the first "
                f"layer, but {last} in the last module.",
            ),
            (
                "Both of you in the late ones, which have the most channels",
                f"They have most of the weights, but they use each of them at only {last} positions.",
            ),
            (
                "Both of you in the early ones, which have the largest feature maps",
                "They do most of the work. But with few channels, they have few weights.",
            ),
        ),
        ask(
            f"The paper says that the network is 22 layers deep. Your script finds {layers} layers with "
            "weights. "
            "Where is the mistake?",
            (
                "There is none",
                "22 is the length of the longest path. A module has six convolutions, but a path "
                "through it meets two at most.",
            ),
            (
                "In the script, which counts the auxiliary heads",
                "The count does not include them; with them there would be more.",
            ),
            (
                "In the paper, which should have counted all convolutions",
                "It says what it counts: layers one after the other. With the pools it counts 27.",
            ),
        ),
        ask(
            "You take the local response normalization out of a trained GoogLeNet, and its accuracy "
            "collapses. What do you conclude?",
            (
                "These weights need it",
                "They were trained with it. Whether a network trained without it would be worse is "
                "another experiment.",
            ),
            (
                "A network like this cannot be trained without it",
                "Nobody tried that here. Later networks have other normalizations or none.",
            ),
            (
                "There is a bug, because it hardly changes its input",
                "Its constant looks small, but the inputs range over hundreds, so their squares are large.",
            ),
        ),
        ask(
            "You copy the weights of torchvision's GoogLeNet into your own class. The biases of all "
            "convolutions are missing, and one kernel in each module is 3x3 instead of 5x5. What do "
            "you do?",
            (
                "Build torchvision's variant",
                "It is another network: normalized after every convolution, and with a 3x3 kernel "
                "where the paper has 5x5.",
            ),
            (
                "Set the biases to zero, and put the 3x3 kernels into the middle of the 5x5 ones",
                "That fixes two of the differences. The batch normalization is still missing, and the "
                "scores are wrong.",
            ),
            (
                "Report that the file is damaged",
                "The file is fine. The two networks only share a name.",
            ),
        ),
    ]
