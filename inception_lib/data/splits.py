"""Which images train and which validate: folders that say so, and a share that is held out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inception_lib.data.sources import Data, Files, Split, class_pictures, folders
from inception_lib.errors import DataError

#: The names that folders of validation images have, the usual one first; a `test` stands in where none is.
VALIDATION = ("val", "valid", "validation")
_HINT = "; --val-share 0.1 holds a tenth of each class out of the training images"


def check_share(share: float) -> None:
    """Refuse what is no share.

    Raises:
        DataError: it is not above 0 and below 1.
    """
    if not 0 < share < 1:
        raise DataError(
            f"The share of images that validate (--val-share) is above 0 and below 1, not {share}."
        )


def held_out(data: Data, share: float, split: Split) -> Data:
    """The images of a data set that train, or the share that validates, of each class apart.

    Of each class at least one image validates and one trains. Which ones depends on the images' names alone
    (their numbers, if they are no files): not on a seed, on the machine or on the order of the files, and
    hardly on images that come or go later.

    Args:
        data: labeled images.
        share: that validates, above 0 and below 1.
        split: `train` or `val`.

    Raises:
        DataError: the share is none, or a class has one image only.
    """
    check_share(share)
    chosen: list[int] = []
    for label, name in enumerate(data.classes):
        own = sorted(np.flatnonzero(data.labels == label).tolist(), key=lambda i: _draw(data, i))
        if len(own) == 1:
            raise DataError(
                f"{data.label_of(own[0])}: is the only image of its class, {name}, and cannot both train and "
                f"validate; add images or remove the class."
            )
        out = min(len(own) - 1, max(1, round(share * len(own))))
        chosen += own[:out] if split == "val" else own[out:]
    return data.subset(sorted(chosen))


def _draw(data: Data, index: int) -> bytes:
    """A number for an image that looks random, and is the same wherever its folder lies."""
    at = int(index if data.chosen is None else data.chosen[index])
    name = bytes(data.source.paths[at]) if isinstance(data.source, Files) else str(at).encode()
    return hashlib.sha256(name.replace(os.fsencode(os.sep), b"/")).digest()


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split in `root`; None where there is none.

    Beside a `train`, images that validate may have any of their usual names.
    """
    others = split == "val" and (root / "train").is_dir()
    names = (*VALIDATION, "test") if others else (split,)
    return next((root / name for name in names if (root / name).is_dir()), None)


def folder_data(root: Path, split: Split, val_share: float | None = None) -> Data:
    """One split of a folder: of `train/CLASS/` and `val/CLASS/`, or of `CLASS/` with a share held out.

    Args:
        root: the folder. `valid`, `validation` or `test` will do for `val`.
        split: `train` or `val`.
        val_share: the share of each class that validates, where no folder does: of the images in `train`, or
            in `root` itself where it holds the folders of the classes. A folder `test` is then left alone.

    Raises:
        DataError: the folder is not laid out in one of these ways, or a class has no image.
    """
    train, val = split_folder(root, "train"), split_folder(root, "val")
    if val_share is not None:
        check_share(val_share)
        if val is not None and val.name != "test":
            raise DataError(
                f"{val}: these images validate already; leave out --val-share, or remove the folder."
            )
        if train is None and val is not None:
            raise DataError(f"{root}: has {val.name}, and no train to hold images out of.")
        whole = class_pictures(train or root)
        _check_classes(train or root, whole.classes)
        _check_filled(train or root, whole)
        return held_out(whole, val_share, split)
    if train is None or val is None:
        if train is None and val is None and len(folders(root)) > 1:
            raise DataError(f"{root}: has no train and val, each with a folder per class{_HINT}.")
        missing = root / ("val" if train else "train")
        raise DataError(
            f"{missing}: there is no such folder; a data set has train and val, each with a folder per class"
            f"{_HINT if train else ''}."
        )
    found = {part: folders(part) for part in (train, val)}
    for part, classes in found.items():
        _check_classes(part, classes)
    if found[train] != found[val]:
        odd = sorted(set(found[train]) ^ set(found[val]))
        raise DataError(
            f"{root}: {train.name} and {val.name} must have the same class folders, but "
            f"{', '.join(odd[:5])} {'is' if len(odd) == 1 else 'are'} in one only."
        )
    part = train if split == "train" else val
    pictures = class_pictures(part)
    if split == "train":
        _check_filled(part, pictures)
    if not pictures.classes:
        raise DataError(f"{part}: there is no image in its class folders.")
    return pictures


def _check_classes(folder: Path, classes: Sequence[str]) -> None:
    if len(classes) < 2:
        raise DataError(
            f"{folder}: has {len(classes)} class folder{'s' * (len(classes) != 1)}; at least two are needed."
        )


def _check_filled(folder: Path, pictures: Data) -> None:
    empty = [c for i, c in enumerate(pictures.classes) if not (pictures.labels == i).any()]
    if empty:
        more = f" (nor in {len(empty) - 1} more)" if len(empty) > 1 else ""
        raise DataError(
            f"{folder / empty[0]}: there is no image in it{more}, so that its class cannot be learned; fill "
            f"the folder or remove it from train and val."
        )
