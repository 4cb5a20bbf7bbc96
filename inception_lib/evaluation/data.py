"""The pictures of a test, labeled with the outputs of the networks that are tested."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from inception_lib.data.datasets import NAMES, Data, Split, class_pictures, open_data
from inception_lib.errors import DataError
from inception_lib.weights.info import Weights


def open_test_data(name: str, split: str = "val", *, download: bool = False) -> Data:
    """The pictures of a test: a split of a data set, or a folder.

    Args:
        name: a data set as `open_data` has it (`shapes` has a split `test` too); or a folder with
            `SPLIT/CLASS/` or `CLASS/` in it; or a folder of pictures, which then have the label -1: none.
        split: of the data set or folder.
        download: fetch the data set if it is not there.

    Raises:
        DataError: there is no such data set or folder, no such split, or no picture.
    """
    if name in NAMES:
        if split not in ("train", "val", "test") or (split == "test" and name != "shapes"):
            raise DataError(f"{name}: has no split {split!r}.")
        return open_data(name, cast(Split, split), download=download)
    root = Path(name)
    if not root.is_dir():
        raise DataError(
            f"{root}: there is no such folder, and no data set of that name (there are {', '.join(NAMES)})."
        )
    found = class_pictures(root / split if (root / split).is_dir() else root)
    return replace(found, name=root.name)


def relabeled(data: Data, info: Weights) -> Data:
    """The data with the outputs of a network as labels.

    Classes are matched by their names; where none is among the network's, and there are as many, by their
    order, which for folders is the alphabet's: ImageNet's synsets are in that order.

    Raises:
        DataError: the network does not know a class of the data.
    """
    outputs, names = info.architecture.classes, info.classes
    known = {name: i for i, name in enumerate(names or ())}
    unknown = [c for c in data.classes if c not in known]
    if not unknown:
        to = [known[c] for c in data.classes]
    elif len(unknown) == len(data.classes) == outputs:
        to = list(range(outputs))
    else:
        raise DataError(
            f"{data.name}: {info.name} knows {outputs} classes, and {unknown[0]!r}"
            + (
                f" and {len(unknown) - 1} more of the data's {len(data.classes)} are"
                if len(unknown) > 1
                else " is"
            )
            + " not among them."
        )
    classes = names or tuple(data.classes[i] if unknown else f"class {i}" for i in range(outputs))
    return replace(data, classes=classes, labels=[to[n] if n >= 0 else -1 for n in data.labels])


def evenly(data: Data, count: int) -> Data:
    """Only so many of the pictures, spread evenly over the data.

    Raises:
        DataError: there are not so many.
    """
    if not 1 <= count <= len(data):
        raise DataError(f"{data.name}: has {len(data)} pictures, and {count} of them are wanted.")
    which = [i * len(data) // count for i in range(count)]
    return replace(
        data,
        labels=[data.labels[i] for i in which],
        picture=lambda i: data.picture(which[i]),
        label_of=lambda i: data.label_of(which[i]),
    )
