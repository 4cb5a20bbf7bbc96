"""kernels.wat, assembled and run by wasmtime, against numpy and torch."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
import torch
import wasmtime
from torch.nn import functional as F

from inception_lib.book.live import parts

pytestmark = pytest.mark.book


class Kernels:
    """The module's functions, and its memory as numbers: arrays are put one after the other."""

    def __init__(self) -> None:
        store = wasmtime.Store()
        self.memory = wasmtime.Memory(store, wasmtime.MemoryType(wasmtime.Limits(64, None)))
        module = wasmtime.Module(store.engine, parts.module())
        self.exports = wasmtime.Instance(store, module, [self.memory]).exports(store)
        self.store, self.used = store, 64
        size = self.memory.data_len(store)
        self.bytes = np.ctypeslib.as_array(
            ctypes.cast(self.memory.data_ptr(store), ctypes.POINTER(ctypes.c_uint8)), (size,)
        )

    def put(self, values: np.ndarray) -> int:
        data = np.ascontiguousarray(values).view(np.uint8).reshape(-1)
        at, self.used = self.used, self.used + len(data) + 64
        self.bytes[at : at + len(data)] = data
        return at

    def room(self, *shape: int) -> int:
        """A place for a result, filled with a number that none is, as is what lies behind it."""
        return self.put(np.full((int(np.prod(shape)) + 8,), -7.5, np.float32))

    def get(self, at: int, *shape: int) -> np.ndarray:
        count = int(np.prod(shape))
        found = self.bytes[at : at + 4 * count + 32].copy().view(np.float32)
        assert (found[count:] == -7.5).all(), "it wrote behind its place"
        return found[:count].reshape(shape)

    def __call__(self, name: str, *given: float) -> None:
        self.exports[name](self.store, *given)


@pytest.fixture
def kernels():
    return Kernels()


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def test_the_module_is_assembled_from_the_source_and_from_nothing_else():
    assert parts.module() == bytes(wasmtime.wat2wasm((parts.FOLDER / "kernels.wat").read_text()))
    module = wasmtime.Module(wasmtime.Engine(), parts.module())
    assert [one.name for one in module.exports] == ["gather", "product", "normalize", "maximum"]
    assert [one.module for one in module.imports] == ["engine"]  # its memory, and nothing of the world


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("columns", range(1, 9))
@pytest.mark.parametrize("relu", [0, 1])
def test_product_is_the_matrix_product(kernels, rows, columns, relu):
    depth, stored = 7, -(-rows // 4) * 4
    weights, panel, bias = numbers(rows, depth), numbers(depth, 8, seed=1), numbers(rows, seed=2)
    padded = np.zeros((stored, depth), np.float32)
    padded[:rows] = weights
    blocks = padded.reshape(-1, 4, depth).transpose(0, 2, 1)
    biases = np.zeros(stored, np.float32)
    biases[:rows] = bias
    out = kernels.room(rows, columns)
    kernels(
        *("product", kernels.put(blocks), kernels.put(panel), depth, out, 4 * columns),
        *(kernels.put(biases), rows, columns, relu),
    )
    want = weights @ panel[:, :columns] + bias[:, None]
    found = kernels.get(out, rows, columns)
    np.testing.assert_allclose(found, np.maximum(want, 0) if relu else want, atol=1e-6)


@pytest.mark.parametrize(
    "spots",
    [
        [0, 1, 2, 3, 4, 5, 6, 7],
        [0, 2, 4, 6, 8, 10, 12, 14],
        [3, 4, 5, 9, 10, 11, 15, 16],
        [5, 6, 5, 5, 5, 5, 5, 5],
    ],
)
def test_gather_takes_the_columns(kernels, spots):
    source, taps = numbers(100), np.array([0, 7, 50, 61, 3], np.int32)
    panel = kernels.room(5, 8)
    at = (kernels.put(source), kernels.put(4 * taps), kernels.put(4 * np.array(spots, np.int32)))
    kernels("gather", *at, panel, 5)
    np.testing.assert_array_equal(kernels.get(panel, 5, 8), source[taps[:, None] + np.array(spots)])


@pytest.mark.parametrize("shape", [(8, 2, 2), (6, 3, 3), (1, 4, 5), (20, 7, 7), (3, 1, 4)])
@pytest.mark.parametrize("size", [1, 4, 5])
def test_normalize_is_torchs_lrn(kernels, shape, size):
    channels, height, width = shape
    x = 30 * numbers(*shape)
    out = kernels.room(*shape)
    kernels(
        *("normalize", kernels.put(x), out, channels, height * width),
        *(size // 2, (size - 1) // 2, 0.02 / size, 1.5),
    )
    want = F.local_response_norm(torch.from_numpy(x)[None], size, alpha=0.02, beta=0.75, k=1.5)[0]
    np.testing.assert_allclose(kernels.get(out, *shape), want, rtol=1e-5)


@pytest.mark.parametrize(
    "kernel, stride, padding", [(3, 2, 0), (3, 1, 1), (2, 2, 0), (3, 2, 1), (5, 3, 2), (1, 1, 0)]
)
@pytest.mark.parametrize("shape", [(2, 5, 5), (1, 8, 13), (3, 16, 7), (2, 5, 4)])
@pytest.mark.parametrize("ceil", [True, False])
def test_maximum_is_torchs_max_pool(kernels, kernel, stride, padding, shape, ceil):
    x = numbers(*shape) - 3  # mostly below 0, so that a padding of zeros would win
    want = F.max_pool2d(torch.from_numpy(x)[None], kernel, stride, padding, ceil_mode=ceil)[0].numpy()
    rows, columns = want.shape[1:]
    out = kernels.room(*want.shape)
    line = kernels.put(np.full(200, 9, np.float32))
    kernels("maximum", kernels.put(x), out, *shape, rows, columns, kernel, stride, padding, line)
    np.testing.assert_array_equal(kernels.get(out, *want.shape), want)
