"""The digits that the book draws: the same everywhere, all ten, and enough like each other to be learned."""

from __future__ import annotations

import numpy as np
import pytest

from inception_lib.book.digits import SIDE, STROKES, digits


def test_images_and_labels():
    images, labels = digits(25)
    assert images.shape == (25, 1, SIDE, SIDE) and images.dtype == np.float32
    assert images.min() == 0 and images.max() == 1 and 0.03 < images.mean() < 0.3
    assert sorted(labels[:10]) == sorted(labels[10:20]) == list(range(10))
    assert len(STROKES) == 10


def test_a_seed_gives_the_same_images_and_another_gives_others():
    again, other = digits(10, seed=3)[0], digits(10, seed=4)[0]
    assert np.array_equal(digits(10, seed=3)[0], again) and not np.array_equal(again, other)


def test_digits_stay_on_the_image():
    border = np.ones((SIDE, SIDE), bool)
    border[1:-1, 1:-1] = False
    images = digits(200)[0][:, 0]
    assert (images[:, border].max(1) > 0.5).mean() < 0.02


def test_one_digit_is_nearer_to_its_own_mean_than_to_most_others():
    images, labels = digits(300)
    means = np.stack([images[labels == digit].mean(0).ravel() for digit in range(10)])
    new, truth = digits(100, seed=1)
    nearest = ((new.reshape(100, 1, -1) - means) ** 2).sum(-1).argmin(1)
    assert (nearest == truth).mean() == pytest.approx(0.75, abs=0.25)
