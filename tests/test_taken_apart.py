"""`benchmarks/taken_apart.py`: that each variant does what it says, and what is made of the answers."""

from __future__ import annotations

import copy
import tarfile
from dataclasses import replace

import numpy as np
import photographs
import pytest
import taken_apart
import torch
import variants
from PIL import Image
from scipy import stats
from torch.nn import functional as F

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.data.imagenet import imagenet_outputs
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.errors import DataError, InceptionError
from inception_lib.nn.network import Network, activations

SIZE = 96
BRANCHES = [f"inception_{m}/{b}" for m in ("3a", "4e", "5b") for b in ("1x1", "3x3", "5x5", "pool")]
LAST = {"1x1": "1x1", "3x3": "3x3", "5x5": "5x5", "pool": "pool_proj"}
close = pytest.approx


@pytest.fixture(scope="module")
def network():
    generator = torch.Generator().manual_seed(0)
    return Network(googlenet(width=0.1, classes=7, heads=False, input_size=SIZE), generator=generator).eval()


@pytest.fixture(scope="module")
def x():
    return 50 * torch.randn(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def all_variants(network, x):
    return {v.name: v for v in variants.variants_of(network, BVLC_PREPROCESS, x)}


@pytest.fixture(scope="module")
def logits(network, all_variants, x):
    return variants.answers(variants.trunk(network.fused()), list(all_variants.values()), x)


def says(network, x):
    with torch.inference_mode():
        return network(x).logits


def same(found, expected, whole):
    """Equal up to rounding, while the whole network says something else."""
    scale = (whole - expected).abs().max()
    assert scale > 0 and (found - expected).abs().max() <= 1e-3 * scale


def test_there_are_36_branches_and_23_other_changes(all_variants, logits):
    assert sum("/" in name for name in all_variants) == 36 and len(all_variants) == 59
    assert list(logits) == ["whole", *all_variants]


def test_the_whole_network_says_what_it_says(network, logits, x):
    torch.testing.assert_close(logits["whole"], says(network, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", BRANCHES)
def test_a_zeroed_branch_is_one_without_weights(name, network, all_variants, logits, x):
    module, branch = name.split("/")
    changed = copy.deepcopy(network)
    for parameter in changed.get_submodule(f"{module}.{LAST[branch]}").parameters():
        parameter.data.zero_()  # after the ReLU this gives 0, too
    same(logits[name], says(changed, x), logits["whole"])
    assert list(all_variants[name].replaced) == [module]  # nothing before it is another


def test_a_branch_of_every_module_is_zeroed(network, logits, x):
    changed = copy.deepcopy(network)
    for layer in network.architecture.layers:
        if layer.name.startswith("inception"):
            for parameter in changed.get_submodule(f"{layer.name}.5x5").parameters():
                parameter.data.zero_()
    same(logits["all 5x5"], says(changed, x), logits["whole"])


@pytest.mark.parametrize("name", BRANCHES)
def test_only_its_own_channels_are_zero(name, network, all_variants, x):
    module, branch = name.split("/")
    with torch.inference_mode():
        kept = activations(network, x, [module, f"{module}/{LAST[branch]}"])
        found = all_variants[name].replaced[module](kept[module].input)
    whole, channels = kept[module].output, kept[f"{module}/{LAST[branch]}"].output.shape[1]
    zero = (found == 0).all((0, 2, 3)) & (whole != 0).any(0).any(-1).any(-1)
    assert all_variants[name].channels == channels and 0 < zero.sum() <= channels
    torch.testing.assert_close(found[:, ~zero], whole[:, ~zero], rtol=1e-4, atol=1e-5)


def test_without_lrn(network, logits, x):
    changed = copy.deepcopy(network)
    changed.norm1 = torch.nn.Identity()
    same(logits["no norm1"], says(changed, x), logits["whole"])
    changed.norm2 = torch.nn.Identity()
    same(logits["no LRN"], says(changed, x), logits["whole"])


def test_factors_are_those_of_least_squares(network, all_variants, x):
    with torch.inference_mode():
        kept = activations(network, x, ["norm1"])["norm1"]
    before, after = kept.input.numpy(), kept.output.numpy()
    one = all_variants["LRN as 1 factor"].replaced["norm1"].factor
    expected, *_ = np.linalg.lstsq(before.reshape(-1, 1), after.ravel(), rcond=None)
    assert one.item() == close(expected[0], rel=1e-4)
    each = all_variants["LRN as factors"].replaced["norm1"].factor.flatten()
    for channel, factor in enumerate(each.tolist()):
        if before[:, channel].any():
            expected, *_ = np.linalg.lstsq(
                before[:, channel].reshape(-1, 1), after[:, channel].ravel(), rcond=None
            )
            assert factor == close(expected[0], rel=1e-4)


def test_rounding_down_gives_these_sizes(all_variants):
    """Of 224 pixels: 112, and then each pool gives (n - 3) // 2 + 1."""
    network = Network(googlenet(width=0.02, classes=2, heads=False)).eval()
    x = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    found = {v.name: v for v in variants.variants_of(network, BVLC_PREPROCESS, x)}
    layers, sizes = variants.trunk(network) | found["floor"].replaced, {}
    with torch.inference_mode():
        for name, layer in layers.items():
            x = layer(x)
            sizes[name] = tuple(x.shape[2:])
    expected = {"pool1": 55, "pool2": 27, "pool3": 13, "pool4": 6}
    assert {name: sizes[name] for name in expected} == {name: (n, n) for name, n in expected.items()}
    assert list(found["floor"].replaced) == list(expected)


def test_reversed_colors_and_no_mean_are_other_inputs(network, logits, x):
    same(logits["colors reversed"], says(network, x.flip(1)), logits["whole"])
    with_mean = x + torch.tensor([104.0, 117.0, 123.0]).view(3, 1, 1)
    same(logits["no mean"], says(network, with_mean), logits["whole"])


def test_the_mean_is_put_back_in_units_of_the_deviation():
    preprocess = replace(BVLC_PREPROCESS, white=1.0, mean=(0.5, 0.4, 0.3), std=(0.5, 0.25, 0.2))
    image = torch.randint(0, 256, (1, 4, 4, 3), dtype=torch.uint8)
    left_out = replace(preprocess, mean=(0.0, 0.0, 0.0)).batch(image)
    torch.testing.assert_close(variants.AddMean(preprocess)(preprocess.batch(image)), left_out)


def test_the_inner_3x3_is_a_convolution_of_3x3(network, logits, x):
    changed = copy.deepcopy(network)
    names = [layer.name for layer in network.architecture.layers if layer.name.startswith("inception")]
    for name in names:
        conv = changed.get_submodule(f"{name}.5x5").conv
        weight = conv.weight.data[:, :, 1:4, 1:4].clone()
        conv.weight, conv.kernel_size, conv.padding = torch.nn.Parameter(weight), (3, 3), (1, 1)
        if name == names[0]:
            same(logits[f"inner 3x3 in {name}"], says(changed, x), logits["whole"])
    same(logits["inner 3x3"], says(changed, x), logits["whole"])


def test_inner_and_ring_add_up_to_the_kernel(network, all_variants):
    y, parts = torch.randn(1, 2, 9, 9), []
    for name in ("inner 3x3", "outer ring"):
        last_of_5x5 = all_variants[name].replaced["inception_3a"].chains[2][-1]
        parts.append(F.conv2d(y, last_of_5x5.conv.weight, padding=2))
    whole = network.inception_3a.get_submodule("5x5").conv.weight
    torch.testing.assert_close(parts[0] + parts[1], F.conv2d(y, whole, padding=2), rtol=1e-4, atol=1e-5)
    assert parts[0].any() and parts[1].any()


def test_shares_of_squared_weights(network):
    changed = copy.deepcopy(network)
    changed.get_submodule("inception_4b.5x5").conv.weight.data.fill_(0.3)
    found = variants.inner_shares(changed)
    assert len(found) == 9 and found["inception_4b/5x5"] == close(9 / 25, abs=1e-5)


def some_answers(images=1000, seed=0):
    """A whole network right on 70 %, and variants that lose a tenth of that, nothing, and all."""
    generator = np.random.default_rng(seed)
    whole = generator.random(images) < 0.7
    worse = whole & (generator.random(images) < 0.9)
    right = np.stack([whole, worse, whole, np.zeros(images, bool)])
    return taken_apart.Answers(("whole", "worse", "equal", "none"), np.where(right, 0, 9), right * 0.5)


def test_the_paired_interval_is_that_of_the_bootstrap():
    found = some_answers()
    change = taken_apart.compared(found, "whole", "worse", together=1)
    moved = found.right("worse").astype(float) - found.right("whole")
    boot = stats.bootstrap(
        (moved,), np.mean, n_resamples=4000, method="percentile", rng=0
    ).confidence_interval
    assert change["value"] == close(moved.mean(), abs=1e-5)
    assert (change["low"], change["high"]) == close((boot.low, boot.high), abs=0.004)
    assert (change["low_together"], change["high_together"]) == (change["low"], change["high"])


def test_more_comparisons_take_wider_intervals():
    one, many = (taken_apart.compared(some_answers(), "whole", "worse", together=n) for n in (1, 50))
    z = stats.norm.ppf(1 - 0.025 / 50) / stats.norm.ppf(0.975)
    assert (one["low"], one["high"]) == (many["low"], many["high"])
    ratio = (many["high_together"] - many["low_together"]) / (many["high"] - many["low"])
    assert ratio == close(z, rel=0.03)


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-2, -1, "shown"), (-1, 1, "not shown"), (1, 2, "refuted"), (-1, 0, "not shown")],
)
def test_verdicts(low, high, said):
    assert taken_apart.verdict(low, high) == said


def test_the_outcome_says_what_the_answers_say():
    made = [variants.Variant(name, f"making it {name}", {}) for name in ("worse", "equal", "none")]
    outcome = taken_apart.outcome_of(some_answers(), made)
    whole, worse, equal, none = outcome["rows"]
    assert whole["top1"] == close(0.7, abs=0.05) and none["top5"] == 0 and outcome["comparisons"] == 3
    assert worse["top1_change"]["better"] == 0 and none["median_change_of_true"] == -0.5
    assert "Making it worse costs accuracy: shown" in outcome["finding"]
    assert "Making it equal costs accuracy: not shown, +0.0 points" in outcome["finding"]
    assert equal["top1_change"]["verdict"] == "not shown"


def test_rivals_are_the_3x3_of_the_same_module(all_variants):
    pairs = taken_apart.rivals(list(all_variants.values()))
    assert len(pairs) == 29 and pairs[:2] == [("inner 3x3", "outer ring"), ("all 5x5", "inner 3x3")]
    for than, most in pairs[2:]:
        assert than.split("/")[0] == most.split("/")[0] and most.endswith("/3x3") and than != most


def test_a_tar_and_its_folder_hold_the_same(tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    for n, name in enumerate(("n01443537.png", "n01440764_12.png")):
        Image.new("RGB", (9, 8), (n, 0, 0)).save(folder / name)
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(folder, arcname="photos")
    for source in (folder, tmp_path / "photos.tar"):
        found = photographs.photographs(source)
        assert [photographs.label(name) for name in found] == [0, 1]
        assert [read().getpixel((0, 0))[0] for read in found.values()] == [1, 0]
    assert photographs.label("val/n01440764/ILSVRC2012_val_1.JPEG") == imagenet_outputs()["n01440764"]


def test_what_is_no_such_data_is_refused(tmp_path):
    (tmp_path / "text").write_text("no archive")
    (tmp_path / "empty").mkdir()
    for name, why in (("text", "neither a folder nor a tar"), ("none", "neither"), ("empty", "no image")):
        with pytest.raises(DataError, match=why):
            photographs.photographs(tmp_path / name)
    with pytest.raises(DataError, match=r"cat\.png: neither"):
        photographs.label("cat.png")
    with pytest.raises(InceptionError, match="--weights and --photos"):
        taken_apart.main()


def test_quick_records_and_tells_variants_apart(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    assert taken_apart.main(quick=True, batch=5, record="quick") == 0
    outcome = results.load("quick").outcome
    rows = {row["variant"]: row for row in outcome["rows"]}
    assert outcome["images"] == outcome["of"] == 12 and len(rows) == 60
    assert rows["whole"]["top1"] == 1 and rows["no LRN"]["top1"] < 0.5
    assert outcome["finding"] in capsys.readouterr().out


def test_it_goes_on_where_it_was(tmp_path):
    photos, work = tmp_path / "photos", tmp_path / "work"
    photos.mkdir()
    loaded = photographs.made_on_the_spot(photos)

    def measure(count, seed=0):
        sizes = []
        outcome = taken_apart.measure(
            loaded, photos, work, count=count, batch=4, seed=seed, each=lambda o: sizes.append(o["images"])
        )
        return outcome, sizes

    first, sizes = measure(4)
    assert sizes == [4] and first["images"] == 4
    made = (work / "000000.npz").stat().st_mtime_ns
    whole, sizes = measure(12)
    assert sizes == [4, 8, 12] and (work / "000000.npz").stat().st_mtime_ns == made
    assert measure(12)[0] == whole
    names = np.load(work / "000000.npz")["names"].tolist()
    stamp = str(np.load(work / "000000.npz")["stamp"])
    asked = []

    def compute(missing):
        asked.extend(missing)
        return {"new": torch.zeros(4, 1000), "whole": torch.zeros(4, 1000)}

    wanted = ["floor", "new"]  # what a file lacks is computed, and nothing else
    found = taken_apart.kept_batch(work / "000000.npz", stamp, names, np.arange(4), wanted, compute)
    assert asked == ["new"] and found.right("new", 5).all() and found.variants == ("floor", "new")
    assert measure(12)[0] == whole
    with pytest.raises(InceptionError, match="of another run"):
        measure(12, seed=1)
    (work / "000004.npz").write_bytes(b"broken")
    with pytest.raises(InceptionError, match="cannot be read"):
        measure(12)


def test_the_record_agrees_with_itself(all_variants):
    outcome = results.load("taken_apart").outcome
    rows = {row["variant"]: row for row in outcome["rows"]}
    assert list(rows) == ["whole", *all_variants] and outcome["images"] == outcome["of"] == 1000
    assert outcome["comparisons"] == len(rows) - 1 + len(outcome["pairs"])
    for name in all_variants:
        for top in ("top1", "top5"):
            change = rows[name][f"{top}_change"]
            assert change["value"] == close(rows[name][top] - rows["whole"][top], abs=2e-5)
            assert change["value"] == close((change["better"] - change["worse"]) / 1000, abs=1e-5)
            assert change["low_together"] < change["low"] < change["value"] < change["high"]
    for pair in outcome["pairs"]:
        gap = rows[pair["claimed_to_cost_more"]]["top1"] - rows[pair["than"]]["top1"]
        assert pair["value"] == close(gap, abs=2e-5)
