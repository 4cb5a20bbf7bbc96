"""Training: one function for a CPU, an accelerator, or all processes that torchrun starts.

A run is a folder: `recipe.json` (all settings, resolved), `log.csv` and `log.jsonl` (a line per epoch),
checkpoints, and at the end `model.safetensors`, which `load_weights` and `inception predict --weights`
read.

Everything random depends on the recipe's seed, the number of updates done and the process's rank, on nothing
else. So a run that was interrupted anywhere and resumed from its last checkpoint ends, on a CPU, with the
same weights bit for bit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import Dataset

from inception_lib.architecture import Architecture
from inception_lib.data.datasets import Data, dataset_data, open_data
from inception_lib.data.images import PREPROCESSES
from inception_lib.data.loading import updates_per_epoch
from inception_lib.data.splits import held_out
from inception_lib.distributed import Team, team, tuned
from inception_lib.errors import DataError, TeamError, TrainingError
from inception_lib.nn.network import Network
from inception_lib.training import checkpoint
from inception_lib.training.folder import text
from inception_lib.training.logs import Run
from inception_lib.training.loop import Training
from inception_lib.training.parts import frozen
from inception_lib.training.preview import preview
from inception_lib.training.recipes import NetworkOptions, Recipe
from inception_lib.training.step import build, head_weights
from inception_lib.weights.loading import load_weights

_Splits = tuple[Data, Data]
_Images = Data | Dataset


def train(
    network: Architecture | NetworkOptions | nn.Module,
    data: str | os.PathLike | _Images | tuple[_Images, _Images],
    recipe: Recipe,
    folder: str | os.PathLike = "runs/last",
    *,
    resume: bool = False,
    device: str | None = None,
    download: bool = False,
    val_share: float | None = None,
    keep_best: bool = False,
    progress: bool = True,
    aux_weights: Sequence[float] | None = None,
    on_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Train a network.

    Under torchrun each process calls it alike; the first one writes and shows.

    Args:
        network: an architecture, or options of one of the known networks, whose initial weights the recipe
            gives, or trained weights where the options name them; or any module that gives logits (batch,
            classes), or an output with a field `logits` and the heads' logits in others, which is trained
            from the weights that it has: `Network.from_pretrained("bvlc", classes=...)`.
        data: a data set's name, or a folder; see `open_data`. Or two splits, to train and to validate on, of
            which each is one of ours or a torch `Dataset` (see `dataset_data`); or one, with `val_share`.
        recipe: how.
        folder: of the run. It must hold no other run, unless `resume` is set.
        resume: go on from the last checkpoint in `folder`.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, `xpu`; the accelerator if there is one, by default.
        download: fetch the data set if it is not there.
        val_share: the share of each class that validates, where the data has no split of its own.
        keep_best: keep the weights after the best epoch too, in `best.safetensors`. Their accuracy on the
            images that chose them is a little too good.
        progress: show bars and sentences on stderr.
        aux_weights: of the heads' losses, in order; the architecture's own by default, 0.3 for a module
            that has no architecture.
        on_epoch: called with the run so far after each epoch, in the first process.

    Raises:
        TrainingError: the run cannot begin, its loss is no longer finite, or a file cannot be written.
        DataError: the data set cannot be used.
        KeyboardInterrupt: Ctrl-C, after a checkpoint was written.
        SystemExit: SIGTERM, after a checkpoint was written.
    """
    start = partial(_ready, network, data, recipe, Path(folder), download=download, val_share=val_share)
    with start(resume=resume, device=device, aux_weights=aux_weights, show=progress) as training:
        training.keep_best, training.on_epoch = keep_best, on_epoch
        return training.run()


def plan(
    network: Architecture | NetworkOptions | nn.Module,
    data: str | os.PathLike | _Images | tuple[_Images, _Images],
    recipe: Recipe,
    folder: str | os.PathLike = "runs/last",
    *,
    resume: bool = False,
    device: str | None = None,
    download: bool = False,
    val_share: float | None = None,
) -> str:
    """What `train` would do with these arguments, in words; nothing is trained, and no file is written.

    Everything is prepared as `train` prepares it, up to the first batch, so that the same errors are raised;
    but that a batch is larger than the data is only said, since a rehearsal may have a few images only.
    With `download` the data set is fetched. Other processes than the first get an empty text.
    """
    start = partial(_ready, network, data, recipe, Path(folder), download=download, val_share=val_share)
    with start(resume=resume, device=device, writes=False) as training:
        return preview(training) if training.members.leads else ""


@contextmanager
def _ready(
    network: Any,
    data: Any,
    recipe: Recipe,
    folder: Path,
    *,
    resume: bool,
    device: str | None,
    download: bool,
    val_share: float | None,
    aux_weights: Sequence[float] | None = None,
    show: bool = False,
    writes: bool = True,
) -> Iterator[Training]:
    """A training just before its first batch."""
    try:
        with team(device) as members, _random_numbers_kept(members.device), ExitStack() as stack:
            if recipe.batch % (members.world * recipe.accumulate):
                raise TrainingError(
                    f"{recipe.name}: a batch of {recipe.batch} cannot be divided among {members.world} "
                    f"processes with {recipe.accumulate} parts each."
                )
            splits = _opened(data, download, val_share, members)
            if writes:
                updates_per_epoch(len(splits[0]), recipe.batch)  # refuses a batch larger than the data
            name = text(data) if isinstance(data, str | os.PathLike) else splits[0].name
            with members.leader_first():  # it fetches weights, too
                made = _made(network, splits[0].classes, recipe)
            start = made.info if isinstance(made, Network) else None
            if start is not None:
                recipe = recipe.after(start.preprocess)
                if made is network:  # its new classifier is random, and it may have been trained since
                    start = replace(start, tensors="")
            stack.enter_context(frozen(made, recipe.freeze))
            stack.enter_context(tuned(members.device))
            training = Training(made, name, splits, recipe, folder, members, start)
            training.show = show and members.leads
            training.run_record.fingerprint = splits[0].fingerprint()
            training.run_record.val_share = val_share
            training.aux_weights = head_weights(made) if aux_weights is None else tuple(aux_weights)
            training.open_folder(resume, stack if writes else None)
            yield training
    except TeamError as error:
        raise TeamError(f"{str(error).rstrip('.')}; {checkpoint.rest(folder)}.") from error


@contextmanager
def _random_numbers_kept(device: torch.device) -> Iterator[None]:
    """Leave torch's global random numbers as they were; a training seeds them at every update."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _opened(data: Any, download: bool, val_share: float | None, members: Team) -> _Splits:
    if isinstance(data, str | os.PathLike):
        with members.leader_first():  # what it fetches, the others find
            return (
                open_data(data, "train", download=download, val_share=val_share),
                open_data(data, "val", download=download, val_share=val_share),
            )
    pair = isinstance(data, tuple) or (
        isinstance(data, list) and len(data) == 2 and all(isinstance(part, _Images) for part in data)
    )  # random_split gives a list
    if not pair:
        if val_share is None:
            raise DataError("Images that validate are needed too: give two splits, or a val_share.")
        whole = data if isinstance(data, Data) else dataset_data(data)
        return held_out(whole, val_share, "train"), held_out(whole, val_share, "val")
    if val_share is not None:
        raise DataError("Two splits are given, so that val_share has nothing to do; leave it out.")
    train = data[0] if isinstance(data[0], Data) else dataset_data(data[0])
    val = data[1] if isinstance(data[1], Data) else dataset_data(data[1], classes=train.classes)
    if train.classes != val.classes:
        raise DataError(f"{train.name} and {val.name}: the two splits must have the same classes.")
    return train, val


def _made(
    network: Architecture | NetworkOptions | nn.Module, classes: tuple[str, ...], recipe: Recipe
) -> nn.Module:
    """The network at its start."""
    if isinstance(network, NetworkOptions) and network.weights is not None:
        return _pretrained(network, classes, recipe)
    if isinstance(network, NetworkOptions | Architecture):
        recipe.preprocess()  # refuses a recipe for trained weights
    if isinstance(network, NetworkOptions):
        network = network.architecture(len(classes), recipe.input_size)
    architecture = network.architecture if isinstance(network, Network) else network
    if isinstance(architecture, Architecture) and architecture.classes != len(classes):
        ways = "; reset_classifier gives it others" if isinstance(network, Network) else ""
        raise TrainingError(
            f"{architecture.name}: has {architecture.classes} outputs, and the data has {len(classes)} "
            f"classes{ways}."
        )
    if isinstance(network, nn.Module):
        return network
    if network.input[1:] != (recipe.input_size, recipe.input_size):
        raise TrainingError(
            f"{network.name}: takes images of {network.input[1]}x{network.input[2]} pixels, and the recipe "
            f"makes them of {recipe.input_size}x{recipe.input_size} (--input-size)."
        )
    return build(network, recipe)


def _pretrained(options: NetworkOptions, classes: tuple[str, ...], recipe: Recipe) -> Network:
    """Trained weights, with a new classifier unless theirs knows these very classes."""
    assert options.weights is not None
    wanted = PREPROCESSES[options.preprocess] if options.preprocess else None
    network, info = load_weights(options.weights, heads=options.heads, preprocess=wanted)
    changed = options.changed(network.architecture)
    if changed != network.architecture:
        network, info = load_weights(options.weights, architecture=changed, preprocess=info.preprocess)
    if info.classes != classes:
        seed = recipe.seed if recipe.init_seed is None else recipe.init_seed
        network.reset_classifier(len(classes), torch.Generator().manual_seed(seed))
    return network
