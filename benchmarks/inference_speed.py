"""Pictures per second in inference: our networks beside torchvision's `googlenet`, in one run.

    python benchmarks/inference_speed.py                                 this machine, its GPU if it has one
    python benchmarks/inference_speed.py --batch 256 --precision bfloat16 --record inference_speed_h200

Each contender runs on the same noise: as it is by default, with channels last, and compiled; ours also in
their inference form (`Network.fused`), which is set against torchvision's with channels last, or compiled.
Rounds alternate between the contenders, so that a machine that slows down slows all; the figure is the median
of the rounds.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from typing import Literal

import pandas as pd
import torch
import torchvision
import tyro
from rounds import in_turn
from torch import nn

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.nn.network import Network


def contenders() -> dict[str, Callable[[], nn.Module]]:
    """Makers of them; torchvision's and our `torchvision` are the same network."""
    return {
        "ours, paper": lambda: Network(googlenet(heads=False)),
        "ours, torchvision": lambda: Network(googlenet("torchvision", heads=False)),
        "torchvision": lambda: torchvision.models.googlenet(
            weights=None, aux_logits=False, init_weights=False
        ),
    }


#: What is done to a network before it runs.
FORMS: dict[str, Callable[[nn.Module], Callable]] = {
    "default": lambda network: network,
    "channels_last": lambda network: network.to(memory_format=torch.channels_last),
    "fused": lambda network: network.fused(),
    "compiled": lambda network: torch.compile(network.to(memory_format=torch.channels_last)),
    "fused, compiled": lambda network: network.fused(compile=True),
}
#: The form of torchvision's network that one of ours is set against, where it is another.
AGAINST = {"fused": "channels_last", "fused, compiled": "compiled"}


def answers(network: Callable, x: torch.Tensor, precision: str, times: int) -> Callable[[], float]:
    """A function that runs the network some times in a row, and gives the mean seconds of one."""

    @torch.inference_mode()
    def once() -> float:
        start = time.perf_counter()
        with torch.autocast(x.device.type, torch.bfloat16) if precision == "bfloat16" else nullcontext():
            for _ in range(times):
                y = network(x)
        (y if isinstance(y, torch.Tensor) else y.logits)[0, 0].item()  # waits for the device
        return (time.perf_counter() - start) / times

    return once


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
        batch: Pictures at once.
        size: Pixels a side.
        precision: float32, or autocast to bfloat16.
        compiled: Measure under torch.compile as well.
        rounds: Of which the median counts.
        times: Batches in a round.
        device: cpu or cuda; the GPU if there is one.
        record: Write the table to data/results under this name.
    """
    chosen = choose_device(device)
    tune_process(chosen)
    torch.manual_seed(0)
    x = torch.randn(batch, 3, size, size, device=chosen)
    runs: dict[tuple[str, str], Callable[[], float]] = {}
    for name, make in contenders().items():
        for form, prepare in FORMS.items():
            if ("compiled" in form and not compiled) or ("fused" in form and name == "torchvision"):
                continue
            given = x if form == "default" else x.contiguous(memory_format=torch.channels_last)
            runs[name, form] = answers(prepare(make().eval().to(chosen)), given, precision, times)
    for once in runs.values():  # compile, and warm up
        for _ in range(3):
            once()
    speed = {key: batch / statistics.median(found) for key, found in in_turn(runs, rounds).items()}
    rows = [
        {
            "network": name,
            "how": form,
            "images_per_s": round(each, 2),
            "of_torchvision": round(each / speed["torchvision", AGAINST.get(form, form)], 3),
            "of_torchvision_default": round(each / speed["torchvision", "default"], 3),
        }
        for (name, form), each in speed.items()
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    if record:
        outcome = {
            "batch": batch,
            "size": size,
            "precision": precision,
            "rounds": rounds,
            "rows": rows,
            "threads": torch.get_num_threads(),
        }
        print(
            results.record(
                record,
                outcome,
                about="Pictures per second in inference, ours beside torchvision's",
                data=f"noise, batches of {batch} x {size} x {size}",
                seed=0,
                device=device_name(chosen),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "inference_speed"))
