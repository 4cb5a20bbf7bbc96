"""What a data set is: where its images come from, their classes and labels; and any folder of images."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from PIL import Image

from inception_lib.data.images import as_rgb, read_picture
from inception_lib.errors import DataError, PictureError

Split = Literal["train", "val"]


def opened_or_why_not(opened: Callable[[], Image.Image], name: str) -> Image.Image | str:
    """What `opened` gives; or a sentence on why it cannot, in which a picture without one has this name."""
    try:
        return opened()
    except PictureError as error:
        return str(error)
    except OSError as error:
        return f"{name}: cannot be read ({error})."


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
class Items:
    """The pictures of a torch `Dataset`, whose items begin with the picture."""

    dataset: Any

    def name(self, index: int) -> str:
        """Its number."""
        return f"{type(self.dataset).__name__} item {index}"

    def read(self, index: int) -> Image.Image:
        """The image, as `as_rgb` makes it of what the item has."""
        try:
            return as_rgb(self.dataset[index][0])
        except (PictureError, OSError) as error:
            raise PictureError(f"{self.name(index)}: {error}") from None


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

    def picture_or_why_not(self, index: int) -> Image.Image | str:
        """The image; or a sentence on why it cannot be read."""
        return opened_or_why_not(lambda: self.picture(index), self.label_of(index))

    def label_of(self, index: int) -> str:
        """What the image is called in messages: its path, if it has one."""
        return self.source.name(self._at(index))

    def path(self, index: int) -> str | None:
        """The image's file, if it is one."""
        return self.label_of(index) if isinstance(self.source, Files) else None

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


def class_pictures(folder: Path) -> Data:
    """The images of `CLASS/` folders; those of a folder without folders have the label -1, and no class.

    Raises:
        DataError: there is no image, or a folder cannot be read.
    """
    classes = folders(folder)
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


def folders(folder: Path) -> list[str]:
    """The names of class folders, sorted: not the hidden ones that file managers and notebooks leave."""
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
