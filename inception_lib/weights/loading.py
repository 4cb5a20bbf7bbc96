"""A network with trained weights, from a published name or from any file that is known."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from pathlib import Path

import torch

from inception_lib.architecture import Architecture
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import IMAGENET_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess
from inception_lib.errors import InceptionWarning, WeightsError
from inception_lib.files import agrees
from inception_lib.networks.googlenet import Stem, Variant, googlenet
from inception_lib.nn.network import Network
from inception_lib.weights.formats import as_it_is, read_file, usual_preprocess
from inception_lib.weights.info import Loaded, Weights
from inception_lib.weights.names import State
from inception_lib.weights.published import NAMES, fetch, published
from inception_lib.weights.states import (
    check_finite,
    compare,
    digest,
    has_heads,
    is_same,
    on_meta,
    quoted,
    shape_of,
    without_heads,
)


def load_weights(
    source: str | os.PathLike,
    *,
    architecture: Architecture | None = None,
    heads: bool | None = None,
    preprocess: Preprocess | None = None,
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
        preprocess: how an image becomes the network's input, where one knows better than the file. Only files
            of `save_weights` and published ones tell; of another, torchvision's normalization or BVLC's is
            assumed, with a warning that says so (for a `.caffemodel` BVLC's, without).
        progress: show a bar on stderr while fetching.

    Returns:
        (network, info). Parameters are float32 on the CPU, whatever the file's precision.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another network; or a weight is not finite.
    """
    if isinstance(source, str) and source in NAMES:
        path, info = fetch(source, progress=progress), published(source)
        state = read_file(path).state
        if heads and source == "torchvision":
            info = replace(info, architecture=googlenet("torchvision"))
        if not has_heads(state):
            info = replace(info, architecture=info.architecture.without_heads())
    else:
        path = Path(source)
        state, told, usual = read_file(path)
        info = told or _infer(path, state, architecture, preprocess or usual)
    if preprocess is not None:
        info = replace(info, preprocess=preprocess)
    if architecture is not None:
        same = info.classes is not None and len(info.classes) == architecture.classes
        info = replace(info, architecture=architecture, classes=info.classes if same else None)
    if heads is False:
        info = replace(info, architecture=info.architecture.without_heads())
    elif heads and not info.architecture.heads:
        raise WeightsError(f"{path}: auxiliary heads are asked for, and the network has none.")
    network = _network(path, state, info.architecture)
    found = digest(network.state_dict())
    if isinstance(source, str) and source in NAMES:
        info = _as_published(path, info, found)
    else:
        info = as_it_is(info, found, "changed")
    return Loaded(network, info)


def _as_published(path: Path, info: Weights, found: str) -> Weights:
    """What may be said of the file in the place of a published one; anybody can put one there."""
    if is_same(found.partition("+")[0], info.tensors) or agrees(path, info.checksums):
        return replace(info, tensors=found)
    return replace(
        info,
        name=path.stem,
        source=f"{path.name}, which is not the published file",
        license="not stated in the file",
        urls=(),
        checksums=(),
        tensors=found,
    )


def _network(path: Path, state: State, architecture: Architecture) -> Network:
    network = on_meta(path, architecture)
    expected = network.state_dict()
    if not architecture.heads:
        state = without_heads(state)
    for key in expected.keys() - state.keys():
        if key.endswith("num_batches_tracked"):  # older files have none; it counts training steps only
            state = state | {key: torch.zeros((), dtype=torch.int64)}
    compare(path, state, expected, architecture.name)
    # copies, so that nothing stays tied to the file
    kept = {
        key: value.to(expected[key].dtype, copy=True, memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    check_finite(path, kept)
    network.load_state_dict(kept, assign=True)
    return network.eval()


def _infer(
    path: Path, state: State, architecture: Architecture | None, preprocess: Preprocess | None
) -> Weights:
    """What goes with a file that says nothing; where not given, the variant of GoogLeNet that fits it."""
    if architecture is None:
        architecture = _variant_of(path, state)
    if (
        preprocess is None
        and "conv1.norm.weight" in state
        and agrees(path, published("torchvision").checksums)
    ):
        preprocess = TORCHVISION_PREPROCESS
    if preprocess is None:
        preprocess = usual_preprocess(architecture)
        _warn_of_guess(path, preprocess)
    return Weights(
        name=path.stem,
        architecture=architecture,
        preprocess=preprocess,
        classes=imagenet_classes() if architecture.classes == 1000 else None,
        source=path.name,
        license="not stated in the file",
    )


def _warn_of_guess(path: Path, guess: Preprocess) -> None:
    if guess == IMAGENET_PREPROCESS:
        rest = (
            "torchvision's usual normalization is assumed; weights that were fine-tuned from torchvision's "
            "published ones (transform_input=True) need preprocess=TORCHVISION_PREPROCESS instead"
        )
    else:
        rest = "BVLC's (BGR minus the mean, no division) is assumed; give preprocess= where it was another"
    # the caller of load_weights is three calls up
    sentence = f"{path}: the file does not say how images are normalized; {rest}."
    warnings.warn(sentence, InceptionWarning, stacklevel=4)


def _variant_of(path: Path, state: State) -> Architecture:
    classifier = state.get("classifier.linear.weight")
    if classifier is None or classifier.dim() != 2 or not len(classifier):
        first = next((f"{quoted(key)} ({shape_of(value)})" for key, value in state.items()), "nothing at all")
        raise WeightsError(
            f"{path}: these are weights of another network: GoogLeNet's classifier is not in "
            f"the file, but {first} is."
        )
    return _variant(path, state, len(classifier))


def _variant(path: Path, state: State, classes: int) -> Architecture:
    """Of all variants the one with the most tensors of the same name and shape."""

    def likeness(candidate: Architecture) -> int:
        expected = on_meta(path, candidate).state_dict()
        return sum(key in state and state[key].shape == value.shape for key, value in expected.items())

    stem: Stem = "separable" if "conv1_depthwise.conv.weight" in state else "plain"
    variants: tuple[Variant, ...] = (
        ("torchvision",) if "conv1.norm.weight" in state else ("paper", "inception5h")
    )
    candidates = (googlenet(v, classes=classes, heads=has_heads(state), stem=stem) for v in variants)
    return max(candidates, key=likeness)
