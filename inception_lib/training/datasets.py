"""Data sets by name, or any folder of class folders, and their way to the network.

`open_data("shapes")` needs no download. The others are read by torchvision from `INCEPTION_DATA`, else
`~/.cache/inception_lib/data`, and fetched there on request where their publisher lets one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from inception_lib.errors import DataError, PictureError
from inception_lib.files import cache_folder
from inception_lib.pictures import Preprocess, read_picture
from inception_lib.training import shapes
from inception_lib.training.augmentation import AUGMENTATIONS
from inception_lib.training.recipes import Recipe

Split = Literal["train", "val"]
NAMES = ("shapes", "imagenette", "caltech101", "cifar10", "imagenet")  #: and any folder
CALTECH_TRAIN = (
    30  #: pictures a class that train; the others validate. Caltech-101 has no split of its own.
)


@dataclass(frozen=True)
class Data:
    """One split of a data set: `picture(i)` gives an RGB picture or raises PictureError."""

    name: str
    classes: tuple[str, ...]
    labels: Sequence[int]
    picture: Callable[[int], Image.Image]
    label_of: Callable[[int], str] = str

    def __len__(self) -> int:
        return len(self.labels)


def data_folder() -> Path:
    """Where data sets are kept: `INCEPTION_DATA`, else `data` in the folder of downloads."""
    return Path(os.environ.get("INCEPTION_DATA") or cache_folder() / "data").expanduser()


def open_data(name: str, split: Split, *, download: bool = False) -> Data:
    """One split of a data set.

    Args:
        name: one of `NAMES`, or the path of a folder with `train/CLASS/` and `val/CLASS/` in it.
        split: `train` or `val`.
        download: fetch it if it is not there; ImageNet cannot be fetched.

    Raises:
        DataError: it is not there, empty, or its two splits have different classes.
    """
    if name == "shapes":
        return _shapes(split)
    if name in _OPENERS:
        return _published(name, split, download)
    return _folder(Path(name), split)


def _shapes(split: Split) -> Data:
    @cache  # a picture takes a millisecond to make, and each epoch wants it again
    def made(i: int) -> Image.Image:
        return Image.fromarray(shapes.picture_at(split, i))
    return Data("shapes", shapes.CLASSES, shapes.labels(split).tolist(), made)


def _folder(root: Path, split: Split) -> Data:
    if not root.is_dir():
        raise DataError(
            f"{root}: there is no such folder, and no data set of that name (there are {', '.join(NAMES)})."
        )
    found = {part: _class_folders(root / part) for part in ("train", "val")}
    if found["train"] != found["val"]:
        odd = sorted(set(found["train"]) ^ set(found["val"]))
        raise DataError(
            f"{root}: train and val must have the same class folders, but {', '.join(odd[:5])} "
            f"{'is' if len(odd) == 1 else 'are'} in one only."
        )
    pictures = class_pictures(root / split)
    if not pictures.classes:
        raise DataError(f"{root / split}: there is no picture in its class folders.")
    return replace(pictures, name=root.name)


def class_pictures(folder: Path) -> Data:
    """The pictures of `CLASS/` folders; those of a folder without folders have the label -1, and no class.

    Raises:
        DataError: there is no picture.
    """
    classes = _folders(folder)
    files = [(path, i) for i, c in enumerate(classes) for path in _pictures(folder / c)]
    files = files or [(path, -1) for path in _pictures(folder)]
    if not files:
        raise DataError(f"{folder}: there is no picture in it.")
    return Data(
        folder.name,
        tuple(classes) if files[0][1] >= 0 else (),
        [label for _, label in files],
        lambda i: read_picture(files[i][0]),
        lambda i: str(files[i][0]),
    )


def _class_folders(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise DataError(
            f"{folder}: there is no such folder; a data set has train and val, each with a folder per class."
        )
    classes = _folders(folder)
    if len(classes) < 2:
        raise DataError(
            f"{folder}: has {len(classes)} class folder{'s' * (len(classes) != 1)}; at least two are needed."
        )
    return classes


def _folders(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.is_dir())


def _pictures(folder: Path) -> list[Path]:
    endings = Image.registered_extensions()
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in endings and p.is_file())


def _published(name: str, split: Split, download: bool) -> Data:
    root = data_folder()
    try:
        if download:
            root.mkdir(parents=True, exist_ok=True)
        found = _OPENERS[name](str(root), split, download)
    except ModuleNotFoundError as error:
        raise DataError(
            f"{name}: reading it needs the package {error.name}; pip install {error.name}."
        ) from None
    except (
        Exception
    ) as error:  # torchvision raises what its downloaders do: RuntimeError, OSError, URLError
        how = {
            "imagenet": "its terms let nobody fetch it for you: put the archives of ILSVRC 2012 there"
        }.get(name, "--download fetches it")
        said = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{name}: not found in {root}; {how} ({said}).") from None
    return found


def _imagenette(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import Imagenette

    known = (Path(root) / "imagenette2").exists()
    found = Imagenette(root, split, download=download and not known)
    samples = found._samples
    return Data(
        "imagenette",
        tuple(names[0] for names in found.classes),
        [label for _, label in samples],
        lambda i: read_picture(samples[i][0]),
        lambda i: str(samples[i][0]),
    )


def _imagenet(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import ImageNet

    found = ImageNet(root, split)
    return Data(
        "imagenet",
        tuple(names[0] for names in found.classes),
        found.targets,
        lambda i: read_picture(found.samples[i][0]),
        lambda i: str(found.samples[i][0]),
    )


def _caltech101(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import Caltech101

    found = Caltech101(root, download=download)
    chosen = caltech_split(found.y, split)

    def read(i: int) -> Image.Image:
        return found[chosen[i]][0].convert("RGB")

    return Data("caltech101", tuple(found.categories), [found.y[i] for i in chosen], read)


def caltech_split(labels: Sequence[int], split: Split) -> list[int]:
    """Our split: of each class `CALTECH_TRAIN` pictures, drawn with seed 0, train; the others validate."""
    rng, chosen = random.Random(0), []
    for label in sorted(set(labels)):
        own = [i for i, other in enumerate(labels) if other == label]
        rng.shuffle(own)
        chosen += own[:CALTECH_TRAIN] if split == "train" else own[CALTECH_TRAIN:]
    return sorted(chosen)


def _cifar10(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import CIFAR10

    found = CIFAR10(root, train=split == "train", download=download)
    return Data("cifar10", tuple(found.classes), found.targets, lambda i: Image.fromarray(found.data[i]))


_OPENERS = {
    "imagenette": _imagenette,
    "imagenet": _imagenet,
    "caltech101": _caltech101,
    "cifar10": _cifar10,
}


# -------------------------------------------------------------------------- on the way to the network


class Batch(NamedTuple):
    """Pictures (n, size, size, 3) in uint8, labels (n,), and a sentence for each that could not be read.

    Bytes, since they are a quarter of the floats on the way to a GPU; `normalised` makes the network's input.
    """

    pictures: Tensor
    labels: Tensor
    bad: list[str]


class _Samples(Dataset):
    """Samples by (epoch, index): the picture in uint8 and its label, or a sentence on why not."""

    def __init__(self, data: Data, recipe: Recipe, training: bool) -> None:
        self.data, self.recipe, self.training = data, recipe, training
        self.preprocess: Preprocess = recipe.preprocess()

    def __getitem__(self, which: tuple[int, int]) -> tuple[np.ndarray, int] | str:
        epoch, index = which
        try:
            picture = self.data.picture(index)
        except PictureError as error:
            return str(error)
        except OSError as error:
            return f"{self.data.label_of(index)}: cannot be read ({error})."
        if self.training:
            rng = random.Random(f"{self.recipe.seed} {epoch} {index}")
            picture = AUGMENTATIONS[self.recipe.augment](
                picture, self.recipe.input_size, self.recipe.resize, rng
            )
        else:
            picture = self.preprocess.frame(picture)
        return np.asarray(picture), self.data.labels[index]


def normalised(pictures: Tensor, preprocess: Preprocess) -> Tensor:
    """Pictures (n, height, width, 3) in uint8 as `preprocess.tensor` makes them: (n, 3, height, width)."""
    if preprocess.channels == "BGR":
        pictures = pictures.flip(-1)
    n, height, width, channels = pictures.shape
    # a number for each value in a row of pixels, since arithmetic on three channels at a time is slow
    mean, std = (torch.tensor(v, device=pictures.device).repeat(width)
                 for v in (preprocess.mean, preprocess.std))
    rows = (pictures.flatten(2).float() * (preprocess.white / 255) - mean) / std
    return rows.view(n, height, width, channels).permute(0, 3, 1, 2)  # channels last in memory


def _collate(samples: list[tuple[np.ndarray, int] | str]) -> Batch:
    good = [sample for sample in samples if not isinstance(sample, str)]
    bad = [sample for sample in samples if isinstance(sample, str)]
    pictures = np.stack([picture for picture, _ in good]) if good else np.empty((0, 1, 1, 3), np.uint8)
    return Batch(torch.from_numpy(pictures), torch.tensor([label for _, label in good]), bad)


def training_order(length: int, recipe: Recipe, epoch: int) -> Tensor:
    """The order of the pictures in one epoch; it depends on the seed and on nothing else."""
    generator = torch.Generator().manual_seed(
        int(np.random.SeedSequence([recipe.seed, epoch]).generate_state(1)[0])
    )
    return torch.randperm(length, generator=generator)


def updates_per_epoch(length: int, recipe: Recipe) -> int:
    """Whole batches; the pictures left over are seen in another epoch.

    Raises:
        DataError: there are fewer pictures than a batch holds.
    """
    if length < recipe.batch:
        raise DataError(
            f"{length} training pictures do not fill one batch of {recipe.batch}; use a smaller --batch."
        )
    return length // recipe.batch


def training_batches(
    data: Data, recipe: Recipe, epoch: int, *, skip: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Batch]:
    """The parts of one epoch's batches that belong to process `rank`, after the first `skip` batches."""
    order, share = training_order(len(data), recipe, epoch), recipe.batch // world
    parts = [
        [(epoch, i) for i in order[step * recipe.batch + rank * share :][:share].tolist()]
        for step in range(skip, updates_per_epoch(len(data), recipe))
    ]
    return _load(_Samples(data, recipe, training=True), parts, recipe)


def validation_batches(data: Data, recipe: Recipe, *, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """All pictures once, in order; process `rank` of `world` gets every `world`-th."""
    mine = range(rank, len(data), world)
    size = max(1, min(256, recipe.batch))
    parts = [[(0, i) for i in mine[start : start + size]] for start in range(0, len(mine), size)]
    return _load(_Samples(data, recipe, training=False), parts, recipe)


def _load(samples: _Samples, parts: list[list[tuple[int, int]]], recipe: Recipe) -> Iterator[Batch]:
    return iter(
        DataLoader(
            samples,
            batch_sampler=parts,
            collate_fn=_collate,
            num_workers=recipe.workers,
            pin_memory=torch.cuda.is_available(),
        )
    )
