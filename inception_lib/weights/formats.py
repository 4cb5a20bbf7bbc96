"""Files of weights: what is in them, and how ours are written."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from inception_lib import architecture as data
from inception_lib.architecture import Architecture, walk
from inception_lib.data.images import BVLC_PREPROCESS, IMAGENET_PREPROCESS, Preprocess
from inception_lib.errors import ArchitectureError, InceptionError, WeightsError
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.info import Weights
from inception_lib.weights.names import State, from_caffe, from_torchvision
from inception_lib.weights.published import NAMES


class Found(NamedTuple):
    """What a file holds: tensors under our names, and what its header says of them, if anything."""

    state: State
    info: Weights | None = None


def read_file(path: Path) -> Found:
    """What a file of weights holds; its content decides, not its ending.

    Raises:
        WeightsError: it is missing, damaged, or of no kind that is known.
    """
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except FileNotFoundError:
        names = "" if path.suffix else f" (known by name are {' and '.join(NAMES)})"
        raise WeightsError(f"{path}: there is no such file{names}.") from None
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be read ({error.strerror or error}).") from None
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        return Found(_under_our_names(_read_torch(path)))
    # a .safetensors file begins with the length of its header, 8 bytes of which at least two are 0
    if (start[6:9] == b"\0\0{") or path.suffix == ".safetensors":
        state, info = _read_safetensors(path)
        return Found(_under_our_names(state), info)
    if path.suffix in (".pth", ".pt"):
        raise WeightsError(f"{path}: this is no file written by torch.save, or it is damaged.")
    return Found(from_caffe(path, read_caffemodel(path)))


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
            raise WeightsError(
                f"{path}: holds more than tensors, and only tensors are loaded from such "
                f"files, since anything else could run code."
            ) from None
        raise WeightsError(f"{path}: this is no file written by torch.save, or it is damaged.") from None
    for key in ("model", "state_dict", "network"):  # as training scripts wrap it
        if isinstance(found, dict) and isinstance(found.get(key), dict):
            found = found[key]
    if (
        not isinstance(found, dict)
        or not found
        or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items())
    ):
        raise WeightsError(f"{path}: holds no state dict, that is a dictionary of names and tensors.")
    return dict(found)


def _read_safetensors(path: Path) -> tuple[State, Weights | None]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise WeightsError(
            f"{path}: this is no .safetensors file, or it is damaged or cut short "
            f"({' '.join(str(error).split()).rstrip('.')})."
        ) from None
    return state, _info_of(path, metadata)


_FORMAT = "1"
_KINDS = {
    kind.__name__: kind
    for kind in (
        data.Conv,
        data.Pool,
        data.GlobalPool,
        data.LRN,
        data.Dropout,
        data.Linear,
        data.Scale,
        data.Tanh,
        data.Select,
        data.Branch,
        data.Branches,
        data.Head,
        data.Architecture,
        Preprocess,
    )
}


def save_weights(
    network: torch.nn.Module,
    path: str | os.PathLike,
    info: Weights | None = None,
    *,
    classes: Iterable[str] | None = None,
    half: bool = False,
) -> Path:
    """Write a network as `.safetensors`, from which `load_weights` alone rebuilds it.

    The file is written beside `path` and then takes its place, so that it is never there in part.

    Args:
        network: a `Network`, bare or inside torch.compile or DistributedDataParallel.
        path: the file to write; one that is there is replaced.
        info: what goes into the header (pre-processing, classes, source, license); the architecture
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
        info = Weights(
            name=path.stem,
            architecture=architecture,
            preprocess=IMAGENET_PREPROCESS if batch_norm else BVLC_PREPROCESS,
        )
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
        "inception_lib": _FORMAT,
        "name": info.name,
        "source": info.source,
        "license": info.license,
        "url": info.url,
        "sha": info.sha,
        "classes": json.dumps(info.classes),
        "architecture": json.dumps(_encode(info.architecture)),
        "preprocess": json.dumps(_encode(info.preprocess)),
    }


def _info_of(path: Path, metadata: Mapping[str, str]) -> Weights | None:
    """What the header says; None where the file is not one of ours."""
    if "inception_lib" not in metadata:
        return None
    if metadata["inception_lib"] != _FORMAT:
        raise WeightsError(
            f"{path}: was written by a newer inception_lib (its format is "
            f"{metadata['inception_lib']}, and {_FORMAT} is read here)."
        )
    try:
        classes = json.loads(metadata["classes"])
        info = Weights(
            **{field: metadata[field] for field in ("name", "source", "url", "sha")},
            license=metadata["license" if "license" in metadata else "licence"],  # as the first files have it
            classes=None if classes is None else tuple(map(str, classes)),
            architecture=_decode(json.loads(metadata["architecture"])),
            preprocess=_decode(json.loads(metadata["preprocess"])),
        )
        if not isinstance(info.architecture, Architecture) or not isinstance(info.preprocess, Preprocess):
            raise ArchitectureError("it does not say which network this is")
        return info
    except (InceptionError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: its header is damaged ({' '.join(str(error).split()).rstrip('.')})."
        ) from None


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
