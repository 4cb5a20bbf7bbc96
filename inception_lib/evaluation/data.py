"""The pictures of a test, labeled with the outputs of the networks that are tested."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from inception_lib.data.datasets import NAMES, Arrays, Data, Files, Split, class_pictures, open_data
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.splits import split_folder
from inception_lib.errors import DataError
from inception_lib.weights.info import Weights


def open_test_data(
    name: str, split: str = "val", *, download: bool = False, val_share: float | None = None
) -> Data:
    """The pictures of a test: a split of a data set, or a folder.

    Args:
        name: a data set as `open_data` has it (`shapes` has a split `test` too); or a folder with
            `SPLIT/CLASS/` or `CLASS/` in it; or a folder of pictures, which then have the label -1: none.
        split: of the data set or folder.
        download: fetch the data set if it is not there.
        val_share: the share that validated in training, where that was said to it: the same images are found.

    Raises:
        DataError: there is no such data set or folder, no such split, or no picture.
    """
    if val_share is not None:
        if split not in ("train", "val"):
            raise DataError(f"{name}: --val-share divides images into train and val; there is no {split!r}.")
        return open_data(name, cast(Split, split), val_share=val_share)
    if name in NAMES:
        if split not in ("train", "val", "test") or (split == "test" and name != "shapes"):
            raise DataError(f"{name}: has no split {split!r}.")
        return open_data(name, cast(Split, split), download=download)
    root = Path(name)
    try:
        if root.is_dir():
            found = class_pictures(split_folder(root, split) or root)
            return replace(found, name=root.name or root.resolve().name)
    except OSError as error:
        raise DataError(f"{error.filename or root}: cannot be read ({error.strerror or error}).") from None
    raise DataError(
        f"{root}: there is no such folder, and no data set of that name (there are {', '.join(NAMES)})."
    )


def relabeled(data: Data, info: Weights) -> Data:
    """The data with the outputs of a network as labels.

    Where both have ImageNet's 1000 classes in its order, their order counts and not their names: by short
    names two classes of ImageNet are "crane", and two are "maillot". Else classes are matched by name; where
    no name is among the network's, and there are as many, by their order, which for folders is the
    alphabet's: ImageNet's synsets are in that order.

    Raises:
        DataError: the network does not know a class of the data, or a name does not say which class it is.
    """
    to = _outputs(data, info)
    # without names the network is matched by order, so that the data's classes name all outputs, or none
    classes = info.classes or data.classes or tuple(f"class {i}" for i in range(info.architecture.classes))
    # one more at the end, which is what the label -1 finds
    return replace(data, classes=classes, labels=np.asarray([*to, -1], np.int64)[data.labels])


def _outputs(data: Data, info: Weights) -> list[int]:
    """For each class of the data the output of the network that stands for it; no output twice."""
    names = info.classes or ()
    if data.classes == names or (_is_imagenet(data.classes) and _is_imagenet(names)):
        return list(range(len(data.classes)))
    known = {name: i for i, name in enumerate(names)}
    unknown = [c for c in data.classes if c not in known]
    if len(unknown) == len(data.classes) == info.architecture.classes:
        return list(range(len(data.classes)))
    if unknown:
        others = f" and {len(unknown) - 1} more of the data's {len(data.classes)} are"
        raise DataError(
            f"{data.name}: {info.name} knows {info.architecture.classes} classes, and {unknown[0]!r}"
            f"{others if len(unknown) > 1 else ' is'} not among them."
        )
    for whose, all_names in (("the data", data.classes), (info.name, names)):
        twice = [name for name, n in Counter(all_names).items() if n > 1 and name in data.classes]
        if twice:
            raise DataError(
                f"{data.name}: {whose} has more than one class named {twice[0]!r}, so that its pictures "
                f"cannot be matched with the outputs of {info.name} by name."
            )
    return [known[c] for c in data.classes]


def _is_imagenet(classes: Sequence[str]) -> bool:
    """Whether these are ImageNet's classes in its order, whatever list of their names was used.

    Published lists differ in the names of a few: "crane bird" is "crane" in some, as the machine is.
    """
    theirs = imagenet_classes() if len(classes) == 1000 else ()
    return sum(a == b for a, b in zip(classes, theirs, strict=False)) >= 900


def evenly(data: Data, count: int) -> Data:
    """Only so many of the pictures, spread evenly over the data.

    Raises:
        DataError: there are not so many.
    """
    if not 1 <= count <= len(data):
        raise DataError(f"{data.name}: has {len(data)} pictures, and {count} of them are wanted.")
    return data.subset([i * len(data) // count for i in range(count)])


def stamp(data: Data, which: Iterable[int]) -> str:
    """A digest of some of the images by which one sees later whether they have changed.

    Of files it is made from the size and the time of the last change, of images in memory from the pixels;
    images that are made when they are asked for do not change.
    """
    digest = hashlib.sha256()
    for i in which:
        if isinstance(data.source, Files):
            try:
                found = os.stat(data.label_of(i))
                digest.update(f"{found.st_size} {found.st_mtime_ns} ".encode())
            except OSError:
                digest.update(b"none ")
        elif isinstance(data.source, Arrays):
            digest.update(data.picture(i).tobytes())
    return digest.hexdigest()
