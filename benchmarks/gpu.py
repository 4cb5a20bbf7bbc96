"""All that a GPU is wanted for, in one command, for a machine that is lent for some minutes.

    PYTHONPATH=. python benchmarks/gpu.py --data FOLDER --results FOLDER      in under 9 minutes

Parts run one after the other, in the order of their worth: the GPU's tests, in small groups of which those
come first that failed the last time; then what is timed, alone on the machine; then real training. Each part
is a process with a time box of its own, and what a part finds is written when it is there, so that the
command may be cut off anywhere. `--only` chooses parts. It needs Python 3.11, torch 2.11 and torchvision,
tyro, pandas, pytest and hypothesis (and nbconvert and ipykernel for the chapter), no network, and no
installation of the library: PYTHONPATH must name the checkout. `--data` is Imagenette, or a folder like it,
of small images. `--small` is a trial of the command itself, on any machine.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import tyro

from inception_lib.console import run

ROOT = Path(__file__).resolve().parents[1]

#: Groups of the GPU's tests, by the words of `pytest -k`, each with the seconds that it may take.
TESTS = {
    "learns and float16 and not compil": 60,
    "interrupted or two_processes": 45,
    "logits_and_gradients": 30,
    "kernels": 45,
    "not (float16 and learns) and not interrupted and not two_processes and not logits and not kernels "
    "and not compil": 60,
    "compil": 90,
}


@dataclass(frozen=True)
class Part:
    """A process, how long it may take, and what it leaves to those after it.

    LEFT among its words stands for the seconds that it has.
    """

    name: str
    words: list[str]
    seconds: float
    leaves: float = 0

    def done(self, end: float, environment: dict[str, str]) -> bool:
        """Run it until it has ended or its time, or all time, is over; whether it went well."""
        left = min(self.seconds, end - self.leaves - time.monotonic())
        if left < 10:
            print(f"=== {self.name}: no time is left", flush=True)
            return False
        words = [word.replace("LEFT", str(int(left - 8))) for word in self.words]
        print(f"=== {self.name}, {left:.0f} s at most: python {shlex.join(words)}", flush=True)
        start = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environment, start_new_session=True
        )
        try:
            status = f"status {process.wait(left)}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = "cut off"
        print(f"=== {self.name}: {status}, {time.monotonic() - start:.0f} s", flush=True)
        return status == "status 0"


def tests() -> list[Part]:
    """The GPU's tests; a group ends with its first failure, of which all is shown."""
    pytest = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--tb=short"]
    return [
        Part(f"tests, {which}", [*pytest, "-k", which, "tests/test_gpu.py"], seconds)
        for which, seconds in TESTS.items()
    ]


def timed(data: list[str], compiled: bool, small: bool, where: str) -> list[Part]:
    """What is timed: each writes a record of its own."""
    # a CPU only imitates bfloat16, slowly
    all_batches = "--batch 2 --rounds 1 --times 1 --precision float32"
    speed = (all_batches if small else "--batch 256 --times 5 --precision bfloat16").split()
    forms = [] if compiled else ["--no-compiled"]
    network = [*speed, *forms, *(["--size", "96"] if small else [])]
    kept = "--batch 4 --size 80 --width 0.1 --workers 1 --rounds 1 --times 1" if small else "--batch 128"
    parts = {
        "lrn_speed": (30, speed),
        # both of them are compiled, which takes most of the time; our other variant is torchvision's network
        "train_speed": (180 if compiled else 50, [*network, "--networks", "ours, paper", "torchvision"]),
        "inference_speed": (120 if compiled else 40, network),
        "loader_speed": (60, ["--rounds", "1", "--count", "8", "--batch", "8"] if small else []),
        "kept_speed": (60, [*kept.split(), *data]),
        "crop_speed": (30, []),
        "seconds_per_mac": (120, ["--quick"] if small else []),
    }
    if small:
        del parts["crop_speed"]  # 144 crops of 224 pixels are a minute's work for a CPU
    patience = 4 if small else 1  # any machine may be slow, or busy
    return [
        Part(name, [f"benchmarks/{name}.py", *words, "--record", f"{name}_{where}"], patience * seconds)
        for name, (seconds, words) in parts.items()
        if (ROOT / "benchmarks" / f"{name}.py").exists()
    ]


#: Experiments that need nothing but Imagenette.
EXPERIMENTS = ("heads", "heads_long", "norms", "modules", "pooling", "start", "averages", "ensemble")
RECORDS = 90  #: seconds that their records take, which measure on what was trained


def training(data: str, leaves: float, together: int, small: bool, where: str) -> list[Part]:
    """Real training: the experiments, as many as there is time for, and their records."""
    record = ["--record", f"experiment_{{}}_{where}"]
    if small:
        words = ["benchmarks/experiment.py", "ensemble", "--quick", *record]
        return [Part("experiments", words, 120, leaves)]
    words = ["benchmarks/experiment.py", *EXPERIMENTS, "--data", data, "--seeds", "8"]
    trains = [*words, "--record", "None", "--together", str(together), "--seconds", "LEFT"]
    return [
        Part("experiments", trains, 600, leaves + RECORDS),
        Part("records", [*words, *record, "--only-record"], RECORDS, leaves),
    ]


def chapter(results: Path) -> list[Part]:
    """One pass of the notebook of chapter 12, which trains; where it cannot run, a sentence."""
    if not all(importlib.util.find_spec(name) for name in ("nbconvert", "ipykernel", "anywidget")):
        print("=== chapter: needs nbconvert, ipykernel and anywidget, and is left out", flush=True)
        return []
    words = ["-m", "nbconvert", "--to", "notebook", "--execute", "book/12_train.ipynb"]
    return [Part("chapter", [*words, "--output-dir", str(results)], 120)]


def main(
    data: str = "imagenette",
    about_data: str = "Imagenette",
    results: Path = Path("data/results"),
    where: str = "gpu",
    minutes: float = 9,
    together: int = 16,
    compiled: bool = True,
    small: bool = False,
    only: tuple[str, ...] = ("tests", "timed", "training", "chapter"),
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
        small: Everything on a few images, for a trial of this command.
        only: These parts alone; also single ones, as in `--only kernels train_speed`.
    """
    end = time.monotonic() + 60 * minutes
    results = results.resolve()  # the parts run in the checkout
    results.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {
        "INCEPTION_RESULTS": str(results),
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PYTHONUNBUFFERED": "1",
    }
    data = str(Path(data).resolve()) if Path(data).exists() else data
    images = ["--data", data, "--about-data", about_data]
    last = chapter(results) if "chapter" in only and not small else []
    chosen = {
        "tests": tests(),
        "timed": timed(images, compiled, small, where),
        "training": training(data, sum(part.seconds for part in last), together, small, where),
        "chapter": last,
    }
    failed = []
    for kind, parts in chosen.items():
        for part in parts:
            wanted = kind in only or any(name in part.name for name in only)
            if wanted and not part.done(end, environment):
                failed.append(part.name)
    print("not in order: " + ", ".join(failed) if failed else "all in order", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "gpu"))
