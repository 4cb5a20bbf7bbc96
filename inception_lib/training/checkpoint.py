"""Checkpoints: written whole or not at all, the last few kept, loadable with `weights_only=True`."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from inception_lib.errors import TrainingError
from inception_lib.files import replacing

KEEP = 2  #: the last checkpoint, and one more in case a disk loses the last
FORMAT = 2
_NAME = re.compile(r"checkpoint-(\d{9,})\.pt")


def save(folder: Path, updates: int, state: dict[str, Any], *, keep: int = KEEP) -> Path:
    """Write `state` as the checkpoint after so many updates, then remove all but the last `keep`.

    Raises:
        TrainingError: it cannot be written; those written before are untouched.
    """
    path = folder / f"checkpoint-{updates:09d}.pt"
    # torch hides what the disk says; written from memory, "no space left" stays itself
    whole = io.BytesIO()
    torch.save(state | {"format": FORMAT, "updates": updates}, whole)
    write(path, whole.getbuffer())
    for old in saved(folder)[:-keep]:
        old.unlink(missing_ok=True)
    return path


def write(path: Path, content: bytes | memoryview) -> None:
    """Write a file of a run, whole or not at all."""
    try:
        with replacing(path) as new:
            new.write_bytes(content)
    except OSError as error:
        raise TrainingError(
            f"{path}: cannot be written ({os.strerror(error.errno or 0)}); {rest(path.parent)}."
        ) from None


def saved(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*.pt") if _NAME.fullmatch(path.name))


def rest(folder: Path) -> str:
    """What is left of a run that ends here, as a part of a sentence."""
    last = saved(folder)
    if not last:
        return "there is no checkpoint yet"
    return f"the last checkpoint, {last[-1].name}, is whole, and --resume goes on from it"


def load_last(
    folder: Path,
    check: Callable[[dict[str, Any]], None] = lambda state: None,
    say: Callable[[str], None] = lambda sentence: None,
) -> dict[str, Any]:
    """The state of the last checkpoint that is whole.

    Args:
        folder: of the run.
        check: raises ValueError, KeyError or TypeError if a state is not one of this run.
        say: is told, in a sentence, of each checkpoint that was passed over.

    Raises:
        TrainingError: there is none.
    """
    found = saved(folder)
    for path in reversed(found):
        try:
            state = _load(path)
            check(state)
            return state
        except TrainingError:
            raise
        except Exception as error:  # torch raises many types on a damaged file, and all mean the same here
            why = " ".join(str(error).split()).rstrip(".") or type(error).__name__
            say(f"{path}: cannot be used ({why[:200]}).")
    if found:
        raise TrainingError(f"{folder}: none of its {len(found)} checkpoints can be used.")
    raise TrainingError(f"{folder}: holds no checkpoint to resume from.")


def _load(path: Path) -> dict[str, Any]:
    with zipfile.ZipFile(path) as file:  # torch does not look at the checksums
        damaged = file.testzip()
    if damaged:
        raise ValueError(f"{damaged} in it is damaged")
    state = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(state, dict) or "format" not in state:
        raise ValueError("it is no checkpoint of a training")
    if state["format"] != FORMAT:
        raise ValueError(f"it is of format {state['format']}, and {FORMAT} is read here")
    number = _NAME.fullmatch(path.name)
    if number is None or state.get("updates") != int(number[1]):
        raise ValueError("it was made after another number of updates than its name says")
    return state
