"""How fast this machine trains, and how fast it could."""

from __future__ import annotations

import time
from contextlib import nullcontext
from functools import cache

import torch

from inception_lib.distributed import choose_device, processor
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import build, losses, optimizer, total_loss


def devices() -> list[str]:
    """What this machine can train on, the one that is taken by default first; a sentence for each."""
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    found = [f"cuda:{i}: {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for i, gpu in enumerate(gpus)]
    return [*found, f"cpu: {processor()}"]


def measure_speed(
    recipe: Recipe, classes: int = 10, *, device: str | None = None, seconds: float = 5
) -> float:
    """Training pictures per second of one device, on noise: the network's part, without reading pictures.

    It is the best of several short rounds, since other programs may keep the machine busy in some of them.
    """
    chosen = choose_device(device)
    network = build(recipe, classes).to(chosen).to(memory_format=torch.channels_last).train()
    step, rule = torch.compile(network) if recipe.compile else network, optimizer(network, recipe)
    side, autocast = recipe.input_size, recipe.precision == "bfloat16"
    x = torch.randn(recipe.batch // recipe.accumulate, 3, side, side, device=chosen).to(
        memory_format=torch.channels_last
    )
    y = torch.zeros(len(x), dtype=torch.long, device=chosen)

    def once() -> float:
        with torch.autocast(chosen.type, torch.bfloat16) if autocast else nullcontext():
            output = step(x)
        loss = total_loss(losses(output, y), recipe.aux_weight)
        rule.zero_grad(set_to_none=True)
        loss.backward()
        rule.step()
        return loss.item()  # waits for the device

    def rate() -> float:
        done, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds / 5 or not done:
            once()
            done += len(x)
        return done / (time.perf_counter() - start)

    for _ in range(3):  # the first steps are slower
        once()
    end = time.perf_counter() + seconds
    best = rate()
    while time.perf_counter() < end:
        best = max(best, rate())
    return best


@cache
def matmul_flops(device: str, precision: str) -> float:
    """FLOP/s that a product of two large matrices reaches here: what `flops_share` is a share of."""
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    side = 8192 if device.startswith("cuda") else 1024
    a, b = torch.randn(2, side, side, device=device).to(kind)

    def once() -> float:
        start = time.perf_counter()
        (a @ b).sum().item()
        return time.perf_counter() - start

    once()
    return 2 * side**3 / min(once() for _ in range(5))
