"""What a run says of its epochs: records, files, a line on the screen, TensorBoard, alarms."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from inception_lib.training.checkpoint import write
from inception_lib.training.recipes import Recipe

Record = dict[str, Any]

#: Fields of a record that are no losses.
_OTHERS = {
    *("epoch", "updates", "lr", "val_loss", "top1", "top5"),
    *("images_per_s", "seconds", "flops_share", "traffic_share", "bad", "alarms"),
}


@dataclass
class Run:
    """What a training run gave: a record per epoch, and where the files are.

    A record holds `epoch`, `updates`, `lr`, the mean training losses `loss`, `aux1`, `aux2`, the
    validation's `val_loss`, `top1` and `top5` (shares), `images_per_s`, `seconds`, `flops_share`
    and `traffic_share` of the epoch (None where the operations of the network are not known), `bad`
    (unreadable images) and `alarms` (sentences). `network` says which network was trained.
    """

    folder: Path
    recipe: Recipe
    network: Mapping[str, Any]
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

    @property
    def best_weights(self) -> Path:
        """The weights after the best epoch, where they were to be kept."""
        return self.folder / "best.safetensors"

    def best(self) -> Record:
        """The record of the epoch with the highest top-1 accuracy on validation; of several, the first."""
        return max(self.history, key=lambda record: record["top1"])


def loss_names(record: Record) -> list[str]:
    """The names of the training losses in a record: `loss`, then the heads'."""
    return [name for name in record if name not in _OTHERS]


def alarms(record: Record, classes: int, recipe: Recipe) -> list[str]:
    """What is wrong with an epoch, in plain words."""
    chance = math.log(classes)
    found: list[str] = []
    if record["epoch"] <= max(1.0, recipe.warmup):
        return found
    if record["loss"] > 1.5 * chance:
        found.append(
            f"The loss, {record['loss']:.2f}, is far above chance level (ln {classes} = {chance:.2f}): the "
            f"learning rate, {record['lr']:.3g}, is probably too high."
        )
    elif record["epoch"] >= 0.25 * recipe.epochs:
        others = "A warm-up or another learning rate"
        if recipe.normalize != "weights":
            others = "Other initial weights (--initial he), a warm-up or another learning rate"
        names = {"loss": "the classifier", "aux1": "the first head", "aux2": "the second head"}
        found += [
            f"After {record['epoch']:.4g} epochs {names.get(name, name)} has learned nothing: its loss, "
            f"{record[name]:.3f}, is still at chance level (ln {classes} = {chance:.3f}). {others} may help."
            for name in loss_names(record)
            if record[name] > 0.98 * chance
        ]
    return found


def line(record: Record) -> str:
    """One epoch on one line."""
    losses = " ".join(f"{name} {record[name]:.3f}" for name in loss_names(record))
    bad = f", {record['bad']} unreadable image{'s' * (record['bad'] > 1)}" if record["bad"] else ""
    shares = record["flops_share"], record.get("traffic_share")
    peaks = "a matrix product's FLOP/s", "a copy's memory traffic"
    told = [f"{share:.0%} of {what}" for share, what in zip(shares, peaks, strict=True) if share is not None]
    reached = "".join(f", {share}" for share in told)
    return (
        f"epoch {record['epoch']:.4g}: {losses}, top-1 {record['top1']:.1%}, "
        f"{record['images_per_s']:.0f} images/s{reached}{bad}"
    )


def write_logs(run: Run) -> None:
    """Write the run's history as `log.jsonl` and `log.csv`, and its last epoch for TensorBoard."""
    lines = "".join(json.dumps(record, allow_nan=False) + "\n" for record in run.history)
    write(run.folder / "log.jsonl", lines.encode())
    table = io.StringIO(newline="")
    columns = [name for name in run.history[0] if name != "alarms"]
    writer = csv.DictWriter(table, columns, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(run.history)
    write(run.folder / "log.csv", table.getvalue().encode())
    _tensorboard(run)


def _tensorboard(run: Run) -> None:
    """The last epoch for TensorBoard, where it is installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return
    with SummaryWriter(str(run.folder / "tensorboard")) as writer:
        record = run.history[-1]
        for name in _numbers(record):
            writer.add_scalar(name, record[name], record["updates"])


def _numbers(record: Record) -> Iterable[str]:
    for name, value in record.items():
        if isinstance(value, int | float) and name not in ("epoch", "updates"):
            yield name
