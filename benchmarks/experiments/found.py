"""What is done of an experiment, which jobs may begin now, and which learning rate an arm has chosen."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.arms import EXPERIMENTS, RECIPE, Arm, arms_by_name
from experiments.data import Settings, opened
from experiments.jobs import Job, trained
from experiments.probes import Batches
from inception_lib.data.datasets import Data
from inception_lib.files import replacing
from inception_lib.training.recipes import Recipe

CHOICE_SEED = 1000  #: of the trainings that choose a rate; no result has it
LEAST_RATE, MOST_RATE = 0.0005, 1.0
#: What was read; a job that is done does not change.
_READ: dict[Path, dict[str, Any]] = {}


def next_rates(tried: dict[float, float], first: float, most: int) -> list[float]:
    """The rates to try next, or none when the best one has a worse one above it and two below.

    Two, since among rates that are too high the losses are much alike, and chance makes one the best of its
    neighbors.

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
    wanted = [min(tried) / 2] if tried[best] == np.inf else [2 * best, best / 2, best / 4]
    return [rate for rate in wanted if rate not in tried and LEAST_RATE <= rate <= MOST_RATE][:1]


def take_up(name: str, settings: Settings, recorded: Mapping[str, Any]) -> int:
    """Take the trainings of a record for done, where today's code would make the same.

    So a record made on one machine gets more seeds on another. Where more is measured on the networks
    themselves nothing is taken, since a record has no weights.

    Args:
        name: of the experiment.
        settings: today's.
        recorded: the outcome of its record.

    Returns:
        how many were taken.
    """
    if EXPERIMENTS[name].of_networks:
        return 0
    taken = 0
    for done in (*recorded.get("choices", ()), *recorded["runs"]):
        if "key" not in done or done["arm"] not in arms_by_name(EXPERIMENTS[name]):
            continue
        key = Job(name, done["arm"], done["lr"], done["seed"], done["chooses"]).key(settings)
        path = settings.work / "jobs" / f"{key}.json"
        if key == done["key"] and not path.exists():
            with replacing(path) as new:
                new.write_text(json.dumps(done, allow_nan=False), encoding="utf-8")
            taken += 1
    return taken


class Found:
    """What is done of an experiment."""

    def __init__(self, name: str, settings: Settings) -> None:
        self.name, self.settings = name, settings
        self.experiment, self.scale = EXPERIMENTS[name], settings.scale

    def read(self, job: Job) -> dict[str, Any] | None:
        path = self.settings.work / "jobs" / f"{job.key(self.settings)}.json"
        if path not in _READ and path.exists():
            _READ[path] = json.loads(path.read_text(encoding="utf-8"))
        return _READ.get(path)

    def first(self, arm: Arm) -> float:
        """The learning rate that an arm tries first, in proportion to its batch."""
        return arm.lr * self.settings.of(arm).batch / 32

    def tried(self, arm: Arm) -> dict[float, float]:
        """The loss of each rate that an arm has tried."""
        found: dict[float, float] = {}
        while wanted := next_rates(found, self.first(arm), self.scale.rates):
            before = len(found)
            for rate in wanted:
                done = self.read(Job(self.name, arm.name, rate, CHOICE_SEED, True))
                if done is not None:
                    found[rate] = np.inf if done["failed"] else done["history"][-1]["val_loss"]
            if len(found) == before:
                break
        return found

    def choices(self, arm: Arm) -> list[dict[str, Any]]:
        """What came of the trainings that chose its rate."""
        jobs = (Job(self.name, arm.name, rate, CHOICE_SEED, True) for rate in self.tried(arm))
        return [done for job in jobs if (done := self.read(job))]

    def rate(self, arm: Arm) -> float | None:
        """The rate that an arm has chosen; None if it has not yet."""
        arm = arms_by_name(self.experiment)[arm.rate_of] if arm.rate_of else arm
        if arm.rate is not None:
            return arm.rate
        tried = self.tried(arm)
        return (
            None
            if next_rates(tried, self.first(arm), self.scale.rates)
            else min(tried, key=lambda rate: tried[rate])
        )

    def numbers(self, arm: Arm) -> range:
        """The seeds of an arm."""
        wanted = self.settings.scale.seeds
        return range(arm.seeds if arm.seeds and wanted > 2 else min(wanted, self.settings.of(arm).seeds))

    def jobs(self) -> Iterator[Job]:
        """Those that may begin now and are not done: what chooses a rate, then seed by seed."""
        ready = []
        for arm in self.experiment.arms:
            if arm.rate_of is None and arm.rate is None:
                tried = self.tried(arm)
                wanted = next_rates(tried, self.first(arm), self.scale.rates)
                yield from (
                    Job(self.name, arm.name, rate, CHOICE_SEED, True) for rate in wanted if rate not in tried
                )
            lr = self.rate(arm)
            if lr is not None:
                ready += [Job(self.name, arm.name, lr, seed, False) for seed in self.numbers(arm)]
        yield from (job for job in sorted(ready, key=lambda job: job.seed) if self.read(job) is None)

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
            if all((j := self._job(arm, s)) and (d := self.read(j)) and not d["failed"] for arm in arms)
        ]

    def run(self, arm: str, seed: int) -> dict[str, Any]:
        """What came of a training that is done."""
        job = self._job(arm, seed)
        done = self.read(job) if job else None
        assert done is not None, (arm, seed)
        return done

    def done(self, arm: str) -> list[dict[str, Any]]:
        """What came of all of an arm's trainings, those that failed too."""
        jobs = [self._job(arm, seed) for seed in self.numbers(arms_by_name(self.experiment)[arm])]
        return [done for job in jobs if job and (done := self.read(job))]

    def open(self, data: str) -> tuple[Data, Data]:
        """Images that train and that validate."""
        return opened(data, self.settings, chooses=False)

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
                Batches(train_data, recipe, device, network),
                Batches(val_data, recipe, device, network),
            )
            path.parent.mkdir(parents=True, exist_ok=True)
            with replacing(path) as new:
                new.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))
