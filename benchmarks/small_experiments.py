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
from functools import cache, partial
from pathlib import Path

import tyro
from experiments.exchanges import MODULE, batch_norm, connected, exchanged, single, without_lrn

from inception_lib.architecture import Architecture, Branches, Layer
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.counting import count
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, naive_module, scaled
from inception_lib.training.recipes import SLOWER, network_options, recipe
from inception_lib.training.train import train


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


ARMS: dict[str, Callable[[Architecture], Architecture]] = {
    "paper": lambda network: network,
    "connected": connected,
    "naive": naive,
    "single": partial(single, short_path=False),
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
