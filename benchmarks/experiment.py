"""Runs the training experiments of `arms.py`: tables of arms, each trained from several seeds.

    python benchmarks/experiment.py --data FOLDER_OF_IMAGENETTE                  all, most wanted first
    python benchmarks/experiment.py heads norms --together 6                     some, on a large GPU
    python benchmarks/experiment.py --quick                                      all of it, in small

For each arm a learning rate is chosen first: trainings with fewer epochs, a seed of their own and nine tenths of
the training images, judged by the loss on the last tenth; from two rates on, the better one is doubled or halved
until that makes it worse. With the chosen rate the arm is trained from each seed on all training images, and
judged on the validation images, which have chosen nothing. Claims (`arms.py`) are decided by differences that are
paired by seed, in two-sided intervals that hold at 95 % for all claims of an experiment at once.

Arms that are the same in several experiments are trained once. What is done is kept in `--work`, job by job, and
the records are written anew after each; interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import experiment_data
import numpy as np
import torch
import tyro
from arms import EXPERIMENTS, RECIPE, Arm, Claim, Scale, arms_by_name, names
from intervals import answered, points, spread
from probes import WATCHERS, accuracy, answers, batches, start

from inception_lib.architecture import Architecture
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.counting import count
from inception_lib.data.datasets import Data
from inception_lib.distributed import choose_device, cores, device_name, tune_process
from inception_lib.errors import InceptionError
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.training.logs import Run
from inception_lib.training.recipes import NetworkOptions, Recipe
from inception_lib.training.step import build
from inception_lib.training.train import train

CHOICE_SEED = 1000  #: of the trainings that choose a rate; no result has it
LEAST_RATE, MOST_RATE = 0.0005, 1.0
GAP_IMAGES = 3000  #: training images, as validation sees them, on which the gap is measured


@dataclass(frozen=True)
class Settings:
    """What all jobs of a call have in common: the scale, where data and weights are, and the work folder."""

    scale: Scale
    data: str
    caltech: str
    weights: str
    work: Path
    quick: bool = False

    def of(self, arm: Arm) -> Scale:
        """The scale of an arm."""
        return self.scale if self.quick else self.scale._replace(**arm.at)


@dataclass(frozen=True)
class Job:
    """One training of an arm."""

    experiment: str
    arm: str
    lr: float
    seed: int
    chooses: bool

    @cached_property
    def made(self) -> Arm:
        """The arm."""
        return arms_by_name(EXPERIMENTS[self.experiment])[self.arm]

    def recipe(self, settings: Settings) -> Recipe:
        """How it is trained."""
        scale, arm = settings.of(self.made), self.made
        epochs = scale.choice_epochs if self.chooses else scale.epochs
        common: dict[str, Any] = {"input_size": scale.size, "resize": scale.resize, "lr": self.lr}
        common |= {"epochs": epochs, "warmup": min(1.0, epochs / 8), "seed": self.seed}
        if choose_device().type == "cuda":
            common["keep"] = "device"
        return replace(RECIPE, **common, **arm.changes)

    def key(self, settings: Settings) -> str:
        """What names it, also as a file: the same for equal trainings, of whatever experiment."""
        arm, recipe = self.made, self.recipe(settings)
        default = Recipe(name=recipe.name)
        changed = {f.name: getattr(recipe, f.name) for f in fields(Recipe)}
        changed = {k: v for k, v in changed.items() if v != getattr(default, k) and k != "keep"}
        whole = [arm.name, settings.of(arm)._asdict(), changed, arm.data, arm.start, arm.watch, self.chooses]
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:8]
        name = "".join(c if c.isalnum() or c in ".-" else "_" for c in arm.name)
        return f"{name}-{self.lr:g}-{self.seed}-{'choice-' * self.chooses}{digest}"


# ---- which jobs there are


def next_rates(tried: dict[float, float], first: float, most: int) -> list[float]:
    """The rates to try next, or none when the best one has a worse one on either side.

    Args:
        tried: the loss of each rate; infinite where the training failed.
        first: rate.
        most: rates to try.
    """
    if len(tried) < 2:
        return [rate for rate in (first, 2 * first) if rate not in tried]
    if len(tried) >= most:
        return []
    best = min(tried, key=lambda rate: tried[rate])
    if tried[best] == np.inf:
        more = min(tried) / 2
    elif best == max(tried):
        more = 2 * best
    elif best == min(tried):
        more = best / 2
    else:
        return []
    return [more] if LEAST_RATE <= more <= MOST_RATE else []


class Found:
    """What is done of an experiment."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.experiment, self.scale = EXPERIMENTS[name], settings.scale

    def _read(self, job: Job) -> dict[str, Any] | None:
        path = self.settings.work / "jobs" / f"{job.key(self.settings)}.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def tried(self, arm: Arm) -> dict[float, float]:
        """The loss of each rate that an arm has tried."""
        found: dict[float, float] = {}
        while wanted := next_rates(found, arm.lr, self.scale.rates):
            before = len(found)
            for rate in wanted:
                done = self._read(Job(self.name, arm.name, rate, CHOICE_SEED, True))
                if done is not None:
                    found[rate] = np.inf if done["failed"] else done["history"][-1]["val_loss"]
            if len(found) == before:
                break
        return found

    def rate(self, arm: Arm) -> float | None:
        """The rate that an arm has chosen; None if it has not yet."""
        arm = arms_by_name(self.experiment)[arm.rate_of] if arm.rate_of else arm
        tried = self.tried(arm)
        return (
            None if next_rates(tried, arm.lr, self.scale.rates) else min(tried, key=lambda rate: tried[rate])
        )

    def numbers(self, arm: Arm) -> range:
        """The seeds of an arm."""
        wanted = self.settings.scale.seeds
        return range(arm.seeds if arm.seeds and wanted > 2 else min(wanted, self.settings.of(arm).seeds))

    def jobs(self) -> Iterator[Job]:
        """Those that may begin now and are not done: what chooses a rate, then seed by seed."""
        ready = []
        for arm in self.experiment.arms:
            if arm.rate_of is None:
                tried = self.tried(arm)
                wanted = next_rates(tried, arm.lr, self.scale.rates)
                yield from (
                    Job(self.name, arm.name, rate, CHOICE_SEED, True) for rate in wanted if rate not in tried
                )
            lr = self.rate(arm)
            if lr is not None:
                ready += [Job(self.name, arm.name, lr, seed, False) for seed in self.numbers(arm)]
        yield from (job for job in sorted(ready, key=lambda job: job.seed) if self._read(job) is None)

    # ---- for what is measured at the end

    def arms(self) -> list[str]:
        """Names."""
        return [arm.name for arm in self.experiment.arms]

    def _job(self, arm: str, seed: int) -> Job | None:
        lr = self.rate(arms_by_name(self.experiment)[arm])
        return None if lr is None else Job(self.name, arm, lr, seed, False)

    def seeds(self, *arms: str) -> list[int]:
        """Those that are done of all these arms, and in which no loss became infinite."""
        own = [self.numbers(arms_by_name(self.experiment)[arm]) for arm in arms]
        return [
            s
            for s in min(own, key=len)
            if all((j := self._job(arm, s)) and (d := self._read(j)) and not d["failed"] for arm in arms)
        ]

    def run(self, arm: str, seed: int) -> dict[str, Any]:
        """What came of a training that is done."""
        job = self._job(arm, seed)
        done = self._read(job) if job else None
        assert done is not None, (arm, seed)
        return done

    def done(self, arm: str) -> list[dict[str, Any]]:
        """What came of all of an arm's trainings, those that failed too."""
        jobs = [self._job(arm, seed) for seed in self.numbers(arms_by_name(self.experiment)[arm])]
        return [done for job in jobs if job and (done := self._read(job))]

    def open(self, data: str) -> tuple[Data, Data]:
        """Images that train and that validate."""
        return experiment_data.opened(data, self.settings, chooses=False)

    def recipe(self, **changes: Any) -> Recipe:
        """The recipe of all arms, for reading images."""
        return replace(RECIPE, input_size=self.scale.size, resize=self.scale.resize, **changes)

    def probabilities(self, arm: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """(images, classes) and the right classes (images,), on validation."""
        job = self._job(arm, seed)
        assert job is not None
        with np.load(self.settings.work / "jobs" / f"{job.key(self.settings)}.npz") as kept:
            return kept["probabilities"], kept["labels"]

    def kept(self, arm: str, seed: int, name: str, measure: Any) -> Any:
        """What `measure` says of a trained network, its training images and its validation images; once."""
        job = self._job(arm, seed)
        assert job is not None
        key = job.key(self.settings)
        path = self.settings.work / name / f"{key}.json"
        if not path.exists():
            network = trained(job, self.settings)
            recipe, device = job.recipe(self.settings), torch.device("cpu")
            train_data, val_data = self.open(job.made.data)
            found = measure(
                network,
                batches(train_data, recipe, device, network),
                batches(val_data, recipe, device, network),
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new:
                new.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))


def trained(job: Job, settings: Settings) -> Network:
    """The network of a job that is done."""
    made = job.made.network(settings.of(job.made))
    assert isinstance(made, Architecture)
    train_data, _ = experiment_data.opened(job.made.data, settings, chooses=False)
    network = Network(made.with_classes(len(train_data.classes)))
    path = settings.work / "jobs" / f"{job.key(settings)}.pt"
    network.load_state_dict(torch.load(path, weights_only=True))
    return network


# ---- one job


def network_of(job: Job, settings: Settings, classes: Sequence[str]) -> Network:
    """The network at its start."""
    arm, recipe = job.made, job.recipe(settings)
    made = arm.network(settings.of(arm))
    seed = recipe.seed if recipe.init_seed is None else recipe.init_seed
    if isinstance(made, NetworkOptions):
        generator = torch.Generator().manual_seed(seed)
        return Network.from_pretrained(
            settings.weights, classes=list(classes), heads=made.heads, generator=generator
        )
    network = build(made.with_classes(len(classes)), recipe)
    if arm.start is not None:
        start(network, *arm.start, seed)
    return network


@contextmanager
def told_of_updates(watchers: Sequence[Any]) -> Iterator[None]:
    """Call each watcher after each step of whatever optimizer."""
    from torch.optim.optimizer import register_optimizer_step_post_hook

    def after(*_: Any) -> None:
        for watcher in watchers:
            watcher.update()

    handle = register_optimizer_step_post_hook(after)
    try:
        yield
    finally:
        handle.remove()


def one(job: Job, settings: Settings) -> None:
    """Train, and write what came of it."""
    device = choose_device()
    tune_process(device)
    key, arm, recipe = job.key(settings), job.made, job.recipe(settings)
    train_data, val_data = experiment_data.opened(arm.data, settings, chooses=job.chooses)
    network = network_of(job, settings, train_data.classes)
    watchers = {
        name: WATCHERS[name](
            network, recipe, len(train_data), lambda: batches(val_data, recipe, device, network)
        )
        for name in (() if job.chooses else arm.watch)
    }
    going = settings.work / "going" / key
    watched_path = going.with_suffix(".json")
    if not all(watcher.lasts for watcher in watchers.values()):
        shutil.rmtree(going, ignore_errors=True)
    resumes = any(going.glob("checkpoint-*.pt"))
    if not resumes:
        shutil.rmtree(going, ignore_errors=True)
    watched = json.loads(watched_path.read_text()) if resumes and watched_path.exists() else []
    history: list[dict[str, Any]] = []

    def each(so_far: Run) -> None:
        history[:] = so_far.history
        if watchers:
            del watched[len(history) - 1 :]
            watched.append({name: watcher.epoch() for name, watcher in watchers.items()})
            watched_path.write_text(json.dumps(watched))

    begun, failed, pictures = time.monotonic(), None, len(train_data)
    going.parent.mkdir(parents=True, exist_ok=True)
    try:
        with told_of_updates(list(watchers.values())):
            done = train(
                network, (train_data, val_data), recipe, going, resume=resumes, progress=False, on_epoch=each
            )
            history[:] = done.history
    except InceptionError as error:
        if "finite" not in str(error):
            raise
        failed = str(error)
    shown = ("epoch", "loss", "aux1", "aux2", "val_loss", "top1", "top5")
    found: dict[str, Any] = {
        **asdict(job),
        "failed": failed,
        "history": [
            {k: round(row[k], 5) for k in shown if k in row} | more
            for row, more in zip(history, watched or [{}] * len(history), strict=True)
        ],
        "alarms": history[-1]["alarms"] if history else [],
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "wall": round(time.monotonic() - begun, 1),
        "commit": results.commit(),
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "device": device_name(device),
        "images": pictures,
    }
    if not failed and not job.chooses:
        finish(found, network, (train_data, val_data), recipe, device, settings.work / "jobs" / key)
    with replacing(settings.work / "jobs" / f"{key}.json") as new:
        new.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    shutil.rmtree(going, ignore_errors=True)
    watched_path.unlink(missing_ok=True)


def finish(
    found: dict[str, Any],
    network: Network,
    data: tuple[Data, Data],
    recipe: Recipe,
    device: torch.device,
    path: Path,
) -> None:
    """Accuracy on validation and on training images as validation sees them; answers and weights are kept."""
    train_data, val_data = data
    few = train_data.subset(np.linspace(0, len(train_data) - 1, min(GAP_IMAGES, len(train_data))).astype(int))
    probabilities, labels = answers(network, batches(val_data, recipe, device, network))
    found["top1"] = round(accuracy(probabilities, labels), 5)
    found["train_top1"] = round(accuracy(*answers(network, batches(few, recipe, device, network))), 5)
    found["gap"] = round(found["train_top1"] - found["top1"], 5)
    if found["history"] and "averages" in found["history"][-1]:
        found["averages"] = found["history"][-1]["averages"]
    counts = count(network.architecture)
    found |= {"macs": counts.trunk.macs, "parameters": counts.trunk.parameters}
    with replacing(path.with_name(path.name + ".npz")) as new, new.open("wb") as file:
        np.savez(file, probabilities=probabilities, labels=labels)
    with replacing(path.with_name(path.name + ".pt")) as new:
        torch.save({k: v.cpu() for k, v in network.state_dict().items()}, new)


# ---- the record


def metric(run: dict[str, Any], path: str) -> float:
    """A number of a run, by its path."""
    value: Any = run
    names_of = path.split(".", 1)
    for name in names_of:
        value = value[name]
    return float(value)


def decided(claim: Claim, found: Found, together: int) -> dict[str, Any]:
    """A claim and its answer, of the seeds that all of its arms have."""
    seeds = found.seeds(*{term.arm for term in claim.terms})
    if not seeds:
        return {"claim": claim.text, "verdict": None}
    values = [
        sum(term.factor * metric(found.run(term.arm, seed), term.metric) for term in claim.terms)
        for seed in seeds
    ]
    terms = [f"{term.factor:+g} {term.arm}: {term.metric}" for term in claim.terms]
    return {"claim": claim.text, "terms": terms, **answered(values, together)}


def row_of(arm: Arm, found: Found) -> dict[str, Any]:
    """An arm: what it costs, its rates, its results."""
    runs = found.done(arm.name)
    right = [r for r in runs if not r["failed"]]
    tried = found.tried(arm) if arm.rate_of is None else {}
    row: dict[str, Any] = {
        "arm": arm.name,
        "lr": found.rate(arm),
        "rates": {f"{lr:g}": loss if np.isfinite(loss) else "failed" for lr, loss in sorted(tried.items())},
        "seeds": len(runs),
        "failed": sum(bool(r["failed"]) for r in runs),
        "alarms": sorted({sentence for r in runs for sentence in r["alarms"]}),
        "with_alarms": [r["seed"] for r in runs if r["alarms"]],
    }
    if right:
        row |= {name: right[0][name] for name in ("macs", "parameters", "images")}
        row |= {name: spread([r[name] for r in right]) for name in ("top1", "train_top1", "gap")}
    return row


def outcome_of(found: Found) -> dict[str, Any]:
    """What is recorded of an experiment."""
    experiment, scale = found.experiment, found.scale
    rows = [row_of(arm, found) for arm in experiment.arms]
    claims = [decided(claim, found, max(1, len(experiment.claims))) for claim in experiment.claims]
    more, said = experiment.also(found) if experiment.also else ({}, [])
    runs = [done for arm in experiment.arms for done in found.done(arm.name)]
    return {
        "scale": scale._asdict(),
        "recipe": {k: v for k, v in RECIPE.to_dict().items() if k not in ("lr", "epochs", "warmup", "seed")},
        "own": {
            a.name: {"changes": dict(a.changes), "at": dict(a.at), "data": a.data} for a in experiment.arms
        },
        "arms": rows,
        "claims": claims,
        **more,
        "finding": finding(found, rows, claims, said),
        "intervals": "Student's t over seeds, paired by seed, two-sided; `together`: at 95 % for all claims of "
        "the experiment at once (Bonferroni), by which the verdicts are given",
        "hours": round(sum(done["wall"] for done in runs) / 3600, 2),
        "commits": sorted({done["commit"] for done in runs}),
        "devices": sorted({done["device"] for done in runs}),
        "runs": [
            {
                k: r[k]
                for k in ("arm", "seed", "lr", "top1", "train_top1", "alarms", "failed", "history")
                if k in r
            }
            for r in runs
        ],
    }


def finding(found: Found, rows: Sequence[dict], claims: Sequence[dict], said: Sequence[str]) -> str:
    """One paragraph, which goes no further than the verdicts."""
    scale, arms = found.scale, found.experiment.arms
    own = [found.settings.of(arm) for arm in arms]
    data = " and ".join(sorted({experiment_data.named(arm.data) for arm in arms}))
    epochs = " or ".join(f"{e:g}" for e in sorted({s.epochs for s in own}))
    done = [row for row in rows if "top1" in row]
    missing = [row["arm"] for row in rows if "top1" not in row]
    sentences = [
        f"{data}, {scale.size}x{scale.size} pixels, {scale.width:g} of the paper's width, {epochs} epochs, a "
        f"learning rate chosen for each arm on images that no result uses. Top-1 on validation, mean over "
        f"seeds: "
        + ", ".join(f"{row['arm']} {row['top1']['mean']:.1%} ({row['seeds']})" for row in done)
        + "."
    ]
    if missing:
        sentences.append(f"Not run yet: {', '.join(missing)}.")
    bad = [
        f"{row['arm']} (seed {', '.join(map(str, row['with_alarms']))})" for row in rows if row["with_alarms"]
    ]
    if bad:
        sentences.append(
            f"At the end of training the alarm for parts that have learned nothing is on in: {'; '.join(bad)}."
        )
    sentences += [
        f"{row['arm']}: {row['failed']} of {row['seeds']} trainings ended in an infinite loss."
        for row in rows
        if row["failed"]
    ]
    sentences += [f"{c['claim']}: {c['verdict']}, {points(c)}." for c in claims if c["verdict"]]
    return " ".join([*sentences, *said, *filter(None, [found.experiment.limits])])


def write(name: str, settings: Settings, record: str) -> Path | None:
    """The record of an experiment, of what is done of it; None if nothing is."""
    found = Found(name, settings)
    arms = {arm.data for arm in found.experiment.arms}
    if not any(found.done(arm) for arm in found.arms()):
        return None
    outcome = outcome_of(found)
    return results.record(
        record.format(name),
        outcome,
        about=found.experiment.about,
        data="; ".join(sorted(experiment_data.described(data, settings) for data in arms)),
        seed=0,
        device=", ".join(outcome["devices"]),
        command=command(name, settings),
    )


def command(name: str, settings: Settings) -> str:
    """What repeats an experiment."""
    words = ["python benchmarks/experiment.py", name]
    given = {f: getattr(settings, f) for f in ("data", "caltech", "weights")}
    given |= {f: getattr(settings.scale, f) for f in ("seeds", "epochs", "size", "resize", "width")}
    default = Settings(Scale(), "imagenette", "caltech101", "bvlc", Path())
    usual = {**asdict(default), **default.scale._asdict()}
    words += [f"--{f} {Path(str(v)).name}" for f, v in given.items() if v != usual[f]]
    return " ".join(words)


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
    scale = Scale(size=size, resize=resize, width=width, epochs=epochs, seeds=seeds)
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
    experiment_data.prepare({arm.data for name in chosen for arm in EXPERIMENTS[name].arms}, settings)
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
                if process.returncode:
                    given_up.add(key)
                    print(f"{key}: ended with status {process.returncode}", flush=True)
                    continue
                print(f"{time.strftime('%H:%M:%S')} {said(job, settings)}", flush=True)
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
    found: dict[str, Job] = {}
    for name in chosen:
        for job in Found(name, settings).jobs():
            key = job.key(settings)
            if key not in running and key not in given_up:
                found.setdefault(key, job)
    return found


def said(job: Job, settings: Settings) -> str:
    """One line on a job that is done."""
    done = Found(job.experiment, settings)._read(job)
    assert done is not None
    last = done["history"][-1] if done["history"] else {}
    how = done["failed"] or ", ".join(f"{k} {last[k]:.4f}" for k in ("loss", "val_loss", "top1"))
    kind = "chooses" if job.chooses else f"seed {job.seed}"
    return f"{job.arm}, rate {job.lr:g}, {kind}: {how} ({done['wall']:.0f} s)"


def _quick(chosen: Sequence[str], folder: Path, record: str | None) -> int:
    """Everything, with two updates a training, and sentences that mean nothing."""
    scale = Scale(size=80, resize=80, width=0.05, epochs=1, seeds=2, choice_epochs=1, rates=2)
    settings = experiment_data.trial(folder, scale)
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
