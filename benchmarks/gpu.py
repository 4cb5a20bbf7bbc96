"""All that a GPU is wanted for, in one command, for a machine that is lent for some minutes.

    PYTHONPATH=. python benchmarks/gpu.py --data FOLDER --results FOLDER      in under 9 minutes

Training, which experiments on heads and batch normalization, runs for most of the time, and the GPU's tests
beside it; then, alone, what is timed. Each part is a process with a time box of its own, and what a part
finds is written when it is there, so that the command may be cut off anywhere. `--only` chooses parts. It
needs Python 3.11, torch 2.11 and torchvision, tyro, pandas, pytest and hypothesis, no network, and no
installation of the library: PYTHONPATH must name the checkout. `--data` is Imagenette, or a folder like it,
of small images.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import tyro

from inception_lib.console import run

ROOT = Path(__file__).resolve().parents[1]


class Part:
    """A process with a time box, and what it was started for."""

    def __init__(self, name: str, words: list[str], seconds: float, environment: dict[str, str]) -> None:
        self.name, self.end = name, time.monotonic() + seconds
        print(f"=== {name}, {seconds:.0f} s at most: python {shlex.join(words)}", flush=True)
        self.process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, start_new_session=True
        )

    def wait(self) -> bool:
        """Until it has ended or its time is over; whether it went well."""
        try:
            status = f"status {self.process.wait(max(0.0, self.end - time.monotonic()))}"
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            status = "cut off"
        print(f"=== {self.name}: {status}", flush=True)
        return status == "status 0"


def main(
    data: str = "imagenette",
    about_data: str = "Imagenette",
    results: Path = Path("data/results"),
    where: str = "gpu",
    minutes: float = 9,
    together: int = 5,
    compiled: bool = True,
    only: tuple[str, ...] = ("training", "tests", "train_speed", "inference_speed", "crop_speed"),
) -> int:
    """Run the parts.

    Args:
        data: Imagenette, or a folder with train/CLASS and val/CLASS.
        about_data: How the data is called in the records.
        results: Folder of the records.
        where: What the GPU is called in the names of the records.
        minutes: For all parts together.
        together: Trainings at a time.
        compiled: Time compiled networks too, which takes minutes more.
        only: These parts alone.
    """
    end = time.monotonic() + 60 * minutes
    results.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "INCEPTION_RESULTS": str(results.resolve()),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }
    speed = ["--batch", "256", "--precision", "bfloat16", "--times", "5"]
    speed += [] if compiled else ["--no-compiled"]
    timed = {
        "train_speed": (200 if compiled else 40, speed),
        "inference_speed": (120 if compiled else 30, speed),
        "crop_speed": (30, []),
    }
    timed = {name: part for name, part in timed.items() if name in only}
    beside = end - time.monotonic() - sum(seconds for seconds, _ in timed.values())
    first, failed = time.monotonic(), []
    training = None
    if "training" in only:
        words = ["benchmarks/heads_and_norms.py", "--data", data, "--about-data", about_data]
        words += ["--together", str(together), "--seconds", str(int(beside - 10))]
        words += ["--record", f"heads_and_norms_{where}"]
        training = Part("training", words, beside, environment)
    for tests in ("not compil", "compil") if "tests" in only else ():
        words = [
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--tb=short",
            "-k",
            tests,
            "tests/test_gpu.py",
        ]
        part = Part(f"tests, {tests}ed", words, beside - (time.monotonic() - first), environment)
        failed += [] if part.wait() else [part.name]
    if training:
        failed += [] if training.wait() else [training.name]
    for name, (seconds, words) in timed.items():
        words = [f"benchmarks/{name}.py", *words, "--record", f"{name}_{where}"]
        part = Part(name, words, min(seconds, end - time.monotonic()), environment)
        failed += [] if part.wait() else [part.name]
    print("not in order: " + ", ".join(failed) if failed else "all in order", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "gpu"))
