"""What processes that train together share; teams of several are in test_loop.py and test_ensemble.py."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest
import torch

from inception_lib.distributed import choose_device, keep_freed_memory, team, tuned
from inception_lib.errors import TrainingError

FAULTS = """
import resource, torch
from inception_lib.distributed import keep_freed_memory

def pages():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.ones(2**24)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

given_back = pages()
keep_freed_memory()
pages()  # grows for the last time
print(given_back, pages())
"""


@pytest.mark.slow
def test_freed_memory_is_kept_where_glibc_is():
    if not keep_freed_memory():
        assert platform.libc_ver()[0] != "glibc"
        return
    run = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)
    given_back, kept = map(int, run.stdout.split())
    assert kept < given_back / 2


def test_one_process_is_a_team():
    with team("cpu") as members:
        assert members.leads and members.world == 1 and members.device == torch.device("cpu")
        assert members.total(torch.tensor([2.0])).item() == 2


@pytest.mark.parametrize("name", ["gpu", "cuda:99", ""])
def test_a_device_that_is_not_there_is_named(name):
    with pytest.raises(TrainingError, match=f"The device '{name}' cannot be used"):
        choose_device(name)


def test_what_is_tuned_for_a_training_is_put_back():
    def now():
        return torch.backends.cudnn.benchmark, torch.get_float32_matmul_precision()

    before = now()
    with tuned(torch.device("cpu")):
        assert now() == before
    with pytest.raises(KeyboardInterrupt), tuned(torch.device("cuda")):
        assert now() == (True, "high")
        raise KeyboardInterrupt
    assert now() == before
