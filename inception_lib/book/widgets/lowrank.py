"""An image of many channels, reconstructed from few: how much survives a reduction."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

from inception_lib.book.live.widget import Living
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.book.widgets.convolution import BEFORE, pixels

BLOCK = 4  #: pixels a side of the blocks of the photograph; their colors are the channels
CHANNELS = 3 * BLOCK**2  #: as many as the bundled network's module 3a gets
SIDE = 144  #: pixels a side of the photograph


class LowRankWidget(Living, Widget):
    """An image of 48 channels, reconstructed from its first principal components at each position.

    `case`: "photo", a photograph in blocks of 4x4 pixels, whose 16 x 3 color values are the channels of one
    position, or "maps", what arrives in module 3a of the bundled network. `kept`: how many components.
    """

    script = "lowrank.js"
    styles = (*Widget.styles, "convolution.css")
    key = "lowrank"
    title = "48 channels, reconstructed from fewer"

    case = choice(("photo", "maps"), "photo", "Input", ("a photograph", "48 maps of a GoogLeNet's 3a"))
    kept = number(4, 1, CHANNELS, "Channels kept", scale="log", ticks=(1, 4, 16, CHANNELS))

    def __init__(self, **settings: Any) -> None:
        data = base64.b64encode(pixels(SIDE)).decode()
        super().__init__(
            {"side": SIDE, "block": BLOCK, "data": data, "before": BEFORE, "channels": CHANNELS}, **settings
        )

    def result(self) -> dict[str, float]:
        """Of the photograph: the share of variance kept, and the root of the mean squared error in levels.

        Of the maps only the page knows them, which runs the network.
        """
        values = as_channels(pixels(SIDE))
        spread = np.linalg.eigvalsh(np.cov(values, bias=True))[::-1]
        lost = max(0.0, spread[self.kept :].sum())
        return {"share": 1 - lost / spread.sum(), "error": (lost / CHANNELS) ** 0.5}


def as_channels(data: bytes) -> np.ndarray:
    """A photograph as (channels, positions): of each block its rows, of them pixels, of them R, G and B."""
    blocks = np.frombuffer(data, np.uint8).reshape(SIDE // BLOCK, BLOCK, SIDE // BLOCK, BLOCK, 3)
    return blocks.transpose(1, 3, 4, 0, 2).reshape(CHANNELS, -1).astype(float)
