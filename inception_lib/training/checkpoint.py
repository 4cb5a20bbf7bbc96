"""Checkpoints: written whole or not at all, the last few kept, loadable with `weights_only=True`."""

from __future__ import annotations

import io
import os
import re
from pathlib import Path
from typing import Any

import torch

from inception_lib.errors import TrainingError
from inception_lib.files import replacing

KEEP = 2  #: the last checkpoint, and one more in case a disk loses the last
_NAME = re.compile(r"checkpoint-(\d{9})\.pt")


def save(folder: Path, updates: int, state: dict[str, Any], *, keep: int = KEEP) -> Path:
    """Write `state` as the checkpoint after so many updates, then remove all but the last `keep`.

    Raises:
        TrainingError: it cannot be written; those written before are untouched.
    """
    path = folder / f"checkpoint-{updates:09d}.pt"
    whole = io.BytesIO()  # torch hides what the disk says; written from memory, "no space left" stays itself
    torch.save(state, whole)
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
        last = saved(path.parent)
        rest = f"the last checkpoint, {last[-1].name}, is whole" if last else "there is no checkpoint yet"
        raise TrainingError(f"{path}: cannot be written ({os.strerror(error.errno or 0)}); {rest}.") from None


def saved(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first."""
    return sorted(path for path in folder.glob("checkpoint-*.pt") if _NAME.fullmatch(path.name))


def load_last(folder: Path) -> dict[str, Any]:
    """The state of the last checkpoint that can be read.

    Raises:
        TrainingError: there is none.
    """
    found = saved(folder)
    for path in reversed(found):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # torch raises many types on a damaged file, and all mean the same here
            continue
    if found:
        raise TrainingError(f"{folder}: none of its {len(found)} checkpoints can be read.")
    raise TrainingError(f"{folder}: holds no checkpoint to resume from.")
