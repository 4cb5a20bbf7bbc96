"""The loop of a training: updates, looks, epochs, and the way back from an interruption."""

from __future__ import annotations

import math
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from inception_lib.data.datasets import Data
from inception_lib.data.loading import Batch, Loader
from inception_lib.distributed import Team
from inception_lib.errors import DataError, TrainingError
from inception_lib.nn.network import Network
from inception_lib.progress import progress_bar
from inception_lib.training import checkpoint, folder
from inception_lib.training.average import Average
from inception_lib.training.forms import settled, trained_form
from inception_lib.training.identity import compare, identity
from inception_lib.training.logs import Record, Run, alarms, line, not_finite, write_logs
from inception_lib.training.parts import training_mode
from inception_lib.training.recipes import Recipe
from inception_lib.training.speed import device_of, shares
from inception_lib.training.step import (
    autocast_type,
    clip_gradients,
    losses,
    optimizer,
    total_loss,
)
from inception_lib.training.sums import EpochSums
from inception_lib.training.validation import validate
from inception_lib.weights.info import Weights

#: Updates between looks at the loss and at signals, at most, where a look makes an accelerator wait.
LOOK_EVERY = 20
#: Seconds between two looks, about: what is asked to stop must stop soon.
LOOK_SECONDS = 5
#: Seconds between checkpoints within an epoch.
SAVE_EVERY = 600
#: Seconds of an epoch that are worth a checkpoint before its validation.
SAVE_FIRST = 60


class Training:
    """One process's part in a run."""

    def __init__(
        self,
        network: nn.Module,
        data_name: str,
        splits: tuple[Data, Data],
        recipe: Recipe,
        folder: Path,
        members: Team,
        start: Weights | None = None,
    ) -> None:
        self.start = start
        self.members = members
        self.data_name = data_name
        self.data, self.val_data = splits
        self.per_epoch = len(self.data) // recipe.batch  # none: only in a dry run
        self.last_update = max(1, round(recipe.epochs * self.per_epoch))
        self.recipe = recipe = settled(recipe, network, members.device, self.last_update)
        self.show = self.keep_best = False
        self.on_epoch: Callable[[Run], None] | None = None
        self.aux_weights: Sequence[float] | None = None
        device = members.device
        self.layout = torch.channels_last if recipe.channels_last else torch.contiguous_format
        self.network = network.to(device).to(memory_format=self.layout)
        self.kind = autocast_type(recipe.precision, device)
        self.preprocess = recipe.preprocess(start.preprocess if start else None)
        self.optimizer = optimizer(self.network, recipe)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.kind == torch.float16)
        self.average = (
            None if recipe.average == "none" else Average(self.network, recipe.average, recipe.ema_decay)
        )
        pin = device.type == "cuda"
        self.loader = Loader(
            *splits,
            recipe,
            rank=members.rank,
            world=members.world,
            pin=pin,
            device=device,
            preprocess=self.preprocess,
        )
        named = network.architecture.name if isinstance(network, Network) else type(network).__name__
        self.run_record = Run(
            folder=folder,
            recipe=recipe,
            network={"name": named} | ({"weights": start.name} if start else {}),
            data=Path(data_name).name,
            classes=self.data.classes,
            pictures=len(self.data),
            device=device_of(members),
            leads=members.leads,
        )
        self.shares: dict[str, float] = {}  # of what the device reaches, for one image in a second
        self.updates = 0
        self.next_look = 0
        self.stop_signal = 0
        self.started = self.last_save = time.monotonic()
        self.sums = EpochSums(members)

    # ---- state

    def _identity(self) -> dict[str, Any]:
        return identity(self.network, self.data_name, self.data, self.recipe, self.start)

    def save(self) -> None:
        """Write a checkpoint. All processes must call it."""
        epoch = self.sums.state()
        self.last_save = time.monotonic()
        if not self.members.leads:
            return
        if not all(bool(p.isfinite().all()) for p in self.network.parameters()):
            self._not_finite()
        state = {
            "identity": self._identity(),
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "average": None if self.average is None else self.average.state_dict(),
            "history": self.run_record.history,
            "epoch": epoch,
        }
        checkpoint.save(self.run_record.folder, self.updates, state)

    def _check(self, state: dict[str, Any]) -> None:
        """Refuse another run's state by a TrainingError, and a damaged one by a ValueError."""
        compare(self.run_record.folder, state["identity"], self._identity(), self.recipe)
        if state["updates"] > self.last_update:
            raise TrainingError(
                f"{self.run_record.folder}: {state['updates']:,} updates are done already, and --epochs "
                f"{self.recipe.epochs:g} would be {self.last_update:,}."
            )
        own = {name: value.shape for name, value in self.network.state_dict().items()}
        if {name: value.shape for name, value in state["network"].items()} != own:
            raise ValueError("its weights are not those of this network")
        if not all(v.isfinite().all() for v in state["network"].values() if v.is_floating_point()):
            raise ValueError("its weights are not finite")
        if not all(isinstance(record, dict) and "updates" in record for record in state["history"]):
            raise ValueError("its history is damaged")

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        if self.average is not None:
            self.average.load_state_dict(state["average"])
        self.updates = self.next_look = state["updates"]
        self.run_record.history = state["history"]
        self.sums.load(state["epoch"])

    def open_folder(self, resume: bool, stack: ExitStack | None) -> None:
        """Take the folder for this run alone, or only look into it; read the last checkpoint if resumed."""
        path = self.run_record.folder
        with self.members.leader_first() as leads:
            if resume and not path.is_dir():
                raise TrainingError(f"{path}: there is no run to resume.")
            if leads and stack:
                folder.take(path, stack)
            if folder.check(self.run_record, resume):
                self.load(checkpoint.load_last(path, self._check, self.say))
                self.say(f"resumed after {self.updates:,} updates")
            if leads and stack:
                folder.write_about(self.run_record)

    # ---- the way through

    def run(self) -> Run:
        """Train from where the run is to its end."""
        if self.updates >= self.last_update and not self._epoch_is_due():
            self.say(folder.finished(self.run_record))
            if self.members.leads:
                self._write(self.run_record.weights)  # a run can be killed before that
            return self.run_record
        # measured now, since it takes memory, which must not run out at the end of an epoch
        self.shares = shares(self.network, self.recipe, self.members)
        self.say(
            f"{self.recipe.name}: {len(self.data):,} images of {self.data_name}, "
            f"{len(self.data.classes)} classes, {self.last_update:,} updates on "
            f"{self.members.world} x {self.members.device}, {self.recipe.precision}"
        )
        step = self._form()
        whole, done = (n * self.recipe.batch for n in (self.last_update, self.updates))
        how: dict[str, Any] = {"unit": " images", "smoothing": 0.05, "unit_scale": True}
        bar = progress_bar(self.show, total=whole, initial=done, **how)
        with self._signals(), bar:
            while True:
                if self._epoch_is_due():
                    self._end_epoch(bar)
                if self.updates >= self.last_update:
                    break
                self._epoch(step, bar)
            if self.members.leads:
                self._write(self.run_record.weights)
                self.say(f"the trained weights: {self.run_record.weights}")
        return self.run_record

    def _form(self) -> Any:
        """The network as it trains; where it could not be compiled, the run's files say so."""
        training_mode(self.network, self.recipe.freeze)
        part, side = self.recipe.batch // self.members.world // self.recipe.accumulate, self.recipe.input_size
        x = self._input(torch.zeros(part, side, side, 3, dtype=torch.uint8))
        step, compiled = trained_form(self.network, self.recipe, self.members, x, self.say)
        if compiled != self.recipe.compile:
            self.recipe = self.run_record.recipe = replace(self.recipe, compile=compiled)
            if self.members.leads:
                folder.write_about(self.run_record)
        return step

    def _at_an_end(self) -> bool:
        return self.updates % self.per_epoch == 0 or self.updates == self.last_update

    def _epoch_is_due(self) -> bool:
        """Whether an epoch has ended that is not recorded, as after a stop in its last update."""
        history = self.run_record.history
        recorded = bool(history) and history[-1]["updates"] == self.updates
        return self.updates > 0 and self._at_an_end() and not recorded

    def _epoch(self, step: nn.Module, bar: tqdm) -> None:
        epoch, skip = divmod(self.updates, self.per_epoch)
        training_mode(self.network, self.recipe.freeze)
        self.started = time.monotonic()
        for batch in self._whole(self.loader.training(epoch, skip=skip), bar):
            self._update(step, batch)
            bar.update(self.recipe.batch)
            if self.updates >= self.next_look or self._at_an_end():
                self._look(bar)
            if self.updates >= self.last_update:
                break
        self._take_time()

    def _whole(self, batches: Iterator[Batch], bar: tqdm) -> Iterator[Batch]:
        """The batches, as long as the processes that read them live."""
        try:
            yield from batches
        except RuntimeError as error:
            if "DataLoader worker" not in str(error):
                raise
            if self.stop_signal and self.members.world == 1:
                self._stop(bar)
            raise TrainingError(
                f"A process that reads images has ended ({str(error).splitlines()[0].rstrip('.')}); "
                f"{checkpoint.rest(self.run_record.folder)}."
            ) from None

    def _take_time(self) -> None:
        now = time.monotonic()
        self.sums.seconds += now - self.started
        self.started = now

    def _update(self, step: Any, batch: Batch) -> None:
        """One update of the weights; `step` is the network, compiled or in DDP's wrapper where it is so."""
        recipe, device = self.recipe, self.members.device
        self.sums.note_bad(batch.bad)
        for sentence in batch.bad:
            self.say(sentence)
        lr = recipe.lr_at(self.updates / self.per_epoch, 1 / self.per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        seeds = np.random.SeedSequence([recipe.seed, self.updates, self.members.rank])
        torch.manual_seed(int(seeds.generate_state(1)[0]))  # dropout, the same after a resume
        pictures, labels, share = batch.pictures, batch.labels, 1.0
        if not len(labels):  # every image of this part was bad, and the other processes wait for gradients
            blank = torch.zeros(1, recipe.input_size, recipe.input_size, 3, dtype=torch.uint8)
            pictures, labels, share = blank, torch.zeros(1, dtype=torch.long), 0.0
        x, y = self._input(pictures), labels.to(device, non_blocking=True)
        self.optimizer.zero_grad(set_to_none=True)
        pieces = list(zip(x.chunk(recipe.accumulate), y.chunk(recipe.accumulate), strict=True))
        for i, (some, its) in enumerate(pieces):
            waits = i < len(pieces) - 1 and self.members.world > 1
            with step.no_sync() if waits else nullcontext():
                with torch.autocast(device.type, self.kind, enabled=self.kind is not None):
                    output = step(some)
                parts = losses(output, its, recipe.label_smoothing)
                loss = share * len(its) / len(labels) * total_loss(parts, self.aux_weights)
                self.scaler.scale(loss).backward()
            self.sums.add(output, parts, share * len(its))
        self.sums.images += share * len(labels)
        self.sums.seen += recipe.batch
        self.scaler.unscale_(self.optimizer)
        norm = clip_gradients(self.network, recipe.clip)
        self._step(loss if norm is None else norm)
        self.updates += 1
        if self.average is not None and (
            recipe.average == "ema" or self.updates > recipe.average_from * self.last_update
        ):
            self.average.update(self.network)

    def _step(self, sign: Tensor) -> None:
        """Step, but not where `sign`, the loss or the norm of the gradients, is not finite.

        The decision is made on the device, which nobody waits for here.
        """
        if not self.scaler.is_enabled():
            self.optimizer.found_inf = (~sign.detach().isfinite()).float()  # type: ignore[attr-defined]
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def _input(self, pictures: Tensor) -> Tensor:
        """What the network takes, from images in bytes."""
        there = pictures.to(self.members.device, non_blocking=True)
        return self.preprocess.batch(there).contiguous(memory_format=self.layout)

    def _look(self, bar: tqdm) -> None:
        """Is the loss finite, was too much unreadable, is a checkpoint due, has somebody asked to stop?

        All processes look after the same update.
        """
        finite, now = self.sums.gather(), time.monotonic()
        pace = (now - self.started) / max(1, self.updates % self.per_epoch or self.per_epoch)
        found = [bool(self.stop_signal), not finite, self.sums.bad]
        leading = [now - self.last_save > SAVE_EVERY, pace] if self.members.leads else [False, 0.0]
        everywhere = self.members.total(torch.tensor([*found, *leading], dtype=torch.float64))
        stop, broken, bad, due, pace = everywhere.tolist()
        if broken:
            self._not_finite()
        if bad > self.recipe.bad_pictures:
            last = f"; the last: {self.sums.last_bad}" if self.sums.last_bad else "."
            raise DataError(
                f"{self.data_name}: {int(bad)} images of this epoch could not be read, more than the "
                f"{self.recipe.bad_pictures} that the recipe allows (--bad-pictures){last}"
            )
        on_cpu = self.members.device.type == "cpu"
        until = 1 if on_cpu else max(1, min(LOOK_EVERY, int(LOOK_SECONDS / max(pace, 1e-9))))
        self.next_look = self.updates + until
        if stop:
            self._stop(bar)
        if due:
            self._take_time()
            self.save()
        if self.show and self.updates % LOOK_EVERY == 0 and self.sums.images:
            shown = {name: f"{value:.3f}" for name, value in self.sums.means().items()}
            bar.set_postfix(epoch=f"{self.updates / self.per_epoch:.1f}", **shown, refresh=False)

    def _stop(self, bar: tqdm) -> None:
        """Save and leave. All processes stop after the same update."""
        number = self.stop_signal or signal.SIGTERM
        self._take_time()
        self.save()
        bar.close()
        self.say(f"stopped after {self.updates:,} of {self.last_update:,} updates; --resume continues.")
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _not_finite(self) -> None:
        raise TrainingError(
            f"The loss is no longer finite in update {self.updates}; "
            f"{checkpoint.rest(self.run_record.folder)}. {not_finite(self.recipe)}"
        )

    # ---- the end of an epoch

    def _end_epoch(self, bar: tqdm) -> None:
        """Save, validate, record, save again."""
        if time.monotonic() - self.last_save > SAVE_FIRST:
            self.save()
        epoch = self.sums.state()
        rate = epoch["seen"] / epoch["seconds"] if epoch["seconds"] else 0.0
        record: Record = {
            "epoch": self.updates / self.per_epoch,
            "updates": self.updates,
            "lr": self.recipe.lr_at((self.updates - 1) / self.per_epoch, 1 / self.per_epoch),
        }
        images = max(epoch["images"], 1.0)  # none, where all were unreadable and the recipe allows it
        record |= {name: loss / images for name, loss in zip(epoch["names"], epoch["losses"], strict=True)}
        record |= self._validate(bar)
        record |= {"images_per_s": rate, "seconds": epoch["seconds"]}
        record |= {name: share * rate or None for name, share in self.shares.items()}
        record["bad"] = epoch["bad"]
        record["alarms"] = alarms(record, len(self.data.classes), self.recipe, self.network)
        if not all(math.isfinite(value) for value in (record["loss"], record["val_loss"])):
            self._not_finite()
        self.run_record.history.append(record)
        self.sums = EpochSums(self.members)
        if self.members.leads:
            write_logs(self.run_record)
            if self.keep_best and self.run_record.best() is record:
                self._write(self.run_record.best_weights)
        self.save()
        self.say(line(record))
        for sentence in record["alarms"]:
            self.say("alarm: " + sentence)
        if self.on_epoch and self.members.leads:
            self.on_epoch(self.run_record)
        self.members.wait()

    def _validate(self, bar: tqdm) -> dict[str, float]:
        def look(step: int) -> None:
            if self.members.device.type == "cpu" or step % LOOK_EVERY == 0:
                asked = self.members.total(torch.tensor([bool(self.stop_signal)], dtype=torch.int64))
                if asked.item():
                    self.started = time.monotonic()  # the epoch's time is taken already
                    self._stop(bar)

        batches = self._whole(self.loader.validation(), bar)
        try:
            return validate(self.result(), batches, self.members, self._input, look)
        except DataError as error:
            raise DataError(f"{self.data_name}: {error}") from None

    def result(self) -> nn.Module:
        """The network that the run is for: the average, once there is one."""
        if self.average is None or not self.average.updates:
            return self.network
        return self.average.network

    def _write(self, path: Path) -> None:
        folder.write_weights(self.run_record, self.result(), path, self.updates, self.preprocess, self.start)

    def say(self, sentence: str) -> None:
        """Show a sentence above the progress bar."""
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
