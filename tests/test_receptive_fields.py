"""`benchmarks/receptive_fields.py`: fields by arithmetic and by gradients, and what is made of them."""

from __future__ import annotations

import fields
import measured
import numpy as np
import pytest
import receptive_fields
import torch
from scipy import stats
from torch import nn

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network, activations

close = pytest.approx
PATHS = {"1x1": "1x1", "3x3": "3x3", "5x5": "5x5", "pool": "pool_proj"}


def network_of(width=0.1, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return Network(googlenet(width=width, classes=3, heads=False), generator=generator).eval()


@pytest.fixture(scope="module")
def positive():
    """All weights positive, and means in place of maxima and of LRN: each pixel of a field has a gradient."""
    network = network_of(0.02)
    for module in network.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.MaxPool2d):
                pool = nn.AvgPool2d(child.kernel_size, child.stride, child.padding, child.ceil_mode)
                nn.Module.__setattr__(module, name, pool)
    for parameter in network.parameters():
        parameter.data.abs_().add_(0.01)
    return network


@pytest.mark.parametrize("pixels", [224, 160])
def test_the_theoretical_field_is_where_gradients_are(positive, pixels):
    x = torch.ones(1, 3, pixels, pixels, requires_grad=True)
    seen = activations(positive, x, [f"{m}/{p}" for m in receptive_fields.MODULES for p in PATHS.values()])
    for module in receptive_fields.MODULES:
        for branch, path in PATHS.items():
            maps = seen[f"{module}/{path}"].before_relu[0]
            for position in (0, maps.shape[-1] // 2, maps.shape[-1] - 1):
                unit = maps[0, position, position].double()
                (gradient,) = torch.autograd.grad(unit, x, retain_graph=True)
                at = gradient[0].abs().sum(0).nonzero()
                low, high = fields.theoretical(positive.architecture, module, branch, position)
                assert (max(low, 0), min(high, pixels - 1)) == (at.min(), at.max()), (module, branch)


def test_known_sizes():
    """By hand: 1 + 6 + 2*2 + 2*4 + 2*4 = 27 pixels before 3a, and each 5x5 adds 4 strides."""
    architecture = googlenet()
    sizes = [
        high - low + 1
        for low, high in (fields.theoretical(architecture, "inception_3a", b, 5) for b in PATHS)
    ]
    assert sizes == [27, 27 + 16, 27 + 32, 27 + 16]
    low, high = fields.theoretical(architecture, "inception_5b", "5x5", 3)
    assert high - low + 1 == 27 + 2 * 32 + 16 + 5 * 64 + 32 + 2 * 128


def gaussian(deviation, side):
    at = torch.arange(side) - (side - 1) / 2
    return torch.exp(-(at[:, None] ** 2 + at[None] ** 2) / (2 * deviation**2))


def test_the_size_of_a_gaussian():
    """Above 4.55 % within a circle of radius s sqrt(2 ln 22); its square is a Gaussian with s / sqrt(2)."""
    deviation = 12.0
    maps = gaussian(deviation, 128).numpy()[None]
    expected = (2 * np.pi * np.log(1 / 0.0455)) ** 0.5 * deviation
    assert fields.size_of(maps, 1)[0] == close(expected, rel=0.01)
    coarse = maps.reshape(1, 32, 4, 32, 4).mean((2, 4))
    assert fields.size_of(coarse, 4)[0] == close(expected, rel=0.04)
    ringed = fields.rings(gaussian(deviation, 128).square()).numpy()[None]
    half = stats.norm.ppf((1 + 0.9**0.5) / 2) * deviation / 2**0.5
    assert fields.side_of(ringed, 0.9)[0] == close(2 * half, rel=0.01)
    inside = (2 * stats.norm.cdf(8 / (deviation / 2**0.5)) - 1) ** 2
    assert fields.share_within(ringed, 16)[0] == close(inside, rel=0.01)


def test_rings_are_differences_of_squares():
    values = torch.rand(10, 10)
    found = fields.rings(values).cumsum(0).tolist()
    for n in range(1, 6):
        assert found[n - 1] == close(values[5 - n : 5 + n, 5 - n : 5 + n].sum().item(), rel=1e-5)


def test_the_window_is_around_its_center_and_zero_beyond():
    values = torch.arange(1.0, 31).view(5, 6)
    found = fields.window(values, 1, 6)
    assert found.shape == (6, 6) and found[3, 3] == values[1, 1]
    assert (found[:2] == 0).all() and found[2:, 2:].equal(values[:4, :4])
    assert fields.window(values, 2, 2).equal(values[1:3, 1:3])


def test_the_smallest_area():
    assert fields.area_of(torch.ones(10, 10), 0.9) == close(0.9, abs=0.011)
    assert fields.area_of(torch.eye(10), 0.9) == close(0.09, abs=0.011)
    assert fields.area_of(torch.tensor([8.0, 1, 1, 0]), 0.8) == 0.25


def test_a_profile_falls_as_its_map():
    cells = gaussian(6.0, 40).numpy()
    found = np.array(fields.profile_of(cells))
    radius = np.arange(20) + 0.5
    assert len(found) == 20 and found[0] == 1
    assert found == close(np.exp(-(radius**2) / 72) / np.exp(-0.25 / 72), abs=0.03)


def test_mirrored_goes_on_as_in_a_mirror():
    frame = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    found = fields.mirrored(frame, 20)
    assert found.shape == (20, 20, 3)
    np.testing.assert_array_equal(found[6:14, 6:14], frame)
    np.testing.assert_array_equal(found[5, 6:14], frame[0])
    np.testing.assert_array_equal(found[14, 6:14], frame[-1])
    assert fields.mirrored(frame, 8) is not None and (fields.mirrored(frame, 8) == frame).all()


def test_fields_of_an_image_are_those_of_single_units():
    network, x = network_of(0.3), 50 * torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    found = fields.fields_of(network, x, ["inception_3a"], 1, np.random.default_rng(3))
    assert {name.partition(".")[0] for name in found} == {f"inception_3a/{b}" for b in PATHS}
    channels = network.inception_3a.get_submodule("1x1").conv.out_channels
    channel = np.random.default_rng(3).permutation(channels)[0]  # the first branch draws first
    grid = fields.grids(network, 96, ["inception_3a"])["inception_3a"]
    position = (grid - 1) // 2
    x.requires_grad_()
    maps = activations(network, x, ["inception_3a/1x1"])["inception_3a/1x1"].before_relu
    (gradient,) = torch.autograd.grad(maps[0, channel, position, position], x)
    low, high = fields.theoretical(network.architecture, "inception_3a", "1x1", position)
    middle = (low + high) // 2
    energy = gradient[0].square().sum(0).numpy()
    ringed = found["inception_3a/1x1.rings"][0]
    for n in (2, 5, 9):
        own = energy[middle - n : middle + n, middle - n : middle + n].sum() / energy.sum()
        assert ringed[:n].sum() == close(own, rel=1e-4)
    assert ringed.sum() == close(1, abs=1e-5)
    absolute = found["inception_3a/1x1.absolute"][0]
    assert absolute.sum() == close(1, abs=1e-5) and absolute.shape == (30, 30)  # 59 pixels, in cells of 2
    assert not absolute[:7].any() and absolute[14:16, 14:16].all()  # 27 of 59 pixels


def test_units_that_depend_on_nothing_are_refused():
    network = network_of()
    network.conv1.conv.weight.data.zero_()
    with pytest.raises(InceptionError, match="no channel depends"):
        fields.fields_of(network, torch.zeros(1, 3, 64, 64), ["inception_3a"], 1, np.random.default_rng(0))


def arms(scale=1.0, images=40):
    """Gaussian fields of known widths for a network with one module, and the places they are kept in."""
    generator = np.random.default_rng(0)
    wide = {"1x1": 1.0, "3x3": 1.5, "5x5": 2.0, "pool": 1.5}
    network = network_of(0.02)
    sizes = {128: receptive_fields.MODULES, 224: receptive_fields.CUT}
    places = {
        (n, m): fields.Place(network, m, n, grid)
        for n, ms in sizes.items()
        for m, grid in fields.grids(network, n, ms).items()
    }
    found = {}
    for kind, times in (("trained", scale), ("random", 1.0)):
        for n, modules in sizes.items():
            own = found[kind, n] = {}
            for module in modules:
                place = places[n, module]
                for branch, width in wide.items():
                    noisy = width * times * place.cell * generator.normal(1, 0.05, images)
                    maps = torch.stack([gaussian(w, place.side) for w in noisy])
                    name = f"{module}/{branch}"
                    cells = torch.nn.functional.avg_pool2d(maps, place.cell)
                    own[f"{name}.absolute"] = (cells / cells.sum((1, 2), keepdim=True)).numpy()
                    ringed = torch.stack([fields.rings(m.square()) for m in maps])
                    own[f"{name}.rings"] = (ringed / ringed.sum(1, keepdim=True)).numpy()
                    own[f"{name}.area90"] = generator.uniform(0.2, 0.3, images)
    return found, places


@pytest.mark.slow
def test_the_outcome_says_what_the_fields_say():
    outcome = receptive_fields.outcome_of(*arms(scale=1.5))
    claims = {(c["claim"], c["branch"], c["input"]): c["verdict"] for c in outcome["claims"]}
    assert outcome["comparisons"] == len(claims) == 2 * 24 + 12 + 6 + 24 + 4
    for module in receptive_fields.CUT:
        assert claims["1x1 below 3x3", f"{module}/1x1", 224] == "shown"
        assert claims["3x3 below 5x5", f"{module}/3x3", 224] == "shown"
        assert claims["pool below 3x3", f"{module}/pool", 224] == "not shown"
        assert claims["larger after training", f"{module}/5x5", 224] == "shown"
    row = next(r for r in outcome["rows"] if (r["branch"], r["network"]) == ("inception_4a/3x3", "random"))
    assert row["size"]["value"] == close(
        (2 * np.pi * np.log(1 / 0.0455)) ** 0.5 * 6, rel=0.12
    )  # in cells of 4
    assert "3x3 smaller than 5x5: at 128 shown for all 4" in outcome["finding"]
    assert "8 of the fields are cut" in outcome["finding"]
    shrunk = receptive_fields.outcome_of(*arms(scale=0.7))
    assert "Training makes it larger: at 128 refuted for all 16" in shrunk["finding"]


def test_intervals_are_those_of_the_mean():
    values = np.random.default_rng(1).normal(3, 2, 400)
    found = measured.interval(measured.resampled(400) @ values, together=10)
    reach = stats.norm.ppf(0.975) * values.std() / 20
    assert found["value"] == close(values.mean(), abs=1e-4)
    assert found["high"] - found["value"] == close(reach, rel=0.06)
    ratio = stats.norm.ppf(1 - 0.0025) / stats.norm.ppf(0.975)
    assert (found["high_together"] - found["value"]) / (found["high"] - found["value"]) == close(
        ratio, rel=0.01
    )


def test_parts_are_kept(tmp_path):
    calls = []

    def compute():
        calls.append(1)
        return {"a": np.arange(3)}

    path = tmp_path / "work" / "part.npz"
    for _ in range(2):
        assert measured.kept(path, "stamp", compute)["a"].tolist() == [0, 1, 2]
    assert len(calls) == 1
    with pytest.raises(InceptionError, match="of another run"):
        measured.kept(path, "other", compute)
    path.write_bytes(b"broken")
    with pytest.raises(InceptionError, match="cannot be read"):
        measured.kept(path, "stamp", compute)


@pytest.mark.slow
def test_quick_records(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    assert receptive_fields.main(quick=True, record="quick") == 0
    outcome = results.load("quick").outcome
    assert outcome["images"] == {"trained 80": 12, "random 80": 12, "trained 160": 6, "random 160": 6}
    assert len(outcome["rows"]) == 2 * (16 + 8) and outcome["finding"] in capsys.readouterr().out
    with pytest.raises(InceptionError, match="--weights and --photos"):
        receptive_fields.main()


def test_the_record_agrees_with_itself():
    outcome = results.load("receptive_fields").outcome
    rows = {(r["network"], r["input"], r["branch"]): r for r in outcome["rows"]}
    assert len(rows) == 48 and outcome["comparisons"] == len(outcome["claims"]) == 2 * 24 + 12 + 6 + 24 + 4
    assert outcome["finding"] == receptive_fields.finding(
        outcome["images"], outcome["rows"], outcome["claims"]
    )
    for (_, pixels, branch), row in rows.items():
        assert row["size"]["value"] <= row["theoretical_in_image"]
        assert row["side50"]["value"] < row["side90"]["value"]
        assert row["theoretical_in_image"] == min(row["theoretical"], pixels) and row["profile"][0] == 1
        assert 0 < row["center"]["value"] <= 1 and 0 < row["area90"]["value"] < 1, branch
    for claim in outcome["claims"]:
        low, high = claim["low_together"], claim["high_together"]
        assert claim["verdict"] == ("shown" if high < 0 else "refuted" if low > 0 else "not shown")
    for claim in (c for c in outcome["claims"] if c["claim"] == "larger after training"):
        before, after = (rows[kind, claim["input"], claim["branch"]] for kind in ("random", "trained"))
        gap = before["side90"]["value"] - after["side90"]["value"]
        assert claim["value"] == close(gap, abs=0.11)
