"""The command `inception count`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import tyro

from inception_lib.history import Name
from inception_lib.networks.googlenet import Stem, Variant


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
    from inception_lib.history import build

    architecture = build(
        network, variant=variant, width=width, classes=classes, stem=stem, input_size=input_size
    )
    counts = counts_of(architecture if heads else architecture.without_heads())
    match format:
        case "text":
            print(counts.to_text(formulas=formulas))
        case "json":
            print(counts.to_json())
        case "csv":
            print(counts.table().to_csv(), end="")
    return 0
