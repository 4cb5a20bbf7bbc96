"""VGG-16 and VGG-19, as data."""

from __future__ import annotations

from typing import Literal

from inception_lib.architecture import Architecture, Conv, Layer
from inception_lib.errors import ArchitectureError
from inception_lib.networks.parts import fully_connected, max_pool

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
        layers += (
            Conv(name=f"conv{stage}_{i}", out_channels=width, kernel=3, padding=1)
            for i in range(1, convs + 1)
        )
        layers.append(max_pool(f"pool{stage}", kernel=2))
    return Architecture(
        name=f"vgg{depth}", input=(3, input_size, input_size), layers=(*layers, *fully_connected(classes))
    )
