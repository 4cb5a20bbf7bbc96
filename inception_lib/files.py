"""Files that are there whole or not at all: atomic writing, and downloads with a checksum."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import socket
import stat
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from http.client import HTTPException
from pathlib import Path

from inception_lib.errors import InceptionError, WeightsError
from inception_lib.progress import progress_bar

_CHUNK = 1 << 20  # bytes
_TIMEOUT = 30  # seconds without a byte
_STALE = 24 * 3600  # seconds after which a part that somebody else wrote is nobody's any more
_SHORTEST = 8  # hexadecimal digits of a digest, below which its beginning says nothing


def expanded(folder: str, variable: str) -> Path:
    """A folder that may begin with `~`, as an environment variable can name it.

    Raises:
        InceptionError: the home directory is not known.
    """
    try:
        return Path(folder).expanduser()
    except RuntimeError:
        raise InceptionError(
            f"{folder}: the home directory is not known; set {variable} to a folder."
        ) from None


def cache_folder() -> Path:
    """Where downloads are kept: `INCEPTION_CACHE`, else `~/.cache/inception_lib`.

    Raises:
        InceptionError: the home directory is needed and not known.
    """
    return expanded(os.environ.get("INCEPTION_CACHE") or "~/.cache/inception_lib", "INCEPTION_CACHE")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path` to write to, which takes its place only if the block ends well.

    Whoever reads `path` meanwhile sees the old file or the new one, never a part of either. The file gets
    the permissions that the process gives to new files. Parts that killed writers left in the folder are
    removed.
    """
    _remove_stale_parts(path.parent)
    new = path.with_name(f".{path.name}.{_here()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.part")
    # made here, so that it has the usual permissions; some writers put a private file in its place
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    permissions = os.fstat(handle).st_mode & 0o777
    os.close(handle)
    try:
        yield new
        # open for writing, since Windows flushes no other
        with new.open("r+b") as file:
            os.fsync(file.fileno())
        if os.name == "posix":
            new.chmod(permissions)
        os.replace(new, path)
    finally:
        new.unlink(missing_ok=True)


@cache
def _here() -> str:
    """Eight digits that two processes share only if one can tell from its number whether the other lives."""
    known = [socket.gethostname()]
    for file in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        with suppress(OSError):
            known.append(os.readlink(file) if os.path.islink(file) else Path(file).read_text())
    return hashlib.sha256(" ".join(known).encode(errors="surrogateescape")).hexdigest()[:8]


#: The names of parts: whose they are (parts of older versions do not say), and eight random digits.
_PART = re.compile(r"\..+\.(?:([0-9a-f]{8})-(\d+)-)?[0-9a-f]{8}\.part", re.DOTALL)


def _remove_stale_parts(folder: Path) -> None:
    """Remove the parts in a folder whose writers are gone: dead here, or silent for a day elsewhere."""
    try:
        parts = [(entry, of) for entry in os.scandir(folder) if (of := _PART.fullmatch(entry.name))]
    except OSError:
        return
    for entry, of in parts:
        with suppress(OSError):
            if of[1] == _here() and os.name == "posix":
                stale = not _alive(int(of[2]))
            else:
                stale = time.time() - entry.stat(follow_symlinks=False).st_mtime > _STALE
            if stale:
                os.unlink(entry.path)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it is another user's
        return True
    return True


def size_of_file(path: Path) -> int:
    """The size in bytes of a file that is going to be read whole.

    Raises:
        OSError: it is not there, empty, a folder, or a pipe or a device, which may have no end.
    """
    found = path.stat()
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is a pipe or a device, not a file")
    if not found.st_size:
        raise OSError(errno.EINVAL, "it is empty")
    return found.st_size


def agrees(path: Path, checksums: Sequence[str]) -> bool:
    """Whether the file has one of these checksums, each `algorithm:digest` or the digest's beginning."""
    for checksum in checksums:
        with path.open("rb") as file:
            if _matches(checksum, hashlib.file_digest(file, checksum.partition(":")[0]).hexdigest()):
                return True
    return False


def _matches(checksum: str, digest: str) -> bool:
    expected = checksum.partition(":")[2].lower()
    return len(expected) >= _SHORTEST and digest.startswith(expected)


def download(urls: Sequence[str], path: Path, checksums: Sequence[str], *, progress: bool = True) -> Path:
    """Download a file to `path`, and keep it only if its checksum is right.

    Of several processes that want the same file at once, one downloads it and the others wait for it.

    Args:
        urls: where it is; the next is tried where one fails.
        path: where to; its folder is made if need be. What is there already stays.
        checksums: algorithm and digest, or at least eight digits of its beginning: `sha1:405fc5ac`. The file
            must have one of them.
        progress: show a bar on stderr.

    Raises:
        WeightsError: the network or the disk failed, or the file is not the expected one.
    """
    failed = []
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(path):
            if path.is_file():
                return path
            for url in urls:
                try:
                    _fetch(url, path, checksums, progress)
                    return path
                except _NotFetched as error:
                    failed.append(f"{url}: {error}")
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be written ({error.strerror or error}).") from None
    raise WeightsError(
        f"{'; '.join(failed)}; without a connection, fetch the file elsewhere and give its path, "
        f"or put it at {path}."
    )


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other process of this machine is in such a block for the same path."""
    try:
        import fcntl
    except ImportError:  # on Windows both fetch, and the second replaces what the first wrote by the same
        yield
        return
    lock = path.with_name(f".{path.name}.lock")
    with lock.open("w") as file:
        with suppress(OSError):  # some network file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


class _NotFetched(Exception):
    """The network failed, or brought another file."""


def _fetch(url: str, path: Path, checksums: Sequence[str], progress: bool) -> None:
    digests = {checksum: hashlib.new(checksum.partition(":")[0]) for checksum in checksums}
    with replacing(path) as new, new.open("wb") as file:
        for chunk in _chunks(url, path.name, progress):
            file.write(chunk)
            for digest in digests.values():
                digest.update(chunk)
        if not any(_matches(checksum, digest.hexdigest()) for checksum, digest in digests.items()):
            came = " and ".join(f"{digest.name} {digest.hexdigest()}" for digest in digests.values())
            wanted = " or ".join(checksum.partition(":")[2] for checksum in checksums)
            raise _NotFetched(f"the file that came has the {came}, not {wanted}, and was not kept")


def _chunks(url: str, name: str, progress: bool) -> Iterator[bytes]:
    """What is at an address, piece by piece; whatever the network does wrong becomes `_NotFetched`."""
    request = urllib.request.Request(url, headers={"User-Agent": "inception_lib"})
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
            total = response.headers.get("Content-Length")
            total = int(total) if total and total.isdigit() else None
            done = 0
            with progress_bar(progress, total=total, unit="B", unit_scale=True, desc=name) as bar:
                while chunk := response.read(_CHUNK):
                    done += len(chunk)
                    bar.update(len(chunk))
                    yield chunk
            if total is not None and done != total:
                raise ConnectionError(f"it broke off after {done:,} of {total:,} bytes")
    except (OSError, HTTPException) as error:  # URLError, ConnectionError and TimeoutError are OSErrors
        reason = " ".join(str(getattr(error, "reason", error)).split()) or type(error).__name__
        raise _NotFetched(f"the download failed ({reason})") from None
