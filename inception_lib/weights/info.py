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

    Attributes:
        name: a short name, such as `bvlc`.
        architecture: of the network that they belong to.
        preprocess: how an image becomes the input of that network.
        classes: names of the outputs in order; None where they are not known.
        source: where the weights come from, in words.
        license: what one may do with them, in words.
        urls: addresses of the file, where it was published.
        checksums: of that file, any of which it may have: algorithm and digest, or the digest's beginning.
        tensors: a checksum of the numbers themselves, from which `save_weights` sees whether a network is
            still the one that all of this is said of. Empty where they were not read from a file.
    """

    name: str
    architecture: Architecture
    preprocess: Preprocess
    classes: tuple[str, ...] | None = None
    source: str = ""
    license: str = ""
    urls: tuple[str, ...] = ()
    checksums: tuple[str, ...] = ()
    tensors: str = ""

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
