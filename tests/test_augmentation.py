"""Augmentation: within the paper's limits, and decided by the random numbers alone."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import RandomResizedCrop

from inception_lib.data import augmentation
from inception_lib.data.augmentation import AREA, ASPECT, DRAWS, INTERPOLATIONS, apply, draw, patch


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def augmented(name, picture, size, resize, seed):
    return apply(picture, draw(name, picture.size, size, resize, random.Random(seed)), size)


def distorted(picture, seed):
    how = draw("none", picture.size, 8, 8, random.Random(seed))
    return apply(picture, how._replace(changes=augmentation.distortions(random.Random(seed))), 8)


@given(st.integers(1, 600), st.integers(1, 600), st.integers(0, 10**6))
def test_a_patch_lies_in_the_picture(width, height, seed):
    left, top, right, bottom = patch((width, height), random.Random(seed))
    assert 0 <= left < right <= width and 0 <= top < bottom <= height


def test_patches_have_the_papers_areas_and_ratios():
    rng = random.Random(0)
    boxes = np.array([patch((400, 300), rng) for _ in range(4000)])
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    area, ratio = w * h / 120_000, w / h
    assert 0.078 <= area.min() < 0.09 and area.max() > 0.9
    assert ASPECT[0] * 0.98 < ratio.min() and ratio.max() < ASPECT[1] * 1.02
    torch.manual_seed(0)
    blank = Image.new("RGB", (400, 300))
    theirs = np.array([RandomResizedCrop.get_params(blank, list(AREA), list(ASPECT)) for _ in range(4000)])
    tenths = np.linspace(0.1, 0.9, 9)
    their_area = theirs[:, 2] * theirs[:, 3] / 120_000
    np.testing.assert_allclose(np.quantile(area, tenths), np.quantile(their_area, tenths), atol=0.03)
    assert boxes[:, 0].min() == 0 and boxes[:, 2].max() == 400


def test_where_no_patch_fits_the_middle_is_taken():
    left, top, right, bottom = patch((1000, 10), random.Random(0))
    assert bottom - top == 10 and abs((right - left) / 10 - ASPECT[1]) < 0.1 and abs(left + right - 1000) <= 1


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("size", [(90, 60), (64, 64), (48, 48), (7, 300)])
def test_the_result_has_the_size_asked_for_and_depends_on_the_seed_alone(name, size):
    def made(seed):
        return augmented(name, noise(*size), 48, 64, seed)

    assert made(1).size == (48, 48) and made(1).mode == "RGB"
    assert made(1).tobytes() == made(1).tobytes()
    if name != "none":
        assert len({made(seed).tobytes() for seed in range(12)}) > 1


def test_all_interpolations_are_used(monkeypatch):
    used = set()
    resize = Image.Image.resize
    monkeypatch.setattr(
        Image.Image,
        "resize",
        lambda self, size, how, **more: used.add(how) or resize(self, size, how, **more),
    )
    for seed in range(40):
        augmented("paper", noise(80, 80), 32, 32, seed)
    assert used == set(INTERPOLATIONS)


def test_mirror_images_come_half_of_the_time():
    picture = noise(8, 8)
    made = [augmented("mirror", picture, 8, 8, seed).tobytes() for seed in range(400)]
    assert 150 < made.count(picture.tobytes()) < 250


def test_bvlcs_crops_are_every_part_of_the_squashed_image_and_its_mirror_image():
    """256 pixels of which 224 are cut out; here 12 and 8, so that all 5 x 5 places can be met."""
    picture = noise(12, 12)
    pixels = np.asarray(picture)
    parts = {
        np.ascontiguousarray(pixels[top : top + 8, left : left + 8][:, ::direction]).tobytes()
        for top in range(5)
        for left in range(5)
        for direction in (1, -1)
    }
    made = {augmented("bvlc", picture, 8, 12, seed).tobytes() for seed in range(600)}
    assert len(parts) == 50 and made == parts


def test_distortion_changes_contrast_brightness_and_color_by_up_to_a_half():
    """Each of Howard's three, alone: what a factor of 0.5 to 1.5 does to an image that shows it."""
    gray = Image.new("RGB", (8, 8), (100, 100, 100))  # contrast and color leave it as it is
    values = [distorted(gray, seed).getpixel((0, 0))[0] for seed in range(300)]
    assert 50 <= min(values) < 56 and 144 < max(values) <= 150

    halves = Image.fromarray(np.tile(np.array([[[60] * 3, [180] * 3]], np.uint8), (8, 4, 1)))
    relative = []
    for seed in range(300):
        low, high = (distorted(halves, seed).getpixel((x, 0))[0] for x in (0, 1))
        relative.append((high - low) / (high + low))
    assert min(relative) < 0.3 and max(relative) > 0.7  # 0.5 as it is

    orange = Image.new("RGB", (8, 8), (150, 100, 50))
    reds = [np.ptp(distorted(orange, seed).getpixel((0, 0))) for seed in range(300)]
    assert min(reds) < 40 and max(reds) > 180  # 100 as it is


def test_the_papers_augmentation_distorts_and_the_others_do_not():
    gray = Image.new("RGB", (64, 64), (100, 100, 100))

    def colors(name):
        made = [augmented(name, gray, 32, 48, seed) for seed in range(20)]
        return {image.getpixel((0, 0)) for image in made}

    assert len(colors("paper")) > 10
    assert colors("bvlc") == colors("mirror") == colors("none") == {(100, 100, 100)}
