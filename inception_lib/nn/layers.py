"""Torch modules for the layers that `inception_lib.architecture` describes, one for each dataclass.

Tensors are (batch, channels, height, width), or (batch, features) once flattened.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib import architecture as data
from inception_lib.architecture import Shape, groups_of, pair, size_of
from inception_lib.errors import ArchitectureError


class Conv(nn.Module):
    """A convolution, then batch normalization and ReLU where the layer has them.

    The parts are the submodules `conv`, `norm` and `relu`. No part works in place, so a hook on
    `conv` or `norm` sees, and may keep, the values before the ReLU.
    """

    def __init__(self, layer: data.Conv, in_shape: Shape) -> None:
        super().__init__()
        kind = PointwiseConv if pair(layer.kernel) == (1, 1) else nn.Conv2d
        self.conv = kind(
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
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.relu is None else self.relu(x)


class PointwiseConv(nn.Conv2d):
    """A 1x1 convolution; on a CPU the matrix product that it is, the same layer at each pixel.

    With few channels and pixels it is trained up to twice as fast so, since less is prepared for each call.
    """

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to (batch, out_channels, H', W')."""
        plain = (self.stride, self.padding, self.groups) == ((1, 1), (0, 0), 1)
        if plain and x.device.type == "cpu" and x.is_contiguous(memory_format=torch.channels_last):
            return F.linear(x.permute(0, 2, 3, 1), self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
        return super().forward(x)


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


class LRN(nn.Module):
    """Local response normalization across channels, equal to `F.local_response_norm` but faster.

    Each value is divided by (k + alpha/size * s) ** beta, where s is the sum of the squares of the
    `size` channels around it (Krizhevsky et al. 2012, section 3.3; Caffe divides alpha by the size,
    and so does torch). Half-precision input is computed in float32, since squares above 65,504
    overflow in float16, and given back in its own type.
    """

    def __init__(self, layer: data.LRN) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = layer.size, layer.alpha, layer.beta, layer.k

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, H, W) to the same shape and type."""
        return local_response_norm(x, self.size, self.alpha, self.beta, self.k)

    def extra_repr(self) -> str:
        return f"size={self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"


def local_response_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """`F.local_response_norm` as a sum of shifted slices, which compiles into one pass.

    Args and result as there: x is (batch, C, ...), and the result has its shape and type. The gradient is
    computed in closed form; it has none of its own.
    """
    return _LocalResponseNorm.apply(x, size, alpha, beta, k)


class _LocalResponseNorm(torch.autograd.Function):
    """y = x / base ** beta, where base = k + alpha/size * (sum of x² over the window).

    dL/dx = g / base ** beta - 2 alpha beta / size * x * (sum of g y / base over the mirrored window).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        base = _window_sum(wide * wide, size // 2, (size - 1) // 2).mul_(alpha / size).add_(k)
        power = _power(base, beta)
        ctx.save_for_backward(x, base, power)
        ctx.settings = size, alpha, beta
        return (wide * power).to(x.dtype)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        x, base, power = ctx.saved_tensors
        size, alpha, beta = ctx.settings
        wide, grad = x.to(base.dtype), grad.to(base.dtype)
        direct = grad * power
        shared = _window_sum(direct * wide / base, (size - 1) // 2, size // 2)
        along = direct.addcmul_(wide, shared, value=-2 * alpha * beta / size)
        return along.to(x.dtype), None, None, None, None


def _window_sum(x: Tensor, before: int, after: int) -> Tensor:
    """At each channel, the sum of x over the channels from `before` it to `after` it."""
    no_padding = (0, 0) * (x.dim() - 2)  # F.pad counts axes from the last; the channels come second
    padded, channels = F.pad(x, (*no_padding, before, after)), x.shape[1]
    total = torch.zeros_like(x)
    for shift in range(before + after + 1):
        total += padded[:, shift : shift + channels]
    return total


def _power(base: Tensor, beta: float) -> Tensor:
    """base ** -beta; roots where they do, since a general power costs several times as much."""
    if beta == 0.5:
        return base.rsqrt()
    if beta == 0.75:
        root = base.rsqrt()
        return root * root.sqrt()
    return base.pow(-beta)


class Scale(nn.Module):
    """Each channel times `weight` plus `bias`, both of one number per channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, C, ...) to the same shape."""
        shape = (-1, *(1,) * (x.dim() - 2))
        return x * self.weight.view(shape) + self.bias.view(shape)


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
        if not self.adds:
            return torch.cat(outputs, 1)
        total = outputs[0]
        for y in outputs[1:]:
            total = total + y
        return self.relu(total) if self.rectifies else total


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
            return Scale(in_shape[0])
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
