"""A network's inference form: the same function in fewer and larger steps."""

from __future__ import annotations

import copy
from typing import Any, TypeGuard, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from inception_lib.errors import InceptionError
from inception_lib.nn import layers
from inception_lib.nn.lrn import traced
from inception_lib.nn.network import Network


class Fused(Network):
    """What `Network.fused` gives: a network for inference alone, whose weights are copies."""

    def __init__(self, network: Network, *, compile: bool = False) -> None:
        nn.Module.__init__(self)
        self.architecture = network.architecture.without_heads()
        self.info = network.info
        self._trunk, self._heads = network._trunk, ()
        self._fitting = set()
        for name in self._trunk:
            layers.add(self, name, name, _fused(getattr(network, name)))
        self._outputs = network._outputs
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.compiled = compile
        if compile:
            self.compile()

    def __call__(self, x: Tensor) -> Any:
        if not self.compiled or traced(x):
            return super().__call__(x)
        from torch._inductor import config  # takes seconds

        self._check(x, with_heads=False)
        # frozen, weights become constants, laid out as the compiled convolutions want them
        with torch.no_grad(), config.patch(freezing=True):
            return super().__call__(x.contiguous(memory_format=torch.channels_last))

    def train(self, mode: bool = True) -> Fused:
        """Evaluation mode only.

        Raises:
            InceptionError: `mode` is true.
        """
        if mode:
            self._refuse("is for inference alone and cannot be trained")
        super().train(False)
        return self

    def reset_classifier(self, classes: int, generator: torch.Generator | None = None) -> None:
        """Of no use here.

        Raises:
            InceptionError: always.
        """
        self._refuse("is for inference alone and takes no untrained classifier")

    def _refuse(self, why: str) -> None:
        raise InceptionError(
            f"{self.architecture.name}: a fused network {why}; the network that it was made from can."
        )


class _Branches(nn.Module):
    """`layers.Branches` whose first 1x1 convolutions, which all see the same input, are one."""

    def __init__(self, whole: layers.Branches) -> None:
        super().__init__()
        chains = [[getattr(whole, name) for name in names] for names in whole.branches]
        self.adds = whole.adds
        self.relu = whole.relu if whole.rectifies else None
        #: For each branch, which of the joined convolution's outputs it begins with; None: the input itself.
        self.starts: list[int | None] = [None] * len(chains)
        firsts = [i for i, chain in enumerate(chains) if chain and _joins(chain[0])]
        kinds = {chains[i][0].relu is None for i in firsts}
        self.joined = None
        if len(firsts) > 1 and len(kinds) == 1:
            parts = [cast(layers.Conv, _fused(chains[i].pop(0))) for i in firsts]
            for n, i in enumerate(firsts):
                self.starts[i] = n
            self.sizes = [part.conv.out_channels for part in parts]
            self.joined = _join(parts)
        self.chains = nn.ModuleList(nn.Sequential(*map(_fused, chain)) for chain in chains)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to (batch, the branches' channels or their sum, H', W')."""
        parts = () if self.joined is None else self.joined(x).split(self.sizes, 1)
        outputs = [
            chain(x if start is None else parts[start])
            for start, chain in zip(self.starts, self.chains, strict=True)
        ]
        joined = layers.combined(outputs, self.adds)
        return joined if self.relu is None else self.relu(joined)


def _fused(module: nn.Module) -> nn.Module:
    """A copy of a layer, or of layers in a module, for inference."""
    if isinstance(module, layers.Branches):
        return _Branches(module)
    module = copy.deepcopy(module).eval()
    if _folds(module) and module.norm is not None:
        module.conv = fuse_conv_bn_eval(module.conv, module.norm)
        module.norm = None
    return module


def _folds(layer: nn.Module) -> TypeGuard[layers.Conv]:
    """Whether a layer is a convolution, after which normalization, if any, does the same to every batch."""
    if not isinstance(layer, layers.Conv) or not layer.is_plain():
        return False
    return layer.norm is None or layer.norm.running_mean is not None


def _joins(layer: nn.Module) -> TypeGuard[layers.Conv]:
    return _folds(layer) and layers.is_pointwise(layer.conv)


def _join(parts: list[layers.Conv]) -> layers.Conv:
    """One convolution that gives the outputs of all, one after the other."""
    whole = parts[0]
    weight = torch.cat([part.conv.weight for part in parts])
    biases = [
        part.conv.weight.new_zeros(part.conv.out_channels) if part.conv.bias is None else part.conv.bias
        for part in parts
    ]
    whole.conv.out_channels = len(weight)
    whole.conv.weight, whole.conv.bias = nn.Parameter(weight), nn.Parameter(torch.cat(biases))
    return whole
