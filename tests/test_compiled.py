"""The compiled augmentation: next to Pillow to the last bit, and Pillow itself where it cannot be had."""

import random
import shutil
import subprocess

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image

from inception_lib.data import compiled, loading
from inception_lib.data.augmentation import CHANGES, DRAWS, INTERPOLATIONS, Draw, apply, draw
from inception_lib.data.decoding import read_picture
from inception_lib.data.loading import Loader
from inception_lib.data.sources import files_data
from inception_lib.training.recipes import Recipe

SIZES = [
    (500, 375),
    (375, 500),
    (64, 48),
    (40, 40),
    (200, 61),
    (7, 90),
    (131, 97),
    (1, 1),
    (1, 40),
    (600, 20),
    (20, 600),
]
needs_libjpeg = pytest.mark.skipif(
    not hasattr(compiled.compiled(), "decoded"), reason="there is no C compiler, or no libjpeg-turbo"
)
needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def noise(width, height, seed=0):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


@pytest.fixture
def anew(monkeypatch, tmp_path):
    """With an empty folder of downloads, and as if nothing had been compiled yet."""
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path))
    compiled.compiled.cache_clear()
    yield tmp_path
    compiled.compiled.cache_clear()


def same(picture, how, size):
    made = compiled.augmented(picture, how, size)
    assert made.dtype == np.uint8
    np.testing.assert_array_equal(made, np.asarray(apply(picture, how, size)), err_msg=str(how))


@needs_compiler
def test_it_is_compiled_where_there_is_a_compiler():
    assert compiled.compiled() is not None


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("size", SIZES)
def test_every_augmentation_is_pillows_to_the_last_bit(name, size):
    picture = noise(*size)
    for seed in range(12):
        for side, resize in ((40, 48), (97, 97), (1, 3)):
            same(picture, draw(name, size, side, resize, random.Random(seed)), side)
    same(picture, draw(name, size, 224, 256, random.Random(0)), 224)


@pytest.mark.parametrize("filter", INTERPOLATIONS)
@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_part_by_any_filter(filter, data):
    width, height = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 140))
    left, top = data.draw(st.integers(0, width - 1)), data.draw(st.integers(0, height - 1))
    box = (left, top, data.draw(st.integers(left + 1, width)), data.draw(st.integers(top + 1, height)))
    to = data.draw(st.integers(1, 130)), data.draw(st.integers(1, 130))
    size = data.draw(st.integers(1, min(to)))
    corner = data.draw(st.integers(0, to[0] - size)), data.draw(st.integers(0, to[1] - size))
    same(noise(width, height), Draw(box, to, filter, corner, (), data.draw(st.booleans())), size)


@given(st.lists(st.tuples(st.integers(0, len(CHANGES) - 1), st.floats(0, 3)), max_size=3))
@settings(deadline=None)
def test_changes_of_any_factor(changes):
    whole = Draw((0, 0, 33, 33), (33, 33), Image.Resampling.BOX, (0, 0), tuple(changes))
    same(noise(33, 33), whole, 33)


def test_what_it_was_not_made_for_is_left_to_pillow():
    beyond = Draw((0, 0, 30, 30), (30, 30), Image.Resampling.BILINEAR, (8, 8))
    same(noise(30, 30), beyond, 24)
    same(noise(30, 30), beyond._replace(filter=Image.Resampling.LANCZOS, corner=(0, 0)), 24)


@needs_compiler
def test_it_is_compiled_once(anew, monkeypatch):
    assert compiled.compiled() is not None
    (made,) = (anew / "compiled").iterdir()
    compiled.compiled.cache_clear()
    monkeypatch.setattr(subprocess, "run", None)
    assert compiled.compiled() is not None and made.exists()


@needs_compiler
@pytest.mark.parametrize("more", [("-march=native",), ()])
def test_without_libjpeg_pillow_decodes_and_the_rest_is_compiled(anew, monkeypatch, more):
    monkeypatch.setattr(compiled, "_MORE", (("-DJPEG", "-include", "no/such/header.h"), more, ()))
    assert compiled.compiled() is not None and not hasattr(compiled.compiled(), "decoded")
    assert from_file(jpeg(anew / "x.jpg", (90, 60)), "paper", 0) is None
    for seed in range(8):
        same(noise(90, 60), draw("paper", (90, 60), 40, 48, random.Random(seed)), 40)


@pytest.mark.parametrize("trouble", ["no compiler", "no folder", "wrong source", "other pixels", "damaged"])
def test_without_it_pillow_does_the_work(anew, monkeypatch, tmp_path, trouble):
    if trouble == "no compiler":
        monkeypatch.setattr(shutil, "which", lambda name: None)
    elif trouble == "no folder":
        (tmp_path / "compiled").write_text("a file")
    elif trouble == "damaged":
        monkeypatch.setattr(compiled, "_compile", lambda compiler, path: path.write_bytes(b"\x7fELF"))
    else:
        source = compiled._SOURCE.read_text()
        (tmp_path / "augmentation.c").write_text(
            "not C"
            if trouble == "wrong source"
            else source.replace("enum { NEAREST = 0", "enum { NEAREST = 9")
        )
        monkeypatch.setattr(compiled, "_SOURCE", tmp_path / "augmentation.c")
    assert compiled.compiled() is None
    same(noise(50, 40), draw("paper", (50, 40), 24, 32, random.Random(0)), 24)
    assert not list(tmp_path.glob("compiled/.*.part"))


@needs_compiler
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("#define BITS 22", "#define BITS 16"),
        ("place += step", "place = box[axis] + (i + 1.5) * step"),
        ("(2 * sum + pixels)", "(2 * sum)"),
        ("const double a = -0.5", "const double a = -0.75"),
        ("step = mirrored ? -4 : 4", "step = 4"),
        ("38470", "38471"),
    ],
)
def test_a_mistake_in_it_is_noticed_before_it_is_used(anew, monkeypatch, tmp_path, right, wrong):
    source = compiled._SOURCE.read_text()
    assert right in source
    (tmp_path / "augmentation.c").write_text(source.replace(right, wrong))
    monkeypatch.setattr(compiled, "_SOURCE", tmp_path / "augmentation.c")
    assert compiled.compiled() is None


def jpeg(path, size, **options):
    """A smooth image with some noise, as a JPEG."""
    few = noise(max(2, size[0] // 9), max(2, size[1] // 9), size[0]).resize(size, Image.Resampling.BICUBIC)
    few.convert(options.pop("mode", "RGB")).save(path, "JPEG", **{"quality": 90} | options)
    return path


_SAMPLING_440 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_440]
_SAMPLING_411 = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_411]


def from_file(path, name, seed, side=40, resize=48):
    """What comes of a file; the drawn part too."""
    return compiled.augmented_file(
        str(path), lambda full: draw(name, full, side, resize, random.Random(seed)), side
    )


def by_pillow(path, name, seed, side=40, resize=48):
    picture = read_picture(path)
    return np.asarray(apply(picture, draw(name, picture.size, side, resize, random.Random(seed)), side))


@needs_libjpeg
@pytest.mark.parametrize("size", [*SIZES, (37, 53), (8, 8), (17, 200), (333, 47)])
@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
def test_of_a_jpeg_the_part_that_counts_is_what_pillow_has_there(tmp_path, size, subsampling):
    for progressive in (False, True):
        options = {"subsampling": subsampling, "restart_marker_blocks": 3 * (not progressive)}
        path = jpeg(tmp_path / "x.jpg", size, progressive=progressive, **options)
        for seed in range(8):
            for name in DRAWS:
                made = from_file(path, name, seed)
                assert made is not None
                np.testing.assert_array_equal(made, by_pillow(path, name, seed))


@needs_libjpeg
@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_part_of_a_jpeg(tmp_path_factory, data):
    size = data.draw(st.integers(1, 120)), data.draw(st.integers(1, 120))
    quality, sub = data.draw(st.integers(5, 95)), data.draw(st.sampled_from(["4:4:4", "4:2:2", "4:2:0"]))
    path = jpeg(tmp_path_factory.mktemp("jpeg") / "x.jpg", size, quality=quality, subsampling=sub)
    left, top = data.draw(st.integers(0, size[0] - 1)), data.draw(st.integers(0, size[1] - 1))
    right, bottom = data.draw(st.integers(left + 1, size[0])), data.draw(st.integers(top + 1, size[1]))
    made = compiled._decoded(compiled.compiled(), path.read_bytes(), size, (left, top, right, bottom))
    np.testing.assert_array_equal(made, np.asarray(read_picture(path).crop((left, top, right, bottom))))


def odd_files(folder):
    """Files that are none of the usual JPEGs, whatever they are called."""
    turned = Image.Exif()
    turned[ExifTags.Base.Orientation] = 6
    jpeg(folder / "turned.jpg", (60, 40), exif=turned)
    jpeg(folder / "gray.jpg", (60, 40), mode="L")
    jpeg(folder / "cmyk.jpg", (60, 40), mode="CMYK")
    whole = jpeg(folder / "whole.jpg", (300, 200)).read_bytes()
    (folder / "trailing.jpg").write_bytes(whole + b"more")
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    (folder / "cut and closed.jpg").write_bytes(whole[: len(whole) // 2] + b"\xff\xd9")
    (folder / "closed within.jpg").write_bytes(whole[:-800] + b"\xff\xd9" + whole[-800:])
    (folder / "another image within.jpg").write_bytes(whole[:-800] + whole)
    (folder / "a marker within.jpg").write_bytes(whole[:-800] + b"\xff\xc4\x00\x02" + whole[-800:])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "start.jpg").write_bytes(b"\xff\xd8\xff\xd9")
    (folder / "text.jpg").write_text("not a picture")
    noise(50, 40).save(folder / "png.jpg", "PNG")
    noise(50, 40).save(folder / "webp.jpg", "WEBP")
    noise(50, 40).convert("P").save(folder / "palette.gif")
    (folder / "folder.jpg").mkdir()
    return [*sorted(folder.iterdir()), folder / "not there.jpg"]


def test_files_out_of_the_ordinary_are_left_to_pillow_or_are_the_same(tmp_path):
    """The whole image is wanted here, so that what is wrong anywhere in a file matters."""
    cv2.imwrite(str(tmp_path / "4-4-0.jpg"), np.asarray(noise(50, 40)), _SAMPLING_440)
    cv2.imwrite(str(tmp_path / "4-1-1.jpg"), np.asarray(noise(50, 40)), _SAMPLING_411)
    left = set()
    for path in odd_files(tmp_path):
        made = from_file(path, "bvlc", 0)
        if made is None:  # what read_picture says of it stays as it is
            left.add(path.stem)
        else:
            np.testing.assert_array_equal(made, by_pillow(path, "bvlc", 0))
    assert left >= {path.stem for path in tmp_path.iterdir()} - {"whole"}


@needs_libjpeg
def test_damage_below_the_part_that_counts_is_noticed_too(tmp_path):
    odd_files(tmp_path)
    top = Draw((0, 0, 40, 20), (20, 20), Image.Resampling.BOX, (0, 0))
    for path in tmp_path.iterdir():
        made = compiled.augmented_file(str(path), lambda full: top, 20)
        # of one that was cut and closed Pillow, too, reads the upper part, and says nothing
        assert (made is not None) == (path.stem in ("whole", "cut and closed")), path
        if made is not None:
            np.testing.assert_array_equal(made, np.asarray(apply(read_picture(path), top, 20)))


@needs_libjpeg
def test_a_size_that_is_not_the_files_is_refused(tmp_path):
    data = jpeg(tmp_path / "x.jpg", (60, 40)).read_bytes()
    for full in ((61, 40), (60, 41), (40, 60)):
        assert compiled._decoded(compiled.compiled(), data, full, (0, 0, 20, 20)) is None


@needs_libjpeg
def test_random_damage_gives_pillows_pixels_or_is_left_to_pillow(tmp_path):
    random_bytes, path = np.random.default_rng(0), tmp_path / "x.jpg"
    whole, used = jpeg(tmp_path / "whole.jpg", (120, 90)).read_bytes(), 0
    for seed in range(300):
        damaged = bytearray(whole)
        for at in random_bytes.integers(2, len(whole) - 2, 1 + seed % 2):
            damaged[at] = random_bytes.integers(256)
        path.write_bytes(damaged)
        made = from_file(path, "mirror", seed)
        if made is not None:
            used += 1
            np.testing.assert_array_equal(made, by_pillow(path, "mirror", seed))
    assert 20 < used < 300


@needs_compiler
def test_a_wrong_decoder_is_noticed_before_it_is_used(anew, monkeypatch, tmp_path):
    source = compiled._SOURCE.read_text()
    for right, wrong in (
        ("part[0] > 16 ? part[0] - 16 : 0", "part[0]"),
        ("end = part[0] + part[2] + 16", "end = part[0] + part[2]"),
        ("c.out_color_space = JCS_RGB;", "c.out_color_space = JCS_RGB; c.do_fancy_upsampling = FALSE;"),
        ("c.out_color_space = JCS_RGB;", "c.out_color_space = JCS_RGB; c.dct_method = JDCT_IFAST;"),
    ):
        assert right in source
        (tmp_path / "augmentation.c").write_text(source.replace(right, wrong))
        monkeypatch.setattr(compiled, "_SOURCE", tmp_path / "augmentation.c")
        compiled.compiled.cache_clear()
        assert compiled.compiled() is None, wrong


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
@pytest.mark.parametrize("how", ["compiled", "without libjpeg", "by Pillow"])
def test_batches_are_pillows_and_so_are_the_sentences(tmp_path, monkeypatch, how, workers):
    files = odd_files(tmp_path)
    data = files_data("odd", ("a",), tmp_path, files, [0] * len(files))
    recipe = Recipe(name="odd", augment="paper", input_size=40, resize=48, batch=len(files), workers=workers)
    if how == "by Pillow":
        monkeypatch.setattr(compiled, "compiled", lambda: None)
    elif how == "without libjpeg":
        monkeypatch.setattr(compiled, "augmented_file", lambda *args: None)
        monkeypatch.setattr(loading, "augmented_file", lambda *args: None)
    for epoch in range(3):
        (batch,) = Loader(data, None, recipe).training(epoch)
        wanted, bad = [], []
        for i in loading.training_order(len(files), 0, epoch):
            picture = data.picture_or_why_not(int(i))
            if isinstance(picture, str):
                bad.append(picture)
            else:
                draws = loading.drawn(recipe, epoch, int(i), picture.size)
                wanted.append(np.asarray(apply(picture, draws, 40)))
        assert batch.bad == bad and any("cut.jpg: the picture is damaged or cut short" in b for b in bad)
        np.testing.assert_array_equal(batch.pictures.numpy(), np.stack(wanted))
