"""ResNet-34 and ResNet-50, as data."""

from __future__ import annotations

from typing import Literal

from inception_lib.architecture import Architecture, Branch, Branches, Conv, GlobalPool, Linear
from inception_lib.errors import ArchitectureError
from inception_lib.networks.parts import Form, check_form, max_pool

#: Blocks in each of ResNet's four stages (the paper's Table 1).
RESNET_BLOCKS: dict[int, tuple[int, ...]] = {34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def residual_block(
    name: str,
    width: int,
    *,
    bottleneck: bool,
    stride: int = 1,
    project: bool = False,
    stride_in_3x3: bool = False,
) -> Branches:
    """A residual block: the sum of a few convolutions and of a shortcut, then ReLU (the paper's figure 5).

    Args:
        name: of the module.
        width: channels of its 3x3 convolutions; a bottleneck gives four times as many.
        bottleneck: 1x1, 3x3, 1x1 instead of two 3x3.
        stride: of the block, in its first convolution and in the shortcut.
        project: with a 1x1 convolution in the shortcut, where the shape changes.
        stride_in_3x3: a bottleneck has its stride in the 3x3, as torchvision has it.
    """

    def conv(name: str, out: int, kernel: int, stride: int = 1, relu: bool = True) -> Conv:
        return Conv(
            name=name,
            out_channels=out,
            kernel=kernel,
            stride=stride,
            padding=kernel // 2,
            bias=False,
            batch_norm=True,
            relu=relu,
            norm_eps=1e-5,
        )

    residual: tuple[Conv, ...]
    if bottleneck:
        out = 4 * width
        first, second = (1, stride) if stride_in_3x3 else (stride, 1)
        residual = (
            conv("1x1_reduce", width, 1, first),
            conv("3x3", width, 3, second),
            conv("1x1_expand", out, 1, relu=False),
        )
    else:
        out = width
        residual = (conv("3x3_1", width, 3, stride), conv("3x3_2", width, 3, relu=False))
    shortcut = (conv("projection", out, 1, stride, relu=False),) if project else ()
    return Branches(
        name=name,
        join="add",
        relu=True,
        branches=(Branch(name="residual", layers=residual), Branch(name="shortcut", layers=shortcut)),
    )


def resnet(
    depth: Literal[34, 50] = 50, variant: Form = "paper", *, classes: int = 1000, input_size: int = 224
) -> Architecture:
    """ResNet-34 or ResNet-50, with projections where the shape changes (the paper's option B).

    Args:
        depth: 34, of two 3x3 each block; 50, of bottlenecks.
        variant: `paper`: a bottleneck that halves the grid does so in its first 1x1.
            `torchvision`: in its 3x3, known as ResNet v1.5. For 34 both are the same network.
        classes: outputs of the classifier.
        input_size: height and width of the input, in pixels.

    The constant of batch normalization is 1e-5, torch's own; the paper gives none.

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (CVPR 2016,
    arXiv 1512.03385), Table 1 and section 3.3.
    """
    check_form(variant)
    if depth not in RESNET_BLOCKS:
        raise ArchitectureError(f"There is no ResNet-{depth} here; there are ResNet-34 and ResNet-50.")
    bottleneck = depth == 50
    blocks = []
    for stage, number in enumerate(RESNET_BLOCKS[depth], start=2):
        for i in range(number):
            first = i == 0
            blocks.append(
                residual_block(
                    f"conv{stage}_{i + 1}",
                    64 * 2 ** (stage - 2),
                    bottleneck=bottleneck,
                    stride=2 if first and stage > 2 else 1,
                    project=first and (bottleneck or stage > 2),
                    stride_in_3x3=variant == "torchvision",
                )
            )
    name = f"resnet{depth}" + (f"-{variant}" if bottleneck else "")
    return Architecture(
        name=name,
        input=(3, input_size, input_size),
        layers=(
            Conv(
                name="conv1",
                out_channels=64,
                kernel=7,
                stride=2,
                padding=3,
                bias=False,
                batch_norm=True,
                norm_eps=1e-5,
            ),
            max_pool("pool1", padding=1),
            *blocks,
            GlobalPool(name="pool5"),
            Linear(name="fc", out_features=classes),
        ),
    )
