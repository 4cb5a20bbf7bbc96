"""NVIDIA's Multi-Process Service: small kernels of several processes run on one GPU at the same time."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

_USES_THE_GPU = "import torch; torch.ones(8, device='cuda').sum().item()"


@contextmanager
def multi_process_service() -> Iterator[str]:
    """Start it for the processes begun in the block, where it can be had; gives a sentence on that.

    Without it the GPU turns from one process to the other, and small networks leave most of it idle.
    """
    control = shutil.which("nvidia-cuda-mps-control")
    if control is None:
        yield "there is no nvidia-cuda-mps-control, and processes take turns on the GPU"
        return
    with tempfile.TemporaryDirectory() as folder:
        names = ("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(dict.fromkeys(names, folder))
        fault = _fault([control, "-d"]) or _fault([sys.executable, "-c", _USES_THE_GPU])
        try:
            if fault:
                _restore(before)
                yield f"the Multi-Process Service does not work here ({fault}), and processes take turns"
            else:
                yield "processes share the GPU by the Multi-Process Service"
        finally:
            environment = os.environ | dict.fromkeys(names, folder)
            subprocess.run(
                [control], input="quit\n", text=True, env=environment, capture_output=True, timeout=60
            )
            _restore(before)


def _restore(before: dict[str, str | None]) -> None:
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _fault(words: list[str]) -> str:
    """Why a command fails, in some words; nothing where it does not."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if done.returncode == 0 else (done.stderr or done.stdout).strip()[-200:] or f"{done.returncode}"
