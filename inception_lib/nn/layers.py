"""Torch modules for the layers that `inception_lib.architecture` describes, one for each dataclass.

Tensors are (batch, channels, height, width), or (batch, features) once flattened.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.modules.module import _has_any_global_hook

from inception_lib import architecture as data
from inception_lib.architecture import Shape, groups_of, pair, size_of
from inception_lib.errors import ArchitectureError


def traced(x: object) -> bool:
    """Whether this call is written down as a graph: by torch.compile, torch.export, torch.fx or jit.

    Then `x` may be a stand-in, which has no numbers and no memory of which to ask anything.
    """
    return torch.compiler.is_compiling() or isinstance(x, torch.fx.Proxy) or torch.jit.is_tracing()


def transformed() -> bool:
    """Whether this call runs inside a transform of `torch.func`, such as vmap, jvp or hessian."""
    return torch._C._are_functorch_transforms_active()


class Conv(nn.Module):
    """A convolution, then batch normalization and ReLU where the layer has them.

    The parts are the submodules `conv`, `norm` and `relu`. No part works in place, so a hook on
    `conv` or `norm` sees, and may keep, the values before the ReLU.

    A 1x1 convolution of channels-last values on a CPU is computed as the matrix product that it is,
    the same fully connected layer at each pixel: with few channels and pixels it is trained up to twice as
    fast so, since less is prepared for each call.
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
        x = _product(self.conv, x) if _is_product(self.conv, x) else self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        return x if self.relu is None else self.relu(x)


def _is_product(conv: nn.Conv2d, x: Tensor) -> bool:
    """Whether `conv` may be replaced by a matrix product, unseen by anyone."""
    return (
        type(conv) is nn.Conv2d
        and (conv.kernel_size, conv.stride, conv.padding, conv.groups) == ((1, 1), (1, 1), (0, 0), 1)
        and not traced(x)
        # inside vmap a tensor does not tell its memory format
        and not transformed()
        and x.device.type == "cpu"
        and x.is_contiguous(memory_format=torch.channels_last)
        # a hook wants the module itself to be called
        and not (conv._forward_hooks or conv._forward_pre_hooks)
        and not (conv._backward_hooks or conv._backward_pre_hooks or _has_any_global_hook())
    )


def _product(conv: nn.Conv2d, x: Tensor) -> Tensor:
    return F.linear(x.permute(0, 2, 3, 1), conv.weight.flatten(1), conv.bias).permute(0, 3, 1, 2)


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


# so that a graph of torch.fx has it as one call
@torch.fx.wrap
def local_response_norm(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """`F.local_response_norm` as a sum of shifted slices, which compiles into one pass.

    Args and result as there: x is (batch, C, ...), and the result has its shape and type. Derivatives of
    any order and mode are right, also inside `torch.func`'s transforms. `torch.onnx.export` writes it as
    ONNX's operator LRN, which every runtime has.
    """
    # of an even size, ONNX's window lies one channel further on
    if torch.onnx.is_in_onnx_export() and not torch.jit.is_tracing() and size % 2:
        return _onnx_operator(x, size, alpha, beta, k)
    if traced(x) or transformed() or forward_ad.unpack_dual(x).tangent is not None:
        return _normalized(x, size, alpha, beta, k)[0]
    return _LocalResponseNorm.apply(x, size, alpha, beta, k)


def _onnx_operator(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    # the attributes' types are those of the values
    attributes: dict[str, Any] = {"size": size, "alpha": float(alpha), "beta": float(beta), "bias": float(k)}
    return torch.onnx.ops.symbolic("LRN", (wide,), attributes, dtype=wide.dtype, shape=x.shape).to(x.dtype)


def _normalized(x: Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[Tensor, Tensor, Tensor]:
    """y = x / base ** beta, with base = k + alpha/size * (sum of x² over the window); base; base ** -beta."""
    wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
    base = _window_sum(wide * wide, size // 2, (size - 1) // 2).mul_(alpha / size).add_(k)
    power = _power(base, beta)
    return (wide * power).to(x.dtype), base, power


class _LocalResponseNorm(torch.autograd.Function):
    """`_normalized` with its gradient in closed form, which is twice as fast and keeps less.

    dL/dx = g / base ** beta - 2 alpha beta / size * x * (sum of g y / base over the mirrored window).

    For eager, reverse mode alone. A `jvp` here would be wrong in silence where forward modes are nested,
    since torch does not tell it the outer tangent.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        y, base, power = _normalized(x, size, alpha, beta, k)
        ctx.save_for_backward(x, base, power)
        ctx.settings = size, alpha, beta, k
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        x, base, power = ctx.saved_tensors
        size, alpha, beta, _ = ctx.settings
        again = torch.is_grad_enabled()
        if again:
            # whoever differentiates once more must see that these depend on x
            _, base, power = _normalized(x, *ctx.settings)
        wide, grad = x.to(base.dtype), grad.to(base.dtype)
        direct = grad * power
        shared = _window_sum(direct * wide / base, (size - 1) // 2, size // 2)
        add = torch.addcmul if again else Tensor.addcmul_
        return add(direct, wide, shared, value=-2 * alpha * beta / size).to(x.dtype), None, None, None, None


def _window_sum(x: Tensor, before: int, after: int) -> Tensor:
    """At each channel, the sum of x over the channels from `before` it to `after` it."""
    if before == after == 0:
        return x
    no_padding = (0, 0) * (x.dim() - 2)  # F.pad counts axes from the last; the channels come second
    padded, channels = F.pad(x, (*no_padding, before, after)), x.shape[1]
    total = padded[:, :channels] + padded[:, 1 : 1 + channels]
    for shift in range(2, before + after + 1):
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
