"""`tools/record_seeing.py`: maps of channels, class maps and dreams of one photograph, as recorded."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import googlenet, save_weights
from inception_lib.book import results
from inception_lib.book.photographs import photographs
from inception_lib.book.seeing import tiles_of
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.nn.network import Network, activations
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights
from tools import record_seeing

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    architecture = googlenet(width=0.1, heads=False, input_size=64, classes=3)
    network = Network(architecture, generator=torch.Generator().manual_seed(0)).eval()
    preprocess = replace(BVLC_PREPROCESS, resize=70, crop=64)
    info = Weights(
        name="some", architecture=architecture, preprocess=preprocess, classes=("ant", "bee", "cat")
    )
    return save_weights(network, tmp_path_factory.mktemp("weights") / "some.safetensors", info)


@pytest.fixture(scope="module")
def recorded(weights, tmp_path_factory):
    """The record of a small network, the folder that it is in, and that network."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("results")
        patch.setenv("INCEPTION_RESULTS", str(folder))
        patch.setattr(record_seeing, "DREAMS", ("inception_3a",))
        assert record_seeing.main(str(weights), channels=2, record="seen", steps=1) == 0
        return results.load("seen").outcome, folder, load_weights(weights)


def test_each_map_is_in_the_picture_where_the_record_says(recorded):
    outcome, folder, (network, info) = recorded
    sheet = np.array(Image.open(folder / "seen_maps.png")).astype(float)
    x = info.preprocess(photographs(["chelsea"])["chelsea"])[None]
    tiles = tiles_of(network.architecture, 2)
    assert len(outcome["maps"]) == len(tiles) == 72
    for tile, own in zip(tiles, outcome["maps"], strict=True):
        assert (own["path"], own["channel"]) == (tile.path, tile.channel)
        left, top, width, height = own["box"]
        expected = activations(network, x, [tile.path])[tile.path].output[0, tile.channel].detach()
        assert expected.shape == (height, width) and own["most"] == pytest.approx(
            float(expected.max()), abs=1e-3
        )
        shown = sheet[top : top + height, left : left + width] * own["most"] / 255
        np.testing.assert_allclose(shown, expected, atol=0.003 * own["most"] + 1e-3)


def test_the_class_map_is_recorded_beside_grad_cam(recorded):
    outcome, _, (network, info) = recorded
    where = outcome["places"]
    x = info.preprocess(photographs(["chelsea"])["chelsea"])[None]
    logits = network(x).logits[0].detach()
    assert where["class"] == info.classes[int(logits.argmax())]
    scores = np.array(where["class_map"])
    assert scores.mean() == pytest.approx(float(logits.max()), rel=1e-3, abs=1e-4)
    last = np.maximum(scores - where["bias"], 0) / scores.size
    np.testing.assert_allclose(where["grad_cam"]["inception_5b"], last, rtol=0.01, atol=1e-5)
    assert np.shape(where["grad_cam"]["inception_4b"]) == (4, 4)


def test_a_dream_is_recorded_as_large_as_the_photograph(recorded):
    outcome, folder, _ = recorded
    assert outcome["pictures"] == ["seen_maps.png", "seen_dream_inception_3a.webp"]
    assert (
        Image.open(folder / "seen_dream_inception_3a.webp").size == photographs(["chelsea"])["chelsea"].size
    )
