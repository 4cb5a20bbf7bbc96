"""What several commands let one say of weights whose file does not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from inception_lib.errors import WeightsError

if TYPE_CHECKING:
    from inception_lib.weights.info import Loaded

#: The keys of `data.images.PREPROCESSES`, whose module imports Pillow.
PreprocessName = Literal["bvlc", "torchvision", "imagenet"]


def load(weights: str, preprocess: PreprocessName | None, classes: Path | None, warp: bool) -> Loaded:
    """A network without heads, and what is known of it, with what the command line says of that.

    Args:
        weights: a published name, or a path.
        preprocess: whose normalization makes an image the network's input; the size stays the network's own.
        classes: a file with the names of the outputs, one per line.
        warp: whether images are warped to a square.

    Raises:
        WeightsError: the weights or the names cannot be read, or they do not go together.
    """
    from inception_lib.data.images import PREPROCESSES
    from inception_lib.weights.info import Loaded
    from inception_lib.weights.loading import load_weights

    named = PREPROCESSES[preprocess] if preprocess else None
    network, info = load_weights(weights, heads=False, preprocess=named)
    size = info.architecture.input[1]
    if named and named.crop != size:
        resize = round(named.resize * size / named.crop)
        info = replace(info, preprocess=replace(named, crop=size, resize=resize))
    if warp:
        info = replace(info, preprocess=replace(info.preprocess, warp=True))
    if classes is not None:
        names = class_names(classes)
        if len(names) != info.architecture.classes:
            raise WeightsError(
                f"{classes}: has {len(names):,} class name{'s' * (len(names) != 1)}, one per line, and "
                f"{info.name} has {info.architecture.classes:,} outputs."
            )
        info = replace(info, classes=names)
    network.info = info
    return Loaded(network, info)


def class_names(path: Path) -> tuple[str, ...]:
    """The names in a text file, one per line.

    Raises:
        WeightsError: it cannot be read, or a line between others is empty.
    """
    try:
        names = path.read_text(encoding="utf-8-sig").rstrip().splitlines()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise WeightsError(f"{path}: the names of the classes cannot be read ({why}).") from None
    for number, name in enumerate(names, 1):
        if not name.strip():
            raise WeightsError(f"{path}: line {number} is empty, and each line must name a class.")
    return tuple(name.strip() for name in names)
