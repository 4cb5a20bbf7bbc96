"""The compiled augmentation: next to Pillow to the last bit, and Pillow itself where it cannot be had."""

import random
import shutil
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from inception_lib.data import compiled
from inception_lib.data.augmentation import CHANGES, DRAWS, INTERPOLATIONS, Draw, apply, draw

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
        ("mirrored ? size - 1 - i : i", "i"),
        ("38470", "38471"),
    ],
)
def test_a_mistake_in_it_is_noticed_before_it_is_used(anew, monkeypatch, tmp_path, right, wrong):
    source = compiled._SOURCE.read_text()
    assert right in source
    (tmp_path / "augmentation.c").write_text(source.replace(right, wrong))
    monkeypatch.setattr(compiled, "_SOURCE", tmp_path / "augmentation.c")
    assert compiled.compiled() is None
