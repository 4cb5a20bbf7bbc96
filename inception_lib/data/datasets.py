"""Data sets by name, or any folder of class folders.

`open_data("shapes")` needs no download. The others are read by torchvision from `INCEPTION_DATA`, else
`~/.cache/inception_lib/data`, and fetched there on request where their publisher lets one.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Literal

from PIL import Image

from inception_lib.data import shapes
from inception_lib.data.images import read_picture
from inception_lib.errors import DataError
from inception_lib.files import cache_folder

Split = Literal["train", "val"]
NAMES = ("shapes", "imagenette", "caltech101", "cifar10", "imagenet")  #: and any folder
CALTECH_TRAIN = 30  #: pictures a class that train; the others validate. Caltech-101 has no split of its own.


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
    except Exception as error:  # torchvision raises what its downloaders do: RuntimeError, OSError, URLError
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
