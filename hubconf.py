"""Entry points of torch.hub: `torch.hub.load(repository, "googlenet", classes=10)`."""

from __future__ import annotations

import os
from collections.abc import Sequence as _Sequence

# torch.hub takes every public function or class here for an entry point
import torch as _torch

from inception_lib.networks.googlenet import Variant as _Variant
from inception_lib.networks.googlenet import googlenet as _architecture
from inception_lib.nn import Network as _Network

dependencies = ["torch", "torchvision", "numpy", "PIL", "safetensors", "tqdm"]


def googlenet(
    pretrained: bool | str | os.PathLike = True,
    *,
    classes: int | _Sequence[str] | None = None,
    heads: bool | None = None,
    variant: _Variant = "paper",
    generator: _torch.Generator | None = None,
    progress: bool = True,
) -> _Network:
    """GoogLeNet (Inception v1).

    Its output has fields (`logits`, and in training the heads' `aux1` and `aux2`); of `as_classifier()` it is
    the tensor of logits. With trained weights, `info.preprocess(picture)` makes its input, and `info.classes`
    are the names of its outputs.

    Args:
        pretrained: `bvlc` (which True means), `torchvision`, or the path of a file of weights; False for a
            new network with random weights.
        classes: how many, or their names. Where trained weights have another number, all but the classifiers
            is theirs.
        heads: with the two auxiliary heads or without; where None as the weights have them, and in a new
            network with them.
        variant: of a new network: `paper`, `inception5h` or `torchvision`.
        generator: the source of random weights; torch's global one where None.
        progress: show a bar on stderr while fetching.
    """
    if pretrained is not False:
        source = "bvlc" if pretrained is True else pretrained
        return _Network.from_pretrained(
            source, classes=classes, heads=heads, generator=generator, progress=progress
        )
    count = 1000 if classes is None else classes if isinstance(classes, int) else len(classes)
    return _Network(_architecture(variant, classes=count, heads=heads is not False), generator=generator)


def googlenet_classifier(
    pretrained: bool | str | os.PathLike = True,
    *,
    classes: int | _Sequence[str] | None = None,
    generator: _torch.Generator | None = None,
    progress: bool = True,
) -> _torch.nn.Module:
    """`googlenet` without heads, whose output is the tensor of logits (batch, classes); args as there."""
    return googlenet(
        pretrained, classes=classes, heads=False, generator=generator, progress=progress
    ).as_classifier()
