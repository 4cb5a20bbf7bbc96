"""The header of our files: readable by others, checked, and open to later versions."""

import copy
import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file
from weights_helpers import SMALL, TINY, one_sentence, tiny

from inception_lib import WeightsError
from inception_lib.architecture import LRN, Architecture, Conv, GlobalPool, Linear, Tanh
from inception_lib.data.images import BVLC_PREPROCESS, Preprocess
from inception_lib.weights import header
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights


def test_the_header_can_be_read_by_others(tmp_path):
    path = save_weights(tiny(), tmp_path / "x.safetensors", classes=list("abcdefg"))
    with safe_open(path, framework="np") as file:
        header = file.metadata()
    assert json.loads(header["classes"]) == list("abcdefg")
    assert json.loads(header["architecture"])["name"] == "googlenet-paper"
    assert json.loads(header["preprocess"])["channels"] == "BGR"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("architecture", "not json"),
        ("architecture", "{}"),
        ("architecture", '{"is": "Popen", "args": ["ls"]}'),
        ("architecture", '{"is": "Pool", "name": "x", "op": "max", "kernel": 2}'),
        ("architecture", '{"is": "Architecture", "name": "n", "input": [3, 8, 8], "layers": ["conv"]}'),
        ("architecture", '{"is": "Architecture", "name": "n", "input": "abc", "layers": []}'),
        ("preprocess", '{"is": "Preprocess", "channels": "XYZ"}'),
        ("preprocess", '{"is": "Preprocess", "mean": [1, 2, "x"]}'),
        ("preprocess", '{"is": "Preprocess", "up": 1}'),
        ("preprocess", "[]"),
        ("trained_on", '"abc"'),
        ("trained_on", '[["abc", "x"]]'),
        ("classes", "5"),
        ("classes", '["one"]'),
        ("inception_lib", "99"),
    ],
)
def test_a_damaged_header_gets_one_sentence(tmp_path, key, value):
    network = tiny()
    good = header.metadata(Weights(name="x", architecture=TINY, preprocess=BVLC_PREPROCESS))
    path = tmp_path / "x.safetensors"
    save_file(network.state_dict(), path, metadata=good | {key: value})
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ")


def test_a_header_that_asks_for_too_much_is_refused_before_memory_is_taken(tmp_path):
    huge = Architecture(
        name="huge",
        input=(3, 9, 9),
        layers=(Linear(name="a", out_features=10**7), Linear(name="out", out_features=10**7)),
    )
    told = header.metadata(Weights(name="x", architecture=huge, preprocess=BVLC_PREPROCESS))
    save_file({"a.linear.weight": torch.zeros(1)}, tmp_path / "x.safetensors", metadata=told)
    with pytest.raises(WeightsError, match=r"a\.linear\.weight is 1 in the file and 10000000x243 in huge"):
        load_weights(tmp_path / "x.safetensors")


#: A header as format 1 has it, with every kind of structure. It must be read for ever: change nothing here.
FORMAT_1 = {
    "inception_lib": "1",
    "name": "old",
    "source": "a test",
    "licence": "MIT",
    "url": "",
    "sha": "",
    "classes": '["a", "b"]',
    "architecture": """{"is": "Architecture", "name": "all", "input": [3, 32, 32], "layers": [
        {"is": "Conv", "name": "c", "out_channels": 4, "kernel": [3, 1], "stride": 1, "padding": [1, 0],
         "groups": 1, "bias": true, "batch_norm": true, "relu": true, "in_channels": null, "norm_eps": 0.001},
        {"is": "Conv", "name": "d", "out_channels": 4, "kernel": 1, "groups": "depthwise"},
        {"is": "Pool", "name": "p", "op": "max", "kernel": 3, "stride": 2, "padding": 0, "ceil": true},
        {"is": "LRN", "name": "n", "size": 5, "alpha": 0.0001, "beta": 0.75, "k": 1.0},
        {"is": "Scale", "name": "s"},
        {"is": "Tanh", "name": "t", "amplitude": 1.7, "slope": 1},
        {"is": "Select", "name": "x", "channels": [0, 2]},
        {"is": "Branches", "name": "m", "out_channels": null, "join": "concatenate",
         "relu": false, "branches": [
            {"is": "Branch", "name": "one", "layers": [
                {"is": "Conv", "name": "1x1", "out_channels": 2, "kernel": 1}]},
            {"is": "Branch", "name": "none", "layers": []}]},
        {"is": "GlobalPool", "name": "g", "output": 1},
        {"is": "Dropout", "name": "o", "p": 0.4},
        {"is": "Linear", "name": "l", "out_features": 2, "bias": true, "relu": false, "in_features": null}],
      "heads": [{"is": "Head", "name": "aux1", "after": "p", "loss_weight": 0.3, "layers": [
        {"is": "Linear", "name": "l", "out_features": 2}]}]}""",
    "preprocess": """{"is": "Preprocess", "resize": 80, "crop": 80, "interpolation": "bilinear",
        "rounding": "nearest", "channels": "RGB", "white": 1.0, "mean": [0.4, 0, 1], "std": [0.2, 1, 2.5]}""",
}


def test_a_header_of_the_first_format_is_read_for_ever(tmp_path):
    info = header.info_of(tmp_path / "x", FORMAT_1)
    first, last = info.architecture.layers[0], info.architecture.layers[-1]
    assert first == Conv(name="c", out_channels=4, kernel=(3, 1), padding=(1, 0), batch_norm=True)
    assert last == Linear(name="l", out_features=2) and len(info.architecture.layers) == 11
    assert info.architecture.heads[0].loss_weight == 0.3
    assert info.preprocess == Preprocess(resize=80, crop=80, white=1.0, mean=(0.4, 0, 1), std=(0.2, 1, 2.5))
    assert info.classes == ("a", "b") and info.license == "MIT" and info.urls == ()
    kinds = set(re.findall(r'"is": "(\w+)"', FORMAT_1["architecture"] + FORMAT_1["preprocess"]))
    assert kinds == set(header.KINDS)
    assert header.info_of(tmp_path / "x", header.metadata(info)) == info


def test_a_part_that_a_header_lacks_takes_its_default(tmp_path):
    told = {key: FORMAT_1[key] for key in ("inception_lib", "architecture", "preprocess")}
    info = header.info_of(tmp_path / "x.safetensors", told | {"something new": "5"})
    assert (info.name, info.source, info.license, info.classes) == ("x", "", "", None)


@pytest.mark.parametrize(
    ("key", "old", "new", "sentence"),
    [
        ("architecture", '"kernel": 1,', '"kernel": 1, "dilation": 2,', "its Conv has a field 'dilation'"),
        ("architecture", '"is": "Tanh"', '"is": "Gelu"', "what a 'Gelu' is, is not known here"),
        ("preprocess", '"crop": 80', '"crop": 80, "gamma": 2', "its Preprocess has a field 'gamma'"),
    ],
)
def test_what_a_later_version_added_is_named(tmp_path, key, old, new, sentence):
    with pytest.raises(WeightsError) as error:
        header.info_of(tmp_path / "x", FORMAT_1 | {key: FORMAT_1[key].replace(old, new)})
    assert "was written by a newer inception_lib" in one_sentence(error) and sentence in str(error.value)


NASTY = [
    None,
    True,
    -1,
    0,
    2**63,
    10**400,
    float("nan"),
    float("inf"),
    1e300,
    "",
    "a.b",
    "\x1b[31m\n",
    [],
    {},
    [[1]],
]


def places(value, at=()):
    """The paths of all values in JSON, containers included."""
    yield at
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*at, key))


def test_whatever_stands_anywhere_in_a_header_gives_a_network_or_one_sentence(tmp_path):
    path, random = tmp_path / "x.safetensors", np.random.default_rng(0)
    info = header.info_of(path, FORMAT_1)
    good, state, refused = header.metadata(info), tiny(info.architecture).state_dict(), 0
    for key in ("architecture", "preprocess"):
        whole = json.loads(good[key])
        for at in places(whole):
            for nasty in random.permutation(len(NASTY))[:5]:
                changed = copy.deepcopy({"top": whole})
                into = changed
                for step in ("top", *at)[:-1]:
                    into = into[step]
                into[("top", *at)[-1]] = NASTY[nasty]
                save_file(state, path, metadata=good | {key: json.dumps(changed["top"])})
                try:
                    network, info = load_weights(path)
                    assert info.preprocess(Image.new("RGB", (30, 20))).isfinite().all()
                    logits = network(torch.zeros(1, *info.architecture.input)).logits
                    assert logits.shape == (1, 2) and logits.isfinite().all()
                except WeightsError as error:
                    refused += 1
                    assert str(error).startswith(f"{path}: ") and str(error).isprintable()
    assert refused > 100


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((), "has no layers"),
        ((LRN(name="n", size=10**6),), "normalizes over more than 4,096 channels"),
        ((LRN(name="n", k=0),), "n may divide by nothing, with an alpha of 0.0001 and a k of 0"),
        ((LRN(name="n", alpha=-1),), "n may divide by nothing"),
        ((Conv(name="c", out_channels=2, kernel=1, norm_eps=-1),), "c adds -1 to a variance"),
        ((GlobalPool(name="g", output=10**6),), "more than 268,435,456 values"),
        (tuple(Tanh(name=f"t{i}") for i in range(10_001)), "more than 10,000 layers"),
        ((Tanh(name="a.b"),), "the network small cannot be built (a.b: 'a.b' cannot name a layer here"),
    ],
)
def test_a_network_that_nobody_could_run_is_refused(tmp_path, layers, sentence):
    good = header.metadata(Weights(name="x", architecture=SMALL, preprocess=BVLC_PREPROCESS))
    odd = header.encoded(replace(SMALL, layers=layers) if layers else SMALL) | (
        {} if layers else {"layers": []}
    )
    path = tmp_path / "x.safetensors"
    save_file(tiny(SMALL).state_dict(), path, metadata=good | {"architecture": json.dumps(odd)})
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ") and sentence in str(error.value)
