"""The command `inception predict`."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from inception_lib.cli.options import PreprocessName, load
from inception_lib.errors import InceptionError, printable

if TYPE_CHECKING:
    from inception_lib.evaluation.prediction import Prediction
    from inception_lib.weights.info import Weights


def predict(
    photos: Annotated[
        tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="PHOTO...", help_behavior_hint="")
    ],
    weights: str = "bvlc",
    top: int = 5,
    crops: Literal[1, 10, 144] = 1,
    device: str | None = None,
    batch: int | None = None,
    format: Literal["text", "json", "csv"] = "text",
    preprocess: PreprocessName | None = None,
    classes: Path | None = None,
    warp: bool = False,
) -> int:
    """Name what is in each photograph: the most probable classes, with their probabilities.

    Args:
        photos: Pictures in any common format, or folders: all pictures below them, none of them hidden.
        weights: `bvlc` or `torchvision` (fetched once and kept), or the path of a weights file.
        top: How many classes to print for each picture.
        crops: Of each picture, over which the probabilities are averaged. 1: the center. 10: corners, center
            and mirror images. 144: the paper's.
        device: cpu, cuda, cuda:1, mps, xpu; the accelerator if there is one.
        batch: Crops that go through the network at once; 32, or 256 on an accelerator.
        format: How to print it.
        preprocess: Whose normalization the weights want, where their file does not say or is wrong: BVLC's,
            that of torchvision's published GoogLeNet (and of what was fine-tuned from it), or torchvision's
            usual one.
        classes: A text file with the names of the network's outputs, one per line.
        warp: Resize pictures to a square whatever their shape, as Caffe's tutorial prepares ImageNet.
    """
    if not photos:
        raise InceptionError("predict needs the path of at least one picture.")
    for option, value in (("--top", top), ("--batch", batch)):
        if value is not None and value < 1:
            raise InceptionError(f"{option} must be at least 1, not {value}.")

    from tqdm import tqdm

    from inception_lib.evaluation.prediction import predict_many

    loaded = load(weights, preprocess, classes, warp)
    progress = format == "json" or not sys.stdout.isatty()  # else what is printed shows it
    found = predict_many(photos, loaded, top=top, crops=crops, device=device, batch=batch, progress=progress)
    failed = 0

    def complaining() -> Iterator[Prediction]:
        nonlocal failed
        for prediction in found:
            if prediction.error:
                failed += 1
                sys.stdout.flush()
                tqdm.write(f"inception: {printable(prediction.error)}", file=sys.stderr)
            yield prediction

    {"text": _print_text, "json": _print_json, "csv": _print_csv}[format](complaining(), loaded.info)
    return 1 if failed else 0


def _print_text(predictions: Iterable[Prediction], info: Weights) -> None:
    for prediction in predictions:
        if not prediction.error:
            print(prediction)


def _print_json(predictions: Iterable[Prediction], info: Weights) -> None:
    pictures: list[dict] = []
    for prediction in predictions:
        pictures.append({"picture": prediction.picture})
        if prediction.error:
            pictures[-1]["error"] = prediction.error
        else:
            pictures[-1]["predictions"] = [
                {"class": guess.name, "output": guess.output, "probability": guess.probability}
                for guess in prediction
            ]
    answer = {"weights": info.name, "source": info.source, "pictures": pictures}
    print(json.dumps(answer, indent=1, allow_nan=False))


def _print_csv(predictions: Iterable[Prediction], info: Weights) -> None:
    """One row for each class of each picture; a picture that cannot be read has one with its error."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["picture", "rank", "class", "output", "probability", "error"])
    for prediction in predictions:
        picture = printable(prediction.picture)
        if prediction.error:
            rows.writerow([picture, "", "", "", "", printable(prediction.error)])
            continue
        for rank, guess in enumerate(prediction, 1):
            rows.writerow([picture, rank, printable(guess.name), guess.output, guess.probability, ""])
