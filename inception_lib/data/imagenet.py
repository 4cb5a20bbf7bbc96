"""The classes of ILSVRC-2012."""

from __future__ import annotations

from functools import cache
from importlib import resources


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The 1000 classes of ILSVRC-2012 in the order of the outputs, as torchvision names them."""
    from torchvision.models import GoogLeNet_Weights

    return tuple(GoogLeNet_Weights.IMAGENET1K_V1.meta["categories"])


@cache
def imagenet_outputs() -> dict[str, int]:
    """The number of each class's output by its WordNet id, such as `n01440764`."""
    text = resources.files(__package__).joinpath("imagenet_synsets.txt").read_text(encoding="utf-8")
    ids = [line for line in text.splitlines() if not line.startswith("#")]
    return {wordnet_id: output for output, wordnet_id in enumerate(ids)}
