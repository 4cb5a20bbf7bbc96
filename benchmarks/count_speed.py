"""The time to count GoogLeNet's operations: ours beside other people's tools, each with the answer it gives.

    python benchmarks/count_speed.py                          this machine's CPU
    python benchmarks/count_speed.py --record count_speed

Ours counts the architecture, with its heads, and gives the trunk's sums; the others are given a network that
is built already, and run an image through it. `beyond_ours` is what a tool adds to the multiply-accumulates
of convolutions and the classifier: the last pool, biases, or more (benchmarks/counting_tools.py says for each
what). Rounds alternate between the contenders; `ms` are medians of the rounds, and so is
`times_ours`, the time as a multiple of what ours took, the building of the architecture included. The tools
are in the extra `tools`; one that is not installed is named and left out.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial

import pandas as pd
import torch
import tyro
from counting_tools import TOOLS, Tool
from rounds import in_turn
from torch import Tensor, nn

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.counting import Counts
from inception_lib.nn.network import Network

#: Multiply-accumulates, and parameters where the tool counts them.
Answer = tuple[int, int | None]
ROUND = 0.05  # seconds that a contender gets in a round, at least; one call where it takes longer


def macs_by(tool: Tool, network: nn.Module, x: Tensor) -> Answer:
    """What a tool prints, in multiply-accumulates."""
    operations, parameters = tool.call(network, x)
    return operations // tool.per_mac, parameters


COUNTERS: dict[str, Callable[[nn.Module, Tensor], Answer]] = {
    name: partial(macs_by, tool) for name, tool in TOOLS.items()
}
OURS, AT_HAND = "ours, count(googlenet())", "ours, the architecture at hand"


def built(device: str = "cpu") -> Network:
    """The network as it is at test time; on the device `meta` its tensors have shapes and no values."""
    return Network(googlenet(heads=False)).eval().to(device)


def contenders() -> dict[str, Callable[[], Answer]]:
    """Functions that count, each on a network of its own, since some tools leave things on theirs."""

    def sums(counts: Counts) -> Answer:
        trunk = counts.trunk
        return trunk.macs, trunk.parameters

    architecture = googlenet()
    found: dict[str, Callable[[], Answer]] = {
        OURS: lambda: sums(count(googlenet())),
        AT_HAND: lambda: sums(count(architecture)),
    }
    for name, tool in COUNTERS.items():
        found[name] = partial(tool, built(), torch.zeros(1, 3, 224, 224))
    meta = torch.zeros(1, 3, 224, 224, device="meta")
    return found | {"FlopCounterMode, meta": partial(COUNTERS["FlopCounterMode"], built("meta"), meta)}


def seconds(function: Callable[[], object], times: int = 1) -> float:
    """Of one call, as the mean of some in a row."""
    start = time.perf_counter()
    for _ in range(times):
        function()
    return (time.perf_counter() - start) / times


def main(rounds: int = 7, record: str | None = None) -> int:
    """Measure and print.

    Args:
        rounds: Of which the median counts.
        record: Write the table to data/results under this name.
    """
    answers: dict[str, Answer] = {}
    runs: dict[str, Callable[[], float]] = {}
    with torch.no_grad(), redirect_stdout(sys.stderr):  # some tools print
        for name, counted in contenders().items():
            try:
                answers[name] = counted()  # and warm up
            except ModuleNotFoundError as error:
                print(f"{name}: left out, since {error.name} is not installed (extra `tools`).")
            else:
                runs[name] = partial(seconds, counted, max(1, int(ROUND / seconds(counted))))
        runs["building"] = partial(seconds, built)
        took = in_turn(runs, rounds)
    building = 1000 * statistics.median(took.pop("building"))
    rows = [
        {
            "how": name,
            "ms": round(1000 * statistics.median(found), 3),
            "times_ours": round(statistics.median(a / b for a, b in zip(found, took[OURS], strict=True)), 2),
            "MACs": answers[name][0],
            "beyond_ours": answers[name][0] - answers[OURS][0],
            "parameters": answers[name][1],
        }
        for name, found in took.items()
    ]
    print(pd.DataFrame(rows).astype({"parameters": "Int64"}).to_string(index=False))
    print(f"The network that the others are given was built before; building one takes {building:.0f} ms.")
    if record:
        outcome = {
            "rounds": rounds,
            "rows": rows,
            "building_ms": round(building, 1),
            "threads": torch.get_num_threads(),
        }
        about = "Time to count GoogLeNet's operations, ours beside other tools"
        data = "one image of 3 x 224 x 224 zeros, where a tool wants one"
        print(results.record(record, outcome, about=about, data=data))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "count_speed"))
