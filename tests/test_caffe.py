"""The reader of `.caffemodel` files."""

import numpy as np
import pytest
import torch
from caffemodel import block, caffemodel, number, varint
from weights_helpers import TINY, as_caffe, one_sentence, same, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.loading import load_weights


@pytest.mark.parametrize("form", ["new", "old"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("double", [True, False])
def test_every_form_of_caffemodel_gives_the_same_network(tmp_path, form, packed, double):
    expected = tiny().state_dict()
    path = tmp_path / "x.caffemodel"
    path.write_bytes(caffemodel(as_caffe(expected), form, packed=packed, double=double))
    network, info = load_weights(path, architecture=TINY)
    assert same(network.state_dict(), expected)
    assert info.classes is None
    headless = load_weights(path, architecture=TINY, heads=False)
    assert headless.network(torch.zeros(1, 3, 64, 64)).logits.shape == (1, 7)


def test_a_caffemodel_with_heads_brings_them_and_its_number_of_classes(tmp_path):
    state = tiny(googlenet(classes=3)).state_dict()
    path = tmp_path / "x.caffemodel"
    path.write_bytes(caffemodel(as_caffe(state), "old"))
    network, info = load_weights(path)
    assert info.architecture == googlenet(classes=3) and info.classes is None
    assert same(network.state_dict(), state)
    assert not load_weights(path, heads=False).info.architecture.heads


def test_each_cut_of_a_caffemodel_is_refused_and_never_read_beyond(tmp_path):
    data = caffemodel({"conv1/7x7_s2": [np.ones((2, 3, 1, 1), np.float32), np.ones(2, np.float32)]}, "new")
    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    assert list(read_caffemodel(path)) == ["conv1/7x7_s2"]
    for end in range(len(data)):
        path.write_bytes(data[:end])
        with pytest.raises(WeightsError):
            read_caffemodel(path)


def test_random_damage_gives_a_sentence_or_a_network_but_no_other_error(tmp_path):
    data = bytearray(caffemodel({"c": [np.ones((2, 3), np.float32)]}, "old", packed=False))
    random = np.random.default_rng(0)
    path = tmp_path / "x.caffemodel"
    refused = 0
    for _ in range(500):
        damaged = data.copy()
        damaged[random.integers(len(data))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            read_caffemodel(path)
        except WeightsError as error:
            assert "\n" not in str(error)
            refused += 1
    assert refused > 100


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "it is empty"),
        (b"this is a text\n", "wire type"),
        (block(100, block(1, b"c")), "it holds no layer"),
        (varint(100 << 3 | 2) + varint(1 << 40), "a field of 1,099,511,627,776 bytes has only 0 left"),
        (block(100, block(1, b"\xff\xfe")), "name is not text"),
        (
            block(100, block(7, block(7, block(1, varint(5))) + block(5, bytes(16)))),
            "have 5 numbers, and has 4",
        ),
        (block(100, block(7, block(7, block(1, varint(2**64 - 1))))), "than Caffe can hold"),
        (block(100, block(7, block(5, bytes(7)))), "a fraction of a number"),
        (b"\xff" * 30, "a number is too long"),
        (number(0, 1), "begins no field"),
        (2 * block(100, block(7, block(7, block(1, b"\x01")) + block(5, bytes(4)))), "two layers named ''"),
    ],
)
def test_what_is_no_caffemodel_gets_one_sentence(tmp_path, data, sentence):
    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert sentence in one_sentence(error)
