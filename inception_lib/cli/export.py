"""The command `inception export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import tyro

from inception_lib.errors import InceptionError, printable

Format = Literal["onnx", "pt2"]


def export(
    weights: str = "bvlc",
    format: Annotated[Format | None, tyro.conf.arg(metavar="{onnx,pt2}")] = None,
    out: Path | None = None,
) -> int:
    """Write a network with its weights for other programs: onnxruntime, OpenCV, TensorRT, torch without this.

    The file takes a batch of any size, `images`, and gives `logits`. How an image becomes its input, and the
    names of the classes, are in the file.

    Args:
        weights: `bvlc` or `torchvision` (fetched once and kept), or the path of a weights file.
        format: ONNX, or a program of torch.export; where not given, as --out ends, else onnx.
        out: The file to write; where not given, in this folder, and named as the weights.
    """
    path = out or Path(f"{Path(weights).stem}.{format or 'onnx'}")
    if format and path.suffix != f".{format}":
        raise InceptionError(f"--out {path}: a file of the format {format} ends in .{format}.")

    from inception_lib.weights.export import INPUT, OUTPUT, check_target
    from inception_lib.weights.export import export as write
    from inception_lib.weights.loading import load_weights

    check_target(path)
    network, info = load_weights(weights, heads=False)
    write(network, path, info)
    preprocess, classes = info.preprocess, info.classes or ("no names",)
    named = ", ".join(classes if len(classes) < 6 else (*classes[:3], "...", classes[-1]))
    print(
        f"{printable(str(path))}  {path.stat().st_size / 1e6:.1f} MB\n"
        f"{INPUT}  float32 (batch, 3, {preprocess.crop}, {preprocess.crop}): {preprocess.describe()}\n"
        f"{OUTPUT}  float32 (batch, {info.architecture.classes}), before the softmax: {printable(named)}"
    )
    return 0
