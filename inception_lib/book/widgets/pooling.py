"""A fully connected layer on a flattened feature map, beside global average pooling."""

from __future__ import annotations

from typing import ClassVar

from inception_lib.book import factors
from inception_lib.book.widgets.base import Widget, number
from inception_lib.counting import count
from inception_lib.networks.googlenet import googlenet


class PoolingWidget(Widget):
    """A fully connected layer on a grid, beside global average pooling and a fully connected layer.

    Settings: `grid` (pixels a side), `channels`, `outputs`.
    """

    script = "pooling.js"
    styles = (*Widget.styles, "pooling.css")
    key = "pooling"
    title = "Fully connected, beside global average pooling"
    presets: ClassVar[dict[str, tuple[int, int, int]]] = {
        "GoogLeNet, 1,000 classes": (7, 1024, 1000),
        "GoogLeNet, 1,024 outputs": (7, 1024, 1024),
        "AlexNet, first fully connected": (6, 256, 4096),
        "VGG, first fully connected": (7, 512, 4096),
    }

    grid = number(7, 1, 64, "Feature map size")
    channels = number(1024, 1, 4096, "Channels")
    outputs = number(1000, 1, 8192, "Outputs")

    def __init__(self, **settings: int) -> None:
        names = ("grid", "channels", "outputs")
        presets = {name: dict(zip(names, values, strict=True)) for name, values in self.presets.items()}
        reference = {"googlenet": int(count(googlenet(heads=False)).weights)}
        super().__init__(pooling_table() | reference | {"presets": presets}, **settings)

    def result(self) -> dict[str, int]:
        """Weights and MACs of both."""
        connected = factors.fully_connected(**self.settings)
        pooled = factors.pooled(**self.settings)
        return {
            "connected_weights": connected.weights,
            "connected_macs": connected.macs,
            "pooled_weights": pooled.weights,
            "pooled_macs": pooled.macs,
        }


def pooling_table() -> dict:
    """Rows of the fully connected layer (`connected`) and of that behind pooling (`pooled`)."""
    names = ("grid", "channels", "outputs")
    return {
        "connected": factors.named(names, factors.fully_connected),
        "pooled": factors.named(names, factors.pooled),
    }
