"""The one script that all pages of the book share: the engine, and the network that it runs.

Beside it there may be a second one, with a large network, which a page fetches on its reader's wish.
"""

from __future__ import annotations

import base64
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from inception_lib.book.live import parts
from inception_lib.book.live.parts import Live

if TYPE_CHECKING:
    from inception_lib.weights.info import Loaded

NAME = "live.js"  #: beneath `_static`; a page fetches it when its reader first needs it
LARGE = "large"  #: what the large network is called among those that a page has
LARGE_NAME = f"live-{LARGE}.js"
_BITS, _FIRST = (
    15,
    0x3400,
)  # of a letter of `letters`; 32,768 letters from here are no surrogates and no quotes


def script(offered: dict[str, Any] | None = None) -> str:
    """A classic script, which works from `file://` too. It sets `InceptionLive`, which client.js takes.

    Args:
        offered: what is to be said of the large network before it is fetched, if there is one.
    """
    about, data = parts.bundled_network()
    value = {
        "source": parts.source(),
        "wasm": base64.b64encode(parts.module()).decode(),
        "known": parts.known(),
        "networks": {parts.BUNDLED: about | {"data": base64.b64encode(data).decode()}},
        "offered": offered,
    }
    return f"globalThis.InceptionLive = {parts.text(value)};\n"


def large_script(live: Live) -> bytes:
    """A classic script with a network, in UTF-16: compressed, and 15 bits to a letter.

    So BVLC's 14.0 MB of float16 make 13.8 MB of script, and in base64 they would be 18.7.
    """
    about, data = live
    compressed = zlib.compress(data, 9)
    text = parts.text(about | {"letters": "*", "length": len(compressed)})
    begin, end = f"InceptionLive.networks.{LARGE} = {text};\n".split('"*"')
    return "".join(("\ufeff", begin, '"', letters(compressed), '"', end)).encode("utf-16-le")


def letters(data: bytes) -> str:
    """Bytes as text of 15 bits a letter, highest bits first; client.js turns it back."""
    found = []
    step = _BITS << 16  # bytes at a time: a whole number of letters
    for at in range(0, len(data), step):
        bits = np.unpackbits(np.frombuffer(data[at : at + step], np.uint8))
        rows = np.pad(bits, (0, -len(bits) % _BITS)).reshape(-1, _BITS)
        codes = rows @ (1 << np.arange(_BITS - 1, -1, -1)) + _FIRST
        found.append(codes.astype("<u2").tobytes().decode("utf-16-le"))
    return "".join(found)


def write_scripts(folder: Path, large: Loaded | None = None) -> None:
    """Write the script into a folder, which is made where there is none; and that of a large network.

    Args:
        folder: the pages' `_static`.
        large: a network with its weights, which go into the script in float16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    offered = None
    if large is not None:
        content = large_script(parts.network(large, "float16"))
        (folder / LARGE_NAME).write_bytes(content)
        offered = {"name": large.info.name, "source": large.info.source, "bytes": len(content)}
    else:
        (folder / LARGE_NAME).unlink(missing_ok=True)  # of an earlier build
    (folder / NAME).write_text(script(offered), encoding="utf-8")
