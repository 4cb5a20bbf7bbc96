"""A network with one thing changed, in each way of `taken_apart.py`; see there."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from inception_lib.architecture import LRN, Branches, Conv, Pool, Shape, Step, pair, walk
from inception_lib.data.images import Preprocess
from inception_lib.nn.layers import plain_layer
from inception_lib.nn.network import Network, activations

WHOLE = "whole"
Modules = dict[str, nn.Module]  #: the layers of a trunk in order, by name


class ZeroChannels(nn.Module):
    """Sets the channels from `begin` up to `end` to zero."""

    def __init__(self, begin: int, end: int) -> None:
        super().__init__()
        self.begin, self.end = begin, end

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to the same shape; `x` itself stays as it is."""
        x = x.clone()
        x[:, self.begin : self.end] = 0
        return x


class ReverseChannels(nn.Module):
    """RGB to BGR, or back."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to the same shape."""
        return x.flip(1)


class AddMean(nn.Module):
    """Puts back the mean that the pre-processing subtracted."""

    def __init__(self, preprocess: Preprocess) -> None:
        super().__init__()
        mean, std = torch.tensor(preprocess.mean), torch.tensor(preprocess.std)
        self.register_buffer("scaled", (mean / std).view(-1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to the same shape."""
        return x + self.scaled


class Factor(nn.Module):
    """Multiplies by constants."""

    def __init__(self, factor: Tensor) -> None:
        super().__init__()
        self.register_buffer("factor", factor)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to the same shape."""
        return x * self.factor


@dataclass(frozen=True)
class Variant:
    """A change of the network: the layers of the trunk that are exchanged, by name.

    `what` says it as the subject of a sentence. `channels` is how many are set to zero, of a branch.
    """

    name: str
    what: str
    replaced: Modules
    channels: int | None = None


def trunk(network: Network) -> Modules:
    return {layer.name: getattr(network, layer.name) for layer in network.architecture.layers}


def variants_of(network: Network, preprocess: Preprocess, sample: Tensor) -> list[Variant]:
    """All changes of the network that change something in it.

    Args:
        network: in evaluation mode.
        preprocess: of its input.
        sample: (images, 3, height, width), as the network takes them, to which the factors are fitted that
            stand in for LRN.
    """
    architecture, modules = network.architecture, trunk(network.fused())
    first = architecture.layers[0].name
    norms = [layer.name for layer in architecture.layers if isinstance(layer, LRN)]
    steps = [step for step in walk(architecture) if step.head is None]
    pools = [s for s in steps if isinstance(s.layer, Pool) and s.layer.ceil and not s.module]
    shapes = {step.path: step.out_shape for step in steps}

    branches = [
        variant
        for layer in architecture.layers
        if isinstance(layer, Branches)
        for variant in zeroed(layer, modules[layer.name], shapes)
    ]
    everywhere: dict[str, Modules] = {}
    for variant in branches:
        everywhere.setdefault(variant.name.partition("/")[2], {}).update(variant.replaced)
    inner = kernels(network, inner=True)

    def before_the_first(module: nn.Module) -> Modules:
        return {first: nn.Sequential(module, modules[first])}

    found = [
        Variant("no LRN", "taking out both LRN layers", {name: nn.Identity() for name in norms}),
        *(Variant(f"no {name}", f"taking out {name} alone", {name: nn.Identity()}) for name in norms),
        Variant(
            "LRN as 1 factor",
            "one constant factor (least squares) in place of each LRN layer",
            factors(network, norms, sample, per_channel=False),
        ),
        Variant(
            "LRN as factors",
            "a constant factor for each channel (least squares) in place of each LRN layer",
            factors(network, norms, sample, per_channel=True),
        ),
        Variant(
            "floor",
            "rounding the pools' output size down instead of up",
            {p.path: plain_layer(replace(p.layer, ceil=False), p.in_shape) for p in pools},
        ),
        Variant("colors reversed", "giving the colors in reverse order", before_the_first(ReverseChannels())),
        Variant("no mean", "not subtracting the mean", before_the_first(AddMean(preprocess))),
        Variant("inner 3x3", "keeping only the inner 3x3 of each 5x5 kernel", inner),
        Variant("outer ring", "keeping only the ring around the inner 3x3", kernels(network, inner=False)),
        *(
            Variant(f"all {branch}", f"zeroing the {branch} branch of every module", replaced)
            for branch, replaced in everywhere.items()
        ),
        *branches,
        *(
            Variant(f"inner 3x3 in {name}", f"keeping only the inner 3x3 in {name}", {name: module})
            for name, module in inner.items()
        ),
    ]
    return [variant for variant in found if variant.replaced]


@torch.inference_mode()
def factors(network: Network, norms: Sequence[str], sample: Tensor, *, per_channel: bool) -> Modules:
    """In place of each norm the factor, or one per channel, that fits its output best by least squares."""
    over = (0, 2, 3) if per_channel else (0, 1, 2, 3)
    found: Modules = {}
    for name, kept in activations(network, sample, norms).items():
        energy = kept.input.square().sum(over, keepdim=True)[0]
        match = (kept.input * kept.output).sum(over, keepdim=True)[0]
        found[name] = Factor(torch.where(energy > 0, match / energy, 0.0))
    return found


def zeroed(module: Branches, whole: nn.Module, shapes: Mapping[str, Shape]) -> list[Variant]:
    """A variant for each branch of a module: `whole` and then zeros in place of the branch's channels."""
    found, begin = [], 0
    for branch in module.branches:
        channels = shapes[f"{module.name}/{branch.layers[-1].name}"][0]
        without = nn.Sequential(whole, ZeroChannels(begin, begin + channels))
        name = f"{module.name}/{branch.name}"
        found.append(Variant(name, f"zeroing {name}", {module.name: without}, channels))
        begin += channels
    return found


def large_kernels(network: Network) -> dict[str, tuple[Step, Tensor]]:
    """The weights of each 5x5 convolution in a module, by its path."""
    return {
        step.path: (step, network.get_submodule(step.path.replace("/", ".")).conv.weight.data)
        for step in walk(network.architecture)
        if isinstance(step.layer, Conv)
        and pair(step.layer.kernel) == (5, 5)
        and step.module
        and not step.head
    }


def kernels(network: Network, *, inner: bool) -> Modules:
    """The modules with 5x5 convolutions, of whose kernels the inner 3x3 is left, or all but that."""
    changed = copy.deepcopy(network)
    found = large_kernels(changed).values()
    for _, weight in found:
        mask = torch.zeros_like(weight)
        mask[..., 1:4, 1:4] = 1
        weight.mul_(mask if inner else 1 - mask)
    modules = trunk(changed.fused())
    return {step.module: modules[step.module] for step, _ in found}


def inner_shares(network: Network) -> dict[str, float]:
    """For each 5x5 convolution in a module, how much of its squared weights is in the inner 3x3."""
    return {
        path: round(float(w[..., 1:4, 1:4].square().sum() / w.square().sum()), 5)
        for path, (_, w) in large_kernels(network).items()
    }


@torch.inference_mode()
def answers(whole: Modules, variants: Sequence[Variant], x: Tensor) -> dict[str, Tensor]:
    """Logits (batch, classes) of the whole network and of each variant, by name, for its input `x`."""
    inputs, names = {}, list(whole)
    for name, layer in whole.items():
        inputs[name] = x
        x = layer(x)
    found = {WHOLE: x.flatten(1)}
    for variant in variants:
        start = min(map(names.index, variant.replaced))
        y = inputs[names[start]]
        for name in names[start:]:
            y = variant.replaced.get(name, whole[name])(y)
        found[variant.name] = y.flatten(1)
    return found
