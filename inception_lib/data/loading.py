"""From data sets to batches: order, reading and augmentation, the same for any number of processes.

What a batch holds depends on the run's seed, the epoch and the image's number only; not on how many worker
processes read, how they were started, or where a run was interrupted.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
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
    """Images (n, size, size, 3) in uint8, labels (n,), and a sentence for each that could not be read.

    Bytes, since they are a quarter of the floats on the way to a GPU; `Preprocess.batch` makes the network's
    input of them there.
    """

    pictures: Tensor
    labels: Tensor
    bad: list[str]


#: An image on its way: whether it trains, in which epoch, and its number.
_Wanted = tuple[bool, int, int]


class _Samples(Dataset):
    """The image asked for in uint8 and its label, or a sentence on why not."""

    def __init__(
        self, train: Data | None, val: Data | None, how: Loading, preprocess: Preprocess | None
    ) -> None:
        self.train, self.val = train, val
        self.preprocess = preprocess or how.preprocess()
        self.seed, self.augment, self.size, self.resize = how.seed, how.augment, how.input_size, how.resize

    def __getitem__(self, which: _Wanted) -> tuple[np.ndarray, int] | str:
        training, epoch, index = which
        data = self.train if training else self.val
        assert data is not None
        try:
            picture = data.picture(index)
        except PictureError as error:
            return str(error)
        except OSError as error:
            return f"{data.label_of(index)}: cannot be read ({error})."
        if training:
            rng = random.Random(f"{self.seed} {epoch} {index}")
            picture = AUGMENTATIONS[self.augment](picture, self.size, self.resize, rng)
        else:
            picture = self.preprocess.frame(picture)
        return np.asarray(picture), int(data.labels[index])


def _collate(samples: list[tuple[np.ndarray, int] | str]) -> Batch:
    good = [sample for sample in samples if not isinstance(sample, str)]
    bad = [sample for sample in samples if isinstance(sample, str)]
    pictures = np.stack([picture for picture, _ in good]) if good else np.empty((0, 1, 1, 3), np.uint8)
    return Batch(torch.from_numpy(pictures), torch.tensor([label for _, label in good]), bad)


def _leave_signals_to_the_trainer(worker: int) -> None:
    """A stop goes to the whole process group; workers that died of it would take the last updates along."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def training_order(length: int, seed: int, epoch: int) -> np.ndarray:
    """The order of the images in one epoch, (length,) in int64; it depends on the seed only."""
    generator = torch.Generator().manual_seed(int(np.random.SeedSequence([seed, epoch]).generate_state(1)[0]))
    return torch.randperm(length, generator=generator).numpy()


def updates_per_epoch(length: int, batch: int) -> int:
    """Whole batches; the images left over are seen in another epoch.

    Raises:
        DataError: there are fewer images than a batch holds.
    """
    if length < batch:
        raise DataError(f"{length} training images do not fill one batch of {batch}; use a smaller --batch.")
    return length // batch


class Loader:
    """The batches of a run, for process `rank` of `world`.

    Worker processes are started once and kept from epoch to epoch, and read for training and validation both.
    Where several processes train together, or a GPU is in use, workers are not forked: a fork copies locks
    that threads of NCCL, gloo or CUDA may hold at that moment.

    Args:
        train: the split that trains, if there is one.
        val: the split that validates, if there is one.
        how: seed, batch, augmentation, sizes and the number of workers.
        rank: of this process.
        world: processes that share each batch.
        pin: put batches into page-locked memory, from which a GPU copies while it computes.
        start: how workers are started: `fork`, `spawn` or `forkserver`; chosen where None.
        preprocess: what validation does to a picture; as `how` has it, where None.
    """

    def __init__(
        self,
        train: Data | None,
        val: Data | None,
        how: Loading,
        *,
        rank: int = 0,
        world: int = 1,
        pin: bool = False,
        start: str | None = None,
        preprocess: Preprocess | None = None,
    ) -> None:
        self.train, self.val, self.how, self.rank, self.world = train, val, how, rank, world
        self._parts: list[list[_Wanted]] = []
        default = multiprocessing.get_start_method(allow_none=False)
        if start is None and default == "fork" and (world > 1 or pin):
            start = "spawn"
        self._loader = DataLoader(
            _Samples(train, val, how, preprocess),
            batch_sampler=self._parts,
            collate_fn=_collate,
            num_workers=how.workers,
            pin_memory=pin,
            persistent_workers=how.workers > 0,
            multiprocessing_context=(start or default) if how.workers else None,
            worker_init_fn=_leave_signals_to_the_trainer,
        )

    def training(self, epoch: int, *, skip: int = 0) -> Iterator[Batch]:
        """This process's parts of one epoch's batches, after the first `skip` batches."""
        assert self.train is not None
        whole, share = self.how.batch, self.how.batch // self.world
        order = training_order(len(self.train), self.how.seed, epoch)
        starts = range(skip * whole, updates_per_epoch(len(self.train), whole) * whole, whole)
        first = self.rank * share
        return self._load(
            [(True, epoch, int(i)) for i in order[start + first : start + first + share]] for start in starts
        )

    def validation(self) -> Iterator[Batch]:
        """All images once, in order: every `world`-th for this process, as many batches for each process."""
        assert self.val is not None
        size = max(1, min(256, self.how.batch))
        mine = range(self.rank, len(self.val), self.world)
        longest = range(0, len(range(0, len(self.val), self.world)), size)
        return self._load([(False, 0, i) for i in mine[start : start + size]] for start in longest)

    def _load(self, parts: Iterator[list[_Wanted]]) -> Iterator[Batch]:
        self._parts[:] = parts
        return iter(self._loader)
