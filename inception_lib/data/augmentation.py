"""What is done to a training picture before the network sees it.

First chance decides, then pixels are made: `DRAWS` holds functions that draw for a picture of some size what
becomes of it, `apply` does that with Pillow, and `data.resident` with many pictures at once on a GPU. The
random numbers come from the run's seed, the epoch and the picture's index, so that neither the number of
worker processes nor an interruption changes what the network sees.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import PIL
from PIL import Image, ImageEnhance, ImageOps

Augment = Literal["paper", "bvlc", "mirror", "none"]

#: The paper's "random interpolation": area, bilinear, nearest, cubic.
INTERPOLATIONS = (
    Image.Resampling.BOX,
    Image.Resampling.BILINEAR,
    Image.Resampling.NEAREST,
    Image.Resampling.BICUBIC,
)
AREA = (0.08, 1.0)  #: of the picture; the paper, section 6
ASPECT = (3 / 4, 4 / 3)  #: width to height; the paper, section 6
_TRIES = 10
#: What photometric distortion changes.
CHANGES = (ImageEnhance.Contrast, ImageEnhance.Brightness, ImageEnhance.Color)


class Draw(NamedTuple):
    """What becomes of a picture."""

    box: tuple[float, float, float, float]
    """The part that is resized: left, top, right, bottom."""
    to: tuple[int, int]
    """Width and height that it is resized to."""
    filter: Image.Resampling
    """How."""
    corner: tuple[int, int]
    """Left and top of what is cut out of that."""
    changes: tuple[tuple[int, float], ...] = ()
    """Numbers of `CHANGES`, and the factor of each, in the order in which they are done."""
    mirrored: bool = False


def patch(size: tuple[int, int], rng: random.Random) -> tuple[int, int, int, int]:
    """A random part of a picture of (width, height) pixels, as (left, top, right, bottom).

    Its area is uniform in `AREA` of the whole and the logarithm of its aspect ratio uniform between the
    ends of `ASPECT`. If ten draws do not fit, it is the largest centered part with an allowed ratio.
    """
    width, height = size
    for _ in range(_TRIES):
        area = width * height * rng.uniform(*AREA)
        ratio = math.exp(rng.uniform(*map(math.log, ASPECT)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, top = rng.randint(0, width - w), rng.randint(0, height - h)
            return left, top, left + w, top + h
    ratio = min(max(width / height, ASPECT[0]), ASPECT[1])
    w, h = min(width, max(1, round(height * ratio))), min(height, max(1, round(width / ratio)))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h


def distortions(rng: random.Random) -> tuple[tuple[int, float], ...]:
    """Changes of contrast, brightness and color, each by a factor from 0.5 to 1.5, in random order.

    Source: Howard, "Some improvements on deep convolutional neural network based image classification"
    (2013), to which the paper refers.
    """
    order = [0, 1, 2]
    rng.shuffle(order)
    return tuple((n, rng.uniform(0.5, 1.5)) for n in order)


def mirrored(rng: random.Random) -> bool:
    """With equal chance."""
    return rng.random() < 0.5


def _paper(width: int, height: int, size: int, resize: int, rng: random.Random) -> Draw:
    box = patch((width, height), rng)
    return Draw(box, (size, size), rng.choice(INTERPOLATIONS), (0, 0), distortions(rng), mirrored(rng))


def _bvlc(width: int, height: int, size: int, resize: int, rng: random.Random) -> Draw:
    corner = rng.randint(0, resize - size), rng.randint(0, resize - size)
    # BVLC's database holds squashed pictures
    return Draw(
        (0, 0, width, height), (resize, resize), Image.Resampling.BILINEAR, corner, mirrored=mirrored(rng)
    )


def _mirror(width: int, height: int, size: int, resize: int, rng: random.Random) -> Draw:
    return _none(width, height, size, resize, rng)._replace(mirrored=mirrored(rng))


def _none(width: int, height: int, size: int, resize: int, rng: random.Random) -> Draw:
    side = min(width, height)  # the middle, as Pillow's `ImageOps.fit` has it
    left, top = (width - side) / 2, (height - side) / 2
    return Draw((left, top, left + side, top + side), (size, size), Image.Resampling.BICUBIC, (0, 0))


#: By the name that a recipe uses: for a picture of width x height pixels, of which the network sees
#: size x size; `resize` is the recipe's.
DRAWS: dict[Augment, Callable[[int, int, int, int, random.Random], Draw]] = {
    "paper": _paper,
    "bvlc": _bvlc,
    "mirror": _mirror,
    "none": _none,
}


def draw(name: Augment, picture: tuple[int, int], size: int, resize: int, rng: random.Random) -> Draw:
    """What becomes of a picture of (width, height) pixels by the augmentation of that name."""
    return DRAWS[name](*picture, size, resize, rng)


def columns_first(width: Any, height: Any, to_x: Any, to_y: Any) -> Any:
    """Whether Pillow resizes an image along its columns before its rows; numbers, or arrays of them.

    From its version 13 on it does where the height shrinks much more than the width. Both passes round, so
    that the order can change a value by one, seldom by more.
    """
    return _NEW & (to_y < height) & (height - to_y > 2 * (width - to_x))


_NEW = int(PIL.__version__.split(".")[0]) >= 13


def apply(picture: Image.Image, how: Draw, size: int) -> Image.Image:
    """The picture that the network sees, size x size."""
    picture = picture.resize(how.to, how.filter, box=how.box)
    if how.to != (size, size):
        left, top = how.corner
        picture = picture.crop((left, top, left + size, top + size))
    for n, factor in how.changes:
        picture = CHANGES[n](picture).enhance(factor)
    return ImageOps.mirror(picture) if how.mirrored else picture
