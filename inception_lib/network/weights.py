"""Trained weights: reading, naming, fetching and writing them.

Four kinds of files are read: Caffe's `.caffemodel` in both its forms, `.safetensors`, and `.pth` or
`.pt` with torchvision's state dict or ours. Written is `.safetensors`, whose header says all that is
needed to rebuild and use the network: the architecture, the pre-processing, the classes, the source
and the licence.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from inception_lib import architecture as data
from inception_lib.architecture import PAPER_WIDTHS, Architecture, Stem, Variant, googlenet, walk
from inception_lib.errors import ArchitectureError, InceptionError, WeightsError
from inception_lib.files import cache_folder, download, replacing
from inception_lib.network.caffe import read_caffemodel
from inception_lib.network.googlenet import Network
from inception_lib.pictures import BVLC_PREPROCESS, IMAGENET_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess

State = dict[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What is known of a set of weights beside the numbers.

    `classes` names the outputs in order, and is None where that is not known. `sha` is the
    algorithm and the digest, or its beginning, of the file at `url`.
    """

    name: str
    architecture: Architecture
    preprocess: Preprocess
    classes: tuple[str, ...] | None = None
    source: str = ""
    licence: str = ""
    url: str = ""
    sha: str = ""

    def __post_init__(self) -> None:
        if self.classes is not None and len(self.classes) != self.architecture.classes:
            raise WeightsError(f"{self.name}: there are {len(self.classes)} class names for the "
                               f"{self.architecture.classes} outputs of {self.architecture.name}.")


class Loaded(NamedTuple):
    """A network with its weights, in evaluation mode, and what is known of them."""

    network: Network
    info: Weights


# ---------------------------------------------------------------------------- published weights

#: The names that `load_weights` knows.
NAMES = ("bvlc", "torchvision")


@cache
def imagenet_classes() -> tuple[str, ...]:
    """The 1000 classes of ILSVRC-2012 in the order of the outputs, as torchvision names them."""
    from torchvision.models import GoogLeNet_Weights

    return tuple(GoogLeNet_Weights.IMAGENET1K_V1.meta["categories"])


@cache
def published(name: str) -> Weights:
    """What is known of the published weights `bvlc` or `torchvision`; nothing is fetched.

    Raises:
        WeightsError: there are none of that name.
    """
    if name == "bvlc":
        return Weights(
            name=name, architecture=googlenet("paper"), preprocess=BVLC_PREPROCESS,
            classes=imagenet_classes(),
            source="BVLC's Caffe model zoo, models/bvlc_googlenet, trained by Sergio Guadarrama",
            licence="released for unrestricted use",
            url="http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",
            sha="sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204")
    if name == "torchvision":
        from torchvision.models import GoogLeNet_Weights

        url = GoogLeNet_Weights.IMAGENET1K_V1.url
        # the heads in the file were never trained, so the network comes without them
        return Weights(
            name=name, architecture=googlenet("torchvision", heads=False), preprocess=TORCHVISION_PREPROCESS,
            classes=imagenet_classes(), source="torchvision, GoogLeNet_Weights.IMAGENET1K_V1",
            licence="none stated for the weights; torchvision is BSD 3-Clause", url=url,
            sha="sha256:" + url.rpartition("-")[2].removesuffix(".pth"))  # torch.hub's convention
    raise WeightsError(f"There are no published weights named {name!r}; there are {' and '.join(NAMES)}.")


def cached(name: str) -> Path | None:
    """The file of published weights if it is on this machine already, else None; nothing is fetched.

    It is looked for in `INCEPTION_CACHE` (else `~/.cache/inception_lib`) under the name that its
    publisher gave it, and for `torchvision` in torch.hub's folder too. Checksums are verified when
    a file is fetched, not here.
    """
    file = published(name).url.rpartition("/")[2]
    folders = [cache_folder()]
    if name == "torchvision":
        folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def fetch(name: str, *, progress: bool = True) -> Path:
    """The file of published weights, downloaded and its checksum verified if it is not there yet.

    Raises:
        WeightsError: no such name, no connection, or another file than the published one came.
    """
    info = published(name)
    path = cache_folder() / info.url.rpartition("/")[2]
    return cached(name) or download(info.url, path, info.sha, progress=progress)


# -------------------------------------------------------------------------------------- loading


def load_weights(source: str | os.PathLike, *, architecture: Architecture | None = None,
                 heads: bool | None = None, progress: bool = True) -> Loaded:
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
        state, _ = _read(path)
        if heads and source == "torchvision":
            info = replace(info, architecture=googlenet("torchvision"))
        if not _has_heads(state):
            info = replace(info, architecture=info.architecture.without_heads())
    else:
        path = Path(source)
        state, told = _read(path)
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
    kept = {key: value.to(expected[key].dtype, copy=True, memory_format=torch.contiguous_format)
            for key, value in state.items()}
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
        parts.append(f"{key} is {_shape(state[key])} in the file and {_shape(expected[key])} in {network}"
                     + _more(other))
    if missing:
        parts.append(f"{missing[0]} ({_shape(expected[missing[0]])}) of {network} is not in the file"
                     + _more(missing))
    if unexpected:
        parts.append(f"{unexpected[0]} ({_shape(state[unexpected[0]])}) in the file is not in {network}"
                     + _more(unexpected))
    raise WeightsError(f"{path}: these weights do not fit the network: {'; '.join(parts)}.")


def _more(keys: list[str]) -> str:
    return f" (and {len(keys) - 1} more)" if len(keys) > 1 else ""


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "one number"


# ------------------------------------------------------------------------------- what is in a file


class _Found(NamedTuple):
    """What a file holds: tensors under our names, and what its header says of them, if anything."""

    state: State
    info: Weights | None = None


def _read(path: Path) -> _Found:
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        names = "" if path.suffix else f" (known by name are {' and '.join(NAMES)})"
        raise WeightsError(f"{path}: there is no such file{names}.") from None
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be read ({error.strerror or error}).") from None
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        return _Found(_under_our_names(_read_torch(path)))
    # a .safetensors file begins with the length of its header, 8 bytes of which at least two are 0
    if (start[6:9] == b"\0\0{") or path.suffix == ".safetensors":
        state, info = _read_safetensors(path)
        return _Found(_under_our_names(state), info)
    if path.suffix in (".pth", ".pt"):
        raise WeightsError(f"{path}: this is no file written by torch.save, or it is damaged.")
    return _Found(_from_caffe(path, read_caffemodel(path)))


def _under_our_names(state: State) -> State:
    """A state dict of ours or of torchvision's, with the prefixes of wrappers taken off."""
    for prefix in ("module.", "_orig_mod."):  # DistributedDataParallel's, torch.compile's
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return from_torchvision(state) if "inception3a.branch1.conv.weight" in state else state


def _read_torch(path: Path) -> State:
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # zip, pickle and torch each have their own
        if "weights_only" in str(error).lower() and "unsupported" in str(error).lower():
            raise WeightsError(f"{path}: holds more than tensors, and only tensors are loaded from such "
                               f"files, since anything else could run code.") from None
        raise WeightsError(f"{path}: this is no file written by torch.save, or it is damaged.") from None
    for key in ("model", "state_dict", "network"):  # as training scripts wrap it
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if not isinstance(found, dict) or not found or not all(
            isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items()):
        raise WeightsError(f"{path}: holds no state dict, that is a dictionary of names and tensors.")
    return dict(found)


def _read_safetensors(path: Path) -> tuple[State, Weights | None]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{path}: this is no .safetensors file, or it is damaged or cut short "
                           f"({' '.join(str(error).split()).rstrip('.')}).") from None
    return state, _info_of(path, metadata)


def _infer(path: Path, state: State) -> Weights:
    """The variant of GoogLeNet whose names and shapes these are, and what goes with such a file."""
    classifier = state.get("classifier.linear.weight")
    if classifier is None or classifier.dim() != 2 or not len(classifier):
        first = next((f"{key} ({_shape(value)})" for key, value in state.items()), "nothing at all")
        raise WeightsError(f"{path}: these are weights of another network: GoogLeNet's classifier is not in "
                           f"the file, but {first} is.")
    architecture = _variant(state, len(classifier))
    theirs = architecture.name == googlenet("torchvision").name
    preprocess = IMAGENET_PREPROCESS if theirs else BVLC_PREPROCESS
    if theirs and _is_published(path, "torchvision"):
        preprocess = TORCHVISION_PREPROCESS
    return Weights(
        name=path.stem, architecture=architecture, preprocess=preprocess,
        classes=imagenet_classes() if architecture.classes == 1000 else None,
        source=path.name, licence="not stated in the file")


def _variant(state: State, classes: int) -> Architecture:
    """Of all variants the one with the most tensors of the same name and shape."""
    def likeness(candidate: Architecture) -> int:
        with torch.device("meta"):
            expected = Network(candidate).state_dict()
        return sum(key in state and state[key].shape == value.shape for key, value in expected.items())

    stem: Stem = "separable" if "conv1_depthwise.conv.weight" in state else "plain"
    variants: tuple[Variant, ...] = (
        ("torchvision",) if "conv1.norm.weight" in state else ("paper", "inception5h"))
    candidates = (googlenet(v, classes=classes, heads=_has_heads(state), stem=stem) for v in variants)
    return max(candidates, key=likeness)


def _is_published(path: Path, name: str) -> bool:
    algorithm, _, expected = published(name).sha.partition(":")
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest().startswith(expected)


# -------------------------------------------------------------------------------------- foreign names

_PARTS = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
_CAFFE = {
    "conv1/7x7_s2": "conv1.conv", "conv2/3x3_reduce": "conv2_reduce.conv", "conv2/3x3": "conv2.conv",
    **{f"inception_{m}/{part}": f"inception_{m}.{part}.conv" for m in PAPER_WIDTHS for part in _PARTS},
    "loss3/classifier": "classifier.linear",
    **{f"loss{n}/{theirs}": f"aux{n}.{ours}" for n in (1, 2) for theirs, ours in (
        ("conv", "conv.conv"), ("fc", "fc.linear"), ("classifier", "classifier.linear"))},
}
_TORCHVISION = {
    "conv1": "conv1", "conv2": "conv2_reduce", "conv3": "conv2", "fc": "classifier.linear",
    **{f"inception{m}.{theirs}": f"inception_{m}.{ours}" for m in PAPER_WIDTHS for theirs, ours in zip(
        ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1"), _PARTS, strict=True)},
    **{f"aux{n}.{theirs}": f"aux{n}.{ours}" for n in (1, 2) for theirs, ours in (
        ("conv", "conv"), ("fc1", "fc.linear"), ("fc2", "classifier.linear"))},
}
_OURS = {ours: theirs for theirs, ours in _TORCHVISION.items()}


def _from_caffe(path: Path, layers: Mapping[str, list[np.ndarray]]) -> State:
    """Caffe's arrays under our names; a layer that GoogLeNet does not have keeps its own."""
    state: State = {}
    for layer, blobs in layers.items():
        prefix = _CAFFE.get(layer, layer)
        if len(blobs) > 2:
            raise WeightsError(f"{path}: {layer} has {len(blobs)} arrays, and a layer of GoogLeNet has two.")
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


# -------------------------------------------------------------------------------------- saving

_FORMAT = "1"
_KINDS = {kind.__name__: kind for kind in (
    data.Conv, data.Pool, data.GlobalPool, data.LRN, data.Dropout, data.Linear, data.Scale,
    data.Tanh, data.Select, data.Branch, data.Branches, data.Head, data.Architecture, Preprocess)}


def save_weights(network: torch.nn.Module, path: str | os.PathLike, info: Weights | None = None, *,
                 classes: Iterable[str] | None = None, half: bool = False) -> Path:
    """Write a network as `.safetensors`, from which `load_weights` alone rebuilds it.

    The file is written beside `path` and then takes its place, so that it is never there in part.

    Args:
        network: a `Network`, bare or inside torch.compile or DistributedDataParallel.
        path: the file to write; one that is there is replaced.
        info: what goes into the header (pre-processing, classes, source, licence); the architecture
            is the network's own. Where None, BVLC's pre-processing, or torchvision's for its variant.
        classes: the names of the classes, if not those of `info`.
        half: in float16, for half the size; `load_weights` gives float32 again.

    Raises:
        WeightsError: the file cannot be written, or the names are not as many as the outputs.
    """
    while not isinstance(network, Network):
        inner = getattr(network, "_orig_mod", None) or getattr(network, "module", None)
        if inner is None:
            raise WeightsError(f"{path}: only a Network is saved, and this is a {type(network).__name__}.")
        network = inner
    path, architecture = Path(path), network.architecture
    if info is None:
        batch_norm = any(isinstance(s.layer, data.Conv) and s.layer.batch_norm for s in walk(architecture))
        info = Weights(name=path.stem, architecture=architecture,
                       preprocess=IMAGENET_PREPROCESS if batch_norm else BVLC_PREPROCESS)
    names = info.classes if classes is None else tuple(classes)
    info = replace(info, architecture=architecture, classes=names)
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    if half:
        state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    try:
        with replacing(path) as new:
            save_file(state, new, metadata=_metadata(info))
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: the file cannot be written ({' '.join(str(error).split())}).") from None
    return path


def _metadata(info: Weights) -> dict[str, str]:
    """The header: text under text, structures as JSON."""
    return {
        "inception_lib": _FORMAT, "name": info.name, "source": info.source, "licence": info.licence,
        "url": info.url, "sha": info.sha, "classes": json.dumps(info.classes),
        "architecture": json.dumps(_encode(info.architecture)),
        "preprocess": json.dumps(_encode(info.preprocess)),
    }


def _info_of(path: Path, metadata: Mapping[str, str]) -> Weights | None:
    """What the header says; None where the file is not one of ours."""
    if "inception_lib" not in metadata:
        return None
    if metadata["inception_lib"] != _FORMAT:
        raise WeightsError(f"{path}: was written by a newer inception_lib (its format is "
                           f"{metadata['inception_lib']}, and {_FORMAT} is read here).")
    try:
        classes = json.loads(metadata["classes"])
        info = Weights(
            **{field: metadata[field] for field in ("name", "source", "licence", "url", "sha")},
            classes=None if classes is None else tuple(map(str, classes)),
            architecture=_decode(json.loads(metadata["architecture"])),
            preprocess=_decode(json.loads(metadata["preprocess"])))
        if not isinstance(info.architecture, Architecture) or not isinstance(info.preprocess, Preprocess):
            raise ArchitectureError("it does not say which network this is")
        return info
    except (InceptionError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: its header is damaged ({' '.join(str(error).split()).rstrip('.')}).") from None


def _encode(value: Any) -> Any:
    """Frozen dataclasses as dictionaries that name their class; all fields, so that none can drift."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: _encode(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__} | fields
    return [_encode(item) for item in value] if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, dict):
        fields = {key: _decode(item) for key, item in value.items() if key != "is"}
        return _KINDS[value["is"]](**fields)
    return tuple(_decode(item) for item in value) if isinstance(value, list) else value
