"""How fast this machine trains, and how fast it could."""

from __future__ import annotations

import time
from functools import cache

import torch
from torch import nn

from inception_lib.architecture import Architecture
from inception_lib.distributed import Team, choose_device, device_name, processor
from inception_lib.nn.network import Network
from inception_lib.training.parts import frozen, training_mode, update_flops, update_traffic
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import (
    autocast_type,
    build,
    clip_gradients,
    head_weights,
    losses,
    optimizer,
    total_loss,
)


def devices() -> list[str]:
    """What this machine can train on, the one that is taken by default first; a sentence for each."""
    found = []
    if torch.cuda.is_available():
        gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
        found = [f"cuda:{i}: {gpu.name}, {gpu.total_memory / 2**30:.0f} GiB" for i, gpu in enumerate(gpus)]
    elif torch.accelerator.is_available():
        other = torch.accelerator.current_accelerator(check_available=True)
        found = [f"{other.type}: {torch.accelerator.device_count()} device(s)"] if other else []
    return [*found, f"cpu: {processor()}"]


def device_of(members: Team) -> str:
    """What a run trains on, for those who read it later."""
    name = device_name(members.device)
    if members.device.type != "cpu":
        return f"{members.world} x {name}"
    several = f"{members.world} processes on " if members.world > 1 else ""
    threads = torch.get_num_threads()
    return f"{several}{name}, {threads} thread{'s' * (threads != 1)}"


def measure_speed(
    architecture: Architecture, recipe: Recipe, *, device: str | None = None, seconds: float = 5
) -> float:
    """Training images per second of one device, on noise: the network's part, without reading images.

    It is the best of several short rounds, since other programs may keep the machine busy in some of them.
    """
    chosen = choose_device(device)
    layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
    network = build(architecture, recipe).to(chosen).to(memory_format=layout)
    with frozen(network, recipe.freeze):
        return _speed(network, recipe, chosen, seconds)


def _speed(network: Network, recipe: Recipe, chosen: torch.device, seconds: float) -> float:
    training_mode(network, recipe.freeze)
    step, rule = (
        torch.compile(network, dynamic=False) if recipe.compile else network,
        optimizer(network, recipe),
    )
    kind, weights = autocast_type(recipe.precision, chosen), head_weights(network)
    x = torch.randn(recipe.batch // recipe.accumulate, *network.architecture.input, device=chosen)
    x = x.to(memory_format=torch.channels_last if recipe.channels_last else torch.contiguous_format)
    y = torch.zeros(len(x), dtype=torch.long, device=chosen)

    def once() -> float:
        with torch.autocast(chosen.type, kind, enabled=kind is not None):
            output = step(x)
        loss = total_loss(losses(output, y), weights)
        rule.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(network, recipe.clip)
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
def matmul_flops(device: str, kind: torch.dtype | None = None) -> float:
    """FLOP/s that a product of two large matrices reaches here: what `flops_share` is a share of."""
    side = 8192
    if device.startswith("cpu"):
        side = 512 if kind else 1024  # many only imitate the shorter types: seconds for 1024
    a, b = torch.randn(2, side, side, device=device).to(kind or torch.float32)

    def once() -> float:
        start = time.perf_counter()
        (a @ b)[0, 0].item()  # waits for the device
        return time.perf_counter() - start

    once()
    return 2 * side**3 / min(once() for _ in range(5))


@cache
def copy_rate(device: str) -> float:
    """Bytes per second that a copy of a large tensor reads and writes: what `traffic_share` is a share of."""
    size = 2**28 if device.startswith("cpu") else 2**30
    a = torch.ones(size // 4, device=device)
    b = torch.empty_like(a)

    def once() -> float:
        start = time.perf_counter()
        b.copy_(a)[0].item()  # waits for the device
        return time.perf_counter() - start

    once()
    return 2 * size / min(once() for _ in range(5))


def shares(network: nn.Module, recipe: Recipe, members: Team) -> dict[str, float]:
    """What one image per second takes of all devices together: of their FLOP/s, and of their memory's rate.

    Multiplied by the images per second they are a record's `flops_share` and `traffic_share`; 0 where the
    network's operations are not known.
    """
    if not isinstance(network, Network):
        return {"flops_share": 0.0, "traffic_share": 0.0}
    device, kind = str(members.device), autocast_type(recipe.precision, members.device)
    each = recipe.batch // members.world
    traffic = update_traffic(
        network, recipe.freeze, each, recipe.accumulate, (kind or torch.float32).itemsize
    )
    flops = update_flops(network, recipe.freeze)
    return {
        "flops_share": flops / matmul_flops(device, kind) / members.world,
        "traffic_share": traffic / copy_rate(device) / members.world,
    }
