"""Runs the training experiments of `experiments/arms.py`: tables of arms, each trained from several seeds.

    python benchmarks/experiment.py --data FOLDER_OF_IMAGENETTE                  all, most wanted first
    python benchmarks/experiment.py heads norms --together 6                     some, on a large GPU
    python benchmarks/experiment.py --quick                                      all of it, in small

For each arm a learning rate is chosen first: trainings with fewer epochs, a seed of their own and nine
tenths of the training images, judged by the loss on the last tenth; rates are doubled and halved until the
best one has a worse one above it and two below. With the chosen rate the arm is trained from each seed on
all training images, and judged on the validation images, which have chosen nothing. Claims are decided by
differences that are paired by seed, in two-sided intervals that hold at 95 % for all claims of an
experiment at once.

Arms that are the same in several experiments are trained once. What is done is kept in `--work`, job by
job, and the records are written anew after each; interrupted, the same command goes on where it was. On
another machine it begins with what the record holds, but where more is measured on the networks' weights.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import tyro
from experiments.arms import EXPERIMENTS, Scale, names
from experiments.data import Settings, prepare, trial
from experiments.found import Found, take_up
from experiments.jobs import Job, device, one
from experiments.record import write
from experiments.sharing import multi_process_service

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.distributed import cores
from inception_lib.errors import InceptionError


def main(
    experiments: tyro.conf.Positional[tuple[str, ...]] = (),
    data: str = "imagenette",
    about_data: str = "",
    caltech: str = "caltech101",
    weights: str = "bvlc",
    seconds: float = 1e9,
    together: int | None = None,
    seeds: int = Scale().seeds,
    epochs: float = Scale().epochs,
    batch: int = Scale().batch,
    size: int = Scale().size,
    resize: int = Scale().resize,
    width: float = Scale().width,
    quick: bool = False,
    only_record: bool = False,
    work: Path = Path("runs/experiments"),
    record: str | None = "experiment_{}",
) -> int:
    """Train and record.

    Args:
        experiments: Which; all if none is named.
        data: Imagenette by name, or a folder with train/CLASS and val/CLASS.
        about_data: What else the records say of the data.
        caltech: Caltech-101 by name, or a folder with a folder for each class.
        weights: Trained weights that fine-tuning starts from, by name or file.
        seconds: After these no training is begun, and those that run are stopped, to be resumed.
        together: Trainings at a time, each in a process with one thread: by default one for each core.
        seeds: Of each arm.
        epochs: Of each training, but where an arm has its own.
        batch: Images of an update, but where an arm has its own.
        size: Pixels a side that the network sees.
        resize: Pixels of the images' shorter side.
        width: Multiplies all channel counts.
        quick: All in small, on images made on the spot, in one process; it says nothing.
        only_record: Train nothing, and record what is done.
        work: Folder of what is done.
        record: Names of the records, {} being the experiment's; none to record nothing.
    """
    unknown = set(experiments) - set(EXPERIMENTS)
    if unknown:
        raise InceptionError(
            f"There is no experiment {', '.join(sorted(unknown))}; there are {', '.join(EXPERIMENTS)}."
        )
    if record:
        results.check_name(record.format("name"))
    scale = Scale(size=size, resize=resize, width=width, epochs=float(epochs), batch=batch, seeds=seeds)
    scale = scale._replace(choice_epochs=epochs * 3 / 8)
    if quick:
        with tempfile.TemporaryDirectory() as folder:
            return _quick(names(experiments), Path(folder), record)
    settings = Settings(scale, data, caltech, weights, work, about=about_data)
    (work / "jobs").mkdir(parents=True, exist_ok=True)
    chosen = names(experiments)
    for name in chosen if record else ():
        if taken := _taken_up(name, settings, record.format(name)):
            print(f"{name}: {taken} trainings are taken from its record", flush=True)
    if only_record:
        for name in chosen:
            print(write(name, settings, record or "experiment_{}"), flush=True)
        return 0
    return _all(chosen, settings, time.monotonic() + seconds, together or cores(), record)


def _taken_up(name: str, settings: Settings, record: str) -> int:
    """How many trainings are taken from a record."""
    there = (results.folder() / f"{record}.json").exists()
    return take_up(name, settings, results.load(record).outcome) if there else 0


def _all(chosen: Sequence[str], settings: Settings, end: float, together: int, record: str | None) -> int:
    """Train all arms of the experiments, in processes; whether all went well, as an exit status."""
    prepare({arm.data for name in chosen for arm in EXPERIMENTS[name].arms}, settings)
    running: dict[Future[None], Job] = {}
    given_up: set[str] = set()
    with _pool(together) as pool:
        while True:
            late = time.monotonic() > end
            busy = {job.key(settings) for job in running.values()} | given_up
            ready = [] if late or len(running) >= together else _ready(chosen, settings, busy)
            for job in ready[: together - len(running)]:
                running[pool.submit(one, job, settings)] = job
            if late or not running:
                break
            left = max(0.0, end - time.monotonic())
            for future in wait(running, min(left, 3600), FIRST_COMPLETED).done:
                job = running.pop(future)
                done = Found(job.experiment, settings).read(job)
                if future.exception() or done is None:
                    given_up.add(job.key(settings))
                    print(f"{job.key(settings)}: {future.exception() or 'ended with no result'}", flush=True)
                    continue
                print(f"{time.strftime('%H:%M:%S')} {said(job, done)}", flush=True)
                if record and not job.chooses:
                    for name in chosen:
                        if job.arm in Found(name, settings).arms():
                            write(name, settings, record)
    return 1 if given_up else 0


@contextmanager
def _pool(together: int) -> Iterator[ProcessPoolExecutor]:
    """Processes with one thread each; those that train at the end are stopped, and save what they have."""
    os.environ["OMP_NUM_THREADS"] = "1"
    service = multi_process_service() if device().type == "cuda" else nullcontext("")
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with service as said_of_it:
        if said_of_it:
            print(said_of_it, flush=True)
        pool = ProcessPoolExecutor(together, multiprocessing.get_context("spawn"))
        try:
            yield pool
        finally:
            for process in multiprocessing.active_children():
                process.terminate()
            pool.shutdown(cancel_futures=True)
            signal.signal(signal.SIGTERM, before)


def _ready(chosen: Sequence[str], settings: Settings, busy: set[str]) -> list[Job]:
    """Jobs that may begin and are not `busy`: three seeds of all experiments, before any gets more."""
    jobs = [job for name in chosen for job in Found(name, settings).jobs()]
    jobs.sort(key=lambda job: 0 if job.chooses else 1 + max(0, job.seed - 2))
    found: dict[str, Job] = {}
    for job in jobs:
        found.setdefault(job.key(settings), job)
    return [job for key, job in found.items() if key not in busy]


def said(job: Job, done: dict[str, Any]) -> str:
    """One line on a job that is done."""
    last = done["history"][-1] if done["history"] else {}
    how = done["failed"] or ", ".join(f"{k} {last[k]:.4f}" for k in ("loss", "val_loss", "top1"))
    kind = "chooses" if job.chooses else f"seed {job.seed}"
    return f"{job.arm}, rate {job.lr:g}, {kind}: {how} ({done['wall']:.0f} s)"


def _quick(chosen: Sequence[str], folder: Path, record: str | None) -> int:
    """Everything, with two updates a training, and sentences that mean nothing."""
    scale = Scale(size=80, resize=80, width=0.05, epochs=1, batch=32, seeds=2, choice_epochs=1, rates=2)
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
