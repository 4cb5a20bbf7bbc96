"""Which network is trained, as options: plain values that a command line and a run's record can hold."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from inception_lib.architecture import Architecture
from inception_lib.errors import TrainingError
from inception_lib.history import Name, build, takes


@dataclass(frozen=True, kw_only=True)
class NetworkOptions:
    """Which network is trained. Where an option is None, it is as the network has it by default."""

    network: Name = "googlenet"
    """GoogLeNet, or one of the networks before and after it."""
    variant: str | None = None
    """Of GoogLeNet: `paper` has no batch normalization, `torchvision` has."""
    width: float | None = None
    """Multiplies all channel counts but the number of classes."""
    heads: bool = True
    """Train with the auxiliary heads, if the network has any."""
    aux_weight: float | None = None
    """Of each head's loss beside the main one; the paper: 0.3."""
    dropout: bool = True
    """The network's dropout; the paper: 0.4 before the classifier, 0.7 in the heads."""
    weights: str | None = None
    """Trained weights to start from, whose network it then is: `bvlc`, `torchvision`, or a file's path."""
    preprocess: Literal["bvlc", "torchvision", "imagenet"] | None = None
    """Whose normalization these weights want, where their file does not say or is wrong."""

    def __post_init__(self) -> None:
        if self.weights is not None and (self.network, self.variant, self.width) != ("googlenet", None, None):
            raise TrainingError(
                f"{Path(self.weights).name}: trained weights decide which network it is; leave out network, "
                f"variant and width."
            )
        if self.preprocess is not None and self.weights is None:
            raise TrainingError("preprocess says what trained weights want, and none are named.")
        if self.aux_weight is not None and not 0 <= self.aux_weight < math.inf:
            raise TrainingError(f"The weight of a head's loss must be 0 or more, not {self.aux_weight}.")

    def architecture(self, classes: int, input_size: int) -> Architecture:
        """The network as data, for that many classes and images of that many pixels a side.

        Raises:
            ArchitectureError: the network cannot exist, or has no such option.
        """
        given: dict[str, Any] = {"variant": self.variant, "width": self.width}
        if not self.heads and takes(self.network, "heads"):
            given["heads"] = False  # they refuse smaller images than the trunk
        return self.changed(build(self.network, classes=classes, input_size=input_size, **given))

    def changed(self, made: Architecture) -> Architecture:
        """A network with what the options say of heads and dropout."""
        if not self.heads:
            made = made.without_heads()
        if not self.dropout:
            made = made.without_dropout()
        if self.aux_weight is not None:
            heads = tuple(replace(head, loss_weight=self.aux_weight) for head in made.heads)
            made = replace(made, heads=heads)
        return made

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written beside a run: of a file of weights, its name."""
        return asdict(self) | {"weights": self.weights and Path(self.weights).name}
