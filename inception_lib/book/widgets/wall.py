"""The thousand test images, and what seven networks say of each."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from math import floor, prod
from typing import Any

import numpy as np
import traitlets as t
from PIL import Image

from inception_lib.book.agreement import answers
from inception_lib.book.widgets.base import Widget, choice, number, recorded
from inception_lib.data.shapes import SIZES, shapes

IMAGES = SIZES["test"]
NETWORKS = 7
GUESSES = 3
UNIT = 100_000  #: parts of one, in which probabilities are sent
THUMB, ACROSS = 32, 40  #: pixels of an image in the sprite, and images in one of its rows


def _switch(n: int) -> t.Bool:
    return t.Bool(True).tag(sync=True, label=f"Network {n}")


def _guess(n: int) -> t.Int:
    return number(0, 0, IMAGES, f"Guess {n}, image (0: none)")


class WallWidget(Widget):
    """All bundled test images on one wall, and what the seven bundled networks say of each.

    Settings: `net1` to `net7`, which networks are asked; `view`: the images as they come, so that the reader
    may guess which are hard, or sorted by how many of the networks are wrong; `image`, the one that is looked
    at, from 1; `guess1` to `guess3`, images that the reader believes to be hard (0: none). The answers were
    recorded in `data/results/` by tools/record_answers.py; nothing runs here.
    """

    script = "wall.js"
    styles = (*Widget.styles, "wall.css")
    key = "wall"
    title = "A wall of 1,000 images, and seven opinions of each"

    view = choice(("guess", "sorted"), "guess", "The wall", ("as it comes: guess", "sorted by the answers"))
    net1 = _switch(1)
    net2 = _switch(2)
    net3 = _switch(3)
    net4 = _switch(4)
    net5 = _switch(5)
    net6 = _switch(6)
    net7 = _switch(7)
    image = number(1, 1, IMAGES, "Image")
    guess1 = _guess(1)
    guess2 = _guess(2)
    guess3 = _guess(3)

    def __init__(self, **settings: Any) -> None:
        super().__init__(wall_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of how many images all, some and none of the networks that are asked are right, and of how many
        they would be if their errors were independent; of how many the mean of their softmax is, the best and
        the worst of them alone. Of the image: each network's first class and its probability in UNITs, and
        the mean's. How often these networks are wrong on the guessed images, and on the hardest ones."""
        asked = [n for n in range(NETWORKS) if getattr(self, f"net{n + 1}")]
        answers, labels = wall_answers()
        firsts = answers.argmax(2)
        right = (firsts == labels)[asked]
        wrong = len(asked) - right.sum(0)
        alone = right.sum(1).tolist()
        mean = answers[asked].sum(0)
        expected = [floor(IMAGES * prod(share) + 0.5) if asked else 0 for share in _shares(alone)]
        counts = [int((wrong == n).sum()) if asked else 0 for n in (0, len(asked))]
        images = IMAGES if asked else 0
        guessed = {getattr(self, f"guess{i + 1}") for i in range(GUESSES)} - {0}
        at = self.image - 1
        found = {
            "asked": len(asked),
            "every_right": counts[0],
            "split": images - sum(counts),
            "every_wrong": counts[1],
            "independent_right": expected[0],
            "independent_split": images - sum(expected),
            "independent_wrong": expected[1],
            "ensemble_right": int((mean.argmax(1) == labels).sum()) if asked else 0,
            "best_alone": max(alone, default=0),
            "worst_alone": min(alone, default=0),
            "label": int(labels[at]),
            "wrong": int(wrong[at]),
            "guessed": int(sum(wrong[n - 1] for n in guessed)),
            "hardest": int(np.sort(wrong)[-GUESSES:].sum()),
        }
        for n in range(NETWORKS):
            found |= {f"answer{n + 1}": int(firsts[n, at]), f"p{n + 1}": int(answers[n, at].max())}
        k = len(asked)
        found["mean_class"] = int(mean[at].argmax()) if k else -1
        found["mean_part"] = int((2 * mean[at].max() + k) // (2 * k)) if k else 0
        return found


def _shares(alone: Sequence[int]) -> tuple[list[float], list[float]]:
    """Of each network the share of images on which it is right, and on which it is wrong."""
    return [n / IMAGES for n in alone], [(IMAGES - n) / IMAGES for n in alone]


@cache
def wall_answers() -> tuple[np.ndarray, np.ndarray]:
    """What was recorded: (networks, images, classes) in UNITs, whole numbers, and the images' labels.

    Raises:
        InceptionError: nothing was recorded.
    """
    millionths, labels = answers()
    assert millionths.shape[:2] == (NETWORKS, IMAGES), "recorded for other networks or images"
    parts = 1_000_000 // UNIT
    return (millionths + parts // 2) // parts, labels


@cache
def wall_table() -> dict:
    """All test images in one picture, and what the networks say of them.

    `sprite` is that picture, ACROSS images in a row, THUMB pixels a side. `answers` has for each network a
    text: of each image, between commas, the classes and their probabilities in UNITs ("3 99987 5 12"; none
    where it is 0). `labels` are the right classes, one digit each.

    Raises:
        InceptionError: nothing was recorded.
    """
    classes = recorded("answers_shapes")["classes"]
    answers, labels = wall_answers()
    sprite = Image.new("RGB", (ACROSS * THUMB, -(-IMAGES // ACROSS) * THUMB))
    images, right = shapes("test")
    assert np.array_equal(right, labels), "recorded for other images"
    for i, pixels in enumerate(images):
        down, across = divmod(i, ACROSS)
        small = Image.fromarray(pixels).resize((THUMB, THUMB), Image.Resampling.BOX)
        sprite.paste(small, (across * THUMB, down * THUMB))
    with io.BytesIO() as file:
        sprite.save(file, "WEBP", quality=50, method=4)
        source = "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
    texts = [
        ",".join(" ".join(f"{k} {n}" for k, n in enumerate(row) if n) for row in one.tolist())
        for one in answers
    ]
    return {
        "sprite": source,
        "thumb": THUMB,
        "across": ACROSS,
        "unit": UNIT,
        "classes": classes,
        "labels": "".join(map(str, labels)),
        "answers": texts,
    }
