"""Weights as bytes for the page: as 8-bit whole numbers with a scale for each filter, or as float16."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from inception_lib.errors import WeightsError

Form = Literal["int8", "float16", "float32"]


class Packed(NamedTuple):
    """Weights as bytes.

    Attributes:
        tensors: of each its `name`, `shape`, `form`, where in the bytes it begins (`at`), and of int8 where
            its scales do (`scales`): float32, one for each filter, with which its numbers are multiplied.
        data: the bytes.
    """

    tensors: list[dict[str, Any]]
    data: bytes


def pack(state: Mapping[str, np.ndarray], form: Form) -> Packed:
    """Pack a state dict. Biases and the like, of one axis, stay float32: they are few.

    A filter of int8 is its weights over their largest absolute value, times 127, rounded.

    Args:
        state: tensors by their names; counters of training steps are left out.
        form: of all tensors with two axes and more.

    Raises:
        WeightsError: there is no such form, or a weight is beyond its numbers.
    """
    if form not in ("int8", "float16", "float32"):
        raise WeightsError(f"Weights are packed as int8, float16 or float32, not as {form!r}.")
    tensors: list[dict[str, Any]] = []
    parts: list[bytes] = []

    def put(values: np.ndarray, kind: str) -> int:
        at = sum(map(len, parts))
        parts.append(values.astype(np.dtype(kind).newbyteorder("<")).tobytes())
        return at

    for name, tensor in state.items():
        if name.endswith("num_batches_tracked"):
            continue
        values = np.asarray(tensor, np.float32)
        kind = form if values.ndim > 1 else "float32"
        entry: dict[str, Any] = {"name": name, "shape": list(values.shape), "form": kind}
        if kind == "int8":
            scales = np.abs(values).reshape(len(values), -1).max(1) / 127
            entry["scales"] = put(scales, "float32")
            scales = np.where(scales > 0, scales, 1).reshape(-1, *(1,) * (values.ndim - 1))
            values = np.rint(values / scales)
        with np.errstate(over="ignore"):
            if not np.isfinite(values.astype(kind)).all():
                raise WeightsError(f"{name}: holds a weight that is no number of {kind}.")
        entry["at"] = put(values, kind)
        tensors.append(entry)
    return Packed(tensors, b"".join(parts))


def unpack(packed: Packed) -> dict[str, np.ndarray]:
    """The state dict in float32, as the page computes with it."""
    state = {}
    for entry in packed.tensors:
        count = int(np.prod(entry["shape"], dtype=np.int64))

        def take(kind: str, at: int, count: int) -> np.ndarray:
            kinds = np.dtype(kind).newbyteorder("<")
            return np.frombuffer(packed.data, kinds, count, at).astype(np.float32)

        values = take(entry["form"], entry["at"], count).reshape(entry["shape"])
        if "scales" in entry:
            filters = entry["shape"][0]
            scales = take("float32", entry["scales"], filters)
            values = values * scales.reshape(-1, *(1,) * (values.ndim - 1))
        state[entry["name"]] = values
    return state
