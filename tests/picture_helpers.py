"""Pictures for tests, among them those that Pillow cannot write."""

import struct
import zlib

import numpy as np
from PIL import Image


def pixels(picture):
    assert picture.mode == "RGB"
    return np.asarray(picture)


def saved(image, path, **options):
    image.save(path, **options)
    return path


def png(path, rows, width, bits, color, clear=b""):
    """A PNG that Pillow cannot write, put together by hand: `rows` are its rows in bytes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), bits, color, 0, 0, 0))
        + (chunk(b"tRNS", clear) if clear else b"")
        + chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
        + chunk(b"IEND", b"")
    )
    return path


def tiff(path, values, *, photometric=1, sign=1, bits=None):
    """A TIFF that Pillow cannot write, put together by hand: gray, one strip, not compressed."""
    height, width = values.shape
    data = values.tobytes()
    if bits == 12:
        pairs = values.astype(int).reshape(-1, 2)
        data = b"".join((a << 12 | b).to_bytes(3, "big") for a, b in pairs.tolist())
    bits = bits or values.dtype.itemsize * 8
    entries = [(256, width), (257, height), (258, bits), (259, 1), (262, photometric), (273, 8), (277, 1)]
    entries += [(278, height), (279, len(data)), (339, sign)]
    table = b"".join(struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in entries)
    data += b"\0" * (len(data) % 2)
    start = struct.pack("<2sHI", b"II", 42, 8 + len(data))
    path.write_bytes(start + data + struct.pack("<H", len(entries)) + table + bytes(4))
    return path


def noise(path, **options):
    random = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return saved(Image.fromarray(random), path, **options)


def gray_ramp():
    """A gray ramp, 16 x 8, that is neither symmetric nor square."""
    return np.arange(128, dtype=np.uint8).reshape(8, 16) * 2
