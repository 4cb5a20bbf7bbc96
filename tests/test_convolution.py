"""The Python side of the widgets on 1x1 convolutions and on few channels, against torch and closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from test_widgets import total
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from inception_lib.architecture import walk
from inception_lib.book.bundled import bundled
from inception_lib.book.photographs import photographs
from inception_lib.book.widgets import ConvolutionWidget, LowRankWidget
from inception_lib.book.widgets.convolution import BEFORE, CASES, KERNELS, LAYER, LUMA, PATTERNS, pixels
from inception_lib.book.widgets.lowrank import BLOCK, SIDE, as_channels

pytestmark = pytest.mark.book


def layers(case: str, kernel: str) -> nn.Module:
    sizes = CASES[case]
    c_in, c_out, reduce = sizes["c_in"], sizes["c_out"], sizes["reduce"]
    if kernel == "reduced":
        return nn.Sequential(nn.Conv2d(c_in, reduce, 1), nn.Conv2d(reduce, c_out, 5, padding=2))
    k = int(kernel[0])
    return nn.Conv2d(c_in, c_out, k, padding=k // 2)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("kernel", KERNELS)
def test_macs_are_those_that_torch_counts(case, kernel):
    sizes = CASES[case]
    with FlopCounterMode(display=False) as watch:
        layers(case, kernel)(torch.zeros(1, sizes["c_in"], sizes["grid"], sizes["grid"]))
    widget = ConvolutionWidget(case=case, row=7, column=3)
    result = widget.result()
    assert 2 * result[f"all_{kernel}"] == watch.get_total_flops()
    assert total(widget.table["macs"][kernel], "macs", sizes) == result[f"all_{kernel}"]
    done = 6 * sizes["grid"] + 3
    assert result["done"] == done
    assert result[f"spent_{kernel}"] * sizes["grid"] ** 2 == result[f"all_{kernel}"] * done


def test_the_second_case_is_the_bundled_networks():
    steps = {step.path: step for step in walk(next(bundled(1)).network.architecture)}
    (c_in, grid, _), (c_out, *_) = steps[LAYER].in_shape, steps[LAYER].out_shape
    reduce = steps[LAYER.replace("3x3", "5x5")].out_shape[0]
    assert CASES["maps"] == {"grid": grid, "c_in": c_in, "c_out": c_out, "reduce": reduce}
    assert steps[BEFORE].out_shape == steps[LAYER].in_shape
    assert LowRankWidget().table["channels"] == c_in


def test_patterns_find_edges_and_blur():
    assert np.sum(PATTERNS["3x3"]) == 0  # nothing where all is even
    assert np.sum(PATTERNS["5x5"]) == 1
    np.testing.assert_allclose(np.linalg.matrix_rank(PATTERNS["5x5"]), 1)
    assert sum(LUMA) == pytest.approx(1)


def test_gray_is_pillows():
    """Pillow's "L" is by ITU-R BT.601 as well, in whole numbers."""
    image = photographs(["chelsea"])["chelsea"].crop((75, 0, 375, 300)).resize((48, 48))
    rgb = np.frombuffer(pixels(48), np.uint8).reshape(48, 48, 3)
    assert (rgb == np.asarray(image)).all()
    assert np.abs(rgb @ np.array(LUMA) - np.asarray(image.convert("L"))).max() <= 1


def test_kept_variance_is_what_a_projection_keeps():
    values = as_channels(pixels(SIDE))
    # a block's first pixel, its three colors, and the one under it
    image = np.frombuffer(pixels(SIDE), np.uint8).reshape(SIDE, SIDE, 3)
    position = 2 * (SIDE // BLOCK) + 5
    assert (values[:3, position] == image[2 * BLOCK, 5 * BLOCK]).all()
    assert (values[3 * BLOCK : 3 * BLOCK + 3, position] == image[2 * BLOCK + 1, 5 * BLOCK]).all()
    centered = values - values.mean(1, keepdims=True)
    u, s, v = np.linalg.svd(centered, full_matrices=False)
    for kept in (1, 4, 17, 48):
        back = (u[:, :kept] * s[:kept]) @ v[:kept]
        result = LowRankWidget(kept=kept).result()
        lost = ((centered - back) ** 2).mean()
        assert result["error"] == pytest.approx(lost**0.5, abs=1e-5)
        assert result["share"] == pytest.approx(1 - lost / (centered**2).mean(), abs=1e-9)
