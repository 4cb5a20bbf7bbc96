"""A reader of Caffe's `.caffemodel` files that needs neither Caffe nor protobuf.

A `.caffemodel` is one protobuf message, `NetParameter`. Two forms are about: layers in field 100
(`LayerParameter`, since 2015) or in field 2 (`V1LayerParameter`, which BVLC's published GoogLeNet
has). Of either, only the names and the trained numbers are read.

Source: src/caffe/proto/caffe.proto in BVLC/caffe; the wire format as protobuf documents it.
"""

from __future__ import annotations

import errno
import math
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from inception_lib.errors import WeightsError, printable
from inception_lib.files import size_of_file

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types; 3 and 4, groups, Caffe never had


class _Form(NamedTuple):
    """Field numbers of one form of a layer."""

    name: int
    blobs: int


#: Field of `NetParameter` in which layers stand, and where a layer of that form keeps what is read.
_FORMS = {100: _Form(name=1, blobs=7), 2: _Form(name=4, blobs=6)}

#: Bytes of a protobuf message at most, axes of a blob at most (`kMaxBlobAxes`), and their lengths.
_LARGEST, _MOST_AXES, _LONGEST_AXIS = (1 << 31) - 1, 32, (1 << 31) - 1

#: Fields of `BlobProto`.
_DATA, _SHAPE, _DOUBLE_DATA, _OLD_SHAPE = 5, 7, 8, (1, 2, 3, 4)


class Damaged(Exception):
    """The bytes do not follow the format."""


def read_caffemodel(path: str | os.PathLike) -> dict[str, list[np.ndarray]]:
    """The trained numbers in a `.caffemodel`, of either form.

    Returns:
        For each layer that has any, its name and its arrays: weights first, then biases. They are
        float32 in the shape that the file gives: filters (out, in, rows, columns); in the older
        form all have four axes, such as (1, 1, out, in) for a fully connected layer.

    Raises:
        WeightsError: the file cannot be read, is damaged or cut short, or is no `.caffemodel`.
    """
    try:
        if size_of_file(Path(path)) > _LARGEST:
            raise OSError(errno.EFBIG, "it is larger than a .caffemodel can be")
        data = memoryview(Path(path).read_bytes())
    except (OSError, ValueError, MemoryError) as error:
        why = getattr(error, "strerror", None) or error or "out of memory"
        raise WeightsError(f"{path}: the file cannot be read ({why}).") from None
    layers: dict[str, list[np.ndarray]] = {}
    try:
        for number, wire, value in fields(data):
            if number in _FORMS and wire == BYTES:
                name, blobs = _layer(value, _FORMS[number])
                if name in layers and blobs:
                    raise Damaged(f"two layers named {_quoted(name)} have weights")
                if blobs:
                    layers[name] = blobs
    except Damaged as error:
        raise WeightsError(
            f"{path}: this is no .caffemodel, or it is damaged or cut short ({error})."
        ) from None
    if not layers:
        raise WeightsError(f"{path}: this is no .caffemodel with weights; it holds no layer that has any.")
    return layers


def _quoted(name: str) -> str:
    return f"'{printable(name, 80)}'"


def _layer(data: memoryview, form: _Form) -> tuple[str, list[np.ndarray]]:
    name, blobs = "", []
    for number, wire, value in fields(data):
        if number == form.name and wire == BYTES:
            try:
                name = str(value, "utf-8")
            except UnicodeDecodeError:
                raise Damaged("a layer's name is not text") from None
        elif number == form.blobs and wire == BYTES:
            blobs.append(value)
    return name, [_blob(blob, name) for blob in blobs]


def _blob(data: memoryview, layer: str) -> np.ndarray:
    parts: list[np.ndarray] = []
    shape: tuple[int, ...] | None = None
    old = dict.fromkeys(_OLD_SHAPE, 0)
    for number, wire, value in fields(data):
        if number in (_DATA, _DOUBLE_DATA) and wire != VARINT:
            kind = "<f4" if number == _DATA else "<f8"
            if len(value) % np.dtype(kind).itemsize:
                raise Damaged(f"{_quoted(layer)} has a fraction of a number")
            if len(value):
                parts.append(np.frombuffer(value, kind))
        elif number == _SHAPE and wire == BYTES:
            shape = tuple(islice(_dims(value), _MOST_AXES + 1))
        elif number in old and wire == VARINT:
            old[number] = value
    if shape is None:
        shape = tuple(old.values())
    if len(shape) > _MOST_AXES or max(shape, default=0) > _LONGEST_AXIS:
        raise Damaged(f"{_quoted(layer)} has more axes, or a longer one, than Caffe can hold")
    # of doubles that are too large for float32 become infinities, which are refused where they are used
    with np.errstate(over="ignore", invalid="ignore"):
        values = np.concatenate([part.astype(np.float32) for part in parts] or [np.empty(0, np.float32)])
    expected = math.prod(shape)
    if values.size != expected:
        raise Damaged(
            f"{_quoted(layer)} should have {'x'.join(map(str, shape))} numbers, and has {values.size:,}"
        )
    # numpy refuses some shapes of nothing
    return values.reshape(shape) if expected else values


def _dims(data: memoryview) -> Iterator[int]:
    for number, wire, value in fields(data):
        if number == 1 and wire == VARINT:
            yield value
        elif number == 1 and wire == BYTES:  # packed
            at = 0
            while at < len(value):
                dim, at = _varint(value, at)
                yield dim


def fields(data: memoryview) -> Iterator[tuple[int, int, Any]]:
    """The fields of a message: number, wire type, and a whole number or the bytes.

    A run of fixed-size fields with one number (numbers that were not packed) comes as one field, so
    that a million of them cost no more than one.
    """
    at, end = 0, len(data)
    while at < end:
        start = at
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if number == 0:
            raise Damaged(f"byte {start:,} of a message begins no field")
        if wire == VARINT:
            value: int | memoryview
            value, at = _varint(data, at)
        elif wire == BYTES:
            length, at = _varint(data, at)
            value, at = _take(data, at, length), at + length
        elif wire in (FIXED32, FIXED64):
            size = 4 if wire == FIXED32 else 8
            value, at = _run(data, start, at - start, size)
        else:
            raise Damaged(f"byte {start:,} of a message has the unknown wire type {wire}")
        yield number, wire, value


def _take(data: memoryview, at: int, length: int) -> memoryview:
    if length > len(data) - at:
        raise Damaged(f"a field of {length:,} bytes has only {len(data) - at:,} left")
    return data[at : at + length]


def _run(data: memoryview, start: int, key: int, size: int) -> tuple[memoryview, int]:
    """The values of a run of records, each the same `key` bytes and then `size` bytes, and its end."""
    _take(data, start + key, size)
    step = key + size
    first, left, length = data[start : start + key], (len(data) - start) // step, 1
    if left > 1 and data[start + step : start + step + key] == first:
        # look twice as far each time, so that what is looked at stays in proportion to what is found
        look = 16
        while True:
            count = min(left, look)
            records = np.frombuffer(data, np.uint8, count * step, start).reshape(count, step)
            same = (records[length:, :key] == records[0, :key]).all(axis=1)
            length += len(same) if same.all() else int(same.argmin())
            if length < count or count == left:
                break
            look *= 2
    if length == 1:
        return data[start + key : start + step], start + step
    records = np.frombuffer(data, np.uint8, length * step, start).reshape(length, step)
    return memoryview(records[:, key:].tobytes()), start + length * step


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, lowest first, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(data):
            raise Damaged("it ends in the middle of a number")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise Damaged("a number is too long")
