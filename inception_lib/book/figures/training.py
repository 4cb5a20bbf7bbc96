"""Drawings of the chapter on training: losses against chance, and what is cut out of a photograph."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from inception_lib.book.figures.style import COLORS, INK, LOSSES, WIDE

HEADS = {"aux1": "first head", "aux2": "second head", "loss": "classifier"}  #: from the input upwards


def plot_stuck(losses: Mapping[str, float], classes: int) -> Figure:
    """Each classifier's loss as a bar, on a scale that ends at chance level."""
    chance = math.log(classes)
    fig, ax = plt.subplots(figsize=(WIDE, 2.3))
    for at, name in enumerate(HEADS):
        stuck = losses[name] > 0.98 * chance
        ax.barh(at, losses[name], 0.55, color=COLORS["muted"] if stuck else LOSSES[name][0])
        said = "has learned nothing" if stuck else "has learned"
        ax.text(0.08, at, f"{losses[name]:.2f}: {said}", va="center", color="black", fontsize=11)
    ax.axvline(chance, color=INK, linestyle=":")
    ax.text(chance, 2.42, f"chance level, ln {classes:,} = {chance:.2f} ", ha="right", va="bottom")
    ax.set(yticks=range(3), yticklabels=HEADS.values(), xlim=(0, 1.02 * chance), ylim=(-0.5, 2.9))
    ax.set_xlabel("loss on validation images")
    ax.tick_params(left=False)
    return fig


def plot_three_losses(
    log: Sequence[Sequence[float]], classes: int, accuracy: Sequence[float], *, over: int = 20
) -> Figure:
    """The losses of the classifier and of both heads after each update, and the accuracy after each epoch.

    Args:
        log: for each update the three losses, the classifier's first.
        classes: their number, for the line of chance.
        accuracy: on validation images, after each epoch.
        over: updates that each point is a mean of.
    """
    fig, (left, right) = plt.subplots(1, 2, figsize=(WIDE, 3.2), width_ratios=(2.2, 1))
    chance = math.log(classes)
    left.axhline(chance, color=COLORS["muted"], linestyle=":")
    left.text(0, chance + 0.02, " chance level", va="bottom", fontsize=10)
    for part, name in enumerate(("loss", "aux1", "aux2")):
        values = [row[part] for row in log]
        means = [sum(values[i : i + over]) / over for i in range(0, len(values) - over + 1, over)]
        color, line = LOSSES[name]
        at = [over * (i + 1) for i in range(len(means))]
        left.plot(at, means, line, markersize=3, color=color, label=HEADS[name])
    left.set(xlabel="updates", title=f"training loss, mean of {over} updates")
    left.set(xlim=(0, 1.02 * len(log)), ylim=(0, 1.2 * chance))
    left.legend(loc="lower left", fontsize=10)
    right.bar(range(1, len(accuracy) + 1), accuracy, 0.5, color=LOSSES["loss"][0])
    for epoch, value in enumerate(accuracy, 1):
        right.text(epoch, value + 0.02, f"{value:.0%}", ha="center")
    right.axhline(1 / classes, color=COLORS["muted"], linestyle=":")
    right.set(
        xlabel="epoch", title="right on held-out images", ylim=(0, 1), xticks=range(1, len(accuracy) + 1)
    )
    right.yaxis.set_major_formatter(lambda v, _: f"{v:.0%}")
    return fig


def plot_samples(
    photograph: Image.Image, boxes: Sequence[tuple[float, ...]], samples: Sequence[Image.Image]
) -> Figure:
    """A photograph with the boxes (left, top, right, bottom) that samples were cut from, and the samples."""
    fig = plt.figure(figsize=(WIDE, 3.5))
    columns = -(-len(samples) // 2)
    shape = fig.add_gridspec(2, columns + 2, width_ratios=(1.55, 1.55, *[1] * columns))
    whole = fig.add_subplot(shape[:, :2])
    whole.imshow(photograph, interpolation="none")
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        box = Rectangle((left, top), right - left, bottom - top, fill=False, edgecolor="white", linewidth=1.4)
        whole.add_patch(box)
        look = {"facecolor": "white", "edgecolor": "none", "pad": 1.5}
        whole.text(left + 4, top + 4, str(number), va="top", fontsize=9, color="black", bbox=look)
    whole.set_axis_off()
    for number, sample in enumerate(samples):
        ax = fig.add_subplot(shape[number // columns, 2 + number % columns])
        ax.imshow(sample, interpolation="none")
        ax.set_title(str(number + 1), fontsize=9, loc="center", pad=2)
        ax.set_axis_off()
    return fig
