"""Local response normalization across channels: equal to torch's own, and several times as fast.

Each value is divided by (k + alpha/size * s) ** beta, where s is the sum of the squares of the `size`
channels around it (Krizhevsky et al. 2012, section 3.3; Caffe divides alpha by the size, and so does torch).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.nn import functional as F

from inception_lib import architecture as data
from inception_lib.nn import lrn_triton
from inception_lib.nn.lrn_triton import channels_together, ordered

#: As they are now: ptflops exchanges torch's for some that count, and counts no other normalization so.
_add, _addcmul, _mul = torch.add, torch.addcmul, torch.mul
#: Numbers that one piece of the work holds on a CPU: a few such pieces fit into its cache.
_PIECE = 1 << 19


def traced(x: object) -> bool:
    """Whether this call is written down as a graph: by torch.compile, torch.export, torch.fx or jit.

    Then `x` may be a stand-in, which has no numbers and no memory of which to ask anything.
    """
    return torch.compiler.is_compiling() or isinstance(x, torch.fx.Proxy) or torch.jit.is_tracing()


def transformed() -> bool:
    """Whether this call runs inside a transform of `torch.func`, such as vmap, jvp or hessian."""
    return torch._C._are_functorch_transforms_active()


class LRN(nn.Module):
    """Local response normalization across channels; see `local_response_norm`."""

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
    """`F.local_response_norm`, in one pass over the memory on a CPU, and on CUDA by kernels of Triton.

    Args and result as there: x is (batch, C, ...), and the result has its shape and type. Half precision is
    computed in float32, since squares above 65,504 overflow in float16. Derivatives of any order and mode
    are right, also inside `torch.func`'s transforms. Compilers see a sum of shifted slices, of which they
    make one pass. `torch.onnx.export` writes it as ONNX's operator LRN, which every runtime has.
    """
    # of an even size, ONNX's window lies one channel further on
    if torch.onnx.is_in_onnx_export() and not torch.jit.is_tracing() and size % 2:
        return _onnx_operator(x, size, alpha, beta, k)
    if traced(x) or transformed() or forward_ad.unpack_dual(x).tangent is not None:
        return _plain(x, size, alpha, beta, k)[0]
    return _LocalResponseNorm.apply(x, size, alpha, beta, k)


def _onnx_operator(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    wide = _wide(x)
    # the attributes' types are those of the values
    attributes: dict[str, Any] = {"size": size, "alpha": float(alpha), "beta": float(beta), "bias": float(k)}
    return torch.onnx.ops.symbolic("LRN", (wide,), attributes, dtype=wide.dtype, shape=x.shape).to(x.dtype)


def _wide(x: Tensor) -> Tensor:
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def _plain(x: Tensor, size: int, alpha: float, beta: float, k: float) -> tuple[Tensor, Tensor, Tensor]:
    """y = x / base ** beta, with base = k + alpha/size * (sum of x² over the window); base; base ** -beta."""
    wide = _wide(x)
    base = _window_sum(wide * wide, size // 2, (size - 1) // 2).mul_(alpha / size).add_(k)
    power = _power(base, beta)
    return (wide * power).to(x.dtype), base, power


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


def _as_base(sums: Tensor, factor: float, k: float) -> Tensor:
    """k + factor * sums, in their place."""
    if sums.device.type != "cpu":
        return sums.mul_(factor).add_(k)
    return _add(torch.tensor(k, dtype=sums.dtype, device="cpu"), sums, alpha=factor, out=sums)


def _as_power(base: Tensor, beta: float) -> Tensor:
    """`_power`, in the place of `base`."""
    if beta not in (0.5, 0.75):
        return base.pow_(-beta)
    base.rsqrt_()
    return base if beta == 0.5 else base.mul_(base.sqrt())


class _LocalResponseNorm(torch.autograd.Function):
    """`_plain` by Triton's kernels or piece by piece, with its gradient in closed form, which wants x alone.

    dL/dx = g / base ** beta - 2 alpha beta / size * x * (sum of g y / base over the mirrored window).

    For eager, reverse mode alone. A `jvp` here would be wrong in silence where forward modes are nested,
    since torch does not tell it the outer tangent.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        ctx.save_for_backward(x)
        ctx.settings = size, alpha, beta, k
        if lrn_triton.usable(x):
            return lrn_triton.forward(x, size, alpha, beta, k)
        x = ordered(x, channels_together(x))
        y = torch.empty_like(x)
        squares = _Window(x, size, size // 2)
        for of_x, of_y in _pieces(squares.rows, x, y):
            wide = _wide(of_x)
            _mul(wide, wide, out=squares.values(len(wide)))
            power = _as_power(_as_base(squares.sums(len(wide)), alpha / size, k), beta)
            _mul(wide, squares.cut(power), out=of_y)
        return y

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None, None, None]:
        (x,) = ctx.saved_tensors
        size, alpha, beta, k = ctx.settings
        factor = -2 * alpha * beta / size
        # whoever differentiates once more must see what depends on x; a vmap takes no `out`
        batched = transformed() or torch._C._functorch.is_legacy_batchedtensor(grad)
        if torch.is_grad_enabled() or batched:
            _, base, power = _plain(x, size, alpha, beta, k)
            direct, wide = _wide(grad) * power, _wide(x)
            shared = _window_sum(direct * wide / base, (size - 1) // 2, size // 2)
            return (direct + factor * wide * shared).to(x.dtype), None, None, None, None
        if lrn_triton.usable(x):
            return lrn_triton.backward(x, grad, size, alpha, beta, k), None, None, None, None
        together = channels_together(x)
        x, grad = ordered(x, together), ordered(grad, together)
        result = torch.empty_like(x)
        squares, products = _Window(x, size, size // 2), _Window(x, size, (size - 1) // 2)
        for of_x, of_grad, of_result in _pieces(squares.rows, x, grad, result):
            wide, rows = _wide(of_x), len(of_x)
            _mul(wide, wide, out=squares.values(rows))
            base = _as_base(squares.sums(rows), alpha / size, k)
            direct = _wide(of_grad) * squares.cut(_as_power(base.clone(), beta))
            _mul(direct, wide, out=products.values(rows)).div_(squares.cut(base))
            shared = products.cut(products.sums(rows))
            _addcmul(direct, wide, shared, value=factor, out=of_result)
        return result, None, None, None, None


def _pieces(rows: int, *tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Views of dense tensors of one layout, each (at most `rows`, C, what lies side by side in a channel)."""
    views = [
        x.movedim(1, -1).view(-1, x.shape[1], 1)
        if channels_together(x)
        else x.view(len(x), x.shape[1], math.prod(x.shape[2:]))
        for x in tensors
    ]
    return zip(*(view.split(rows) for view in views), strict=True)


class _Window:
    """Sums over a window that slides along the channels, for pieces of a tensor laid out as `x` is.

    Zeros stand before and after the channels of each row, so that the window slides through all rows at once,
    as through one long row. What it sums across two rows lies between the channels and is cut away.
    """

    def __init__(self, x: Tensor, size: int, before: int) -> None:
        self.size, self.before, self.channels = size, before, x.shape[1]
        beside = math.prod(x.shape[2:])
        whole, self.beside = (len(x) * beside, 1) if channels_together(x) else (len(x), beside)
        self._row = (self.channels + size - 1) * self.beside
        # where starting an operation is dear, everything is one piece
        self.rows = max(1, min(whole, _PIECE // self._row) if x.device.type == "cpu" else whole)
        kind = torch.float32 if x.dtype in (torch.float16, torch.bfloat16) else x.dtype
        self._padded = x.new_zeros(self.rows * self._row + (size - 1) * self.beside, dtype=kind)
        self._sums = x.new_empty(self.rows * self._row, dtype=kind)

    def _rows(self, flat: Tensor) -> Tensor:
        return flat.view(-1, self.channels + self.size - 1, self.beside)

    def values(self, rows: int) -> Tensor:
        """(rows, C, ...), to be written: what is summed."""
        return self._rows(self._padded[: rows * self._row])[:, self.before : self.before + self.channels]

    def sums(self, rows: int) -> Tensor:
        """The sums in one long row, of which `cut` gives those of the channels."""
        total = self._sums[: rows * self._row]
        shifted = [self._padded[n * self.beside :][: len(total)] for n in range(self.size)]
        if self.size == 1:
            return total.copy_(shifted[0])
        _add(*shifted[:2], out=total)
        for values in shifted[2:]:
            total += values
        return total

    def cut(self, flat: Tensor) -> Tensor:
        """(rows, C, ...) of what `sums` gave, or of what was computed of it."""
        return self._rows(flat)[:, : self.channels]
