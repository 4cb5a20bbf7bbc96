"""What the benchmarks of speed share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

import torch

Key = TypeVar("Key")


def in_turn(contenders: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, list[float]]:
    """The seconds of each contender in each round; they take turns, so that a slow machine slows all."""
    took: dict[Key, list[float]] = {key: [] for key in contenders}
    for _ in range(rounds):
        for key, seconds in contenders.items():
            took[key].append(seconds())
    return took


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def seconds(work: Callable[[], object], device: torch.device, times: int) -> float:
    """Of one call, as the mean of some in a row."""
    wait(device)
    start = time.perf_counter()
    for _ in range(times):
        work()
    wait(device)
    return (time.perf_counter() - start) / times
