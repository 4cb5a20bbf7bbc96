"""LeNet-5, AlexNet, ZFNet and Network in Network, as data."""

from __future__ import annotations

from inception_lib.architecture import (
    LRN,
    Architecture,
    Branch,
    Branches,
    Conv,
    Dropout,
    GlobalPool,
    Layer,
    Linear,
    Pool,
    Scale,
    Select,
    Tanh,
)
from inception_lib.networks.parts import Form, check_form, fully_connected, max_pool

#: LeNet-5's C3: which of S2's six maps each of its sixteen maps is connected to (LeCun et al., Table I).
LENET5_C3: tuple[tuple[int, ...], ...] = (
    (0, 1, 2),
    (1, 2, 3),
    (2, 3, 4),
    (3, 4, 5),
    (0, 4, 5),
    (0, 1, 5),
    (0, 1, 2, 3),
    (1, 2, 3, 4),
    (2, 3, 4, 5),
    (0, 3, 4, 5),
    (0, 1, 4, 5),
    (0, 1, 2, 5),
    (0, 1, 3, 4),
    (1, 2, 4, 5),
    (0, 2, 3, 5),
    (0, 1, 2, 3, 4, 5),
)


def lenet5(*, classes: int = 10, input_size: int = 32) -> Architecture:
    """LeNet-5: gray 32x32 input, 60,000 trained parameters before the output layer.

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

    c3 = Branches(
        name="c3",
        out_channels=16,
        branches=tuple(
            Branch(name=f"map{i}", layers=(Select(name=f"inputs{i}", channels=channels), conv(f"map{i}", 1)))
            for i, channels in enumerate(LENET5_C3)
        ),
    )
    return Architecture(
        name="lenet5",
        input=(1, input_size, input_size),
        layers=(
            conv("c1", 6),
            tanh("c1"),
            *subsample("s2"),
            c3,
            tanh("c3"),
            *subsample("s4"),
            conv("c5", 120),
            tanh("c5"),
            Linear(name="f6", out_features=84),
            tanh("f6"),
            Linear(name="output", out_features=classes),
        ),
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
    check_form(variant)

    def conv(
        name: str, out: int, kernel: int, groups: int = 1, stride: int = 1, padding: int | None = None
    ) -> Conv:
        return Conv(
            name=name,
            out_channels=out,
            kernel=kernel,
            groups=groups,
            stride=stride,
            padding=kernel // 2 if padding is None else padding,
        )

    if variant == "torchvision":
        size = 224 if input_size is None else input_size
        return Architecture(
            name="alexnet-torchvision",
            input=(3, size, size),
            layers=(
                conv("conv1", 64, 11, stride=4, padding=2),
                max_pool("pool1"),
                conv("conv2", 192, 5),
                max_pool("pool2"),
                conv("conv3", 384, 3),
                conv("conv4", 256, 3),
                conv("conv5", 256, 3),
                max_pool("pool5"),
                GlobalPool(name="pool5_6x6", output=6),
                Dropout(name="drop5", p=0.5),
                Linear(name="fc6", out_features=4096, relu=True),
                Dropout(name="drop6", p=0.5),
                Linear(name="fc7", out_features=4096, relu=True),
                Linear(name="fc8", out_features=classes),
            ),
        )
    size = 227 if input_size is None else input_size
    return Architecture(
        name="alexnet-paper",
        input=(3, size, size),
        layers=(
            conv("conv1", 96, 11, stride=4, padding=0),
            _alexnet_norm("norm1"),
            max_pool("pool1"),
            conv("conv2", 256, 5, groups=2),
            _alexnet_norm("norm2"),
            max_pool("pool2"),
            conv("conv3", 384, 3),
            conv("conv4", 384, 3, groups=2),
            conv("conv5", 256, 3, groups=2),
            max_pool("pool5"),
            *fully_connected(classes),
        ),
    )


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

    return Architecture(
        name="zfnet",
        input=(3, input_size, input_size),
        layers=(
            conv("conv1", 96, 7, stride=2, padding=1),
            max_pool("pool1", ceil=True),
            _alexnet_norm("norm1"),
            conv("conv2", 256, 5, stride=2),
            max_pool("pool2", ceil=True),
            _alexnet_norm("norm2"),
            conv("conv3", 384, 3, padding=1),
            conv("conv4", 384, 3, padding=1),
            conv("conv5", 256, 3, padding=1),
            max_pool("pool5", ceil=True),
            *fully_connected(classes),
        ),
    )


def nin(*, classes: int = 1000, input_size: int = 224) -> Architecture:
    """Network in Network, in its form for ImageNet: each convolution is followed by two of 1x1.

    The last 1x1 has one map per class, with a ReLU, and their global averages are the logits: there is
    no fully connected layer.

    The paper gives networks for CIFAR, SVHN and MNIST only. This is the one its first author published
    for Caffe ("nin_imagenet", 29 MB of weights).

    Source: Lin, Chen and Yan, "Network in network" (ICLR 2014, arXiv 1312.4400), sections 3.1 and
    3.2; the layers from nin_imagenet's train_val.prototxt (Caffe's model zoo).
    """

    def block(
        index: int, widths: tuple[int, int, int], kernel: int, stride: int, padding: int
    ) -> tuple[Conv, ...]:
        first, *others = widths
        return (
            Conv(name=f"conv{index}", out_channels=first, kernel=kernel, stride=stride, padding=padding),
            *(
                Conv(name=f"cccp{2 * index - 1 + i}", out_channels=out, kernel=1)
                for i, out in enumerate(others)
            ),
        )

    return Architecture(
        name="nin",
        input=(3, input_size, input_size),
        layers=(
            *block(1, (96, 96, 96), 11, 4, 0),
            max_pool("pool1", ceil=True),
            *block(2, (256, 256, 256), 5, 1, 2),
            max_pool("pool2", ceil=True),
            *block(3, (384, 384, 384), 3, 1, 1),
            max_pool("pool3", ceil=True),
            Dropout(name="dropout", p=0.5),
            *block(4, (1024, 1024, classes), 3, 1, 1),
            GlobalPool(name="pool4"),
        ),
    )
