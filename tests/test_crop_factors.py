"""`benchmarks/crop_factors.py`: that each test pools the views it names, and what is made of the answers."""

from __future__ import annotations

from itertools import permutations

import crop_factors
import crop_tests
import crop_views
import numpy as np
import photographs
import pytest
import torch
from PIL import Image
from scipy import special, stats

from inception_lib import predict
from inception_lib.book import results
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.errors import InceptionError
from inception_lib.evaluation.plan import Scheme, plan, scheme

FULL = scheme(144, BVLC_PREPROCESS)
TESTS, CLAIMS = crop_tests.declared(FULL)
EVERY = crop_tests.combinations_of(FULL)
SIZES = [(500, 375), (375, 501), (384, 384)]
close = pytest.approx


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    return photographs.made_on_the_spot(folder), folder


def test_the_declared_tests_have_these_numbers_of_views():
    passes = {name: test.passes for name, test in TESTS.items()}
    added = [passes[claim.after] for claim in CLAIMS if claim.group == "added"]
    taken = [passes[claim.after] for claim in CLAIMS if claim.group == "taken"]
    assert added == [2, 3, 5, 2, 6, 4] and taken == [72, 48, 36, 36, 36, 36, 48, 120, 120, 24, 24]
    assert [passes[c.after] for c in CLAIMS if c.group == "repeated"] == [126, 6]
    assert (passes["1"], passes["10"], passes["144"]) == (1, 10, 144)


def test_a_test_pools_as_many_views_as_it_counts():
    for test in (TESTS | EVERY).values():
        assert crop_tests.rows_of(test, FULL).sum() == test.passes


@pytest.mark.parametrize("size", SIZES)
def test_a_test_pools_the_views_of_its_plan(size):
    views = np.array([view.pixels for view in plan(FULL, *size, BVLC_PREPROCESS)])
    for test in (TESTS | EVERY).values():
        if len(test.schemes) == 1:
            own = [view.pixels for view in plan(test.schemes[0], *size, BVLC_PREPROCESS)]
            assert views[crop_tests.rows_of(test, FULL)].tolist() == [list(pixels) for pixels in own]


@pytest.mark.parametrize("crops", [1, 10, 144])
def test_the_usual_tests_are_those_of_the_library(crops):
    assert TESTS[str(crops)].schemes == (scheme(crops, BVLC_PREPROCESS),)
    assert crop_tests.name_of(scheme(crops, BVLC_PREPROCESS)) in EVERY


def test_whole_squares_taken_out_are_those_of_the_same_region():
    out = ~crop_tests.rows_of(TESTS["144 less the whole squares at 288, 320, 352"], FULL)
    views = np.array(plan(FULL, 500, 375, BVLC_PREPROCESS), object)
    assert out.sum() == 18 and {view.crop for view in views[out]} == {"whole"}
    kept = [view for view in views[~out] if view.crop == "whole"]
    assert len(kept) == 6
    for view in views[out]:  # up to the rounding of the resized size
        assert any(
            np.abs(np.subtract(view.box, other.box)).max() < 1 and view.mirror == other.mirror
            for other in kept
        )


def test_there_are_420_different_combinations():
    assert len({tuple(crop_tests.rows_of(test, FULL)) for test in EVERY.values()}) == len(EVERY) == 420


@pytest.mark.parametrize("size", [(100, 90), (70, 95), (96, 96)])
def test_pooled_answers_are_those_of_predict(made, size):
    loaded, _ = made
    preprocess = loaded.info.preprocess
    full = scheme(144, preprocess)
    colors = np.random.default_rng(1).integers(0, 256, (*size[::-1], 3), np.uint8)
    picture = Image.fromarray(colors)
    logits = crop_views.logits_of(loaded.network, preprocess, picture, full, 32).numpy()[None]
    tests, _ = crop_tests.declared(full)
    for crops in (10, 144):
        expected = predict(picture, loaded, crops=crops, top=1000)
        for place in (0, 3, 999):
            label = np.array([expected[place].output])
            found = crop_tests.answers_of(logits, label, tests, full)
            assert found.of_true(str(crops))[0] == close(expected[place].probability, rel=1e-4)
            assert not found.right(str(crops), place)[0] and found.right(str(crops), place + 1)[0]


def test_each_different_view_goes_through_the_network_once(made):
    loaded, _ = made
    seen = []
    hook = loaded.network.register_forward_pre_hook(lambda _, x: seen.append(len(x[0])))
    full = scheme(144, loaded.info.preprocess)
    try:
        for size, different in (((120, 90), 144), ((96, 96), 48)):
            seen.clear()
            picture = Image.new("RGB", size)
            logits = crop_views.logits_of(loaded.network, loaded.info.preprocess, picture, full, 36)
            assert sum(seen) == different and max(seen) <= 36 and logits.shape == (144, 1000)
    finally:
        hook.remove()


def test_an_answer_that_is_no_number_is_refused(made):
    loaded, _ = made

    class Broken(torch.nn.Module):
        def forward(self, x):
            return photographs.Network.forward(loaded.network, x * torch.nan)

    full = Scheme(scales=(91,))
    with pytest.raises(InceptionError, match="not a number"):
        crop_views.logits_of(Broken(), loaded.info.preprocess, Image.new("RGB", (120, 90)), full, 36)


def test_pooling_is_what_it_is_called():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (4, 144, 20)).astype(np.float32)
    labels = np.array([0, 5, 19, 5])
    found = crop_tests.answers_of(logits, labels, TESTS, FULL)
    rows = crop_tests.rows_of(TESTS["10"], FULL)
    for n, label in enumerate(labels):
        p = special.softmax(logits[n][rows].astype(float), 1)
        for name, pooled in (
            ("10", p.mean(0)),
            ("10, logits", stats.gmean(p, axis=0)),  # equal up to a factor
            ("10, maximum", p.max(0)),
        ):
            pooled = pooled / pooled.sum()
            at = found.variants.index(name)
            assert found.true[at, n] == close(pooled[label])
            assert found.rank[at, n] == np.argsort(-pooled).tolist().index(label)


def some_answers(images=400, seed=0):
    """Answers of all tests, which are the better the more views they take."""
    random = np.random.default_rng(seed)
    tests = TESTS | EVERY
    skill = np.array([np.log2(1 + test.passes) for test in tests.values()])[:, None]
    easy = random.normal(0, 2, images)
    logit = easy + 0.2 * skill + random.normal(0, 0.5, (len(tests), images))
    return crop_tests.Answers(tuple(tests), np.where(logit > 0, 0, 7), special.expit(logit))


def test_the_shares_are_those_of_all_orders():
    found = some_answers()
    rows = {row["factor"]: row for row in crop_factors.shares(found, FULL, 10)}
    levels = {
        "scales": {"scales": FULL.scales[:1]},
        "squares": {"squares": ("center",)},
        "positions": {"crops": ("center",)},
        "mirror": {"mirror": False},
    }

    def nats(added):
        its = {"scales": FULL.scales, "squares": FULL.squares, "crops": FULL.crops, "mirror": True}
        for factor in set(levels) - set(added):
            its |= levels[factor]
        return np.log(found.of_true(crop_tests.name_of(Scheme(**its)))).mean()

    for factor in levels:
        gains = []
        for order in permutations(levels):
            before = order[: order.index(factor)]
            gains.append(nats((*before, factor)) - nats(before))
        assert rows[factor]["nats"]["value"] == close(np.mean(gains), abs=1e-5)
    one, all_of_them = (found.right(crop_tests.name_of(TESTS[n].schemes[0])).mean() for n in ("1", "144"))
    assert sum(row["top1"]["value"] for row in rows.values()) == close(all_of_them - one, abs=3e-5)


def test_the_interval_of_a_mean_is_the_normal_one():
    scores = np.random.default_rng(0).normal(0.1, 1, 500)
    found = crop_factors.moved(scores, together=20)
    for end, level in (("", 0.95), ("_together", 1 - 0.05 / 20)):
        expected = stats.norm.interval(level, scores.mean(), stats.sem(scores))
        assert (found[f"low{end}"], found[f"high{end}"]) == close(expected, abs=1e-5)


@pytest.mark.parametrize(
    ("low", "high", "gain", "loss"),
    [
        (1, 2, "shown", "refuted"),
        (-2, -1, "refuted", "shown"),
        (-1, 1, "not shown", "not shown"),
        (0, 1, "not shown", "not shown"),
    ],
)
def test_verdicts_are_of_the_direction_claimed(low, high, gain, loss):
    change = {"low_together": low, "high_together": high}
    assert crop_factors.verdict_of(change, True) == gain
    assert crop_factors.verdict_of(change, False) == loss


def test_a_claim_is_tried_on_its_two_tests():
    found = some_answers()
    row = crop_factors.tried(crop_tests.Claim("usual", "144 crops than 1", "1", "144", True), found, 5)
    before, after = found.of_true("1"), found.of_true("144")
    assert row["nats"]["value"] == close(np.log(after / before).mean(), abs=1e-5)
    assert row["nats"]["verdict"] == "shown" and row["nats"]["low_together"] > 0
    assert row["top1"]["value"] == close((after > 0.5).mean() - (before > 0.5).mean(), abs=1e-5)
    back = crop_factors.tried(crop_tests.Claim("taken", "", "144", "1", False), found, 5)
    assert back["nats"]["verdict"] == "shown" and back["nats"]["value"] == -row["nats"]["value"]


def test_the_best_of_a_budget_is_chosen_without_the_images_it_is_tested_on():
    found = some_answers(images=30)
    best, _ = crop_factors.with_chosen(found, EVERY)
    for budget in (2, 16):
        for n in (0, 13, 29):
            others = np.arange(30) % crop_factors.FOLDS != n % crop_factors.FOLDS
            affordable = [name for name, test in EVERY.items() if test.passes <= budget]
            chosen = max(
                affordable,
                key=lambda name: (
                    found.right(name)[others].sum(),
                    np.log(found.of_true(name)[others]).sum(),
                ),
            )
            assert best.of_true(f"best of {budget}")[n] == found.of_true(chosen)[n]
            assert best.right(f"best of {budget}")[n] == found.right(chosen)[n]


def test_what_is_best_of_chance_is_no_better_on_other_images():
    """Of equal tests the best on the same images seems good, and the one chosen on others is not."""
    random = np.random.default_rng(0)
    nats = random.normal(-1, 1, (len(EVERY), 500))
    found = crop_tests.Answers(tuple(EVERY), np.zeros(nats.shape, int), np.exp(nats))
    best, _ = crop_factors.with_chosen(found, EVERY)
    affordable = [test.passes <= 64 for test in EVERY.values()]
    honest = crop_factors.score(best, "best of 64", "nats").mean()
    assert nats.mean(1)[affordable].max() > -1 + 0.1 and honest < -1 + 0.1


def test_no_other_test_surpasses_one_of_the_front():
    table = crop_factors.table_of(some_answers(), EVERY)
    for measure in crop_factors.MEASURES:
        expected = {
            row["test"]
            for row in table
            if not any(
                other["views"] <= row["views"]
                and other[measure] >= row[measure]
                and (other["views"], other[measure]) != (row["views"], row[measure])
                for other in table
            )
        }
        found = crop_factors.front(table, measure)
        values = {row["test"]: (row["views"], row[measure]) for row in table}
        assert {values[name] for name in found} == {values[name] for name in expected}
        assert [values[name] for name in found] == sorted(values[name] for name in found)


def test_parts_are_kept_and_computed_once(tmp_path):
    asked = []

    def compute(name):
        asked.append(name)
        return torch.full((2, 3), float(len(name)))

    def run(names, stamp="s", compute=compute):
        return [(own, x) for own, x in crop_views.kept_parts(tmp_path, stamp, names, 2, compute)]

    names = ["a", "bb", "ccc"]
    assert run(names, compute=None) == []
    first = run(names)
    assert asked == names and [own for own, _ in first] == [slice(0, 2), slice(2, 3)]
    assert [x[:, 0, 0].tolist() for _, x in first] == [[1, 2], [3]] and first[0][1].dtype == np.float32
    asked.clear()
    again = run(names, compute=None)
    assert not asked and all((a == b).all() for (_, a), (_, b) in zip(first, again, strict=True))
    for other in ({"stamp": "t"}, {"names": ["a", "b", "c"]}):
        with pytest.raises(InceptionError, match="of another run"):
            run(**{"names": names, **other})
    (tmp_path / "000002.npz").write_bytes(b"broken")
    with pytest.raises(InceptionError, match="cannot be read"):
        run(names)


def test_it_goes_on_where_it_was(made, tmp_path, monkeypatch):
    loaded, photos = made
    sizes = []

    def measure(count, ready=False, seed=0):
        return crop_factors.measure(
            loaded,
            photos,
            tmp_path / "work",
            each=lambda outcome: sizes.append(outcome["images"]),
            count=count,
            part=2,
            batch=36,
            seed=seed,
            ready=ready,
        )

    with pytest.raises(InceptionError, match="at least 2 photographs, and there are 0"):
        measure(4, ready=True)
    monkeypatch.setattr(crop_factors, "EVERY", 2)
    first = measure(4)
    assert sizes == [2, 4, 4] and first["of"] == 12
    assert [first["enlarged"][scale] for scale in ("91", "126")] == [1, 1]  # all are 100 x 90
    assert measure(12, ready=True) == first  # though more are asked for
    with pytest.raises(InceptionError, match="of another run"):
        measure(4, seed=1)


@pytest.mark.slow
def test_quick_records(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    assert crop_factors.main(quick=True, record="quick") == 0
    outcome = results.load("quick").outcome
    assert outcome["images"] == outcome["of"] == 12 and len(outcome["combinations"]["rows"]) == 420
    assert outcome["finding"] in capsys.readouterr().out
    agrees_with_itself(outcome)


def test_without_weights_it_says_so():
    with pytest.raises(InceptionError, match="--weights and --photos"):
        crop_factors.main()


def test_the_record_agrees_with_itself():
    outcome = results.load("crop_factors").outcome
    assert [(c["what"], c["before"], c["after"]) for c in outcome["claims"]] == [
        (c.what, c.before, c.after) for c in CLAIMS
    ]
    agrees_with_itself(outcome)


def agrees_with_itself(outcome):
    tests = {row["test"]: row for row in outcome["tests"]}
    assert outcome["comparisons"] == 3 * (len(outcome["claims"]) + 4)
    for claim in outcome["claims"]:
        for measure in crop_factors.MEASURES:
            change = claim[measure]
            if claim["group"] != "budget":
                gap = tests[claim["after"]][measure] - tests[claim["before"]][measure]
                assert change["value"] == close(gap, abs=3e-5)
            assert change["low_together"] <= change["low"] <= change["value"] <= change["high"]
            assert change["high"] <= change["high_together"]
        assert f"{claim['what']} ({claim['top1']['verdict']}, " in outcome["finding"]
        assert f"{claim['what']} ({claim['nats']['verdict']}, " in outcome["finding_nats"]
    combined = outcome["combinations"]
    rows = {row[0]: dict(zip(combined["columns"], row, strict=True)) for row in combined["rows"]}
    for measure in crop_factors.MEASURES:
        total = sum(row[measure]["value"] for row in outcome["shares"])
        assert total == close(tests["144"][measure] - tests["1"][measure], abs=5e-5)
        front = [rows[name] for name in outcome["fronts"][measure]]
        assert front == sorted(front, key=lambda row: (row["views"], row[measure]))
        assert max(row[measure] for row in rows.values()) == front[-1][measure]
