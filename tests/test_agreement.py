"""The networks' errors beside each other: measured, and in a model that is held against simulation."""

import itertools

import numpy as np
import pytest

from inception_lib.book.agreement import (
    ambiguity,
    error_correlation,
    measured_vote_error,
    pairs_mean,
    vote_error,
    wrong_voters,
)
from inception_lib.errors import InceptionError


def test_correlation_is_what_one_counts():
    assert pairs_mean(np.array([[1, 0.75, 0.5], [0.75, 1, 0.25], [0.5, 0.25, 1]])) == pytest.approx(0.5)
    wrong = np.array([[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [1, 0, 1, 0]], bool)
    found = error_correlation(wrong)
    assert found[0] == pytest.approx([1, 1, -1, 0]) and np.allclose(found, found.T)


def test_one_voter_is_wrong_as_often_as_it_is_wrong():
    for correlation in (0, 0.3, 1):
        assert vote_error(1, 0.2, correlation) == pytest.approx(0.2)


def test_independent_voters_are_binomial():
    assert vote_error(3, 0.1) == pytest.approx(3 * 0.1**2 * 0.9 + 0.1**3)
    assert vote_error(7, 0.5) == pytest.approx(0.5)
    assert vote_error(7, 0.6) > 0.6  # of voters that are mostly wrong, more make it worse
    assert vote_error(5, 0.2, 1e-7) == pytest.approx(vote_error(5, 0.2), rel=1e-4)


def test_correlation_takes_the_gain_away():
    found = [vote_error(7, 0.1, r) for r in (0, 0.1, 0.3, 0.6, 0.9, 1)]
    assert found == sorted(found) and found[-1] == 0.1 and found[0] < 0.01


def test_correlated_voters_are_those_of_a_simulation():
    error, correlation, rng = 0.15, 0.4, np.random.default_rng(0)
    total = (1 - correlation) / correlation
    difficulty = rng.beta(error * total, (1 - error) * total, 200_000)
    wrong = rng.random((7, difficulty.size)) < difficulty
    assert pairs_mean(error_correlation(wrong)) == pytest.approx(correlation, abs=0.01)
    for voters in (1, 3, 5, 7):
        lost = (wrong[:voters].sum(0) > voters / 2).mean()
        assert vote_error(voters, error, correlation) == pytest.approx(lost, abs=0.003)
        assert measured_vote_error(wrong, voters) == pytest.approx(lost, abs=0.003)


@pytest.mark.parametrize("correlation", [0, 0.2, 0.7, 1])
def test_the_model_is_a_distribution_with_the_wanted_error_and_correlation(correlation):
    error, voters = 0.2, 6
    p, j = np.array(wrong_voters(voters, error, correlation)), np.arange(voters + 1)
    assert p.sum() == pytest.approx(1) and (p * j).sum() == pytest.approx(voters * error)
    both = (p * j * (j - 1)).sum() / (voters * (voters - 1))  # two voters taken at random are both wrong
    assert (both - error**2) / (error * (1 - error)) == pytest.approx(correlation)


def test_very_many_voters_can_be_counted():
    assert vote_error(9999, 0.1) == pytest.approx(0, abs=1e-12)
    assert vote_error(9999, 0.1, 0.3) == pytest.approx(vote_error(999, 0.1, 0.3), rel=0.01)


def test_the_measured_vote_is_the_mean_over_all_choices():
    wrong = np.random.default_rng(1).random((5, 40)) < 0.4
    for voters in (1, 3, 5):
        by_hand = [
            (wrong[list(c)].sum(0) > voters / 2).mean() for c in itertools.combinations(range(5), voters)
        ]
        assert measured_vote_error(wrong, voters) == pytest.approx(np.mean(by_hand))


def test_the_average_errs_less_by_the_spread():
    rng = np.random.default_rng(2)
    p, labels = rng.dirichlet(np.ones(4), (3, 50)), rng.integers(0, 4, 50)
    found = ambiguity(p, labels)
    assert found.ensemble == pytest.approx(found.members - found.spread)
    by_hand = [np.square(p.mean(0)[i] - np.eye(4)[k]).sum() for i, k in enumerate(labels)]
    assert found.ensemble == pytest.approx(np.mean(by_hand)) and found.spread > 0
    assert ambiguity(p[:1], labels).spread == pytest.approx(0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: vote_error(2, 0.1),
        lambda: vote_error(0, 0.1),
        lambda: vote_error(3, 1.1),
        lambda: vote_error(3, 0.1, -0.1),
        lambda: pairs_mean(np.ones((1, 1))),
        lambda: measured_vote_error(np.ones((3, 2), bool), 5),
        lambda: measured_vote_error(np.ones((3, 2)), 2),
        lambda: error_correlation(np.zeros((2, 3), bool)),
        lambda: ambiguity(np.ones((2, 3, 4)), np.zeros(2, int)),
    ],
)
def test_what_makes_no_sense_is_refused(call):
    with pytest.raises(InceptionError):
        call()
