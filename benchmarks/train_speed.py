"""Training pictures per second: our networks beside torchvision's `googlenet`, in one run.

    python benchmarks/train_speed.py                                     this machine, its GPU if it has one
    python benchmarks/train_speed.py --batch 128 --precision bfloat16 --record train_speed_h200

Each contender makes whole updates (forward with both heads, loss, backward, SGD) on the same noise, eager
and compiled, and where `--graphs` says so compiled with CUDA graphs. Rounds alternate between the contenders,
so that a machine that slows down slows all; the figure is the median of the rounds. `flops_share` is the
share of what a product of two large matrices reaches there, `traffic_share` that of a large copy, for the
least bytes that an update moves if every layer is one pass. Compiling takes minutes: each network that is
compiled is timed beside all that were before it, and the record is written again.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Literal

import pandas as pd
import torch
import torchvision
import tyro
from rounds import in_turn, seconds
from torch import nn
from torch.nn import functional as F

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.nn.network import Network
from inception_lib.training.parts import update_flops, update_traffic
from inception_lib.training.speed import copy_rate, matmul_flops

#: The contenders, with the variant of our network whose arithmetic they do.
NETWORKS = {"ours, paper": "paper", "ours, torchvision": "torchvision", "torchvision": "torchvision"}


def contenders(size: int) -> dict[str, nn.Module]:
    """Equal but for what the names say; torchvision's and our `torchvision` are the same network."""
    return {
        "ours, paper": Network(googlenet(input_size=size)),
        "ours, torchvision": Network(googlenet("torchvision", input_size=size)),
        "torchvision": torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False),
    }


def compiled_as(how: str, network: nn.Module) -> Callable:
    """The network as it is called."""
    if how == "eager":
        return network
    return torch.compile(network, dynamic=False, mode="reduce-overhead" if "graphs" in how else None)


def updater(
    network: nn.Module, how: str, x: torch.Tensor, y: torch.Tensor, precision: str
) -> Callable[[], None]:
    """A function that makes one update."""
    rule = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9, fused=True)
    kind, called = x.device.type, compiled_as(how, network)

    def update() -> None:
        with torch.autocast(kind, torch.bfloat16) if precision == "bfloat16" else nullcontext():
            main, *heads = called(x)
        loss = F.cross_entropy(main.float(), y) + 0.3 * sum(F.cross_entropy(h.float(), y) for h in heads)
        rule.zero_grad(set_to_none=True)
        loss.backward()
        rule.step()

    return update


def one_image(variant: str, size: int, batch: int, kind: torch.dtype) -> tuple[float, float]:
    """FLOP and bytes of one image's part in an update of our network of this variant."""
    network = Network(googlenet(variant, input_size=size))
    return update_flops(network, None), update_traffic(network, None, batch, value=kind.itemsize)


def ratio(base: float | None, found: float) -> float | None:
    """How many times as fast as torchvision's in the same form, where that was timed."""
    return None if base is None else round(base / found, 3)


def main(
    batch: int = 16,
    size: int = 224,
    precision: Literal["float32", "bfloat16"] = "float32",
    compiled: bool = True,
    graphs: bool = False,
    networks: tuple[str, ...] = tuple(NETWORKS),
    rounds: int = 7,
    times: int = 2,
    device: str | None = None,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        batch: Pictures per update.
        size: Pixels a side.
        precision: float32, or autocast to bfloat16.
        compiled: Measure under torch.compile as well.
        graphs: And with CUDA graphs.
        networks: That are compiled; eager, all are measured.
        rounds: Of which the median counts.
        times: Updates in a round.
        device: cpu or cuda; the GPU if there is one.
        record: Write the table to data/results under this name.
    """
    chosen = choose_device(device)
    tune_process(chosen)
    torch.manual_seed(0)
    x = torch.randn(batch, 3, size, size, device=chosen).to(memory_format=torch.channels_last)
    y = torch.randint(0, 1000, (batch,), device=chosen)
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    made = {
        name: network.to(chosen, memory_format=torch.channels_last).train()
        for name, network in contenders(size).items()
    }
    needs = {name: one_image(variant, size, batch, kind) for name, variant in NETWORKS.items()}
    peaks = matmul_flops(str(chosen), kind), copy_rate(str(chosen))
    hows = ["compiled"] * compiled + ["compiled, graphs"] * graphs
    stages = [[(name, "eager") for name in made], *([(n, how)] for how in hows for n in networks)]
    runs: dict[tuple[str, str], Callable[[], float]] = {}
    for stage in stages:
        for name, how in stage:
            update = updater(made[name], how, x, y, precision)
            seconds(update, chosen, 3)  # compile, and warm up
            runs[name, how] = partial(seconds, update, chosen, times)
        took = {key: statistics.median(found) for key, found in in_turn(runs, rounds).items()}
        rows = [
            {
                "network": name,
                "how": how,
                "images_per_s": round(batch / found, 2),
                "of_torchvision_eager": round(took["torchvision", "eager"] / found, 3),
                "of_torchvision": ratio(took.get(("torchvision", how)), found),
                "flops_share": round(batch / found * needs[name][0] / peaks[0], 3),
                "traffic_share": round(batch / found * needs[name][1] / peaks[1], 3),
            }
            for (name, how), found in took.items()
        ]
        print(pd.DataFrame(rows).to_string(index=False), flush=True)
        if record:
            outcome = {
                "batch": batch,
                "size": size,
                "precision": precision,
                "rounds": rounds,
                "rows": rows,
                "matmul_tflops": round(peaks[0] / 1e12, 2),
                "copy_gb_per_s": round(peaks[1] / 1e9, 1),
                "threads": torch.get_num_threads(),
            }
            path = results.record(
                record,
                outcome,
                about="Training pictures per second, ours beside torchvision's",
                data=f"noise, batches of {batch} x {size} x {size}",
                seed=0,
                device=device_name(chosen),
            )
            print(path, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "train_speed"))
