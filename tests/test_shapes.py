"""The bundled data set: the same everywhere, balanced, and its splits apart."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from inception_lib.data.shapes import CLASSES, SIZES, labels, picture_at, shapes


def digest(pictures):
    return hashlib.sha256(pictures.tobytes()).hexdigest()


def test_another_process_makes_the_same_pictures():
    script = (
        "import hashlib; from inception_lib.data.shapes import shapes;"
        "print(hashlib.sha256(shapes('train', 20)[0].tobytes()).hexdigest())"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == digest(shapes("train", 20)[0])


@pytest.mark.parametrize(
    "split, brightness",
    [
        ("train", [114.65, 136.05, 87.05, 89.79, 117.99, 173.59, 145.26, 134.04, 95.33, 79.53]),
        ("val", [133.55, 145.31, 99.17, 126.6, 125.88, 127.58, 104.41, 152.41, 154.48, 127.67]),
        ("test", [88.4, 54.2, 141.89, 138.09, 138.52, 128.38, 161.58, 101.16, 98.0, 137.14]),
    ],
)
def test_the_pictures_are_those_that_the_recorded_networks_learned(split, brightness):
    """By their means, since the last bit of a sine may differ from processor to processor."""
    assert [picture_at(split, i).mean() for i in range(10)] == pytest.approx(brightness, abs=0.02)


def test_a_picture_alone_is_that_of_the_split():
    pictures, found = shapes("val", 25)
    assert pictures.shape == (25, 80, 80, 3) and pictures.dtype == np.uint8
    assert np.array_equal(picture_at("val", 13), pictures[13])
    assert np.array_equal(found, labels("val", 25)) and np.array_equal(shapes("val", 7)[0], pictures[:7])


def test_classes_are_equally_frequent():
    for split, size in SIZES.items():
        assert set(np.bincount(labels(split), minlength=len(CLASSES))) == {size // len(CLASSES)}


def test_splits_and_seeds_share_no_picture():
    seen = [digest(p) for split in SIZES for seed in (0, 1) for p in shapes(split, 20, seed=seed)[0]]
    assert len(set(seen)) == len(seen)


def test_objects_vary_in_size_and_color_tells_nothing():
    """A classifier that knows only the mean color of a picture does little better than guessing."""
    train, val = shapes("train", 600), shapes("val", 300)
    means = [pictures.reshape(len(pictures), -1, 3).mean(1) / 255 for pictures, _ in (train, val)]
    distance = np.linalg.norm(means[1][:, None] - means[0][None], axis=2)
    nearest = train[1][distance.argsort(1)[:, :9]]
    guesses = np.array([np.bincount(row, minlength=10).argmax() for row in nearest])
    assert (guesses == val[1]).mean() < 0.2
