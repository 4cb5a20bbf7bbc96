"""Training images per second of one process, and of several on one machine's CPU, together and apart.

    python benchmarks/scaling.py                             1 process and 2, of one thread each
    python benchmarks/scaling.py --record scaling_cpu

All are started as a user starts them, by torchrun, and call `train` with the recipe `modern` in float32 on
noise, each process with the same number of images in a batch (weak scaling). `efficiency` is images per
second over those of one process times the number of processes. Processes that train apart exchange nothing:
what they lose they lose to each other's use of caches and memory, and the rest is the price of the exchange.
Rounds alternate between the contenders, so that a machine that slows down slows all; figures are medians of
the rounds. The second epoch is timed, in which everything is warm.

Under torchrun the script is one of the processes, which measures and writes what it found.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from PIL import Image
from rounds import in_turn

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import team, tune_process
from inception_lib.errors import InceptionError
from inception_lib.training.recipes import modern
from inception_lib.training.train import train

CLASSES, SIDE = 1000, 256  # as in ImageNet; pixels of an image before it is cut
FLOAT32 = 4  # bytes


class Noise:
    """Images and labels as a data set gives them; few different images, since only time is measured."""

    classes = tuple(map(str, range(CLASSES)))

    def __init__(self, images: int) -> None:
        pixels = np.random.default_rng(0).integers(0, 256, (8, SIDE, SIDE, 3), np.uint8)
        self.images = [Image.fromarray(each) for each in pixels]
        self.targets = [i % CLASSES for i in range(images)]

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, i: int) -> tuple[Image.Image, int]:
        return self.images[i % len(self.images)], self.targets[i]


def gradient_bytes(size: int) -> dict[str, int]:
    """Of one update in float32, which autocast leaves: with the heads, as in training, and without."""
    counts = count(googlenet(classes=CLASSES, input_size=size))
    return {"with_heads": FLOAT32 * counts.parameters, "trunk": FLOAT32 * counts.trunk.parameters}


def all_reduce(volume: int, times: int = 7) -> float:
    """Seconds in which the processes add up so many bytes, and do nothing else."""
    gradients, took = torch.zeros(volume // FLOAT32), []
    with team("cpu") as members:
        for _ in range(times + 2):
            members.wait()
            start = time.perf_counter()
            torch.distributed.all_reduce(gradients)
            took.append(time.perf_counter() - start)
    return statistics.median(took[2:])  # without the first two, which make the connections


def images_per_s(batch: int, size: int, updates: int, folder: Path) -> float:
    """Of all processes together, in the second of two epochs of so many updates."""
    world = int(os.environ["WORLD_SIZE"])
    recipe = replace(
        modern(),
        batch=batch * world,
        epochs=2,
        input_size=size,
        precision="float32",
        workers=0,
        warmup=0,
        clip=5,  # the paper's network has no batch normalization, and would not bear this rate
    )
    data = Noise(recipe.batch * updates), Noise(world)
    architecture = googlenet(classes=CLASSES, input_size=size)
    run = train(architecture, data, recipe, folder, device="cpu", progress=False)
    return run.history[-1]["images_per_s"]


def member(batch: int, size: int, updates: int, out: Path) -> int:
    """One of the processes that torchrun started; the first one writes what was measured.

    Args:
        batch: Images of this process in an update.
        size: Pixels a side that the network sees.
        updates: In an epoch; 0: no training, the gradients are added up alone.
        out: File to write, with the folder of the run beside it.
    """
    torch.set_num_threads(1)
    tune_process(torch.device("cpu"))
    if updates:
        found = images_per_s(batch, size, updates, out.with_suffix(""))
    else:
        found = all_reduce(gradient_bytes(size)["with_heads"])
    if os.environ["RANK"] == "0":
        out.write_text(json.dumps(found), encoding="utf-8")
    return 0


def launched(teams: int, processes: int, words: list[str]) -> list[float]:
    """What each of some teams found that work at the same time."""
    start = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        files = [Path(folder) / f"{i}.json" for i in range(teams)]
        commands = [[*start, __file__, *words, "--out", str(file)] for file in files]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        running = [stack.enter_context(subprocess.Popen(words, env=environment)) for words in commands]
        if any([process.wait() for process in running]):
            raise InceptionError("The processes ended before they had measured; see what they said above.")
        return [json.loads(file.read_text(encoding="utf-8")) for file in files]


def main(
    batch: int = 16,
    size: int = 224,
    updates: int = 3,
    processes: int = 2,
    rounds: int = 5,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        batch: Images of each process in an update.
        size: Pixels a side that the network sees.
        updates: In an epoch.
        processes: That train together, or apart; each needs a core.
        rounds: Of which the median counts.
        record: Write the table to data/results under this name.
    """
    words = ["--batch", str(batch), "--size", str(size)]

    def seconds_per_image(teams: int, each: int) -> float:
        return 1 / sum(launched(teams, each, [*words, "--updates", str(updates)]))

    def exchange() -> float:
        return launched(1, processes, [*words, "--updates", "0"])[0]

    runs: dict[tuple[int, str], Callable[[], float]] = {
        (1, "alone"): partial(seconds_per_image, 1, 1),
        (processes, "apart"): partial(seconds_per_image, processes, 1),
        (processes, "together"): partial(seconds_per_image, 1, processes),
        (processes, "all-reduce"): exchange,
    }
    took = in_turn(runs, rounds)
    alone, exchanges = took[1, "alone"], took.pop((processes, "all-reduce"))
    rows = [
        {
            "processes": n,
            "how": how,
            "images_per_s": round(1 / statistics.median(found), 2),
            "efficiency": round(statistics.median(a / (n * b) for a, b in zip(alone, found, strict=True)), 3),
        }
        for (n, how), found in took.items()
    ]
    volume = gradient_bytes(size)
    together, update = statistics.median(exchanges), batch * statistics.median(alone)
    print(pd.DataFrame(rows).to_string(index=False))
    print(
        f"An update of one process takes {update:.3f} s; adding up its gradients alone, "
        f"{volume['with_heads'] / 1e6:.1f} MB ({volume['trunk'] / 1e6:.1f} MB without the heads), among "
        f"{processes} processes {together:.3f} s."
    )
    if record:
        outcome = {
            "batch": batch,
            "size": size,
            "rounds": rounds,
            "rows": rows,
            "gradient_bytes": volume,
            "update_s": round(update, 4),
            "all_reduce_s": round(together, 4),
            "threads": 1,
        }
        print(
            results.record(
                record,
                outcome,
                about="Training images per second of one process and of several on a CPU",
                data=f"noise, {batch} x {size} x {size} per process and update, {CLASSES:,} classes",
                seed=0,
            )
        )
    return 0


if __name__ == "__main__":
    started = member if "TORCHELASTIC_RUN_ID" in os.environ else main
    sys.exit(run(lambda: tyro.cli(started), "scaling"))
