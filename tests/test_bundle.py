"""The bundled networks: small, seven, trained from the same start, and as good as recorded."""

from dataclasses import replace

import bundle
import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from inception_lib.book import bundled, results
from inception_lib.data.shapes import shapes
from inception_lib.training.forms import settled
from inception_lib.training.recipes import network_options, recipe
from inception_lib.training.step import build


@pytest.fixture(scope="module")
def networks():
    return list(bundled.bundled())


@pytest.fixture(scope="module")
def answers(networks):
    """Probabilities (network, picture, class) for 400 validation pictures, and their labels."""
    pictures, labels = shapes("val", 400)
    x = torch.stack([networks[0].info.preprocess(Image.fromarray(p)) for p in pictures])
    with torch.inference_mode():
        return torch.stack([n.network(x).logits.softmax(1) for n in networks]).numpy(), labels


def test_seven_small_files(networks):
    files = sorted(bundled.FOLDER.glob("*.safetensors"))
    assert len(files) == len(networks) == 7 and all(f.stat().st_size <= 2**20 for f in files)
    for n, (network, info) in enumerate(networks, 1):
        assert info.name == f"shapes-{n}" and len(info.classes) == 10 and not network.architecture.heads


@pytest.mark.slow
def test_they_are_as_good_as_recorded_and_better_together(answers):
    probabilities, labels = answers
    single = (probabilities.argmax(2) == labels).mean(1)
    recorded = [history[-1]["top1"] for history in results.load("bundle").outcome["histories"]]
    np.testing.assert_allclose(single, recorded, atol=0.03)  # 400 of the 1,000 pictures, and float16
    assert single.min() > 0.85
    assert (probabilities.mean(0).argmax(1) == labels).mean() > single.mean()


def test_they_differ_though_they_began_alike(networks):
    outcome = results.load("bundle").outcome
    assert outcome["seeds"] == list(range(1, 8))
    architecture = bundle.NETWORK.architecture(10, bundle.RECIPE.input_size)
    starts = [build(architecture, replace(bundle.RECIPE, init_seed=0, seed=s)) for s in (1, 7)]
    assert all(torch.equal(a, b) for a, b in zip(starts[0].parameters(), starts[1].parameters(), strict=True))
    weights = [n.network.classifier.linear.weight for n in networks]
    assert len({tuple(w[0, :3].tolist()) for w in weights}) == 7


def test_the_recorded_recipes_are_those_of_today():
    """What was recorded before the network and the recipe were apart holds the fields of both."""
    bundles = (bundle.NETWORK, replace(bundle.RECIPE, seed=1, init_seed=0))
    for name, (network, today) in {
        "bundle": bundles,
        "tiny": (network_options("tiny"), recipe("tiny")),
    }.items():
        recorded = results.load(name).outcome["recipe"]
        today = settled(today, nn.Identity(), torch.device("cpu"), 1)  # what it leaves open was a value then
        fields = today.to_dict() | {k: v for k, v in network.to_dict().items() if v is not None}
        assert {k: fields[k] for k in recorded if k in fields} == {
            k: v for k, v in recorded.items() if k in fields
        }
        assert set(recorded) - set(fields) <= {"variant", "aux_weight"}


def test_no_head_was_stuck_in_any_of_them():
    for history in results.load("bundle").outcome["histories"]:
        assert max(history[-1][name] for name in ("loss", "aux1", "aux2")) < 1
        assert history[-1]["alarms"] == []
