"""One training of an arm: what decides it, and what is kept of it."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from experiments.arms import EXPERIMENTS, RECIPE, Arm, arms_by_name
from experiments.data import Settings, opened
from experiments.probes import WATCHERS, Batches, accuracy, answers, start
from inception_lib.architecture import Architecture
from inception_lib.book import results
from inception_lib.counting import count
from inception_lib.data.datasets import Data
from inception_lib.distributed import choose_device, device_name, tune_process
from inception_lib.errors import InceptionError
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.training.logs import Run
from inception_lib.training.recipes import NetworkOptions, Recipe
from inception_lib.training.step import build
from inception_lib.training.train import train

GAP_IMAGES = 3000  #: training images, as validation sees them, on which the gap is measured
#: Images that validate after each epoch, for one that trains; at the end all of them do.
SHARE = 0.25


device = cache(choose_device)  #: on which all is trained


@dataclass(frozen=True)
class Job:
    """One training of an arm."""

    experiment: str
    arm: str
    lr: float
    seed: int
    chooses: bool

    @property
    def made(self) -> Arm:
        """The arm."""
        return arms_by_name(EXPERIMENTS[self.experiment])[self.arm]

    def recipe(self, settings: Settings) -> Recipe:
        """How it is trained."""
        scale, arm = settings.of(self.made), self.made
        epochs = scale.choice_epochs if self.chooses else scale.epochs
        common: dict[str, Any] = {"input_size": scale.size, "resize": scale.resize, "lr": self.lr}
        common |= {"epochs": epochs, "warmup": min(1.0, epochs / 8), "seed": self.seed, "batch": scale.batch}
        if device().type == "cuda":
            common["keep"] = "device"
        return replace(RECIPE, **common, **arm.changes)

    def key(self, settings: Settings) -> str:
        """What names it, also as a file: the same for equal trainings, of whatever experiment."""
        arm, recipe = self.made, self.recipe(settings)
        default = Recipe(name=recipe.name)
        changed = {f.name: getattr(recipe, f.name) for f in fields(Recipe)}
        changed = {k: v for k, v in changed.items() if v != getattr(default, k) and k != "keep"}
        width = settings.of(arm).width
        whole = [arm.name, width, changed, arm.data, arm.start, arm.watch, self.chooses]
        digest = hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:8]
        name = "".join(c if c.isalnum() or c in ".-" else "_" for c in arm.name)
        return f"{name}-{self.lr:g}-{self.seed}-{'choice-' * self.chooses}{digest}"


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
    tune_process(device())
    torch.backends.cudnn.benchmark = False  # trials would take longer than they save in so short a training
    key, arm, recipe = job.key(settings), job.made, job.recipe(settings)
    train_data, val_data = opened(arm.data, settings, chooses=job.chooses)
    network = network_of(job, settings, train_data.classes)
    each_epoch = val_data if job.chooses else spaced(val_data, round(SHARE * len(train_data)))
    seen, seen_at_end = (Batches(data, recipe, device(), network) for data in (each_epoch, val_data))
    watchers = {
        name: WATCHERS[name](network, recipe, len(train_data), seen)
        for name in (() if job.chooses else arm.watch)
    }
    going = settings.work / "going" / key
    watched_path = going.with_name(f"{key}.json")  # a rate has a dot, so a suffix would take its place
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
                network,
                (train_data, each_epoch),
                recipe,
                going,
                resume=resumes,
                progress=False,
                on_epoch=each,
            )
            history[:] = done.history
    except InceptionError as error:
        if "finite" not in str(error):
            raise
        failed = str(error)
    shown = ("epoch", "loss", "aux1", "aux2", "val_loss", "top1", "top5")
    found: dict[str, Any] = {
        "key": key,
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
        "device": device_name(device()),
        "images": pictures,
    }
    if not failed and not job.chooses:
        finish(
            found,
            network,
            (Batches(spaced(train_data, GAP_IMAGES), recipe, device(), network), seen_at_end),
            settings.work / "jobs" / key,
        )
    with replacing(settings.work / "jobs" / f"{key}.json") as new:
        new.write_text(json.dumps(found, allow_nan=False), encoding="utf-8")
    shutil.rmtree(going, ignore_errors=True)
    watched_path.unlink(missing_ok=True)
    if device().type == "cuda":
        torch.cuda.empty_cache()  # the next job of this process, and its neighbors, are of other sizes


def spaced(data: Data, most: int) -> Data:
    """At most so many images of a split, evenly spaced."""
    return data.subset(np.linspace(0, len(data) - 1, min(most, len(data))).astype(int))


def finish(found: dict[str, Any], network: Network, seen: tuple[Batches, Batches], path: Path) -> None:
    """Accuracy on validation and on training images as validation sees them; answers and weights are kept."""
    train, val = seen
    probabilities, labels = answers(network, val)
    found["top1"] = round(accuracy(probabilities, labels), 5)
    found["train_top1"] = round(accuracy(*answers(network, train)), 5)
    found["gap"] = round(found["train_top1"] - found["top1"], 5)
    if found["history"] and "averages" in found["history"][-1]:
        found["averages"] = found["history"][-1]["averages"]
    counts = count(network.architecture)
    found |= {"macs": counts.trunk.macs, "parameters": counts.trunk.parameters}
    with replacing(path.with_name(path.name + ".npz")) as new, new.open("wb") as file:
        np.savez(file, probabilities=probabilities, labels=labels)
    with replacing(path.with_name(path.name + ".pt")) as new:
        torch.save({k: v.cpu() for k, v in network.state_dict().items()}, new)


def trained(job: Job, settings: Settings) -> Network:
    """The network of a job that is done."""
    made = job.made.network(settings.of(job.made))
    assert isinstance(made, Architecture)
    train_data, _ = opened(job.made.data, settings, chooses=False)
    network = Network(made.with_classes(len(train_data.classes)))
    path = settings.work / "jobs" / f"{job.key(settings)}.pt"
    network.load_state_dict(torch.load(path, weights_only=True))
    return network
