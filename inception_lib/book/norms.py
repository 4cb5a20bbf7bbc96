"""Norms of gradients by module, without torch: also for what was recorded."""

from __future__ import annotations

from collections.abc import Mapping


def by_module(of_convs: Mapping[str, float]) -> dict[str, float]:
    """Norms of convolutions, joined to those of modules: `conv1`, `conv2_reduce`, `conv2`, `3a` to `5b`.

    The norm over several convolutions is the root of the sum of their squares.
    """
    squares: dict[str, float] = {}
    for conv, norm in of_convs.items():
        module = conv.partition(".")[0].removeprefix("inception_")
        squares[module] = squares.get(module, 0.0) + norm**2
    return {module: total**0.5 for module, total in squares.items()}
