"""What chapters say of a training experiment, from its record."""

import pytest

from inception_lib.book import experiments, figures
from inception_lib.errors import InceptionError

pytestmark = pytest.mark.usefixtures("style")


def experiment():
    """A small record: b is better than a by 20 and 10 points, and c failed."""
    runs = [
        {"arm": arm, "seed": seed, "top1": top1, "train_top1": top1 + 0.1, "failed": None}
        for arm, seed, top1 in (("a", 1, 0.5), ("a", 0, 0.4), ("b", 0, 0.6), ("b", 1, 0.6))
    ]
    runs.append({"arm": "c", "seed": 0, "failed": "The loss is no longer finite."})
    better = {"claim": "b is better", "values": [0.2, 0.1], "mean": 0.15, "low_together": 0.02}
    better |= {"high_together": 0.28, "verdict": "shown"}
    once = {"claim": "a is better", "values": [-0.2], "mean": -0.2, "low_together": None}
    once |= {"high_together": None, "verdict": "not shown"}
    return {"runs": runs, "claims": [better, once, {"claim": "c is better", "verdict": None}]}


def test_arms_are_listed_by_seed():
    assert experiments.top1(experiment(), "a") == pytest.approx([40, 50])
    assert experiments.top1(experiment(), "a", training=True) == pytest.approx([50, 60])
    for arm in ("c", "d"):
        with pytest.raises(InceptionError, match=f"{arm}: no training of that arm is recorded"):
            experiments.top1(experiment(), arm)


def test_answers_are_said_in_points():
    found = experiments.answers(experiment())
    assert list(found) == ["b is better", "a is better"]
    assert str(found["b is better"]) == "+15.0 points (+2.0 to +28.0)" and found["b is better"].seeds == 2
    assert str(found["a is better"]) == "−20.0 (one seed, so there is no interval)"


def test_an_experiment_is_drawn_seed_by_seed_and_claim_by_claim():
    fig = figures.plot_experiment(experiment(), {"b": "second", "a": "first"}, {"b is better": "b − a"})
    left, right = fig.axes
    assert [t.get_text() for t in left.get_yticklabels()] == ["second", "first"]
    dots = [line for line in left.lines if line.get_marker() == "o"]
    assert [list(line.get_xdata()) for line in dots] == [[60, 60], pytest.approx([40, 50])]
    means = [line.get_xdata()[0] for line in left.lines if line.get_marker() != "o"]
    assert means == pytest.approx([60, 45])
    assert [t.get_text() for t in right.get_yticklabels()] == ["b − a"]
    assert [list(line.get_xdata()) for line in right.lines[1:]] == [
        pytest.approx([2, 28]),
        pytest.approx([15]),
    ]


def test_training_images_are_drawn_as_empty_circles():
    (left, _) = figures.plot_experiment(experiment(), {"a": "first"}, {}, training=True).axes
    empty = [line for line in left.lines if line.get_markerfacecolor() == "none"]
    assert [list(line.get_xdata()) for line in empty] == [pytest.approx([50, 60])]


def test_the_lead_is_drawn_with_its_interval():
    rows = [
        {"epoch": 1.0, "lead": 0.1, "low": -0.2, "high": 0.4},
        {"epoch": 2.0, "lead": 0.05, "low": 0.0, "high": 0.1},
    ]
    (ax,) = figures.plot_lead({"short": rows}, title="lead").axes
    assert list(ax.lines[1].get_ydata()) == pytest.approx([10, 5])
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (band.min(), band.max()) == pytest.approx((-20, 40))
    assert ax.get_legend().get_texts()[0].get_text() == "short"
