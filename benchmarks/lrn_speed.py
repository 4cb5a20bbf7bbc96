"""Local response normalization: our layer beside `F.local_response_norm` and beside a mere copy, in one run.

    python benchmarks/lrn_speed.py                                       this machine, its GPU if it has one
    python benchmarks/lrn_speed.py --batch 256 --precision bfloat16 --record lrn_speed_h200

On the two layers that GoogLeNet has, in both orders of memory, forward and with the backward pass. Rounds
alternate between the contenders, so that a machine that slows down slows all; figures are medians of the
rounds. Nothing that reads its input and writes its output is faster than a copy: `of_a_copy` is the speed as
a share of that of copies of as many bytes, 2 tensors forward, and 5 with the backward pass (the input, the
gradient, and what is written).
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable
from functools import partial
from typing import Literal

import pandas as pd
import torch
import tyro
from rounds import in_turn, seconds
from torch.nn import functional as F

from inception_lib.architecture import LRN
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.nn.layers import plain_layer

LAYER = LRN(name="norm")  # as in GoogLeNet
CHANNELS, SIDE = (64, 192), 56


def forward(function: Callable, x: torch.Tensor) -> None:
    with torch.no_grad():
        function(x)


def both(function: Callable, x: torch.Tensor, grad: torch.Tensor) -> None:
    x = x.detach().requires_grad_()
    function(x).backward(grad)


def contenders(x: torch.Tensor) -> dict[tuple[str, str], Callable[[], None]]:
    """What is timed, by its name and by whether it goes back as well."""
    layer = plain_layer(LAYER, tuple(x.shape[1:]))

    def theirs(x: torch.Tensor) -> torch.Tensor:
        wide = x.float() if x.device.type == "cpu" else x  # there it has no other
        return F.local_response_norm(wide, LAYER.size, LAYER.alpha, LAYER.beta, LAYER.k).to(x.dtype)

    out, grad = torch.empty_like(x), torch.randn_like(x)
    found: dict[tuple[str, str], Callable[[], None]] = {("copy", "forward"): lambda: out.copy_(x)}
    for name, function in (("ours", layer), ("torch", theirs)):
        found[name, "forward"] = partial(forward, function, x)
        found[name, "forward and back"] = partial(both, function, x, grad)
    return found


def main(
    batch: int = 16,
    precision: Literal["float32", "bfloat16", "float16"] = "float32",
    rounds: int = 7,
    times: int = 5,
    device: str | None = None,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        batch: Images at once.
        precision: Of the values.
        rounds: Of which the median counts.
        times: Calls in a round.
        device: cpu or cuda; the GPU if there is one.
        record: Write the table to data/results under this name.
    """
    chosen = choose_device(device)
    tune_process(chosen)
    torch.manual_seed(0)
    rows = []
    for channels in CHANNELS:
        for layout in ("contiguous_format", "channels_last"):
            x = torch.randn(batch, channels, SIDE, SIDE, device=chosen).to(getattr(torch, precision))
            works = contenders(x.contiguous(memory_format=getattr(torch, layout)))
            runs = {key: partial(seconds, work, chosen, times) for key, work in works.items()}
            for once in runs.values():  # compile, and warm up
                once()
            took = {key: statistics.median(found) for key, found in in_turn(runs, rounds).items()}
            for (name, how), found in took.items():
                if name != "copy":
                    copies = 1.0 if how == "forward" else 2.5
                    rows.append(
                        {
                            "channels": channels,
                            "memory": layout.removesuffix("_format"),
                            "what": how,
                            "whose": name,
                            "ms": round(1000 * found, 4),
                            "times_torchs_speed": round(took["torch", how] / found, 2),
                            "of_a_copy": round(copies * took["copy", "forward"] / found, 3),
                        }
                    )
    print(pd.DataFrame(rows).to_string(index=False))
    if record:
        print(
            results.record(
                record,
                {"batch": batch, "precision": precision, "rounds": rounds, "rows": rows},
                about="Time of local response normalization, ours beside torch's and beside a copy",
                data=f"noise, batches of {batch} with {SIDE} x {SIDE} positions",
                seed=0,
                device=device_name(chosen),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "lrn_speed"))
