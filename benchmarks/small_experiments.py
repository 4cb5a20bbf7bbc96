"""Does it matter, on small data? Parts of GoogLeNet exchanged one at a time, trained alike and compared.

    python benchmarks/small_experiments.py --record small_experiments

Every arm is the network of the recipe `tiny` without its heads, with one part exchanged:

    paper       nothing
    connected   a fully connected layer with ReLU in place of the global average pool
    naive       modules without reductions and projections, all narrowed until the network costs as many MACs
    single      a reduction and one 3x3 convolution in place of each module, of as many MACs and outputs
    none        no normalization across channels (LRN)
    batch_norm  batch normalization in place of LRN

All arms have the same recipe, which was chosen for `paper`, and the same seeds. If interrupted, the same
command goes on where it was.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import tyro

from inception_lib.architecture import LRN, Architecture, Branch, Branches, Conv, GlobalPool, Layer, Linear
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.counting import count
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, naive_module, scaled
from inception_lib.training.recipes import SLOWER, network_options, recipe
from inception_lib.training.train import train

MODULE = "inception_"


def exchanged(network: Architecture, part: Callable[[Layer], tuple[Layer, ...]]) -> Architecture:
    """The network with each layer of its trunk replaced by what `part` makes of it."""
    return replace(network, layers=tuple(new for layer in network.layers for new in part(layer)))


def connected(network: Architecture) -> Architecture:
    (outputs,) = (layer for layer in network.layers if isinstance(layer, GlobalPool))
    width = count(network)[outputs.name].out_shape[0]
    fc = Linear(name="fc", out_features=width, relu=True)
    return exchanged(network, lambda layer: (fc,) if layer is outputs else (layer,))


@cache
def naive(network: Architecture) -> Architecture:
    """The widest that costs no more."""

    def narrowed(percent: int) -> Architecture:
        def module(layer: Layer) -> tuple[Layer, ...]:
            if not isinstance(layer, Branches):
                return (layer,)
            widths = PAPER_WIDTHS[layer.name.removeprefix(MODULE)]
            return (naive_module(layer.name, Widths(*(scaled(w, percent / 1000) for w in widths))),)

        return exchanged(network, module)

    budget = count(network).macs
    return narrowed(max(p for p in range(1, 251) if count(narrowed(p)).macs <= budget))


@cache
def single(network: Architecture) -> Architecture:
    """Each module's outputs from one 3x3 convolution behind the widest reduction that costs no more."""
    counts = count(network)
    shapes = {name: group for name, group in counts.groups.items() if name.startswith(MODULE)}
    before = {
        layer.name: counts.groups[network.layers[i - 1].name].out_shape[0]
        for i, layer in enumerate(network.layers)
        if isinstance(layer, Branches)
    }

    def module(layer: Layer) -> tuple[Layer, ...]:
        if not isinstance(layer, Branches):
            return (layer,)
        out, rows, columns = shapes[layer.name].out_shape
        one = before[layer.name] + 9 * out  # MACs per place and channel of the reduction
        width = shapes[layer.name].macs // (rows * columns * one)
        return (
            Branches(
                name=layer.name,
                branches=(
                    Branch(
                        name="3x3",
                        layers=(
                            Conv(name="3x3_reduce", out_channels=width, kernel=1),
                            Conv(name="3x3", out_channels=out, kernel=3, padding=1),
                        ),
                    ),
                ),
            ),
        )

    return exchanged(network, module)


def without_lrn(network: Architecture) -> Architecture:
    return exchanged(network, lambda layer: () if isinstance(layer, LRN) else (layer,))


def batch_norm(network: Architecture) -> Architecture:
    def part(layer: Layer) -> tuple[Layer, ...]:
        if isinstance(layer, Conv):
            return (replace(layer, batch_norm=True, bias=False),)
        if isinstance(layer, Branches):
            return (
                replace(
                    layer,
                    branches=tuple(
                        replace(b, layers=tuple(new for old in b.layers for new in part(old)))
                        for b in layer.branches
                    ),
                ),
            )
        return (layer,)

    return exchanged(without_lrn(network), part)


ARMS: dict[str, Callable[[Architecture], Architecture]] = {
    "paper": lambda network: network,
    "connected": connected,
    "naive": naive,
    "single": single,
    "none": without_lrn,
    "batch_norm": batch_norm,
}


def main(
    seeds: int = 3,
    epochs: float = 5,
    arms: tuple[str, ...] = tuple(ARMS),
    work: Path = Path("runs/small_experiments"),
    record: str | None = None,
) -> int:
    """Train and print.

    Args:
        seeds: How many runs of each arm, from seed 0.
        epochs: Of each run.
        arms: Which arms.
        work: Folder of the runs.
        record: Write them to data/results under this name.
    """
    base = replace(recipe("tiny"), **SLOWER, epochs=epochs)
    paper = replace(network_options("tiny"), heads=False).architecture(10, base.input_size)
    runs = []
    for seed in range(seeds):
        for arm in arms:
            network, folder = ARMS[arm](paper), work / f"{arm}-{seed}"
            done = train(network, "shapes", replace(base, seed=seed), folder, resume=folder.is_dir())
            counts, last = count(network), done.history[-1]
            runs.append(
                {
                    "arm": arm,
                    "seed": seed,
                    "macs": counts.macs,
                    "parameters": counts.parameters,
                    "history": done.history,
                }
            )
            print(
                f"{arm}, seed {seed}: {counts.macs:,} MACs, {counts.parameters:,} parameters, top-1 "
                f"{last['top1']:.1%}",
                flush=True,
            )
    if record:
        about = "Parts of a small GoogLeNet exchanged one at a time: a record per epoch of each run"
        print(
            results.record(
                record,
                {"epochs": epochs, "runs": runs},
                about=about,
                seed=0,
                data="shapes: 8,000 training pictures, 10 classes",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "small_experiments"))
