"""A network with trained weights, from a published name or from any file that is known."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from inception_lib.architecture import Architecture
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import BVLC_PREPROCESS, IMAGENET_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.errors import WeightsError
from inception_lib.networks.googlenet import Stem, Variant, googlenet
from inception_lib.nn.network import Network
from inception_lib.weights.formats import read_file
from inception_lib.weights.info import Loaded, Weights
from inception_lib.weights.names import State
from inception_lib.weights.published import NAMES, fetch, published


def load_weights(
    source: str | os.PathLike,
    *,
    architecture: Architecture | None = None,
    heads: bool | None = None,
    progress: bool = True,
) -> Loaded:
    """A network with trained weights, ready for evaluation, and what is known of the weights.

    Args:
        source: `bvlc` or `torchvision`, fetched if need be; or the path of a `.caffemodel`,
            `.safetensors`, `.pth` or `.pt` file. What the file holds decides, not its ending.
        architecture: the network that the weights must fit. Where None, it is read from the file:
            from the header that `save_weights` writes, else it is the variant of GoogLeNet that
            has these names and shapes. An architecture without heads leaves the file's heads out.
        heads: with the auxiliary heads or without; where None, as they are in the file (for
            `torchvision`, whose published heads are untrained, without).
        progress: show a bar on stderr while fetching.

    Returns:
        (network, info). Parameters are float32 on the CPU, whatever the file's precision.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another network.
    """
    if isinstance(source, str) and source in NAMES:
        path, info = fetch(source, progress=progress), published(source)
        state, _ = read_file(path)
        if heads and source == "torchvision":
            info = replace(info, architecture=googlenet("torchvision"))
        if not _has_heads(state):
            info = replace(info, architecture=info.architecture.without_heads())
    else:
        path = Path(source)
        state, told = read_file(path)
        info = told or _infer(path, state)
    if architecture is not None:
        same = info.classes is not None and len(info.classes) == architecture.classes
        info = replace(info, architecture=architecture, classes=info.classes if same else None)
    if heads is False:
        info = replace(info, architecture=info.architecture.without_heads())
    elif heads and not info.architecture.heads:
        raise WeightsError(f"{path}: auxiliary heads are asked for, and the network has none.")
    return Loaded(_network(path, state, info.architecture), info)


def _has_heads(state: State) -> bool:
    return any(key.startswith(("aux1.", "aux2.")) for key in state)


def _network(path: Path, state: State, architecture: Architecture) -> Network:
    with torch.device("meta"):  # shapes only: nothing is drawn at random, nothing allocated
        network = Network(architecture)
    expected = network.state_dict()
    if not architecture.heads:
        state = {key: value for key, value in state.items() if not key.startswith(("aux1.", "aux2."))}
    for key in expected.keys() - state.keys():
        if key.endswith("num_batches_tracked"):  # older files have none; it counts training steps only
            state = state | {key: torch.zeros((), dtype=torch.int64)}
    _compare(path, state, expected, architecture.name)
    # copies, so that nothing stays tied to the file
    kept = {
        key: value.to(expected[key].dtype, copy=True, memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    network.load_state_dict(kept, assign=True)
    return network.eval()


def _compare(path: Path, state: Mapping[str, Tensor], expected: Mapping[str, Tensor], network: str) -> None:
    """Raise one sentence if keys or shapes differ."""
    missing = [key for key in expected if key not in state]
    unexpected = [key for key in state if key not in expected]
    other = [key for key in expected if key in state and state[key].shape != expected[key].shape]
    if not (missing or unexpected or other):
        return
    parts = []
    if other:
        key = other[0]
        parts.append(
            f"{key} is {_shape(state[key])} in the file and {_shape(expected[key])} in {network}"
            + _more(other)
        )
    if missing:
        parts.append(
            f"{missing[0]} ({_shape(expected[missing[0]])}) of {network} is not in the file" + _more(missing)
        )
    if unexpected:
        parts.append(
            f"{unexpected[0]} ({_shape(state[unexpected[0]])}) in the file is not in {network}"
            + _more(unexpected)
        )
    raise WeightsError(f"{path}: these weights do not fit the network: {'; '.join(parts)}.")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


def _infer(path: Path, state: State) -> Weights:
    """The variant of GoogLeNet whose names and shapes these are, and what goes with such a file."""
    classifier = state.get("classifier.linear.weight")
    if classifier is None or classifier.dim() != 2 or not len(classifier):
        first = next((f"{key} ({_shape(value)})" for key, value in state.items()), "nothing at all")
        raise WeightsError(
            f"{path}: these are weights of another network: GoogLeNet's classifier is not in "
            f"the file, but {first} is."
        )
    architecture = _variant(state, len(classifier))
    theirs = architecture.name == googlenet("torchvision").name
    preprocess = IMAGENET_PREPROCESS if theirs else BVLC_PREPROCESS
    if theirs and _is_published(path, "torchvision"):
        preprocess = TORCHVISION_PREPROCESS
    return Weights(
        name=path.stem,
        architecture=architecture,
        preprocess=preprocess,
        classes=imagenet_classes() if architecture.classes == 1000 else None,
        source=path.name,
        license="not stated in the file",
    )


def _variant(state: State, classes: int) -> Architecture:
    """Of all variants the one with the most tensors of the same name and shape."""

    def likeness(candidate: Architecture) -> int:
        with torch.device("meta"):
            expected = Network(candidate).state_dict()
        return sum(key in state and state[key].shape == value.shape for key, value in expected.items())

    stem: Stem = "separable" if "conv1_depthwise.conv.weight" in state else "plain"
    variants: tuple[Variant, ...] = (
        ("torchvision",) if "conv1.norm.weight" in state else ("paper", "inception5h")
    )
    candidates = (googlenet(v, classes=classes, heads=_has_heads(state), stem=stem) for v in variants)
    return max(candidates, key=likeness)


def _is_published(path: Path, name: str) -> bool:
    algorithm, _, expected = published(name).sha.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest().startswith(expected)
