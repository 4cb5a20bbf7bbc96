"""The quiz on training."""

from __future__ import annotations

import math

from inception_lib.book.quizzes.question import Question, ask, percent

TITLE = "training"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    guess = math.log(1000)
    return [
        ask(
            f"On 1,000 classes one of the three losses stays at {guess:.2f}. What does that say?",
            (
                "This head guesses: it gives all classes about the same probability",
                "The loss of guessing is the logarithm of the number of classes.",
            ),
            ("It has converged", "It has learned nothing yet."),
            ("The learning rate is too small", "That may be a cause; such a loss alone does not tell."),
        ),
        ask(
            "The learning rate falls by 4% every 8 epochs. What is left of it after 80 epochs?",
            (percent(0.96**10), "0.96 ten times multiplied by itself."),
            (percent(1 - 10 * 0.04), "Each time 4% of what is left is taken away, not of the start."),
            (percent(0.96**80), "There are ten steps in 80 epochs."),
        ),
        ask(
            "Which of these does the paper not give?",
            ("The batch size", "Nor the first learning rate, the weight decay, or the initial weights."),
            ("The momentum", "It is 0.9."),
            ("How the learning rate falls", "By 4% every 8 epochs."),
        ),
        ask(
            "A forward pass takes one unit of arithmetic. About how many does a training step take for each "
            "picture?",
            ("3", "The way back takes about two: gradients for the inputs and for the weights."),
            ("1", "The way back has to be paid as well."),
            ("2", "The way back computes two gradients for each layer."),
        ),
        ask(
            "Which variance of the initial weights keeps the signal's power through a layer with ReLU and n "
            "inputs?",
            ("2/n", "The ReLU takes half of the power away; the 2 gives it back."),
            ("1/n", "Then each ReLU halves the power."),
            ("1", "Then each layer multiplies the power by about n/2."),
        ),
    ]
