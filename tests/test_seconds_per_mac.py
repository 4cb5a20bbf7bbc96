"""`benchmarks/seconds_per_mac.py`: it times what it says, and its verdicts follow from the seconds."""

from __future__ import annotations

import numpy as np
import pytest
import seconds_claims as claims
import seconds_per_mac
import torch
from pieces import LAYOUTS, NUMBER, Piece, branches_of, layers_of, of_network
from scipy import stats
from torch.utils.flop_counter import FlopCounterMode

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.errors import InceptionError
from inception_lib.history import build

CPU = torch.device("cpu")
close = pytest.approx
PAPER = googlenet(heads=False)


def piece(path, macs, group="layer", kind="conv", kernel=1):
    return Piece(
        group=group, path=path, kind=kind, kernel=kernel, inputs=((1, 1, 1),), out="1", macs=macs,
        activations=1, parameters=1, make=lambda: abs,
    )  # fmt: skip


def noisy(seconds, rounds=15):
    """As many rounds, each with its own one per mille of noise."""
    rng = np.random.default_rng(0)
    return {p: list(each * rng.normal(1, 1e-3, rounds)) for p, each in seconds.items()}


def test_the_layers_are_googlenets():
    counts, layers = count(PAPER), list(layers_of(PAPER))
    assert sum(layer.macs for layer in layers) == counts.macs == 1_582_671_872
    assert sum(layer.parameters for layer in layers) == counts.parameters
    kinds = [layer.kind for layer in layers]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "conv": 57, "max pool": 13, "lrn": 2, "concat": 9, "average pool": 1, "linear": 1
    }  # fmt: skip
    for layer in layers:
        row = counts[layer.path]
        assert (layer.macs, layer.part) == (row.macs.value, row.module or row.path)
        assert layer.kernel == (row.kernel[0] if layer.kind == "conv" else None)


def test_the_two_forms_of_a_branch_are_the_papers_example():
    forms = {(p.group, p.path): p for p in branches_of(PAPER)}
    assert len(forms) == 36
    direct, reduced = forms["direct", "inception_4a/5x5"], forms["reduced", "inception_4a/5x5"]
    assert (direct.macs, reduced.macs) == (14 * 14 * 48 * 25 * 480, 14 * 14 * (16 * 480 + 48 * 25 * 16))
    assert direct.bytes(2) == NUMBER * (2 * 14 * 14 * (480 + 48) + 48 * (25 * 480 + 1))
    weights = 16 * (480 + 1) + 48 * (25 * 16 + 1)
    assert reduced.bytes(1) == NUMBER * (14 * 14 * (480 + 16 + 16 + 48) + weights)
    for (group, path), form in forms.items():
        assert form.out == forms["direct" if group == "reduced" else "reduced", path].out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_runs_does_the_macs_and_gives_the_shape(layout):
    small = googlenet(width=0.1, heads=False, input_size=64)
    pieces = [*layers_of(small), *branches_of(small), of_network("googlenet", small)]
    for each in [*pieces, of_network("lenet5", build("lenet5"))]:
        work = each.work(2, layout, CPU)
        assert all(x.is_contiguous(memory_format=LAYOUTS[layout]) for x in work.args)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            out = work()
        assert counter.get_total_flops() == 2 * 2 * each.macs, each.path
        out = out.logits if each.group == "network" else out
        assert out.numel() == 2 * np.prod([int(n) for n in each.out.split("x")]), each.path


def test_the_bytes_of_a_sum_are_those_of_its_terms_too():
    from inception_lib.architecture import Architecture, Branch, Branches, Conv

    conv = Conv(name="conv", out_channels=3, kernel=1)
    block = Branches(
        name="block", join="add", branches=(Branch(name="a", layers=(conv,)), Branch(name="b", layers=()))
    )
    whole = of_network("sum", Architecture(name="sum", input=(3, 4, 4), layers=(block,)))
    assert whole.activations == 5 * 48  # in and out of the convolution; two terms and their sum
    assert whole.parameters == 12


@pytest.mark.parametrize("n", [5, 6, 13, 21, 40])
@pytest.mark.parametrize("level", [0.95, 1 - 0.05 / 80])
def test_the_interval_of_a_median_is_that_of_scipy(n, level):
    values = np.random.default_rng(n).exponential(size=n)
    found = claims.interval(list(values), level)
    # a quantile test rejects just the medians outside of the interval
    theirs = stats.quantile_test(values, p=0.5).confidence_interval(confidence_level=level)
    assert found == (None if np.isnan([theirs.low, theirs.high]).any() else (theirs.low, theirs.high))


@pytest.mark.parametrize(
    ("strict", "said"),
    [((0.9, 1), "shown"), ((0.8, 0.95), "not shown"), ((0.5, 0.89), "refuted"), (None, "not shown")],
)
def test_verdicts(strict, said):
    assert claims.verdict(strict, 0.9) == said


def test_seconds_that_are_macs_are_told_from_macs():
    macs = [10**5, 10**6, 3 * 10**6, 10**8, 10**9]
    laws = claims.laws_of("networks", 4, noisy({piece(str(m), m): 4 * m / 1e9 for m in macs}), 80)
    assert laws["exponent"]["value"] == close(1, abs=1e-3) and laws["spearman"]["value"] == 1
    assert laws["gmacs_per_s"] == close(1, rel=1e-2)
    for law in claims.LAWS:
        assert laws[law]["within_factor_2"]["verdict"] == "shown" and not laws[law]["outliers"]


def test_a_power_law_and_its_outlier_are_found():
    macs = np.logspace(5, 9, 41).astype(int)
    took = {piece(str(m), int(m)): float(m) ** 0.5 for m in macs}
    odd = list(took)[20]
    took[odd] *= 3
    laws = claims.laws_of("convolutions", 1, noisy(took), 80)
    slope = stats.linregress(np.log(macs), np.log(list(took.values()))).slope
    assert laws["exponent"]["value"] == close(slope, abs=1e-3)
    assert laws["spearman"]["value"] == close(stats.spearmanr(macs, list(took.values()))[0], abs=1e-3)
    assert laws["one rate"]["within_factor_2"]["verdict"] == "refuted"
    assert laws["power law"]["within_factor_2"]["verdict"] == "shown"
    assert list(laws["power law"]["outliers"]) == [odd.path]
    assert laws["power law"]["outliers"][odd.path] == close(3, rel=0.1)
    said = claims.said_of_laws(laws)
    assert "at one rate: refuted" in said and f"seconds: {odd.path} (2.9" in said


def test_what_a_reduction_buys_is_judged_by_its_macs():
    took = {}
    for path, gain in {"a/5x5": 1.1, "b/5x5": 0.5, "c/5x5": 0.05}.items():
        took[piece(path, 1000, "direct", kernel=5)] = gain
        took[piece(path, 100, "reduced", kernel=5)] = 0.1
    rows = claims.reductions_of(2, noisy(took), 80)
    assert [row["macs_divided_by"] for row in rows] == [10, 10, 10] and rows[0]["macs_direct"] == 2000
    assert [row["seconds_over_macs"]["verdict"] for row in rows] == ["shown", "refuted", "refuted"]
    assert [row["seconds_divided_by"]["verdict"] for row in rows] == ["shown", "shown", "refuted"]
    assert rows[1]["seconds_divided_by"]["value"] == close(5, rel=0.01)
    said = claims.said_of_reductions(rows)
    assert "shown in 1 of 3 (a), refuted in 2 of 3" in said and "it saves time: shown in 2 of 3" in said
    assert "a: MACs by 10.0, seconds by 11.0" in said
    few = claims.reductions_of(1, noisy(took, rounds=11), 80)
    assert {row["seconds_over_macs"]["verdict"] for row in few} == {"not shown"}


def test_what_has_no_macs_is_a_share_of_the_seconds():
    took = {piece("conv", 9): 3.0, piece("pool", 0, kind="max pool"): 0.75, piece("n", 0, kind="lrn"): 0.25}
    free = claims.without_macs(noisy(took), 80)
    assert {kind: free[kind]["layers"] for kind in free} == {"all": 2, "lrn": 1, "max pool": 1}
    assert free["all"]["value"] == close(0.25, abs=1e-3) and free["lrn"]["value"] == close(0.0625, abs=1e-3)


def test_fewer_macs_and_more_seconds():
    a, b, c = piece("a", 1), piece("b", 2), piece("c", 3)
    rows = claims.longer(noisy({a: 5.0, b: 1.0, c: 4.0}))
    assert [(row["fewer"], row["more"]) for row in rows] == [("a", "b"), ("a", "c")]
    assert rows[0]["seconds"]["value"] == close(5, rel=0.01)
    assert claims.longer(noisy({a: 1.0, b: 1.0})) == []


def test_a_row_is_set_against_the_laws_of_the_convolutions():
    took = {piece("x", 100): 1.0, piece("y", 10_000): 10.0, piece("z", 1000, "direct"): 40.0}
    took[piece("pool", 0, kind="max pool")] = 2.0
    x, _, z, pool = claims.rows_of(3, noisy(took))
    assert x["macs"] == 300 and x["of_power_law"] == close(1, abs=0.01)
    assert z["of_power_law"] == close(40 / 10**0.5, rel=0.01)
    assert x["of_one_rate"] == close(10**0.5, rel=0.01)
    assert "of_power_law" not in pool and pool["quartiles"][0] < pool["seconds"] < pool["quartiles"][1]


@pytest.mark.slow
def test_quick_records_all_that_a_scatter_needs(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    assert seconds_per_mac.main(quick=True, device="cpu", record="quick") == 0
    outcome = results.load("quick").outcome
    assert outcome["finding"] in capsys.readouterr().out and "decides nothing" in outcome["finding"]
    for batch in (1, 2):
        rows = [row for row in outcome["rows"] if row["batch"] == batch]
        groups = [row["group"] for row in rows]
        assert {g: groups.count(g) for g in groups} == {
            "layer": 83, "direct": 18, "reduced": 18, "network": 3
        }  # fmt: skip
        assert all(row["seconds"] > 0 and row["bytes"] > 0 for row in rows)
        layout = next(each for each in outcome["layouts"] if each["batch"] == batch)
        assert layout["network_seconds"][layout["chosen"]] == min(layout["network_seconds"].values())
        layers = [row for row in rows if row["group"] != "network"]
        assert all(row["seconds"] == row["by_layout"][layout["chosen"]] for row in layers)
    assert {(laws["what"], laws["batch"]) for laws in outcome["laws"]} == {
        (what, batch) for what in ("convolutions", "networks") for batch in (1, 2)
    }
    assert outcome["comparisons"] == 2 * (2 * 2 + 2 * 18)


def test_what_cannot_be_measured_is_refused():
    for wrong in ({"layer_rounds": 0}, {"batches": ()}, {"threads": 0}, {"networks": ("lenet5",)}):
        with pytest.raises(InceptionError, match="at least"):
            seconds_per_mac.main(**wrong)
