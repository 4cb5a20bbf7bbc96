"""The photographs and the network of a measurement, and its record as it goes."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import nn

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.data.decoding import read_picture
from inception_lib.data.imagenet import imagenet_outputs
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.errors import DataError, InceptionError
from inception_lib.evaluation.labels import wordnet_id
from inception_lib.nn.network import Network
from inception_lib.weights.info import Loaded, Weights
from inception_lib.weights.loading import load_weights


def photographs(source: Path) -> dict[str, Callable[[], Image.Image]]:
    """What reads each image of a folder or a tar archive, by its name, in the order of the names.

    Raises:
        DataError: there is no such folder or archive, or it is empty.
    """
    if source.is_dir():
        found = {
            p.relative_to(source).as_posix(): partial(read_picture, p)
            for p in source.rglob("*")
            if p.is_file()
        }
    else:
        try:
            tar = tarfile.open(source)  # noqa: SIM115  # whoever reads an image needs it open
            found = {m.name: partial(_read_member, tar, m) for m in tar.getmembers() if m.isfile()}
        except (OSError, tarfile.TarError) as error:
            raise DataError(f"{source}: is neither a folder nor a tar archive of images ({error}).") from None
    if not found:
        raise DataError(f"{source}: holds no image.")
    return dict(sorted(found.items()))


def _read_member(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Image.Image:
    return read_picture(tar.extractfile(member))  # type: ignore[arg-type]  # it is a file


def label(name: str) -> int:
    """ImageNet's number of the class whose WordNet id the file's name, or its folder's, begins with.

    Raises:
        DataError: neither does.
    """
    path = Path(name)
    found = imagenet_outputs().get(wordnet_id(path.name) or wordnet_id(path.parent.name))
    if found is None:
        raise DataError(f"{name}: neither the file nor its folder is named by a WordNet id of ImageNet's.")
    return found


def made_on_the_spot(folder: Path, width: float = 0.1) -> Loaded:
    """Small images in a folder, and a small network that knows them by heart: for a quick run.

    It is random but for its classifier, whose weights are the directions of the images' own features.
    """
    generator = torch.Generator().manual_seed(0)
    network = Network(googlenet(width=width, heads=False, input_size=80), generator=generator).eval()
    preprocess = replace(BVLC_PREPROCESS, resize=90, crop=80)
    random_colors = np.random.default_rng(0)
    paths = [folder / f"{wordnet}.png" for wordnet in list(imagenet_outputs())[:12]]
    for path in paths:
        few = Image.fromarray(random_colors.integers(0, 256, (5, 6, 3), np.uint8))
        few.resize((100, 90), Image.Resampling.NEAREST).save(path)
    with torch.inference_mode():
        features = network.features(torch.stack([preprocess(path) for path in paths]))
        directions = nn.functional.normalize(features - features.mean(0))
        classifier = network.classifier.linear
        for parameter in classifier.parameters():
            parameter.zero_()
        classifier.weight[:12] = directions / (features - features.mean(0)).norm(dim=1).mean()
        classifier.bias[:12] = -classifier.weight[:12] @ features.mean(0)
    return Loaded(network, Weights(name="random", architecture=network.architecture, preprocess=preprocess))


class Subject(NamedTuple):
    """A network, the photographs that it is measured on, and the folder of what is measured."""

    loaded: Loaded
    photos: Path
    work: Path


@contextmanager
def subject(
    weights: str | None, photos: Path | None, work: Path, *, quick: bool, width: float = 0.1
) -> Iterator[Subject]:
    """What a command measures: what it names, or, to be quick, what is made on the spot and then removed.

    Args:
        weights: a published name, or a file.
        photos: folder or tar archive of images.
        work: folder of what is measured.
        quick: a random network of that `width` and images made on the spot.

    Raises:
        InceptionError: weights or photographs are not named.
    """
    if quick:
        with tempfile.TemporaryDirectory() as folder:
            made = Path(folder) / "photos"
            made.mkdir()
            yield Subject(made_on_the_spot(made, width), made, Path(folder) / "work")
    elif weights is None or photos is None:
        raise InceptionError("--weights and --photos are needed (--quick runs without them).")
    else:
        yield Subject(load_weights(weights, heads=False), photos, work)


def recorder(
    name: str | None, it: Subject, seed: int, about: str, data: Callable[[dict[str, Any]], str]
) -> Callable[[dict[str, Any]], None]:
    """What writes an outcome under `name` to data/results, anew each time; nothing, if there is no name.

    Args:
        name: of the record.
        it: what is measured.
        seed: of the choice of images.
        about: one sentence on what was measured.
        data: which photographs an outcome is of; the weights are named after it.
    """

    info = it.loaded.info

    def keep(outcome: dict[str, Any]) -> None:
        if name:
            said = f"{data(outcome)}; weights: {info.source or info.name}"
            results.record(name, outcome, about=about, data=said, seed=seed)

    return keep
