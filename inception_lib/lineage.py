"""The networks before and after GoogLeNet, as the same data: countable, drawable, buildable.

Each function gives an `Architecture`; `NETWORKS` names them all, each with its year, its paper and the top-5
errors that were published, by test procedure. All end in logits: the softmax is not a layer here. `classes`
is the number of outputs of every classifier, and `input_size` the height and width of the input in
pixels; an `ArchitectureError` names the layer that an input is too small for. A network with fully
connected layers on a grid has as many weights there as its input size asks for.

This module imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

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
    Scale,
    Select,
    Stem,
    Tanh,
    googlenet,
    pair,
)
from inception_lib.counting import count
from inception_lib.errors import ArchitectureError
from inception_lib.paper import TABLE2, TABLE3

if TYPE_CHECKING:
    import pandas

#: `paper`: as the network's own paper has it. `torchvision`: as torchvision builds it.
Form = Literal["paper", "torchvision"]


def _check_form(form: str) -> None:
    if form not in ("paper", "torchvision"):
        raise ArchitectureError(f"There is no variant {form!r}; there are paper and torchvision.")


def _max_pool(name: str, *, kernel: int = 3, stride: int = 2, padding: int = 0, ceil: bool = False) -> Pool:
    return Pool(name=name, op="max", kernel=kernel, stride=stride, padding=padding, ceil=ceil)


def _norm_conv(name: str, out: int, kernel: int | tuple[int, int] = 1, *, stride: int = 1,
               same: bool = True) -> Conv:
    """A convolution without bias, then batch normalisation and ReLU; `same` keeps the grid at stride 1."""
    rows, columns = pair(kernel)
    return Conv(name=name, out_channels=out, kernel=kernel, stride=stride, bias=False, batch_norm=True,
                padding=(rows // 2, columns // 2) if same else 0)


def _module(name: str, **branches: Iterable[Layer]) -> Branches:
    """A module of the named branches, in order; a digit cannot begin a keyword, so `_1x1` is `1x1`."""
    return Branches(name=name, branches=tuple(
        Branch(name=branch.removeprefix("_"), layers=tuple(layers)) for branch, layers in branches.items()))


# ------------------------------------------------------------------------------------- before 2014

#: LeNet-5's C3: which of S2's six maps each of its sixteen maps is connected to (LeCun et al., Table I).
LENET5_C3: tuple[tuple[int, ...], ...] = (
    (0, 1, 2), (1, 2, 3), (2, 3, 4), (3, 4, 5), (0, 4, 5), (0, 1, 5),
    (0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (0, 3, 4, 5), (0, 1, 4, 5), (0, 1, 2, 5),
    (0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


def lenet5(*, classes: int = 10, input_size: int = 32) -> Architecture:
    """LeNet-5: grey 32x32 input, 60,000 trained parameters before the output layer.

    C3's maps see 3, 4 or 6 of S2's maps (Table I). Subsampling averages 2x2 and then has a trained
    factor and bias per map; the paper sums, so that its factor is a quarter of this one. After every
    layer up to F6 stands 1.7159 tanh(2/3 x).

    Difference from the paper: its ten outputs are distances from F6 to fixed codes (Euclidean radial
    basis functions, with no trained parameter); here they are a fully connected layer, as in nearly all
    re-implementations, which adds 850 parameters.

    Source: LeCun, Bottou, Bengio and Haffner, "Gradient-based learning applied to document
    recognition" (Proceedings of the IEEE, 1998), section II.B, Table I; the sigmoid in appendix A.
    """
    def conv(name: str, out: int) -> Conv:
        return Conv(name=name, out_channels=out, kernel=5, relu=False)

    def tanh(name: str) -> Tanh:
        return Tanh(name=f"{name}_tanh", amplitude=1.7159, slope=2 / 3)

    def subsample(name: str) -> tuple[Layer, ...]:
        return Pool(name=name, op="average", kernel=2, stride=2), Scale(name=f"{name}_scale"), tanh(name)

    c3 = Branches(name="c3", out_channels=16, branches=tuple(
        Branch(name=f"map{i}", layers=(Select(name=f"inputs{i}", channels=channels), conv(f"map{i}", 1)))
        for i, channels in enumerate(LENET5_C3)))
    return Architecture(name="lenet5", input=(1, input_size, input_size), layers=(
        conv("c1", 6), tanh("c1"),
        *subsample("s2"),
        c3, tanh("c3"),
        *subsample("s4"),
        conv("c5", 120), tanh("c5"),
        Linear(name="f6", out_features=84), tanh("f6"),
        Linear(name="output", out_features=classes),
    ))


def _fully_connected(classes: int) -> tuple[Layer, ...]:
    """The classifier of AlexNet, ZFNet and VGG: twice 4096 with dropout after it, then the classes."""
    return (
        Linear(name="fc6", out_features=4096, relu=True), Dropout(name="drop6", p=0.5),
        Linear(name="fc7", out_features=4096, relu=True), Dropout(name="drop7", p=0.5),
        Linear(name="fc8", out_features=classes),
    )


def _alexnet_norm(name: str) -> LRN:
    """LRN with the constants of AlexNet's paper, whose alpha is not divided by the size; ours is."""
    return LRN(name=name, size=5, alpha=5e-4, beta=0.75, k=2.0)


def alexnet(variant: Form = "paper", *, classes: int = 1000, input_size: int | None = None) -> Architecture:
    """AlexNet: five convolutions and three fully connected layers.

    Args:
        variant: `paper`: the network of 2012, whose two halves on two GPUs meet only in conv3 and in the
            fully connected layers: a convolution in two groups is the same arithmetic.
            `torchvision`: the one-tower form of Krizhevsky's "One weird trick for parallelizing
            convolutional neural networks" (arXiv 1404.5997) as torchvision has it: 64, 192, 384, 256,
            256 maps, no groups, no LRN, dropout before fc6 and fc7 instead of after, and pooling to
            6x6 whatever the input.
        classes: outputs of the classifier.
        input_size: pixels; 227 where None, in torchvision's form 224.

    Difference from the paper: it says 224x224 input, but the 55x55 maps of its figure 2 need 227
    without padding; paddings are Caffe's (models/bvlc_alexnet), since the paper is silent on them.
    Caffe's own LRN divides alpha by the size and has k = 1; here are the paper's constants.

    Source: Krizhevsky, Sutskever and Hinton, "ImageNet classification with deep convolutional neural
    networks" (NIPS 2012), section 3.5; LRN in 3.3, overlapping pools in 3.4, dropout in 4.2.
    """
    _check_form(variant)

    def conv(name: str, out: int, kernel: int, groups: int = 1, stride: int = 1,
             padding: int | None = None) -> Conv:
        return Conv(name=name, out_channels=out, kernel=kernel, groups=groups, stride=stride,
                    padding=kernel // 2 if padding is None else padding)

    if variant == "torchvision":
        size = 224 if input_size is None else input_size
        return Architecture(name="alexnet-torchvision", input=(3, size, size), layers=(
            conv("conv1", 64, 11, stride=4, padding=2),
            _max_pool("pool1"),
            conv("conv2", 192, 5),
            _max_pool("pool2"),
            conv("conv3", 384, 3), conv("conv4", 256, 3), conv("conv5", 256, 3),
            _max_pool("pool5"),
            GlobalPool(name="pool5_6x6", output=6),
            Dropout(name="drop5", p=0.5),
            Linear(name="fc6", out_features=4096, relu=True), Dropout(name="drop6", p=0.5),
            Linear(name="fc7", out_features=4096, relu=True),
            Linear(name="fc8", out_features=classes),
        ))
    size = 227 if input_size is None else input_size
    return Architecture(name="alexnet-paper", input=(3, size, size), layers=(
        conv("conv1", 96, 11, stride=4, padding=0),
        _alexnet_norm("norm1"),
        _max_pool("pool1"),
        conv("conv2", 256, 5, groups=2),
        _alexnet_norm("norm2"),
        _max_pool("pool2"),
        conv("conv3", 384, 3), conv("conv4", 384, 3, groups=2), conv("conv5", 256, 3, groups=2),
        _max_pool("pool5"),
        *_fully_connected(classes),
    ))


def zfnet(*, classes: int = 1000, input_size: int = 224) -> Architecture:
    """ZFNet: AlexNet with a 7x7 first layer at stride 2, a strided second one, and no groups.

    The paper does not give paddings and rounding; padding 1 in conv1 and pools that round up are what
    its printed grids 110, 55, 26, 13, 13, 6 ask for. It says "contrast normalized across feature maps"
    and gives no constants: here are AlexNet's, after the pools, as in its figure 3.

    Source: Zeiler and Fergus, "Visualizing and understanding convolutional networks" (ECCV 2014,
    arXiv 1311.2901), figure 3 and section 3.
    """
    def conv(name: str, out: int, kernel: int, *, stride: int = 1, padding: int = 0) -> Conv:
        return Conv(name=name, out_channels=out, kernel=kernel, stride=stride, padding=padding)

    return Architecture(name="zfnet", input=(3, input_size, input_size), layers=(
        conv("conv1", 96, 7, stride=2, padding=1),
        _max_pool("pool1", ceil=True),
        _alexnet_norm("norm1"),
        conv("conv2", 256, 5, stride=2),
        _max_pool("pool2", ceil=True),
        _alexnet_norm("norm2"),
        conv("conv3", 384, 3, padding=1), conv("conv4", 384, 3, padding=1), conv("conv5", 256, 3, padding=1),
        _max_pool("pool5", ceil=True),
        *_fully_connected(classes),
    ))


def nin(*, classes: int = 1000, input_size: int = 224) -> Architecture:
    """Network in Network, in its form for ImageNet: each convolution is followed by two of 1x1.

    The last 1x1 has one map per class, with a ReLU, and their global averages are the logits: there is
    no fully connected layer.

    The paper gives networks for CIFAR, SVHN and MNIST only. This is the one its first author published
    for Caffe ("nin_imagenet", 29 MB of weights).

    Source: Lin, Chen and Yan, "Network in network" (ICLR 2014, arXiv 1312.4400), sections 3.1 and
    3.2; the layers from nin_imagenet's train_val.prototxt (Caffe's model zoo).
    """
    def block(index: int, widths: tuple[int, int, int], kernel: int, stride: int,
              padding: int) -> tuple[Conv, ...]:
        first, *others = widths
        return (
            Conv(name=f"conv{index}", out_channels=first, kernel=kernel, stride=stride, padding=padding),
            *(Conv(name=f"cccp{2 * index - 1 + i}", out_channels=out, kernel=1)
              for i, out in enumerate(others)),
        )

    return Architecture(name="nin", input=(3, input_size, input_size), layers=(
        *block(1, (96, 96, 96), 11, 4, 0),
        _max_pool("pool1", ceil=True),
        *block(2, (256, 256, 256), 5, 1, 2),
        _max_pool("pool2", ceil=True),
        *block(3, (384, 384, 384), 3, 1, 1),
        _max_pool("pool3", ceil=True),
        Dropout(name="dropout", p=0.5),
        *block(4, (1024, 1024, classes), 3, 1, 1),
        GlobalPool(name="pool4"),
    ))


# -------------------------------------------------------------------------------------------- 2014

#: Convolutions in each of VGG's five stages (the paper's Table 1, columns D and E), of these widths.
VGG_STAGES: dict[int, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
VGG_WIDTHS = (64, 128, 256, 512, 512)


def vgg(depth: Literal[16, 19] = 16, *, classes: int = 1000, input_size: int = 224) -> Architecture:
    """VGG-16 or VGG-19: 3x3 convolutions only, and three fully connected layers.

    Differences from torchvision's `vgg16` and `vgg19`: they pool to 7x7 before fc6 whatever the
    input, which does nothing to the grid of a 224x224 picture and is left out here.

    Raises:
        ArchitectureError: another depth, or an input of less than 32 pixels.

    Source: Simonyan and Zisserman, "Very deep convolutional networks for large-scale image
    recognition" (ICLR 2015, arXiv 1409.1556), Table 1, columns D and E; dropout in section 3.1.
    """
    if depth not in VGG_STAGES:
        raise ArchitectureError(f"There is no VGG-{depth} here; there are VGG-16 and VGG-19.")
    layers: list[Layer] = []
    for stage, (convs, width) in enumerate(zip(VGG_STAGES[depth], VGG_WIDTHS, strict=True), start=1):
        layers += (Conv(name=f"conv{stage}_{i}", out_channels=width, kernel=3, padding=1)
                   for i in range(1, convs + 1))
        layers.append(_max_pool(f"pool{stage}", kernel=2))
    return Architecture(name=f"vgg{depth}", input=(3, input_size, input_size),
                        layers=(*layers, *_fully_connected(classes)))


# ------------------------------------------------------------------------------------ residual networks

#: Blocks in each of ResNet's four stages (the paper's Table 1).
RESNET_BLOCKS: dict[int, tuple[int, ...]] = {34: (3, 4, 6, 3), 50: (3, 4, 6, 3)}


def residual_block(name: str, width: int, *, bottleneck: bool, stride: int = 1, project: bool = False,
                   stride_in_3x3: bool = False) -> Branches:
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
        return Conv(name=name, out_channels=out, kernel=kernel, stride=stride, padding=kernel // 2,
                    bias=False, batch_norm=True, relu=relu, norm_eps=1e-5)

    residual: tuple[Conv, ...]
    if bottleneck:
        out = 4 * width
        first, second = (1, stride) if stride_in_3x3 else (stride, 1)
        residual = (conv("1x1_reduce", width, 1, first), conv("3x3", width, 3, second),
                    conv("1x1_expand", out, 1, relu=False))
    else:
        out = width
        residual = (conv("3x3_1", width, 3, stride), conv("3x3_2", width, 3, relu=False))
    shortcut = (conv("projection", out, 1, stride, relu=False),) if project else ()
    return Branches(name=name, join="add", relu=True, branches=(
        Branch(name="residual", layers=residual), Branch(name="shortcut", layers=shortcut)))


def resnet(depth: Literal[34, 50] = 50, variant: Form = "paper", *, classes: int = 1000,
           input_size: int = 224) -> Architecture:
    """ResNet-34 or ResNet-50, with projections where the shape changes (the paper's option B).

    Args:
        depth: 34, of two 3x3 each block; 50, of bottlenecks.
        variant: `paper`: a bottleneck that halves the grid does so in its first 1x1.
            `torchvision`: in its 3x3, known as ResNet v1.5. For 34 both are the same network.
        classes: outputs of the classifier.
        input_size: height and width of the input, in pixels.

    The constant of batch normalisation is 1e-5, torch's own; the paper gives none.

    Source: He, Zhang, Ren and Sun, "Deep residual learning for image recognition" (CVPR 2016,
    arXiv 1512.03385), Table 1 and section 3.3.
    """
    _check_form(variant)
    if depth not in RESNET_BLOCKS:
        raise ArchitectureError(f"There is no ResNet-{depth} here; there are ResNet-34 and ResNet-50.")
    bottleneck = depth == 50
    blocks = []
    for stage, number in enumerate(RESNET_BLOCKS[depth], start=2):
        for i in range(number):
            first = i == 0
            blocks.append(residual_block(
                f"conv{stage}_{i + 1}", 64 * 2 ** (stage - 2), bottleneck=bottleneck,
                stride=2 if first and stage > 2 else 1, project=first and (bottleneck or stage > 2),
                stride_in_3x3=variant == "torchvision"))
    name = f"resnet{depth}" + (f"-{variant}" if bottleneck else "")
    return Architecture(name=name, input=(3, input_size, input_size), layers=(
        Conv(name="conv1", out_channels=64, kernel=7, stride=2, padding=3, bias=False, batch_norm=True,
             norm_eps=1e-5),
        _max_pool("pool1", padding=1),
        *blocks,
        GlobalPool(name="pool5"),
        Linear(name="fc", out_features=classes),
    ))


# ------------------------------------------------------------------------------- the Inceptions that followed


def inception_v3(*, classes: int = 1000, input_size: int = 299, heads: bool = True) -> Architecture:
    """Inception v3, as Google released it and torchvision has it; layers have torchvision's names.

    Differences from the paper's Table 1, which the released network does not follow: after the first pool
    stands a 1x1 convolution to 80 and a 3x3 to 192 with a second pool, not three 3x3 to 80, 192 and 288;
    the modules on 35x35 keep a 5x5 (after 48), give 256, 288 and 288 channels, and the grids are halved
    by modules of their own.

    Differences from torchvision: none in the arithmetic; its `transform_input` is pre-processing.
    The head's loss weight of 0.4 is that of Google's TF-Slim; the paper gives none.

    Source: Szegedy, Vanhoucke, Ioffe, Shlens and Wojna, "Rethinking the Inception architecture for
    computer vision" (CVPR 2016, arXiv 1512.00567), figures 5 to 7 and 10; the head in section 4.
    """
    conv = _norm_conv

    def pool() -> Pool:
        return Pool(name="pool", op="average", kernel=3, padding=1)

    def grid35(name: str, pool_proj: int) -> Branches:
        return _module(
            name,
            _1x1=(conv("1x1", 64),),
            _5x5=(conv("5x5_reduce", 48), conv("5x5", 64, 5)),
            _3x3dbl=(conv("3x3dbl_reduce", 64), conv("3x3dbl_1", 96, 3), conv("3x3dbl_2", 96, 3)),
            pool=(pool(), conv("pool_proj", pool_proj)))

    def grid17(name: str, width: int) -> Branches:
        return _module(
            name,
            _1x1=(conv("1x1", 192),),
            _7x7=(conv("7x7_reduce", width), conv("7x7_1", width, (1, 7)), conv("7x7_2", 192, (7, 1))),
            _7x7dbl=(conv("7x7dbl_reduce", width), conv("7x7dbl_1", width, (7, 1)),
                     conv("7x7dbl_2", width, (1, 7)), conv("7x7dbl_3", width, (7, 1)),
                     conv("7x7dbl_4", 192, (1, 7))),
            pool=(pool(), conv("pool_proj", 192)))

    def grid8(name: str) -> Branches:
        def split(name: str) -> Branches:
            return _module(name, rows=(conv("1x3", 384, (1, 3)),), columns=(conv("3x1", 384, (3, 1)),))

        return _module(
            name,
            _1x1=(conv("1x1", 320),),
            _3x3=(conv("3x3_reduce", 384), split("3x3")),
            _3x3dbl=(conv("3x3dbl_reduce", 448), conv("3x3dbl_1", 384, 3), split("3x3dbl_2")),
            pool=(pool(), conv("pool_proj", 192)))

    halve35 = _module(
        "Mixed_6a",
        _3x3=(conv("3x3", 384, 3, stride=2, same=False),),
        _3x3dbl=(conv("3x3dbl_reduce", 64), conv("3x3dbl_1", 96, 3),
                 conv("3x3dbl_2", 96, 3, stride=2, same=False)),
        pool=(_max_pool("pool"),))
    halve17 = _module(
        "Mixed_7a",
        _3x3=(conv("3x3_reduce", 192), conv("3x3", 320, 3, stride=2, same=False)),
        _7x7x3=(conv("7x7x3_reduce", 192), conv("7x7x3_1", 192, (1, 7)), conv("7x7x3_2", 192, (7, 1)),
                conv("7x7x3_3", 192, 3, stride=2, same=False)),
        pool=(_max_pool("pool"),))
    head = Head(name="aux1", after="Mixed_6e", loss_weight=0.4, layers=(
        Pool(name="pool", op="average", kernel=5, stride=3),
        conv("conv0", 128), conv("conv1", 768, 5, same=False),
        GlobalPool(name="global_pool"),
        Linear(name="fc", out_features=classes)))
    return Architecture(
        name="inception_v3",
        input=(3, input_size, input_size),
        layers=(
            conv("Conv2d_1a_3x3", 32, 3, stride=2, same=False),
            conv("Conv2d_2a_3x3", 32, 3, same=False),
            conv("Conv2d_2b_3x3", 64, 3),
            _max_pool("maxpool1"),
            conv("Conv2d_3b_1x1", 80),
            conv("Conv2d_4a_3x3", 192, 3, same=False),
            _max_pool("maxpool2"),
            grid35("Mixed_5b", 32), grid35("Mixed_5c", 64), grid35("Mixed_5d", 64),
            halve35,
            grid17("Mixed_6b", 128), grid17("Mixed_6c", 160), grid17("Mixed_6d", 160),
            grid17("Mixed_6e", 192),
            halve17,
            grid8("Mixed_7b"), grid8("Mixed_7c"),
            GlobalPool(name="avgpool"),
            Dropout(name="dropout", p=0.5),
            Linear(name="fc", out_features=classes),
        ),
        heads=(head,) if heads else (),
    )


class BNWidths(NamedTuple):
    """A row of BN-Inception's figure 5: two 3x3 stand for the 5x5, both of `double3x3` maps."""

    n1x1: int
    reduce3x3: int
    n3x3: int
    reduce_double3x3: int
    double3x3: int
    pool: Literal["average", "max"]
    pool_proj: int  #: 0 where the pool passes its input on, as in the two modules of stride 2


#: BN-Inception's figure 5, as printed. Its outputs for 4c and 4d are printed as 576 channels, but the
#: printed widths add up to 608.
BN_INCEPTION_WIDTHS: dict[str, BNWidths] = {
    "3a": BNWidths(64, 64, 64, 64, 96, "average", 32),
    "3b": BNWidths(64, 64, 96, 64, 96, "average", 64),
    "3c": BNWidths(0, 128, 160, 64, 96, "max", 0),
    "4a": BNWidths(224, 64, 96, 96, 128, "average", 128),
    "4b": BNWidths(192, 96, 128, 96, 128, "average", 128),
    "4c": BNWidths(160, 128, 160, 128, 160, "average", 128),
    "4d": BNWidths(96, 128, 192, 160, 192, "average", 128),
    "4e": BNWidths(0, 128, 192, 192, 256, "max", 0),
    "5a": BNWidths(352, 192, 320, 160, 224, "average", 128),
    "5b": BNWidths(352, 192, 320, 192, 224, "max", 128),
}

#: TF-Slim's `inception_v2`, Google's own code, has 96 instead in two cells, and so the printed 576.
SLIM_INCEPTION_V2_WIDTHS = BN_INCEPTION_WIDTHS | {
    key: BN_INCEPTION_WIDTHS[key]._replace(pool_proj=96) for key in ("4c", "4d")
}


def bn_inception(variant: Literal["paper", "slim"] = "paper", *, classes: int = 1000, input_size: int = 224,
                 stem: Stem = "separable") -> Architecture:
    """BN-Inception, also called Inception v2: GoogLeNet with batch normalisation and two 3x3 for each 5x5.

    Args:
        variant: `paper`: the widths printed in figure 5. `slim`: those of TF-Slim's `inception_v2`,
            which differ in two cells.
        classes: outputs of the classifier.
        input_size: height and width of the input, in pixels.
        stem: `separable`: the first layer is a depthwise 7x7 with multiplier 8, then a 1x1, as the
            paper's appendix says; `plain`: a 7x7 convolution, as in the ports to Caffe.

    There are no dropout, no LRN and no auxiliary heads. Convolutions have no biases, since batch
    normalisation would take them away; the ports to Caffe keep them. Where the paper is silent on
    padding and rounding, the grids are those that it prints. The appendix speaks of 30 % more
    computation than GoogLeNet's, which agrees with this network, and of 25 % more parameters, which does
    not.

    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift" (ICML 2015, arXiv 1502.03167), figure 5 and the appendix; TF-Slim,
    `nets/inception_v2.py`.
    """
    if variant not in ("paper", "slim"):
        raise ArchitectureError(f"There is no variant {variant!r}; there are paper and slim.")
    if stem not in ("plain", "separable"):
        raise ArchitectureError(f"There is no stem {stem!r}; there are plain and separable.")
    widths = BN_INCEPTION_WIDTHS if variant == "paper" else SLIM_INCEPTION_V2_WIDTHS
    conv = _norm_conv

    def module(key: str) -> Branches:
        w = widths[key]
        stride = 1 if w.pool_proj else 2
        pool = Pool(name="pool", op=w.pool, kernel=3, stride=stride, padding=1 if stride == 1 else 0,
                    ceil=stride == 2)
        branches: dict[str, tuple[Layer, ...]] = {
            "_3x3": (conv("3x3_reduce", w.reduce3x3), conv("3x3", w.n3x3, 3, stride=stride)),
            "double3x3": (conv("double3x3_reduce", w.reduce_double3x3), conv("double3x3_1", w.double3x3, 3),
                          conv("double3x3_2", w.double3x3, 3, stride=stride)),
            "pool": (pool, conv("pool_proj", w.pool_proj)) if w.pool_proj else (pool,),
        }
        if w.n1x1:
            branches = {"_1x1": (conv("1x1", w.n1x1),)} | branches
        return _module(f"inception_{key}", **branches)

    if stem == "plain":
        first: tuple[Layer, ...] = (conv("conv1", 64, 7, stride=2),)
    else:
        first = (Conv(name="conv1_depthwise", out_channels=24, kernel=7, stride=2, padding=3,
                      groups="depthwise", bias=False, relu=False), conv("conv1", 64))
    return Architecture(name=f"bn_inception-{variant}", input=(3, input_size, input_size), layers=(
        *first,
        _max_pool("pool1", ceil=True),
        conv("conv2_reduce", 64), conv("conv2", 192, 3),
        _max_pool("pool2", ceil=True),
        *(module(key) for key in widths),
        GlobalPool(name="pool5"),
        Linear(name="classifier", out_features=classes),
    ))


def inception_v4(*, classes: int = 1000, input_size: int = 299) -> Architecture:
    """Inception v4: a stem of three forks, then 4, 7 and 3 modules on 35x35, 17x17 and 8x8.

    Where a kernel is split in two, the order of rows and columns is TF-Slim's. Average pools inside the
    modules count the zeros around the picture, as torchvision's Inception v3 does and TensorFlow does not.
    TF-Slim's auxiliary head, which the paper's figures do not show, is left out.

    Source: Szegedy, Ioffe, Vanhoucke and Alemi, "Inception-v4, Inception-ResNet and the impact of
    residual connections on learning" (AAAI 2017, arXiv 1602.07261), figures 3 to 9, and Table 1 for the
    widths of figure 7; TF-Slim, `nets/inception_v4.py`.
    """
    conv = _norm_conv

    def average_pool() -> Pool:
        return Pool(name="pool", op="average", kernel=3, padding=1)

    def split(name: str) -> Branches:
        return _module(name, rows=(conv("1x3", 256, (1, 3)),), columns=(conv("3x1", 256, (3, 1)),))

    def grid35(name: str) -> Branches:
        return _module(
            name,
            _1x1=(conv("1x1", 96),),
            _3x3=(conv("3x3_reduce", 64), conv("3x3", 96, 3)),
            _3x3dbl=(conv("3x3dbl_reduce", 64), conv("3x3dbl_1", 96, 3), conv("3x3dbl_2", 96, 3)),
            pool=(average_pool(), conv("pool_proj", 96)))

    def grid17(name: str) -> Branches:
        return _module(
            name,
            _1x1=(conv("1x1", 384),),
            _7x7=(conv("7x7_reduce", 192), conv("7x7_1", 224, (1, 7)), conv("7x7_2", 256, (7, 1))),
            _7x7dbl=(conv("7x7dbl_reduce", 192), conv("7x7dbl_1", 192, (7, 1)), conv("7x7dbl_2", 224, (1, 7)),
                     conv("7x7dbl_3", 224, (7, 1)), conv("7x7dbl_4", 256, (1, 7))),
            pool=(average_pool(), conv("pool_proj", 128)))

    def grid8(name: str) -> Branches:
        return _module(
            name,
            _1x1=(conv("1x1", 256),),
            _3x3=(conv("3x3_reduce", 384), split("3x3")),
            _3x3dbl=(conv("3x3dbl_reduce", 384), conv("3x3dbl_1", 448, (3, 1)),
                     conv("3x3dbl_2", 512, (1, 3)), split("3x3dbl_3")),
            pool=(average_pool(), conv("pool_proj", 256)))

    fork1 = _module("stem_fork1", pool=(_max_pool("pool"),), _3x3=(conv("3x3", 96, 3, stride=2, same=False),))
    fork2 = _module(
        "stem_fork2",
        _3x3=(conv("3x3_reduce", 64), conv("3x3", 96, 3, same=False)),
        _7x7=(conv("7x7_reduce", 64), conv("7x7_1", 64, (1, 7)), conv("7x7_2", 64, (7, 1)),
              conv("7x7_3", 96, 3, same=False)))
    fork3 = _module("stem_fork3", _3x3=(conv("3x3", 192, 3, stride=2, same=False),),
                    pool=(_max_pool("pool"),))
    halve35 = _module(
        "reduction_a",
        _3x3=(conv("3x3", 384, 3, stride=2, same=False),),
        _3x3dbl=(conv("3x3dbl_reduce", 192), conv("3x3dbl_1", 224, 3),
                 conv("3x3dbl_2", 256, 3, stride=2, same=False)),
        pool=(_max_pool("pool"),))
    halve17 = _module(
        "reduction_b",
        _3x3=(conv("3x3_reduce", 192), conv("3x3", 192, 3, stride=2, same=False)),
        _7x7x3=(conv("7x7x3_reduce", 256), conv("7x7x3_1", 256, (1, 7)), conv("7x7x3_2", 320, (7, 1)),
                conv("7x7x3_3", 320, 3, stride=2, same=False)),
        pool=(_max_pool("pool"),))
    return Architecture(name="inception_v4", input=(3, input_size, input_size), layers=(
        conv("stem_conv1", 32, 3, stride=2, same=False),
        conv("stem_conv2", 32, 3, same=False),
        conv("stem_conv3", 64, 3),
        fork1, fork2, fork3,
        *(grid35(f"inception_a{i}") for i in range(1, 5)),
        halve35,
        *(grid17(f"inception_b{i}") for i in range(1, 8)),
        halve17,
        *(grid8(f"inception_c{i}") for i in range(1, 4)),
        GlobalPool(name="avgpool"),
        Dropout(name="dropout", p=0.2),
        Linear(name="fc", out_features=classes),
    ))


# ------------------------------------------------------------------------------------ all of them, by name


Name = Literal["lenet5", "alexnet", "zfnet", "nin", "vgg16", "vgg19", "googlenet", "bn_inception",
               "inception_v3", "resnet34", "resnet50", "inception_v4"]

#: How a top-5 error was measured. Figures of two procedures are not comparable with each other.
Procedure = Literal["ensemble", "ten crops", "one crop"]
PROCEDURES: dict[Procedure, str] = {
    "ensemble": "several networks and many crops, on the test pictures",
    "ten crops": "one network and ten crops, on the validation pictures",
    "one crop": "one network and one crop, on the validation pictures",
}


@dataclass(frozen=True, kw_only=True)
class Reported:
    """A published top-5 error on ILSVRC's classification task, in percent, how it was measured, and where
    it stands. `measured` says more than the procedure's name; `networks` and `crops` are None where the
    source does not say how many were averaged."""

    procedure: Procedure
    error: Decimal
    measured: str
    source: str
    networks: int | None = None
    crops: int | None = None

    @property
    def passes(self) -> int | None:
        """Forward passes for one picture."""
        return None if self.networks is None or self.crops is None else self.networks * self.crops


@dataclass(frozen=True, kw_only=True)
class Milestone:
    """A network and what is known of it. `errors` are in the order of `PROCEDURES`."""

    title: str
    year: int
    make: Callable[..., Architecture]
    paper: str
    errors: tuple[Reported, ...] = ()

    @property
    def top5(self) -> Decimal | None:
        """The first of its top-5 errors; None where there is none. `measured` and `source` say more."""
        return self.errors[0].error if self.errors else None

    @property
    def measured(self) -> str:
        return self.errors[0].measured if self.errors else ""

    @property
    def source(self) -> str:
        return self.errors[0].source if self.errors else ""

    def reported(self, procedure: Procedure) -> Reported | None:
        """Its error by one procedure, where one was published."""
        return next((e for e in self.errors if e.procedure == procedure), None)


def _entry(team: str, year: int, networks: int | None = None, crops: int | None = None) -> Reported:
    """A team's result in ILSVRC without other data, from the GoogLeNet paper's Table 2."""
    row = next(r for r in TABLE2 if (r.team, r.year, r.external_data) == (team, year, "no"))
    return Reported(procedure="ensemble", error=row.error, source="Szegedy et al. 2015, Table 2",
                    measured=f"ILSVRC-{year} test, the entry of {team}, {row.place}",
                    networks=networks, crops=crops)


def _crops(crops: Literal[1, 10], error: str | Decimal, source: str, more: str = "") -> Reported:
    """One network on the validation pictures."""
    words: Procedure = "one crop" if crops == 1 else "ten crops"
    return Reported(procedure=words, error=Decimal(error), source=source, networks=1, crops=crops,
                    measured=f"ILSVRC-2012 validation{more}, one network, {words}")


def _googlenet(crops: Literal[1, 10]) -> Reported:
    """One GoogLeNet, from its paper's Table 3."""
    row = next(r for r in TABLE3 if (r.models, r.crops) == (1, crops))
    return _crops(crops, row.error, "Szegedy et al. 2015, Table 3")


_KRIZHEVSKY, _VGG, _RESNET = "Krizhevsky et al. 2012", "Simonyan and Zisserman 2015", "He et al. 2016"
_TABLE3_OF_RESNET = "He et al. 2016, Table 3"

#: Every network by the name that `inception count --network` takes, in order of year.
NETWORKS: dict[Name, Milestone] = {
    "lenet5": Milestone(title="LeNet-5", year=1998, make=lenet5, paper="LeCun et al. 1998"),
    "alexnet": Milestone(
        title="AlexNet", year=2012, make=alexnet, paper=_KRIZHEVSKY,
        # five networks: its paper's Table 2; ten crops: its section 4.1
        errors=(_entry("SuperVision", 2012, 5, 10), _crops(10, "18.2", "Krizhevsky et al. 2012, Table 2"))),
    # the paper's own figure for one network, 16.5, comes without a number of crops
    "zfnet": Milestone(title="ZFNet", year=2013, make=zfnet, paper="Zeiler and Fergus 2014",
                       errors=(_entry("Clarifai", 2013),)),
    "nin": Milestone(title="Network in Network", year=2013, make=nin, paper="Lin et al. 2014"),
    "vgg16": Milestone(
        title="VGG-16", year=2014, make=partial(vgg, 16), paper=_VGG,
        errors=(_entry("VGG", 2014), _crops(10, "9.33", _TABLE3_OF_RESNET))),
    "vgg19": Milestone(title="VGG-19", year=2014, make=partial(vgg, 19), paper=_VGG,
                       errors=(_entry("VGG", 2014),)),
    "googlenet": Milestone(
        title="GoogLeNet", year=2014, make=googlenet, paper="Szegedy et al. 2015",
        errors=(_entry("GoogLeNet", 2014, 7, 144), _googlenet(10), _googlenet(1))),
    "bn_inception": Milestone(
        title="BN-Inception", year=2015, make=bn_inception, paper="Ioffe and Szegedy 2015",
        errors=(
            Reported(procedure="ensemble", error=Decimal("4.82"), source="Ioffe and Szegedy 2015, figure 4",
                     measured="ILSVRC test, six networks, 144 crops, after the challenge",
                     networks=6, crops=144),
            _crops(1, "7.82", "Ioffe and Szegedy 2015, figure 4"))),
    "inception_v3": Milestone(
        title="Inception v3", year=2015, make=inception_v3, paper="Szegedy et al. 2016",
        errors=(
            Reported(procedure="ensemble", error=Decimal("3.6"), source="Szegedy et al. 2016, arXiv abstract",
                     measured="ILSVRC test, four networks, many crops", networks=4),
            _crops(1, "5.6", "Szegedy et al. 2016, abstract"))),
    "resnet34": Milestone(title="ResNet-34", year=2015, make=partial(resnet, 34), paper=_RESNET,
                          errors=(_crops(10, "7.46", _TABLE3_OF_RESNET),)),
    "resnet50": Milestone(title="ResNet-50", year=2015, make=partial(resnet, 50), paper=_RESNET,
                          errors=(_crops(10, "6.71", _TABLE3_OF_RESNET),)),
    "inception_v4": Milestone(
        title="Inception v4", year=2016, make=inception_v4, paper="Szegedy et al. 2017",
        errors=(_crops(1, "5.0", "Szegedy et al. 2017, Table 2", " without the blacklisted pictures"),)),
}


@dataclass(frozen=True)
class Winner:
    """The best entry of one year's classification task, without other data: top-5 error in percent."""

    year: int
    team: str
    method: str
    error: Decimal
    source: str


def _winner(year: int, method: str) -> Winner:
    row = min((r for r in TABLE2 if r.year == year and r.external_data == "no"), key=lambda r: r.error)
    return Winner(year, row.team, method, row.error, "Szegedy et al. 2015, Table 2")


#: The challenge's first six years.
WINNERS: tuple[Winner, ...] = (
    Winner(2010, "NEC-UIUC", "features by hand", Decimal("28.2"), "Krizhevsky et al. 2012, Table 1"),
    Winner(2011, "XRCE", "features by hand", Decimal("25.8"), "Russakovsky et al. 2015"),
    _winner(2012, "AlexNet"), _winner(2013, "near to ZFNet"), _winner(2014, "GoogLeNet"),
    Winner(2015, "MSRA", "ResNet", Decimal("3.57"), "He et al. 2016, abstract"),
)

#: Top-1 errors of networks of 18 and 34 layers, plain and residual, that differ in nothing else: percent on
#: ILSVRC-2012 validation, ten crops (He et al. 2016, Table 2).
DEGRADATION: dict[int, tuple[Decimal, Decimal]] = {
    18: (Decimal("27.94"), Decimal("27.88")),
    34: (Decimal("28.54"), Decimal("25.03")),
}

#: The better of two people who tried the task, on 1,500 test pictures (Russakovsky et al. 2015, section 6.4).
HUMAN_ERROR = Decimal("5.1")

#: Classes and pictures of the classification task since 2012 (Russakovsky et al. 2015, Table 2).
ILSVRC = {"classes": 1000, "training": 1_281_167, "validation": 50_000, "test": 100_000}


def table() -> pandas.DataFrame:
    """One row per network of `NETWORKS`: its size at test time, computed, and its error, quoted.

    Columns: title, year, input (height in pixels), depth (convolutions and fully connected layers on the
    longest path), parameters, MACs, top5 (percent, NaN where not known), measured, paper, source; and one
    for each of `PROCEDURES`, with the error measured that way (NaN where none was published).
    """
    import pandas

    rows = []
    for name, milestone in NETWORKS.items():
        architecture = milestone.make().without_heads()
        counts = count(architecture)
        row: dict[str, Any] = {
            "network": name, "title": milestone.title, "year": milestone.year, "input": architecture.input[1],
            "depth": architecture.depth, "parameters": counts.parameters, "MACs": counts.macs,
            "top5": None if milestone.top5 is None else float(milestone.top5),
            "measured": milestone.measured, "paper": milestone.paper, "source": milestone.source}
        for procedure in PROCEDURES:
            reported = milestone.reported(procedure)
            row[procedure] = float(reported.error) if reported else None
        rows.append(row)
    return pandas.DataFrame(rows).set_index("network")
