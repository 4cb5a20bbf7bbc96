"""The names that Caffe and torchvision give to GoogLeNet's tensors, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inception_lib.errors import WeightsError, printable
from inception_lib.networks.googlenet import PAPER_WIDTHS

State = dict[str, Tensor]

_PARTS = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
_CAFFE = {
    "conv1/7x7_s2": "conv1.conv",
    "conv2/3x3_reduce": "conv2_reduce.conv",
    "conv2/3x3": "conv2.conv",
    **{f"inception_{m}/{part}": f"inception_{m}.{part}.conv" for m in PAPER_WIDTHS for part in _PARTS},
    "loss3/classifier": "classifier.linear",
    **{
        f"loss{n}/{theirs}": f"aux{n}.{ours}"
        for n in (1, 2)
        for theirs, ours in (("conv", "conv.conv"), ("fc", "fc.linear"), ("classifier", "classifier.linear"))
    },
}
_TORCHVISION = {
    "conv1": "conv1",
    "conv2": "conv2_reduce",
    "conv3": "conv2",
    "fc": "classifier.linear",
    **{
        f"inception{m}.{theirs}": f"inception_{m}.{ours}"
        for m in PAPER_WIDTHS
        for theirs, ours in zip(
            ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"), _PARTS, strict=True
        )
    },
    **{
        f"aux{n}.{theirs}": f"aux{n}.{ours}"
        for n in (1, 2)
        for theirs, ours in (("conv", "conv"), ("fc1", "fc.linear"), ("fc2", "classifier.linear"))
    },
}
_OURS = {ours: theirs for theirs, ours in _TORCHVISION.items()}


def from_caffe(path: Path, layers: Mapping[str, list[np.ndarray]]) -> State:
    """Caffe's arrays under our names; a layer that GoogLeNet does not have keeps its own."""
    state: State = {}
    for layer, blobs in layers.items():
        prefix = _CAFFE.get(layer, layer)
        if len(blobs) > 2:
            raise WeightsError(
                f"{path}: {printable(layer, 100)} has {len(blobs)} arrays, and a layer of GoogLeNet has two."
            )
        for part, blob in zip(("weight", "bias"), blobs, strict=False):
            # the older form pads every shape with ones in front, up to four axes
            axes = 1 if part == "bias" else 2 if prefix.endswith("linear") else blob.ndim
            if blob.ndim > axes and set(blob.shape[:-axes]) == {1}:
                blob = blob.reshape(blob.shape[-axes:])
            state[f"{prefix}.{part}"] = torch.from_numpy(blob)
    return state


def from_torchvision(state: Mapping[str, Tensor]) -> State:
    """The state dict of torchvision's `googlenet` under the names of our `torchvision` variant."""
    return {_renamed(key, _TORCHVISION, ".bn.", ".norm."): value for key, value in state.items()}


def to_torchvision(state: Mapping[str, Tensor]) -> State:
    """The state dict of our `torchvision` variant under the names of torchvision's `googlenet`."""
    return {_renamed(key, _OURS, ".norm.", ".bn."): value for key, value in state.items()}


def _renamed(key: str, names: Mapping[str, str], norm: str, other_norm: str) -> str:
    """The key with the longest known beginning replaced; an unknown key as it is."""
    parts = key.split(".")
    for n in range(len(parts) - 1, 0, -1):
        prefix = ".".join(parts[:n])
        if prefix in names:
            return (names[prefix] + "." + ".".join(parts[n:])).replace(norm, other_norm)
    return key
