"""A writer of `.caffemodel` files in every form that the reader must take; for the tests only."""

import struct
from typing import Literal

import numpy as np


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
