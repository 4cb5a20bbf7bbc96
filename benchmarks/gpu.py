"""All that a GPU is wanted for, in one command, for a machine that is lent for some minutes.

    python benchmarks/gpu.py --data FOLDER --results FOLDER          under 9 minutes on one H100 or H200

The parts run in the order of their worth, each in a process and a time box of its own; what a part finds is
written when it is there, so that the command may be cut off anywhere. `--parts` chooses some. It needs Python
3.11, torch 2.11 and torchvision, tyro, pandas, pytest and hypothesis, no network, and no installation of the
library, which it runs from the tree. `--data` is Imagenette, or a folder like it, of small images.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

import tyro

from inception_lib.console import run

ROOT = Path(__file__).resolve().parents[1]


def parts(data: str, about: str, where: str) -> dict[str, tuple[int, list[str]]]:
    """By name: the most seconds that a part may take, and its command after `python`."""
    speed = ["--batch", "256", "--precision", "bfloat16", "--times", "5", "--rounds", "7"]
    return {
        "tests": (
            180,
            [
                "-m",
                "pytest",
                "-m",
                "gpu",
                "-q",
                "tests/test_gpu.py",
                "-p",
                "no:cacheprovider",
                "--durations=8",
            ],
        ),
        "train_speed": (170, ["benchmarks/train_speed.py", *speed, "--record", f"train_speed_{where}"]),
        "inference_speed": (
            120,
            ["benchmarks/inference_speed.py", *speed, "--record", f"inference_speed_{where}"],
        ),
        "crop_speed": (40, ["benchmarks/crop_speed.py", "--record", f"crop_speed_{where}"]),
        "training": (
            420,
            [
                "benchmarks/heads_and_norms.py",
                *("--data", data, "--about-data", about, "--together", "5"),
                *("--seconds", "{seconds}", "--record", f"heads_and_norms_{where}"),
            ],
        ),
    }


def main(
    data: str = "imagenette",
    about_data: str = "Imagenette",
    results: Path = Path("data/results"),
    where: str = "gpu",
    minutes: float = 9,
    only: tuple[str, ...] = (),
) -> int:
    """Run the parts.

    Args:
        data: Imagenette, or a folder with train/CLASS and val/CLASS.
        about_data: How the data is called in the records.
        results: Folder of the records.
        where: What the GPU is called in the names of the records.
        minutes: For all parts together.
        only: These parts alone: tests, train_speed, inference_speed, crop_speed, training.
    """
    end = time.monotonic() + 60 * minutes
    results.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "INCEPTION_RESULTS": str(results.resolve()),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }
    failed = []
    for name, (box, words) in parts(data, about_data, where).items():
        left = min(box, end - time.monotonic())
        if (only and name not in only) or left < 10:
            continue
        words = [word.format(seconds=int(left - 8)) if word == "{seconds}" else word for word in words]
        print(f"\n=== {name}, {left:.0f} s at most: python {shlex.join(words)}", flush=True)
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, start_new_session=True
        )
        try:
            status = process.wait(timeout=left)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            process.wait()
            status = -1
        ended = {0: "done", -1: "cut off"}.get(status, f"status {status}")
        print(f"=== {name}: {ended} after {time.monotonic() - start:.0f} s", flush=True)
        failed += [name] * bool(status)
    print("\nnot in order: " + ", ".join(failed) if failed else "\nall in order", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "gpu"))
