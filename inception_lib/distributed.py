"""Devices, and the processes that work together: one, or as many as torchrun started."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import cast

import torch
import torch.distributed as dist

from inception_lib.errors import TeamError, TrainingError

#: Without a word from another process for so long, a collective operation of an update has failed.
_TIMEOUT = timedelta(minutes=10)
#: For what one process does alone while the others wait: a download, a long test.
_PATIENCE = timedelta(days=1)


@dataclass(frozen=True)
class Team:
    """This process among those that work together.

    `control` is a group on the CPU with a long timeout, in which totals are added up and processes wait for
    each other; gradients go through the default group.
    """

    rank: int
    world: int
    device: torch.device
    control: dist.ProcessGroup | None = None

    @property
    def leads(self) -> bool:
        """Whether this process writes files and shows progress."""
        return self.rank == 0

    def total(self, values: torch.Tensor) -> torch.Tensor:
        """The sum over all processes of `values`, a tensor on the CPU, which is changed in place."""
        if self.world > 1:
            dist.all_reduce(values, group=self.control)
        return values

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            dist.barrier(group=self.control)

    @contextmanager
    def leader_first(self) -> Iterator[bool]:
        """The leader runs the block, then all others do: what it fetches, they find. Gives `leads`.

        If the leader fails, the others do not start.
        """
        failed = torch.zeros(1, dtype=torch.int64)
        if not self.leads and self.total(failed).item():
            raise TeamError("The first process of this run could not prepare what the others need.")
        try:
            yield self.leads
        except BaseException:
            failed += 1
            raise
        finally:
            if self.leads:
                self.total(failed)


def choose_device(name: str | None = None) -> torch.device:
    """The device of that name; by default the accelerator if there is one (CUDA, MPS, XPU), else the CPU.

    Where torchrun started several processes on this machine, each gets the device of its own local rank,
    whatever index the name has.

    Raises:
        TrainingError: there is no such device, or fewer of them than processes.
    """
    found = torch.accelerator.current_accelerator(check_available=True)
    local, processes = int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    device: torch.device | None = None
    try:
        device = torch.device((found.type if found else "cpu") if name is None else name)
        if found is not None and device.type == found.type:
            count = torch.accelerator.device_count()
            if processes > max(1, count):
                raise TrainingError(
                    f"{processes} processes on this machine need as many devices, and it has {count} of type "
                    f"{device.type}; start fewer (--nproc-per-node), or use --device cpu."
                )
            if processes > 1:
                device = torch.device(device.type, local)
            if device.index is not None and count > 1:
                torch.accelerator.set_device_index(device.index)  # before anything is put on the first one
        torch.zeros(1, device=device).item()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
        asked = str(device) if name is None else name
        raise TrainingError(f"The device {asked!r} cannot be used ({said}).") from None
    return device


def device_name(device: torch.device) -> str:
    """What the device is called, for those who read it later."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "xpu":
        return torch.xpu.get_device_name(device)
    return processor() if device.type == "cpu" else f"{device.type}, {processor()}"


def processor() -> str:
    """The name of this machine's processor and the number of cores that this process may use."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    return f"{name}, {cores()} core{'s' * (cores() != 1)}"


def cores() -> int:
    """How many processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def tune_process(device: torch.device) -> None:
    """Settings of the whole process that make work on `device` faster; for commands, not for libraries.

    On a CPU memory that was freed is kept. On CUDA, convolutions are tried and the fastest kept, and products
    of float32 may use TF32.
    """
    if device.type == "cpu":
        keep_freed_memory()
    elif device.type == "cuda":
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("high")


@contextmanager
def tuned(device: torch.device) -> Iterator[None]:
    """What `tune_process` sets for CUDA, until the end of the block."""
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()
    tune_process(device)
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark = before[0]
        torch.set_float32_matmul_precision(before[1])


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

    On accelerators each process takes the one of its local rank, and they exchange gradients by the backend
    that belongs to it (NCCL for CUDA); on CPUs by gloo.

    Raises:
        TrainingError: the device cannot be used, or not by several processes.
        TeamError: another process has ended, so that this one cannot go on.
    """
    world = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = choose_device(device)
    if world == 1:
        yield Team(0, 1, chosen)
        return
    if chosen.type == "mps":
        raise TrainingError("Several processes cannot share Apple's GPU; start one, or use --device cpu.")
    dist.init_process_group(
        dist.get_default_backend_for_device(chosen),
        timeout=_TIMEOUT,
        device_id=chosen if chosen.type == "cuda" else None,
    )
    try:
        control = cast(dist.ProcessGroup, dist.new_group(backend="gloo", timeout=_PATIENCE))
        yield Team(dist.get_rank(), world, chosen, control)
    except (dist.DistError, RuntimeError) as error:
        if isinstance(error, dist.DistError) or any(
            word in str(error) for word in ("gloo", "NCCL", "Connection")
        ):
            raise TeamError("Another process of this run has ended, so this one cannot go on.") from error
        raise
    finally:
        dist.destroy_process_group()
