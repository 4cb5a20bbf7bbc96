"""Does the recipe `tiny` always learn? Train it from several seeds, and record each run.

    python benchmarks/tiny_seeds.py --record tiny

A seed decides the initial weights and the order of the pictures. If interrupted, the same command goes on
where it was.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import tyro

from inception_lib.book.results import record_run
from inception_lib.console import run
from inception_lib.training.recipes import network_options, recipe
from inception_lib.training.train import train


def main(seeds: int = 5, work: Path = Path("runs/tiny_seeds"), record: str | None = None) -> int:
    """Train and print.

    Args:
        seeds: How many, from 0.
        work: Folder of the runs.
        record: Write them to data/results under this name.
    """
    runs = []
    for seed in range(seeds):
        folder = work / str(seed)
        runs.append(
            train(
                network_options("tiny"),
                "shapes",
                replace(recipe("tiny"), seed=seed),
                folder,
                resume=folder.is_dir(),
            )
        )
    for done in runs:
        last, minutes = done.history[-1], sum(r["seconds"] for r in done.history) / 60
        heads = ", ".join(f"{name} {last[name]:.2f}" for name in ("loss", "aux1", "aux2"))
        print(f"seed {done.recipe.seed}: top-1 {last['top1']:.1%}, {heads}, {minutes:.1f} minutes")
    if record:
        print(record_run(record, *runs))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "tiny_seeds"))
