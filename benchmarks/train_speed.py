"""Training pictures per second: our networks beside torchvision's `googlenet`, in one run.

    python benchmarks/train_speed.py                                     this machine, its GPU if it has one
    python benchmarks/train_speed.py --batch 128 --precision bfloat16 --record train_speed_h200

Each contender makes whole updates (forward with both heads, loss, backward, SGD) on the same noise, eager
and compiled. Rounds alternate between the contenders, so that a machine that slows down slows all; the figure
is the median of the rounds. `flops_share` is the share of what a product of two large matrices reaches there.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from typing import Literal

import pandas as pd
import torch
import torchvision
import tyro
from rounds import in_turn
from torch import nn
from torch.nn import functional as F

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.nn.network import Network
from inception_lib.training.speed import matmul_flops


def contenders(size: int) -> dict[str, nn.Module]:
    """Equal but for what the names say; torchvision's and our `torchvision` are the same network."""
    return {
        "ours, paper": Network(googlenet(input_size=size)),
        "ours, torchvision": Network(googlenet("torchvision", input_size=size)),
        "torchvision": torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False),
    }


def updater(network: nn.Module, x: torch.Tensor, y: torch.Tensor, precision: str) -> Callable[[], None]:
    """A function that makes one update."""
    rule = torch.optim.SGD(network.parameters(), lr=1e-4, momentum=0.9)
    kind = x.device.type

    def update() -> None:
        with torch.autocast(kind, torch.bfloat16) if precision == "bfloat16" else nullcontext():
            main, *heads = network(x)
        loss = F.cross_entropy(main.float(), y) + 0.3 * sum(F.cross_entropy(h.float(), y) for h in heads)
        rule.zero_grad(set_to_none=True)
        loss.backward()
        rule.step()

    return update


def seconds(update: Callable[[], None], device: torch.device, times: int) -> float:
    """Of one update, as the mean of some in a row."""

    def wait() -> None:
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    wait()
    start = time.perf_counter()
    for _ in range(times):
        update()
    wait()
    return (time.perf_counter() - start) / times


def main(
    batch: int = 16,
    size: int = 224,
    precision: Literal["float32", "bfloat16"] = "float32",
    compiled: bool = True,
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
    updates: dict[tuple[str, str], Callable[[], None]] = {}
    for name, network in contenders(size).items():
        network = network.to(chosen, memory_format=torch.channels_last).train()
        updates[name, "eager"] = updater(network, x, y, precision)
        if compiled:
            updates[name, "compiled"] = updater(torch.compile(network), x, y, precision)
    for update in updates.values():  # compile, and warm up
        seconds(update, chosen, 3)
    took = in_turn({key: partial(seconds, update, chosen, times) for key, update in updates.items()}, rounds)
    paper, other = (
        6 * count(googlenet(variant, input_size=size)).macs for variant in ("paper", "torchvision")
    )
    flops = {"ours, paper": paper, "ours, torchvision": other, "torchvision": other}
    peak, rows = matmul_flops(str(chosen), torch.bfloat16 if precision == "bfloat16" else None), []
    for (name, how), found in took.items():
        each = batch / statistics.median(found)
        base = batch / statistics.median(took["torchvision", how])
        rows.append(
            {
                "network": name,
                "how": how,
                "images_per_s": round(each, 2),
                "of_torchvision": round(each / base, 3),
                "flops_share": round(each * flops[name] / peak, 3),
            }
        )
    print(pd.DataFrame(rows).to_string(index=False))
    if record:
        outcome = {
            "batch": batch,
            "size": size,
            "precision": precision,
            "rounds": rounds,
            "rows": rows,
            "matmul_tflops": round(peak / 1e12, 2),
            "threads": torch.get_num_threads(),
        }
        print(
            results.record(
                record,
                outcome,
                about="Training pictures per second, ours beside torchvision's",
                data=f"noise, batches of {batch} x {size} x {size}",
                seed=0,
                device=device_name(chosen),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "train_speed"))
