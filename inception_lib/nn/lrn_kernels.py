"""Triton kernels of local response normalization; `lrn_triton` starts them. Importing this needs triton.

A program works on a block of values that lie one after the other in memory. The neighbors of a value in the
window lie `stride` apart: 1 where the channels lie together (channels_last), the positions of an image where
each channel is a plane. They are read again for each value, which costs little, since they are in the cache:
from memory comes every value once. All arithmetic is in float32.
"""

# mypy: allow-untyped-defs

from __future__ import annotations

import triton
import triton.language as tl

#: Values per program.
BLOCK = 1024


@triton.jit
def _powers(base, beta: tl.constexpr):
    """base ** -beta and 1 / base, by way of the root, since a division costs several times as much."""
    root = tl.rsqrt(base)
    if beta == 0.5:
        power = root
    elif beta == 0.75:
        power = root * tl.sqrt(root)
    else:
        power = tl.exp2(2 * beta * tl.log2(root))
    return power, root * root


@triton.jit
def _near(x, at, channel, inside, stride, channels: tl.constexpr, shift: tl.constexpr):
    """The values `shift` channels further on, and 0 where there is no such channel."""
    there = inside & (channel + shift >= 0) & (channel + shift < channels)
    return tl.load(x + at + shift * stride, mask=there, other=0.0).to(tl.float32)


@triton.jit
def _base(
    x, at, channel, inside, stride, k, scale, channels: tl.constexpr, first: tl.constexpr, last: tl.constexpr
):
    """k + scale * (sum of the squares of the channels from `first` to `last`, counted from this one)."""
    value = _near(x, at, channel, inside, stride, channels, first)
    total = value * value
    for shift in tl.static_range(first + 1, last + 1):
        value = _near(x, at, channel, inside, stride, channels, shift)
        total += value * value
    return k + scale * total


@triton.jit
def _place(values, stride, channels: tl.constexpr, block: tl.constexpr, wide: tl.constexpr):
    """Where this program's values are in memory, their channels, and which of them there are."""
    program = tl.program_id(0)
    at = (program.to(tl.int64) if wide else program) * block + tl.arange(0, block)
    return at, (at // stride) % channels, at < values


@triton.jit
def forward(
    x, y, values, stride, k, scale,
    channels: tl.constexpr, before: tl.constexpr, after: tl.constexpr, beta: tl.constexpr,
    block: tl.constexpr, wide: tl.constexpr,
):  # fmt: skip
    """y = x / base ** beta."""
    at, channel, inside = _place(values, stride, channels, block, wide)
    base = _base(x, at, channel, inside, stride, k, scale, channels, -before, after)
    value = _near(x, at, channel, inside, stride, channels, 0)
    power, _ = _powers(base, beta)
    tl.store(y + at, (value * power).to(y.dtype.element_ty), mask=inside)


@triton.jit
def backward(
    x, grad, out, values, stride, k, scale,
    channels: tl.constexpr, before: tl.constexpr, after: tl.constexpr, beta: tl.constexpr,
    block: tl.constexpr, wide: tl.constexpr,
):  # fmt: skip
    """g / base ** beta - 2 beta scale x * (sum of g x / base ** (beta + 1) over the mirrored window).

    The base of every channel of the window is computed again from the inputs.
    """
    at, channel, inside = _place(values, stride, channels, block, wide)
    direct = tl.zeros([block], tl.float32)
    shared = tl.zeros([block], tl.float32)
    for shift in tl.static_range(-after, before + 1):
        there = (channel + shift >= 0) & (channel + shift < channels)
        base = _base(x, at, channel, inside, stride, k, scale, channels, shift - before, shift + after)
        power, inverse = _powers(base, beta)
        product = _near(grad, at, channel, inside, stride, channels, shift) * power
        if shift == 0:
            direct = product
        value = _near(x, at, channel, inside, stride, channels, shift)
        # outside of the channels the base may be 0
        shared += tl.where(there, product * value * inverse, 0.0)
    value = _near(x, at, channel, inside, stride, channels, 0)
    tl.store(out + at, (direct - 2 * beta * scale * value * shared).to(out.dtype.element_ty), mask=inside)
