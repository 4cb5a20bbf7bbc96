"""The one script that all pages of the book share: the engine, and the network that it runs."""

from __future__ import annotations

import base64
from pathlib import Path

from inception_lib.book.live import parts

NAME = "live.js"  #: beneath `_static`; a page fetches it when its reader first needs it


def script() -> str:
    """A classic script, which works from `file://` too. It sets `InceptionLive`, which client.js takes."""
    about, data = parts.bundled_network()
    networks = {parts.BUNDLED: about | {"data": base64.b64encode(data).decode()}}
    value = {
        "source": parts.source(),
        "wasm": base64.b64encode(parts.module()).decode(),
        "known": parts.known(),
        "networks": networks,
    }
    return f"globalThis.InceptionLive = {parts.text(value)};\n"


def write_script(folder: Path) -> Path:
    """Write the script into a folder, which is made where there is none; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / NAME
    path.write_text(script(), encoding="utf-8")
    return path
