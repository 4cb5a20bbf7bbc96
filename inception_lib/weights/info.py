"""What is known of a set of weights beside the numbers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from inception_lib.architecture import Architecture
from inception_lib.data.images import Preprocess
from inception_lib.errors import WeightsError
from inception_lib.nn.network import Network

#: The published weights that are known by name.
NAMES = ("bvlc", "torchvision")

_NEW = " with a new classifier"  # at the end of a name


def is_same(found: str, said: str) -> bool:
    """Whether a digest is the one that is said; a network without its heads is still the same."""
    return bool(said) and (found == said or said.startswith(found + "+"))


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
        trained_on: of each training here that made them, the fingerprint of the images that trained
            (`Data.fingerprint`), and the share of the whole that was held out, if one was.
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
    trained_on: tuple[tuple[str, float | None], ...] = ()

    def __post_init__(self) -> None:
        if self.classes is not None and len(self.classes) != self.architecture.classes:
            raise WeightsError(
                f"{self.name}: there are {len(self.classes)} class names for the "
                f"{self.architecture.classes} outputs of {self.architecture.name}."
            )

    def with_new_classifiers(
        self, architecture: Architecture, classes: Iterable[str] | None = None
    ) -> Weights:
        """What may be said once untrained classifiers, as in `architecture`, replaced the old ones."""
        words = f"with a new classifier of {architecture.classes} classes"
        return replace(
            self,
            name=self.name.removesuffix(_NEW) + _NEW,
            architecture=architecture,
            classes=None if classes is None else tuple(classes),
            source=f"{self.source}; {words}" if self.source else words,
            license=self._license_of_another(),
            urls=(),
            checksums=(),
        )

    def as_it_is(self, tensors: str, how: str) -> Weights:
        """What may be said of tensors with this digest: all if they are these, else where they come from.

        What was said without a digest (by whoever trained the network) is believed, but for a publication.

        Args:
            tensors: the digest, as `states.digest` gives it.
            how: what may have been done to the numbers: `fine-tuned`, `changed`, `rounded to float16`.
        """
        published = self.name in NAMES or self.urls or self.checksums
        if is_same(tensors, self.tensors) or not (self.tensors or published):
            return replace(self, tensors=tensors)
        # a new classifier is trained with the rest
        name = self.name.removesuffix(_NEW) if how == "fine-tuned" else self.name
        origin = name if name.startswith(f"{how} from ") else f"{how} from {name}"
        if origin == self.name:
            return replace(self, source=self.source or origin, urls=(), checksums=(), tensors=tensors)
        return replace(
            self,
            name=origin,
            source=f"{origin} ({self.source})" if self.source else origin,
            license=self._license_of_another(),
            urls=(),
            checksums=(),
            tensors=tensors,
        )

    def _license_of_another(self) -> str:
        if not self.license or self.license.startswith("not stated"):
            return self.license
        return f"not stated; of {self.name}: {self.license}"


class Loaded(NamedTuple):
    """A network with its weights, in evaluation mode, and what is known of them."""

    network: Network
    info: Weights
