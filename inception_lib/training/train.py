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
from pathlib import Path

import torch
from torch import nn

from inception_lib.architecture import Architecture
from inception_lib.data.datasets import Data, open_data
from inception_lib.distributed import Team, team
from inception_lib.errors import TeamError, TrainingError
from inception_lib.training import checkpoint
from inception_lib.training.folder import text
from inception_lib.training.logs import Run
from inception_lib.training.loop import Training
from inception_lib.training.recipes import NetworkOptions, Recipe
from inception_lib.training.step import build, head_weights

_Splits = tuple[Data, Data]


def train(
    network: Architecture | NetworkOptions | nn.Module,
    data: str | os.PathLike | _Splits,
    recipe: Recipe,
    folder: str | os.PathLike = "runs/last",
    *,
    resume: bool = False,
    device: str | None = None,
    download: bool = False,
    progress: bool = True,
    aux_weights: Sequence[float] | None = None,
    on_epoch: Callable[[Run], None] | None = None,
) -> Run:
    """Train a network.

    Under torchrun each process calls it alike; the first one writes and shows.

    Args:
        network: an architecture, or options of one of the known networks, whose initial weights the recipe
            gives; or any module that gives logits (batch, classes), or an output with a field `logits` and
            the heads' logits in others, which is trained from the weights that it has.
        data: a data set's name, or a folder; see `open_data`. Or two splits, to train and to validate on.
        recipe: how.
        folder: of the run. It must hold no other run, unless `resume` is set.
        resume: go on from the last checkpoint in `folder`.
        device: `cpu`, `cuda`, `cuda:1`, `mps`, `xpu`; the accelerator if there is one, by default.
        download: fetch the data set if it is not there.
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
    folder = Path(folder)
    try:
        with team(device) as members, _random_numbers_kept(members.device), ExitStack() as stack:
            if recipe.batch % (members.world * recipe.accumulate):
                raise TrainingError(
                    f"{recipe.name}: a batch of {recipe.batch} cannot be divided among {members.world} "
                    f"processes with {recipe.accumulate} parts each."
                )
            splits = _opened(data, download, members)
            name = splits[0].name if isinstance(data, tuple) else text(data)
            made = _made(network, len(splits[0].classes), recipe)
            training = Training(made, name, splits, recipe, folder, members)
            training.show = progress and members.leads
            training.on_epoch = on_epoch
            training.aux_weights = head_weights(made) if aux_weights is None else tuple(aux_weights)
            training.open_folder(resume, stack)
            return training.run()
    except TeamError as error:
        raise TeamError(f"{str(error).rstrip('.')}; {checkpoint.rest(folder)}.") from error


@contextmanager
def _random_numbers_kept(device: torch.device) -> Iterator[None]:
    """Leave torch's global random numbers as they were; a training seeds them at every update."""
    devices = [torch.cuda.current_device()] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        yield


def _opened(data: str | os.PathLike | _Splits, download: bool, members: Team) -> _Splits:
    if isinstance(data, tuple):
        return data
    with members.leader_first():  # what it fetches, the others find
        return open_data(data, "train", download=download), open_data(data, "val", download=download)


def _made(network: Architecture | NetworkOptions | nn.Module, classes: int, recipe: Recipe) -> nn.Module:
    if isinstance(network, nn.Module):
        return network
    if isinstance(network, NetworkOptions):
        network = network.architecture(classes, recipe.input_size)
    if network.classes != classes:
        raise TrainingError(
            f"{network.name}: has {network.classes} outputs, and the data has {classes} classes."
        )
    if network.input[1:] != (recipe.input_size, recipe.input_size):
        raise TrainingError(
            f"{network.name}: takes images of {network.input[1]}x{network.input[2]} pixels, and the recipe "
            f"makes them of {recipe.input_size}x{recipe.input_size} (--input-size)."
        )
    return build(network, recipe)
