"""A picture data set that is made and not downloaded: ten classes of textured shapes.

In every picture one object lies on a ground of another color. Its size varies by a factor of four, its place
and its turn freely, so that no single kernel size fits all: the situation for which the Inception module was
made. Some classes differ in outline only and some in texture only. Colors tell nothing.

The same split and seed give the same pictures on every machine.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

CLASSES = (
    "striped disc",
    "dotted disc",
    "checked square",
    "striped square",
    "dotted triangle",
    "checked triangle",
    "ring",
    "cross",
    "star",
    "crescent",
)
SIDE = 80  #: pixels; the paper's auxiliary heads, which pool 5x5 with stride 3, need at least 79
SIZES = {"train": 8000, "val": 1000, "test": 1000}  #: pictures of each split
_STREAMS = {"train": 1, "val": 2, "test": 3}

Array = np.ndarray


def shapes(
    split: str = "train", count: int | None = None, *, seed: int = 0, side: int = SIDE
) -> tuple[Array, Array]:
    """The first `count` pictures of a split, with their labels.

    Args:
        split: `train`, `val` or `test`; they have no picture in common.
        count: by default as many as `SIZES` says.
        seed: another seed gives another data set.
        side: pixels.

    Returns:
        Pictures (count, side, side, 3) in uint8, and labels (count,) in int64.
    """
    found = labels(split, count, seed=seed)
    return np.stack([picture_at(split, i, seed=seed, side=side) for i in range(len(found))]), found


def labels(split: str = "train", count: int | None = None, *, seed: int = 0) -> Array:
    """The labels of a split: of each ten pictures one of every class, in random order."""
    count = SIZES[split] if count is None else count
    tens = [_rng(split, i, seed, "order").permutation(len(CLASSES)) for i in range(-(-count // len(CLASSES)))]
    return np.concatenate([np.empty(0, np.int64), *tens])[:count]


def picture_at(split: str, index: int, *, seed: int = 0, side: int = SIDE) -> Array:
    """The picture of a split at `index`, alone: (side, side, 3) in uint8."""
    ten, place = divmod(index, len(CLASSES))
    label = _rng(split, ten, seed, "order").permutation(len(CLASSES))[place]
    return picture(int(label), _rng(split, index, seed, "picture"), side)


def _rng(split: str, index: int, seed: int, what: str) -> np.random.Generator:
    return np.random.default_rng([seed, _STREAMS[split], index, what == "picture"])


def picture(label: int, rng: np.random.Generator, side: int = SIDE, scale: float = 1.0) -> Array:
    """One picture (side, side, 3) in uint8 of the class `label`; `scale` multiplies the object's size."""
    *texture, outline = CLASSES[label].split()
    radius = scale * 0.5 * np.exp(rng.uniform(np.log(0.25), np.log(0.95)))
    center = rng.uniform(radius, 1 - radius, 2)
    turn = rng.uniform(-0.6, 0.6)
    ground, ink, second = _colors(rng)
    other = np.clip(ground + rng.uniform(-0.25, 0.25, 3), 0, 1)
    angle = rng.uniform(0, 2 * np.pi)
    waves, phases = rng.uniform(3, 4.5) * np.pi, rng.uniform(0, 2 * np.pi, 2)
    noise = rng.normal(0, 0.04, (side, side, 3))  # the last of the random numbers

    at = (np.arange(side) + 0.5) / side
    slope = np.cos(angle) * (at - 0.5) + np.sin(angle) * (at[:, None] - 0.5) + 0.5
    pixels = _planes(ground) + _planes(other - ground) * slope
    # outside this box is nothing of the object or of its soft edge
    reach = 1.2 * radius + 1 / side
    corners = np.rint([(center - reach) * side, (center + reach) * side]).clip(0, side)
    (left, top), (right, bottom) = corners.astype(int)
    box = pixels[:, top:bottom, left:right]
    x, y = at[left:right], at[top:bottom, None]
    cos, sin = np.cos(turn), np.sin(turn)
    u = ((x - center[0]) * cos + (y - center[1]) * sin) / radius
    v = ((y - center[1]) * cos - (x - center[0]) * sin) / radius
    share = _TEXTURES[texture[0] if texture else "plain"](waves * u + phases[0], waves * v + phases[1])
    share = np.clip(0.5 + 1.5 * share, 0, 1)
    inside = np.clip(0.5 - _OUTLINES[outline](u, v) * radius * side, 0, 1)  # soft by one pixel
    box[:] = box * (1 - inside) + (_planes(ink) * share + _planes(second) * (1 - share)) * inside
    noise += pixels.transpose(1, 2, 0)
    return (noise.clip(0, 1, out=noise) * 255).astype(np.uint8)


def _planes(color: Array) -> Array:
    """A color (3,) for arithmetic with (height, width)."""
    return color[:, None, None]


def _colors(rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Of the ground and of the object's two parts: any, as long as one can tell them apart."""
    while True:
        ground, ink, second = rng.uniform((0.1, 0, 0), (0.9, 1, 1), (3, 3)).T
        if min(abs(ink - ground).sum(), abs(ink - second).sum()) > 0.9 and abs(second - ground).sum() > 0.3:
            return ground, ink, second


def _cross(u: Array, v: Array) -> Array:
    u, v = abs(u), abs(v)
    return np.minimum(np.maximum(u - 0.9, v - 0.28), np.maximum(u - 0.28, v - 0.9))


#: Distance from the outline, negative inside, for an object of radius 1.
_OUTLINES: dict[str, Callable[[Array, Array], Array]] = {
    "disc": lambda u, v: np.hypot(u, v) - 0.9,
    "square": lambda u, v: np.maximum(abs(u), abs(v)) - 0.8,
    "triangle": lambda u, v: np.maximum(abs(u) * 0.866 + v * 0.5, -v) - 0.5,
    "ring": lambda u, v: abs(np.hypot(u, v) - 0.7) - 0.2,
    "cross": _cross,
    "star": lambda u, v: np.hypot(u, v) - 0.62 - 0.3 * np.cos(5 * np.arctan2(u, -v)),
    "crescent": lambda u, v: np.maximum(np.hypot(u, v) - 0.9, 0.75 - np.hypot(u - 0.4, v)),
}

#: Brightness at two angles.
_TEXTURES: dict[str, Callable[[Array, Array], Array]] = {
    "plain": lambda p, q: np.ones_like(p),
    "striped": lambda p, q: np.sin(p),
    "checked": lambda p, q: 2 * np.sin(p) * np.sin(q),
    "dotted": lambda p, q: 2 * (np.cos(p) + np.cos(q)) - 1.6,
}
