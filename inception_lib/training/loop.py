"""Training: one function for a CPU, a GPU, or all processes that torchrun starts.

A run is a folder: `recipe.json` (all settings, resolved), `log.csv` and `log.jsonl` (a line per epoch),
checkpoints, and at the end `model.safetensors`, which `load_weights` and `inception predict --weights`
read.

Everything random depends on the recipe's seed and on the number of updates done, on nothing else. So a
run that was interrupted anywhere and resumed from its last checkpoint ends, on a CPU, with the same
weights bit for bit.
"""

from __future__ import annotations

import csv
import io
import json
import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from tqdm import tqdm

from inception_lib.counting import count
from inception_lib.data.datasets import Data, open_data
from inception_lib.data.loading import (
    Batch,
    normalized,
    training_batches,
    updates_per_epoch,
    validation_batches,
)
from inception_lib.distributed import Team, processor, team
from inception_lib.errors import DataError, TrainingError
from inception_lib.nn.network import Network
from inception_lib.training import checkpoint
from inception_lib.training.logs import Record, Run, alarms, line, tensorboard
from inception_lib.training.recipes import Recipe
from inception_lib.training.speed import matmul_flops
from inception_lib.training.step import HEADS, build, losses, optimizer, total_loss
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights

#: Updates between looks at the loss and at signals, where a look makes processes or a GPU wait.
LOOK_EVERY = 20
#: Seconds between checkpoints within an epoch.
SAVE_EVERY = 600


def train(
    recipe: Recipe,
    data: str = "shapes",
    folder: str | Path = "runs/last",
    *,
    resume: bool = False,
    device: str | None = None,
    download: bool = False,
    progress: bool = True,
    on_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Train a network.

    Under torchrun each process calls it alike; the first one writes and shows.

    Args:
        recipe: how.
        data: a data set's name, or a folder; see `open_data`.
        folder: of the run. It must hold no other run, unless `resume` is set.
        resume: go on from the last checkpoint in `folder`.
        device: `cpu`, `cuda`, `cuda:1`; the GPU if there is one, by default.
        download: fetch the data set if it is not there.
        progress: show bars and sentences on stderr.
        on_epoch: called with the run so far after each epoch, in the first process.

    Raises:
        TrainingError: the run cannot begin, its loss is no longer finite, or a file cannot be written.
        DataError: the data set cannot be used.
        KeyboardInterrupt: Ctrl-C, after a checkpoint was written.
        SystemExit: SIGTERM, after a checkpoint was written.
    """
    with team(device) as members:
        if recipe.batch % (members.world * recipe.accumulate):
            raise TrainingError(
                f"{recipe.name}: a batch of {recipe.batch} cannot be divided among {members.world} "
                f"processes with {recipe.accumulate} parts each."
            )
        fetch = download and members.leads
        train_data = open_data(data, "train", download=fetch)
        val_data = open_data(data, "val", download=fetch)
        return _Training(recipe, data, train_data, val_data, Path(folder), members, progress, on_epoch).run(
            resume
        )


def _named(members: Team) -> str:
    """The device, for those who read it later."""
    if members.device.type == "cuda":
        return f"{members.world} x {torch.cuda.get_device_name(members.device)}"
    several = f"{members.world} processes on " if members.world > 1 else ""
    threads = torch.get_num_threads()
    return f"{several}{processor()}, {threads} thread{'s' * (threads != 1)}"


class _Training:
    """One process's part in a run."""

    def __init__(
        self,
        recipe: Recipe,
        data_name: str,
        train_data: Data,
        val_data: Data,
        folder: Path,
        members: Team,
        progress: bool,
        on_epoch: Callable[[Run], None] | None,
    ) -> None:
        self.recipe, self.data_name, self.members, self.on_epoch = recipe, data_name, members, on_epoch
        self.data, self.val_data = train_data, val_data
        self.show = progress and members.leads
        self.run_record = Run(
            folder,
            recipe,
            Path(data_name).name,
            train_data.classes,
            len(train_data),
            _named(members),
            members.leads,
        )
        self.per_epoch = updates_per_epoch(len(train_data), recipe)
        self.last_update = max(1, round(recipe.epochs * self.per_epoch))
        self.updates = 0
        self.stop_signal = 0
        device = members.device
        layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.network = build(recipe, len(train_data.classes)).to(device).to(memory_format=layout)
        self.layout = layout
        self.preprocess = recipe.preprocess()
        self.optimizer = optimizer(self.network, recipe)
        self.average = None
        if recipe.average != "none":
            rule = get_ema_multi_avg_fn(recipe.ema_decay) if recipe.average == "ema" else None
            self.average = AveragedModel(self.network, multi_avg_fn=rule, use_buffers=True)
        # 2 per MAC; the backward pass costs twice the forward pass
        self.flops = 6 * count(self.network.architecture).macs
        self._reset()

    def _reset(self) -> None:
        """Begin to sum up a new epoch."""
        self.sums = torch.zeros(len(HEADS) + 1, dtype=torch.float64, device=self.members.device)
        self.bad: list[str] = []
        self.seconds = 0.0
        self.seen = 0

    # ---- state

    def state(self) -> dict[str, Any]:
        return {
            "format": 1,
            "recipe": self.recipe.to_dict(),
            "data": self.data_name,
            "classes": list(self.data.classes),
            "updates": self.updates,
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.run_record.history,
            "sums": self.sums,
            "bad": self.bad,
            "seconds": self.seconds,
            "seen": self.seen,
        }

    def load(self, state: dict[str, Any]) -> None:
        then, now = state["recipe"], self.recipe.to_dict()
        # may change without harm
        free = {"epochs", "workers", "compile", "accumulate", "bad_pictures", "name"}
        changed = sorted(k for k in now if k not in free and then.get(k) != now[k])
        if changed:
            raise TrainingError(
                f"{self.run_record.folder}: this run was begun with other settings "
                f"({', '.join(f'{k} {then.get(k)}' for k in changed)}); resume it with the same."
            )
        if state["classes"] != list(self.data.classes):
            raise TrainingError(
                f"{self.run_record.folder}: this run was begun on {state['data']} with "
                f"{len(state['classes'])} classes, not on these {len(self.data.classes)}."
            )
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.updates, self.bad, self.seconds, self.seen = (
            state[k] for k in ("updates", "bad", "seconds", "seen")
        )
        self.run_record.history = state["history"]
        self.sums = state["sums"].to(self.members.device)

    def save(self) -> None:
        if not self.members.leads:
            return
        if not all(bool(p.isfinite().all()) for p in self.network.parameters()):
            self._not_finite()
        checkpoint.save(self.run_record.folder, self.updates, self.state())

    # ---- the way through

    def run(self, resume: bool) -> Run:
        self._open_folder(resume)
        step: Any = self.network
        if self.members.world > 1:
            ids = [self.members.device.index] if self.members.device.type == "cuda" else None
            step = nn.parallel.DistributedDataParallel(step, device_ids=ids)
        if self.recipe.compile:
            step = torch.compile(step)
        self.say(
            f"{self.recipe.name}: {len(self.data):,} pictures of {self.data_name}, "
            f"{len(self.data.classes)} classes, {self.last_update:,} updates on "
            f"{self.members.world} x {self.members.device}"
        )
        with ExitStack() as stack:
            stack.enter_context(self._signals())
            bar = stack.enter_context(
                tqdm(
                    total=self.last_update * self.recipe.batch,
                    unit=" images",
                    smoothing=0.05,
                    initial=self.updates * self.recipe.batch,
                    disable=not self.show,
                    unit_scale=True,
                )
            )
            while self.updates < self.last_update:
                self._epoch(step, bar)
        self._finish()
        return self.run_record

    def _epoch(self, step: nn.Module, bar: tqdm) -> None:
        epoch, skip = divmod(self.updates, self.per_epoch)
        self.network.train()
        last_save = started = time.monotonic()
        batches = training_batches(
            self.data, self.recipe, epoch, skip=skip, rank=self.members.rank, world=self.members.world
        )
        for batch in batches:
            self._update(step, batch)
            bar.update(self.recipe.batch)
            if self._look_now():
                self._look(bar, started)
                if time.monotonic() - last_save > SAVE_EVERY:
                    last_save = time.monotonic()
                    self.seconds, started = self.seconds + last_save - started, last_save
                    self.save()
            if self.updates >= self.last_update:
                break
        self.seconds += time.monotonic() - started
        self._end_epoch(bar)

    def _look_now(self) -> bool:
        alone_on_cpu = self.members.world == 1 and self.members.device.type == "cpu"
        return alone_on_cpu or self.updates % LOOK_EVERY == 0 or self.updates == self.last_update

    def _look(self, bar: tqdm, started: float) -> None:
        """Whether the loss is finite, and whether somebody asked to stop."""
        state = torch.tensor(
            [float(self.stop_signal), float(not self.sums.isfinite().all())], device=self.members.device
        )
        stop, broken = self.members.total(state).tolist()
        if broken:
            self._not_finite()
        if stop:  # some process was asked to
            number = self.stop_signal or signal.SIGTERM
            self.seconds += time.monotonic() - started
            self.save()
            bar.close()
            self.say(f"stopped after {self.updates:,} of {self.last_update:,} updates; --resume continues.")
            if number == signal.SIGINT:
                raise KeyboardInterrupt
            raise SystemExit(128 + number)
        if self.show and self.updates % LOOK_EVERY == 0 and self.seen:
            shown = {
                name: f"{value:.3f}"
                for name, value in zip(("loss", "aux1", "aux2"), self._means(), strict=False)
            }
            bar.set_postfix(epoch=f"{self.updates / self.per_epoch:.1f}", **shown, refresh=False)

    def _not_finite(self) -> None:
        last = checkpoint.saved(self.run_record.folder)
        rest = f"{last[-1].name} is the last good checkpoint" if last else "there is no checkpoint yet"
        raise TrainingError(
            f"The loss is no longer finite in update {self.updates}; {rest}. A smaller --lr, a longer "
            f"--warmup or a smaller --clip may help."
        )

    def _update(self, step: Any, batch: Batch) -> None:
        """One update of the weights; `step` is the network, compiled or in DDP's wrapper where it is so."""
        recipe, device = self.recipe, self.members.device
        self._note_bad(batch.bad)
        lr = recipe.lr_at(self.updates / self.per_epoch)
        if recipe.warmup and not self.updates:
            lr = recipe.lr_at(0.5 / self.per_epoch)  # an update at rate 0 would be none
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        seeds = np.random.SeedSequence([recipe.seed, self.updates, self.members.rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))  # dropout, the same after a resume
        pictures, labels, share = batch.pictures, batch.labels, 1.0
        if not len(labels):  # every picture of this part was bad, and the other processes wait for gradients
            blank = torch.zeros(1, recipe.input_size, recipe.input_size, 3, dtype=torch.uint8)
            pictures, labels, share = blank, torch.zeros(1, dtype=torch.long), 0.0
        pictures = self._input(pictures)
        labels = labels.to(device, non_blocking=True)
        self.optimizer.zero_grad(set_to_none=True)
        pieces = list(zip(pictures.chunk(recipe.accumulate), labels.chunk(recipe.accumulate), strict=True))
        autocast = (
            torch.autocast(device.type, torch.bfloat16) if recipe.precision == "bfloat16" else nullcontext()
        )
        for i, (x, y) in enumerate(pieces):
            waits = i < len(pieces) - 1 and self.members.world > 1
            with step.no_sync() if waits else nullcontext():
                with autocast:
                    output = step(x)
                parts = losses(output, y, recipe.label_smoothing)
                weight = share * len(y) / len(labels)
                (weight * total_loss(parts, recipe.aux_weight)).backward()
            self.sums[: len(parts)] += torch.stack([p.detach() for p in parts]).double() * (
                weight * len(labels)
            )
        self.sums[-1] += share * len(labels)
        self.seen += recipe.batch
        if math.isfinite(recipe.clip):
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip)
        self.optimizer.step()
        self.updates += 1
        if self.average is not None and (
            recipe.average == "ema" or self.updates > recipe.average_from * self.last_update
        ):
            self.average.update_parameters(self.network)

    def _input(self, pictures: Tensor) -> Tensor:
        """What the network takes, from pictures in bytes."""
        there = pictures.to(self.members.device, non_blocking=True)
        return normalized(there, self.preprocess).contiguous(memory_format=self.layout)

    def _note_bad(self, bad: list[str]) -> None:
        if not bad:
            return
        self.bad += bad
        for sentence in bad:
            self.say(sentence)
        if len(self.bad) > self.recipe.bad_pictures:
            raise DataError(
                f"{self.data_name}: {len(self.bad)} pictures of this epoch could not be read, more than the "
                f"{self.recipe.bad_pictures} that the recipe allows (--bad-pictures); the last: {bad[-1]}"
            )

    def _means(self) -> list[float]:
        heads = 1 + len(self.network.architecture.heads)
        return (self.sums[:heads] / self.sums[-1]).tolist()

    def _end_epoch(self, bar: tqdm) -> None:
        bad = self.members.total(torch.tensor([len(self.bad)], device=self.members.device)).item()
        self.sums = self.members.total(self.sums)
        seen = self.seen  # of all processes: `batch` is the whole batch
        rate = seen / self.seconds if self.seconds else math.nan
        record: Record = {
            "epoch": self.updates / self.per_epoch,
            "updates": self.updates,
            "lr": self.optimizer.param_groups[0]["lr"],
        }
        record |= dict(zip(("loss", "aux1", "aux2"), self._means(), strict=False))
        record |= self._validate()
        record |= {
            "images_per_s": rate,
            "seconds": self.seconds,
            "flops_share": self._flops_share(rate),
            "bad": int(bad),
        }
        record["alarms"] = alarms(record, len(self.data.classes), self.recipe)
        self.run_record.history.append(record)
        if not all(math.isfinite(v) for v in (record["loss"], record["val_loss"])):
            self._not_finite()
        self._reset()
        if self.members.leads:
            self._write_logs()
            self.save()
            self.say(line(record))
            for sentence in record["alarms"]:
                self.say("alarm: " + sentence)
            if self.on_epoch:
                self.on_epoch(self.run_record)
        self.members.wait()

    def _flops_share(self, rate: float) -> float:
        device = str(self.members.device)
        return self.flops * rate / self.members.world / matmul_flops(device, self.recipe.precision)

    @torch.inference_mode()
    def _validate(self) -> Record:
        network = self._result()
        network.eval()
        device = self.members.device
        sums = torch.zeros(4, dtype=torch.float64, device=device)
        for batch in validation_batches(
            self.val_data, self.recipe, rank=self.members.rank, world=self.members.world
        ):
            if not len(batch.labels):
                continue
            labels = batch.labels.to(device)
            logits = network(self._input(batch.pictures)).logits.float()
            best = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
            sums += torch.stack(
                [
                    F.cross_entropy(logits, labels, reduction="sum"),
                    best[:, 0].sum(),
                    best.sum(),
                    torch.tensor(len(labels), device=device),
                ]
            ).double()
        loss, top1, top5, n = self.members.total(sums).tolist()
        if not n:
            raise DataError(f"{self.data_name}: no validation picture could be read.")
        return {"val_loss": loss / n, "top1": top1 / n, "top5": top5 / n}

    def _result(self) -> Network:
        """The network that the run is for: the average, once there is one."""
        if self.average is None or not int(self.average.n_averaged):
            return self.network
        return cast(Network, self.average.module)

    # ---- files

    def _open_folder(self, resume: bool) -> None:
        folder = self.run_record.folder
        there = bool(checkpoint.saved(folder))
        if resume and there:
            self.load(checkpoint.load_last(folder))
            self.say(f"resumed after {self.updates:,} updates")
        elif resume and not folder.is_dir():
            raise TrainingError(f"{folder}: there is no run to resume.")
        elif there or (folder / "model.safetensors").exists():
            raise TrainingError(
                f"{folder}: holds a run already; --resume goes on with it, --out names another folder."
            )
        self.members.wait()
        if not self.members.leads:
            return
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TrainingError(f"{folder}: the run's folder cannot be made ({error.strerror}).") from None
        about = {
            "recipe": self.recipe.to_dict(),
            "data": self.data_name,
            "classes": list(self.data.classes),
            "pictures": len(self.data),
            "torch": torch.__version__,
        }
        checkpoint.write(folder / "recipe.json", (json.dumps(about, indent=1) + "\n").encode())

    def _write_logs(self) -> None:
        history = self.run_record.history
        lines = "".join(json.dumps(record) + "\n" for record in history)
        checkpoint.write(self.run_record.folder / "log.jsonl", lines.encode())
        table = io.StringIO(newline="")
        writer = csv.DictWriter(
            table, [name for name in history[0] if name != "alarms"], extrasaction="ignore"
        )
        writer.writeheader()
        writer.writerows(history)
        checkpoint.write(self.run_record.folder / "log.csv", table.getvalue().encode())
        tensorboard(self.run_record)

    def _finish(self) -> None:
        if not self.members.leads:
            return
        network, recipe, data = self._result(), self.recipe, Path(self.data_name).name
        info = Weights(
            name=f"{recipe.name}-{data}",
            architecture=network.architecture,
            preprocess=recipe.preprocess(),
            classes=self.data.classes,
            source=f"inception train, recipe {recipe.name}, {self.last_update} updates on {data}",
        )
        save_weights(network, self.run_record.weights, info)
        self.say(f"the trained weights: {self.run_record.weights}")

    def say(self, sentence: str) -> None:
        if self.show:
            tqdm.write(sentence, file=sys.stderr)

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM ask to stop after the update; a second one ends at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before: dict[int, Any] = {}

        def ask(number: int, frame: Any) -> None:
            self.stop_signal = number
            signal.signal(number, before[number])

        for asking in (signal.SIGINT, signal.SIGTERM):
            before[asking] = signal.signal(asking, ask)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
