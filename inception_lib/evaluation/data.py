"""The pictures of a test, labeled with the outputs of the networks that are tested."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from inception_lib.data.datasets import (
    NAMES,
    Arrays,
    Data,
    Files,
    Split,
    class_pictures,
    files_data,
    open_data,
    picture_files,
)
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.sources import folders
from inception_lib.data.splits import split_folder
from inception_lib.errors import DataError, warn
from inception_lib.evaluation.labels import is_imagenet, output_of, outputs_of, read_list, twice
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


def held_out_share(name: str, split: str, infos: Sequence[Weights]) -> float | None:
    """The share of a folder's images that no network trained on, where the folder has no such split itself.

    None where it has one, or where these are not the images of which a network says that they trained it.
    A warning tells of the share that is found; and of one that belongs to other images of the same classes.
    """
    root = Path(name)
    if name in NAMES or split not in ("train", "val") or not root.is_dir() or split_folder(root, split):
        return None
    held_out = [(info, trained) for info in infos for trained in info.trained_on if trained[1] is not None]
    found = [(info, share) for info, (digest, share) in held_out if _trained(name, digest, share)]
    if found:
        info, share = min(found, key=lambda one: one[1] or 0)  # smaller shares are parts of larger ones
        part = "held out" if split == "val" else "that trained it"
        warn(
            f"{root}: {info.name} was trained on images of these names, with a share held out; those {part} "
            f"are tested (--val-share {share:g})."
        )
        return share
    for info, (_, share) in held_out[:1]:
        if info.classes == tuple(folders(root / "train" if (root / "train").is_dir() else root)):
            warn(
                f"{root}: all its images are tested; if {info.name} was trained on some of them, then "
                f"--val-share {share:g} tests those that were held out."
            )
    return None


def warn_of_trained(data: Data, name: str, split: str, infos: Iterable[Weights]) -> None:
    """Warn where pictures of a test trained a network that is tested; `name` is the data set or folder."""
    for info in infos:
        for digest, share in info.trained_on:
            # with a split of its own, a data set's training images are in no other
            train = _trained(name, digest, share) if share is not None or split == "train" else None
            theirs = {train.label_of(i) for i in range(len(train))} if train else set()
            seen = sum(data.label_of(i) in theirs for i in range(len(data)))
            if seen:
                warn(
                    f"{name}: {seen:,} of the {len(data):,} pictures of this test trained {info.name}, so "
                    f"that it does not show how well it does on others."
                )
                break


def _trained(name: str, digest: str, share: float | None) -> Data | None:
    """The images of a folder that train where this share is held out; None if they are not those meant."""
    try:
        found = open_data(name, "train", val_share=share)
    except (DataError, OSError):
        return None
    return found if found.fingerprint() == digest else None


def relabeled(data: Data, info: Weights) -> Data:
    """The data with the outputs of a network as labels.

    Where both have ImageNet's 1000 classes in its order, their order counts and not their names: by short
    names two classes of ImageNet are "crane", and two are "maillot". Else classes are matched by name, or by
    the WordNet ids that either calls them by. Where none of them is among the network's, and there are as
    many, they are matched by their order, which for folders is the alphabet's; a warning says so. A class
    without pictures need not be known.

    Raises:
        DataError: the network does not know a class of the data, or a name does not say which class it is.
    """
    to = _outputs(data, info)
    count = info.architecture.classes
    classes = info.classes or (data.classes if len(data.classes) == count else _usual_names(count))
    # one more at the end, which is what the label -1 finds
    return replace(data, classes=classes, labels=np.asarray([*to, -1], np.int64)[data.labels])


def _usual_names(count: int) -> tuple[str, ...]:
    imagenet = imagenet_classes()
    return imagenet if count == len(imagenet) else tuple(f"class {i}" for i in range(count))


def _outputs(data: Data, info: Weights) -> list[int]:
    """For each class of the data the output that stands for it; no output twice; -1 for none, and unused."""
    if data.classes == info.classes or (is_imagenet(data.classes) and is_imagenet(info.classes or ())):
        return list(range(len(data.classes)))
    known = outputs_of(info)
    found = [known.of(name) for name in data.classes]
    if set(found) == {None} and len(found) == info.architecture.classes:
        if info.classes:
            warn(
                f"{data.name}: {info.name} knows none of its classes by name, and as many others; they are "
                f"matched by order, {data.classes[0]!r} as {info.classes[0]!r} and so on."
            )
        return list(range(len(found)))
    used = set(data.labels.tolist())
    unknown = [name for i, name in enumerate(data.classes) if found[i] is None and i in used]
    if unknown:
        others = f" and {len(unknown) - 1} more of the data's {len(data.classes)} are"
        raise DataError(
            f"{data.name}: {info.name} knows {info.architecture.classes} classes, and {unknown[0]!r}"
            f"{others if len(unknown) > 1 else ' is'} not among them."
        )
    for whose, all_names in (("the data", data.classes), (info.name, info.classes or ())):
        several = [name for name in twice(all_names) if name in data.classes]
        if several:
            raise DataError(
                f"{data.name}: {whose} has more than one class named {several[0]!r}, so that its pictures "
                f"cannot be matched with the outputs of {info.name} by name."
            )
    same = twice([str(output) for output in found if output is not None])
    if same:
        first, second, *_ = (name for i, name in enumerate(data.classes) if str(found[i]) == same[0])
        raise DataError(f"{data.name}: {first!r} and {second!r} are the same class of {info.name}.")
    return [-1 if output is None else output for output in found]


def listed_data(folder: str, split: str, labels: Path, info: Weights) -> Data:
    """The pictures of a folder that a list names, labeled with the outputs of a network.

    Args:
        folder: in which, or in whose folder `split`, the pictures are that are listed, whatever folders are
            between; a picture's ending may be missing in the list. Pictures that are not listed are left out,
            which a warning says.
        split: the name of a folder in it, if there is one.
        labels: the list (see `read_list`): of each picture its name and its class, which is the number of
            an output, a WordNet id, or a name.
        info: of the network.

    Raises:
        DataError: the list or the folder cannot be read; a picture is missing or listed twice, or a class is
            not known. The sentence names the line.
    """
    root = Path(folder)
    if not root.is_dir():
        raise DataError(f"{root}: there is no such folder; a list of labels is for the pictures of a folder.")
    bases = [base for base in (root / split, root) if base.is_dir()]
    there = picture_files(bases[0])
    by_stem = {path.stem: path for path in there}
    outputs, found = outputs_of(info), {}
    for number, name, said in read_list(labels):
        at = f"{labels}: line {number}: "
        paths = (base / name.lstrip("/") for base in bases)
        path = next((path for path in paths if path.is_file()), by_stem.get(name))
        if path is None:
            raise DataError(f"{at}there is no picture {name!r} in {bases[0]}.")
        if path in found:
            raise DataError(f"{at}{name!r} was listed before.")
        try:
            found[path] = output_of(said, outputs, info)
        except DataError as error:
            raise DataError(f"{at}{error}") from None
    left = len(set(there) - found.keys())
    if left:
        warn(f"{bases[0]}: {left:,} of its {len(there):,} pictures are not in {labels}, and are left out.")
    classes = info.classes or _usual_names(info.architecture.classes)
    return files_data(root.name or root.resolve().name, classes, root, found, list(found.values()))


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
