"""From any picture to the names of what a network sees in it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from PIL import Image

from inception_lib.data.datasets import picture_files
from inception_lib.data.decoding import Picture, as_rgb, is_tensor
from inception_lib.distributed import choose_device
from inception_lib.errors import InceptionError, PictureError, WeightsError, printable
from inception_lib.evaluation.plan import scheme
from inception_lib.evaluation.reading import (
    Cut,
    Read,
    cut_views,
    fused,
    in_order,
    read,
    softmax,
    usual_batch,
)
from inception_lib.nn.network import Classifier, Network
from inception_lib.progress import progress_bar
from inception_lib.weights.info import Loaded
from inception_lib.weights.loading import load_weights

#: What says which network: a name, a path, a network, or a network and what is known of it.
AnyWeights: TypeAlias = str | os.PathLike | Network | Classifier | Loaded

_MANY = 10  #: pictures from which on a bar is worth its line


class Guess(NamedTuple):
    """A class that may be in a picture: its name, how probable it is, and the number of its output."""

    name: str
    probability: float
    output: int

    def __str__(self) -> str:
        return f"{100 * self.probability:5.1f} %  {printable(self.name)}"


@dataclass(frozen=True, repr=False)
class Prediction(Sequence[Guess]):
    """What a network sees in a picture: a sequence of guesses, the most probable first.

    Attributes:
        picture: what the picture is called: its path, or its number among those that were given.
        guesses: the most probable classes.
        error: a sentence on why there are none, else empty. Asking for a guess then raises it.
    """

    picture: str
    guesses: tuple[Guess, ...] = ()
    error: str = ""

    def __getitem__(self, index: Any) -> Any:
        """One guess, or a slice of them.

        Raises:
            PictureError: there are none, for the reason that `error` gives.
        """
        if self.error:
            raise PictureError(self.error)
        return self.guesses[index]

    def __len__(self) -> int:
        return len(self.guesses)

    def __repr__(self) -> str:
        return "\n".join([printable(self.picture), *(f"  {line}" for line in self.guesses or [self.error])])


def predict(
    picture: Picture,
    weights: AnyWeights = "bvlc",
    *,
    top: int = 5,
    crops: int = 1,
    device: str | None = None,
) -> Prediction:
    """Name what is in a picture: `predict("cat.jpg")[0].name`.

    Args:
        picture: a path, a Pillow image, an array (height, width, 3) in RGB, or a tensor (3, height, width);
            see `as_rgb`.
        weights: as `predict_many` takes them.
        top: how many classes to name.
        crops: of which the network's probabilities are averaged: 1, 10 or 144.
        device: as `predict_many` takes it.

    Returns:
        Guesses with `name`, `probability` and `output`, the most probable first.

    Raises:
        PictureError: the picture cannot be read, or the network's answer is no number.
        InceptionError: as `predict_many`.
    """
    (found,) = _answers([_named(picture, "the picture")], weights, top, crops, device, None, 0, False)
    if found.error:
        raise PictureError(found.error)
    return found


def predict_many(
    pictures: Iterable[Picture],
    weights: AnyWeights = "bvlc",
    *,
    top: int = 5,
    crops: int = 1,
    device: str | None = None,
    batch: int | None = None,
    workers: int = 4,
    progress: bool = False,
) -> Iterator[Prediction]:
    """Name what is in each of many pictures, in their order.

    Pictures are read by threads, and go through the network in batches. One that cannot be read does not stop
    the others: its prediction has an `error` and no guesses.

    Args:
        pictures: each as `predict` takes it, or a folder, which stands for all pictures below it (none of
            them hidden); or an array or tensor of 4 dimensions, a batch of pictures.
        weights: `bvlc` or `torchvision` (fetched once and kept), the path of a weights file, a network whose
            `info` says how pictures become its input, or both as `load_weights` gives them. A network that is
            given is put into evaluation mode.
        top: how many classes to name.
        crops: of which the network's probabilities are averaged: 1, 10 or 144 (see `plan.scheme`).
        device: cpu, cuda, cuda:1, mps, xpu; the accelerator if there is one. The network is moved there.
        batch: crops that go through the network at once; 32, or 256 on an accelerator.
        workers: threads that read pictures.
        progress: show a bar on stderr if there are more than 10 pictures.

    Returns:
        An iterator of predictions, one for each picture.

    Raises:
        InceptionError: there is no picture; an option is out of its range; the weights cannot be read; the
            device cannot be used.
    """
    found = _all_named(pictures)
    if not found:
        raise PictureError("There is no picture to look at.")
    for name, value in (("batch", batch), ("workers", workers)):
        if value is not None and value < 1:
            raise InceptionError(f"{name} must be at least 1, not {value}.")
    # a pipe that never ends must not keep a thread from ending
    return _answers(found, weights, top, crops, device, batch, workers if len(found) > 1 else 0, progress)


class _Named(NamedTuple):
    """A picture that is opened when its turn comes, and what it is called."""

    name: str
    opened: Callable[[], Image.Image]


def _named(picture: Picture, otherwise: str) -> _Named:
    if isinstance(picture, str | os.PathLike):
        name = os.fspath(picture)
    else:
        name = getattr(picture, "filename", "") or otherwise
    return _Named(str(name), partial(as_rgb, picture))


def _all_named(pictures: Iterable[Picture]) -> list[_Named]:
    if isinstance(pictures, str | os.PathLike):
        pictures = [pictures]
    batch = isinstance(pictures, np.ndarray) or is_tensor(pictures)
    if not isinstance(pictures, Iterable) or (batch and pictures.ndim != 4):  # type: ignore[attr-defined]
        raise PictureError(
            "One picture alone is for predict(); predict_many() takes a list, folder or batch."
        )
    found = []
    for number, picture in enumerate(pictures, 1):
        if isinstance(picture, str | os.PathLike) and os.path.isdir(picture):
            found += _in_folder(Path(picture))
        else:
            found.append(_named(picture, f"picture {number}"))
    return found


def _in_folder(folder: Path) -> list[_Named]:
    """The pictures of a folder; where there are none, one that cannot be opened, and says so."""
    try:
        paths = picture_files(folder)
        if not paths:
            raise PictureError(f"{folder}: there is no picture in this folder.")
    except InceptionError as error:
        why = PictureError(str(error))

        def refuse() -> Image.Image:
            raise why

        return [_Named(str(folder), refuse)]
    return [_named(path, "") for path in paths]


def _answers(
    pictures: Sequence[_Named],
    weights: AnyWeights,
    top: int,
    crops: int,
    device: str | None,
    batch: int | None,
    workers: int,
    progress: bool,
) -> Iterator[Prediction]:
    if top < 1:
        raise InceptionError(f"top must be at least 1, not {top}.")
    scheme(crops)  # refuse another before anything is fetched
    on = choose_device(device)
    loaded = _loaded(weights)
    loaded.network.to(on).eval()
    loaded = fused(loaded, crops * len(pictures))
    return _run(pictures, loaded, top, crops, on, batch or usual_batch(on), workers, progress)


def _loaded(weights: AnyWeights) -> Loaded:
    if isinstance(weights, Classifier):
        weights = weights.network
    if isinstance(weights, Network):
        if weights.info is None:
            raise WeightsError(
                "The network does not say how pictures become its input, nor the names of its classes; give "
                "(network, Weights(...)), or let save_weights write them and give the path."
            )
        return Loaded(weights, weights.info)
    if not isinstance(weights, str | os.PathLike | tuple):
        raise WeightsError(
            f"weights are a name, a path, a Network, or what load_weights gives, not a "
            f"{type(weights).__name__}."
        )
    return Loaded(*weights) if isinstance(weights, tuple) else load_weights(weights, heads=False)


def _run(
    pictures: Sequence[_Named],
    loaded: Loaded,
    top: int,
    crops: int,
    device: torch.device,
    batch: int,
    workers: int,
    progress: bool,
) -> Generator[Prediction, None, None]:
    preprocess = told = loaded.info.preprocess
    if crops == 1:  # by the pre-processing itself, so that it is the same to the pixel
        preprocess = replace(told, resize=told.crop, warp=False)
    tests = {str(crops): scheme(crops, preprocess)}

    def read_one(picture: _Named) -> Read | str:
        opened = (lambda: told.frame(picture.opened())) if crops == 1 else picture.opened
        return read(opened, picture.name, {preprocess: tests})

    waiting: list[Cut | Prediction] = []
    views = 0
    with (
        warnings.catch_warnings(),  # the threads that read change the filters; here they are put back
        closing(in_order(read_one, pictures, workers)) as found,
        progress_bar(progress and len(pictures) > _MANY, total=len(pictures), unit="picture") as bar,
    ):
        for picture, one in zip(pictures, found, strict=True):
            if isinstance(one, str):
                waiting.append(Prediction(picture.name, error=one))
            else:
                cut = cut_views(one, tests, preprocess, device)
                waiting.append(cut)
                views += len(cut.pixels)
            if views >= batch:
                yield from _predictions(waiting, loaded, top, batch)
                bar.update(len(waiting))
                waiting, views = [], 0
        yield from _predictions(waiting, loaded, top, batch)
        bar.update(len(waiting))


@torch.inference_mode()
def _predictions(
    waiting: Sequence[Cut | Prediction], loaded: Loaded, top: int, batch: int
) -> list[Prediction]:
    """The predictions of pictures whose views are cut, in the order of all that wait."""
    cuts = [one for one in waiting if isinstance(one, Cut)]
    if not cuts:
        return [one for one in waiting if isinstance(one, Prediction)]
    (answers,) = softmax([loaded], torch.cat([one.pixels for one in cuts]), batch)
    each = iter(answers.cpu().split([len(one.pixels) for one in cuts]))
    return [
        one if isinstance(one, Prediction) else _guesses(one, (one.weights @ next(each))[0], loaded, top)
        for one in waiting
    ]


def _guesses(one: Cut, probabilities: torch.Tensor, loaded: Loaded, top: int) -> Prediction:
    info = loaded.info
    if not probabilities.isfinite().all():
        return Prediction(one.name, error=f"{one.name}: what {info.name} answers is not a number.")
    best = probabilities.topk(min(top, len(probabilities)))
    return Prediction(
        one.name,
        tuple(
            Guess(info.classes[i] if info.classes else f"class {i}", p, i)
            for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ),
    )
