"""What the 1x1 reductions keep: the moments against plain arrays, and the recorded run against a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import googlenet
from inception_lib.book import reductions, results
from inception_lib.data.images import BVLC_PREPROCESS, Preprocess
from inception_lib.errors import InceptionError
from inception_lib.networks.googlenet import PAPER_WIDTHS
from inception_lib.nn.network import Network
from inception_lib.weights.loading import load_weights

BVLC = Path(__file__).parents[1] / "../shared/weights/bvlc_googlenet.caffemodel"


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def sample(rng, places: int, channels: int) -> np.ndarray:
    return rng.standard_normal((places, channels)) @ rng.standard_normal((channels, channels)) + 3


def test_moments_are_those_of_the_places(rng):
    x, y = sample(rng, 50, 4), sample(rng, 50, 3)
    parts = reductions.Moments.of(x[:20], y[:20]) + reductions.Moments.of(x[20:], y[20:])
    z = np.hstack([x, y])
    np.testing.assert_allclose(parts.mean, z.mean(0))
    np.testing.assert_allclose(parts.about(parts.mean) / 49, np.cov(z.T), atol=1e-9)
    np.testing.assert_allclose(parts.head(4).about(np.ones(4)), (x - 1).T @ (x - 1))


def test_the_squared_error_is_that_of_least_squares(rng):
    fit, test = sample(rng, 200, 6), sample(rng, 80, 6)
    weight = rng.standard_normal((3, 6))
    guess, *_ = np.linalg.lstsq(np.hstack([fit @ weight.T, np.ones((200, 1))]), fit, rcond=None)
    expected = np.sum((test - np.hstack([test @ weight.T, np.ones((80, 1))]) @ guess) ** 2)
    moments = [reductions.mapped(reductions.Moments.of(x), weight) for x in (fit, test)]
    error, total = reductions.squared_error(*moments, 6)
    assert error == pytest.approx(expected)
    assert total == pytest.approx(np.sum((test - fit.mean(0)) ** 2))


def test_after_a_relu_too_and_with_a_channel_that_is_always_off(rng):
    x = sample(rng, 300, 5)
    y = np.maximum(x @ rng.standard_normal((5, 3)), 0)
    y[:, 1] = 0
    live = np.hstack([y[:, [0, 2]], np.ones((300, 1))])
    guess, *_ = np.linalg.lstsq(live, x, rcond=None)
    moments = reductions.Moments.of(x, y)
    error, _ = reductions.squared_error(moments, moments, 5)
    assert error == pytest.approx(np.sum((x - live @ guess) ** 2))


def test_principal_components_are_those_of_the_singular_vectors(rng):
    fit, test = sample(rng, 200, 6), sample(rng, 80, 6)
    _, _, vectors = np.linalg.svd(fit - fit.mean(0))
    errors, total = reductions.principal_errors(reductions.Moments.of(fit), reductions.Moments.of(test))
    centered = test - fit.mean(0)
    for k in range(7):
        left = centered - centered @ vectors[:k].T @ vectors[:k]
        assert errors[k] == pytest.approx(np.sum(left**2), abs=1e-6 * total)
    assert total == pytest.approx(np.sum(centered**2))


def test_views_are_whole_and_reach_all_borders():
    pixels = np.zeros((30, 50, 3), np.uint8)
    pixels[:, -10:] = 255
    preprocess = Preprocess(resize=64, crop=56)
    batches = list(reductions.views(Image.fromarray(pixels), preprocess))
    assert [b.shape for b in batches] == [(9, 3, 56, 56)] * 4
    for batch in batches:
        assert batch[0, :, :, 0].max() == 0 and batch[8, :, :, -1].min() == 255


@pytest.fixture(scope="module")
def small():
    network = Network(
        googlenet(width=0.25, classes=10, heads=False, input_size=64),
        generator=torch.Generator().manual_seed(0),
    )
    generator = np.random.default_rng(1)
    pictures = [
        Image.fromarray(generator.integers(0, 256, (80, 96, 3), np.uint8)).resize((160, 120))
        for _ in range(3)
    ]
    return network, pictures


def test_no_linear_map_keeps_more_than_the_components(small):
    network, pictures = small
    preprocess = Preprocess(resize=64, crop=64, mean=(128,) * 3)
    kept, curves = reductions.measure(network, preprocess, pictures, progress=False)
    assert [k.path for k in kept] == reductions.reduction_paths(network)
    assert len(kept) == 18
    for k in kept:
        assert k.linear <= k.pca + 1e-9 and k.random <= k.pca + 1e-9
        assert -1e-9 <= k.relu <= 1 and k.pca_carried <= 1
        assert 0 < k.equivalent <= k.width
        curve = curves[k.path.partition("/")[0]]
        assert len(curve) == k.in_channels + 1 and curve[k.width] == k.pca
        assert curve[0] == 0 and curve[-1] == pytest.approx(1) and curve == sorted(curve)


def test_one_picture_is_too_few(small):
    network, pictures = small
    with pytest.raises(InceptionError, match="two are needed"):
        reductions.measure(network, BVLC_PREPROCESS, pictures[:1], progress=False)


def test_the_recorded_run_has_a_line_per_reduction_of_the_paper():
    outcome = results.load(reductions.RESULT).outcome
    assert outcome["photographs"] == list(reductions.PHOTOGRAPHS)
    lines = {k["path"]: k["width"] for k in outcome["kept"]}
    expected = {}
    for name, widths in PAPER_WIDTHS.items():
        expected[f"inception_{name}/3x3_reduce"] = widths.reduce3x3
        expected[f"inception_{name}/5x5_reduce"] = widths.reduce5x5
    assert lines == expected
    for line in outcome["kept"]:
        curve = outcome["curves"][line["path"].partition("/")[0]]
        assert len(curve) == line["in_channels"] + 1 and curve[line["width"]] == line["pca"]
        assert line["random"] < line["linear"] < line["pca"] and line["relu"] < line["linear"]


@pytest.mark.slow
@pytest.mark.skipif(not BVLC.exists(), reason="../shared/weights/bvlc_googlenet.caffemodel is not there")
def test_a_new_run_gives_what_was_recorded():
    network, info = load_weights(BVLC)
    new = reductions.measure(network, info.preprocess, reductions.photographs().values(), progress=False)
    outcome = results.load(reductions.RESULT).outcome
    assert new.curves.keys() == outcome["curves"].keys()
    for name, curve in new.curves.items():
        assert curve == pytest.approx(outcome["curves"][name], abs=2e-3)
    for kept, line in zip(new.kept, outcome["kept"], strict=True):
        for name, value in kept._asdict().items():
            if isinstance(value, float):
                assert value == pytest.approx(line[name], abs=2e-3), (kept.path, name)
            elif name != "equivalent":
                assert value == line[name]
        assert abs(kept.equivalent - line["equivalent"]) <= 1
