"""A network with trained weights, from a published name or from any file that is known."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from inception_lib.architecture import Architecture
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import IMAGENET_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess
from inception_lib.errors import ArchitectureError, WeightsError, warn
from inception_lib.files import agrees
from inception_lib.networks.googlenet import Stem, Variant, googlenet
from inception_lib.nn.network import Network
from inception_lib.weights.formats import read_file, usual_preprocess
from inception_lib.weights.info import NAMES, Loaded, Weights, is_same
from inception_lib.weights.names import State
from inception_lib.weights.published import fetch, published
from inception_lib.weights.states import (
    check_finite,
    compare,
    digest,
    has_heads,
    on_meta,
    quoted,
    shape_of,
    without_heads,
)
from inception_lib.weights.wrappers import unplaced


def load_weights(
    source: str | os.PathLike,
    *,
    classes: int | Sequence[str] | None = None,
    architecture: Architecture | None = None,
    heads: bool | None = None,
    preprocess: Preprocess | None = None,
    generator: torch.Generator | None = None,
    progress: bool = True,
) -> Loaded:
    """A network with trained weights, ready for evaluation, and what is known of the weights.

    Args:
        source: `bvlc` or `torchvision`, fetched if need be; or the path of a `.caffemodel`,
            `.safetensors`, `.pth` or `.pt` file. What the file holds decides, not its ending.
        classes: how many, or their names in the order of the outputs. With another number than the file's,
            the classifiers are new and untrained, which `info` says, and all else is the file's. With the
            file's own number its classifiers stay, and names, if given, become those of their outputs.
        architecture: the network that the weights must fit, but for `classes`. Where None, it is read from
            the file: from the header that `save_weights` writes, else it is the variant of GoogLeNet that
            has these names and shapes. An architecture without heads leaves the file's heads out.
        heads: with the auxiliary heads or without; where None, as they are in the file (for
            `torchvision`, whose published heads are untrained, without).
        preprocess: how an image becomes the network's input, where one knows better than the file. Only files
            of `save_weights` and published ones tell; of another, torchvision's normalization or BVLC's is
            assumed, with a warning that says so (for a `.caffemodel` BVLC's, without).
        generator: the source of new classifiers' initial weights; torch's global one where None.
        progress: show a bar on stderr while fetching.

    Returns:
        (network, info), of which `info` is `network.info` too. Parameters are float32 on the CPU, whatever
        the file's precision.

    Raises:
        WeightsError: the file is missing, damaged, or belongs to another network; or a weight is not finite.
    """
    outputs, names = _wanted(classes)
    if isinstance(source, str) and source in NAMES:
        path, state, info = _of_name(source, heads, progress)
    else:
        path = Path(source)
        state, info = _of_file(path, architecture, outputs, preprocess)
        if names is not None and not info.tensors:  # no header of ours: nobody said otherwise
            info = replace(info, classes=names if len(names) == info.architecture.classes else None)
    if preprocess is not None:
        info = replace(info, preprocess=preprocess)
    if architecture is not None:
        info = _fitted_to(info, architecture)
    if heads is False:
        info = replace(info, architecture=info.architecture.without_heads())
    elif heads and not info.architecture.heads:
        raise WeightsError(f"{path}: auxiliary heads are asked for, and the network has none.")
    lacking = False
    if outputs is not None:
        fitting, state, lacking = _with_a_classifier(path, state, info.architecture)
        info = _fitted_to(info, fitting)
    network = _network(path, state, info.architecture)
    found = digest(network.state_dict())
    if isinstance(source, str) and source in NAMES:
        info = _as_published(path, info, found)
    else:
        info = info.as_it_is(found, "changed")
    if outputs is not None and (lacking or outputs != info.architecture.classes):
        network.reset_classifier(outputs, generator)
        info = info.with_new_classifiers(network.architecture, names)
        info = replace(info, tensors=digest(network.state_dict()))
    elif names is not None:
        if info.classes is not None and info.classes != names:
            _warn_of_names(path, info.classes, names)
        info = replace(info, classes=names)
    network.info = info
    return Loaded(network, info)


def _of_name(name: str, heads: bool | None, progress: bool) -> tuple[Path, State, Weights]:
    """The file of published weights, what it holds, and what is known of it."""
    path, info = fetch(name, progress=progress), published(name)
    state = read_file(path).state
    if heads and name == "torchvision":
        info = replace(info, architecture=googlenet("torchvision"))
    if not has_heads(state):
        info = replace(info, architecture=info.architecture.without_heads())
    return path, state, info


def _of_file(
    path: Path, architecture: Architecture | None, outputs: int | None, preprocess: Preprocess | None
) -> tuple[State, Weights]:
    """What a file holds, and what it says of itself or else is usual."""
    state, info, usual, classifier = read_file(path)
    if info is None:
        architecture = architecture or _variant_of(path, state, outputs)
        info = _untold(path, architecture, preprocess or usual)
        if classifier:
            info = replace(info, source=f"{path.name}, whose classifier is {quoted(classifier)}")
    return state, info


def _fitted_to(info: Weights, architecture: Architecture) -> Weights:
    """The same for another architecture; names of classes are kept if they are as many."""
    same = info.classes is not None and len(info.classes) == architecture.classes
    return replace(info, architecture=architecture, classes=info.classes if same else None)


def _wanted(classes: int | Sequence[str] | None) -> tuple[int | None, tuple[str, ...] | None]:
    """How many classes are asked for, and their names, if they are given."""
    if classes is None or isinstance(classes, int):
        return classes, None
    names = () if isinstance(classes, str) or not isinstance(classes, Iterable) else tuple(classes)
    if not names or not all(isinstance(name, str) for name in names):
        raise WeightsError(f"classes is how many there are, or a list of their names, not {classes!r}.")
    return len(names), names


def _with_a_classifier(
    path: Path, state: State, architecture: Architecture
) -> tuple[Architecture, State, bool]:
    """The architecture with the file's number of classes; the state with zeros for classifiers that it lacks.

    Also whether it lacks any.
    """
    prefixes = tuple(_prefix(classifier) for classifier in architecture.classifiers)
    for key, value in state.items():
        if key.startswith(prefixes[0]) and key.endswith(".weight") and value.dim() and len(value):
            architecture = architecture.with_classes(len(value))
    expected = on_meta(path, architecture).state_dict()
    zeros = {
        key: torch.zeros(value.shape)
        for key, value in expected.items()
        if key.startswith(prefixes) and (key not in state or state[key].shape != value.shape)
    }
    left = [key for key in unplaced(state) if key not in expected]
    if left and zeros:
        names = tuple(key.removesuffix("weight") for key in left)
        state = {key: value for key, value in state.items() if not key.startswith(names)}
        warn(f"{path}: {', '.join(map(quoted, left[:3]))} is no classifier of GoogLeNet's, and is left out.")
    return architecture, state | zeros, bool(zeros)


def _prefix(layer: str) -> str:
    """What the names of a layer's tensors begin with."""
    return layer.replace("/", ".") + "."


def _warn_of_names(path: Path, known: tuple[str, ...], names: tuple[str, ...]) -> None:
    i = next(i for i in range(len(names)) if known[i] != names[i])
    warn(
        f"{path}: output {i} was trained as {known[i]!r} and now has the name {names[i]!r}; the number of "
        f"classes is the file's, so that its classifier is kept, and network.reset_classifier({len(names)}) "
        f"makes a new one."
    )


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
    try:
        compare(path, state, expected, architecture.name)
    except WeightsError as error:
        raise _naming_the_way_on(error, state, expected, architecture) from None
    # copies, so that nothing stays tied to the file
    kept = {
        key: value.to(expected[key].dtype, copy=True, memory_format=torch.contiguous_format)
        for key, value in state.items()
    }
    check_finite(path, kept)
    network.load_state_dict(kept, assign=True)
    return network.eval()


def _naming_the_way_on(
    error: WeightsError, state: State, expected: State, architecture: Architecture
) -> WeightsError:
    """The error; where only the number of classes does not fit, with what helps."""
    try:
        prefixes = tuple(map(_prefix, architecture.classifiers))
    except ArchitectureError:
        return error  # there is none
    unfit = [key for key in expected if key not in state or state[key].shape != expected[key].shape]
    if not all(key.startswith(prefixes) for key in [*unfit, *(state.keys() - expected.keys())]):
        return error
    return WeightsError(
        f"{str(error).rstrip('.')}; with classes={architecture.classes} all but the classifiers is kept, and "
        f"they begin untrained."
    )


def _untold(path: Path, architecture: Architecture, preprocess: Preprocess | None) -> Weights:
    """What goes with a file that says nothing."""
    if (
        preprocess is None
        and usual_preprocess(architecture) == IMAGENET_PREPROCESS
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
            "published ones (transform_input=True) need preprocess=TORCHVISION_PREPROCESS instead (in a "
            "command --preprocess torchvision)"
        )
    else:
        rest = (
            "BVLC's (BGR minus the mean, no division) is assumed; give preprocess= (in a command "
            "--preprocess) where it was another"
        )
    warn(f"{path}: the file does not say how images are normalized; {rest}.")


def _variant_of(path: Path, state: State, outputs: int | None) -> Architecture:
    """The variant of GoogLeNet that has these tensors, with `outputs` where the file has no classifier."""
    classifier = state.get("classifier.linear.weight")
    if classifier is not None and classifier.dim() == 2 and len(classifier):
        return _variant(path, state, len(classifier))
    if classifier is None and "inception_5b.1x1.conv.weight" in state:
        if outputs is not None:
            return _variant(path, state, outputs)
        strange = "".join(f", nor is it clear that it is {quoted(key)}" for key in unplaced(state)[:1])
        raise WeightsError(
            f"{path}: GoogLeNet's classifier is not in the file{strange}; with classes= all else is kept "
            f"and a new one begins untrained."
        )
    first = next((f"{quoted(key)} ({shape_of(value)})" for key, value in state.items()), "nothing at all")
    raise WeightsError(
        f"{path}: these are weights of another network: GoogLeNet's classifier is not in the file, but "
        f"{first} is."
    )


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
