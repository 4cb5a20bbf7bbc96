from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tyro
from crop_views import kept_parts, logits_of
from taken_apart import label, photographs
from tqdm import tqdm

from inception_lib.console import run
from inception_lib.evaluation.plan import scheme
from inception_lib.weights.info import Loaded
from inception_lib.weights.loading import load_weights
from inception_lib.weights.states import digest


def collected(
    loaded: Loaded, photos: Path, work: Path, *, count: int | None, part: int, batch: int, seed: int, ready: bool
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The logits (images, views, classes) and the labels (images,) of the photographs, part by part.

    `ready`: only those that are in the folder already.
    """
    network, info = loaded
    readers = photographs(photos)
    names = list(readers)
    random.Random(seed).shuffle(names)
    names = names[:count]
    labels = np.array([label(name) for name in names])
    full, whole = scheme(144, info.preprocess), network.eval().fused()
    stamp = f"{digest(network.state_dict())} {info.preprocess} {full}"
    parts = kept_parts(
        work,
        stamp,
        names,
        part,
        None if ready else lambda name: logits_of(whole, info.preprocess, readers[name](), full, batch),
    )
    with tqdm(total=len(names), unit="image", disable=ready) as bar:
        for own, logits in parts:
            bar.update(len(logits))
            yield logits, labels[own]


def main(weights: str, photos: Path, work: Path = Path("runs/crop_factors"), part: int = 10, batch: int = 36) -> int:
    for _ in collected(load_weights(weights, heads=False), photos, work, count=None, part=part, batch=batch, seed=0, ready=False):
        pass
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "crop_factors"))
