"""From a picture to the input of a network."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch._subclasses import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from inception_lib import PictureError
from inception_lib.data.images import (
    BVLC_PREPROCESS,
    IMAGENET_PREPROCESS,
    TORCHVISION_PREPROCESS,
    Preprocess,
    read_picture,
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
        ({"resize": 60_000}, "resized to 4,096 pixels at most, not to 60000"),
        ({"white": 10**400}, "three deviations"),
        ({"white": float("nan")}, "three deviations"),
        ({"mean": 5}, "three means"),
        ({"std": (1, 1, 1e-30)}, "three deviations"),
    ],
)
def test_impossible_preprocessing_is_refused(wrong, sentence):
    with pytest.raises(PictureError, match=sentence):
        Preprocess(**wrong)


def test_importing_pictures_imports_no_torch():
    code = "import sys, inception_lib.data.images; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


KINDS = [
    BVLC_PREPROCESS,
    TORCHVISION_PREPROCESS,
    IMAGENET_PREPROCESS,
    Preprocess(resize=40, crop=30, channels="BGR", white=3.0, mean=(0.1, 2, -1), std=(0.3, 1e-3, 7)),
]


@pytest.mark.parametrize("preprocess", KINDS)
def test_a_batch_is_bit_for_bit_its_images_one_by_one(preprocess):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5, 31, 23, 3), dtype=np.uint8)
    batch = preprocess.batch(torch.from_numpy(images))
    assert batch.dtype == torch.float32 and batch.shape == (5, 3, 31, 23)
    assert batch.is_contiguous(memory_format=torch.channels_last)
    for one, image in zip(batch, images, strict=True):
        single = preprocess.tensor(Image.fromarray(image))
        assert torch.equal(one, single) and single.is_contiguous()
        # in numpy, value by value
        values = image[..., ::-1] if preprocess.channels == "BGR" else image
        values = values.astype(np.float32) * np.float32(preprocess.white / 255)
        values = (values - np.float32(preprocess.mean)) / np.float32(preprocess.std)
        assert np.array_equal(single.numpy(), values.transpose(2, 0, 1))


def test_batches_keep_to_their_device_and_to_float32_and_make_their_constants_once(monkeypatch):
    class Kinds(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor):
                seen.add((out.dtype, out.device.type))
            made.append(str(function))
            return out

    seen, made = set(), []
    preprocess = Preprocess(white=1.0, mean=(0.1, 0.2, 0.3), std=(1.5, 2, 3))
    images = torch.zeros(2, 8, 6, 3, dtype=torch.uint8)
    with Kinds():
        first = preprocess.batch(images)
        count = len(made)
        second = preprocess.batch(images)
    assert {kind for kind, _ in seen} <= {torch.uint8, torch.float32}
    # the second time nothing is made from Python's numbers, which a GPU would wait for
    assert len(made) - count < count and not any("repeat" in name for name in made[count:])
    assert torch.equal(first, second)
    # a tensor without a place in memory finds whatever is left on the CPU
    assert preprocess.batch(images.to("meta")).device.type == "meta"
    assert torch.equal(preprocess.batch(images), first)


def test_constants_made_under_a_tracer_are_not_kept():
    preprocess = Preprocess(mean=(9, 8, 7))
    with FakeTensorMode() as mode:
        fake = preprocess.batch(torch.zeros(1, 5, 5, 3, dtype=torch.uint8, device="cuda"))
        assert fake.device.type == "cuda" and type(fake) is not torch.Tensor
        preprocess.batch(mode.from_tensor(torch.zeros(1, 5, 5, 3, dtype=torch.uint8)))
    images = torch.zeros(1, 5, 5, 3, dtype=torch.uint8)
    with torch.inference_mode():
        preprocess.batch(images)
    real = preprocess.batch(images)
    assert type(real) is torch.Tensor and not real.is_inference()
    assert real[0, :, 0, 0].tolist() == [-9, -8, -7]
    compiled = torch.compile(preprocess.batch, backend="eager", fullgraph=True)
    assert torch.equal(compiled(images), real)


def test_any_picture_is_taken_as_its_file_is_read(tmp_path):
    values = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    deep, clear = Image.fromarray(values), Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    clear.paste((0, 0, 0, 255), (26, 0, 38, 64))
    preprocess = Preprocess(resize=32, crop=32)
    for name, image in {"deep.png": deep, "clear.png": clear}.items():
        image.save(tmp_path / name)
        expected = preprocess(read_picture(tmp_path / name))
        for picture in (tmp_path / name, str(tmp_path / name), Image.open(tmp_path / name), image):
            assert torch.equal(preprocess(picture), expected)
            assert np.array_equal(preprocess.frame(picture), preprocess.frame(read_picture(tmp_path / name)))
    # the black line lies on white, and the ramp does not stop at its first sixteenth
    shown = preprocess(clear)
    assert shown[:, 0, 0].tolist() == [255] * 3 and shown[:, 16, 16].tolist() == [0] * 3
    assert 120 < float(preprocess(deep).mean()) < 135
    assert torch.equal(preprocess(values), preprocess(deep))


@pytest.mark.parametrize("size", [(300, 200), (200, 300), (256, 256), (4000, 100)])
def test_warped_both_sides_become_equal(size):
    """As `convert -resize 256x256!`, which Caffe's tutorial on ImageNet gives."""
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    warped = replace(BVLC_PREPROCESS, warp=True)
    square = picture.resize((256, 256), Image.Resampling.BILINEAR)
    assert np.array_equal(warped.frame(picture), square.crop((16, 16, 240, 240)))
    assert torch.equal(warped(picture), BVLC_PREPROCESS(square))


def test_a_picture_may_come_as_a_tensor_too():
    pixels = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    for picture in (pixels, pixels / 255, tensor, tensor / 255):
        assert torch.equal(BVLC_PREPROCESS(picture), BVLC_PREPROCESS(Image.fromarray(pixels)))


def test_the_means_may_be_a_list():
    assert Preprocess(mean=[1, 2, 3]) == Preprocess(mean=(1, 2, 3)) and hash(Preprocess(std=[1, 2, 3]))
