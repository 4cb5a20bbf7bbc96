"""GoogLeNet as data: the widths of its Table 1, its modules, and the whole network in its variants."""

from __future__ import annotations

from typing import Literal, NamedTuple

from inception_lib.architecture import (
    LRN,
    Architecture,
    Branch,
    Branches,
    Conv,
    Dropout,
    GlobalPool,
    Head,
    Layer,
    Linear,
    Pool,
)
from inception_lib.errors import ArchitectureError


class Widths(NamedTuple):
    """The six widths of an Inception module, in the order of the paper's Table 1."""

    n1x1: int
    reduce3x3: int
    n3x3: int
    reduce5x5: int
    n5x5: int
    pool_proj: int

    @property
    def out_channels(self) -> int:
        """Channels of the concatenation: the two reductions are inside, not in the output."""
        return self.n1x1 + self.n3x3 + self.n5x5 + self.pool_proj


#: The paper's Table 1, columns #1x1 to "pool proj".
PAPER_WIDTHS: dict[str, Widths] = {
    "3a": Widths(64, 96, 128, 16, 32, 32),
    "3b": Widths(128, 128, 192, 32, 96, 64),
    "4a": Widths(192, 96, 208, 16, 48, 64),
    "4b": Widths(160, 112, 224, 24, 64, 64),
    "4c": Widths(128, 128, 256, 24, 64, 64),
    "4d": Widths(112, 144, 288, 32, 64, 64),
    "4e": Widths(256, 160, 320, 32, 128, 128),
    "5a": Widths(256, 160, 320, 32, 128, 128),
    "5b": Widths(384, 192, 384, 48, 128, 128),
}

#: Google's released "Inception5h" graph differs from the printed table in two cells.
INCEPTION5H_WIDTHS = PAPER_WIDTHS | {
    "4a": PAPER_WIDTHS["4a"]._replace(n3x3=204),
    "5a": PAPER_WIDTHS["5a"]._replace(reduce5x5=48),
}

Variant = Literal["paper", "inception5h", "torchvision"]
Stem = Literal["plain", "separable"]
VARIANTS: tuple[Variant, ...] = ("paper", "inception5h", "torchvision")


def inception_module(
    name: str,
    widths: Widths,
    *,
    large_kernel: int = 5,
    batch_norm: bool = False,
    ceil_pool: bool = False,
    out_channels: int | None = None,
) -> Branches:
    """The Inception module with dimension reductions (the paper's figure 2b).

    `large_kernel` is the kernel of the "5x5" branch: 5, or 3 in torchvision's network.
    """

    def conv(name: str, out: int, kernel: int) -> Conv:
        return Conv(
            name=name,
            out_channels=out,
            kernel=kernel,
            padding=kernel // 2,
            bias=not batch_norm,
            batch_norm=batch_norm,
        )

    return Branches(
        name=name,
        out_channels=out_channels,
        branches=(
            Branch(name="1x1", layers=(conv("1x1", widths.n1x1, 1),)),
            Branch(name="3x3", layers=(conv("3x3_reduce", widths.reduce3x3, 1), conv("3x3", widths.n3x3, 3))),
            Branch(
                name="5x5",
                layers=(conv("5x5_reduce", widths.reduce5x5, 1), conv("5x5", widths.n5x5, large_kernel)),
            ),
            Branch(
                name="pool",
                layers=(
                    Pool(name="pool", op="max", kernel=3, padding=1, ceil=ceil_pool),
                    conv("pool_proj", widths.pool_proj, 1),
                ),
            ),
        ),
    )


def naive_module(name: str, widths: Widths) -> Branches:
    """The naive Inception module (the paper's figure 2a): no reductions and no pool projection.

    It takes the widths of the three convolutions from `widths`; the pool passes all its input on.
    """

    def conv(name: str, out: int, kernel: int) -> Conv:
        return Conv(name=name, out_channels=out, kernel=kernel, padding=kernel // 2)

    return Branches(
        name=name,
        branches=(
            Branch(name="1x1", layers=(conv("1x1", widths.n1x1, 1),)),
            Branch(name="3x3", layers=(conv("3x3", widths.n3x3, 3),)),
            Branch(name="5x5", layers=(conv("5x5", widths.n5x5, 5),)),
            Branch(name="pool", layers=(Pool(name="pool", op="max", kernel=3, padding=1),)),
        ),
    )


MOST_WIDTH = 1000  #: of the multiplier; so wide a network has ten million million parameters


def scaled(channels: int, width: float) -> int:
    """A channel count under a width multiplier: rounded half up, never below 1."""
    return max(1, int(channels * width + 0.5))


def googlenet(
    variant: Variant = "paper",
    *,
    width: float = 1.0,
    classes: int = 1000,
    heads: bool = True,
    stem: Stem = "plain",
    input_size: int = 224,
) -> Architecture:
    """GoogLeNet, in the variant asked for.

    Args:
        variant: `paper`: the widths printed in Table 1; ReLU, LRN, no batch normalization.
            `inception5h`: the same with the two widths that Google's released graph has otherwise.
            `torchvision`: torchvision's network: batch normalization, no LRN, no biases in its
            convolutions, 3x3 instead of 5x5, a 2x2/2 pool before 5a, dropout 0.2.
        width: multiplies every channel count but the number of classes.
        classes: outputs of each classifier.
        heads: with the two auxiliary classifiers, on 4a and 4d.
        stem: `plain`: a 7x7 convolution; `separable`: a depthwise 7x7 with multiplier 8, then a
            1x1. That the paper's network had a separable first layer is an inference: it is what
            the printed 2.7K parameters and 34M operations fit.
        input_size: height and width of the input, in pixels.

    Raises:
        ArchitectureError: the network cannot exist, for instance because the input is too small.

    Source: the paper's section 5 and Table 1; strides, paddings, rounding, LRN constants and the
    order of pooling and LRN from BVLC's prototxt, on both of which the paper is silent.
    """
    if variant not in VARIANTS:
        raise ArchitectureError(f"There is no variant {variant!r}; there are {', '.join(VARIANTS)}.")
    if stem not in ("plain", "separable"):
        raise ArchitectureError(f"There is no stem {stem!r}; there are plain and separable.")
    if not 0 < width <= MOST_WIDTH:
        raise ArchitectureError(
            f"The width multiplier must be a number above 0 and at most {MOST_WIDTH:,}, not {width}."
        )
    theirs = variant == "torchvision"
    table = INCEPTION5H_WIDTHS if variant == "inception5h" else PAPER_WIDTHS

    def c(channels: int) -> int:
        return scaled(channels, width)

    def conv(name: str, out: int, kernel: int, stride: int = 1) -> Conv:
        return Conv(
            name=name,
            out_channels=c(out),
            kernel=kernel,
            stride=stride,
            padding=kernel // 2,
            bias=not theirs,
            batch_norm=theirs,
        )

    def pool(name: str, kernel: int = 3) -> Pool:
        return Pool(name=name, op="max", kernel=kernel, stride=2, ceil=True)

    def norm(name: str) -> tuple[LRN, ...]:
        return () if theirs else (LRN(name=name),)

    def module(key: str) -> Branches:
        return inception_module(
            f"inception_{key}",
            Widths(*map(c, table[key])),
            large_kernel=3 if theirs else 5,
            batch_norm=theirs,
            ceil_pool=theirs,
        )

    def head(name: str, after: str) -> Head:
        shrink = (
            GlobalPool(name="pool", output=4)
            if theirs
            else Pool(name="pool", op="average", kernel=5, stride=3, ceil=True)
        )
        return Head(
            name=name,
            after=after,
            loss_weight=0.3,
            layers=(
                shrink,
                conv("conv", 128, 1),
                Linear(name="fc", out_features=c(1024), relu=True),
                Dropout(name="dropout", p=0.7),
                Linear(name="classifier", out_features=classes),
            ),
        )

    if stem == "plain":
        first: tuple[Layer, ...] = (conv("conv1", 64, 7, stride=2),)
    else:
        first = (
            Conv(
                name="conv1_depthwise",
                out_channels=3 * c(8),
                kernel=7,
                stride=2,
                padding=3,
                groups="depthwise",
                bias=False,
                relu=False,
            ),
            conv("conv1", 64, 1),
        )
    return Architecture(
        name=f"googlenet-{variant}",
        input=(3, input_size, input_size),
        layers=(
            *first,
            pool("pool1"),
            *norm("norm1"),
            conv("conv2_reduce", 64, 1),
            conv("conv2", 192, 3),
            *norm("norm2"),
            pool("pool2"),
            module("3a"),
            module("3b"),
            pool("pool3"),
            module("4a"),
            module("4b"),
            module("4c"),
            module("4d"),
            module("4e"),
            pool("pool4", kernel=2 if theirs else 3),
            module("5a"),
            module("5b"),
            GlobalPool(name="pool5"),
            Dropout(name="dropout", p=0.2 if theirs else 0.4),
            Linear(name="classifier", out_features=classes),
        ),
        heads=(head("aux1", "inception_4a"), head("aux2", "inception_4d")) if heads else (),
    )
