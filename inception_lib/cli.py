"""The command line: `inception count`, `audit`, `predict`, `evaluate` and `train`.

Each subcommand imports what it needs when it runs, so that counting never waits for torch.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from inception_lib.architecture import Stem, Variant
from inception_lib.errors import InceptionError
from inception_lib.evaluation.command import evaluate
from inception_lib.lineage import Name

#: A subcommand returns the exit status.
Command = Callable[..., int]


def _option(default: str, metavar: str) -> Any:
    """An option whose default is the network's own: None here, and in the help what that comes to."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint=f"(default: {default})")


def count(
    network: Name = "googlenet",
    variant: Annotated[Variant | None, _option("paper", "{paper,inception5h,torchvision}")] = None,
    width: Annotated[float | None, _option("1.0", "FLOAT")] = None,
    classes: Annotated[int | None, _option("1000, LeNet-5 10", "INT")] = None,
    heads: bool = True,
    stem: Annotated[Stem | None, _option("plain, BN-Inception separable", "{plain,separable}")] = None,
    input_size: Annotated[int | None, _option("the network's own, GoogLeNet 224", "INT")] = None,
    format: Literal["text", "json", "csv"] = "text",
    formulas: bool = False,
) -> int:
    """Count the operations and parameters of GoogLeNet, or of another network, layer by layer.

    An option that the network does not have is refused.

    Args:
        network: GoogLeNet, or one of the networks before and after it.
        variant: The paper's network, Google's released Inception5h widths, or torchvision's.
        width: Multiplies every channel count but the number of classes.
        classes: Outputs of each classifier.
        heads: Count the auxiliary classifiers too.
        stem: A plain 7x7 first layer, or the separable one that fits the paper's printed figures.
        input_size: Height and width of the picture, in pixels.
        format: How to print it.
        formulas: In text, show each product with its numbers put in.
    """
    from inception_lib.counting import count as counts_of
    from inception_lib.lineage import NETWORKS

    make = NETWORKS[network].make
    options = signature(make).parameters
    given = {"variant": variant, "width": width, "classes": classes, "stem": stem, "input_size": input_size}
    given = {name: value for name, value in given.items() if value is not None}
    for name in given:
        if name not in options:
            raise InceptionError(f"--{name.replace('_', '-')} is not an option of {NETWORKS[network].title}.")
    if "heads" in options:
        given["heads"] = heads
    counts = counts_of(make(**given))
    match format:
        case "text":
            print(counts.to_text(formulas=formulas))
        case "json":
            print(counts.to_json())
        case "csv":
            print(counts.table().to_csv(), end="")
    return 0


def audit(format: Literal["text", "json", "csv"] = "text") -> int:
    """Compare each figure that the paper prints with exact arithmetic.

    Args:
        format: How to print it.
    """
    from inception_lib import paper

    result = paper.audit()
    match format:
        case "text":
            print(result.to_text())
        case "json":
            print(result.to_json())
        case "csv":
            print(result.table().to_csv(index=False), end="")
    return 0


def predict(
    photos: Annotated[tuple[Path, ...], tyro.conf.Positional,
                      tyro.conf.arg(metavar="PHOTO...", help_behavior_hint="")],
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

    from inception_lib.network import load_weights
    from inception_lib.pictures import read_picture

    network, info = load_weights(weights, heads=False)
    results, bad = [], 0
    for photo in photos:
        result: dict = {"picture": str(photo)}
        results.append(result)
        try:
            picture = info.preprocess(read_picture(photo))
        except InceptionError as error:
            bad += 1
            result["error"] = str(error)
            sys.stdout.flush()
            print(f"inception: {error}", file=sys.stderr)
            continue
        with torch.inference_mode():
            probabilities = network(picture[None]).logits[0].softmax(0)
        best = probabilities.topk(min(top, len(probabilities)))
        result["predictions"] = [
            {"class": info.classes[i] if info.classes else f"class {i}", "output": i, "probability": p}
            for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
        if format == "text":
            print(photo)
            for line in result["predictions"]:
                print(f"  {100 * line['probability']:5.1f} %  {line['class']}")
    if format == "json":
        print(json.dumps({"weights": info.name, "source": info.source, "pictures": results}, indent=1))
    return 1 if bad else 0


#: The subcommands by name, but for `train`, which is made for the recipe that the command line names.
COMMANDS: dict[str, Command] = {
    "count": count, "audit": audit, "predict": predict, "evaluate": evaluate}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, as `run` does."""
    args = sys.argv[1:] if argv is None else list(argv)
    commands = COMMANDS
    if args[:1] not in ([name] for name in COMMANDS):  # what they need not, they do not wait for
        from inception_lib.training.command import train_command

        commands = COMMANDS | {"train": train_command(args)}
    return run(lambda: tyro.extras.subcommand_cli_from_dict(
        commands, prog="inception", args=args,
        description="GoogLeNet (Inception v1): arithmetic, the paper's figures; predict, evaluate, train."))


def run(command: Callable[[], int], name: str = "inception") -> int:
    """Run a command and turn what goes wrong into one sentence on stderr; returns the exit status.

    0: done. 1: something was wrong with the input. 2: the command line was not understood. 130:
    interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        status = command()
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return status
    except SystemExit as stop:  # --help, or an argument that is not understood
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except InceptionError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (`| head`) has what it wanted; Python must not complain again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
