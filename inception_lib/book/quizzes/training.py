"""The quiz on training: what to do next."""

from __future__ import annotations

import math

from inception_lib.book.quizzes.question import Question, ask

TITLE = "training"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    chance = f"{math.log(1000):.2f}"
    return [
        ask(
            f"Two epochs on a thousand classes. The losses are {chance} (classifier), 4.80 (first head) and "
            f"{chance} (second head). What do you do?",
            (
                "Start again, at half the rate",
                "Two classifiers are at chance level. In a published log they stayed there for sixty epochs; "
                "in another report half the rate helped.",
            ),
            (
                "Wait: the deeper classifiers only need more epochs",
                "A healthy run had left chance level with all three after a fifth of an epoch.",
            ),
            (
                "Raise the weight of the two heads' losses",
                "The first head learns already, and the second one gets no useful signal to learn from.",
            ),
        ),
        ask(
            "All training losses fall as they should, but the validation accuracy stays at chance. What do "
            "you try first?",
            (
                "Validate on some training images",
                "If these fail too, validation itself is wrong: other pixel values, another order of "
                "classes, or an average full of initial weights.",
            ),
            (
                "Use stronger augmentation, since the network overfits",
                "Overfitting leaves validation worse than training, but far above chance.",
            ),
            (
                "Lower the learning rate and start once more",
                "The training losses fall, so the rate works.",
            ),
        ),
        ask(
            "Alone, your GPU trains 5,000 images per second. In your run it manages only 1,200. What helps?",
            ("More workers", "The GPU waits for images: more processes must read them."),
            ("A GPU that is twice as fast", "It would wait even longer."),
            (
                "A larger batch, with a rate to match",
                "The images of a larger batch have to be read as well.",
            ),
        ),
        ask(
            "You move from one GPU with 32 images per update to eight GPUs with 32 images each. What should "
            "change?",
            (
                "The rate: times eight, after a warm-up",
                "A batch is now 256 images, so an epoch has only an eighth of the steps.",
            ),
            (
                "Nothing, because each GPU does what it did before",
                "They average their gradients: one step now stands for 256 images.",
            ),
            (
                "The number of epochs: an eighth is enough now",
                "Each image still has to be seen as often as before.",
            ),
        ),
        ask(
            "In float16 many small gradients come out as exactly 0. What keeps them?",
            (
                "Multiplying the loss before the backward pass",
                "All gradients grow by that factor and stay above the smallest number; before the step they "
                "are divided again.",
            ),
            (
                "Clipping the norm of the gradient to a smaller limit",
                "Clipping only makes gradients smaller.",
            ),
            (
                "Keeping the weights in float16 too, so that they match",
                "Then even the updates that are left would be rounded away.",
            ),
        ),
    ]
