"""`benchmarks/two_objects.py`: class maps, the ways of showing a photograph, and what is made of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import two_objects
from photographs import made_on_the_spot
from PIL import Image

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network

close = pytest.approx
SMALL = replace(BVLC_PREPROCESS, resize=110, crop=96)  # 3 positions, and 6 at twice the size


@pytest.fixture(scope="module")
def network():
    generator = torch.Generator().manual_seed(0)
    architecture = googlenet(width=0.2, classes=7, heads=False, input_size=96)
    found = Network(architecture, generator=generator).eval()
    found.classifier.linear.bias.data.copy_(torch.arange(7.0))
    return found


def picture(seed=0, size=(150, 120)):
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3), np.uint8))


def test_the_mean_of_a_class_map_is_its_logit(network):
    frame = np.array(SMALL.frame(picture()))
    for shape in ((96, 96), (96, 192), (224, 160)):
        seen = two_objects.see(network, SMALL, np.resize(frame, (*shape, 3)), [4, 2])
        with torch.inference_mode():
            x = SMALL.batch(torch.from_numpy(np.resize(frame, (*shape, 3)))[None])
            logits = network(x).logits[0].numpy()
        assert seen.logits == close(logits, abs=1e-4) and seen.scores == close(logits[[4, 2]], abs=1e-4)
        assert seen.standard == close((logits[[4, 2]] - logits.mean()) / logits.std(), abs=1e-4)
        order = np.argsort(-logits)
        assert seen.ranks([4, 2]).tolist() == [order.tolist().index(4), order.tolist().index(2)]


def test_ways_show_what_they_say():
    image = picture()
    frames = two_objects.ways(SMALL, image, 32)
    usual = np.array(SMALL.frame(image))
    assert [n for n in frames if n.startswith("enlarged")] == [
        f"enlarged {n}" for n in (69, 96, 123, 151, 192)
    ]
    np.testing.assert_array_equal(frames["enlarged 96"][0], usual)
    twice = np.array(replace(SMALL, resize=220, crop=192).frame(image))
    np.testing.assert_array_equal(frames["enlarged 192"][0], twice)
    for way in ("tiled 192", "surrounded 192"):
        frame, begin = frames[way]
        assert frame.shape == (192, 192, 3) and begin == 1
        np.testing.assert_array_equal(frame[32:128, 32:128], usual)
    tiles, around = frames["tiled 192"][0], frames["surrounded 192"][0]
    np.testing.assert_array_equal(tiles[32:128, 128:], usual[:, :64])
    np.testing.assert_array_equal(tiles[:32, 32:128], usual[-32:])
    outside = SMALL.batch(torch.from_numpy(around)[None])[0][:, :32]
    assert outside.abs().max() <= 0.5  # the mean, rounded
    assert frames["blurred 96"][0].shape == usual.shape


def test_blurring_takes_detail_and_no_more():
    fine = np.indices((40, 40)).sum(0) % 2 * 255
    frame = np.repeat(fine[..., None], 3, 2).astype(np.uint8)
    assert two_objects.blurred(frame, 0.5).std() < 0.2 * frame.std()
    np.testing.assert_array_equal(two_objects.blurred(frame, 1.0), frame)
    coarse = np.array(Image.fromarray(frame[:4, :4]).resize((40, 40), Image.Resampling.BILINEAR))
    assert two_objects.blurred(coarse, 0.5).std() == close(coarse.std(), rel=0.1)
    large = picture(size=(400, 300))  # has all the detail that twice the size wants
    np.testing.assert_array_equal(two_objects.ways(SMALL, large, 32)["blurred 96"][0], SMALL.frame(large))


def test_inside_is_the_map_at_the_positions_of_the_frame(network):
    found = two_objects.alone(network, SMALL, picture(), 5)
    frame, _ = two_objects.ways(SMALL, picture(), 32)["tiled 192"]
    seen = two_objects.see(network, SMALL, frame, [5])
    assert seen.maps.shape == (1, 6, 6)
    assert found["tiled 192.inside"] == close(seen.maps[0, 1:4, 1:4].mean(), rel=1e-6)
    assert found["tiled 192.score"] == close(seen.maps.mean(), rel=1e-6)
    assert found["enlarged 96.max"] >= found["enlarged 96.score"]


def test_photographs_stand_side_by_side():
    pictures = [picture(1), picture(2)]
    for n in (96, 192):
        frame = two_objects.side_by_side(SMALL, pictures, n)
        own = two_objects.at_size(SMALL, n)
        assert frame.shape == (n, 2 * n, 3)
        for i, one in enumerate(pictures):
            np.testing.assert_array_equal(frame[:, n * i : n * (i + 1)], own.frame(one))


def test_halves_of_known_maps():
    left = np.array([[5.0, 1, 0, 0], [1, 1, 0, 0]])
    right = np.array([[2.0, 9, 3, 0], [0, 0, 1, 2]])  # its largest is on the other half
    logits = np.array([left.mean(), right.mean(), 9.0])
    found = two_objects.together(two_objects.Seen(np.stack([left, right]), logits), [0, 1], "pair")
    assert found["pair.own"].tolist() == [2, 1.5] and found["pair.other"].tolist() == [0, 2.75]
    assert found["pair.score"] == close((found["pair.own"] + found["pair.other"]) / 2)
    assert found["pair.points"].tolist() == [1, 0] and found["pair.max"].tolist() == [5, 9]
    assert found["pair.wins"].tolist() == [0.75, 0.75]
    assert found["pair.rank"].tolist() == [2, 1]
    odd = two_objects.Seen(np.concatenate([left, 100 + left[:, :1]], 1)[None].repeat(2, 0), logits)
    assert two_objects.together(odd, [0, 1], "x")["x.own"].tolist() == [2, 51.5]


def arrays(pairs=200, seed=0):
    """Scores that fall by 4 where only the scale changes, by 1 where only the map grows."""
    generator = np.random.default_rng(seed)
    base = generator.normal(15, 4, (pairs, 2))

    def near(offset, spread=1.0):
        return base + offset + generator.normal(0, spread, base.shape)

    found = {}
    ways = {"enlarged 160": -1, "enlarged 224": 0, "enlarged 448": -5, "tiled 448": -1, "surrounded 448": -9}
    for way, offset in (ways | {"blurred 224": 0}).items():
        found |= {f"{way}.score": near(offset), f"{way}.max": near(offset + 12), f"{way}.rank": base * 0}
        found |= {f"{way}.inside": near(0), f"{way}.spread": base * 0 + 2, f"{way}.standard": base / 2}
    for way, offset in (("pair 224", -7), ("pair 448", -9)):
        own, other = near(offset + 6), near(offset - 6)
        found |= {f"{way}.own": own, f"{way}.other": other, f"{way}.score": (own + other) / 2}
        found |= {f"{way}.max": near(9), f"{way}.rank": (generator.random(base.shape) < 0.3) * 7.0}
        found |= {f"{way}.points": (generator.random(base.shape) < 0.9) * 1.0, f"{way}.wins": base * 0 + 0.8}
    return found


def test_the_outcome_says_what_the_scores_say():
    outcome = two_objects.outcome_of(arrays(), 224, 448)
    claims = {c["claim"]: c for c in outcome["claims"]}
    assert len(claims) == outcome["comparisons"] == 23 and outcome["pairs"] == 200
    assert claims["enlarging lowers the score"]["value"] == close(-5, abs=0.3)
    assert claims["scale is more than half of the fall"]["verdict"] == "shown"
    assert claims["less detail at the usual size (blurred) lowers the score"]["verdict"] == "not shown"
    assert claims["more than half of the maxima are on the own half at 448"]["verdict"] == "shown"
    assert claims["enlarging puts more maxima on the own half"]["verdict"] == "not shown"
    rows = {row["way"]: row for row in outcome["rows"]}
    expected = np.mean(arrays()["pair 224.rank"] < 5)
    assert rows["pair 224"]["top5"]["value"] == close(expected, abs=1e-4)
    assert rows["pair 224"]["both_top5"]["value"] == close(0.49, abs=0.1)
    assert "scale is more than half of the fall: shown, -1." in outcome["finding"]


def test_a_fall_by_the_map_alone_is_not_put_on_scale():
    found = arrays()
    found["tiled 448.score"] = found["enlarged 448.score"] + np.random.default_rng(1).normal(0, 0.5, (200, 2))
    claims = {c["claim"]: c["verdict"] for c in two_objects.outcome_of(found, 224, 448)["claims"]}
    assert claims["scale is more than half of the fall"] == "refuted"
    assert claims["a larger map at the usual scale (tiled) lowers the score"] == "shown"


def test_quick_records_and_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    monkeypatch.setattr(two_objects, "PART", 2)
    (tmp_path / "photos").mkdir()
    loaded, sizes = made_on_the_spot(tmp_path / "photos"), []

    def measure(pairs):
        return two_objects.measure(
            loaded,
            tmp_path / "photos",
            tmp_path / "work",
            pairs=pairs,
            seed=0,
            each=lambda outcome: sizes.append(outcome["pairs"]),
        )

    measure(2)
    made = (tmp_path / "work" / "00000.npz").stat().st_mtime_ns
    outcome = measure(3)
    assert sizes == [2, 2, 3] and (tmp_path / "work" / "00000.npz").stat().st_mtime_ns == made
    rows = {row["way"]: row for row in outcome["rows"]}
    assert rows["enlarged 80"]["top1"]["value"] == 1  # it knows them by heart
    shown = outcome["shown"]["inputs"]
    assert np.shape(shown["80"]["maps"]) == (2, 2, 5) and np.shape(shown["160"]["maps"])[0] == 2
    for one in shown.values():
        assert np.mean(one["maps"], (1, 2)) == close(np.array(one["scores"]), abs=0.01)
    with pytest.raises(InceptionError, match="--weights and --photos"):
        two_objects.main()
    assert two_objects.main(quick=True, record="quick", pairs=1) == 0
    assert results.load("quick").outcome["finding"] in capsys.readouterr().out


def test_the_record_agrees_with_itself_and_with_the_class_map_of_the_book():
    outcome = results.load("two_objects").outcome
    rows = {row["way"]: row for row in outcome["rows"]}
    claims = {c["claim"]: c for c in outcome["claims"]}
    assert outcome["comparisons"] == len(claims) == 23
    said = two_objects.finding(outcome["pairs"], 224, 448, rows, outcome["claims"])
    assert said == outcome["finding"]
    for n in (224, 448):
        row = rows[f"pair {n}"]
        assert row["score"]["value"] == close((row["own"]["value"] + row["other"]["value"]) / 2, abs=2e-4)
    fall = rows["enlarged 448"]["score"]["value"] - rows["enlarged 224"]["score"]["value"]
    assert claims["enlarging lowers the score"]["value"] == close(fall, abs=2e-4)
    for claim in claims.values():
        assert claim["low_together"] < claim["low"] < claim["value"] < claim["high"] < claim["high_together"]
        expected = (
            "shown" if claim["high_together"] < 0 else "refuted" if claim["low_together"] > 0 else "not shown"
        )
        assert claim["verdict"] == expected
    chelsea = results.load("class_map_chelsea").outcome
    assert outcome["shown"]["classes"][0] == chelsea["class"]
    for n, one in outcome["shown"]["inputs"].items():
        assert one["alone"][0]["score"] == close(np.mean(chelsea["maps"][n]), abs=2e-3)
        assert one["alone"][0]["max"] == close(np.max(chelsea["maps"][n]), abs=2e-3)
        assert np.mean(one["maps"], (1, 2)) == close(np.array(one["scores"]), abs=0.01)
