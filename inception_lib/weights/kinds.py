"""What kind of file somebody has in place of weights that can be read here, in words."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from inception_lib.weights.caffe import BYTES, VARINT, Damaged, fields

#: What files that are no weights begin with, and what they are.
STARTS = (
    (b"version https://git-lfs", "a pointer of Git LFS in place of the file (`git lfs pull` fetches it)"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, as Keras writes them"),
    (b"\x93NUMPY", "an array of NumPy (.npy)"),
    (b"\x1f\x8b", "compressed (gzip), to be unpacked first"),
    (b"BZh", "compressed (bzip2), to be unpacked first"),
    (b"\xfd7zXZ\0", "compressed (xz), to be unpacked first"),
    (b"\x28\xb5\x2f\xfd", "compressed (Zstandard), to be unpacked first"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive, to be unpacked first"),
    (b"Rar!", "a RAR archive, to be unpacked first"),
    (b"GGUF", "a GGUF file"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"%PDF", "a PDF"),
)
#: What `inception train` writes its weights to: at its end, and after its best epoch (`--keep-best`).
RESULT, BEST = "model.safetensors", "best.safetensors"
RECIPE = "recipe.json"  #: All settings of a run, in its folder.
#: What a checkpoint of a run holds, among other things.
_OF_A_RUN = {"format", "updates", "identity", "network", "optimizer"}
_LOOK = 4096  # bytes, at the beginning of a file


def other_kind(path: Path) -> str | None:
    """What a file is, as `an ONNX model`; None where it may be weights that are read here.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        start = file.read(_LOOK)
    for magic, kind in STARTS:
        if start.startswith(magic):
            return kind
    if start[257:262] == b"ustar":
        return "a tar archive, to be unpacked first"
    if start[4:8] == b"TFL3":
        return "a TensorFlow Lite model"
    if start.startswith(b"PK\x03\x04"):
        return _kind_of_zip(path)
    # a pickle, and the header of a .safetensors file
    if start[:1] == b"\x80" or start[6:9] == b"\0\0{":
        return None
    return _kind_of_text(start) or _kind_of_message(path)


def is_checkpoint(found: object) -> bool:
    """Whether what `torch.save` wrote is a checkpoint of `inception train`."""
    return isinstance(found, Mapping) and found.keys() >= _OF_A_RUN


def weights_of_run(folder: Path) -> str:
    """Where the weights of a run are, as the rest of a sentence; nothing where this is no run's folder."""
    there = [str(folder / name) for name in (RESULT, BEST) if (folder / name).is_file()]
    if there:
        return f"its weights are in {' and '.join(there)}"
    if (folder / RECIPE).is_file():
        return f"its weights will be in {folder / RESULT} once --resume has brought it to its end"
    return ""


def _kind_of_zip(path: Path) -> str | None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except Exception:  # zipfile has many; whoever reads the file then says that it is damaged
        return None
    inner = {name.partition("/")[2] or name for name in names}
    if "constants.pkl" in inner:
        return "a TorchScript archive (torch.jit.load(path).state_dict(), saved by torch.save, can be read)"
    if "data.pkl" in inner:
        return None
    if {"archive_format", "models/model.json"} & inner:
        return "a program of torch.export"
    if {"model.weights.h5", "metadata.json"} <= {*names}:
        return "a Keras model"
    if names and all(name.endswith(".npy") for name in names):
        return "an archive of NumPy (.npz)"
    return "a zip archive, to be unpacked first" if names else "an empty zip archive"


def _kind_of_text(start: bytes) -> str | None:
    try:
        text = start[: len(start) - 4 * (len(start) == _LOOK)].decode("utf-8")  # it may end within a letter
    except UnicodeDecodeError:
        return None
    if not all(c.isprintable() or c.isspace() for c in text):
        return None
    begin = text.lstrip().lower()
    if begin.startswith(("<!doctype html", "<html", "<head", "<?xml")):
        return "a web page in place of the file"
    if "layer {" in begin or "layers {" in begin:
        return "a prototxt, which describes a network without its weights"
    return "text"


def _kind_of_message(path: Path) -> str | None:
    """Of protobuf messages, as which `.caffemodel` files are written too."""
    found: dict[tuple[int, int], Any] = {}
    try:
        for number, wire, value in fields(np.memmap(path, np.uint8, mode="r").data):
            found.setdefault((number, wire), value)
    except Damaged:
        return None
    if {(1, VARINT), (7, BYTES)} <= found.keys():
        return "an ONNX model"
    if {(1, VARINT), (2, BYTES)} == found.keys():
        return "a SavedModel of TensorFlow"
    if (1, BYTES) in found and (100, BYTES) not in found and (2, BYTES) not in found:
        try:
            node = {(number, wire) for number, wire, _ in fields(found[1, BYTES])}
        except Damaged:
            return None
        # a node has a name and an operation; Caffe's field 1 is the network's name
        if {(1, BYTES), (2, BYTES)} <= node:
            return "a graph of TensorFlow (.pb)"
    return None
