"""The pixels of crops are Pillow's and torchvision's."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image
from small import noise
from torchvision.transforms import functional as tv

from inception_lib.book.bundled import bundled
from inception_lib.data.images import (
    BVLC_PREPROCESS,
    IMAGENET_PREPROCESS,
    TORCHVISION_PREPROCESS,
    Preprocess,
)
from inception_lib.data.shapes import picture_at
from inception_lib.evaluation import crops
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.plan import CROPS, Scheme, distinct, plan, scheme

PHOTOS = Path(skimage.__file__).parent / "data"
SMALL = Preprocess(resize=40, crop=35)  # scales 40, 45, 50, 55


def pillow_views(picture, preprocess):
    """The 144 crops by Pillow alone, one by one: what `crops` must agree with."""
    width, height = picture.size
    filter = Image.Resampling[preprocess.interpolation.upper()]
    for scale in scheme(144, preprocess).scales:
        long = round(scale * max(width, height) / min(width, height))
        resized = picture.resize((long, scale) if width >= height else (scale, long), filter)
        for number in range(3):
            at = (0, (long - scale) // 2, long - scale)[number]
            x, y = (at, 0) if width >= height else (0, at)
            square = resized.crop((x, y, x + scale, y + scale))
            c = preprocess.crop
            spare, half = scale - c, (scale - c) // 2
            mid_x, mid_y = half, half
            if number == 1:  # the middle of the picture
                x0, y0 = (resized.width - c) // 2, (resized.height - c) // 2
                mid_x, mid_y = x0 - x, y0 - y
            places = [(0, 0), (spare, 0), (0, spare), (spare, spare), (mid_x, mid_y)]
            six = [square.crop((a, b, a + c, b + c)) for a, b in places] + [square.resize((c, c), filter)]
            yield from six
            yield from (part.transpose(Image.Transpose.FLIP_LEFT_RIGHT) for part in six)


def agree(ours, theirs, most=1, share=0.01):
    """Brightnesses that differ by at most 1 of 255, and few at all."""
    off = np.abs(np.asarray(ours, dtype=int) - np.asarray(theirs, dtype=int))
    assert off.max() <= most and (off > 0).mean() < share, (off.max(), (off > 0).mean())


def photographs():
    for name in ("chelsea.png", "coffee.png"):
        photo = Image.open(PHOTOS / name).convert("RGB")
        yield photo
        yield photo.rotate(90, expand=True).crop((0, 0, photo.height, photo.width - 1))
    yield Image.fromarray(picture_at("test", 3))


@pytest.mark.parametrize("number", range(5))
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_pillow_gives_the_same_144_crops(number, interpolation):
    picture = list(photographs())[number]
    preprocess = Preprocess(resize=96, crop=84, interpolation=interpolation)
    views = plan(scheme(144, preprocess), *picture.size, preprocess)
    resized = crops.levels(crops.pixels(picture), scheme(144, preprocess).scales, preprocess)
    ours = crops.cut(resized, views, preprocess)
    # a whole square is resized twice, so that a difference of 1 may become 2
    agree(ours, [np.asarray(p) for p in pillow_views(picture, preprocess)], most=2, share=0.02)


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS, IMAGENET_PREPROCESS])
@pytest.mark.parametrize("size", [(301, 200), (200, 301), (256, 257), (224, 224), (31, 90)])
def test_one_crop_is_what_preprocess_cuts(preprocess, size):
    picture = noise(*size)
    (ours,) = views_of(picture, plan(scheme(1, preprocess), *size, preprocess), preprocess)
    step = preprocess.white / 255 / min(preprocess.std)
    assert (ours - preprocess(picture)).abs().max() <= 1.01 * step


@pytest.mark.parametrize("size", [(60, 40), (33, 90), (2000, 40), (40, 40)])
def test_a_warped_picture_is_cut_as_its_square(size):
    """Whole, however long it is; the three squares are one."""
    picture, warped = noise(*size), replace(SMALL, warp=True)
    square = picture.resize((40, 40), Image.Resampling.BILINEAR)
    agree(*([v.frame(p)] for v, p in ((warped, picture), (SMALL, square))), most=0)
    for crops_ in (1, 10, 144):
        views = plan(scheme(crops_, warped), *size, warped)
        for view in views:
            assert view.box[0] >= 0 and view.box[2] <= size[0] and view.box[3] <= size[1]
        ours = views_of(picture, views, warped)
        if crops_ < 144:  # at one scale: those of the square picture
            theirs = views_of(square, plan(scheme(crops_, SMALL), 40, 40, SMALL), SMALL)
            agree(ours, theirs, share=0.3)  # torch rounds otherwise where one side grows
        else:
            assert len(distinct(views)) == len(distinct(plan(scheme(144, SMALL), 40, 40, SMALL))) == 48


@pytest.mark.parametrize("interpolation", ["nearest", "box", "hamming", "lanczos"])
def test_every_filter_of_preprocess(interpolation):
    preprocess = Preprocess(resize=40, crop=35, interpolation=interpolation)
    picture = noise(70, 51)
    (ours,) = crops.cut(
        crops.levels(crops.pixels(picture), (40,), preprocess),
        plan(scheme(1, preprocess), 70, 51, preprocess),
        preprocess,
    )
    agree(ours, preprocess.frame(picture))


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(256, 384), (120, 90), (500, 300)])
def test_what_a_gpu_does_is_the_same(interpolation, size):
    picture = Image.open(PHOTOS / "chelsea.png")
    x = crops.pixels(picture).permute(2, 0, 1)[None]
    ours = crops._resize_as_floats(x, size[::-1], interpolation)[0].permute(1, 2, 0)
    agree(ours, picture.resize(size, Image.Resampling[interpolation.upper()]))


@pytest.mark.parametrize("size", [(256, 256), (288, 288), (287, 287)])
def test_torchvision_cuts_the_same_ten(size):
    preprocess = Preprocess(resize=size[0], crop=224, rounding="torchvision")
    picture = noise(*size)  # already a center square: no resize
    ten = Scheme(scales=(size[0],), squares=("center",), crops=CROPS[:5])
    ours = crops.cut({size[0]: crops.pixels(picture)}, plan(ten, *size, preprocess), preprocess)
    theirs = [np.asarray(p) for p in tv.ten_crop(picture, 224)]
    assert np.array_equal(ours[:5], theirs[:5])
    # theirs are crops of the mirrored picture: its top left is the mirror image of our top right, and its
    # center is that of ours where the spare pixels are even
    order, count = [6, 5, 8, 7, 9], 5 - size[0] % 2
    assert np.array_equal(ours[order][:count], theirs[5:][:count])


@pytest.mark.parametrize("size", [(60, 60), (61, 60), (60, 90), (35, 35)])
def test_distinct_views_give_the_weighted_mean_of_all(size):
    picture = noise(*size)
    views = plan(scheme(144, SMALL), *size, SMALL)
    once = distinct(views)
    everything, some = (views_of(picture, v, SMALL).double() for v in (views, once))
    weighted = torch.einsum("n,nchw->chw", torch.tensor([v.weight for v in once], dtype=torch.float64), some)
    torch.testing.assert_close(weighted, everything.mean(0), rtol=1e-9, atol=1e-9)


def test_mirrors_are_mirrors():
    views = plan(scheme(144, SMALL), 70, 51, SMALL)
    cut = views_of(noise(70, 51), views, SMALL)
    found = {(v.scale, v.square, v.crop, v.mirror): x for v, x in zip(views, cut, strict=True)}
    for (*rest, mirror), x in found.items():
        if mirror:
            assert torch.equal(x, found[(*rest, False)].flip(-1))


@pytest.mark.parametrize("size", [(5000, 10), (10, 4999), (3, 3001), (170, 10)])
def test_a_very_long_picture_keeps_its_ends_and_its_middle(size):
    long, short = max(size), min(size)
    strip = Image.new("RGB", (long, short), "black")
    middle = (long - short) // 2
    for begin, color in ((0, "red"), (middle, "lime"), (long - short, "blue")):
        strip.paste(color, (begin, 0, begin + short, short))
    if size[1] > size[0]:
        strip = strip.rotate(-90, expand=True)
    whole = Scheme(scales=(40,), crops=("whole",), mirror=False)
    views = plan(whole, *size, SMALL)
    cut = views_of(strip, views, SMALL)
    colors = cut[:, :, 17, 17]
    assert torch.equal(colors, torch.tensor([[255.0, 0, 0], [0, 255, 0], [0, 0, 255]]))
    axis = int(size[1] > size[0])
    assert views[0].box[axis] == 0 and views[2].box[axis + 2] == long


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "1"])
def test_any_mode(mode):
    assert crops.pixels(noise(20, 10).convert(mode)).shape == (10, 20, 3)


def test_the_bundled_network_agrees_on_pillows_crops():
    ((network, info),) = bundled(1)
    picture = Image.fromarray(picture_at("test", 0))
    views = plan(scheme(144, info.preprocess), *picture.size, info.preprocess)
    once = distinct(views)
    theirs = torch.stack([info.preprocess.tensor(p) for p in pillow_views(picture, info.preprocess)])
    with torch.inference_mode():
        ours = network(views_of(picture, once, info.preprocess)).logits.softmax(1)
        mean = torch.tensor([v.weight for v in once]) @ ours
        torch.testing.assert_close(mean, network(theirs).logits.softmax(1).mean(0), rtol=0, atol=1e-3)
