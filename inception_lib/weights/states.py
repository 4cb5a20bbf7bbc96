"""State dicts: whether they are sound, whether they fit a network, and what tells two of them apart."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from inception_lib.architecture import Architecture
from inception_lib.errors import InceptionError, WeightsError, printable
from inception_lib.nn.network import Network
from inception_lib.weights.names import State

#: The types that trained weights are kept in. Others (whole numbers, quantized ones) mean something else.
_FLOATS = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
_HEADS = ("aux1.", "aux2.")


def has_heads(state: Mapping[str, Tensor]) -> bool:
    """Whether there are tensors of auxiliary heads in it."""
    return any(key.startswith(_HEADS) for key in state)


def without_heads(state: Mapping[str, Tensor]) -> State:
    """Without the tensors of auxiliary heads."""
    return {key: value for key, value in state.items() if not key.startswith(_HEADS)}


def on_meta(path: Path, architecture: Architecture) -> Network:
    """A network on the meta device: shapes and types only; nothing is drawn at random, nothing allocated.

    Raises:
        WeightsError: there cannot be such a network; the sentence begins with `path`.
    """
    try:
        with torch.device("meta"):
            return Network(architecture)
    # the second are torch's, on sizes beyond its own
    except (InceptionError, RuntimeError, TypeError, ValueError, OverflowError) as error:
        name = quoted(architecture.name)
        raise WeightsError(f"{path}: the network {name} cannot be built ({_one(error)}).") from None


def _one(error: Exception) -> str:
    return " ".join(str(error).split("\n")[0].split()).rstrip(".")


def check_plain(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse tensors that are not numbers in memory, one for each place of their shape.

    Raises:
        WeightsError: one is sparse, quantized, nested, without storage, or larger than its storage.
    """
    for key, value in state.items():
        if (
            value.is_nested
            or value.is_quantized
            or value.layout != torch.strided
            or value.device.type != "cpu"
        ):
            raise WeightsError(
                f"{path}: {quoted(key)} is no plain tensor (sparse, quantized or without values)."
            )
        if value.numel() * value.element_size() > value.untyped_storage().nbytes():
            raise WeightsError(
                f"{path}: {quoted(key)} claims to be {shape_of(value)}, and the file holds fewer numbers."
            )


def compare(
    path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: str, what: str = "file"
) -> None:
    """Refuse a state whose names, shapes or types are not the expected ones.

    Args:
        path: with which the sentence begins.
        state: the tensors.
        expected: those of the network, which may be on the meta device.
        network: its name.
        what: where the tensors stand, for the sentence.

    Raises:
        WeightsError: they differ; the first difference of each kind is named.
    """
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    shared = [key for key in expected if key in state]
    other = [key for key in shared if state[key].shape != expected[key].shape]
    parts = []
    if other:
        key = other[0]
        found, wanted = shape_of(state[key]), shape_of(expected[key])
        parts.append(f"{quoted(key)} is {found} in the {what} and {wanted} in {network}" + _more(other))
    if missing:
        key = missing[0]
        parts.append(
            f"{quoted(key)} ({shape_of(expected[key])}) of {network} is not in the {what}" + _more(missing)
        )
    if unexpected:
        key = unexpected[0]
        parts.append(
            f"{quoted(key)} ({shape_of(state[key])}) in the {what} is not in {network}" + _more(unexpected)
        )
    if not parts:
        strange = [key for key in shared if not _same_kind(state[key].dtype, expected[key].dtype)]
        if strange:
            key = strange[0]
            kind = str(state[key].dtype).removeprefix("torch.")
            parts.append(
                f"{quoted(key)} is of type {kind} in the {what}, which no weight is" + _more(strange)
            )
    if parts:
        raise WeightsError(f"{path}: these weights do not fit the network: {'; '.join(parts)}.")


def _same_kind(found: torch.dtype, wanted: torch.dtype) -> bool:
    # a counter of training steps says nothing that could be wrong
    return found in _FLOATS or not wanted.is_floating_point


def check_finite(path: Path, state: Mapping[str, Tensor]) -> None:
    """Refuse a state with values that are no finite numbers, with which a network gives no answer.

    Raises:
        WeightsError: there are some; the first tensor is named.
    """
    bad = [key for key, value in state.items() if not bool(torch.isfinite(value).all())]
    if bad:
        n = int((~torch.isfinite(state[bad[0]])).sum())
        raise WeightsError(
            f"{path}: {quoted(bad[0])} holds {n:,} value{'s' * (n != 1)} that {'are' if n != 1 else 'is'} "
            f"infinite or not a number{_more(bad)}, so that the network would give no answers."
        )


def digest(state: Mapping[str, Tensor]) -> str:
    """A checksum of the numbers in a state, as `load_weights` would give them; of heads, if any, apart."""
    trunk, heads = hashlib.sha256(), hashlib.sha256()
    for key in sorted(state):
        value = state[key].detach().cpu()
        value = (value.float() if value.is_floating_point() else value.long()).contiguous()
        part = heads if key.startswith(_HEADS) else trunk
        part.update(f"{key} {shape_of(value)} ".encode())
        part.update(value.reshape(-1).numpy().data)
    return "sha256:" + trunk.hexdigest() + ("+" + heads.hexdigest() if has_heads(state) else "")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def quoted(key: str) -> str:
    """A tensor's name for a sentence; it may be anything, of any length."""
    return printable(key, 100)


def shape_of(tensor: Tensor) -> str:
    """The shape of a tensor for a sentence: `64x3x7x7`."""
    return "x".join(map(str, tensor.shape)) or "one number"
