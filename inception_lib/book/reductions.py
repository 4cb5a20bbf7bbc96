"""What the learned 1x1 reductions keep of their input, beside principal components of the same number.

A 1x1 reduction from C to k channels gives, at each place, k numbers in the stead of C. How much of the input
can be told back from them? For any k numbers z(x) the best linear guess of x has some mean squared error, and

    kept = 1 - (squared error of the best linear guess) / (squared deviation from the mean)

is the share of variance kept. Among linear maps onto k channels the first k principal components keep most
(Pearson 1901), so they bound a trained reduction from above; random maps show what chance gives.

All quantities come from first and second moments, so that any number of places fits in memory. The shares
describe the photographs they are measured on. To see how far they carry over, the components and the guesses
are also fitted on all photographs but one and measured on the one left out, in turn.

What the first 0, 1, ... C components keep is the curve of a module's input: what a reduction of any width,
trained or not, could keep at most. Both reductions of a module read the same input.

`python benchmarks/reductions.py --weights bvlc --record` measures the trained network on the photographs
that scikit-image ships and writes `data/results/reductions_pca.json`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image

from inception_lib.book.photographs import PHOTOGRAPHS as PHOTOGRAPHS
from inception_lib.book.photographs import photographs as photographs
from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Activation, Network, activations

SIDES = (256, 288, 320, 352)  #: shorter sides at which each photograph is looked at: the paper's test scales
GRID = 3  #: 224x224 views per scale, along each side
RESULT = "reductions_pca"


class Kept(NamedTuple):
    """Shares of the variance of one reduction's input that are kept; at most 1.

    Of `in_channels`: `pca` keeps the first `width` principal components, `linear` what the trained 1x1 gives
    before its ReLU, `relu` what it gives after, `random` the mean of `RANDOM_DRAWS` Gaussian maps.
    `equivalent` is the smallest number of principal components that keeps as much as `linear`.
    `..._carried` is measured on photographs left out of the fit; it is below 0 where the guess is worse than
    the mean of the other photographs.
    """

    path: str
    in_channels: int
    width: int
    pca: float
    linear: float
    relu: float
    random: float
    equivalent: int
    pca_carried: float
    linear_carried: float


RANDOM_DRAWS = 5


class Measured(NamedTuple):
    """`kept` of each reduction, in order; and the `curves` of the modules' inputs, by name of the module."""

    kept: list[Kept]
    curves: dict[str, list[float]]


@dataclass
class Moments:
    """Sums over places of z, and of z zᵀ, for vectors z = (x, y): an input and what is made of it."""

    places: int
    first: np.ndarray
    second: np.ndarray

    @classmethod
    def of(cls, *parts: np.ndarray) -> Moments:
        """Of arrays (places, channels), set side by side."""
        z = np.concatenate([np.asarray(part, dtype=np.float64) for part in parts], axis=1)
        return cls(len(z), z.sum(0), z.T @ z)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.places + other.places, self.first + other.first, self.second + other.second)

    def head(self, channels: int) -> Moments:
        """Of the first components only."""
        return Moments(self.places, self.first[:channels], self.second[:channels, :channels])

    def about(self, center: np.ndarray) -> np.ndarray:
        """Sum over places of (z - center)(z - center)ᵀ."""
        cross = np.outer(self.first, center)
        return self.second - cross - cross.T + self.places * np.outer(center, center)

    @property
    def mean(self) -> np.ndarray:
        return self.first / self.places


def squared_error(fit: Moments, test: Moments, channels: int) -> tuple[float, float]:
    """How well x is guessed from y, where z = (x, y) and x has `channels` components.

    The linear guess is fitted on `fit`. Returns its squared error on `test`, and the squared deviation of x
    there from the mean of `fit`, both summed over places and channels.
    """
    train, held_out = fit.about(fit.mean), test.about(fit.mean)
    x, y = slice(0, channels), slice(channels, None)
    # a ReLU may leave a channel at zero everywhere: the pseudo-inverse gives it no part in the guess
    guess = train[x, y] @ np.linalg.pinv(train[y, y], rcond=1e-10, hermitian=True)
    total = np.trace(held_out[x, x])
    error = total - 2 * np.sum(guess * held_out[x, y]) + np.sum((guess @ held_out[y, y]) * guess)
    return float(error), float(total)


def principal_errors(fit: Moments, test: Moments) -> tuple[np.ndarray, float]:
    """Squared error on `test` of keeping the first 0, 1, ... C components of `fit`; and its deviation."""
    held_out = test.about(fit.mean)
    _, vectors = np.linalg.eigh(fit.about(fit.mean))
    caught = np.einsum("ck,cd,dk->k", vectors, held_out, vectors, optimize=True)[::-1]
    total = float(np.trace(held_out))
    return total - np.concatenate([[0.0], np.cumsum(caught)]), total


def mapped(x: Moments, weight: np.ndarray) -> Moments:
    """Moments of (x, W x) from those of x; a bias would change no linear guess, so there is none."""
    across = weight @ x.second
    second = np.block([[x.second, across.T], [across, across @ weight.T]])
    return Moments(x.places, np.concatenate([x.first, weight @ x.first]), second)


def views(picture: Image.Image, preprocess: Preprocess) -> Iterator[torch.Tensor]:
    """The photograph at four scales, nine overlapping views of each: tensors (9, 3, crop, crop)."""
    crop = preprocess.crop
    for side in SIDES:
        scale = side * crop / 224 / min(picture.size)
        width, height = (max(crop, round(s * scale)) for s in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BICUBIC)
        corners = [
            (round(i * (width - crop) / (GRID - 1)), round(j * (height - crop) / (GRID - 1)))
            for j in range(GRID)
            for i in range(GRID)
        ]
        yield torch.stack(
            [preprocess.tensor(resized.crop((left, top, left + crop, top + crop))) for left, top in corners]
        )


def reduction_paths(network: Network) -> list[str]:
    """The 1x1 reductions in front of the 3x3 and 5x5 convolutions of all modules, in order."""
    return [
        f"{module.name}/{layer.name}"
        for module in network.architecture.layers
        for branch in getattr(module, "branches", ())
        for layer in branch.layers
        if layer.name.endswith("_reduce")
    ]


@torch.inference_mode()
def measure(
    network: Network,
    preprocess: Preprocess,
    pictures: Iterable[Image.Image],
    *,
    seed: int = 0,
    progress: bool = True,
) -> Measured:
    """What each reduction of a trained network keeps of its input, on some photographs.

    Args:
        network: with Inception modules; it is run in `eval`.
        preprocess: what its weights were trained with.
        pictures: two at least, since each is held out once.
        seed: of the random maps.
        progress: show a bar on stderr.

    Raises:
        InceptionError: fewer than two pictures, or a network without reductions.
    """
    from tqdm import tqdm

    pictures, paths = list(pictures), reduction_paths(network)
    if len(pictures) < 2:
        raise InceptionError(f"{len(pictures)} picture: to hold one out, two are needed at least.")
    if not paths:
        raise InceptionError(f"{network.architecture.name}: has no Inception module with 1x1 reductions.")
    network.eval()
    device = next(network.parameters()).device
    moments: list[dict[str, Moments]] = []  # of (x, relu(Wx + b)), by picture and by reduction
    for picture in tqdm(pictures, desc="photographs", disable=not progress):
        of_picture: dict[str, Moments] = {}
        for batch in views(picture, preprocess):
            seen = activations(network, batch.to(device), paths)
            # the reductions of a module share their input, and what it takes to multiply it by itself
            for _, some in groupby(paths, key=lambda path: path.partition("/")[0]):
                for path, new in _of_module({path: seen[path] for path in some}).items():
                    of_picture[path] = of_picture[path] + new if path in of_picture else new
        moments.append(of_picture)
    rng = np.random.default_rng(seed)
    weights = network.state_dict()
    kept: list[Kept] = []
    curves: dict[str, np.ndarray] = {}
    left_out: list[np.ndarray] = []
    for path in tqdm(paths, desc="reductions", disable=not progress):
        weight = weights[f"{path.replace('/', '.')}.conv.weight"].flatten(1).cpu().numpy()
        of_path = [of_picture[path] for of_picture in moments]
        module = path.partition("/")[0]
        if module not in curves:  # what depends on the input alone is the same for its other reductions
            inputs = [m.head(weight.shape[1]) for m in of_path]
            curves[module] = _curve(_sum(inputs))
            left_out = [principal_errors(fit, test)[0] for fit, test in _folds(inputs)]
        kept.append(_kept(path, weight, of_path, curves[module], left_out, rng))
    return Measured(kept, {module: curve.tolist() for module, curve in curves.items()})


def _of_module(seen: dict[str, Activation]) -> dict[str, Moments]:
    """Moments of the input and the output of each reduction of one module, whose inputs are one tensor."""
    first = next(iter(seen.values()))
    both = first.input, *(one.output for one in seen.values())
    flat = [t.movedim(1, -1).flatten(0, -2).cpu().numpy() for t in both]
    together = Moments.of(*flat)
    channels = flat[0].shape[1]
    found, start = {}, channels
    for path, output in zip(seen, flat[1:], strict=True):
        own = np.r_[:channels, start : start + output.shape[1]]
        found[path] = Moments(together.places, together.first[own], together.second[np.ix_(own, own)])
        start += output.shape[1]
    return found


def _curve(x: Moments) -> np.ndarray:
    errors, total = principal_errors(x, x)
    return 1 - errors / total


def _kept(
    path: str,
    weight: np.ndarray,
    moments: list[Moments],
    curve: np.ndarray,
    left_out: list[np.ndarray],
    rng: np.random.Generator,
) -> Kept:
    """Of one reduction; `left_out` are the `principal_errors` on each photograph, fitted on the others."""
    width, channels = weight.shape
    both = _sum(moments)  # of the input and of what comes out after the ReLU
    inputs = [m.head(channels) for m in moments]
    x = _sum(inputs)

    def kept_by(matrix: np.ndarray) -> float:
        pair = mapped(x, matrix)
        error, total = squared_error(pair, pair, channels)
        return 1 - error / total

    linear = kept_by(weight)
    after, total = squared_error(both, both, channels)
    components = sum(float(errors[width]) for errors in left_out)
    guess = deviation = 0.0
    for fit, test in _folds(inputs):
        error, about_mean = squared_error(mapped(fit, weight), mapped(test, weight), channels)
        guess += error
        deviation += about_mean
    chance = [kept_by(matrix) for matrix in rng.standard_normal((RANDOM_DRAWS, width, channels))]
    return Kept(
        path,
        channels,
        width,
        pca=float(curve[width]),
        linear=linear,
        relu=1 - after / total,
        random=float(np.mean(chance)),
        equivalent=int(np.argmax(curve >= linear)),
        pca_carried=float(1 - components / deviation),
        linear_carried=1 - guess / deviation,
    )


def _folds(moments: list[Moments]) -> Iterator[tuple[Moments, Moments]]:
    """All but one, and that one, in turn."""
    for i, test in enumerate(moments):
        yield _sum(moments[:i] + moments[i + 1 :]), test


def _sum(moments: list[Moments]) -> Moments:
    return sum(moments[1:], moments[0])


def rounded(measured: Measured) -> dict:
    """The shares as they are recorded, with five digits; a curve is so from 0 to all of its channels."""
    return {
        "kept": [
            {name: round(v, 5) if isinstance(v, float) else v for name, v in one._asdict().items()}
            for one in measured.kept
        ],
        "curves": {name: [round(v, 5) for v in curve] for name, curve in measured.curves.items()},
    }
