"""What the benchmarks of speed share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

Key = TypeVar("Key")


def in_turn(contenders: Mapping[Key, Callable[[], float]], rounds: int) -> dict[Key, list[float]]:
    """The seconds of each contender in each round; they take turns, so that a slow machine slows all."""
    took: dict[Key, list[float]] = {key: [] for key in contenders}
    for _ in range(rounds):
        for key, seconds in contenders.items():
            took[key].append(seconds())
    return took
