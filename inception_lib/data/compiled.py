"""Reading and augmenting images several times as fast, with the same pixels, where there is a C compiler.

`augmentation.c` is compiled once (a second), kept in the folder of downloads, and used only if it gives
Pillow's pixels on this machine. With libjpeg-turbo (its header and library, as `libjpeg-dev` or conda's
`libjpeg-turbo` install them) it also decodes of a JPEG only the part that is wanted. Where there is no
compiler, no libjpeg-turbo, or a file is out of the ordinary, Pillow does the work.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
import math
import os
import platform
import random
import shutil
import subprocess
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image

from inception_lib.data.augmentation import INTERPOLATIONS, Draw, apply, columns_first, distortions
from inception_lib.errors import InceptionError
from inception_lib.files import cache_folder, replacing

_SOURCE = Path(__file__).with_name("augmentation.c")
#: No fused multiply and add: it would round once where Pillow rounds twice.
_FLAGS = ("-O3", "-fno-trapping-math", "-ffp-contract=off", "-fPIC", "-shared")
#: What is tried in turn: not all compilers know how to ask for this processor's own instructions.
_MORE = (("-DJPEG", "-march=native"), ("-DJPEG",), ("-march=native",), ())
#: How far beyond the part that is resized pixels count, in pixels of the smaller image, at most.
_REACH = 2

#: Left, top, right and bottom of a part of an image, in whole pixels.
_Part = tuple[int, int, int, int]


def augmented(picture: Image.Image, how: Draw, size: int) -> np.ndarray:
    """What `augmentation.apply` makes of an RGB picture, bit for bit: (size, size, 3) in uint8."""
    library = compiled()
    resized = how.box != (0, 0, *picture.size) or how.to != picture.size
    easy = not resized and not how.changes  # Pillow copies, and mirrors at most
    if library is None or easy or picture.mode != "RGB" or not _fits(how, size):
        return np.asarray(apply(picture, how, size))
    return _augmented(library, picture, how, size)


def augmented_file(path: str, drawn: Callable[[tuple[int, int]], Draw], size: int) -> np.ndarray | None:
    """The same from a JPEG file, of which only the part that counts is decoded.

    Args:
        path: of the file.
        drawn: gives what becomes of the picture, for its width and height.
        size: of the result.

    Returns:
        (size, size, 3) in uint8, the pixels that `read_picture` and `apply` give; or None where these must do
        it: the file is none of the usual JPEGs (three channels of 8 bits, upright), or damaged, or nothing
        here can decode it.
    """
    library = compiled()
    if library is None or not hasattr(library, "decoded") or not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as file:
            data = file.read()
        full = _plain_size(data)
    except Exception:  # `read_picture` finds the words for it
        return None
    if full is None or not _fits(how := drawn(full), size):
        return None
    part = _part(full, how, size)
    pixels = _decoded(library, data, full, part)
    return None if pixels is None else _augmented_part(library, pixels, part, full, how, size)


@cache
def compiled() -> Any | None:
    """The compiled library; None where there is none, or where it does not give Pillow's pixels.

    It has a function `decoded` only where there is libjpeg-turbo.
    """
    path = _library()
    try:
        library = None if path is None else ctypes.CDLL(str(path))
        return library if library is not None and _agrees(library) else None
    except (OSError, AttributeError):  # of another machine, or damaged
        return None


def _library() -> Path | None:
    """The compiled source, which is made if it is not there yet."""
    named = (os.environ.get("CC"), "cc", "gcc", "clang")
    compiler = next((found for name in named if name and (found := shutil.which(name))), None)
    if compiler is None:
        return None
    try:
        known = [_SOURCE.read_bytes(), repr((_FLAGS, _MORE, compiler)).encode(), _processor()]
        digest = hashlib.sha256(b"\0".join(known)).hexdigest()
        path = cache_folder() / "compiled" / f"augmentation-{digest[:16]}.so"
        if not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with replacing(path) as made:
                _compile(compiler, made)
        mine = not hasattr(os, "getuid") or path.stat().st_uid == os.getuid()
    except (OSError, subprocess.SubprocessError, InceptionError):
        return None
    return path if mine else None


def _processor() -> bytes:
    """What this processor can do: code for another one may not run."""
    try:
        lines = Path("/proc/cpuinfo").read_bytes().splitlines()
    except OSError:
        lines = []
    flags = next((line for line in lines if line.lower().startswith((b"flags", b"features"))), b"")
    return f"{platform.system()} {platform.machine()} {platform.processor()} ".encode() + flags


def _compile(compiler: str, path: Path) -> None:
    for more in _MORE:
        libraries = ["-ljpeg", "-lm"] if "-DJPEG" in more else ["-lm"]
        command = [compiler, *_FLAGS, *more, "-o", str(path), str(_SOURCE), *libraries]
        if subprocess.run(command, capture_output=True, timeout=60, check=not more).returncode == 0:
            return


def _agrees(library: Any) -> bool:
    """Whether it gives Pillow's pixels: parts of small images of noise, by each filter, with all changes."""
    rng = random.Random(0)
    for filter in INTERPOLATIONS:
        for width, height in ((60, 50), (31, 80), (17, 19)):
            noise = Image.frombytes("RGB", (width, height), rng.randbytes(3 * width * height))
            box = (rng.randint(0, 9), rng.randint(0, 9), width - rng.randint(0, 5), height)
            how = Draw(box, (30, 24), filter, (3, 1), distortions(rng), rng.random() < 0.5)
            if not np.array_equal(_augmented(library, noise, how, 20), np.asarray(apply(noise, how, 20))):
                return False
    return not hasattr(library, "decoded") or _decodes(library, rng)


def _decodes(library: Any, rng: random.Random) -> bool:
    small = Image.frombytes("RGB", (12, 12), rng.randbytes(3 * 12 * 12))
    smooth = small.resize((97, 97), Image.Resampling.BICUBIC)
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        file = io.BytesIO()
        smooth.save(file, "JPEG", subsampling=subsampling, quality=90)
        with Image.open(file) as image:
            whole = np.asarray(image)
        for left in range(0, 96, 16):  # where blocks begin and end, whose edges are the difficult part
            found = _decoded(library, file.getvalue(), smooth.size, (left, left // 2, left + 16, 97))
            if found is None or not np.array_equal(found, whole[left // 2 :, left : left + 16]):
                return False
    return True


def _plain_size(data: bytes) -> tuple[int, int] | None:
    """Width and height of an upright JPEG in three channels, which ends as it should; None for all else."""
    if not (data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(io.BytesIO(data)) as image:
            plain = image.format == "JPEG" and image.mode == "RGB"
            return image.size if plain and image.getexif().get(ExifTags.Base.Orientation, 1) == 1 else None


def _decoded(library: Any, data: bytes, full: tuple[int, int], part: _Part) -> np.ndarray | None:
    left, top, right, bottom = part
    out = np.empty((bottom - top, right - left, 3), np.uint8)
    wanted = _ints(left, top, right - left, bottom - top)
    length, to = ctypes.c_size_t(len(data)), ctypes.c_void_p(out.ctypes.data)
    done = library.decoded(data, length, _ints(*full), wanted, to)
    return out if done else None


def _fits(how: Draw, size: int) -> bool:
    """Whether it is one of our filters, and what is cut out lies inside."""
    inside = min(how.corner) >= 0 and how.corner[0] + size <= how.to[0] and how.corner[1] + size <= how.to[1]
    return inside and how.filter in INTERPOLATIONS


def _part(full: tuple[int, int], how: Draw, size: int) -> _Part:
    """The pixels that count for what is cut out, and some more."""
    found = []
    for axis in (0, 1):
        scale = (how.box[2 + axis] - how.box[axis]) / how.to[axis]
        begin, far = how.box[axis] + how.corner[axis] * scale, _REACH * max(1, scale) + 2
        found.append((max(0, int(begin - far)), min(full[axis], math.ceil(begin + size * scale + far))))
    (left, right), (top, bottom) = found
    return left, top, right, bottom


def _augmented(library: Any, picture: Image.Image, how: Draw, size: int) -> np.ndarray:
    part = _part(picture.size, how, size)
    return _augmented_part(library, np.asarray(picture.crop(part)), part, picture.size, how, size)


def _augmented_part(
    library: Any, pixels: np.ndarray, part: _Part, full: tuple[int, int], how: Draw, size: int
) -> np.ndarray:
    out = np.empty((size, size, 3), np.uint8)
    numbers, factors = [n for n, _ in how.changes], [factor for _, factor in how.changes]
    done = library.augmented(
        ctypes.c_void_p(pixels.ctypes.data),
        _ints(pixels.shape[1], pixels.shape[0]),
        _ints(*part[:2]),
        _ints(*full),
        (ctypes.c_double * 4)(*how.box),
        _ints(*how.to),
        int(how.filter),
        _ints(*how.corner),
        len(numbers),
        _ints(*numbers),
        (ctypes.c_float * len(factors))(*factors),
        int(how.mirrored),
        size,
        int(columns_first(*full, *how.to)),
        ctypes.c_void_p(out.ctypes.data),
    )
    if not done:
        raise MemoryError(f"There is no memory for an image of {full[0]} x {full[1]} pixels.")
    return out


def _ints(*values: int) -> Any:
    return (ctypes.c_int * len(values))(*values)
