"""What a run says of its epochs: alarms, a line on the screen, TensorBoard."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inception_lib.training.recipes import Recipe

Record = dict[str, Any]


@dataclass
class Run:
    """What a training run gave: a record per epoch, and where the files are.

    A record holds `epoch`, `updates`, `lr`, the mean training losses `loss`, `aux1`, `aux2`, the
    validation's `val_loss`, `top1` and `top5` (shares), `images_per_s`, `seconds` and `flops_share` of
    the epoch, `bad` (unreadable pictures) and `alarms` (sentences).
    """

    folder: Path
    recipe: Recipe
    data: str
    classes: tuple[str, ...]
    pictures: int
    device: str
    leads: bool
    history: list[Record] = field(default_factory=list)

    @property
    def weights(self) -> Path:
        """The trained weights, once the run has ended."""
        return self.folder / "model.safetensors"


def alarms(record: Record, classes: int, recipe: Recipe) -> list[str]:
    """What is wrong with an epoch, in plain words."""
    guess = math.log(classes)
    found: list[str] = []
    if record["epoch"] <= max(1.0, recipe.warmup):
        return found
    if record["loss"] > 1.5 * guess:
        found.append(
            f"The loss, {record['loss']:.2f}, is far above guessing (ln {classes} = {guess:.2f}): the "
            f"learning rate, {record['lr']:.3g}, is probably too high."
        )
    elif record["epoch"] >= 0.25 * recipe.epochs:
        stuck = [name for name in ("loss", "aux1", "aux2") if record.get(name, 0) > 0.98 * guess]
        names = {"loss": "the classifier", "aux1": "the first head", "aux2": "the second head"}
        found += [
            f"After {record['epoch']:.4g} epochs {names[name]} has learned nothing: its loss, "
            f"{record[name]:.3f}, is still that of guessing (ln {classes} = {guess:.3f}). Other initial "
            f"weights (--initial he), a warm-up or another learning rate may help."
            for name in stuck
        ]
    return found


def line(record: Record) -> str:
    """One epoch on one line."""
    heads = " ".join(f"{name} {record[name]:.3f}" for name in ("loss", "aux1", "aux2") if name in record)
    bad = f", {record['bad']} unreadable pictures" if record["bad"] else ""
    return (
        f"epoch {record['epoch']:.4g}: {heads}, top-1 {record['top1']:.1%}, "
        f"{record['images_per_s']:.0f} images/s, "
        f"{record['flops_share']:.0%} of a matrix product's FLOP/s{bad}"
    )


def tensorboard(run: Run) -> None:
    """The last epoch for TensorBoard, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    with SummaryWriter(str(run.folder / "tensorboard")) as writer:
        record = run.history[-1]
        for name, value in record.items():
            if isinstance(value, int | float) and name not in ("epoch", "updates"):
                writer.add_scalar(name, value, record["updates"])
