"""The quiz on what the network sees."""

from __future__ import annotations

from inception_lib.book.quizzes.question import Question, ask
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet

TITLE = "what it sees"


def questions() -> list[Question]:
    """The questions, their numbers counted."""
    layers = count(googlenet(heads=False))
    reads = layers["inception_3a/1x1"].in_shape[0]
    return [
        ask(
            "You want to show what a filter of inception_3a/1x1 looks for. How do you begin?",
            ("With noise, and its gradient", "You change the noise until the channel responds strongly."),
            (
                "With its weights, drawn as colors",
                f"They weigh {reads} feature maps, and a feature map has no color of its own.",
            ),
            (
                "With the photograph that it responds to most",
                "That shows the best of your photographs, and everything else in that photograph as well.",
            ),
        ),
        ask(
            "Your ascent stays at zero: on noise, the channel's ReLU is off everywhere. What do you change?",
            ("Ascend before the ReLU", "There the slope is not zero, so the channel can come back."),
            ("Take larger steps", "A slope of zero stays zero, however large the step."),
            (
                "Normalize the slope by its mean before each step",
                "That divides zero by zero, and the image is lost.",
            ),
        ),
        ask(
            "Your image excites a channel strongly, and all that you see is grain. What do you try first?",
            (
                "Move the image a little before each step",
                "Grain works at one offset only, so it averages out.",
            ),
            (
                "Run more steps, since the image has not converged",
                "It gets more of the same: grain is a very good answer to the question that was asked.",
            ),
            (
                "Take another channel, since this one has learned nothing",
                "Pixels that are free to differ from their neighbors give grain for nearly every channel.",
            ),
        ),
        ask(
            "A dream of your network is full of bicycles, from any photograph. What does that say?",
            (
                "That it was trained on bicycles",
                "A layer can only raise what it has learned to respond to.",
            ),
            (
                "That the photographs had bicycles in them",
                "The book's network sees stripes in its dream of a cat.",
            ),
            (
                "That the steps were too large for the network",
                "Large steps make the dream coarser or harsher, but they do not choose its subject.",
            ),
        ),
        ask(
            "The class map lights up the snow behind the wolf. How do you find out whether the answer "
            "depends on it?",
            ("Cover the snow and run it again", "If the answer changes, it does."),
            (
                "Compute Grad-CAM for the same layer and compare the two maps",
                "On the last layer it is the same map, up to the bias and a factor.",
            ),
            (
                "Train longer, until the light is on the wolf",
                "That changes the network, but leaves the question open.",
            ),
        ),
    ]
