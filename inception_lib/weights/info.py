"""What is known of a set of weights beside the numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from inception_lib.architecture import Architecture
from inception_lib.data.images import Preprocess
from inception_lib.errors import WeightsError
from inception_lib.nn.network import Network


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What is known of a set of weights beside the numbers.

    `classes` names the outputs in order, and is None where that is not known. `sha` is the
    algorithm and the digest, or its beginning, of the file at `url`.
    """

    name: str
    architecture: Architecture
    preprocess: Preprocess
    classes: tuple[str, ...] | None = None
    source: str = ""
    license: str = ""
    url: str = ""
    sha: str = ""

    def __post_init__(self) -> None:
        if self.classes is not None and len(self.classes) != self.architecture.classes:
            raise WeightsError(
                f"{self.name}: there are {len(self.classes)} class names for the "
                f"{self.architecture.classes} outputs of {self.architecture.name}."
            )


class Loaded(NamedTuple):
    """A network with its weights, in evaluation mode, and what is known of them."""

    network: Network
    info: Weights
