"""`augmentation.apply` several times as fast, with the same numbers: compiled where there is a C compiler.

`augmentation.c` is compiled once (a second), kept in the folder of downloads, and used only if it gives
Pillow's pixels on this machine. Where there is no compiler, Pillow does the work.
"""

from __future__ import annotations

import ctypes
import hashlib
import math
import os
import platform
import random
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from PIL import Image

from inception_lib.data.augmentation import CHANGES, INTERPOLATIONS, Draw, apply, distortions
from inception_lib.errors import InceptionError
from inception_lib.files import cache_folder, replacing

_SOURCE = Path(__file__).with_name("augmentation.c")
#: No fused multiply and add: it would round once where Pillow rounds twice. The processor's own instructions
#: first; not all compilers know how to ask for them.
_FLAGS = ("-O3", "-ffp-contract=off", "-fPIC", "-shared")
_OWN = (("-march=native",), ())
#: How far beyond the part that is resized pixels count, in pixels of the smaller image, at most.
_REACH = 2


def augmented(picture: Image.Image, how: Draw, size: int) -> np.ndarray:
    """What `augmentation.apply` makes of an RGB picture, bit for bit: (size, size, 3) in uint8."""
    function = compiled()
    return np.asarray(apply(picture, how, size)) if function is None else _call(function, picture, how, size)


@cache
def compiled() -> Any | None:
    """The compiled function; None where there is none, or where it does not give Pillow's pixels."""
    path = _library()
    try:
        function = None if path is None else ctypes.CDLL(str(path)).augmented
    except (OSError, AttributeError):  # of another machine, or damaged
        return None
    return function if function is not None and _agrees(function) else None


def _library() -> Path | None:
    """The compiled source, which is made if it is not there yet."""
    named = (os.environ.get("CC"), "cc", "gcc", "clang")
    compiler = next((found for name in named if name and (found := shutil.which(name))), None)
    if compiler is None:
        return None
    try:
        source = _SOURCE.read_bytes()
        digest = hashlib.sha256(
            b"\0".join([source, " ".join(_FLAGS).encode(), _processor(), compiler.encode()])
        )
        path = cache_folder() / "compiled" / f"augmentation-{digest.hexdigest()[:16]}.so"
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
    for own in _OWN:
        command = [compiler, *_FLAGS, *own, "-o", str(path), str(_SOURCE), "-lm"]
        done = subprocess.run(command, capture_output=True, timeout=60, check=not own)
        if done.returncode == 0:
            return


def _agrees(function: Any) -> bool:
    """Whether it gives Pillow's pixels: parts of small images of noise, by each filter, with all changes."""
    rng = random.Random(0)
    for filter in INTERPOLATIONS:
        for width, height in ((60, 50), (31, 80), (17, 19)):
            noise = Image.frombytes("RGB", (width, height), rng.randbytes(3 * width * height))
            box = (rng.randint(0, 9), rng.randint(0, 9), width - rng.randint(0, 5), height)
            how = Draw(box, (30, 24), filter, (3, 1), distortions(rng), rng.random() < 0.5)
            if not np.array_equal(_call(function, noise, how, 20), np.asarray(apply(noise, how, 20))):
                return False
    return True


def _call(function: Any, picture: Image.Image, how: Draw, size: int) -> np.ndarray:
    (width, height), (left, top, right, bottom), (to_x, to_y) = picture.size, how.box, how.to
    inside = max(how.corner) >= 0 and how.corner[0] + size <= to_x and how.corner[1] + size <= to_y
    if how.filter not in INTERPOLATIONS or picture.mode != "RGB" or not inside:
        return np.asarray(apply(picture, how, size))
    far_x, far_y = (_REACH * max(1, n) + 2 for n in ((right - left) / to_x, (bottom - top) / to_y))
    first = max(0, int(left - far_x)), max(0, int(top - far_y))
    last = min(width, math.ceil(right + far_x)), min(height, math.ceil(bottom + far_y))
    pixels = np.asarray(picture.crop((*first, *last)))
    out = np.empty((size, size, 3), np.uint8)
    numbers, factors = [n for n, _ in how.changes], [factor for _, factor in how.changes]
    done = function(
        ctypes.c_void_p(pixels.ctypes.data),
        _ints(pixels.shape[1], pixels.shape[0]),
        _ints(*first),
        _ints(width, height),
        (ctypes.c_double * 4)(*how.box),
        _ints(to_x, to_y),
        int(how.filter),
        _ints(*how.corner),
        len(numbers),
        _ints(*numbers),
        (ctypes.c_float * len(CHANGES))(*factors),
        int(how.mirrored),
        size,
        int(_columns_first(width, height, to_x, to_y)),
        ctypes.c_void_p(out.ctypes.data),
    )
    if not done:
        raise MemoryError(f"There is no memory for an image of {width} x {height} pixels.")
    return out


def _ints(*values: int) -> Any:
    return (ctypes.c_int * len(values))(*values)


def _columns_first(width: int, height: int, to_x: int, to_y: int) -> bool:
    """Whether Pillow makes an image smaller along its columns before its rows, as it does from 13 on."""
    return _NEW and to_y < height and height - to_y > 2 * (width - to_x)


_NEW = int(PIL.__version__.split(".")[0]) >= 13
