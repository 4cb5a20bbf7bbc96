"""The bundled networks: seven small GoogLeNets that come with the repository.

`benchmarks/bundle.py` makes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from inception_lib.errors import WeightsError
from inception_lib.weights.info import Loaded
from inception_lib.weights.loading import load_weights

FOLDER = Path(__file__).resolve().parents[2] / "data" / "networks"
COUNT = 7  #: as many as in the paper's ensemble


def bundled(number: int | None = None) -> Iterator[Loaded]:
    """The bundled networks in order, or only one, numbered from 1.

    Raises:
        WeightsError: they are not there, since this is not a checkout of the repository.
    """
    for n in range(1, COUNT + 1) if number is None else (number,):
        path = FOLDER / f"shapes-{n}.safetensors"
        if not path.exists():
            raise WeightsError(
                f"{path}: is not there; the bundled networks come with the repository, and "
                f"`python benchmarks/bundle.py` makes them."
            )
        yield load_weights(path)
