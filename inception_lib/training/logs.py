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

from torch import nn

from inception_lib.training.checkpoint import write
from inception_lib.training.parts import has_batch_normalization
from inception_lib.training.recipes import Recipe
from inception_lib.weights.kinds import BEST, RESULT

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
    and `traffic_share` of the epoch (None where the operations of the network are not known; above 1 where
    the device was busy with something else when its rates were measured, at the run's start), `bad`
    (unreadable images) and `alarms` (sentences). `network` says which network was trained. `fingerprint` is
    that of the images that train, and `val_share` the share that was held out for validation, if one was.
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
    fingerprint: str = ""
    val_share: float | None = None

    @property
    def weights(self) -> Path:
        """The trained weights, once the run has ended."""
        return self.folder / RESULT

    @property
    def best_weights(self) -> Path:
        """The weights after the best epoch, where they were to be kept."""
        return self.folder / BEST

    def best(self) -> Record:
        """The record of the epoch with the highest top-1 accuracy on validation; of several, the first."""
        return max(self.history, key=lambda record: record["top1"])


def loss_names(record: Record) -> list[str]:
    """The names of the training losses in a record: `loss`, then the heads'."""
    return [name for name in record if name not in _OTHERS]


def remedies(recipe: Recipe, network: nn.Module) -> str:
    """What may help where a network does not begin to learn, of what it and its recipe do not have."""
    ways = []
    # where batch normalization follows, initial weights matter little
    if recipe.initial != "he" and recipe.normalize != "weights" and not has_batch_normalization(network):
        ways.append("other initial weights (--initial he)")
    ways.append("a longer warm-up (--warmup)" if recipe.warmup else "a warm-up (--warmup)")
    ways.append("another learning rate (--lr)")
    return one_of(ways)


def one_of(ways: list[str]) -> str:
    """`A, b or c`, to begin a sentence with."""
    said = " or ".join(filter(None, (", ".join(ways[:-1]), ways[-1])))
    return said[:1].upper() + said[1:]


def alarms(record: Record, classes: int, recipe: Recipe, network: nn.Module) -> list[str]:
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
        names = {"loss": "the classifier", "aux1": "the first head", "aux2": "the second head"}
        found += [
            f"After {record['epoch']:.4g} epochs {names.get(name, name)} has learned nothing: its loss, "
            f"{record[name]:.3f}, is still at chance level (ln {classes} = {chance:.3f}). "
            f"{remedies(recipe, network)} may help."
            for name in loss_names(record)
            if record[name] > 0.98 * chance
        ]
    return found


def not_finite(recipe: Recipe) -> str:
    """What may help where the loss has become infinite."""
    warmup = "a longer --warmup" if recipe.warmup else "a --warmup"
    clip = "a --clip (such as 5)" if recipe.clip is None else "a smaller --clip"
    return f"{one_of(['a smaller --lr', warmup, clip])} may help."


def line(record: Record) -> str:
    """One epoch on one line."""
    losses = " ".join(f"{name} {record[name]:.3f}" for name in loss_names(record))
    bad = f", {record['bad']} unreadable image{'s' * (record['bad'] > 1)}" if record["bad"] else ""
    shares = record["flops_share"], record.get("traffic_share")
    peaks = "a matrix product's FLOP/s", "a copy's memory traffic"
    reached = ""
    for share, what in zip(shares, peaks, strict=True):
        if share is not None and share <= 1:
            reached += f", {share:.0%} of {what}"
        elif share is not None:
            reached += f", more than {what} as measured at the start (was the machine busy then?)"
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
