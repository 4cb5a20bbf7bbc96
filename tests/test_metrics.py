"""Shares, their intervals, and changes: against arithmetic done another way."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from inception_lib import InceptionError
from inception_lib.evaluation.metrics import change, per_class, ranks, rate

tests = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


def of(right, n):
    return np.arange(n) < right


# ------------------------------------------------------------------------------------------- ranks


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 9), st.integers(0, 2**32 - 1))
def test_ranks_are_places_in_a_sort(pictures, classes, seed):
    rng = np.random.default_rng(seed)
    probabilities = rng.integers(0, 4, (pictures, classes)) / 4  # many are equal
    labels = rng.integers(0, classes, pictures)
    order = np.argsort(-probabilities, axis=1, kind="stable")
    places = [list(o).index(n) for o, n in zip(order, labels, strict=True)]
    assert ranks(probabilities, labels).tolist() == places


def test_what_is_not_a_number_is_wrong():
    assert ranks(np.array([[np.nan, 0.5], [0.5, np.nan]]), np.array([0, 0])).tolist() == [2, 2]


def test_a_network_that_says_nothing_is_not_right_by_chance():
    found = ranks(np.full((1000, 1000), 0.001), np.arange(1000))
    assert (found == 0).mean() == 0.001 and (found < 5).mean() == 0.005


@pytest.mark.parametrize(
    ("probabilities", "labels", "sentence"),
    [
        (np.zeros((2, 3)), np.zeros(3, int), "not (2, 3) and (3,)"),
        (np.zeros(3), np.zeros(3, int), "are wanted"),
        (np.zeros((2, 3)), np.array([0, 3]), "go from 0 to 3, and there are 3 classes"),
        (np.zeros((1, 3)), np.array([-1]), "go from -1"),
    ],
)
def test_what_does_not_go_together_is_refused(probabilities, labels, sentence):
    with pytest.raises(InceptionError) as error:
        ranks(probabilities, labels)
    assert sentence in str(error.value)


@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_first_k_are_torchs_topk(k):
    rng = np.random.default_rng(k)
    probabilities, labels = rng.dirichlet(np.ones(9), 200), rng.integers(0, 9, 200)
    best = torch.from_numpy(probabilities).topk(k).indices
    right = (best == torch.from_numpy(labels)[:, None]).any(1)
    assert np.array_equal(ranks(probabilities, labels) < k, right.numpy()) and 0 < right.sum() < 200


# -------------------------------------------------------------------------------------------- rate


@settings(deadline=None)
@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_ends_of_wilsons_interval_solve_his_equation(pair):
    k, n = pair
    found = rate(of(k, n))
    assert 0 <= found.low <= found.value <= found.high <= 1 and found.pictures == n
    z = 1.959963984540054
    for end in (found.low, found.high):
        if 0 < end < 1:  # |share - p| = z * sqrt(p (1 - p) / n)
            assert abs(found.value - end) == pytest.approx(z * (end * (1 - end) / n) ** 0.5, rel=1e-6)


def test_known_intervals():
    # Newcombe 1998, Statistics in Medicine 17, 857-872, table I: Wilson without continuity correction
    assert rate(of(81, 263))[1:3] == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert rate(of(15, 148))[1:3] == pytest.approx((0.0624, 0.1605), abs=5e-5)
    assert rate(of(0, 20))[1:3] == pytest.approx((0, 0.1611), abs=5e-5)
    assert rate(of(1, 29))[1:3] == pytest.approx((0.0061, 0.1718), abs=5e-5)
    assert str(rate(of(81, 263))) == "30.80 % (25.53 to 36.62)"
    with pytest.raises(InceptionError, match="no picture"):
        rate(np.empty(0, bool))


# ------------------------------------------------------------------------------------------ change


@settings(deadline=None)
@given(tests)
def test_a_change_lies_in_its_interval_and_turns_with_its_sign(pairs):
    before, after = np.array(pairs).T
    forth, back = change(before, after), change(after, before)
    assert -1 <= forth.low <= forth.value <= forth.high <= 1
    assert forth.value == pytest.approx(after.mean() - before.mean(), abs=1e-12)
    assert (forth.better, forth.worse) == (back.worse, back.better) and forth.pictures == len(pairs)
    assert (forth.low, forth.high) == pytest.approx((-back.high, -back.low), abs=1e-12)


def test_the_interval_of_a_change_keeps_its_level():
    rng = np.random.default_rng(0)
    for both, better, worse in ((0.6, 0.06, 0.04), (0.88, 0.03, 0.01), (0.3, 0.2, 0.1)):
        kept = 0
        for _ in range(1500):
            which = rng.choice(4, 300, p=[both, better, worse, 1 - both - better - worse])
            found = change((which == 0) | (which == 2), (which == 0) | (which == 1))
            kept += found.low <= better - worse <= found.high
        assert 0.93 < kept / 1500 < 0.985


def test_pairing_makes_the_interval_narrower():
    right = of(700, 1000)
    after = right.copy()
    after[690:720] = ~after[690:720]  # 10 worse, 20 better
    paired = change(right, after)
    shuffled = change(right, np.random.default_rng(0).permutation(after))
    assert (paired.better, paired.worse, paired.value) == (20, 10, pytest.approx(0.01))
    assert paired.high - paired.low < (shuffled.high - shuffled.low) / 2
    assert str(change(right, right)).startswith("+0.00 points (-")
    with pytest.raises(InceptionError, match="of 1000 and 999"):
        change(right, right[:-1])


# --------------------------------------------------------------------------------------- per class


def test_a_row_per_class():
    probabilities = np.array([[0.5, 0.3, 0.2, 0], [0.4, 0.5, 0.1, 0], [0.1, 0.8, 0.1, 0], [0.2, 0.7, 0.1, 0]])
    table = per_class(probabilities, np.array([0, 0, 0, 1]), ["ant", "bee", "cat", "dog"])
    ant, bee, cat = (table.loc[n] for n in range(3))
    assert (ant["pictures"], ant["taken_for"], ant["times"], ant["top5"]) == (3, "bee", 2, 1)
    assert ant["top1"] == pytest.approx(1 / 3) and ant["low"] < 1 / 3 < ant["high"]
    assert bee["top1"] == 1 and table["taken_for"].isna().tolist() == [False, True, True, True]
    assert cat["pictures"] == 0 and np.isnan(cat["top1"]) and table["pictures"].sum() == 4
    with pytest.raises(InceptionError, match="2 names for 4 classes"):
        per_class(probabilities, np.zeros(4, int), ["a", "b"])


def test_the_top_5_of_a_class_are_torchs():
    rng = np.random.default_rng(0)
    probabilities, labels = rng.dirichlet(np.ones(9), 300), rng.integers(0, 9, 300)
    table = per_class(probabilities, labels, [f"c{n}" for n in range(9)])
    best = torch.from_numpy(probabilities).topk(5).indices.numpy()
    for label in range(9):
        own = (best[labels == label] == label).any(1)
        assert table["top5"][label] == pytest.approx(own.mean()) and 0 < own.mean() < 1


def test_shares_need_no_pandas():
    code = (
        "import sys, numpy as np; from inception_lib.evaluation.metrics import ranks, rate;"
        "rate(ranks(np.eye(3), np.arange(3)) < 1); print({'pandas', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
