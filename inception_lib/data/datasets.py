"""Data sets by name, or any folder of class folders.

`open_data("shapes")` needs no download. The others are found by torchvision in `INCEPTION_DATA`, else
`~/.cache/inception_lib/data`, and fetched there on request where their publisher lets one.

A data set is plain data, arrays of paths and labels, so that processes which read images can be started in
any way (fork, spawn, forkserver) and share it without copying.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from inception_lib.data import shapes
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.sources import (
    Arrays,
    Data,
    Files,
    Items,
    Split,
    class_pictures,
    files_data,
    picture_files,
)
from inception_lib.data.splits import folder_data
from inception_lib.errors import DataError, PictureError
from inception_lib.files import cache_folder, expanded

__all__ = [
    "CALTECH_TRAIN",
    "NAMES",
    "Arrays",
    "Data",
    "Files",
    "Split",
    "caltech_split",
    "class_pictures",
    "data_folder",
    "dataset_data",
    "files_data",
    "open_data",
    "picture_files",
]

NAMES = ("shapes", "imagenette", "caltech101", "cifar10", "imagenet")  #: and any folder
#: Images of each class that train; the others validate. Caltech-101 has no split of its own.
CALTECH_TRAIN = 30
#: Images of Imagenette's splits: fewer are there when an archive was not extracted to its end.
_IMAGENETTE = {"train": 9469, "val": 3925}
#: What helps where ImageNet is not found.
_HOW_IMAGENET = (
    "its terms let nobody fetch it for you: put the archives of ILSVRC 2012 there "
    "(ILSVRC2012_devkit_t12.tar.gz, ILSVRC2012_img_train.tar, ILSVRC2012_img_val.tar), or let --data name a "
    "folder with train/CLASS and val/CLASS"
)


@dataclass(frozen=True)
class Shapes:
    """The bundled images, made when they are asked for, and then kept: each epoch wants them again."""

    split: str
    made: dict[int, Image.Image] = field(default_factory=dict, compare=False, repr=False)

    def __getstate__(self) -> dict:
        return {"split": self.split, "made": {}}  # another process makes its own

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state)

    def name(self, index: int) -> str:
        """Its number."""
        return f"{self.split} image {index}"

    def read(self, index: int) -> Image.Image:
        """The image."""
        if index not in self.made:
            self.made[index] = Image.fromarray(shapes.picture_at(self.split, index))
        return self.made[index]


def data_folder() -> Path:
    """Where data sets are kept: `INCEPTION_DATA`, else `data` in the folder of downloads."""
    named = os.environ.get("INCEPTION_DATA")
    return expanded(named, "INCEPTION_DATA") if named else cache_folder() / "data"


def open_data(
    name: str | os.PathLike, split: Split, *, download: bool = False, val_share: float | None = None
) -> Data:
    """One split of a data set.

    Args:
        name: one of `NAMES`, or the path of a folder with `train/CLASS/` and `val/CLASS/` in it; see
            `folder_data` for how else it may be laid out.
        split: `train` or `val`.
        download: fetch it if it is not there; ImageNet cannot be fetched.
        val_share: of a folder without `val`: the share of each class that validates and does not train.

    Raises:
        DataError: it is not there, empty, or its two splits have different classes.
    """
    if name in NAMES and val_share is not None:
        raise DataError(f"{name}: has validation images of its own; leave out --val-share.")
    if name == "shapes":
        return Data("shapes", shapes.CLASSES, shapes.labels(split), Shapes(split))
    if name in _OPENERS:
        return _published(str(name), split, download)
    root = Path(name)
    if not root.is_dir():
        raise DataError(
            f"{root}: there is no such folder, and no data set of that name (there are {', '.join(NAMES)})."
        )
    return replace(folder_data(root, split, val_share), name=root.name or str(root.resolve().name))


def dataset_data(dataset: Any, name: str = "", classes: Sequence[str] | None = None) -> Data:
    """A torch `Dataset` of pairs of picture and label, such as torchvision's `ImageFolder`, as data.

    Args:
        dataset: which gives pictures (Pillow images or arrays), not tensors: training augments and normalizes
            them itself. `random_split`'s and `Subset`'s parts will do.
        name: of the data; the class's name if not given.
        classes: their names; the dataset's own `classes` where None, else `class 0`, `class 1`, ...

    Raises:
        DataError: it is empty, its items are no pairs of a picture and a label, or there are more labels than
            names.
    """
    name = name or type(_whole(dataset)).__name__
    if not hasattr(dataset, "__len__"):
        raise DataError(
            f"{name}: does not say how many images it has; training draws them by number, so that a dataset "
            f"needs __len__ and __getitem__ (a list of its items has both)."
        )
    if not len(dataset):
        raise DataError(f"{name}: there is no image in it.")
    source = Items(dataset)
    try:
        source.read(0)
        labels = np.asarray(_labels(dataset), np.int64)
    except PictureError as error:
        raise DataError(
            f"{str(error).rstrip('.')}; give the dataset without its transform, since training augments and "
            f"normalizes the pictures itself."
        ) from None
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise DataError(
            f"{name}: its items are not pairs of a picture and a class's number ({error})."
        ) from None
    if classes is None:
        classes = getattr(_whole(dataset), "classes", None) or [f"class {i}" for i in range(labels.max() + 1)]
    if labels.shape != (len(dataset),) or not 0 <= labels.min() <= labels.max() < len(classes):
        raise DataError(
            f"{name}: its labels are not numbers from 0 to {len(classes) - 1}, one for each of its "
            f"{len(dataset):,} items."
        )
    return Data(name, tuple(map(str, classes)), labels, source)


def _whole(dataset: Any) -> Any:
    """The dataset of which this is a part."""
    return _whole(dataset.dataset) if hasattr(dataset, "indices") else dataset


def _labels(dataset: Any) -> Sequence[int]:
    """The labels of all items, which are read only where the dataset does not list them."""
    if hasattr(dataset, "indices"):
        whole = _labels(dataset.dataset)
        return [whole[i] for i in dataset.indices]
    listed = getattr(dataset, "targets", None)
    return [int(n) for n in (listed if listed is not None else (dataset[i][1] for i in range(len(dataset))))]


def _published(name: str, split: Split, download: bool) -> Data:
    root = data_folder()
    try:
        if download:
            root.mkdir(parents=True, exist_ok=True)
        return _OPENERS[name](str(root), split, download)
    except DataError:
        raise
    except ModuleNotFoundError as error:
        raise DataError(
            f"{name}: reading it needs the package {error.name}; pip install {error.name}."
        ) from None
    except Exception as error:  # torchvision raises what its downloaders do: RuntimeError, OSError, URLError
        how = {"imagenet": _HOW_IMAGENET}.get(name, "--download fetches it")
        said = " ".join(str(error).split()).rstrip(".")
        raise DataError(
            f"{name}: not found in {root}, which the environment variable INCEPTION_DATA can change; {how} "
            f"({said})."
        ) from None


def _samples(name: str, classes: tuple[str, ...], root: Path, samples: Sequence[tuple[str, int]]) -> Data:
    """From torchvision's pairs of a path and a label."""
    return files_data(name, classes, root, (Path(path) for path, _ in samples), [n for _, n in samples])


def _imagenette(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import Imagenette

    folder = Path(root) / "imagenette2"
    found = Imagenette(root, split, download=download and not folder.exists())
    if len(found._samples) < _IMAGENETTE[split]:
        raise DataError(
            f"imagenette: {folder / split} holds {len(found._samples):,} of {_IMAGENETTE[split]:,} images, "
            f"as if its archive had not been extracted to the end; remove {folder} and fetch it again "
            f"(--download)."
        )
    return _samples("imagenette", tuple(names[0] for names in found.classes), folder, found._samples)


def _imagenet(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import ImageNet

    found = ImageNet(root, split)
    # the short names are not unique: "crane" and "maillot" are each the name of two classes
    names = tuple(names[0] for names in found.classes)
    classes = imagenet_classes() if len(names) == len(imagenet_classes()) else names
    return _samples("imagenet", classes, Path(found.split_folder), found.samples)


def _caltech101(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import Caltech101

    found = Caltech101(root, download=download)
    folder = Path(found.root) / "101_ObjectCategories"
    paths = [
        folder / found.categories[label] / f"image_{number:04d}.jpg"
        for label, number in zip(found.y, found.index, strict=True)
    ]
    whole = files_data("caltech101", tuple(found.categories), folder, paths, found.y)
    return whole.subset(caltech_split(found.y, split))


def caltech_split(labels: Sequence[int] | np.ndarray, split: Split) -> list[int]:
    """Our split: of each class `CALTECH_TRAIN` images, drawn with seed 0, train; the others validate."""
    rng, chosen = random.Random(0), []
    labels = [int(label) for label in labels]
    for label in sorted(set(labels)):
        own = [i for i, other in enumerate(labels) if other == label]
        rng.shuffle(own)
        chosen += own[:CALTECH_TRAIN] if split == "train" else own[CALTECH_TRAIN:]
    return sorted(chosen)


def _cifar10(root: str, split: Split, download: bool) -> Data:
    from torchvision.datasets import CIFAR10

    found = CIFAR10(root, train=split == "train", download=download)
    return Data("cifar10", tuple(found.classes), np.asarray(found.targets, np.int64), Arrays(found.data))


_OPENERS: dict[str, Callable[[str, Split, bool], Data]] = {
    "imagenette": _imagenette,
    "imagenet": _imagenet,
    "caltech101": _caltech101,
    "cifar10": _cifar10,
}
