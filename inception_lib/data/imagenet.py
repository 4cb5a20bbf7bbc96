"""The classes of ILSVRC-2012."""

from __future__ import annotations

from functools import cache


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The 1000 classes of ILSVRC-2012 in the order of the outputs, as torchvision names them."""
    from torchvision.models import GoogLeNet_Weights

    return tuple(GoogLeNet_Weights.IMAGENET1K_V1.meta["categories"])
