"""What is kept of a test: the answers of each network, in parts that survive an interruption."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from inception_lib.errors import DataError
from inception_lib.evaluation.plan import POOLS, Pool
from inception_lib.files import replacing

Array = np.ndarray
PART = 32  #: images between two files; what an interruption costs at most, for each process
ABOUT, FORMAT = "test.json", 2


@dataclass(frozen=True)
class Tested:
    """What came of a test, in a folder: for each network and part of the pictures one safetensors file.

    `networks` are the names of the subfolders; `crops` the names of the tests ("1", "144"). `read` are the
    indices of the pictures that could be read, and `labels` their labels; `skipped` says why the others could
    not.
    """

    folder: Path
    data: str
    pictures: int
    classes: tuple[str, ...]
    networks: tuple[str, ...]
    crops: tuple[str, ...]
    read: Array
    labels: Array
    skipped: Mapping[int, str]

    def of_network(self, network: str, crops: str | int, pool: Pool = "mean") -> Array:
        """Probabilities (pictures read, classes) in float32 of one network, over crops."""
        if str(crops) not in self.crops or network not in self.networks or pool not in POOLS:
            raise DataError(f"{self.folder}: holds no {pool} over {crops} crops of {network!r}.")
        key = f"{crops}.{pool}"
        found = [read_part(path)[0][key] for path in part_paths(self.folder / network, self.pictures)]
        return torch.cat(found).numpy()

    def stacked(self, crops: str | int, pool: Pool = "mean") -> Array:
        """Probabilities (networks, pictures read, classes)."""
        return np.stack([self.of_network(n, crops, pool) for n in self.networks])

    def probabilities(self, crops: str | int, pool: Pool = "mean") -> Array:
        """Probabilities (pictures read, classes), averaged over the networks, which are read one by one."""
        first, *others = self.networks
        total = self.of_network(first, crops, pool)
        for network in others:
            total = total + self.of_network(network, crops, pool)
        return total / len(self.networks)


def open_test(folder: Path) -> Tested:
    """What an earlier `evaluate` left in a folder.

    Raises:
        DataError: there is none, or it was not finished.
    """
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        raise DataError(f"{folder}: holds no test.") from None
    if not isinstance(about, dict) or about.get("format") not in (1, FORMAT):
        raise DataError(f"{folder / ABOUT}: is not of a test, or of a version that cannot be read here.")
    n, read = len(about["labels"]), []
    skipped: dict[int, str] = {}
    for network in about["networks"]:
        paths, seen = part_paths(folder / network, n), []
        if not all(path.exists() for path in paths):
            raise DataError(f"{folder}: the test is not finished; --resume goes on with it.")
        for path in paths:
            tensors, why = read_part(path, check=True)
            seen.append(tensors["index"].numpy().copy())
            skipped |= why
        read.append(np.concatenate(seen))
    if not all(np.array_equal(index, read[0]) for index in read):
        raise DataError(f"{folder}: the networks have not seen the same pictures; test them in a new folder.")
    return Tested(
        folder,
        about["data"],
        n,
        tuple(about["classes"]),
        tuple(about["networks"]),
        tuple(about["crops"]),
        read[0],
        np.asarray(about["labels"])[read[0]],
        skipped,
    )


@contextmanager
def claimed(folder: Path, about: dict[str, Any], resume: bool) -> Iterator[None]:
    """Begin a test in a folder, or go on with it, and keep other tests out until the block ends.

    Args:
        folder: is made if need be.
        about: what the folder says of the test; all but `networks` must be the same for going on with it.
        resume: whether the folder may hold a test.

    Raises:
        DataError: it holds a test that is not to be resumed, or another one; another process is writing
            there; it cannot be written.
    """
    path, lock = folder / ABOUT, FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
        _compare(path, about, resume)
        for key in about["networks"]:
            (folder / key).mkdir(exist_ok=True)
        with replacing(path) as new:
            new.write_text(json.dumps(about, allow_nan=False), encoding="utf-8")
    except Timeout:
        raise DataError(f"{folder}: another test is writing there; --out names another folder.") from None
    except OSError as error:
        raise DataError(f"{folder}: cannot be written ({error.strerror or error}).") from None
    try:
        yield
    finally:
        lock.release()


def _compare(path: Path, about: dict[str, Any], resume: bool) -> None:
    if not path.exists():
        return
    if not resume:
        raise DataError(
            f"{path.parent}: holds a test already; --resume goes on with it, --out names another folder."
        )
    try:
        old = json.loads(path.read_text(encoding="utf-8"))
        changed = [key for key in about if key != "networks" and old.get(key) != about[key]]
    except (OSError, ValueError, AttributeError):
        raise DataError(f"{path}: is damaged; --out names another folder.") from None
    if changed:
        raise DataError(
            f"{path.parent}: holds a test of other data or with other crops (another "
            f"{', '.join(changed)}); --out names another folder."
        )


def part_paths(folder: Path, pictures: int) -> list[Path]:
    """The files of one network's answers, a file for each `PART` pictures."""
    return [folder / f"{start:08d}.safetensors" for start in range(0, pictures, PART)]


def write_part(path: Path, tensors: Mapping[str, Tensor], skipped: Mapping[int, str], stamp: str) -> None:
    """Write one network's answers for one part of the images.

    Args:
        path: where to.
        tensors: on the CPU, by name.
        skipped: why images of this part could not be read.
        stamp: of the images (see `data.stamp`).

    Raises:
        DataError: the file cannot be written.
    """
    said = {"skipped": json.dumps(skipped, allow_nan=False), "stamp": stamp, "checksum": _checksum(tensors)}
    try:
        with replacing(path) as new:
            new.write_bytes(save(dict(tensors), said))
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from None


def read_part(path: Path, *, check: bool = False) -> tuple[dict[str, Tensor], dict[int, str]]:
    """The tensors of a part, and why images of it were skipped.

    Args:
        path: of the file.
        check: whether its numbers are still those that were written.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        tensors, said = _read(path)
        if check and said.get("checksum", "") not in ("", _checksum(tensors)):
            raise ValueError("it is damaged")
        return tensors, {int(i): why for i, why in json.loads(said["skipped"]).items()}
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        said_of = error.strerror if isinstance(error, OSError) else " ".join(str(error).split()).rstrip(".")
        raise DataError(f"{path}: cannot be read ({said_of}); --resume makes it anew.") from None


def why_anew(path: Path, stamp: str) -> str | None:
    """Why a part that was written must be made anew, as the end of a sentence; None if it need not be."""
    try:
        tensors, said = _read(path)
    except (OSError, SafetensorError, ValueError):
        return "it is damaged"
    if said.get("checksum") != _checksum(tensors):
        return "it is damaged"
    return None if said.get("stamp") == stamp else "its images have changed since"


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    content = path.read_bytes()  # safetensors opens no file whose name is not text
    tensors = load(content)
    length = int.from_bytes(content[:8], "little")
    return tensors, json.loads(content[8 : 8 + length]).get("__metadata__", {})


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256()
    for key in sorted(tensors):
        digest.update(f"{key} {tuple(tensors[key].shape)} ".encode())
        digest.update(tensors[key].contiguous().numpy().tobytes())
    return digest.hexdigest()
