"""Data sets by name, or any folder of class folders.

`open_data("shapes")` needs no download. The others are found by torchvision in `INCEPTION_DATA`, else
`~/.cache/inception_lib/data`, and fetched there on request where their publisher lets one.

A data set is plain data, arrays of paths and labels, so that processes which read images can be started in
any way (fork, spawn, forkserver) and share it without copying.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from inception_lib.data import shapes
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import read_picture
from inception_lib.errors import DataError
from inception_lib.files import cache_folder, expanded

Split = Literal["train", "val"]
NAMES = ("shapes", "imagenette", "caltech101", "cifar10", "imagenet")  #: and any folder
#: Images of each class that train; the others validate. Caltech-101 has no split of its own.
CALTECH_TRAIN = 30
#: Images of Imagenette's splits: fewer are there when an archive was not extracted to its end.
_IMAGENETTE = {"train": 9469, "val": 3925}


class Source(Protocol):
    """Where images come from; an object that can be pickled."""

    def read(self, index: int) -> Image.Image:
        """The image, in RGB."""

    def name(self, index: int) -> str:
        """What the image is called in messages: its path, if it has one."""


@dataclass(frozen=True)
class Files:
    """Image files below a folder. `paths` are relative, in the file system's bytes: (n,) of dtype S."""

    root: str
    paths: np.ndarray

    def name(self, index: int) -> str:
        """The file's whole path."""
        return os.path.join(self.root, os.fsdecode(self.paths[index]))

    def read(self, index: int) -> Image.Image:
        """The image, as `read_picture` reads it."""
        return read_picture(self.name(index))


@dataclass(frozen=True)
class Arrays:
    """Images in memory: (n, height, width, 3) in uint8."""

    images: np.ndarray

    def name(self, index: int) -> str:
        """Its number."""
        return f"image {index}"

    def read(self, index: int) -> Image.Image:
        """The image."""
        return Image.fromarray(self.images[index])


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


@dataclass(frozen=True)
class Data:
    """One split of a data set: labeled images, each read when it is asked for.

    `labels` is (n,) in int64: numbers of `classes`, or -1 where an image has none. `chosen` are the images of
    the source, (n,) in int64, where they are not simply all of them.
    """

    name: str
    classes: tuple[str, ...]
    labels: np.ndarray
    source: Source
    chosen: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def _at(self, index: int) -> int:
        return int(index if self.chosen is None else self.chosen[index])

    def picture(self, index: int) -> Image.Image:
        """The image, in RGB.

        Raises:
            PictureError: it cannot be read.
        """
        return self.source.read(self._at(index))

    def label_of(self, index: int) -> str:
        """What the image is called in messages: its path, if it has one."""
        return self.source.name(self._at(index))

    def subset(self, which: Sequence[int] | np.ndarray) -> Data:
        """Some of the images, in the order given."""
        which = np.asarray(which, np.int64)
        at = which if self.chosen is None else self.chosen[which]
        return replace(self, labels=self.labels[which], chosen=at)

    def fingerprint(self) -> str:
        """A digest of the classes, of the names of all images, and of their labels; not of their pixels."""
        digest = hashlib.sha256("\0".join(self.classes).encode(errors="surrogateescape"))
        digest.update(np.ascontiguousarray(self.labels).tobytes())
        if isinstance(self.source, Files):
            paths = self.source.paths if self.chosen is None else self.source.paths[self.chosen]
            digest.update(np.ascontiguousarray(paths).tobytes())
        elif self.chosen is not None:
            digest.update(self.chosen.tobytes())
        return digest.hexdigest()[:16]


def data_folder() -> Path:
    """Where data sets are kept: `INCEPTION_DATA`, else `data` in the folder of downloads."""
    named = os.environ.get("INCEPTION_DATA")
    return expanded(named, "INCEPTION_DATA") if named else cache_folder() / "data"


def open_data(name: str | os.PathLike, split: Split, *, download: bool = False) -> Data:
    """One split of a data set.

    Args:
        name: one of `NAMES`, or the path of a folder with `train/CLASS/` and `val/CLASS/` in it.
        split: `train` or `val`.
        download: fetch it if it is not there; ImageNet cannot be fetched.

    Raises:
        DataError: it is not there, empty, or its two splits have different classes.
    """
    if name == "shapes":
        return Data("shapes", shapes.CLASSES, shapes.labels(split), Shapes(split))
    if name in _OPENERS:
        return _published(str(name), split, download)
    return _folder(Path(name), split)


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
    empty = [c for i, c in enumerate(pictures.classes) if not (pictures.labels == i).any()]
    if split == "train" and empty:
        raise DataError(
            f"{root / split / empty[0]}: there is no image in it{_more(empty)}, so that its class "
            f"cannot be learned; fill the folder or remove it from train and val."
        )
    if not pictures.classes:
        raise DataError(f"{root / split}: there is no image in its class folders.")
    return replace(pictures, name=root.name or str(root.resolve().name))


def _more(names: Sequence[str]) -> str:
    return f" (nor in {len(names) - 1} more)" if len(names) > 1 else ""


def class_pictures(folder: Path) -> Data:
    """The images of `CLASS/` folders; those of a folder without folders have the label -1, and no class.

    Raises:
        DataError: there is no image, or a folder cannot be read.
    """
    classes = _folders(folder)
    found = [(path, i) for i, c in enumerate(classes) for path in picture_files(folder / c)]
    found = found or [(path, -1) for path in picture_files(folder)]
    if not found:
        raise DataError(f"{folder}: there is no image in it.")
    return files_data(
        folder.name,
        tuple(classes) if found[0][1] >= 0 else (),
        folder,
        [path for path, _ in found],
        [label for _, label in found],
    )


def files_data(
    name: str, classes: tuple[str, ...], root: Path, paths: Iterable[Path], labels: Sequence[int]
) -> Data:
    """A data set of files below `root`, with a label for each."""
    relative = np.asarray([os.fsencode(path.relative_to(root)) for path in paths], dtype=np.bytes_)
    return Data(name, classes, np.asarray(labels, np.int64), Files(str(root), relative))


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
    """Class folders: not the hidden ones that file managers and notebooks leave."""
    try:
        return sorted(p.name for p in folder.iterdir() if p.is_dir() and not p.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: the folder cannot be read ({error.strerror}).") from None


def picture_files(folder: Path) -> list[Path]:
    """The image files below a folder, by their endings, in order; what is hidden is left out.

    Raises:
        DataError: a folder cannot be read.
    """
    endings = Image.registered_extensions()

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: the folder cannot be read ({error.strerror}).")

    found = []
    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [
            Path(parent, name)
            for name in names
            if not name.startswith(".") and os.path.splitext(name)[1].lower() in endings
        ]
    return sorted(path for path in found if path.is_file())


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
        how = {
            "imagenet": "its terms let nobody fetch it for you: put the archives of ILSVRC 2012 there"
        }.get(name, "--download fetches it")
        said = " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{name}: not found in {root}; {how} ({said}).") from None


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
