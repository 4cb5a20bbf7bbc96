"""GoogLeNet with one part exchanged, as data: the networks that experiments compare.

Where an arm shall cost as much as the network as it is, its modules are made as wide as the budget of MACs
allows, never wider.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from inception_lib.architecture import (
    LRN,
    Architecture,
    Branch,
    Branches,
    Conv,
    GlobalPool,
    Layer,
    Linear,
)
from inception_lib.counting import count
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, inception_module, naive_module, scaled

MODULE = "inception_"
Parts = Callable[[Layer], tuple[Layer, ...]]
MakesModule = Callable[[str, Widths], Branches]  #: of its name and widths


def exchanged(network: Architecture, part: Parts) -> Architecture:
    """The network with each layer of its trunk replaced by what `part` makes of it."""
    return replace(network, layers=tuple(new for layer in network.layers for new in part(layer)))


def without_layer(network: Architecture, name: str) -> Architecture:
    """The network without that layer of its trunk."""
    return exchanged(network, lambda layer: () if layer.name == name else (layer,))


def connected(network: Architecture) -> Architecture:
    """A fully connected layer with ReLU, as wide as the map has channels, in place of the average pool."""
    (pool,) = (layer for layer in network.layers if isinstance(layer, GlobalPool))
    width = count(network)[pool.name].out_shape[0]
    fc = Linear(name="fc", out_features=width, relu=True)
    return exchanged(network, lambda layer: (fc,) if layer is pool else (layer,))


def without_lrn(network: Architecture) -> Architecture:
    """No normalization at all."""
    return exchanged(network, lambda layer: () if isinstance(layer, LRN) else (layer,))


def batch_norm(network: Architecture) -> Architecture:
    """Batch normalization after each convolution, of the heads too, in place of LRN; nothing else changes."""

    def part(layer: Layer) -> tuple[Layer, ...]:
        if isinstance(layer, Conv):
            return (replace(layer, batch_norm=True, bias=False),)
        if isinstance(layer, Branches):
            changed = tuple(
                replace(branch, layers=tuple(new for old in branch.layers for new in part(old)))
                for branch in layer.branches
            )
            return (replace(layer, branches=changed),)
        return (layer,)

    heads = tuple(
        replace(head, layers=tuple(new for old in head.layers for new in part(old))) for head in network.heads
    )
    return replace(exchanged(without_lrn(network), part), heads=heads)


def with_heads(network: Architecture, *names: str, weight: float | None = None) -> Architecture:
    """Those of its heads that are named, with another weight of their losses if one is given."""
    kept = tuple(head for head in network.heads if head.name in names)
    if weight is not None:
        kept = tuple(replace(head, loss_weight=weight) for head in kept)
    return replace(network, heads=kept)


# ---- modules of other kinds, at equal cost


def of_modules(network: Architecture, width: float, make: MakesModule) -> Architecture:
    """The widest network of such modules that costs no more MACs than `network`.

    Args:
        network: whose modules are exchanged.
        width: its multiplier.
        make: a module, of its name and of the paper's widths times one factor for the whole network.
    """

    def widened(permille: int) -> Architecture:
        def part(layer: Layer) -> tuple[Layer, ...]:
            if not isinstance(layer, Branches):
                return (layer,)
            widths = PAPER_WIDTHS[layer.name.removeprefix(MODULE)]
            factor = width * permille / 1000
            return (make(layer.name, Widths(*(scaled(w, factor) for w in widths))),)

        return exchanged(network, part)

    budget = count(network).macs
    least, most = 1, 4000  # the largest factor that fits lies from `least` up to below `most`
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if count(widened(middle)).macs <= budget else (least, middle)
    return widened(least)


def naive(network: Architecture, width: float) -> Architecture:
    """Naive modules (the paper's figure 2a): no reductions and no projection of the pool."""
    return of_modules(network, width, naive_module)


def without_branch(network: Architecture, width: float, name: str) -> Architecture:
    """Modules without one of their branches, all others widened."""

    def make(module: str, widths: Widths) -> Branches:
        whole = inception_module(module, widths)
        return replace(whole, branches=tuple(b for b in whole.branches if b.name != name))

    return of_modules(network, width, make)


def without_short_paths(network: Architecture, width: float) -> Architecture:
    """Inception modules with two convolutions on every path: the two branches of one get a 1x1 more."""

    def make(module: str, widths: Widths) -> Branches:
        whole = inception_module(module, widths)
        first, *middle, last = whole.branches
        more = Conv(name="1x1_second", out_channels=widths.n1x1, kernel=1)
        proj = Conv(name="pool_proj_second", out_channels=widths.pool_proj, kernel=1)
        deeper = (
            replace(first, layers=(*first.layers, more)),
            *middle,
            replace(last, layers=(*last.layers, proj)),
        )
        return replace(whole, branches=deeper)

    return of_modules(network, width, make)


def single(network: Architecture, *, short_path: bool) -> Architecture:
    """One 3x3 convolution behind a reduction in place of each module, of as many MACs and outputs.

    With a short path, the module's 1x1 branch stays beside it, and the 3x3 gives the other outputs.
    """
    counts = count(network)
    before = {
        layer.name: counts.groups[network.layers[i - 1].name].out_shape[0]
        for i, layer in enumerate(network.layers)
        if isinstance(layer, Branches)
    }

    def part(layer: Layer) -> tuple[Layer, ...]:
        if not isinstance(layer, Branches):
            return (layer,)
        own = counts.groups[layer.name]
        out, rows, columns = own.out_shape
        aside = [branch for branch in layer.branches if branch.name == "1x1" and short_path]
        kept = sum(conv.out_channels for branch in aside for conv in branch.layers if isinstance(conv, Conv))
        each = before[layer.name] + 9 * (out - kept)  # MACs at a position, for each channel of the reduction
        reduce = (own.macs // (rows * columns) - before[layer.name] * kept) // each
        layers = (
            Conv(name="3x3_reduce", out_channels=reduce, kernel=1),
            Conv(name="3x3", out_channels=out - kept, kernel=3, padding=1),
        )
        return (Branches(name=layer.name, branches=(*aside, Branch(name="3x3", layers=layers))),)

    return exchanged(network, part)
