"""What measurements on images share: which images, parts kept in files, and intervals by the bootstrap."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
from intervals import LEVEL

from inception_lib.errors import InceptionError
from inception_lib.files import replacing

RESAMPLES = 500
Arrays = dict[str, np.ndarray]


def chosen(names: Sequence[str], count: int | None, seed: int) -> list[str]:
    """`count` of the names (all by default), in an order drawn by `seed`."""
    names = list(names)
    random.Random(seed).shuffle(names)
    return names[:count]


def kept(path: Path, stamp: str, compute: Callable[[], Arrays]) -> Arrays:
    """A part of a measurement: out of its file, or computed and written there.

    Raises:
        InceptionError: the file is of a run with another stamp, or cannot be read.
    """
    if path.exists():
        try:
            with np.load(path) as file:
                found = dict(file)
                told = str(found.pop("stamp"))
        except (OSError, ValueError, KeyError, EOFError) as error:
            raise InceptionError(
                f"{path}: cannot be read ({error}); delete it and it is made anew."
            ) from None
        if told != stamp:
            raise other_run(path)
        return found
    found = compute()
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new, new.open("wb") as file:
        np.savez(file, stamp=np.array(stamp), **found)  # type: ignore[arg-type]  # names of arrays
    return found


def other_run(path: Path) -> InceptionError:
    """The error of a file that is of other weights, images or settings."""
    return InceptionError(f"{path}: is of another run; --work names another folder.")


def joined(parts: Sequence[Arrays]) -> Arrays:
    """The parts one after the other, along the first axis of each array."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def resampled(images: int, seed: int = 0) -> np.ndarray:
    """Weights of the images, (1 + RESAMPLES, images): equal ones first, then bootstrap samples of the images.

    A statistic of `resampled(...) @ values` is the measured one, followed by its replicates; differences of
    two statistics under the same weights are paired.
    """
    drawn = np.random.default_rng(seed).multinomial(images, np.full(images, 1 / images), RESAMPLES)
    return np.concatenate([np.ones((1, images), int), drawn]) / images


def interval(replicates: np.ndarray, together: int = 1, digits: int = 5) -> dict[str, float]:
    """Value and two-sided intervals of a statistic, from the bootstrap's standard error.

    Args:
        replicates: (1 + RESAMPLES,), the measured value first.
        together: comparisons for which `low_together` and `high_together` hold at once (Bonferroni).
        digits: of the rounded numbers.
    """
    value, error = float(replicates[0]), float(replicates[1:].std(ddof=1))
    found = {"value": value}
    for ending, level in (("", LEVEL), ("_together", 1 - (1 - LEVEL) / together)):
        reach = NormalDist().inv_cdf((1 + level) / 2) * error
        found |= {f"low{ending}": value - reach, f"high{ending}": value + reach}
    return {name: round(number, digits) for name, number in found.items()}


def span(measured: Mapping[str, Any], unit: str = "", digits: int = 0, ending: str = "") -> str:
    """`12 px (11 to 13)`; with `unit` "%" of a share."""
    factor = 100 if unit == "%" else 1
    value, low, high = (
        f"{factor * measured[name]:.{digits}f}" for name in ("value", f"low{ending}", f"high{ending}")
    )
    return f"{value}{' ' * bool(unit)}{unit} ({low} to {high})"
