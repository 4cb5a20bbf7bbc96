"""From a data set to batches: reading, augmentation and order, the same for any number of processes."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from inception_lib.data.augmentation import AUGMENTATIONS, Augment
from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess
from inception_lib.errors import DataError, PictureError


class Loading(Protocol):
    """What decides the batches of a run; a `Recipe` has it all."""

    @property
    def seed(self) -> int: ...
    @property
    def batch(self) -> int: ...
    @property
    def augment(self) -> Augment: ...
    @property
    def input_size(self) -> int: ...
    @property
    def resize(self) -> int: ...
    @property
    def workers(self) -> int: ...
    def preprocess(self) -> Preprocess: ...


class Batch(NamedTuple):
    """Pictures (n, size, size, 3) in uint8, labels (n,), and a sentence for each that could not be read.

    Bytes, since they are a quarter of the floats on the way to a GPU; `normalized` makes the network's input.
    """

    pictures: Tensor
    labels: Tensor
    bad: list[str]


class _Samples(Dataset):
    """Samples by (epoch, index): the picture in uint8 and its label, or a sentence on why not."""

    def __init__(self, data: Data, recipe: Loading, training: bool) -> None:
        self.data, self.recipe, self.training = data, recipe, training
        self.preprocess: Preprocess = recipe.preprocess()

    def __getitem__(self, which: tuple[int, int]) -> tuple[np.ndarray, int] | str:
        epoch, index = which
        try:
            picture = self.data.picture(index)
        except PictureError as error:
            return str(error)
        except OSError as error:
            return f"{self.data.label_of(index)}: cannot be read ({error})."
        if self.training:
            rng = random.Random(f"{self.recipe.seed} {epoch} {index}")
            picture = AUGMENTATIONS[self.recipe.augment](
                picture, self.recipe.input_size, self.recipe.resize, rng
            )
        else:
            picture = self.preprocess.frame(picture)
        return np.asarray(picture), self.data.labels[index]


def normalized(pictures: Tensor, preprocess: Preprocess) -> Tensor:
    """Pictures (n, height, width, 3) in uint8 as `preprocess.batch` makes them: (n, 3, height, width)."""
    return preprocess.batch(pictures)


def _collate(samples: list[tuple[np.ndarray, int] | str]) -> Batch:
    good = [sample for sample in samples if not isinstance(sample, str)]
    bad = [sample for sample in samples if isinstance(sample, str)]
    pictures = np.stack([picture for picture, _ in good]) if good else np.empty((0, 1, 1, 3), np.uint8)
    return Batch(torch.from_numpy(pictures), torch.tensor([label for _, label in good]), bad)


def training_order(length: int, recipe: Loading, epoch: int) -> Tensor:
    """The order of the pictures in one epoch; it depends on the seed and on nothing else."""
    generator = torch.Generator().manual_seed(
        int(np.random.SeedSequence([recipe.seed, epoch]).generate_state(1)[0])
    )
    return torch.randperm(length, generator=generator)


def updates_per_epoch(length: int, recipe: Loading) -> int:
    """Whole batches; the pictures left over are seen in another epoch.

    Raises:
        DataError: there are fewer pictures than a batch holds.
    """
    if length < recipe.batch:
        raise DataError(
            f"{length} training pictures do not fill one batch of {recipe.batch}; use a smaller --batch."
        )
    return length // recipe.batch


def training_batches(
    data: Data, recipe: Loading, epoch: int, *, skip: int = 0, rank: int = 0, world: int = 1
) -> Iterator[Batch]:
    """The parts of one epoch's batches that belong to process `rank`, after the first `skip` batches."""
    order, share = training_order(len(data), recipe, epoch), recipe.batch // world
    parts = [
        [(epoch, i) for i in order[step * recipe.batch + rank * share :][:share].tolist()]
        for step in range(skip, updates_per_epoch(len(data), recipe))
    ]
    return _load(_Samples(data, recipe, training=True), parts, recipe)


def validation_batches(data: Data, recipe: Loading, *, rank: int = 0, world: int = 1) -> Iterator[Batch]:
    """All pictures once, in order; process `rank` of `world` gets every `world`-th."""
    mine = range(rank, len(data), world)
    size = max(1, min(256, recipe.batch))
    parts = [[(0, i) for i in mine[start : start + size]] for start in range(0, len(mine), size)]
    return _load(_Samples(data, recipe, training=False), parts, recipe)


def _load(samples: _Samples, parts: list[list[tuple[int, int]]], recipe: Loading) -> Iterator[Batch]:
    return iter(
        DataLoader(
            samples,
            batch_sampler=parts,
            collate_fn=_collate,
            num_workers=recipe.workers,
            pin_memory=torch.cuda.is_available(),
        )
    )
