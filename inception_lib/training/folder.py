"""The folder of a run: taken by one run at a time; what is written there at its beginning and end."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import nn

from inception_lib.data.images import Preprocess
from inception_lib.errors import TrainingError
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.training import checkpoint
from inception_lib.training.identity import can_be_longer
from inception_lib.training.logs import Run
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights
from inception_lib.weights.kinds import RECIPE


def take(folder: Path, stack: ExitStack) -> None:
    """Make the folder, and keep other runs out of it until the stack is closed.

    Raises:
        TrainingError: another run has it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        stack.enter_context(FileLock(folder / ".lock", timeout=0))
    except Timeout:
        raise TrainingError(f"{folder}: another run is writing there; --out names another folder.") from None
    except OSError as error:
        raise TrainingError(f"{folder}: the run's folder cannot be made ({error.strerror}).") from None


def check(run: Run, resume: bool) -> bool:
    """Whether there is a checkpoint to go on from.

    Raises:
        TrainingError: the folder holds a run that is not to be resumed, or none that could be.
    """
    folder, there = run.folder, bool(checkpoint.saved(run.folder))
    if not resume and (there or run.weights.exists()):
        raise TrainingError(
            f"{folder}: holds a run already; --resume goes on with it, --out names another folder."
        )
    if resume and not there and run.weights.exists():
        raise TrainingError(
            f"{folder}: holds the weights of a run that has ended, and no checkpoint to go on from; --out "
            f"names another folder."
        )
    return resume and there


def finished(run: Run) -> str:
    """What is said where a run is resumed that has come to its end."""
    epochs = run.recipe.epochs
    more = "a new run (--out) with more --epochs trains longer, since these settings depend on its end"
    if can_be_longer(run.recipe):
        more = f"more --epochs than {epochs:g} train longer"
    return (
        f"this run has finished: {run.history[-1]['epoch']:.4g} of {epochs:g} epochs are done, and nothing "
        f"is left to train; {more}; the trained weights: {run.weights}"
    )


def write_about(run: Run) -> None:
    """Write `recipe.json`: all settings, resolved."""
    about = {
        "recipe": run.recipe.to_dict(),
        "network": dict(run.network),
        "data": run.data,
        "classes": [text(name) for name in run.classes],
        "pictures": run.pictures,
        "val_share": run.val_share,
        "torch": torch.__version__,
    }
    content = json.dumps(about, indent=1, allow_nan=False) + "\n"
    checkpoint.write(run.folder / RECIPE, content.encode())


def write_weights(
    run: Run, network: nn.Module, path: Path, updates: int, preprocess: Preprocess, start: Weights | None
) -> None:
    """Write the result with all that prediction needs; of a module that is no `Network`, its tensors.

    Args:
        run: that gave it.
        network: the result.
        path: the file to write.
        updates: that were made.
        preprocess: what the network wants.
        start: the weights that the run began from, if there were any: the result says that it comes from
            them, and has none of their addresses and checksums.
    """
    source = f"inception train, recipe {run.recipe.name}, {updates} updates on {run.data}"
    if isinstance(network, Network):
        info = Weights(
            name=f"{run.recipe.name}-{run.data}",
            architecture=network.architecture,
            preprocess=preprocess,
            classes=tuple(map(text, run.classes)),
            source=source,
            trained_on=((run.fingerprint, run.val_share),),
        )
        if start is not None:
            info = replace(
                info, name=start.name, source=f"{start.source}; {source}", license=start.license,
                urls=start.urls, checksums=start.checksums, tensors=start.tensors or "unknown",
                trained_on=tuple(dict.fromkeys((*start.trained_on, *info.trained_on))),
            )  # fmt: skip
        save_weights(network, path, info)
        return
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    try:
        with replacing(path) as new:
            save_file(state, new, metadata={"source": source})
    except (OSError, SafetensorError) as error:
        said = " ".join(str(error).split())
        raise TrainingError(f"{path}: cannot be written ({said}); {checkpoint.rest(run.folder)}.") from None


def text(name: str | os.PathLike) -> str:
    """A name as text that any file can hold, whatever bytes a folder's name has."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
