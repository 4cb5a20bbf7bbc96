"""Runs the training experiments of `experiments/arms.py`: tables of arms, each trained from several seeds.

    python benchmarks/experiment.py --data FOLDER_OF_IMAGENETTE                  all, most wanted first
    python benchmarks/experiment.py heads norms --together 6                     some, on a large GPU
    python benchmarks/experiment.py --quick                                      all of it, in small

For each arm a learning rate is chosen first: trainings with fewer epochs, a seed of their own and nine
tenths of the training images, judged by the loss on the last tenth; from two rates on, the better one is
doubled or halved until that makes it worse. With the chosen rate the arm is trained from each seed on all
training images, and judged on the validation images, which have chosen nothing. Claims are decided by
differences that are paired by seed, in two-sided intervals that hold at 95 % for all claims of an
experiment at once.

Arms that are the same in several experiments are trained once. What is done is kept in `--work`, job by
job, and the records are written anew after each; interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import tyro
from experiments.arms import EXPERIMENTS, Scale, names
from experiments.data import Settings, prepare, trial
from experiments.found import Found
from experiments.jobs import Job, one
from experiments.record import write

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import choose_device, cores
from inception_lib.errors import InceptionError


def main(
    experiments: tyro.conf.Positional[tuple[str, ...]] = (),
    data: str = "imagenette",
    caltech: str = "caltech101",
    weights: str = "bvlc",
    seconds: float = 1e9,
    together: int | None = None,
    seeds: int = Scale().seeds,
    epochs: float = Scale().epochs,
    size: int = Scale().size,
    resize: int = Scale().resize,
    width: float = Scale().width,
    quick: bool = False,
    only_record: bool = False,
    work: Path = Path("runs/experiments"),
    record: str | None = "experiment_{}",
    job: str | None = None,
) -> int:
    """Train and record.

    Args:
        experiments: Which; all if none is named.
        data: Imagenette by name, or a folder with train/CLASS and val/CLASS.
        caltech: Caltech-101 by name, or a folder with a folder for each class.
        weights: Trained weights that fine-tuning starts from, by name or file.
        seconds: After these no training is begun, and those that run are stopped, to be resumed.
        together: Trainings at a time: as many as there are cores, or four on a GPU.
        seeds: Of each arm.
        epochs: Of each training, but where an arm has its own.
        size: Pixels a side that the network sees.
        resize: Pixels of the images' shorter side.
        width: Multiplies all channel counts.
        quick: All in small, on images made on the spot, in one process; it says nothing.
        only_record: Train nothing, and record what is done.
        work: Folder of what is done.
        record: Names of the records, {} being the experiment's; none to record nothing.
        job: Do this one alone; how the command calls itself.
    """
    unknown = set(experiments) - set(EXPERIMENTS)
    if unknown:
        raise InceptionError(
            f"There is no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}."
        )
    if record:
        results.check_name(record.format("name"))
    scale = Scale(size=size, resize=resize, width=width, epochs=float(epochs), seeds=seeds)
    scale = scale._replace(choice_epochs=epochs * 3 / 8)
    if quick:
        with tempfile.TemporaryDirectory() as folder:
            return _quick(names(experiments), Path(folder), record)
    settings = Settings(scale, data, caltech, weights, work)
    (work / "jobs").mkdir(parents=True, exist_ok=True)
    if job:
        one(Job(**json.loads(job)), settings)
        return 0
    chosen = names(experiments)
    if only_record:
        for name in chosen:
            print(write(name, settings, record or "experiment_{}"), flush=True)
        return 0
    return _all(chosen, settings, time.monotonic() + seconds, together or _together(), record)


def _together() -> int:
    return 4 if choose_device().type == "cuda" else cores()


def _all(chosen: Sequence[str], settings: Settings, end: float, together: int, record: str | None) -> int:
    """Train all arms of the experiments, in processes; whether all went well, as an exit status."""
    prepare({arm.data for name in chosen for arm in EXPERIMENTS[name].arms}, settings)
    words = [sys.executable, __file__, "--data", settings.data, "--caltech", settings.caltech]
    words += ["--weights", settings.weights, "--work", str(settings.work), "--record", "None"]
    for name in ("seeds", "epochs", "size", "resize", "width"):
        words += [f"--{name}", str(getattr(settings.scale, name))]
    environment = os.environ | ({"OMP_NUM_THREADS": "1"} if choose_device().type == "cpu" else {})
    running: dict[str, tuple[subprocess.Popen, Job]] = {}
    given_up: set[str] = set()
    while True:
        for key, (process, job) in list(running.items()):
            if process.poll() is not None:
                del running[key]
                done = Found(job.experiment, settings).read(job)
                if process.returncode or done is None:
                    given_up.add(key)
                    print(f"{key}: ended with status {process.returncode} and no result", flush=True)
                    continue
                print(f"{time.strftime('%H:%M:%S')} {said(job, done)}", flush=True)
                if record and not job.chooses:
                    for name in chosen:
                        if job.arm in Found(name, settings).arms():
                            write(name, settings, record)
        late = time.monotonic() > end
        ready = [] if late or len(running) >= together else _ready(chosen, settings, running, given_up)
        if not ready and (late or not running):
            break
        for key, next_job in list(ready.items())[: together - len(running)] if ready else ():
            process = subprocess.Popen([*words, "--job", json.dumps(asdict(next_job))], env=environment)
            running[key] = process, next_job
        time.sleep(0.5)
    for process, _ in running.values():
        process.terminate()
    return 1 if given_up else 0


def _ready(
    chosen: Sequence[str], settings: Settings, running: dict[str, Any], given_up: set[str]
) -> dict[str, Job]:
    """Jobs that may begin, by key: three seeds of all experiments, before any of them gets more."""
    jobs = [job for name in chosen for job in Found(name, settings).jobs()]
    jobs.sort(key=lambda job: not job.chooses and job.seed >= 3)
    found: dict[str, Job] = {}
    for job in jobs:
        key = job.key(settings)
        if key not in running and key not in given_up:
            found.setdefault(key, job)
    return found


def said(job: Job, done: dict[str, Any]) -> str:
    """One line on a job that is done."""
    last = done["history"][-1] if done["history"] else {}
    how = done["failed"] or ", ".join(f"{k} {last[k]:.4f}" for k in ("loss", "val_loss", "top1"))
    kind = "chooses" if job.chooses else f"seed {job.seed}"
    return f"{job.arm}, rate {job.lr:g}, {kind}: {how} ({done['wall']:.0f} s)"


def _quick(chosen: Sequence[str], folder: Path, record: str | None) -> int:
    """Everything, with two updates a training, and sentences that mean nothing."""
    scale = Scale(size=80, resize=80, width=0.05, epochs=1, seeds=2, choice_epochs=1, rates=2)
    settings = trial(folder, scale)
    (folder / "jobs").mkdir()
    os.environ.setdefault("INCEPTION_RESULTS", str(folder))
    for name in chosen:
        while job := next(Found(name, settings).jobs(), None):
            one(job, settings)
        path = write(name, settings, record or "experiment_{}")
        assert path is not None
        print(f"{name}: {json.loads(path.read_text())['outcome']['finding']}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "experiment"))
