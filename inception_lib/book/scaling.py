"""How long a training would take on several GPUs: a calculation from what one GPU was measured to do.

Every GPU trains on as many images in an update as it did alone; then all of them add up their gradients (an
all-reduce), and each makes the same update. The time of the exchange is the best that its volume and the
slowest link allow: latencies, waiting for the slowest GPU, validation and checkpoints are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from inception_lib.errors import InceptionError

#: Share of an update before its first gradient is there: the backward pass has two of three parts arithmetic.
FORWARD = 1 / 3

#: Bytes per second from one GPU to the next, in each direction, as their makers and standards have it. NVIDIA
#: on Hopper: 900 GB/s of NVLink and 128 GB/s of PCIe are sums of both directions. Ethernet is full duplex.
LINKS: dict[str, float] = {
    "NVLink 4": 450e9,
    "PCIe 5.0 x16": 64e9,
    "Ethernet, 100 Gb/s": 100e9 / 8,
    "Ethernet, 10 Gb/s": 10e9 / 8,
}


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one GPU does in an update.

    `images` in its batch, `images_per_s` that it trains alone, and `gradient_bytes` that it then adds up with
    the others'.

    Raises:
        InceptionError: one of them is not above 0.
    """

    images: int
    images_per_s: float
    gradient_bytes: int

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            _above_zero(name, value)


def exchange_seconds(volume: float, gpus: int, bandwidth: float) -> float:
    """Seconds in which `gpus` add up `volume` bytes each over links of `bandwidth` bytes per second.

    In a ring each sends, and receives, 2 (gpus - 1) / gpus times the volume; no all-reduce in which only GPUs
    add is faster.

    Raises:
        InceptionError: there is no GPU or no bandwidth.
    """
    _above_zero("gpus", gpus)
    _above_zero("bandwidth", bandwidth)
    return 2 * (gpus - 1) / gpus * volume / bandwidth


def update_seconds(work: Work, gpus: int, bandwidth: float, *, overlap: bool) -> float:
    """Seconds of one update of all GPUs together, at best.

    Args:
        work: of each GPU.
        gpus: their number.
        bandwidth: bytes per second of the slowest link between them, in each direction.
        overlap: the exchange begins with the backward pass and does not slow it, which is the most that can
            be hidden; else it begins when the backward pass has ended.
    """
    alone = work.images / work.images_per_s
    exchange = exchange_seconds(work.gradient_bytes, gpus, bandwidth)
    return max(alone, FORWARD * alone + exchange) if overlap else alone + exchange


def images_per_s(
    work: Work, gpus: int, bandwidth: float, *, overlap: bool, loader: float = math.inf
) -> float:
    """Images per second that all GPUs train together, at best.

    Args:
        work, gpus, bandwidth, overlap: see `update_seconds`.
        loader: images per second that are read and augmented for each GPU, beside the training.
    """
    _above_zero("loader", loader)
    return gpus * min(loader, work.images / update_seconds(work, gpus, bandwidth, overlap=overlap))


def efficiency(work: Work, gpus: int, bandwidth: float, *, overlap: bool) -> float:
    """Images per second over those of as many GPUs that exchange nothing: 1 at best."""
    together = images_per_s(work, gpus, bandwidth, overlap=overlap)
    return together / (gpus * work.images_per_s)


def _above_zero(name: str, value: float) -> None:
    if not value > 0:
        raise InceptionError(f"{name} must be a number above 0, not {value!r}.")
