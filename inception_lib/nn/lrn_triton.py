"""Local response normalization on CUDA, in one pass forward and one pass back, by kernels of Triton.

It reads the input and writes the result, and back it reads the input and the gradient: the traffic that the
plain layer's slices have many times over. Triton comes with torch for Linux; it is imported when it is first
needed, and where it or its compiler is missing the plain layer is used.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib.errors import warn

#: Read and written; whatever the type, the arithmetic is in float32.
TYPES = (torch.float32, torch.bfloat16, torch.float16)
#: Offsets from here on need 64 bits, with room for a window and a block.
_WIDE = 2**31 - 2**24


def usable(x: Tensor) -> bool:
    """Whether the kernels can take `x`: values on a CUDA device, and a Triton that works there.

    The first question on a device builds the kernels there. If that fails, a warning says so, once.
    """
    return (
        x.is_cuda
        and type(x) in (Tensor, nn.Parameter)  # a fake tensor has no memory
        and not torch._C._len_torch_dispatch_stack()
        and x.dtype in TYPES
        and x.dim() >= 2
        and x.numel() > 0
        and _works(x.device)
    )


def forward(x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """`F.local_response_norm` of a tensor that is `usable`: the same shape, type and order in memory."""
    together = channels_together(x)
    x = ordered(x, together)
    y = torch.empty_like(x)
    _launch("forward", (x, y), together, size, alpha, beta, k)
    return y


def backward(x: Tensor, grad: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
    """The gradient of x, of the gradient of the result."""
    together = channels_together(x)
    x, grad = ordered(x, together), ordered(grad, together)
    out = torch.empty_like(x)
    _launch("backward", (x, grad, out), together, size, alpha, beta, k)
    return out


def channels_together(x: Tensor) -> bool:
    """Whether the channels of a position lie one after the other in memory."""
    return not x.is_contiguous() and x.movedim(1, -1).is_contiguous()


def ordered(x: Tensor, together: bool) -> Tensor:
    """x itself if it is dense in this order, else a copy that is."""
    return x.movedim(1, -1).contiguous().movedim(-1, 1) if together else x.contiguous()


def _launch(
    name: str, tensors: tuple[Tensor, ...], together: bool, size: int, alpha: float, beta: float, k: float
) -> None:
    """Start a kernel on tensors of one shape and order."""
    from inception_lib.nn import lrn_kernels

    x = tensors[0]
    programs = -(-x.numel() // lrn_kernels.BLOCK)
    with torch.cuda.device_of(x):
        getattr(lrn_kernels, name)[(programs,)](
            *tensors,
            x.numel(),
            1 if together else x[0, 0].numel(),
            float(k),
            alpha / size,
            channels=x.shape[1],
            before=size // 2,
            after=(size - 1) // 2,
            beta=float(beta),
            block=lrn_kernels.BLOCK,
            wide=x.numel() > _WIDE,
        )


@cache
def fault(device: torch.device) -> str:
    """Why Triton's kernels cannot be used on this device, in some words; nothing where they can.

    They are built there, and compared with torch's function.
    """
    try:
        x = torch.linspace(-9, 9, 24, device=device).view(2, 4, 3)
        y, back = torch.empty_like(x), torch.empty_like(x)
        _launch("forward", (x, y), False, 3, 0.5, 0.75, 1.0)
        _launch("backward", (x, y, back), False, 3, 0.5, 0.75, 1.0)
        right = torch.allclose(y, F.local_response_norm(x, 3, 0.5, 0.75, 1.0), rtol=1e-4, atol=1e-5)
        return "" if right else "its result is wrong"
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler says: no triton, no C compiler, a GPU that is too old
        return (str(error).strip().splitlines() or [""])[0].rstrip(".") or type(error).__name__


@cache
def _works(device: torch.device) -> bool:
    """Whether there is no fault; a warning names the one that there is."""
    why = fault(device)
    if why:
        warn(
            f"Triton's kernel of local response normalization cannot be used on {device} ({why}); torch's "
            f"own operations are, which are slower."
        )
    return not why
