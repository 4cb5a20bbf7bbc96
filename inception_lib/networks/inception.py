"""GoogLeNet's successors, as data: BN-Inception (v2), Inception v3 and Inception v4."""

from __future__ import annotations

from typing import Literal, NamedTuple

from inception_lib.architecture import (
    Architecture,
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
from inception_lib.networks.googlenet import Stem
from inception_lib.networks.parts import max_pool, module_of, norm_conv


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
    conv = norm_conv

    def pool() -> Pool:
        return Pool(name="pool", op="average", kernel=3, padding=1)

    def grid35(name: str, pool_proj: int) -> Branches:
        return module_of(
            name,
            _1x1=(conv("1x1", 64),),
            _5x5=(conv("5x5_reduce", 48), conv("5x5", 64, 5)),
            _3x3dbl=(conv("3x3dbl_reduce", 64), conv("3x3dbl_1", 96, 3), conv("3x3dbl_2", 96, 3)),
            pool=(pool(), conv("pool_proj", pool_proj)),
        )

    def grid17(name: str, width: int) -> Branches:
        return module_of(
            name,
            _1x1=(conv("1x1", 192),),
            _7x7=(conv("7x7_reduce", width), conv("7x7_1", width, (1, 7)), conv("7x7_2", 192, (7, 1))),
            _7x7dbl=(
                conv("7x7dbl_reduce", width),
                conv("7x7dbl_1", width, (7, 1)),
                conv("7x7dbl_2", width, (1, 7)),
                conv("7x7dbl_3", width, (7, 1)),
                conv("7x7dbl_4", 192, (1, 7)),
            ),
            pool=(pool(), conv("pool_proj", 192)),
        )

    def grid8(name: str) -> Branches:
        def split(name: str) -> Branches:
            return module_of(name, rows=(conv("1x3", 384, (1, 3)),), columns=(conv("3x1", 384, (3, 1)),))

        return module_of(
            name,
            _1x1=(conv("1x1", 320),),
            _3x3=(conv("3x3_reduce", 384), split("3x3")),
            _3x3dbl=(conv("3x3dbl_reduce", 448), conv("3x3dbl_1", 384, 3), split("3x3dbl_2")),
            pool=(pool(), conv("pool_proj", 192)),
        )

    halve35 = module_of(
        "Mixed_6a",
        _3x3=(conv("3x3", 384, 3, stride=2, same=False),),
        _3x3dbl=(
            conv("3x3dbl_reduce", 64),
            conv("3x3dbl_1", 96, 3),
            conv("3x3dbl_2", 96, 3, stride=2, same=False),
        ),
        pool=(max_pool("pool"),),
    )
    halve17 = module_of(
        "Mixed_7a",
        _3x3=(conv("3x3_reduce", 192), conv("3x3", 320, 3, stride=2, same=False)),
        _7x7x3=(
            conv("7x7x3_reduce", 192),
            conv("7x7x3_1", 192, (1, 7)),
            conv("7x7x3_2", 192, (7, 1)),
            conv("7x7x3_3", 192, 3, stride=2, same=False),
        ),
        pool=(max_pool("pool"),),
    )
    head = Head(
        name="aux1",
        after="Mixed_6e",
        loss_weight=0.4,
        layers=(
            Pool(name="pool", op="average", kernel=5, stride=3),
            conv("conv0", 128),
            conv("conv1", 768, 5, same=False),
            GlobalPool(name="global_pool"),
            Linear(name="fc", out_features=classes),
        ),
    )
    return Architecture(
        name="inception_v3",
        input=(3, input_size, input_size),
        layers=(
            conv("Conv2d_1a_3x3", 32, 3, stride=2, same=False),
            conv("Conv2d_2a_3x3", 32, 3, same=False),
            conv("Conv2d_2b_3x3", 64, 3),
            max_pool("maxpool1"),
            conv("Conv2d_3b_1x1", 80),
            conv("Conv2d_4a_3x3", 192, 3, same=False),
            max_pool("maxpool2"),
            grid35("Mixed_5b", 32),
            grid35("Mixed_5c", 64),
            grid35("Mixed_5d", 64),
            halve35,
            grid17("Mixed_6b", 128),
            grid17("Mixed_6c", 160),
            grid17("Mixed_6d", 160),
            grid17("Mixed_6e", 192),
            halve17,
            grid8("Mixed_7b"),
            grid8("Mixed_7c"),
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


def bn_inception(
    variant: Literal["paper", "slim"] = "paper",
    *,
    classes: int = 1000,
    input_size: int = 224,
    stem: Stem = "separable",
) -> Architecture:
    """BN-Inception, also called Inception v2: GoogLeNet with batch normalization and two 3x3 for each 5x5.

    Args:
        variant: `paper`: the widths printed in figure 5. `slim`: those of TF-Slim's `inception_v2`,
            which differ in two cells.
        classes: outputs of the classifier.
        input_size: height and width of the input, in pixels.
        stem: `separable`: the first layer is a depthwise 7x7 with multiplier 8, then a 1x1, as the
            paper's appendix says; `plain`: a 7x7 convolution, as in the ports to Caffe.

    There are no dropout, no LRN and no auxiliary heads. Convolutions have no biases, since batch
    normalization would take them away; the ports to Caffe keep them. Where the paper is silent on
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
    conv = norm_conv

    def module(key: str) -> Branches:
        w = widths[key]
        stride = 1 if w.pool_proj else 2
        pool = Pool(
            name="pool", op=w.pool, kernel=3, stride=stride, padding=1 if stride == 1 else 0, ceil=stride == 2
        )
        branches: dict[str, tuple[Layer, ...]] = {
            "_3x3": (conv("3x3_reduce", w.reduce3x3), conv("3x3", w.n3x3, 3, stride=stride)),
            "double3x3": (
                conv("double3x3_reduce", w.reduce_double3x3),
                conv("double3x3_1", w.double3x3, 3),
                conv("double3x3_2", w.double3x3, 3, stride=stride),
            ),
            "pool": (pool, conv("pool_proj", w.pool_proj)) if w.pool_proj else (pool,),
        }
        if w.n1x1:
            branches = {"_1x1": (conv("1x1", w.n1x1),)} | branches
        return module_of(f"inception_{key}", **branches)

    if stem == "plain":
        first: tuple[Layer, ...] = (conv("conv1", 64, 7, stride=2),)
    else:
        first = (
            Conv(
                name="conv1_depthwise",
                out_channels=24,
                kernel=7,
                stride=2,
                padding=3,
                groups="depthwise",
                bias=False,
                relu=False,
            ),
            conv("conv1", 64),
        )
    return Architecture(
        name=f"bn_inception-{variant}",
        input=(3, input_size, input_size),
        layers=(
            *first,
            max_pool("pool1", ceil=True),
            conv("conv2_reduce", 64),
            conv("conv2", 192, 3),
            max_pool("pool2", ceil=True),
            *(module(key) for key in widths),
            GlobalPool(name="pool5"),
            Linear(name="classifier", out_features=classes),
        ),
    )


def inception_v4(*, classes: int = 1000, input_size: int = 299) -> Architecture:
    """Inception v4: a stem of three forks, then 4, 7 and 3 modules on 35x35, 17x17 and 8x8.

    Where a kernel is split in two, the order of rows and columns is TF-Slim's. Average pools inside the
    modules count the zeros around the picture, as torchvision's Inception v3 does and TensorFlow does not.
    TF-Slim's auxiliary head, which the paper's figures do not show, is left out.

    Source: Szegedy, Ioffe, Vanhoucke and Alemi, "Inception-v4, Inception-ResNet and the impact of
    residual connections on learning" (AAAI 2017, arXiv 1602.07261), figures 3 to 9, and Table 1 for the
    widths of figure 7; TF-Slim, `nets/inception_v4.py`.
    """
    conv = norm_conv

    def average_pool() -> Pool:
        return Pool(name="pool", op="average", kernel=3, padding=1)

    def split(name: str) -> Branches:
        return module_of(name, rows=(conv("1x3", 256, (1, 3)),), columns=(conv("3x1", 256, (3, 1)),))

    def grid35(name: str) -> Branches:
        return module_of(
            name,
            _1x1=(conv("1x1", 96),),
            _3x3=(conv("3x3_reduce", 64), conv("3x3", 96, 3)),
            _3x3dbl=(conv("3x3dbl_reduce", 64), conv("3x3dbl_1", 96, 3), conv("3x3dbl_2", 96, 3)),
            pool=(average_pool(), conv("pool_proj", 96)),
        )

    def grid17(name: str) -> Branches:
        return module_of(
            name,
            _1x1=(conv("1x1", 384),),
            _7x7=(conv("7x7_reduce", 192), conv("7x7_1", 224, (1, 7)), conv("7x7_2", 256, (7, 1))),
            _7x7dbl=(
                conv("7x7dbl_reduce", 192),
                conv("7x7dbl_1", 192, (7, 1)),
                conv("7x7dbl_2", 224, (1, 7)),
                conv("7x7dbl_3", 224, (7, 1)),
                conv("7x7dbl_4", 256, (1, 7)),
            ),
            pool=(average_pool(), conv("pool_proj", 128)),
        )

    def grid8(name: str) -> Branches:
        return module_of(
            name,
            _1x1=(conv("1x1", 256),),
            _3x3=(conv("3x3_reduce", 384), split("3x3")),
            _3x3dbl=(
                conv("3x3dbl_reduce", 384),
                conv("3x3dbl_1", 448, (3, 1)),
                conv("3x3dbl_2", 512, (1, 3)),
                split("3x3dbl_3"),
            ),
            pool=(average_pool(), conv("pool_proj", 256)),
        )

    fork1 = module_of(
        "stem_fork1", pool=(max_pool("pool"),), _3x3=(conv("3x3", 96, 3, stride=2, same=False),)
    )
    fork2 = module_of(
        "stem_fork2",
        _3x3=(conv("3x3_reduce", 64), conv("3x3", 96, 3, same=False)),
        _7x7=(
            conv("7x7_reduce", 64),
            conv("7x7_1", 64, (1, 7)),
            conv("7x7_2", 64, (7, 1)),
            conv("7x7_3", 96, 3, same=False),
        ),
    )
    fork3 = module_of(
        "stem_fork3", _3x3=(conv("3x3", 192, 3, stride=2, same=False),), pool=(max_pool("pool"),)
    )
    halve35 = module_of(
        "reduction_a",
        _3x3=(conv("3x3", 384, 3, stride=2, same=False),),
        _3x3dbl=(
            conv("3x3dbl_reduce", 192),
            conv("3x3dbl_1", 224, 3),
            conv("3x3dbl_2", 256, 3, stride=2, same=False),
        ),
        pool=(max_pool("pool"),),
    )
    halve17 = module_of(
        "reduction_b",
        _3x3=(conv("3x3_reduce", 192), conv("3x3", 192, 3, stride=2, same=False)),
        _7x7x3=(
            conv("7x7x3_reduce", 256),
            conv("7x7x3_1", 256, (1, 7)),
            conv("7x7x3_2", 320, (7, 1)),
            conv("7x7x3_3", 320, 3, stride=2, same=False),
        ),
        pool=(max_pool("pool"),),
    )
    return Architecture(
        name="inception_v4",
        input=(3, input_size, input_size),
        layers=(
            conv("stem_conv1", 32, 3, stride=2, same=False),
            conv("stem_conv2", 32, 3, same=False),
            conv("stem_conv3", 64, 3),
            fork1,
            fork2,
            fork3,
            *(grid35(f"inception_a{i}") for i in range(1, 5)),
            halve35,
            *(grid17(f"inception_b{i}") for i in range(1, 8)),
            halve17,
            *(grid8(f"inception_c{i}") for i in range(1, 4)),
            GlobalPool(name="avgpool"),
            Dropout(name="dropout", p=0.2),
            Linear(name="fc", out_features=classes),
        ),
    )
