"""What is done to a training picture before the network sees it.

Each function takes a picture and a source of random numbers, and gives a picture of `size` x `size`
pixels. The numbers come from the run's seed, the epoch and the picture's index, so that neither the
number of worker processes nor an interruption changes what the network sees.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Literal

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


def distort(picture: Image.Image, rng: random.Random) -> Image.Image:
    """Change contrast, brightness and color, each by a factor from 0.5 to 1.5, in random order.

    Source: Howard, "Some improvements on deep convolutional neural network based image classification"
    (2013), to which the paper refers.
    """
    changes = [ImageEnhance.Contrast, ImageEnhance.Brightness, ImageEnhance.Color]
    rng.shuffle(changes)
    for change in changes:
        picture = change(picture).enhance(rng.uniform(0.5, 1.5))
    return picture


def mirror(picture: Image.Image, rng: random.Random) -> Image.Image:
    """The picture or its mirror image, with equal chance."""
    return ImageOps.mirror(picture) if rng.random() < 0.5 else picture


def _paper(picture: Image.Image, size: int, resize: int, rng: random.Random) -> Image.Image:
    box = patch(picture.size, rng)
    picture = picture.resize((size, size), rng.choice(INTERPOLATIONS), box=box)
    return mirror(distort(picture, rng), rng)


def _bvlc(picture: Image.Image, size: int, resize: int, rng: random.Random) -> Image.Image:
    if picture.size != (resize, resize):  # BVLC's database holds squashed pictures
        picture = picture.resize((resize, resize), Image.Resampling.BILINEAR)
    left, top = rng.randint(0, resize - size), rng.randint(0, resize - size)
    return mirror(picture.crop((left, top, left + size, top + size)), rng)


def _mirror(picture: Image.Image, size: int, resize: int, rng: random.Random) -> Image.Image:
    return mirror(_none(picture, size, resize, rng), rng)


def _none(picture: Image.Image, size: int, resize: int, rng: random.Random) -> Image.Image:
    return picture if picture.size == (size, size) else ImageOps.fit(picture, (size, size))


#: By the name that a recipe uses: (picture, size, resize, random numbers) -> picture of size x size.
AUGMENTATIONS: dict[Augment, Callable[[Image.Image, int, int, random.Random], Image.Image]] = {
    "paper": _paper,
    "bvlc": _bvlc,
    "mirror": _mirror,
    "none": _none,
}
