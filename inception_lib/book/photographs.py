"""Everyday photographs in color that are part of scikit-image itself: no download, and no torch."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "motorcycle_left", "rocket")


def photographs(names: Sequence[str] = PHOTOGRAPHS) -> dict[str, Image.Image]:
    """Photographs out of scikit-image, by name, as RGB pictures."""
    from skimage import data

    found = {}
    for name in names:
        pixels = data.stereo_motorcycle()[0] if name == "motorcycle_left" else getattr(data, name)()
        found[name] = Image.fromarray(pixels).convert("RGB")
    return found
