"""A writer of `.caffemodel` files in every form that the reader must take; for the tests only.

`python tests/caffemodel.py` writes the files in `tests/data` anew: a narrow GoogLeNet in both forms, and what
it answers to a picture.
"""

import json
import struct
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F


def varint(n: int) -> bytes:
    out = b""
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def block(field: int, value: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(value)) + value


def blob(array: np.ndarray, form: Literal["new", "old"], packed: bool, double: bool) -> bytes:
    kind, field, wire = ("<f8", 8, 1) if double else ("<f4", 5, 5)
    data = array.astype(kind).tobytes()
    if packed:
        half = len(data) // 16 * 8  # protobuf allows one packed field in several pieces
        values = block(field, data[:half]) + block(field, data[half:])
    else:
        size = np.dtype(kind).itemsize
        values = b"".join(varint(field << 3 | wire) + data[i : i + size] for i in range(0, len(data), size))
    if form == "new":
        return block(7, block(1, b"".join(map(varint, array.shape)))) + values
    padded = (1,) * (4 - array.ndim) + array.shape
    return b"".join(number(i, n) for i, n in enumerate(padded, start=1)) + values


def caffemodel(
    layers: dict[str, list[np.ndarray]],
    form: Literal["new", "old"] = "new",
    *,
    packed: bool = True,
    double: bool = False,
) -> bytes:
    """A NetParameter with the layers, each with its name, its type, an input's name and its arrays."""
    out = block(1, b"GoogleNet")
    for name, arrays in {"data": [], **layers}.items():
        blobs = [blob(array, form, packed, double) for array in arrays]
        if form == "new":  # name 1, type 2, bottom 3, loss_weight 5 (a lone float), blobs 7, phase 10
            body = block(1, name.encode()) + block(2, b"Convolution") + block(3, b"data")
            body += varint(5 << 3 | 5) + struct.pack("<f", 0.3)
            body += b"".join(block(7, b) for b in blobs) + number(10, 1)
            out += block(100, body)
        else:  # bottom 2, name 4, type 5 (an enum), blobs 6, blobs_lr 7 (floats)
            body = block(2, b"data") + block(4, name.encode()) + number(5, 4)
            body += b"".join(block(6, b) for b in blobs) + (varint(7 << 3 | 5) + struct.pack("<f", 2)) * 2
            out += block(2, body)
    return out


# A GoogLeNet of a hundredth of the width, with weights from a seed and what it answers, written after BVLC's
# train_val.prototxt in plain torch functions. Nothing of inception_lib is used here.

SEED, CLASSES = 4, 5
FILES = Path(__file__).parent / "data"

#: Outputs of conv 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj.
MODULES = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def narrow_layers() -> dict[str, list[np.ndarray]]:
    """The weights and biases of every layer under Caffe's names, both heads included."""
    random, layers = np.random.RandomState(SEED), {}

    def layer(name: str, out: int, *fan: int) -> int:
        # mostly positive, so that no ReLU cuts a layer off, and about as large as what arrives
        weights = random.normal(1.0, 1.2, (out, *fan)) / np.prod(fan)
        layers[name] = [weights.astype(np.float32), random.uniform(0, 0.5, out).astype(np.float32)]
        return out

    def narrow(channels: int) -> int:
        return max(1, int(channels * 0.01 + 0.5))

    at = layer("conv1/7x7_s2", narrow(64), 3, 7, 7)
    at = layer("conv2/3x3_reduce", narrow(64), at, 1, 1)
    at = layer("conv2/3x3", narrow(192), at, 3, 3)
    for key, widths in MODULES.items():
        one, reduce3, three, reduce5, five, pool = map(narrow, widths)
        layer(f"inception_{key}/1x1", one, at, 1, 1)
        layer(f"inception_{key}/3x3_reduce", reduce3, at, 1, 1)
        layer(f"inception_{key}/3x3", three, reduce3, 3, 3)
        layer(f"inception_{key}/5x5_reduce", reduce5, at, 1, 1)
        layer(f"inception_{key}/5x5", five, reduce5, 5, 5)
        layer(f"inception_{key}/pool_proj", pool, at, 1, 1)
        at = one + three + five + pool
        if key in ("4a", "4d"):
            head = f"loss{1 if key == '4a' else 2}"
            conv = layer(f"{head}/conv", narrow(128), at, 1, 1)
            layer(f"{head}/classifier", CLASSES, layer(f"{head}/fc", narrow(1024), 16 * conv))
    layer("loss3/classifier", CLASSES, at)
    return layers


def answers(layers: dict[str, list[np.ndarray]], image: np.ndarray) -> np.ndarray:
    """What classifiers 1, 2 and 3 (3, CLASSES) answer to an RGB image (224, 224, 3) in uint8."""
    arrays = {name: [torch.from_numpy(a).double() for a in pair] for name, pair in layers.items()}
    bgr = image[..., ::-1].astype(np.float64) - [104, 117, 123]
    x = torch.from_numpy(bgr.transpose(2, 0, 1).copy())[None]

    def conv(x: Tensor, name: str, stride: int = 1) -> Tensor:
        weights, biases = arrays[name]
        return F.relu(F.conv2d(x, weights, biases, stride, weights.shape[2] // 2))

    def pool(x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, 2, ceil_mode=True)

    def norm(x: Tensor) -> Tensor:
        return F.local_response_norm(x, 5, alpha=1e-4, beta=0.75, k=1.0)

    def full(x: Tensor, name: str) -> Tensor:
        return F.linear(x.flatten(1), *arrays[name])

    x = norm(pool(conv(x, "conv1/7x7_s2", 2)))
    x = pool(norm(conv(conv(x, "conv2/3x3_reduce"), "conv2/3x3")))
    found = []
    for key in MODULES:
        of = f"inception_{key}/"
        parts = [
            conv(x, of + "1x1"),
            conv(conv(x, of + "3x3_reduce"), of + "3x3"),
            conv(conv(x, of + "5x5_reduce"), of + "5x5"),
            conv(F.max_pool2d(x, 3, 1, 1), of + "pool_proj"),
        ]
        x = torch.cat(parts, 1)
        if key in ("4a", "4d"):
            head = f"loss{len(found) + 1}"
            y = conv(F.avg_pool2d(x, 5, 3), f"{head}/conv")
            found.append(full(F.relu(full(y, f"{head}/fc")), f"{head}/classifier"))
        if key in ("3b", "4e"):
            x = pool(x)
    found.append(full(F.avg_pool2d(x, 7), "loss3/classifier"))
    return torch.cat(found).numpy()


def photograph() -> Image.Image:
    """A picture of 300 x 280 pixels whose channels differ, made of numbers only."""
    y, x = np.mgrid[:280, :300]
    red = 60 + (3 * x + y * y // 50) % 190
    green = (x * y // 64) % 200
    blue = 20 + ((x // 20 + y // 20) % 2) * 120
    return Image.fromarray(np.stack([red, green, blue], -1).astype(np.uint8))


def seen(picture: Image.Image) -> np.ndarray:
    """What the network sees of it: the shorter side resized to 256, the middle 224 x 224 pixels."""
    scale = 256 / min(picture.size)
    picture = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.BILINEAR)
    left, top = (picture.width - 224) // 2, (picture.height - 224) // 2
    return np.asarray(picture.crop((left, top, left + 224, top + 224)))


def contents() -> dict[str, bytes]:
    """The files in `data`, and what belongs into them."""
    layers = narrow_layers()
    expected = {"answers": answers(layers, seen(photograph())).tolist(), "classes": CLASSES}
    return {
        "narrow_new.caffemodel": caffemodel(layers, "new"),
        "narrow_old.caffemodel": caffemodel(layers, "old"),
        "narrow_answers.json": (json.dumps(expected, indent=1) + "\n").encode(),
    }


if __name__ == "__main__":
    FILES.mkdir(exist_ok=True)
    for name, content in contents().items():
        (FILES / name).write_bytes(content)
