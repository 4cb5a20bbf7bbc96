"""Record what trained weights see in scikit-image's photograph of a cat, for the chapter "What it sees".

python tools/record_seeing.py --weights bvlc

Recorded are the maps of the channels whose optimized images benchmarks/what_it_sees.py records (each a small
gray picture in NAME_maps.png, white at its own maximum), the class map of the most probable class beside
Grad-CAM of several layers, and DeepDream of some layers (NAME_dream_LAYER.webp).
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import torch
import tyro
from PIL import Image
from torch import Tensor

from inception_lib.book import results
from inception_lib.book.photographs import photographs
from inception_lib.book.seeing import Tile, tiles_of
from inception_lib.console import run
from inception_lib.files import replacing
from inception_lib.nn.network import Network, activations
from inception_lib.visualization import class_map, dream, grad_cam
from inception_lib.weights.info import Loaded
from inception_lib.weights.loading import load_weights

PHOTOGRAPH = "chelsea"
LAYERS = ("inception_3b", "inception_4b", "inception_4e", "inception_5b")  #: of Grad-CAM
DREAMS = ("inception_3b", "inception_4c", "inception_5a")


def channel_maps(network: Network, x: Tensor, tiles: list[Tile]) -> tuple[Image.Image, list[dict[str, Any]]]:
    """The map of each tile's channel after its ReLU, side by side, a row for each module.

    Args:
        tiles: the channels, those of a module one after the other.

    Returns:
        A gray picture, and for each tile the box of its map in there and `most`, the value that is white.
    """
    with torch.inference_mode():
        seen = activations(network, x, dict.fromkeys(tile.path for tile in tiles))
    maps = [seen[tile.path].output[0, tile.channel].numpy() for tile in tiles]
    rows: dict[str, list[int]] = {}
    for number, tile in enumerate(tiles):
        rows.setdefault(tile.module, []).append(number)
    widths = {module: sum(maps[i].shape[1] for i in own) for module, own in rows.items()}
    sheet = np.zeros((sum(maps[own[0]].shape[0] for own in rows.values()), max(widths.values())), np.uint8)
    boxes: list[dict[str, Any]] = []
    top = 0
    for own in rows.values():
        left = 0
        height = maps[own[0]].shape[0]
        for i in own:
            width, most = maps[i].shape[1], float(maps[i].max())
            sheet[top : top + height, left : left + width] = np.round(255 * maps[i] / (most or 1))
            what = {"path": tiles[i].path, "channel": tiles[i].channel}
            boxes.append(what | {"box": [left, top, width, height], "most": round(most, 3)})
            left += width
        top += height
    return Image.fromarray(sheet), boxes


def places(loaded: Loaded, x: Tensor) -> dict[str, Any]:
    """The most probable class, its class map, and its Grad-CAM of each layer."""
    network, info = loaded
    with torch.inference_mode():
        target = int(network(x).logits[0].argmax())
        bias = float(network.classifier.linear.bias[target])

    def rows(values: Tensor) -> list[list[float]]:
        return [[float(f"{v:.4g}") for v in row] for row in values[0].tolist()]

    return {
        "class": info.classes[target] if info.classes else f"class {target}",
        "output": target,
        "bias": bias,
        "class_map": rows(class_map(network, x, target)),
        "grad_cam": {path: rows(grad_cam(network, x, target, path)) for path in LAYERS},
    }


def main(
    weights: str = "bvlc",
    channels: int = 4,
    record: str = f"seeing_{PHOTOGRAPH}",
    steps: int = 16,
) -> int:
    """Record maps, class maps and dreams of one photograph.

    Args:
        weights: A published name, or a file.
        channels: Of each branch, drawn as benchmarks/what_it_sees.py draws them.
        record: Name of the record and of the pictures beside it, in data/results.
        steps: Of a dream, at each of its sizes.
    """
    results.check_name(record)
    loaded = load_weights(weights, heads=False)
    picture = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    x = loaded.info.preprocess(picture)[None]
    sheet, boxes = channel_maps(loaded.network, x, tiles_of(loaded.network.architecture, channels))
    pictures = {f"{record}_maps.png": sheet}
    for path in DREAMS:
        pictures[f"{record}_dream_{path}.webp"] = dream(loaded.network, picture, path, steps=steps)
    folder = results.folder()
    for name, made in pictures.items():
        with replacing(folder / name) as new, new.open("wb") as file:
            made.save(file, "PNG" if name.endswith("png") else "WEBP", optimize=True, quality=80)
    outcome = {"maps": boxes, "places": places(loaded, x), "pictures": list(pictures), "dreams": list(DREAMS)}
    path = results.record(
        record,
        outcome,
        about="Maps of single channels, class maps, Grad-CAM and DeepDream of one photograph",
        data=f"{PHOTOGRAPH}, a photograph of scikit-image; weights: {loaded.info.source}",
        seed=0,
    )
    print(f"recorded in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "record_seeing"))
