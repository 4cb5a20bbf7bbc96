"""Torch modules for the layers that `inception_lib.architecture` describes, one for each dataclass.

Tensors are (batch, channels, height, width), or (batch, features) once flattened.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook

from inception_lib import architecture as data
from inception_lib.architecture import Shape, groups_of, pair, size_of
from inception_lib.errors import ArchitectureError
from inception_lib.nn.lrn import LRN, traced, transformed

#: Multiplications below which a 1x1 convolution on a CPU is faster as a matrix product: less is prepared
#: for each call.
_SMALL = 1 << 23


class Conv(nn.Module):
    """A convolution, then batch normalization and ReLU where the layer has them.

    The parts are the submodules `conv`, `norm` and `relu`. Hooks on them see, and may keep, what they would
    see in a `Sequential`; where nobody watches, the ReLU works in place, and a small 1x1 convolution of
    channels-last values on a CPU is computed as the matrix product that it is.
    """

    def __init__(self, layer: data.Conv, in_shape: Shape) -> None:
        super().__init__()
        # no class of our own: counters, quantizers and adapters look for exactly this one
        self.conv = nn.Conv2d(
            in_shape[0],
            layer.out_channels,
            pair(layer.kernel),
            stride=layer.stride,
            padding=pair(layer.padding),
            groups=groups_of(layer, in_shape[0]),
            bias=layer.bias,
        )
        self.norm = nn.BatchNorm2d(layer.out_channels, eps=layer.norm_eps) if layer.batch_norm else None
        self.relu = nn.ReLU() if layer.relu else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to (batch, out_channels, H', W')."""
        if traced(x) or transformed() or not self.is_plain():
            x = self.conv(x)
            x = x if self.norm is None else self.norm(x)
            return x if self.relu is None else self.relu(x)
        if _is_small_product(self.conv, x):
            x = _product(self.conv, x, rectified=self.norm is None and self.relu is not None)
            if self.norm is None:
                return x
        else:
            x = self.conv(x)
        x = x if self.norm is None else self.norm(x)
        return x if self.relu is None else x.relu_()

    def is_plain(self) -> bool:
        """Whether the parts are torch's own, and nobody watches them."""
        conv, norm, relu = self.conv, self.norm, self.relu
        return (
            type(conv) is nn.Conv2d
            and not watched(conv)
            and (norm is None or (type(norm) is nn.BatchNorm2d and not watched(norm)))
            and (relu is None or (type(relu) is nn.ReLU and not watched(relu)))
            and not _has_any_global_hook()
        )


def watched(part: nn.Module) -> bool:
    """Whether a hook is to be called when this module runs."""
    return bool(
        part._forward_hooks or part._forward_pre_hooks or part._backward_hooks or part._backward_pre_hooks
    )


def _product(conv: nn.Conv2d, x: Tensor, rectified: bool) -> Tensor:
    rows = x.permute(0, 2, 3, 1)
    # weights turned as the values are, so that their gradient has their layout, as DDP wants it
    y = F.linear(rows.flatten(0, 2), conv.weight.permute(0, 2, 3, 1).flatten(1), conv.bias)
    if rectified:  # here, since in place on a view it costs more than it saves
        y.relu_()
    return y.view(*rows.shape[:3], conv.out_channels).permute(0, 3, 1, 2)


def is_pointwise(conv: nn.Conv2d) -> bool:
    """Whether it is a matrix product at each pixel."""
    return (conv.kernel_size, conv.stride, conv.padding, conv.groups) == ((1, 1), (1, 1), (0, 0), 1)


def _is_small_product(conv: nn.Conv2d, x: Tensor) -> bool:
    return (
        is_pointwise(conv)
        and x.device.type == "cpu"
        and x.numel() * conv.out_channels <= _SMALL
        and x.is_contiguous(memory_format=torch.channels_last)
    )


class Linear(nn.Module):
    """A fully connected layer on all that arrives, then ReLU where the layer has one."""

    def __init__(self, layer: data.Linear, in_shape: Shape) -> None:
        super().__init__()
        self.linear = nn.Linear(size_of(in_shape), layer.out_features, bias=layer.bias)
        self.relu = nn.ReLU() if layer.relu else None

    def forward(self, x: Tensor) -> Tensor:
        """(batch, ...) to (batch, out_features)."""
        x = self.linear(x.flatten(1))
        return x if self.relu is None else self.relu(x)


class Scale(nn.Module):
    """Each channel times `weight` plus `bias`, both of one number per channel."""

    def __init__(self, in_shape: Shape) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(in_shape[0]))
        self.bias = nn.Parameter(torch.zeros(in_shape[0]))
        self._view = (-1, *(1,) * (len(in_shape) - 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, ...) to the same shape."""
        return x * self.weight.view(self._view) + self.bias.view(self._view)


class Tanh(nn.Module):
    """amplitude * tanh(slope * x)."""

    def __init__(self, layer: data.Tanh) -> None:
        super().__init__()
        self.amplitude, self.slope = layer.amplitude, layer.slope

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same shape."""
        return self.amplitude * torch.tanh(self.slope * x)

    def extra_repr(self) -> str:
        return f"amplitude={self.amplitude}, slope={self.slope}"


class Select(nn.Module):
    """Some of the channels, in the order given."""

    def __init__(self, layer: data.Select) -> None:
        super().__init__()
        self.channels = list(layer.channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, ...) to (batch, len(channels), ...)."""
        return x[:, self.channels]

    def extra_repr(self) -> str:
        return f"channels={self.channels}"


class Branches(nn.Module):
    """Branches on the same input, concatenated along the channels, or added and then perhaps rectified.

    The layers of all branches are direct children, named as in the architecture
    (`inception_3a.5x5_reduce`); `branches` lists the children of each branch in order.
    """

    def __init__(self, layer: data.Branches) -> None:
        super().__init__()
        self.branches = tuple(tuple(part.name for part in branch.layers) for branch in layer.branches)
        self.adds, self.rectifies = layer.join == "add", layer.relu
        if layer.relu:  # no attribute without one, so that a layer inside may have the name
            self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to (batch, the branches' channels or their sum, H', W')."""
        outputs = []
        for names in self.branches:
            y = x
            for name in names:
                y = getattr(self, name)(y)
            outputs.append(y)
        joined = combined(outputs, self.adds)
        return self.relu(joined) if self.rectifies else joined


def combined(outputs: list[Tensor], add: bool) -> Tensor:
    """What branches gave, added or side by side along the channels."""
    return sum(outputs[1:], outputs[0]) if add else torch.cat(outputs, 1)


def plain_layer(layer: data.Layer, in_shape: Shape) -> nn.Module:
    """The module for a layer that is not itself made of layers.

    `in_shape` is (channels, height, width) or (features,), without the batch.
    """
    match layer:
        case data.Conv():
            return Conv(layer, in_shape)
        case data.Linear():
            return Linear(layer, in_shape)
        case data.LRN():
            return LRN(layer)
        case data.Pool(op="max"):
            return nn.MaxPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case data.Pool(op="average"):
            return nn.AvgPool2d(layer.kernel, layer.stride, layer.padding, ceil_mode=layer.ceil)
        case data.GlobalPool():
            return nn.AdaptiveAvgPool2d(layer.output)
        case data.Dropout():
            return nn.Dropout(layer.p)
        case data.Scale():
            return Scale(in_shape)
        case data.Tanh():
            return Tanh(layer)
        case data.Select():
            return Select(layer)
    raise ArchitectureError(f"{layer.name}: there is no module for {layer!r}.")


def add(parent: nn.Module, name: str, path: str, module: nn.Module) -> None:
    """Make `module` the child `name` of `parent`; `path` is for the message.

    Raises:
        ArchitectureError: torch cannot take a child of this name.
    """
    if not name or "." in name or hasattr(parent, name):  # torch would overwrite some of these silently
        raise ArchitectureError(f"{path}: {name!r} cannot name a layer here; torch has another use of it.")
    parent.add_module(name, module)
