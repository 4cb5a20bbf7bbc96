"""The calculation of a training on many GPUs, held against closed forms and a ring that is played through."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inception_lib import count, googlenet
from inception_lib.book.scaling import (
    LINKS,
    Work,
    efficiency,
    exchange_seconds,
    images_per_s,
    update_seconds,
)
from inception_lib.errors import InceptionError

WORK = Work(images=256, images_per_s=5000.0, gradient_bytes=50_000_000)
sizes = st.integers(1, 256)
bandwidths = st.floats(1e6, 1e12)
both = pytest.mark.parametrize("overlap", [False, True])


@both
def test_one_gpu_exchanges_nothing(overlap):
    assert exchange_seconds(WORK.gradient_bytes, 1, 1.0) == 0
    assert images_per_s(WORK, 1, 1.0, overlap=overlap) == pytest.approx(WORK.images_per_s)


@both
@given(gpus=sizes)
def test_over_infinite_links_it_is_linear(overlap, gpus):
    together = images_per_s(WORK, gpus, math.inf, overlap=overlap)
    assert together == pytest.approx(gpus * WORK.images_per_s)


@both
@given(gpus=sizes, bandwidth=bandwidths)
def test_efficiency_falls_with_gpus_and_rises_with_bandwidth(overlap, gpus, bandwidth):
    here = efficiency(WORK, gpus, bandwidth, overlap=overlap)
    assert 0 < here <= 1 + 1e-9
    assert efficiency(WORK, gpus + 1, bandwidth, overlap=overlap) <= here + 1e-9
    assert efficiency(WORK, gpus, 2 * bandwidth, overlap=overlap) >= here - 1e-9


@given(gpus=sizes, bandwidth=bandwidths)
def test_more_gpus_never_train_fewer_images_from_two_on_and_overlap_never_hurts(gpus, bandwidth):
    first, second = (images_per_s(WORK, gpus, bandwidth, overlap=overlap) for overlap in (False, True))
    assert second >= first * (1 - 1e-9)
    if gpus > 1:
        assert images_per_s(WORK, gpus + 1, bandwidth, overlap=False) > first


def test_an_update_by_hand():
    # 0.1 s alone; two GPUs send their whole volume once, 0.04 s, four send one and a half times as much
    work = Work(images=10, images_per_s=100.0, gradient_bytes=40)
    assert update_seconds(work, 2, 1000.0, overlap=False) == pytest.approx(0.14)
    assert update_seconds(work, 4, 1000.0, overlap=False) == pytest.approx(0.16)
    # beside a backward pass of 0.0667 s 0.06 s are hidden, and of 0.12 s all but 0.0533 s
    assert update_seconds(work, 4, 1000.0, overlap=True) == pytest.approx(0.1)
    assert update_seconds(work, 4, 500.0, overlap=True) == pytest.approx(0.1 / 3 + 0.12)


@pytest.mark.parametrize("gpus", [2, 3, 4, 8])
def test_a_ring_sends_what_the_formula_says(gpus):
    """Each GPU has a part of every other's numbers: gpus - 1 rounds add them up, as many hand them on."""
    numbers = [[gpu * 100 + part for part in range(gpus)] for gpu in range(gpus)]
    sums = [sum(own[part] for own in numbers) for part in range(gpus)]
    sent = [0] * gpus
    for step in range(2 * (gpus - 1)):
        parcels = []
        for gpu in range(gpus):
            part = (gpu - step) % gpus
            parcels.append((gpu, part, numbers[gpu][part]))
            sent[gpu] += 1
        for gpu, part, value in parcels:
            into = numbers[(gpu + 1) % gpus]
            into[part] = value + into[part] if step < gpus - 1 else value
    assert all(own == sums for own in numbers)
    volume = gpus  # one number a part
    assert {Fraction(n, volume) for n in sent} == {Fraction(2 * (gpus - 1), gpus)}
    assert exchange_seconds(volume, gpus, 1.0) == pytest.approx(sent[0])


def test_the_loader_is_a_limit_for_each_gpu():
    free = images_per_s(WORK, 4, math.inf, overlap=True)
    assert images_per_s(WORK, 4, math.inf, overlap=True, loader=1000.0) == 4000
    assert images_per_s(WORK, 4, math.inf, overlap=True, loader=10_000.0) == free


def test_links_are_what_their_makers_say_of_both_directions():
    both_ways = {"NVLink 4": 900, "PCIe 5.0 x16": 128, "Ethernet, 100 Gb/s": 25, "Ethernet, 10 Gb/s": 2.5}
    assert {name: 2 * speed / 1e9 for name, speed in LINKS.items()} == both_ways


def test_the_volume_of_gradients_is_that_of_the_parameters():
    counts = count(googlenet())
    assert 4 * counts.trunk.parameters == 27_994_208
    assert 4 * counts.parameters == 53_513_120


@pytest.mark.parametrize("field", ["images", "images_per_s", "gradient_bytes"])
def test_what_cannot_be_is_refused(field):
    with pytest.raises(InceptionError, match=f"^{field} must be a number above 0, not 0.$"):
        replace(WORK, **{field: 0})
    with pytest.raises(InceptionError, match="gpus must be"):
        exchange_seconds(1, 0, 1.0)
    with pytest.raises(InceptionError, match="bandwidth must be"):
        exchange_seconds(1, 2, math.nan)
    with pytest.raises(InceptionError, match="loader must be"):
        images_per_s(WORK, 2, 1.0, overlap=True, loader=0)
