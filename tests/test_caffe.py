"""The reader of `.caffemodel` files."""

import json

import numpy as np
import pytest
import torch
from caffemodel import (
    CLASSES,
    FILES,
    answers,
    block,
    caffemodel,
    contents,
    narrow_layers,
    number,
    photograph,
    seen,
    varint,
)
from weights_helpers import TINY, as_caffe, one_sentence, same, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.weights import caffe, names
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.loading import load_weights

ANSWERS = FILES / "narrow_answers.json"


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
        (b"this is a text\n", "this is text"),
        (b"\x0f\x01", "wire type"),
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


# A narrow GoogLeNet in both forms, and its answers by plain torch functions: see caffemodel.py.


def test_the_files_of_the_narrow_network_are_what_their_script_writes():
    for name, content in contents().items():
        if not name.endswith(".json"):
            assert (FILES / name).read_bytes() == content
    written, again = (json.loads(text)["answers"] for text in (ANSWERS.read_text(), contents()[ANSWERS.name]))
    np.testing.assert_allclose(written, again, rtol=1e-9)


@pytest.mark.parametrize("form", ["new", "old"])
def test_the_narrow_network_answers_as_plain_torch_functions_do(form):
    architecture = googlenet(width=0.01, classes=CLASSES)
    network, info = load_weights(FILES / f"narrow_{form}.caffemodel", architecture=architecture)
    expected = torch.tensor(json.loads(ANSWERS.read_text())["answers"])
    picture = info.preprocess(photograph())
    with torch.inference_mode():
        torch.testing.assert_close(network(picture[None]).logits[0], expected[2], atol=1e-3, rtol=1e-4)
        for module in network.train().modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        found = network(picture[None])
    for one, other in zip((found.aux1, found.aux2, found.logits), expected, strict=True):
        torch.testing.assert_close(one[0], other, atol=1e-3, rtol=1e-4)


def test_the_answers_depend_on_every_layer_on_the_order_of_channels_and_on_the_mean():
    layers, image = narrow_layers(), seen(photograph())
    right = answers(layers, image)
    assert len(layers) == 64 and set(layers) == set(names.LAYERS_OF_CAFFE)
    for name, (weights, biases) in layers.items():
        assert (
            np.abs(answers({**layers, name: [weights * np.float32(0.97), biases]}, image) - right).max() > 0.1
        )
    assert np.abs(answers(layers, image[..., ::-1]) - right).max() > 1
    # as the mean in the order of RGB would do
    shifted = image - np.array([123 - 104, 0, 104 - 123])
    assert np.abs(answers(layers, shifted) - right).max() > 1


@pytest.mark.parametrize("same", [1, 2, 20])
def test_alternating_fields_take_time_in_proportion_to_their_number(tmp_path, monkeypatch, same):
    looked, frombuffer = 0, np.frombuffer

    def counted(data, dtype, count=-1, offset=0):
        nonlocal looked
        looked += count
        return frombuffer(data, dtype, count, offset)

    monkeypatch.setattr(caffe.np, "frombuffer", counted)
    one, other = (varint(field << 3 | 5) + bytes(4) for field in (9, 10))
    data = (one * same + other * same) * (20_000 // same)
    path = tmp_path / "x.caffemodel"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="holds no layer"):
        read_caffemodel(path)
    # where each field looked at as many of those after it as there are, it was thousands of times as much
    assert looked < 20 * len(data)


@pytest.mark.parametrize("length", [1, 2, 15, 16, 17, 31, 47, 48, 49, 1000, 70_000])
def test_runs_of_unpacked_numbers_of_any_length_are_read_and_nothing_else(tmp_path, length):
    values = np.random.default_rng(0).normal(size=length).astype("<f4")
    path = tmp_path / "x.caffemodel"
    path.write_bytes(caffemodel({"c": [values, values[:1]]}, "new", packed=False))
    assert np.array_equal(read_caffemodel(path)["c"][0], values)
    run = b"".join(varint(5 << 3 | 5) + value.tobytes() for value in values)
    for others in (1, 3, 40):  # a field that nobody knows, of the same size
        unknown = (varint(9 << 3 | 5) + b"abcd") * others
        blob = block(7, block(1, varint(2 * length))) + run + unknown + run + unknown
        path.write_bytes(block(100, block(1, b"c") + block(7, blob)))
        assert np.array_equal(read_caffemodel(path)["c"][0], np.tile(values, 2))


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        (b"\1" * 100, bytes(4)),
        (b"\1" * 10_000_000, bytes(4)),
        (varint(0) + varint(2**63), b""),
        (varint(0) + varint(2**31 - 1) * 31, b""),
        (varint(2**31 - 1) * 3, b""),
    ],
)
def test_shapes_that_no_array_can_have_get_one_sentence(tmp_path, shape, data):
    path = tmp_path / "x.caffemodel"
    blob = block(7, block(1, shape)) + block(5, data)
    path.write_bytes(block(100, block(1, b"conv1/7x7_s2") + block(7, blob)))
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ")


def test_a_layers_name_is_printed_in_one_short_line(tmp_path):
    path = tmp_path / "x.caffemodel"
    name = "\x1b[31m\n" + "x" * 100_000
    path.write_bytes(caffemodel({name: [np.ones(1, np.float32)] * 3}, "new"))
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).isprintable() and "has 3 arrays" in str(error.value)
