"""Do auxiliary heads help, and does it depend on batch normalization? GoogLeNet at full width, from scratch.

    python benchmarks/heads_and_norms.py --data imagenette --record heads_and_norms
    python benchmarks/heads_and_norms.py --data FOLDER --seconds 480 --together 5    on a large GPU, cut off

Four arms: the paper's network and torchvision's variant of it (batch normalization), each with its heads and
without. Each arm is tuned alike: every learning rate of its grid is tried with seed 0, and the rate that
gives the highest accuracy on validation goes on with the other seeds. The question was put before the runs,
and any answer is reported: the difference that heads make, paired by seed, and its two-sided interval.

Jobs are done in the order of their worth: all rates of all arms, then a second seed of all arms, and so on.
What is done is in the record as soon as it is; a run that is there is not made again.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import tyro

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.errors import InceptionError
from inception_lib.files import replacing
from inception_lib.training.recipes import NetworkOptions, Recipe

ARMS = {
    "paper, heads": NetworkOptions(variant="paper"),
    "paper, no heads": NetworkOptions(variant="paper", heads=False),
    "batch norm, heads": NetworkOptions(variant="torchvision"),
    "batch norm, no heads": NetworkOptions(variant="torchvision", heads=False),
}
#: Learning rates that each arm is tried with.
RATES = {"paper": (0.01, 0.02, 0.04), "torchvision": (0.02, 0.05, 0.1)}
RECIPE = Recipe(
    name="heads_and_norms",
    input_size=128,
    resize=128,
    epochs=30,
    batch=128,
    schedule="cosine",
    warmup=2,
    nesterov=True,
    initial="he",
    clip=5,
    weight_decay=2e-4,
    augment="paper",
    precision="bfloat16",
    keep="device",
    workers=2,
)


@dataclass(frozen=True)
class Job:
    """One training."""

    arm: str
    lr: float
    seed: int

    @property
    def key(self) -> str:
        """What names it, also as a file."""
        return f"{self.arm.replace(', ', '-').replace(' ', '_')}-{self.lr}-{self.seed}"


def rates(arm: str) -> tuple[float, ...]:
    """The grid of an arm."""
    return RATES[ARMS[arm].variant or "paper"]


def wanted(done: dict[str, dict], seeds: int) -> list[Job]:
    """All jobs that may begin now, the most wanted first."""
    grid = [Job(arm, lr, 0) for n in range(3) for arm in ARMS for lr in rates(arm)[n : n + 1]]
    more = []
    for seed in range(1, seeds):
        for arm in ARMS:
            tried = {lr: done.get(Job(arm, lr, 0).key) for lr in rates(arm)}
            if all(tried.values()):
                more.append(Job(arm, max(tried, key=lambda lr: last(tried[lr])["top1"]), seed))
    return [job for job in [*grid, *more] if job.key not in done]


def last(found: dict) -> dict:
    """The last epoch's record; nothing was learned where the loss became infinite."""
    return found["history"][-1] if found["history"] else {"top1": 0.0}


def one(job: Job, data: str, folder: Path, epochs: float, size: int, width: float | None) -> int:
    """Train, and write what came of it; the work of one process."""
    from inception_lib.distributed import choose_device, tune_process
    from inception_lib.training.train import train

    tune_process(choose_device())
    history: list[dict] = []
    options = replace(ARMS[job.arm], width=width)
    chosen = replace(
        RECIPE,
        lr=job.lr,
        seed=job.seed,
        epochs=epochs,
        input_size=size,
        resize=size,
        warmup=min(2, epochs / 4),
    )
    start = time.monotonic()
    failed = None
    with tempfile.TemporaryDirectory() as place:
        try:
            made = train(
                options,
                data,
                chosen,
                Path(place) / "run",
                progress=False,
                on_epoch=lambda so_far: history.__setitem__(slice(None), so_far.history),
            )
            device, pictures = made.device, made.pictures
        except InceptionError as error:
            if "finite" not in str(error):
                raise
            failed, device, pictures = str(error), "", 0
    found = {
        "arm": job.arm,
        "lr": job.lr,
        "seed": job.seed,
        "history": history,
        "failed": failed,
        "seconds": round(time.monotonic() - start, 1),
        "device": device,
        "pictures": pictures,
    }
    with replacing(folder / f"{job.key}.json") as new:
        new.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    return 0


def gathered(folder: Path) -> dict[str, dict]:
    """What is done, by the jobs' names."""
    return {p.stem: json.loads(p.read_text(encoding="utf-8")) for p in sorted(folder.glob("*.json"))}


def table(done: dict[str, dict]) -> pd.DataFrame:
    """A row for each arm and rate: how many seeds, and the accuracy of each in percent."""
    rows: dict[tuple[str, float], dict] = {}
    for found in done.values():
        row = rows.setdefault((found["arm"], found["lr"]), {"arm": found["arm"], "lr": found["lr"]})
        row[f"seed {found['seed']}"] = round(100 * last(found)["top1"], 2)
    return pd.DataFrame(rows.values()).sort_values(["arm", "lr"])


def write(name: str, done: dict[str, dict], data: str, settings: dict) -> Path:
    """The record of all that is done."""
    first = next(iter(done.values()))
    return results.record(
        name,
        {"settings": settings, "recipe": RECIPE.to_dict(), "runs": list(done.values())},
        about="GoogLeNet at full width with heads and without, with batch normalization and without",
        data=data,
        seed=0,
        device=first["device"] or None,
    )


def main(
    data: str = "imagenette",
    about_data: str = "Imagenette",
    seconds: float = 1e9,
    together: int = 1,
    seeds: int = 3,
    epochs: float = 30,
    size: int = 128,
    width: float | None = None,
    work: Path = Path("runs/heads_and_norms"),
    record: str | None = None,
    job: str | None = None,
) -> int:
    """Train all arms.

    Args:
        data: A data set's name, or a folder with train/CLASS and val/CLASS.
        about_data: How the data is called in the record.
        seconds: After these, no training is begun, and those that run are ended.
        together: Trainings at a time; a large GPU has room for several.
        seeds: Of each arm at its best rate.
        epochs: Of each training.
        size: Pixels a side.
        width: Multiplies all channel counts, for a trial.
        work: Folder of what is done.
        record: Write it to data/results under this name, again after each training.
        job: Do this one alone; how the command calls itself.
    """
    work.mkdir(parents=True, exist_ok=True)
    if job:
        arm, lr, seed = json.loads(job)
        return one(Job(arm, lr, seed), data, work, epochs, size, width)
    end = time.monotonic() + seconds
    running: dict[str, subprocess.Popen] = {}
    seen, given_up = 0, set()
    settings = {"epochs": epochs, "size": size, "width": width, "seeds": seeds, "rates": RATES}
    while True:
        for key, process in list(running.items()):
            if process.poll() is not None:
                del running[key]
                if process.returncode:
                    given_up.add(key)
                    print(f"{key}: ended with status {process.returncode}", flush=True)
        done = gathered(work)
        if len(done) > seen:
            seen = len(done)
            if record:
                write(record, done, about_data, settings)
            print(table(done).to_string(index=False), flush=True)
        ready = [j for j in wanted(done, seeds) if j.key not in running and j.key not in given_up]
        late = time.monotonic() > end
        if late or (not ready and not running):
            break
        for next_job in ready[: together - len(running)]:
            words = [sys.executable, __file__, "--data", data, "--epochs", str(epochs), "--size", str(size)]
            words += ["--work", str(work), "--job", json.dumps([next_job.arm, next_job.lr, next_job.seed])]
            words += ["--width", str(width)] if width else []
            running[next_job.key] = subprocess.Popen(words)
        time.sleep(0.5)
    for process in running.values():
        process.terminate()
    if not seen:
        print("no training has ended in this time, so that there is nothing to record", flush=True)
    return 1 if given_up or not seen else 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "heads_and_norms"))
