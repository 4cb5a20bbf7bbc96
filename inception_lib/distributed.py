"""The processes that train together: one, or as many as torchrun started."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist

from inception_lib.errors import TrainingError


@dataclass(frozen=True)
class Team:
    """This process among those that train together."""

    rank: int
    world: int
    device: torch.device

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of `values` over all processes."""
        if self.world > 1:
            dist.all_reduce(values)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier()


def choose_device(name: str | None) -> torch.device:
    """The device of that name; the GPU if there is one, else the CPU, where no name is given.

    Raises:
        TrainingError: there is no such device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise TrainingError(
            f"The device {name!r} cannot be used ({str(error).splitlines()[0].rstrip('.')})."
        ) from None
    return device


def processor() -> str:
    """The name of this machine's processor and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{name}, {cores} core{'s' * (cores != 1)}"


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees; whether the allocator is one that can (glibc's).

    By default glibc gives large pieces back to the kernel, which clears them page by page when the next
    update asks for as much again.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    trim_threshold, mmap_max = -1, -4  # M_TRIM_THRESHOLD, M_MMAP_MAX of malloc.h
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(trim_threshold, 2**31 - 1) and mallopt(mmap_max, 0))


@contextmanager
def team(device: str | None = None) -> Iterator[Team]:
    """Join the processes that torchrun started, or be the only one.

    With GPUs each process takes the one of its local rank, and they talk through NCCL; on CPUs through
    gloo. An error in another process becomes a TrainingError here. On a CPU freed memory is kept, which is
    quicker.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if chosen.type == "cpu":
        keep_freed_memory()
    if world == 1:
        yield Team(0, 1, chosen)
        return
    local = int(os.environ.get("LOCAL_RANK", "0"))
    if chosen.type == "cuda" and chosen.index is None:
        chosen = choose_device(f"cuda:{local}")
        torch.cuda.set_device(chosen)
    dist.init_process_group("nccl" if chosen.type == "cuda" else "gloo", timeout=timedelta(minutes=10))
    try:
        yield Team(dist.get_rank(), world, chosen)
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error) or "NCCL" in str(error):
            raise TrainingError(
                "Another process of this run has ended, so this one cannot go on; the last checkpoint "
                "is whole, and --resume continues from it."
            ) from error
        raise
    finally:
        dist.destroy_process_group()
