"""The paper's ablation with seven networks trained from scratch on Caltech-101.

    python benchmarks/caltech_seven.py

The networks start from the same weights and differ in the order and the augmentation of their pictures, as
the paper's seven did. Caltech-101 has no split of its own: 30 pictures of each class train (`caltech_split`),
and at most 20 of the others test, so that large classes do not decide the result. If interrupted, the same
command goes on where it was.
"""

from __future__ import annotations

import sys
from pathlib import Path

import tyro

from inception_lib.cli import run
from inception_lib.evaluation import ablation
from inception_lib.training.bundle import train_seven
from inception_lib.training.datasets import CALTECH_TRAIN, caltech_split, class_pictures, data_folder
from inception_lib.training.engine import record_run
from inception_lib.training.recipes import Recipe

TEST = 20  # pictures a class that test, at most


def recipe(epochs: float, width: float) -> Recipe:
    """For two CPU cores: narrow, on small pictures, without batch normalisation.

    And without dropout, since so small a network underfits.
    """
    return Recipe(name="caltech", width=width, input_size=80, resize=91, dropout=False, epochs=epochs,
                  batch=16, lr=0.02, schedule="cosine", warmup=1, initial="he", clip=5, augment="bvlc")


def split(source: Path, folder: Path) -> None:
    """Links to the pictures of `source`, as a folder of training data is laid out."""
    found = class_pictures(source)
    taken = dict.fromkeys(range(len(found.classes)), 0)
    for part in ("train", "val"):
        for i in caltech_split(found.labels, part):
            if part == "val":
                taken[found.labels[i]] += 1
                if taken[found.labels[i]] > TEST:
                    continue
            path = Path(found.label_of(i)).resolve()
            link = folder / part / path.parent.name / path.name
            link.parent.mkdir(parents=True, exist_ok=True)
            if not link.is_symlink():
                link.symlink_to(path)


def main(data: Path | None = None, work: Path = Path("runs/caltech_seven"), epochs: float = 30,
         width: float = 0.25, networks: int = 7) -> int:
    """Train, test and record both.

    Args:
        data: The folder with a folder per class; where torchvision's Caltech101 puts it by default.
        work: Folder of the runs.
        epochs: Of each network.
        width: Of the networks, as a share of the paper's.
        networks: How many.
    """
    folder = work / "caltech101"
    split(data or data_folder() / "caltech101" / "101_ObjectCategories", folder)
    runs = train_seven(recipe(epochs, width), str(folder), work, networks)
    about = f"Training of {len(runs)} networks on Caltech-101, {CALTECH_TRAIN} pictures a class"
    print(record_run("caltech_seven", *runs, about=about))
    return ablation.main(tuple(str(done.weights) for done in runs), str(folder), "val", out=work / "ablation",
                         record="ablation_caltech")


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "caltech_seven"))
