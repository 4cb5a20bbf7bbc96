"""The command `inception predict`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Literal

import tyro

from inception_lib.errors import InceptionError, PictureError, printable


def predict(
    photos: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO...", help_behavior_hint="")
    ],
    weights: str = "bvlc",
    top: int = 5,
    format: Literal["text", "json"] = "text",
) -> int:
    """Name what is in each photograph: the most probable classes, with their probabilities.

    Args:
        photos: The pictures, in any common format.
        weights: `bvlc` or `torchvision` (fetched once and kept), or the path of a weights file.
        top: How many classes to print for each picture.
        format: How to print it.
    """
    if not photos:
        raise InceptionError("predict needs the path of at least one picture.")
    if top < 1:
        raise InceptionError(f"--top must be at least 1, not {top}.")

    import torch

    from inception_lib.data.images import read_picture
    from inception_lib.weights.loading import load_weights

    network, info = load_weights(weights, heads=False)
    results, bad = [], 0
    for photo in photos:
        result: dict = {"picture": str(photo)}
        results.append(result)
        try:
            picture = info.preprocess(read_picture(photo))
            with torch.inference_mode():
                probabilities = network(picture[None]).logits[0].softmax(0)
            if not probabilities.isfinite().all():
                raise PictureError(f"{photo}: what {info.name} answers is not a number.")
        except InceptionError as error:
            bad += 1
            result["error"] = str(error)
            sys.stdout.flush()
            print(f"inception: {error}", file=sys.stderr)
            continue
        best = probabilities.topk(min(top, len(probabilities)))
        result["predictions"] = [
            {"class": info.classes[i] if info.classes else f"class {i}", "output": i, "probability": p}
            for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]
        if format == "text":
            print(printable(str(photo)))
            for line in result["predictions"]:
                print(f"  {100 * line['probability']:5.1f} %  {printable(line['class'])}")
    if format == "json":
        answer = {"weights": info.name, "source": info.source, "pictures": results}
        print(json.dumps(answer, indent=1, allow_nan=False))
    return 1 if bad else 0
