"""The header of our files: readable by others, checked, and open to later versions."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from weights_helpers import TINY, one_sentence, tiny

from inception_lib import WeightsError
from inception_lib.architecture import Architecture, Linear
from inception_lib.data.images import (
    BVLC_PREPROCESS,
)
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
