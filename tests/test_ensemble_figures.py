"""Figures of the chapter on ensembles: what they draw is what they are given."""

from __future__ import annotations

import numpy as np
import pytest

from inception_lib.book import figures
from inception_lib.book.agreement import ambiguity, answers


def test_the_recorded_answers_are_probabilities():
    millionths, labels = answers()
    assert millionths.shape == (7, 1000, 10) and labels.shape == (1000,)
    assert abs(millionths.sum(2) - 1_000_000).max() <= 10  # each was rounded


def test_three_voters_are_outvoted_where_two_are_wrong():
    fig = figures.plot_voters({"same": [{1}, {1}, {5}], "apart": [{0}, {1}, {2}]}, images=6)
    assert [ax.get_title() or ax.get_title(loc="left") for ax in fig.axes] == [
        "same\nvote wrong on 1 of 6",
        "apart\nvote wrong on 0 of 6",
    ]


def test_distances_in_the_simplex_are_those_of_the_answers():
    points = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])
    found = ambiguity(points[:, None], np.array([0]))
    fig = figures.plot_simplex([figures.Simplex("one", np.zeros((4, 4, 3)), points, ("a", "b", "c"), found)])
    members, mean = (np.asarray(drawn.get_offsets()) for drawn in fig.axes[0].collections)
    assert np.linalg.norm(members[0] - members[1]) == pytest.approx(np.linalg.norm(points[0] - points[1]))
    assert mean == pytest.approx(members.mean(0, keepdims=True))


def test_an_opinion_is_right_or_wrong():
    softmax = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    fig = figures.plot_opinions(np.zeros((4, 4, 3)), softmax, {0: "disc", 1: "ring"})
    said = [text.get_text() for text in fig.axes[1].texts]
    assert said == ["✓ right", "✗ wrong", "✓ right", "✓ right"]  # the last is their mean's


@pytest.mark.parametrize(("low", "high", "marker"), [(-2.0, -0.5, "o"), (-2.0, 0.5, "|"), (None, None, "x")])
def test_a_change_is_marked_as_shown_or_not(low, high, marker):
    fig = figures.plot_forest(
        {"here": {"7 x 1": figures.Estimate(-1.0, low, high), "7 x 10": None}}, xlabel=""
    )
    assert fig.axes[0].lines[-1].get_marker() == marker
    assert "not measured" in fig.axes[0].texts[0].get_text()
