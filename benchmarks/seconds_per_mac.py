"""Seconds against MACs: GoogLeNet's layers one by one, its reductions, and the networks of its lineage.

    python benchmarks/seconds_per_mac.py --record seconds_per_mac        this machine, its GPU if it has one
    python benchmarks/seconds_per_mac.py --device cpu --threads 2 --record seconds_per_mac
    python benchmarks/seconds_per_mac.py --quick

Each layer runs alone on noise of its own input's shape, as the network runs it: bias and ReLU are in it. The
branches with a 1x1 reduction run as they are, and as one convolution on the module's whole input. Pieces are
called one at a time; on a GPU the start of each kernel counts, as it does in a network that is not compiled.

All pieces of one batch size take turns in rounds, in both orders of memory; the statistics are for the order
in which the whole network is faster, whose networks are timed then, in turn as well. Each statistic is
computed in each round; given are its median over the rounds and the interval of that median by order
statistics (two-sided, exact for rounds that are alike and independent). It says how far the figure would move
if this machine measured again, and nothing of other machines. The verdicts are by intervals that hold at 95 %
for all comparisons at once (Bonferroni); where there are too few rounds for one, a claim is not shown.

Claims, for each batch size, stated before the recorded run:

1. MACs predict the seconds within a factor of 2 for at least 90 % of the convolutions (and of the networks),
   at one rate for all of them (the geometric mean of theirs); and by the power law that fits best.
2. A 1x1 reduction divides the seconds of its branch by at least as much as it divides the MACs; and it saves
   any time at all.

An outlier is what takes more than twice, or less than half, of the seconds that the power law gives it.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
import tyro
from pieces import LAYOUTS, Piece, branches_of, layers_of, of_network
from rounds import in_turn, seconds
from seconds_claims import (
    LAWS,
    Took,
    convolutions,
    digits,
    finding,
    laws_of,
    longer,
    measured,
    reductions_of,
    rows_of,
    without_macs,
)

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.errors import InceptionError
from inception_lib.history import NETWORKS, Name, build

SPAN, MOST_CALLS = 0.002, 50  #: seconds that the calls of one piece in one round should fill, and their limit
#: Networks, and small forms of them, with which all of it runs within a minute; they decide nothing.
QUICK: dict[Name, dict[str, Any]] = {
    "lenet5": {},
    "googlenet": {"width": 0.1, "input_size": 64, "heads": False},
    "resnet34": {"input_size": 64},
}


@torch.inference_mode()
def once(work: Callable[[], object], device: torch.device, calls: int) -> float:
    return seconds(work, device, calls)


def ready(work: Callable[[], object], device: torch.device) -> Callable[[], float]:
    """What times it in one round, after a first call and a second that says how many fill the span."""
    once(work, device, 1)
    took = once(work, device, 1)
    return partial(once, work, device, max(1, min(MOST_CALLS, round(SPAN / took))))


def timed(
    pieces: Iterable[Piece], layouts: Iterable[str], batch: int, device: torch.device, rounds: int
) -> dict[str, Took]:
    """Seconds of each piece in each round by order of memory, all in turn."""
    layouts, pieces = list(layouts), list(pieces)
    print(f"{len(pieces)} pieces, {' and '.join(layouts)}, batch {batch}, {rounds} rounds", flush=True)
    runs = {(lay, p): ready(p.work(batch, lay, device), device) for lay in layouts for p in pieces}
    took = in_turn(runs, rounds)
    return {lay: {p: took[lay, p] for p in pieces} for lay in layouts}


class Outcome:
    """What is recorded, as it comes; `together` is the number of claims of the whole run."""

    def __init__(self, settings: Mapping[str, Any], branches: int) -> None:
        self.settings = settings
        self.together = len(settings["batches"]) * (2 * len(LAWS) + 2 * branches)
        names = ("layouts", "laws", "reductions", "without_macs", "longer", "rows")
        self.lists: dict[str, list[Any]] = {name: [] for name in names}

    def add_layers(self, batch: int, whole: Piece, of_layout: Mapping[str, Took]) -> None:
        """GoogLeNet's layers and branches, alone; and the whole, to see how much of it they explain."""
        seconds_of = {
            piece: {layout: digits(np.median(took[piece])) for layout, took in of_layout.items()}
            for piece in next(iter(of_layout.values()))
        }
        chosen = min(of_layout, key=lambda layout: seconds_of[whole][layout])
        pieces = dict(of_layout[chosen])
        network = pieces.pop(whole)
        layers = {piece: took for piece, took in pieces.items() if piece.group == "layer"}
        summed = np.sum(list(layers.values()), 0) / network
        self.lists["layouts"].append(
            {
                "batch": batch,
                "chosen": chosen,
                "network_seconds": seconds_of[whole],
                "sum_of_layers_over_network": measured(list(summed), self.together),
            }
        )
        self.lists["laws"].append(laws_of("convolutions", batch, convolutions(layers), self.together))
        self.lists["reductions"] += reductions_of(batch, pieces, self.together)
        self.lists["without_macs"].append({"batch": batch, **without_macs(layers, self.together)})
        for row, piece in zip(rows_of(batch, pieces), pieces, strict=True):
            self.lists["rows"].append(row | {"by_layout": seconds_of[piece]})

    def layout(self, batch: int) -> str:
        """In which the whole GoogLeNet was faster."""
        return next(each["chosen"] for each in self.lists["layouts"] if each["batch"] == batch)

    def add_networks(self, batch: int, took: Took) -> None:
        self.lists["laws"].append(laws_of("networks", batch, took, self.together))
        self.lists["longer"] += [{"batch": batch, **row} for row in longer(took)]
        self.lists["rows"] += rows_of(batch, took)

    def content(self) -> dict[str, Any]:
        return {
            **self.settings,
            "comparisons": self.together,
            "units": "seconds, MACs and bytes (each layer's input, weights and output once) of a whole batch",
            "finding": finding(self.settings, self.together, self.lists),
            **self.lists,
        }


def measure(
    settings: Mapping[str, Any], device: torch.device, each: Callable[[dict[str, Any]], None]
) -> dict[str, Any]:
    """Time everything; `each` gets the outcome after each batch size of the layers, and of the networks."""
    options = QUICK if settings["quick"] else {}
    network = build("googlenet", **options.get("googlenet", {}))
    branches, whole = list(branches_of(network)), of_network("googlenet", network)
    pieces = [*layers_of(network), *branches, whole]
    outcome = Outcome(settings, len(branches) // 2)
    for batch in settings["batches"]:
        outcome.add_layers(batch, whole, timed(pieces, LAYOUTS, batch, device, settings["layer_rounds"]))
        each(outcome.content())
    networks = [of_network(name, build(name, **options.get(name, {}))) for name in settings["networks"]]
    for batch in settings["batches"]:
        layout = outcome.layout(batch)
        took = timed(networks, [layout], batch, device, settings["network_rounds"])
        outcome.add_networks(batch, took[layout])
        each(outcome.content())
    return outcome.content()


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """The rows in short."""
    columns = ["batch", "group", "path", "kind", "kernel", "in", "macs", "bytes", "seconds", "of_one_rate"]
    return pd.DataFrame(rows).reindex(columns=[*columns, "of_power_law"]).to_string(index=False, na_rep="")


def main(
    batches: tuple[int, ...] = (1, 16),
    networks: tuple[Name, ...] = tuple(NETWORKS),
    layer_rounds: int = 21,
    network_rounds: int = 13,
    threads: int | None = None,
    device: str | None = None,
    quick: bool = False,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        batches: Images at once, each size by itself.
        networks: Those that are timed as a whole.
        layer_rounds: In which the layers and branches of GoogLeNet take turns.
        network_rounds: In which the networks do.
        threads: Of the CPU; torch's own number by default.
        device: cpu or cuda; the GPU if there is one.
        quick: A small GoogLeNet, few networks and few rounds, to see that all of it runs.
        record: Write the outcome to data/results under this name, anew whenever there is more of it.
    """
    numbers = [*batches, layer_rounds, network_rounds, *([] if threads is None else [threads])]
    if not batches or min(numbers) < 1 or len(networks) < 2:
        raise InceptionError(
            "--batches, --layer-rounds, --network-rounds and --threads are at least 1 each, and a law needs "
            "two --networks at least."
        )
    if record:
        results.check_name(record)
    chosen = choose_device(device)
    tune_process(chosen)
    if threads:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    if quick:
        batches, networks, layer_rounds, network_rounds = (1, 2), tuple(QUICK), 3, 3
    settings = {
        "device": device_name(chosen),
        "threads": torch.get_num_threads(),
        "batches": list(batches),
        "networks": list(networks),
        "layer_rounds": layer_rounds,
        "network_rounds": network_rounds,
        "quick": quick,
    }

    def keep(outcome: dict[str, Any]) -> None:
        if record:
            results.record(
                record,
                outcome,
                about="Seconds against MACs: GoogLeNet's layers and reductions alone, and whole networks",
                data=f"noise, batches of {' and '.join(map(str, batches))}",
                seed=0,
                device=settings["device"],  # type: ignore[arg-type]  # a name
            )

    start = time.monotonic()
    outcome = measure(settings, chosen, keep)
    print(table(outcome["rows"]))
    print(outcome["finding"])
    print(f"{time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "seconds_per_mac"))
