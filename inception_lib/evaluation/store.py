"""What is kept of a test: the answers of each network, in parts that survive an interruption."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from inception_lib.errors import DataError
from inception_lib.evaluation.plan import POOLS, Pool

Array = np.ndarray
PART = 32  #: pictures between two files; what an interruption costs at most, for each process
ABOUT, FORMAT = "test.json", 1


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
        found = [read_part(path, (key,))[key] for path in part_paths(self.folder / network, self.pictures)]
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
    n, read, skipped = len(about["labels"]), [], {}
    for network in about["networks"]:
        paths = part_paths(folder / network, n)
        if not all(path.exists() for path in paths):
            raise DataError(f"{folder}: the test is not finished; --resume goes on with it.")
        parts = [read_part(path, ("index",)) for path in paths]
        read.append(np.concatenate([part["index"].numpy() for part in parts]))
        skipped = {int(i): why for part in parts for i, why in part["skipped"].items()}
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


def part_paths(folder: Path, pictures: int) -> list[Path]:
    """The files of one network's answers, a file for each `PART` pictures."""
    return [folder / f"{start:08d}.safetensors" for start in range(0, pictures, PART)]


def read_part(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """The tensors named, and why pictures of this part were skipped.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        with safe_open(path, framework="pt") as file:
            found = {key: file.get_tensor(key) for key in keys}
            return found | {"skipped": json.loads(file.metadata()["skipped"])}
    except (OSError, SafetensorError) as error:
        raise DataError(f"{path}: cannot be read ({' '.join(str(error).split()).rstrip('.')}).") from None
