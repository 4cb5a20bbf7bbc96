"""Training pictures per second on a data set, beside the same updates on noise that is on the device already.

    python benchmarks/kept_speed.py --data imagenette                    this machine, its GPU if it has one
    python benchmarks/kept_speed.py --data FOLDER --batch 256 --size 128 --record kept_speed_h200

`noise` is the speed that nothing which brings images can surpass; `kept` has the images decoded on the device
(`--keep device`), `read` has them read and decoded for each update. Updates are those of `inception train`,
to the last detail. Rounds alternate between the contenders, so that a machine that slows down slows all; the
figures are medians of the rounds.
"""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import pandas as pd
import torch
import tyro
from rounds import in_turn, seconds

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.data.datasets import open_data
from inception_lib.data.loading import Batch
from inception_lib.distributed import Team, choose_device, cores, device_name, tune_process
from inception_lib.training.loop import Training
from inception_lib.training.parts import training_mode
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import build


def batches(training: Training) -> Iterator[Batch]:
    """Those of a run without end."""
    return itertools.chain.from_iterable(training.loader.training(epoch) for epoch in itertools.count())


def noise(training: Training) -> Iterator[Batch]:
    """One batch again and again, on the device."""
    recipe, device = training.recipe, training.members.device
    shape = (recipe.batch, recipe.input_size, recipe.input_size, 3)
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8, device=device)
    return itertools.repeat(Batch(pictures, torch.zeros(recipe.batch, dtype=torch.long, device=device), []))


def update_seconds(training: Training, source: Iterator[Batch], updates: int, before: int) -> float:
    """Of one update, as the mean of some in a row, after as many as were read in the meantime."""
    training_mode(training.network, training.recipe.freeze)
    for batch in itertools.islice(source, before):
        training._update(training.network, batch)
    return seconds(lambda: training._update(training.network, next(source)), training.members.device, updates)


def main(
    data: str = "imagenette",
    about_data: str = "Imagenette",
    variant: Literal["paper", "torchvision"] = "paper",
    width: float | None = None,
    batch: int = 128,
    size: int = 128,
    augment: Literal["paper", "bvlc", "mirror", "none"] = "paper",
    workers: int | None = None,
    rounds: int = 7,
    times: int = 10,
    device: str | None = None,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        data: A data set's name, or a folder with train/CLASS and val/CLASS.
        about_data: How the data is called in the record.
        variant: Of the network.
        width: Multiplies all channel counts, for a trial.
        batch: Images per update.
        size: Pixels a side.
        augment: What is done to a training image.
        workers: Processes that read images; by default as many as there are cores.
        rounds: Of which the median counts.
        times: Updates in a round.
        device: cpu or cuda; the GPU if there is one.
        record: Write the table to data/results under this name.
    """
    chosen = choose_device(device)
    tune_process(chosen)
    split = open_data(data, "train")
    base = Recipe(
        name="kept_speed",
        input_size=size,
        resize=size,
        batch=batch,
        augment=augment,
        initial="he",
        lr=1e-3,
        clip=5,
        workers=cores() if workers is None else workers,
    )
    made = partial(googlenet, variant, width=width or 1.0, classes=len(split.classes), input_size=size)
    runs: dict[str, Callable[[], float]] = {}
    for name, keep in (("noise", "none"), ("kept", "device"), ("read", "none")):
        recipe = replace(base, keep=keep)
        training = Training(
            build(made(), recipe), data, (split, split), recipe, Path("unused"), Team(0, 1, chosen)
        )
        source = noise(training) if name == "noise" else batches(training)
        # each worker reads two batches ahead while the others are timed
        before = 2 * base.workers if name == "read" else 0
        runs[name] = partial(update_seconds, training, source, times, before)
        runs[name]()  # begin, and warm up
    took = in_turn(runs, rounds)
    rows = [
        {
            "images": name,
            "images_per_s": round(batch / statistics.median(found), 2),
            "of_noise": round(statistics.median(a / b for a, b in zip(took["noise"], found, strict=True)), 3),
        }
        for name, found in took.items()
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    if record:
        outcome = {
            "network": made().name,
            "batch": batch,
            "size": size,
            "augment": augment,
            "precision": training.recipe.precision,
            "workers": base.workers,
            "rounds": rounds,
            "rows": rows,
        }
        print(
            results.record(
                record,
                outcome,
                about="Training pictures per second on data that is kept, data that is read, and noise",
                data=about_data,
                seed=0,
                device=device_name(chosen),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "kept_speed"))
