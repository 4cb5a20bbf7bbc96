"""From a picture to the input of a network."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import PictureError
from inception_lib.data.images import (
    BVLC_PREPROCESS,
    Preprocess,
)


def test_bvlcs_preprocessing_is_the_one_the_expected_logits_were_made_with():
    # ../shared/weights/README.md, written out once more
    random = np.random.default_rng(0)
    for width, height in ((451, 300), (300, 451), (384, 384), (224, 900), (640, 427), (100, 77)):
        picture = Image.fromarray(random.integers(0, 256, (height, width, 3), dtype=np.uint8))
        short = min(width, height)
        size = tuple(256 if n == short else max(224, round(n * (256 / short))) for n in picture.size)
        resized = picture.resize(size, Image.Resampling.BILINEAR)
        left, top = (size[0] - 224) // 2, (size[1] - 224) // 2
        cut = np.asarray(resized.crop((left, top, left + 224, top + 224)), np.float32)
        expected = (cut[..., ::-1] - np.float32([104, 117, 123])).transpose(2, 0, 1)
        got = BVLC_PREPROCESS(picture)
        assert got.shape == (3, 224, 224) and got.dtype == torch.float32
        assert np.array_equal(got.numpy(), expected)


def test_order_range_mean_and_std():
    picture = Image.new("RGB", (10, 20), (255, 51, 0))
    rgb = Preprocess(resize=8, crop=4, white=1.0, mean=(0.5, 0.2, 0), std=(0.5, 1, 2))(picture)
    assert rgb.shape == (3, 4, 4)
    assert rgb[:, 0, 0].tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-7)
    bgr = Preprocess(resize=8, crop=4, channels="BGR", mean=(1, 2, 3))(picture)
    assert bgr[:, 3, 3].tolist() == [-1.0, 49.0, 252.0]


@pytest.mark.parametrize("size", [(1, 1), (3, 100_000), (100_000, 2), (224, 223)])
def test_odd_shapes_are_managed_within_memory(size):
    picture = Image.new("RGB", size, (10, 20, 30))
    got = BVLC_PREPROCESS(picture)
    assert got.shape == (3, 224, 224) and torch.equal(got[:, 0, 0], torch.tensor([-74.0, -97.0, -113.0]))


def test_a_very_long_picture_is_cut_about_its_middle():
    picture = Image.new("RGB", (5000, 10), "black")
    picture.paste("white", (2495, 0, 2505, 10))
    frame = np.asarray(Preprocess(resize=10, crop=10, interpolation="nearest").frame(picture))
    assert (frame == 255).all()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"channels": "GRB"}, "The channels of a pre-processing is one of RGB, BGR, not 'GRB'"),
        ({"interpolation": "magic"}, "The interpolation"),
        ({"rounding": "up"}, "The rounding"),
        ({"crop": 300}, "A crop of 300 pixels cannot be cut out of a side of 256"),
        ({"crop": 0}, "A crop of 0"),
        ({"std": (1, 0, 1)}, "three deviations"),
        ({"mean": (1, 2)}, "three means"),
        ({"mean": ("a", 1, 2)}, "three means"),
        ({"crop": 2.5}, "A crop of 2.5"),
    ],
)
def test_impossible_preprocessing_is_refused(wrong, sentence):
    with pytest.raises(PictureError, match=sentence):
        Preprocess(**wrong)


def test_importing_pictures_imports_no_torch():
    code = "import sys, inception_lib.data.images; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])
