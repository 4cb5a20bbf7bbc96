"""Digits as a hand would write them, drawn and not downloaded: ten classes for the smallest network.

Each digit is a few strokes through given points. The points are moved a little, the whole is slanted, turned
and shifted, and the pen has another width each time. The same seed gives the same images on every machine.
"""

from __future__ import annotations

import numpy as np

SIDE = 32  #: pixels, as LeNet-5 reads them

Stroke = tuple[tuple[float, float], ...]

#: Strokes as points (x, y), from 0 to 1, downwards.
STROKES: tuple[tuple[Stroke, ...], ...] = (
    (
        (
            (0.5, 0.1),
            (0.24, 0.16),
            (0.18, 0.5),
            (0.26, 0.86),
            (0.54, 0.94),
            (0.8, 0.8),
            (0.82, 0.4),
            (0.7, 0.14),
            (0.5, 0.1),
        ),
    ),
    (((0.34, 0.28), (0.54, 0.08)), ((0.54, 0.08), (0.5, 0.93))),
    (
        ((0.22, 0.32), (0.28, 0.08), (0.72, 0.06), (0.8, 0.36), (0.5, 0.62), (0.2, 0.9)),
        ((0.2, 0.9), (0.82, 0.88)),
    ),
    (
        ((0.24, 0.18), (0.42, 0.04), (0.8, 0.1), (0.76, 0.4), (0.44, 0.47)),
        ((0.44, 0.47), (0.84, 0.5), (0.86, 0.86), (0.5, 0.98), (0.2, 0.82)),
    ),
    (((0.58, 0.06), (0.18, 0.62)), ((0.18, 0.62), (0.84, 0.6)), ((0.66, 0.36), (0.62, 0.96))),
    (
        ((0.78, 0.1), (0.32, 0.1)),
        ((0.32, 0.1), (0.27, 0.46)),
        ((0.27, 0.46), (0.6, 0.34), (0.88, 0.6), (0.74, 0.92), (0.45, 0.97), (0.2, 0.84)),
    ),
    (
        (
            (0.68, 0.06),
            (0.36, 0.22),
            (0.16, 0.66),
            (0.34, 0.97),
            (0.72, 0.94),
            (0.82, 0.66),
            (0.58, 0.48),
            (0.34, 0.58),
            (0.24, 0.76),
        ),
    ),
    (((0.18, 0.12), (0.82, 0.1)), ((0.82, 0.1), (0.54, 0.5), (0.42, 0.95))),
    (
        ((0.74, 0.22), (0.52, 0.04), (0.24, 0.12), (0.28, 0.4), (0.54, 0.5), (0.82, 0.64)),
        (
            (0.82, 0.64),
            (0.8, 0.94),
            (0.4, 0.98),
            (0.16, 0.82),
            (0.34, 0.54),
            (0.68, 0.44),
            (0.78, 0.26),
            (0.7, 0.16),
        ),
    ),
    (
        ((0.76, 0.32), (0.62, 0.06), (0.28, 0.1), (0.2, 0.42), (0.46, 0.58), (0.72, 0.44), (0.77, 0.24)),
        ((0.77, 0.24), (0.74, 0.62), (0.58, 0.95)),
    ),
)


def digits(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 1, 32, 32) of white digits on black, from 0 to 1, and their labels (count,).

    Of each ten images one shows every digit.
    """
    rng = np.random.default_rng((7, seed))
    labels = np.concatenate([rng.permutation(10) for _ in range(-(-count // 10))])[:count]
    return np.stack([_draw(STROKES[label], rng) for label in labels])[:, None], labels


def _draw(strokes: tuple[Stroke, ...], rng: np.random.Generator) -> np.ndarray:
    lean, turn = rng.normal(0.1, 0.15), rng.normal(0, 0.1)
    wide, high = rng.uniform(13, 20), rng.uniform(17, 23)
    middle = SIDE / 2 - 0.5 + rng.uniform(-2.5, 2.5, 2)
    shape = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shape = shape @ np.array([[wide, -lean * high], [0, high]])
    pen, moved = rng.uniform(1.0, 1.9), {}
    for point in dict.fromkeys(point for stroke in strokes for point in stroke):  # a shared one stays shared
        moved[point] = (np.array(point) + rng.normal(0, 0.03, 2) - 0.5) @ shape.T + middle
    lines = [_round(np.stack([moved[point] for point in stroke])) for stroke in strokes]
    start = np.concatenate([line[:-1] for line in lines]).astype(np.float32)
    step = np.concatenate([line[1:] for line in lines]).astype(np.float32) - start
    (x, y), (dx, dy) = start.T, step.T
    rows, columns = (
        np.arange(SIDE, dtype=np.float32)[:, None, None],
        np.arange(SIDE, dtype=np.float32)[:, None],
    )
    along = ((columns - x) * dx + (rows - y) * dy) / (dx * dx + dy * dy + np.float32(1e-9))
    along = np.clip(along, 0, 1)
    nearest = np.sqrt(((columns - x - along * dx) ** 2 + (rows - y - along * dy) ** 2).min(-1))
    return np.clip(pen + 0.5 - nearest, 0, 1).astype(np.float32)


def _round(line: np.ndarray) -> np.ndarray:
    """The line with its corners cut twice (Chaikin's algorithm); its ends stay."""
    for _ in range(2):
        first, last = line[:1], line[-1:]
        before, after = line[:-1], line[1:]
        cut = np.stack([0.75 * before + 0.25 * after, 0.25 * before + 0.75 * after], 1).reshape(-1, 2)
        line = np.concatenate([first, cut, last])
    return line
