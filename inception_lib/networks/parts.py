"""What several of the networks are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from inception_lib.architecture import Branch, Branches, Conv, Dropout, Layer, Linear, Pool, pair
from inception_lib.errors import ArchitectureError

#: `paper`: as the network's own paper has it. `torchvision`: as torchvision builds it.
Form = Literal["paper", "torchvision"]


def check_form(form: str) -> None:
    """Refuse a variant that is neither the paper's nor torchvision's."""
    if form not in ("paper", "torchvision"):
        raise ArchitectureError(f"There is no variant {form!r}; there are paper and torchvision.")


def max_pool(name: str, *, kernel: int = 3, stride: int = 2, padding: int = 0, ceil: bool = False) -> Pool:
    """A max pooling layer: 3x3 with stride 2 unless said otherwise."""
    return Pool(name=name, op="max", kernel=kernel, stride=stride, padding=padding, ceil=ceil)


def norm_conv(
    name: str, out: int, kernel: int | tuple[int, int] = 1, *, stride: int = 1, same: bool = True
) -> Conv:
    """A convolution without bias, then batch normalization and ReLU; `same` keeps the grid at stride 1."""
    rows, columns = pair(kernel)
    return Conv(
        name=name,
        out_channels=out,
        kernel=kernel,
        stride=stride,
        bias=False,
        batch_norm=True,
        padding=(rows // 2, columns // 2) if same else 0,
    )


def module_of(name: str, **branches: Iterable[Layer]) -> Branches:
    """A module of the named branches, in order; a digit cannot begin a keyword, so `_1x1` is `1x1`."""
    return Branches(
        name=name,
        branches=tuple(
            Branch(name=branch.removeprefix("_"), layers=tuple(layers)) for branch, layers in branches.items()
        ),
    )


def fully_connected(classes: int) -> tuple[Layer, ...]:
    """The classifier of AlexNet, ZFNet and VGG: twice 4096 with dropout after it, then the classes."""
    return (
        Linear(name="fc6", out_features=4096, relu=True),
        Dropout(name="drop6", p=0.5),
        Linear(name="fc7", out_features=4096, relu=True),
        Dropout(name="drop7", p=0.5),
        Linear(name="fc8", out_features=classes),
    )
