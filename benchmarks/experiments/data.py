"""The images of experiments: decoded once, squashed to one size as BVLC's tools do, shared by processes.

`imagenette` is all of it, `imagenette:1000` about so many of its training images, of each class alike, and
`caltech101:5` five training images of each of those classes of Caltech-101 that are used.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from experiments.arms import Arm, Scale
from inception_lib.data.datasets import NAMES, Arrays, Data, Split, caltech_split, class_pictures, open_data
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.data.splits import held_out
from inception_lib.distributed import cores
from inception_lib.errors import DataError
from inception_lib.files import replacing
from inception_lib.networks.googlenet import googlenet
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights

CHOICE_SHARE = 0.1  #: of the training images, by which learning rates are chosen
CALTECH_EVERY = 5  #: of the classes of Caltech-101 this one is used: 21
CALTECH_VAL = 20  #: images of a class that validate, at most, so that large classes do not decide the result


@dataclass(frozen=True)
class Settings:
    """What all jobs of a call have in common: the scale, where data and weights are, and the work folder."""

    scale: Scale
    data: str
    caltech: str
    weights: str
    work: Path
    quick: bool = False
    about: str = ""
    """What else a record says of the data."""

    def of(self, arm: Arm) -> Scale:
        """The scale of an arm."""
        return self.scale if self.quick else self.scale._replace(**arm.at)


def opened(data: str, settings: Settings, *, chooses: bool) -> tuple[Data, Data]:
    """Images that train and images that judge: of the training images alone, where a rate is chosen.

    Raises:
        DataError: the images are not there.
    """
    name, _, number = data.partition(":")
    train, val = (_decoded(name, split, settings) for split in ("train", "val"))
    share = CHOICE_SHARE
    if name == "caltech101":
        train, val = few(train, int(number)), few(val, CALTECH_VAL)
        share = max(share, 1 / int(number))
    elif number and int(number) < len(train):
        train = held_out(train, int(number) / len(train), "val")
    if chooses:
        return held_out(train, share, "train"), held_out(train, share, "val")
    return train, val


def prepare(sets: Iterable[str], settings: Settings) -> None:
    """Decode what is not decoded yet, before several processes want it."""
    for data in sorted(sets):
        opened(data, settings, chooses=True)


def named(data: str) -> str:
    """How a finding calls it."""
    name, _, number = data.partition(":")
    whole = {"imagenette": "Imagenette", "caltech101": "every fifth class of Caltech-101"}[name]
    if not number:
        return whole
    return f"{whole} ({number} training images{' a class' if name == 'caltech101' else ''})"


def described(data: str, settings: Settings) -> str:
    """How a record calls it, with its size."""
    train, val = opened(data, settings, chooses=False)
    size = settings.scale.resize
    sizes = f"{len(train):,} training and {len(val):,} validation images"
    more = f", {settings.about}" if settings.about else ""
    return f"{named(data)}: {sizes}, squashed to {size}x{size}{more}"


def few(data: Data, most: int) -> Data:
    """At most so many images of each class, the first ones."""
    seen: Counter[int] = Counter()
    chosen = []
    for i, label in enumerate(data.labels.tolist()):
        seen[label] += 1
        if seen[label] <= most:
            chosen.append(i)
    return data.subset(chosen)


def every(data: Data, step: int) -> Data:
    """Every `step`-th of its classes."""
    chosen = np.flatnonzero(data.labels % step == 0)
    return replace(data.subset(chosen), classes=data.classes[::step], labels=data.labels[chosen] // step)


def _source(name: str, split: Split, settings: Settings) -> Data:
    if name == "imagenette":
        return open_data(settings.data, split)
    whole = _caltech(settings.caltech, split)
    return whole if settings.quick else every(whole, CALTECH_EVERY)


def _caltech(where: str, split: Split) -> Data:
    if where in NAMES:
        return open_data(where, split)
    if not Path(where).is_dir():
        raise DataError(
            f"{where}: there is no such folder; --caltech names one with a folder for each class."
        )
    whole = class_pictures(Path(where))
    return whole.subset(caltech_split(whole.labels, split))


def _decoded(name: str, split: Split, settings: Settings) -> Data:
    data, size = _source(name, split, settings), settings.scale.resize
    stamp = hashlib.sha256(f"{data.fingerprint()} {size}".encode()).hexdigest()[:12]
    path = settings.work / "decoded" / f"{name}-{split}-{stamp}.npy"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        images = np.empty((len(data), size, size, 3), np.uint8)

        def decode(i: int) -> None:
            picture = data.picture(i)
            if picture.size != (size, size):
                picture = picture.resize((size, size), Image.Resampling.BICUBIC)
            images[i] = np.asarray(picture)

        told = f"decoding {name}, {split}"
        with ThreadPoolExecutor(cores()) as pool:
            done = pool.map(decode, range(len(data)))
            list(tqdm(done, told, len(data), unit=" images", leave=False, disable=None))
        with replacing(path) as new, new.open("wb") as file:
            np.save(file, images)
    return Data(name, data.classes, data.labels, Arrays(np.load(path, mmap_mode="r")))


def trial(folder: Path, scale: Scale) -> Settings:
    """Images made on the spot, a color for each class, and random weights: for seeing that all of it runs."""
    rng = np.random.default_rng(0)

    def class_folder(root: Path, label: int, n: int) -> None:
        root.mkdir(parents=True)
        for i in range(n):
            noise = rng.integers(0, 128, (scale.resize, scale.resize, 3))
            shade = np.array([label * 37 % 128, label * 71 % 128, label * 11 % 128])
            Image.fromarray((noise + shade).astype(np.uint8)).save(root / f"{i}.png")

    for label in range(3):
        class_folder(folder / "imagenette" / "train" / f"c{label}", label, 32)
        class_folder(folder / "imagenette" / "val" / f"c{label}", label, 4)
    for label in range(12):
        class_folder(folder / "caltech" / f"c{label:02d}", label, 32)
    small = googlenet(width=scale.width, input_size=scale.size, classes=3)
    network = Network(small, generator=torch.Generator().manual_seed(0))
    preprocess = replace(BVLC_PREPROCESS, resize=scale.resize, crop=scale.size)
    info = Weights(name="random", architecture=small, preprocess=preprocess)
    weights = save_weights(network, folder / "random.safetensors", info)
    return Settings(
        scale, str(folder / "imagenette"), str(folder / "caltech"), str(weights), folder, quick=True
    )
