"""The plan of crops is the paper's."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torchvision.transforms import functional as tv

from inception_lib import PictureError
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess
from inception_lib.evaluation.plan import COUNTS, CROPS, SQUARES, Scheme, distinct, plan, scheme

SMALL = Preprocess(resize=40, crop=35)  # scales 40, 45, 50, 55

sides = st.one_of(st.integers(1, 60), st.integers(61, 12_000))
rounding = st.sampled_from(
    [BVLC_PREPROCESS, TORCHVISION_PREPROCESS, SMALL, replace(SMALL, rounding="torchvision")]
)


@settings(deadline=None, max_examples=80)
@given(width=sides, height=sides, preprocess=rounding)
def test_144_boxes_inside_and_the_outer_squares_flush(width, height, preprocess):
    views = plan(scheme(144, preprocess), width, height, preprocess)
    assert len(views) == 144 and sum(v.weight for v in views) == pytest.approx(1)
    assert len({(v.scale, v.square, v.crop, v.mirror) for v in views}) == 144
    for view in views:
        left, top, right, bottom = view.box
        assert 0 <= left < right <= width and 0 <= top < bottom <= height
    names = ("top", "center", "bottom") if height > width else ("left", "center", "right")
    assert {v.square for v in views} == set(names)
    for view in views:
        if view.crop == "whole":
            begin, end = view.box[height > width :: 2]
            assert {names[0]: begin == 0, names[2]: end == max(width, height)}.get(view.square, True)
            assert (view.box[height <= width :: 2]) == (0, min(width, height))
            assert view.place[2] == view.scale
        else:
            assert view.place[2] == preprocess.crop


@settings(deadline=None, max_examples=40)
@given(width=sides, height=sides, preprocess=rounding)
def test_squares_and_crops_are_in_their_order_and_corners_in_their_corners(width, height, preprocess):
    axis = int(height > width)  # of the longer side
    views = {
        (v.scale, v.square, v.crop): v.box for v in plan(scheme(144, preprocess), width, height, preprocess)
    }
    first, last = ("top", "bottom") if axis else ("left", "right")
    for scale in scheme(144, preprocess).scales:
        for crop in CROPS:
            starts = [views[scale, square, crop][axis] for square in (first, "center", last)]
            assert starts == sorted(starts)
        for square in (first, "center", last):
            whole = np.array(views[scale, square, "whole"])
            for crop in CROPS[:4]:
                down, across = crop.split()
                box = np.array(views[scale, square, crop])
                edges = [("left", "top", "right", "bottom").index(word) for word in (across, down)]
                np.testing.assert_allclose(box[edges], whole[edges], rtol=1e-12)
            middle = np.array(views[scale, square, "center"])
            pixel = min(width, height) / scale  # one of the resized picture, in the picture's own
            np.testing.assert_allclose((middle - whole).reshape(2, 2).sum(0), 0, atol=2.1 * pixel)


def test_the_right_square_is_flush_where_the_difference_is_odd():
    # the width becomes 256 * 301 / 200 = 385.28, rounded 385: 129 pixels are over
    views = {(v.square, v.crop): v for v in plan(Scheme(scales=(256,), mirror=False), 301, 200)}
    assert [views[square, "whole"].place[0] for square in SQUARES] == [0, 64, 129]
    assert views["right", "whole"].box == (129 * 301 / 385, 0, 301, 200)
    assert views["right", "top right"].place == (385 - 224, 0, 224)
    assert views["right", "bottom right"].place == (385 - 224, 32, 224)
    assert views["center", "center"].place == ((385 - 224) // 2, 16, 224)


def test_the_tests_of_table_3():
    assert [len(scheme(n)) for n in COUNTS] == [1, 10, 144]
    assert scheme(144).scales == (256, 288, 320, 352) and scheme(10).scales == (256,)
    assert scheme(144, Preprocess(resize=80, crop=80)).scales == (91, 103, 114, 126)
    assert scheme(1, Preprocess(resize=80, crop=80)).scales == (80,)
    assert [v.crop for v in plan(scheme(10), 300, 200)] == [*CROPS[:5], *CROPS[:5]]
    with pytest.raises(PictureError, match=r"^There are tests with 1, 10, 144 crops, not with 12\.$"):
        scheme(12)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"scales": ()}, "at least one"),
        ({"scales": (256, 256)}, "none twice"),
        ({"scales": (0.5,)}, "whole numbers"),
        ({"scales": (256,), "squares": ("top",)}, "among left, center, right, not 'top'"),
        ({"scales": (256,), "crops": ("edge",)}, "not 'edge'"),
    ],
)
def test_impossible_schemes_are_refused(wrong, sentence):
    with pytest.raises(PictureError, match=sentence):
        Scheme(**wrong)


def test_impossible_plans_are_refused():
    with pytest.raises(PictureError, match="224 pixels cannot be cut out of a side of 200"):
        plan(Scheme(scales=(200,)), 300, 300)
    with pytest.raises(PictureError, match="no crops"):
        plan(scheme(144), 0, 5)


@pytest.mark.parametrize(("size", "count"), [((50, 50), 48), ((51, 50), 144), ((300, 200), 144)])
def test_what_coincides_is_done_once(size, count):
    views = plan(scheme(144, SMALL), *size, SMALL)
    once = distinct(views)
    assert len(once) == (count if size[0] == 50 or size[0] == 300 else len(once)) <= 144
    assert sum(v.weight for v in once) == pytest.approx(1)
    assert len({v.pixels for v in once}) == len(once)


def test_a_network_that_resizes_to_its_input_has_one_crop_twice():
    views = distinct(plan(Scheme(scales=(224,), squares=("center",)), 224, 300, Preprocess(resize=224)))
    assert [v.weight for v in views] == pytest.approx([1 / 2] * 2)


def coordinates(width, height):
    """A picture in which each pixel says where it is: red its column, green its row."""
    y, x = np.mgrid[:height, :width]
    return Image.fromarray(np.stack([x, y, 0 * x], 2).astype(np.uint8))


def corner(picture):
    """(column, row) of the first pixel of a part of `coordinates`."""
    return picture.getpixel((0, 0))[:2]


def first_pixels(picture, scale, side, center):
    """Where torchvision's crops of Pillow's squares begin, in the order of a plan, mirror images left out.

    `center` cuts the middle of a picture to a size (height, width).
    """
    width, height = picture.size
    middle = center(picture, (scale, scale))
    outer = [picture.crop((0, 0, scale, scale)), picture.crop((width - scale, height - scale, width, height))]
    for square in (outer[0], middle, outer[1]):
        yield from (corner(part) for part in tv.five_crop(square, side)[:4])
        # the center of the center square is the picture's
        yield corner(center(picture if square is middle else square, (side, side)))
        yield corner(square)


def floor_center(picture, size):
    """As `rounding="nearest"` says: the part begins at the pixel rounded down."""
    left, top = (picture.width - size[1]) // 2, (picture.height - size[0]) // 2
    return picture.crop((left, top, left + size[1], top + size[0]))


@pytest.mark.parametrize("name", ["nearest", "torchvision"])
@pytest.mark.parametrize("size", [(78, 50), (79, 50), (80, 51), (50, 81), (51, 78), (50, 50), (51, 51)])
@pytest.mark.parametrize("side", [40, 41])
def test_every_crop_begins_at_the_pixel_where_torchvisions_does(name, size, side):
    """At the picture's own scale, where nothing is resized: each of the 18 places, to the pixel."""
    scale = min(size)
    preprocess = Preprocess(resize=scale, crop=side, rounding=name)
    center = floor_center if name == "nearest" else tv.center_crop
    views = plan(Scheme(scales=(scale,), mirror=False), *size, preprocess)
    ours = [view.place[:2] for view in views]
    assert ours == list(first_pixels(coordinates(*size), scale, side, center))


def test_a_plan_needs_neither_torch_nor_pandas():
    code = (
        "import sys; from inception_lib.evaluation.plan import plan, scheme; plan(scheme(144), 300, 200);"
        "print({'torch', 'pandas', 'safetensors'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
