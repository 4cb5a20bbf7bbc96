"""The paper's ablation with seven networks trained from scratch on Caltech-101.

    python benchmarks/caltech_seven.py

The networks start from the same weights and differ in the order and the augmentation of their pictures, as
the paper's seven did. Caltech-101 has no split of its own: 30 pictures of each class train (`caltech_split`),
and at most 20 of the others test, so that large classes do not decide the result. If interrupted, the same
command goes on where it was.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import ablation
import tyro
from bundle import train_seven
from PIL import Image
from tqdm import tqdm

from inception_lib.book.results import record_run
from inception_lib.console import run
from inception_lib.data.datasets import CALTECH_TRAIN, caltech_split, class_pictures, data_folder
from inception_lib.data.images import Preprocess
from inception_lib.evaluation.plan import scheme
from inception_lib.training.recipes import NetworkOptions, Recipe

TEST = 20  # pictures a class that test, at most
VAL = 4  # of these, that are looked at after each epoch; nothing is decided by them


def recipe(epochs: float) -> Recipe:
    """For two CPU cores: narrow, on small pictures, and without dropout, since so small a network underfits.

    With batch normalization, unlike the paper: without it, 60,000 pictures in, a network was right on 14 % of
    the others.
    """
    return Recipe(
        name="caltech",
        input_size=80,
        resize=91,
        epochs=epochs,
        batch=32,
        lr=0.05,
        schedule="cosine",
        warmup=1,
        initial="he",
        clip=5,
        augment="bvlc",
    )


def prepare(source: Path, folder: Path) -> None:
    """Copies of the pictures of `source`, laid out as a folder of training data is.

    Their shorter side is that of the largest scale of the 144 crops, and they are not compressed: to decode
    them anew for each epoch would be a third of the training's time.
    """
    if (folder / "test").is_dir():
        return
    found, seen = class_pictures(source), Counter()
    side, work = scheme(144, recipe(1).preprocess()).scales[-1], folder.with_name(folder.name + ".part")
    chosen = {"train": caltech_split(found.labels, "train"), "val": [], "test": []}
    for i in caltech_split(found.labels, "val"):
        seen[found.labels[i]] += 1
        for part, most in (("val", VAL), ("test", TEST)):
            if seen[found.labels[i]] <= most:
                chosen[part].append(i)
    for part, which in chosen.items():
        for i in tqdm(which, desc=part, unit="picture"):
            path, picture = Path(found.label_of(i)), found.picture(i)
            size = Preprocess(resize=side, crop=side).resized(*picture.size)
            to = work / part / path.parent.name / f"{path.stem}.bmp"
            to.parent.mkdir(parents=True, exist_ok=True)
            picture.resize(size, Image.Resampling.LANCZOS).save(to)
    work.rename(folder)


def main(
    data: Path | None = None,
    work: Path = Path("runs/caltech_seven"),
    epochs: float = 30,
    width: float = 0.25,
    networks: int = 7,
    pictures: int = 850,
) -> int:
    """Train, test and record both.

    Args:
        data: The folder with a folder per class; where torchvision's Caltech101 puts it by default.
        work: Folder of the runs.
        epochs: Of each network.
        width: Of the networks, as a share of the paper's.
        networks: How many.
        pictures: That test, spread evenly over the classes.
    """
    folder = work / "caltech101"
    prepare(data or data_folder() / "caltech101" / "101_ObjectCategories", folder)
    runs = train_seven(
        NetworkOptions(variant="torchvision", width=width, dropout=False),
        recipe(epochs),
        str(folder),
        work,
        networks,
    )
    about = f"Training of {len(runs)} networks on Caltech-101, {CALTECH_TRAIN} pictures a class"
    print(record_run("caltech_seven", *runs, about=about))
    weights = tuple(str(done.weights) for done in runs)
    return ablation.main(weights, str(folder), "test", pictures, work / "ablation", record="ablation_caltech")


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "caltech_seven"))
