"""The paper's Table 3 for other networks, and the command that makes it."""

import itertools

import numpy as np
import pandas as pd
import pytest
from ablation import main as make_ablation

from inception_lib import DataError, InceptionError, paper
from inception_lib.book import ablation, results
from inception_lib.book.ablation import grid
from inception_lib.book.bundled import FOLDER
from inception_lib.data.datasets import open_data
from inception_lib.data.shapes import SIZES
from inception_lib.evaluation.metrics import change, rate
from inception_lib.weights.loading import load_weights


def test_the_grid_is_what_one_gets_by_hand():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 9, 50)
    p = {n: rng.dirichlet(np.ones(9), (3, 50)) for n in (1, 10)}
    table = grid(p, labels, crops=(1, 10), models=(1, 2, 3)).set_index(["models", "crops"])
    first = p[1][0].argmax(1) == labels
    for k, n in itertools.product((1, 2, 3), (1, 10)):
        row, own = table.loc[k, n], p[n][:k].mean(0).argmax(1) == labels
        assert (row["top1"], row["top1_low"], row["top1_high"]) == rate(own)[:3]
        assert (row["change1"], row["change1_low"], row["change1_high"]) == change(first, own)[:3]
        every = [
            (p[n][list(c)].mean(0).argmax(1) == labels).mean() for c in itertools.combinations(range(3), k)
        ]
        assert row["choices"] == len(every) and row["top1_mean"] == pytest.approx(np.mean(every))
        assert (row["top1_least"], row["top1_most"]) == pytest.approx((min(every), max(every)))
        best = np.argpartition(-p[n][:k].mean(0), 5, axis=1)[:, :5]
        assert row["top5"] == pytest.approx(np.mean([y in b for y, b in zip(labels, best, strict=True)]))
    assert 0.2 < table["top5"].min() < table["top5"].max() < 1
    for options, wrong in (({"crops": (144,)}, "144"), ({"crops": (1,), "models": (4,)}, "4")):
        with pytest.raises(DataError, match=wrong):
            grid(p, labels, **options)


def test_a_small_ablation_is_recorded_and_its_first_row_is_that_of_the_network(tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    count = 4
    weights = tuple(str(FOLDER / f"shapes-{n}.safetensors") for n in (1, 2))
    assert make_ablation(weights, pictures=count, out=tmp_path / "run", record="small") == 0
    outcome = results.load("small").outcome
    assert outcome["pictures"] == count and outcome["networks"] == ["shapes-1", "shapes-2"]
    cells = {(row["pool"], row["models"], row["crops"]): row for row in outcome["rows"]}
    assert set(cells) == {
        (pool, models, crops) for pool in ("mean", "max") for models in (1, 2) for crops in (1, 10, 144)
    }
    network, info = load_weights(weights[0], heads=False)
    data = open_data("shapes", "test")
    which = [i * SIZES["test"] // count for i in range(count)]
    right = sum(
        network(info.preprocess(data.picture(i))[None]).logits.argmax().item() == data.labels[i]
        for i in which
    )
    assert cells["mean", 1, 1]["top1"] == cells["max", 1, 1]["top1"] == right / count
    table = ablation.errors(outcome["rows"])
    assert table["passes"].tolist() == [1, 10, 144, 2, 20, 288] * 2
    for row, shown in zip(outcome["rows"], table.to_dict("records"), strict=True):
        assert shown["pool"] == row["pool"]
        assert shown["error1"] == pytest.approx(100 * (1 - row["top1"]))
        assert shown["error1_low"] <= shown["error1"] <= shown["error1_high"]
        assert shown["error1_least"] <= shown["error1_mean"] <= shown["error1_most"]
        assert shown["change5"] == pytest.approx(shown["error5"] - table["error5"][0])
        assert shown["change1_low"] <= shown["change1"] <= shown["change1_high"]


def test_the_papers_table_has_the_same_columns():
    table = ablation.errors_of_paper()
    assert set(table) < set(ablation.errors(pd.DataFrame(results.load("ablation_shapes").outcome["rows"])))
    assert [str(row.error) for row in paper.TABLE3] == [f"{e:.2f}" for e in table["error5"]]
    assert [row.cost for row in paper.TABLE3] == table["passes"].tolist()
    assert table["change5"].tolist() == pytest.approx([0, -0.92, -2.18, -1.98, -2.45, -3.40])


@pytest.mark.parametrize("name", ablation.RECORDED.values())
def test_a_recorded_ablation_has_a_row_for_every_test(name):
    outcome = results.load(name).outcome
    networks = range(1, len(outcome["networks"]) + 1)
    assert [(r["pool"], r["models"], r["crops"]) for r in outcome["rows"]] == [
        (pool, models, crops) for pool in ("mean", "max") for models in networks for crops in (1, 10, 144)
    ]


def test_a_name_that_cannot_be_recorded_is_refused_before_the_work(tmp_path):
    with pytest.raises(InceptionError, match="a/b"):
        make_ablation((), pictures=1, out=tmp_path / "run", record="a/b")
    assert not (tmp_path / "run").exists()
