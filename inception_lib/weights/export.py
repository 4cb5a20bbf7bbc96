"""Networks as files for other programs: ONNX, and torch's own `.pt2`, which needs no `inception_lib`.

Both take `images`, a batch of any size, and give `logits`. Both say how an image becomes their input and
what their outputs are called, in the words of the header of our `.safetensors` files.
"""

from __future__ import annotations

import copy
import io
import json
import os
import warnings
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError, InceptionWarning, WeightsError
from inception_lib.files import replacing
from inception_lib.weights.formats import described
from inception_lib.weights.header import metadata
from inception_lib.weights.info import Weights

#: The formats, which are the endings of the files too.
FORMATS = ("onnx", "pt2")
INPUT, OUTPUT = "images", "logits"
#: In a `.pt2` file, the name of what goes with the network: JSON, with the keys that an ONNX file has.
METADATA = "inception_lib.json"

_AGREEMENT = 1e-4  # of the largest logit, or of 1
_ONNX_LIMIT = 2**31 - 2**20  # bytes of weights: with the rest, no protobuf file is larger than 2 GiB


def export(
    network: nn.Module,
    path: str | os.PathLike,
    info: Weights | None = None,
    *,
    classes: Iterable[str] | None = None,
) -> Path:
    """Write a network for other programs: ONNX, or a program of torch.export where `path` ends in `.pt2`.

    The input `images` is float32 (batch, channels, height, width), of any batch size; the output `logits` is
    (batch, classes), before any softmax. Auxiliary heads are left out. What is known of the weights is in the
    file under the same keys as in the header of `save_weights` (`classes`, `preprocess`, `source`, `license`
    and others), structures as JSON: in ONNX as `metadata_props`, in `.pt2` as the extra file
    `inception_lib.json`.

    Before the file is put in its place, it is run on batches of other sizes than it was made with, by
    onnxruntime or torch, and its logits are compared with the network's.

    Args:
        network: a `Network`, bare or inside `as_classifier()`, torch.compile or DistributedDataParallel. It
            is not changed, whatever its mode, device and type.
        path: the file to write; one that is there is replaced.
        info: what is known of its weights; where None, `network.info`. Where that is None, too, the input has
            the size of the architecture's, and nothing is said of pre-processing.
        classes: the names of the classes, if not those of `info`.

    Raises:
        WeightsError: the file cannot be written, its logits are not the network's, or the network cannot be
            described, as with `save_weights`.
        InceptionError: ONNX is asked for, and a package for it is missing.
    """
    path = Path(path)
    check_target(path)
    bare, _, said = described(network, path, info, classes)
    said = replace(
        said, architecture=said.architecture.without_heads(), tensors=said.tensors.partition("+")[0]
    )
    header, shape = metadata(said), bare.architecture.input
    if info or bare.info:
        shape = shape[0], said.preprocess.crop, said.preprocess.crop
    else:
        del header["preprocess"]
    images = _images((3, *shape), said.preprocess)
    model = copy.deepcopy(bare).float().cpu().eval().as_classifier()
    with torch.no_grad():
        expected = model(images)
        made = (_onnx if path.suffix == ".onnx" else _pt2)(path, model, images[:2], header)
        _check(path, made, images, expected)
    try:
        with replacing(path) as new:
            new.write_bytes(made)
    except OSError as error:
        raise WeightsError(f"{path}: the file cannot be written ({error.strerror or error}).") from None
    return path


def check_target(path: Path) -> None:
    """Refuse a file that cannot be written, before anything is fetched or made.

    Raises:
        WeightsError: its ending is none of `FORMATS`, or its folder is not there.
        InceptionError: a package is missing.
    """
    if path.suffix.removeprefix(".") not in FORMATS:
        raise WeightsError(f"{path}: networks are exported to files that end in .onnx or .pt2.")
    if path.is_dir() or not path.parent.is_dir():
        raise WeightsError(f"{path}: cannot be written; it must be a file in a folder that is there.")
    missing = [name for name in ("onnx", "onnxscript") if path.suffix == ".onnx" and find_spec(name) is None]
    if missing:
        raise InceptionError(
            f"{path}: torch needs {' and '.join(missing)} to write ONNX: pip install onnx onnxscript "
            f"onnxruntime (the extra inception-lib[export]); a .pt2 file needs nothing more."
        )


def _images(shape: tuple[int, ...], preprocess: Preprocess) -> Tensor:
    """Noise in the range of normalized images."""
    noise = torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 0.5
    return preprocess.white / min(preprocess.std) * noise


def _pt2(path: Path, model: nn.Module, images: Tensor, header: dict[str, str]) -> bytes:
    program = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # it names folders of this machine
    file = io.BytesIO()
    torch.export.save(program, file, extra_files={METADATA: json.dumps(header, allow_nan=False)})
    return file.getvalue()


def _onnx(path: Path, model: nn.Module, images: Tensor, header: dict[str, str]) -> bytes:
    import onnx

    if sum(value.nbytes for value in model.state_dict().values()) > _ONNX_LIMIT:
        raise WeightsError(f"{path}: an ONNX file holds 2 GB at most, and the weights are more; use .pt2.")
    with warnings.catch_warnings(action="ignore"):  # torch warns itself
        program = torch.onnx.export(
            model,
            (images,),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            verbose=False,
        )
    assert program is not None
    made = program.model_proto
    graph = made.graph
    # the exporter's notes, among them folders of this machine
    for part in (*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        part.ClearField("metadata_props")
    onnx.helper.set_model_props(made, header)
    onnx.checker.check_model(made, full_check=True)
    return made.SerializeToString()


def _check(path: Path, made: bytes, images: Tensor, expected: Tensor) -> None:
    """Refuse a file that does not give what is expected, for one image and for all."""
    if path.suffix == ".onnx" and find_spec("onnxruntime") is None:
        unchecked = f"{path}: was not compared with the network, since onnxruntime is not installed."
        warnings.warn(unchecked, InceptionWarning, stacklevel=3)
        return
    with warnings.catch_warnings(action="ignore"):
        run = _runner(path, made)
    for batch in (images[:1], images):
        difference = float((run(batch) - expected[: len(batch)]).abs().max())
        if not difference <= _AGREEMENT * max(1.0, float(expected.abs().max())):
            raise WeightsError(
                f"{path}: was not written, since its logits differ from the network's by {difference:.2g}."
            )


def _runner(path: Path, made: bytes) -> Callable[[Tensor], Tensor]:
    """What runs a file on images and gives the logits."""
    if path.suffix == ".pt2":
        return torch.export.load(io.BytesIO(made)).module()
    import onnxruntime

    session = onnxruntime.InferenceSession(made, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
