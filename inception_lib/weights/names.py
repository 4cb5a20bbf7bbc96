"""The names that Caffe and torchvision give to GoogLeNet's tensors, and ours."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inception_lib.architecture import Conv, Linear, walk
from inception_lib.errors import WeightsError, printable
from inception_lib.networks.googlenet import googlenet
from inception_lib.networks.names import CAFFE, TORCHVISION

State = dict[str, Tensor]


def _weights_of(layers: Mapping[str, str]) -> dict[str, str]:
    """Names of others' layers, and what ours of the same weights begin with."""
    parts = {
        step.path: step.path.replace("/", ".") + (".conv" if isinstance(step.layer, Conv) else ".linear")
        for step in walk(googlenet())
        if isinstance(step.layer, Conv | Linear)
    }
    return {theirs: parts[path] for theirs, path in layers.items() if path in parts}


#: What layers begin with, in Caffe's network and in ours.
LAYERS_OF_CAFFE = _weights_of(CAFFE)
# torchvision's names go on with `conv` or `bn`, as ours with `conv` or `norm`
LAYERS_OF_TORCHVISION = {
    theirs: ours.removesuffix(".conv") for theirs, ours in _weights_of(TORCHVISION).items()
}
_OURS = {ours: theirs for theirs, ours in LAYERS_OF_TORCHVISION.items()}


def from_caffe(path: Path, layers: Mapping[str, list[np.ndarray]]) -> State:
    """Caffe's arrays under our names; a layer that GoogLeNet does not have keeps its own."""
    state: State = {}
    for layer, blobs in layers.items():
        prefix = LAYERS_OF_CAFFE.get(layer, layer)
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
    return {_renamed(key, LAYERS_OF_TORCHVISION, ".bn.", ".norm."): value for key, value in state.items()}


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
