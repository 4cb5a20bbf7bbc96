"""Files that are there whole or not at all: atomic writing, and downloads with a checksum."""

from __future__ import annotations

import hashlib
import os
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path

from tqdm import tqdm

from inception_lib.errors import WeightsError

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 30  # seconds without a byte


def cache_folder() -> Path:
    """Where downloads are kept: `INCEPTION_CACHE`, else `~/.cache/inception_lib`."""
    return Path(os.environ.get("INCEPTION_CACHE") or Path.home() / ".cache" / "inception_lib").expanduser()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to, which takes its place only if the block ends well.

    Whoever reads `path` meanwhile sees the old file or the new one, never a part of either.
    """
    new = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        yield new
        with new.open("rb") as file:
            os.fsync(file.fileno())
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


def download(url: str, path: Path, sha: str, *, progress: bool = True) -> Path:
    """Download `url` to `path`, and keep it only if its checksum is right.

    Args:
        url: what to fetch.
        path: where to; its folder is made if need be.
        sha: the algorithm and the digest or its beginning: `sha1:405fc5ac...`.
        progress: show a bar on stderr.

    Raises:
        WeightsError: the network or the disk failed, or the file is not the expected one.
    """
    algorithm, _, expected = sha.partition(":")
    digest = hashlib.new(algorithm)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new, new.open("wb") as file:
            for chunk in _chunks(url, path.name, progress):
                file.write(chunk)
                digest.update(chunk)
            file.flush()
            if not digest.hexdigest().startswith(expected):
                raise WeightsError(
                    f"{url}: the file that came has the {algorithm} {digest.hexdigest()}, not "
                    f"{expected}, and was not kept."
                )
    except (urllib.error.URLError, HTTPException, ConnectionError, TimeoutError) as error:
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise WeightsError(
            f"{url}: the download failed ({reason}); without a connection, fetch the file "
            f"elsewhere and give its path, or put it at {path}."
        ) from None
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be written ({error.strerror or error}).") from None
    return path


def _chunks(url: str, name: str, progress: bool) -> Iterator[bytes]:
    request = urllib.request.Request(url, headers={"User-Agent": "inception_lib"})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        total = response.headers.get("Content-Length")
        total = int(total) if total and total.isdigit() else None
        done = 0
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=not progress) as bar:
            while chunk := response.read(_CHUNK):
                done += len(chunk)
                bar.update(len(chunk))
                yield chunk
        if total is not None and done != total:
            raise ConnectionError(f"it broke off after {done:,} of {total:,} bytes")
