"""BVLC's network through the page's engine, on the photographs whose logits are known."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from live_engine import Ran, run_engine

from inception_lib import load_weights, read_picture
from inception_lib.book.live.parts import network
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import BVLC_PREPROCESS

SHARED = (Path(__file__).parents[1] / ".." / "shared").resolve()
BVLC = SHARED / "weights" / "bvlc_googlenet.caffemodel"
PHOTOS = SHARED / "datasets" / "imagenet-samples-384.tar"
LOGITS = SHARED / "weights" / "expected_bvlc_logits.npz"
pytestmark = [
    pytest.mark.book,
    pytest.mark.slow,
    pytest.mark.skipif(
        not (BVLC.exists() and PHOTOS.exists() and LOGITS.exists()),
        reason="no ../shared/weights with imagenet-samples-384.tar",
    ),
]


@pytest.fixture(scope="module")
def photos() -> tuple[torch.Tensor, np.ndarray]:
    """The 62 photographs as the network takes them, and the logits that another program computed."""
    expected = np.load(LOGITS)
    with tarfile.open(PHOTOS) as tar:
        files = [tar.extractfile(f"imagenet-samples-384/{name}") for name in expected["photo"]]
        return torch.stack([BVLC_PREPROCESS(read_picture(file)) for file in files]), expected["logits"]


def test_a_caffemodel_read_in_the_page_gives_the_expected_logits(tmp_path, photos):
    x, expected = photos
    ran = run_engine(tmp_path, BVLC, x[:8])
    assert isinstance(ran, Ran), ran
    np.testing.assert_allclose(ran.outputs["logits"], expected[:8], atol=1e-3)
    about = ran.said["about"]
    assert about["classes"] == list(imagenet_classes()) and about["preprocess"]["channels"] == "BGR"
    assert about["architecture"]["heads"] == []


def test_in_float16_all_62_are_within_a_twentieth_and_of_the_same_class(tmp_path, photos):
    x, expected = photos
    packed = network(load_weights(BVLC), "float16")
    assert len(packed.data) < 14.1e6
    ran = run_engine(tmp_path, packed, x)
    assert isinstance(ran, Ran), ran
    found = ran.outputs["logits"]
    assert np.abs(found - expected).max() < 0.05
    assert len(found) == 62 and (found.argmax(1) == expected.argmax(1)).all()


def test_in_plain_javascript_it_is_the_same(tmp_path, photos):
    x, expected = photos
    ran = run_engine(tmp_path, BVLC, x[8:10], wasm=False)
    assert isinstance(ran, Ran), ran
    np.testing.assert_allclose(ran.outputs["logits"], expected[8:10], atol=1e-3)
