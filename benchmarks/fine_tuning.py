"""Fine-tuning BVLC's weights on Caltech-101, beside training the same network from scratch for as long.

    python benchmarks/fine_tuning.py
    python benchmarks/fine_tuning.py --data FOLDER_OF_CLASS_FOLDERS

30 images of each class train (`caltech_split`), and at most 10 of the others validate. The arms see the same
images, epochs and batches, and each seed draws one order and augmentation for all of them. From scratch, the
network has what helps it to begin: both auxiliary heads, a warm-up, He's initial weights, a bound on the
gradient, and the learning rate of BVLC's solver. If interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import tyro
from experiments.data import few

from inception_lib import count
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.data.datasets import CALTECH_TRAIN, Data, caltech_split, class_pictures, data_folder
from inception_lib.training.logs import Run
from inception_lib.training.recipes import NetworkOptions, Recipe, recipe
from inception_lib.training.train import train

VAL = 10  # images a class that validate, at most, so that large classes do not decide the result


def arms(weights: str) -> dict[str, tuple[NetworkOptions, Recipe]]:
    """The networks and recipes that are compared, by name."""
    tuned = replace(recipe("finetune"), input_size=112, resize=128, workers=0)
    scratch = replace(
        tuned,
        name="from scratch",
        normalize="imagenet",  # he's weights want inputs of variance 1
        initial="he",
        lr=0.01,
        warmup=1,
        clip=5,
        classifier_lr=1,
        weight_decay=2e-4,
    )
    pretrained = NetworkOptions(weights=weights, heads=False)
    return {
        "fine-tuned": (pretrained, tuned),
        "fine-tuned above 4e": (pretrained, replace(tuned, freeze="inception_4e")),
        "from scratch": (NetworkOptions(), scratch),
    }


def splits(folder: Path) -> tuple[Data, Data]:
    """30 images of each class, and at most `VAL` of the others."""
    whole = replace(class_pictures(folder), name="caltech101")
    train_data, rest = (whole.subset(caltech_split(whole.labels, split)) for split in ("train", "val"))
    return train_data, few(rest, VAL)


def outcome_of(arm: str, done: Run, network: NetworkOptions) -> dict[str, Any]:
    """What is recorded of one run."""
    made = network.architecture(len(done.classes), done.recipe.input_size)
    counts = count(made)
    return {
        "arm": arm,
        "seed": done.recipe.seed,
        "macs": counts.trunk.macs,
        "parameters": counts.trunk.parameters,
        "recipe": done.recipe.to_dict(),
        "network": network.to_dict(),
        # how fast a matrix product is was measured while other runs went on
        "history": [{k: v for k, v in r.items() if not k.endswith("_share")} for r in done.history],
    }


def main(
    data: Path | None = None,
    weights: str = "bvlc",
    work: Path = Path("runs/fine_tuning"),
    epochs: float = 6,
    seeds: int = 3,
    only: str | None = None,
    record: str = "fine_tuning",
) -> int:
    """Train each arm with each seed, and record the curves.

    Args:
        data: The folder with a folder per class; where torchvision's Caltech101 puts it by default.
        weights: Trained weights to start from.
        work: Folder of the runs.
        epochs: Of each run.
        seeds: How many.
        only: Train this arm alone, and record nothing: two of these can run beside each other.
        record: Name of the result in data/results.
    """
    results.check_name(record)
    train_data, val_data = splits(data or data_folder() / "caltech101" / "101_ObjectCategories")
    runs = []
    for seed in range(seeds):
        for arm, (network, how) in arms(weights).items():
            if only not in (None, arm):
                continue
            folder = work / f"{arm}-{seed}".replace(" ", "_")
            done = train(
                network,
                (train_data, val_data),
                replace(how, epochs=epochs, seed=seed),
                folder,
                resume=any(folder.glob("checkpoint-*.pt")),
            )
            runs.append(outcome_of(arm, done, network))
    rows = [
        {"arm": r["arm"], "seed": r["seed"], **{k: r["history"][-1][k] for k in ("top1", "top5", "val_loss")}}
        for r in runs
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    if only is None:
        print(
            results.record(
                record,
                {"runs": runs},
                about="Fine-tuning BVLC's weights and training from scratch, with the same budget: curves",
                data=f"caltech101: {len(train_data):,} training images ({CALTECH_TRAIN} a class), "
                f"{len(val_data):,} validation images",
                seed=0,
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "fine_tuning"))
