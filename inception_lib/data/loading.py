"""From data sets to batches: order, reading and augmentation, the same for any number of processes.

What a batch holds depends on the run's seed, the epoch and the image's number only; not on how many worker
processes read, how they were started, or where a run was interrupted.
"""

from __future__ import annotations

import multiprocessing
import random
import signal
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from inception_lib.data.augmentation import Augment, Draw, draw
from inception_lib.data.compiled import augmented, augmented_file, compiled
from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess
from inception_lib.data.resident import Resident, as_numbers
from inception_lib.distributed import cores
from inception_lib.errors import DataError


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
    @property
    def keep(self) -> str: ...
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


def drawn(how: Loading, epoch: int, index: int, size: tuple[int, int]) -> Draw:
    """What becomes in that epoch of the image of that number, which has (width, height) pixels."""
    rng = random.Random(f"{how.seed} {epoch} {index}")
    return draw(how.augment, size, how.input_size, how.resize, rng)


class _Samples(Dataset):
    """The image asked for in uint8 and its label, or a sentence on why not."""

    def __init__(
        self, train: Data | None, val: Data | None, how: Loading, preprocess: Preprocess | None
    ) -> None:
        self.train, self.val = train, val
        self.preprocess = preprocess or how.preprocess()
        self.how = how

    def __getitem__(self, which: _Wanted) -> tuple[np.ndarray, int] | str:
        training, epoch, index = which
        data = self.train if training else self.val
        assert data is not None
        chance = partial(drawn, self.how, epoch, index)
        path = data.path(index) if training else None
        pixels = None if path is None else augmented_file(path, chance, self.how.input_size)
        if pixels is None:
            picture = data.picture_or_why_not(index)
            if isinstance(picture, str):
                return picture
            if training:
                pixels = augmented(picture, chance(picture.size), self.how.input_size)
            else:
                pixels = np.asarray(self.preprocess.frame(picture))
        return pixels, int(data.labels[index])


class _Draws(Dataset):
    """What chance decides for the image asked for, whose pixels are elsewhere."""

    def __init__(self, sizes: np.ndarray, how: Loading) -> None:
        self.sizes, self.how = sizes, how

    def __getitem__(self, which: _Wanted) -> np.ndarray:
        _, epoch, index = which
        width, height = (int(side) for side in self.sizes[index])
        return as_numbers(index, drawn(self.how, epoch, index, (width, height)))


def _stack(draws: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(draws))


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
        smaller = 2 ** (max(1, length // 2).bit_length() - 1)  # which several processes can mostly divide
        raise DataError(
            f"{length} training images do not fill one batch of {batch}; use a smaller one "
            f"(--batch {smaller}; in Python replace(recipe, batch={smaller}))."
        )
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
        device: where images are kept that are decoded only once, if the run keeps them.
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
        device: torch.device | None = None,
        start: str | None = None,
        preprocess: Preprocess | None = None,
    ) -> None:
        self.train, self.val, self.how, self.rank, self.world = train, val, how, rank, world
        self._parts: list[list[_Wanted]] = []
        default = multiprocessing.get_start_method(allow_none=False)
        if start is None and default == "fork" and (world > 1 or pin):
            start = "spawn"
        self._kept: Resident | None = None
        self._frames: Resident | None = None
        if how.keep == "device":
            device = device or torch.device("cpu")
            self._kept = None if train is None else Resident(train, device)
            self._frames = (
                None if val is None else Resident(val, device, frames=preprocess or how.preprocess())
            )
        workers = min(how.workers, cores())  # more would only wait for each other
        if train is not None and self._kept is None:
            compiled()  # here, so that workers find it ready
        kept = None if self._kept is None else _Draws(self._kept.sizes, how)
        self._loader = DataLoader(
            kept or _Samples(train, val, how, preprocess),
            batch_sampler=self._parts,
            collate_fn=_stack if kept else _collate,
            num_workers=workers,
            pin_memory=pin and not kept,
            persistent_workers=workers > 0,
            multiprocessing_context=(start or default) if workers else None,
            worker_init_fn=_leave_signals_to_the_trainer,
        )

    def training(self, epoch: int, *, skip: int = 0) -> Iterator[Batch]:
        """This process's parts of one epoch's batches, after the first `skip` batches."""
        assert self.train is not None
        whole, share = self.how.batch, self.how.batch // self.world
        order = training_order(len(self.train), self.how.seed, epoch)
        starts = range(skip * whole, updates_per_epoch(len(self.train), whole) * whole, whole)
        first = self.rank * share
        loaded = self._load(
            [(True, epoch, int(i)) for i in order[start + first : start + first + share]] for start in starts
        )
        return loaded if self._kept is None else map(self._augmented, loaded)

    def validation(self) -> Iterator[Batch]:
        """All images once, in order: every `world`-th for this process, as many batches for each process."""
        assert self.val is not None
        size = max(1, min(256, self.how.batch))
        mine = range(self.rank, len(self.val), self.world)
        longest = range(0, len(range(0, len(self.val), self.world)), size)
        if self._frames is not None:
            return (self._framed(self._frames, mine[start : start + size]) for start in longest)
        return self._load([(False, 0, i) for i in mine[start : start + size]] for start in longest)

    def _load(self, parts: Iterator[list[_Wanted]]) -> Iterator[Any]:
        self._parts[:] = parts
        return iter(self._loader)

    def _augmented(self, draws: Tensor) -> Batch:
        assert self._kept is not None
        which = draws[:, 0].long()
        bad = [self._kept.bad[i] for i in which.tolist() if i in self._kept.bad]
        if bad:
            draws = draws[[i not in self._kept.bad for i in which.tolist()]]
            which = draws[:, 0].long()
        size = self.how.input_size
        if not len(draws):
            return Batch(torch.empty(0, size, size, 3, dtype=torch.uint8), torch.empty(0).long(), bad)
        return Batch(self._kept.augmented(draws, size), self._kept.labels[which], bad)

    def _framed(self, frames: Resident, which: range) -> Batch:
        bad = [frames.bad[i] for i in which if i in frames.bad]
        good = slice(None) if not bad else [i not in frames.bad for i in which]
        return Batch(
            frames.frames(which)[good], frames.labels[which.start : which.stop : which.step][good], bad
        )
