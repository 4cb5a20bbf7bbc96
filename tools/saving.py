"""Files that the tools leave behind: whole or not at all, or one sentence."""

from __future__ import annotations

import sys
from pathlib import Path

from inception_lib.files import replacing


def save(path: Path, content: str | bytes) -> None:
    """Write a file and its folder; on a full disk or the like, stop with one sentence and no file."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        sys.exit(f"error: {path} was not written ({error.strerror or error}).")
