"""Files of weights: what is in them, and how ours are written."""

from __future__ import annotations

import json
import os
import re
import zipfile
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path, PurePath
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from inception_lib.architecture import Architecture, Conv, walk
from inception_lib.data.images import BVLC_PREPROCESS, IMAGENET_PREPROCESS, Preprocess
from inception_lib.errors import WeightsError
from inception_lib.files import replacing, size_of_file
from inception_lib.nn.network import Network
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.header import info_of, metadata
from inception_lib.weights.info import NAMES, Weights
from inception_lib.weights.kinds import RESULT, is_checkpoint, other_kind, weights_of_run
from inception_lib.weights.names import State, from_caffe
from inception_lib.weights.states import check_finite, check_plain, compare, digest, on_meta, quoted
from inception_lib.weights.wrappers import find_states, under_our_names, with_classifiers

#: What training code puts beside the tensors (options, paths, numbers), of which none can run anything; with
#: names, where versions of Python and NumPy have several for one.
_HARMLESS: list[Any] = [
    Namespace,
    SimpleNamespace,
    np.dtype,
    *(getattr(np.dtypes, f"{kind}DType") for kind in ("Float64", "Float32", "Int64", "Int32", "Bool")),
    *((np.float64(0).__reduce__()[0], f"numpy.{m}.multiarray.scalar") for m in ("core", "_core")),
    *(
        (PurePath, f"{m}.{kind}Path")
        for m in ("pathlib", "pathlib._local")
        for kind in ("Posix", "Windows", "PurePosix", "PureWindows")
    ),
]


class Found(NamedTuple):
    """What a file holds: tensors under our names, and what is said of them.

    `info` is what the header says, if there is one; `preprocess` what is usual for this kind of file;
    `classifier` the classifier's own name, if it was renamed.
    """

    state: State
    info: Weights | None = None
    preprocess: Preprocess | None = None
    classifier: str = ""


def read_file(path: Path) -> Found:
    """What a file of weights holds; its content decides, not its ending.

    Raises:
        WeightsError: it is missing, damaged, no file at all, or of no kind that is known.
    """
    if path.is_dir() and (where := weights_of_run(path)):
        raise WeightsError(f"{path}: this is the folder of a run; {where}.")
    try:
        size_of_file(path)
        with path.open("rb") as file:
            start = file.read(16)
        # a .safetensors file begins with the length of its header, 8 bytes of which at least two are 0; asked
        # first, since the length may begin as a pickle does
        kind = None if start[6:9] == b"\0\0{" else other_kind(path)
    except FileNotFoundError:
        names = "" if path.suffix else f" (known by name are {' and '.join(NAMES)})"
        raise WeightsError(f"{path}: there is no such file{names}.") from None
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise WeightsError(f"{path}: the file cannot be read ({why}).") from None
    if kind is not None:
        raise WeightsError(
            f"{path}: this is {kind}, and not weights that can be read here (.caffemodel, .safetensors, and "
            f".pth or .pt)."
        )
    if start[6:9] == b"\0\0{" or path.suffix == ".safetensors":
        state, info = _read_safetensors(path)
        state, classifier = under_our_names(path, state)
        return Found(state, info, classifier=classifier)
    if start[:4] == b"PK\x03\x04" or start[:1] == b"\x80":
        state, classifier = under_our_names(path, _read_torch(path))
        return Found(state, classifier=classifier)
    if path.suffix in (".pth", ".pt"):
        raise WeightsError(f"{path}: this is no file written by torch.save, or it is damaged.")
    state, classifier = with_classifiers(from_caffe(path, read_caffemodel(path)))
    return Found(state, preprocess=BVLC_PREPROCESS, classifier=classifier)


def _read_torch(path: Path) -> State:
    damaged = f"{path}: this is no file written by torch.save, or it is damaged."
    try:
        _check_zip(path)
        with torch.serialization.safe_globals(_HARMLESS):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except WeightsError:
        raise
    except Exception as error:  # zip, pickle and torch each have their own
        if "weights_only" in str(error).lower() and "unsupported" in str(error).lower():
            what = re.search(r"GLOBAL (\S+)", str(error))
            example = f" ({quoted(what[1])})" if what else ""
            raise WeightsError(
                f"{path}: holds more than tensors{example}, and only tensors are loaded from such files, "
                f"since anything else could run code; where you trust it, torch.load(path, "
                f"weights_only=False) opens it, and its state_dict() saved by itself can be read here."
            ) from None
        raise WeightsError(damaged) from None
    if is_checkpoint(found):
        where = weights_of_run(path.parent) or f"its weights are in the {RESULT} that it writes at its end"
        raise WeightsError(
            f"{path}: this is a checkpoint of a run, from which the run goes on (--resume); {where}, and "
            f"those of this moment in torch.load(path)['network']."
        )
    state = find_states(path, found)
    check_plain(path, state)
    return state


def _check_zip(path: Path) -> None:
    """Refuse an archive that would grow when it is read; torch.save does not compress."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > path.stat().st_size:
            raise WeightsError(f"{path}: this is a compressed archive, which torch.save does not write.")


def _read_safetensors(path: Path) -> tuple[State, Weights | None]:
    try:
        with safe_open(path, framework="pt") as file:
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 (no mapping)
            header = file.metadata() or {}
    except Exception as error:  # its own, and torch's on shapes that no tensor can have
        raise WeightsError(
            f"{path}: this is no .safetensors file, or it is damaged or cut short "
            f"({' '.join(str(error).split()).rstrip('.')[:200]})."
        ) from None
    check_plain(path, state)
    return state, info_of(path, header)


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

    What `load_weights` told of a file is kept for a network that is still the one in that file. Of one that
    was trained on, or is rounded by `half`, name and source say what it was made from, and addresses and
    checksums, which are the other file's, are left out.

    Args:
        network: a `Network`, bare or inside `as_classifier`, torch.compile or DistributedDataParallel.
        path: the file to write; one that is there is replaced.
        info: what goes into the header (pre-processing, classes, source, license); the architecture
            is the network's own. Where None, what the network knows of itself (`network.info`); of one that
            was never loaded, BVLC's pre-processing, or torchvision's for its variant.
        classes: the names of the classes, if not those of `info`.
        half: in float16, for half the size; `load_weights` gives float32 again.

    Raises:
        WeightsError: the file cannot be written; the names are not as many as the outputs; a layer was
            exchanged, so that the network is not its architecture's any more; a weight is not finite.
    """
    path = Path(path)
    _, state, info = described(network, path, info, classes)
    if half:
        state = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
        info = info.as_it_is(digest(state), "rounded to float16")
        check_finite(path, state)
    try:
        with replacing(path) as new:
            save_file(state, new, metadata=metadata(info))
            _sort_metadata(new)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path}: the file cannot be written ({' '.join(str(error).split())}).") from None
    return path


def _sort_metadata(path: Path) -> None:
    """Put a header's metadata in order, which safetensors writes in any: equal networks give equal bytes."""
    with path.open("r+b") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        text = json.dumps(header, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
        if len(text) <= size:  # as it is, unless JSON is written in another way some day
            file.seek(8)
            file.write(text.ljust(size))


def described(
    network: torch.nn.Module, path: Path, info: Weights | None, classes: Iterable[str] | None
) -> tuple[Network, State, Weights]:
    """The bare network that is going to be written to `path`, its tensors, and what the file may say of them.

    Arguments and errors are those of `save_weights`.
    """
    while not isinstance(network, Network):
        wrapped = (getattr(network, name, None) for name in ("_orig_mod", "module", "network"))
        inner = next((part for part in wrapped if part is not None), None)
        if inner is None:
            raise WeightsError(f"{path}: only a Network is saved, and this is a {type(network).__name__}.")
        network = inner
    architecture = network.architecture
    state = {key: value.detach().cpu().contiguous() for key, value in network.state_dict().items()}
    _check_own(path, network, state)
    check_finite(path, state)
    info = info or network.info
    if info is None:
        info = Weights(
            name=path.stem,
            architecture=architecture,
            preprocess=usual_preprocess(architecture),
            tensors=digest(state),
        )
    names = info.classes if classes is None else tuple(classes)
    rounded = any(value.dtype in (torch.float16, torch.bfloat16) for value in state.values())
    how = "changed" if rounded else "fine-tuned"  # rounding alone changes the numbers too
    info = replace(info, architecture=architecture, classes=names)
    return network, state, info.as_it_is(digest(state), how)


def usual_preprocess(architecture: Architecture) -> Preprocess:
    """The pre-processing to expect where nobody says: torchvision's for its kind of network, else BVLC's."""
    batch_norm = any(isinstance(step.layer, Conv) and step.layer.batch_norm for step in walk(architecture))
    return IMAGENET_PREPROCESS if batch_norm else BVLC_PREPROCESS


def _check_own(path: Path, network: Network, state: State) -> None:
    """Refuse a network that is not what its architecture says; no file of it could be read again."""
    try:
        architecture = network.architecture
        compare(path, state, on_meta(path, architecture).state_dict(), architecture.name, "network")
    except WeightsError as error:
        raise WeightsError(
            f"{str(error).rstrip('.')}; a layer was exchanged, and network.architecture still describes the "
            f"old one: reset_classifier(classes) changes both, and a Network(...) of another "
            f"architecture takes the layers that are kept by load_state_dict."
        ) from None
