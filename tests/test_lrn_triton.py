"""Triton's kernels of local response normalization, without a GPU; on one: test_gpu.py.

In Triton's interpreter they must give what torch gives in float64, and Triton's compiler must make machine
code of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from inception_lib.errors import InceptionWarning
from inception_lib.nn import lrn_triton
from inception_lib.nn.lrn import local_response_norm

triton = pytest.importorskip("triton", reason="needs triton, which torch brings for Linux")

LAYOUTS = ("contiguous", "channels_last", "sliced", "transposed")
#: Channels, window, beta, type, layout: each value of each meets each value of some others.
CASES = [
    (channels, size, (0.75, 0.5, 0.9)[i % 3], dtype, LAYOUTS[(i + j) % 4])
    for i, (channels, dtype) in enumerate(
        [
            *((1, torch.float32), (3, torch.float32), (5, torch.bfloat16), (64, torch.float32)),
            *((64, torch.float16), (192, torch.bfloat16), (200, torch.float32)),
        ]
    )
    for j, size in enumerate((1, 3, 4, 5, 7))
]
#: A relative error of the whole tensor; of half the spacing of numbers at the most, in the halves.
BOUNDS = {torch.float32: 5e-7, torch.bfloat16: 4e-3, torch.float16: 5e-4}


def made(channels, dtype, layout, generator):
    """Noise, in this order in memory."""
    x = (9 * torch.randn(2, channels, 5, 3, generator=generator)).to(dtype)
    if layout == "channels_last":
        return x.contiguous(memory_format=torch.channels_last)
    if layout == "sliced":
        return torch.cat([x, x], 3)[..., ::2]
    return x.transpose(2, 3) if layout == "transposed" else x


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Inputs, settings and results of all cases."""
    place, generator = tmp_path_factory.mktemp("lrn"), torch.Generator().manual_seed(0)
    inputs = []
    for channels, size, beta, dtype, layout in CASES:
        x = made(channels, dtype, layout, generator)
        other = made(channels, dtype, LAYOUTS[len(inputs) % 2], generator).reshape(x.shape)
        inputs.append((x, other, (size, 0.02 * size, beta, 1.5)))
    torch.save(inputs, place / "cases.pt")
    script = Path(__file__).with_name("lrn_interpreted.py")
    subprocess.run(
        [sys.executable, script, place / "cases.pt", place / "results.pt"],
        env=os.environ | {"TRITON_INTERPRET": "1", "PYTHONPATH": os.pathsep.join(sys.path)},
        check=True,
    )
    return list(zip(inputs, torch.load(place / "results.pt"), strict=True))


@pytest.mark.parametrize("case", range(len(CASES)), ids=lambda i: "-".join(map(str, CASES[i])))
def test_the_kernels_are_torchs_function_and_its_gradient(interpreted, case):
    (x, grad, settings), (y, back) = interpreted[case]
    exact = x.double().requires_grad_()
    wanted = F.local_response_norm(exact, *settings)
    wanted.backward(grad.double())
    assert y.dtype == back.dtype == x.dtype and y.shape == x.shape
    if CASES[case][-1] == "channels_last":
        assert y.is_contiguous(memory_format=torch.channels_last)
    bound = BOUNDS[x.dtype]
    assert (y - wanted).norm() < bound * wanted.norm()
    assert (back - exact.grad).norm() < 2 * bound * exact.grad.norm()


def test_twice_differentiated_it_is_right(monkeypatch):
    """The way of the second derivative, with the first one's values in the place of the kernel's."""

    def instead(name, tensors, together, *settings):
        x, out = tensors[0], tensors[-1]
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            y = F.local_response_norm(x, *settings)
            out.copy_(y.detach() if name == "forward" else torch.autograd.grad(y, x, tensors[1])[0])

    monkeypatch.setattr(lrn_triton, "_launch", instead)
    monkeypatch.setattr(lrn_triton, "usable", lambda x: True)
    x = torch.randn(2, 5, 2, 2, dtype=torch.float32, generator=torch.Generator().manual_seed(0))

    def second(function):
        a = x.clone().requires_grad_()
        (first,) = torch.autograd.grad(function(a, 4, 0.5, 0.75, 1.0).sin().sum(), a, create_graph=True)
        return torch.autograd.grad(first.pow(2).sum(), a)[0]

    torch.testing.assert_close(second(local_response_norm), second(F.local_response_norm))


def machine_code(name, dtype, stride, capability):
    """What Triton's compiler makes of a kernel for a GPU of this compute capability; it needs none here."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from inception_lib.nn import lrn_kernels

    kernel = getattr(lrn_kernels, name)
    fixed = {
        "channels": 192,
        "before": 2,
        "after": 2,
        "beta": 0.75,
        "block": lrn_kernels.BLOCK,
        "wide": False,
    }
    fixed |= {"stride": 1} if stride == 1 else {}
    kinds = {"values": "i32", "stride": "i32", "k": "fp32", "scale": "fp32"} | dict.fromkeys(
        fixed, "constexpr"
    )
    names = kernel.arg_names
    return triton.compile(
        ASTSource(
            kernel,
            {n: kinds.get(n, f"*{dtype}") for n in names},
            {(names.index(n),): value for n, value in fixed.items()},
            {(i,): [["tt.divisibility", 16]] for i, n in enumerate(names) if kinds.get(n, "i32") == "i32"},
        ),
        target=GPUTarget("cuda", capability, 32),
    ).asm


@pytest.mark.parametrize("dtype", ["fp32", "bf16", "fp16"])
@pytest.mark.parametrize("capability", [75, 80, 90])
@pytest.mark.parametrize(("name", "loads"), [("forward", 5), ("backward", 9 + 5)])
def test_they_compile_and_read_what_they_need_once(name, loads, capability, dtype, monkeypatch, tmp_path):
    """A window of five: forward its inputs, back the inputs of nine channels and the gradients of five."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    planes = machine_code(name, dtype, 3136, capability)
    vectors = 2 if dtype == "fp32" else 1  # of 16 bytes, for the eight values of a thread
    assert planes["cubin"] and len(re.findall(r"ld\.global\.v4", planes["ptx"])) == loads * vectors
    assert "ld.local" not in planes["ptx"]  # no register spills
    together = machine_code(name, dtype, 1, capability)
    assert together["cubin"] and len(re.findall(r"ld\.global", together["ptx"])) < 6 * loads


def test_what_is_not_for_the_kernels_is_not_usable(monkeypatch):
    monkeypatch.setattr(lrn_triton, "_works", lambda device: True)
    assert not lrn_triton.usable(torch.randn(2, 3, 4, 4))
    with FakeTensorMode():
        assert not lrn_triton.usable(torch.empty(2, 3, 4, 4, device="cuda"))


@pytest.mark.parametrize(
    "fault", [ImportError("No module named 'triton'"), RuntimeError("no C compiler"), None]
)
def test_where_it_cannot_be_built_one_warning_says_so(monkeypatch, fault):
    """On the CPU no kernel can start: whatever happens, the plain layer is there."""

    def failing(*args):
        if fault:
            raise fault  # with None, nothing is computed, and the result is wrong

    monkeypatch.setattr(lrn_triton, "_launch", failing)
    lrn_triton._works.cache_clear()
    lrn_triton.fault.cache_clear()
    with pytest.warns(InceptionWarning, match=str(fault) if fault else "its result is wrong") as caught:
        assert not lrn_triton._works(torch.device("cpu"))
        assert not lrn_triton._works(torch.device("cpu"))
    assert len(caught) == 1
    lrn_triton._works.cache_clear()
    lrn_triton.fault.cache_clear()
