"""Weights on their way into the page: packed by Python, or out of a file that the reader chose."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from caffemodel import FILES, caffemodel
from live_engine import Ran, cuts, run_engine
from safetensors.torch import save_file
from weights_helpers import as_caffe, tiny

from inception_lib import WeightsError, googlenet, save_weights
from inception_lib.book.bundled import FOLDER, bundled
from inception_lib.book.live import packing
from inception_lib.book.live.parts import network
from inception_lib.data.shapes import labels, picture_at
from inception_lib.nn.network import Network
from inception_lib.weights.names import to_torchvision

pytestmark = pytest.mark.book


@pytest.fixture(scope="module")
def shapes():
    return next(bundled(1))


@pytest.fixture(scope="module")
def pictures(shapes):
    """The first 200 test images, normalized, and their classes."""
    preprocess = shapes.info.preprocess
    return torch.stack([preprocess(picture_at("test", i)) for i in range(200)]), labels("test", 200)


def logits(network, x):
    with torch.no_grad():
        return network(x).logits.numpy()


# packed


def test_what_is_packed_is_within_half_a_step_of_what_was_there():
    rng = np.random.default_rng(0)
    state = {
        "a.weight": rng.normal(size=(5, 3, 2, 2)).astype(np.float32)
        * np.array([1, 1e-6, 100, 1, 0])[:, None, None, None],
        "a.bias": rng.normal(size=5).astype(np.float32),
        "a.norm.num_batches_tracked": np.array(7),
    }
    state = {name: np.asarray(value, np.float32) for name, value in state.items()}
    for form, bytes_each in (("int8", 1), ("float16", 2), ("float32", 4)):
        packed = packing.pack(state, form)
        found = packing.unpack(packed)
        assert list(found) == ["a.weight", "a.bias"]
        assert len(packed.data) == 60 * bytes_each + 20 + 20 * (form == "int8")
        np.testing.assert_array_equal(found["a.bias"], state["a.bias"])
        error = np.abs(found["a.weight"] - state["a.weight"]).reshape(5, -1).max(1)
        largest = np.abs(state["a.weight"]).reshape(5, -1).max(1)
        step = {"int8": largest / 127, "float16": np.maximum(largest * 2**-10, 2**-24), "float32": 0}[form]
        assert (error <= step / 2 * 1.001).all()


def test_what_cannot_be_packed_is_refused():
    with pytest.raises(WeightsError, match=r"as int8, float16 or float32, not as 'int4'\."):
        packing.pack({}, "int4")
    with pytest.raises(WeightsError, match=r"^a: holds a weight that is no number of float16\.$"):
        packing.pack({"a": np.full((2, 2), 1e6)}, "float16")
    with pytest.raises(WeightsError, match=r"^a: holds a weight"):
        packing.pack({"a": np.array([np.nan])}, "int8")


@pytest.mark.slow
@pytest.mark.parametrize(("form", "most"), [("int8", 2), ("float16", 0)])
def test_the_packed_network_gives_torchs_answers_and_the_unpacked_ones_classes(
    tmp_path, shapes, pictures, form, most
):
    x, classes = pictures
    packed = network(shapes, form)
    ran = run_engine(tmp_path, packed, x)
    rounded = Network(shapes.network.architecture).eval()
    tensors = packing.unpack(packing.Packed(packed.about["weights"]["tensors"], packed.data))
    rounded.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    np.testing.assert_allclose(ran.outputs["logits"], logits(rounded, x), atol=1e-4)
    whole = logits(shapes.network, x).argmax(1)
    assert (ran.outputs["logits"].argmax(1) != whole).sum() <= most
    right = (ran.outputs["logits"].argmax(1) == classes).mean()
    assert right >= (whole == classes).mean() - 0.01 and right > 0.9


def test_classes_and_preprocessing_come_along(tmp_path, shapes):
    said = run_engine(tmp_path, network(shapes), torch.zeros(1, 3, 80, 80)).said["about"]
    assert said["name"] == shapes.info.name and said["classes"] == list(shapes.info.classes)


# files


def test_a_safetensors_file_of_ours_brings_its_own_network(tmp_path, shapes, pictures):
    x = pictures[0][:5]
    path = FOLDER / "shapes-1.safetensors"  # of an older header, without all fields, and in float16
    ran = run_engine(tmp_path, path, x)
    np.testing.assert_allclose(ran.outputs["logits"], logits(shapes.network, x), atol=1e-4)
    assert ran.said["about"]["classes"] == list(shapes.info.classes)
    assert ran.said["about"]["preprocess"]["mean"] == list(shapes.info.preprocess.mean)
    other = tmp_path / "narrow.safetensors"
    made = tiny(googlenet("torchvision", width=0.1, classes=4, input_size=64))
    save_weights(made, other)
    x = torch.randn(2, 3, 64, 64)
    ran = run_engine(tmp_path, other, x)
    np.testing.assert_allclose(ran.outputs["logits"], logits(made, x), atol=1e-4)


@pytest.mark.slow
def test_a_state_dict_of_torchvisions_is_read_under_its_names(tmp_path):
    made = tiny(googlenet("torchvision", classes=6))
    path, x = tmp_path / "tv.safetensors", torch.randn(1, 3, 96, 96)
    save_file({key: value.contiguous() for key, value in to_torchvision(made.state_dict()).items()}, path)
    ran = run_engine(tmp_path, path, x)
    assert isinstance(ran, Ran), ran
    np.testing.assert_allclose(ran.outputs["logits"], logits(made, x), atol=1e-4)
    about = ran.said["about"]
    assert about["architecture"]["name"] == "googlenet-torchvision" and about["classes"] is None
    assert [head["name"] for head in about["architecture"]["heads"]] == ["aux1", "aux2"]
    assert about["preprocess"]["white"] == 1 and about["preprocess"]["std"] == [0.229, 0.224, 0.225]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variant", "form", "packed", "double"),
    [
        ("paper", "new", True, False),
        ("paper", "new", False, True),
        ("paper", "old", True, True),
        ("paper", "old", False, False),
        ("inception5h", "new", True, False),
    ],
)
def test_every_form_of_caffemodel_gives_the_same_network(tmp_path, variant, form, packed, double):
    made = tiny(googlenet(variant, classes=3, heads=form == "old"))
    path, x = tmp_path / "x.caffemodel", torch.randn(1, 3, 64, 64)
    path.write_bytes(caffemodel(as_caffe(made.state_dict()), form, packed=packed, double=double))
    ran = run_engine(tmp_path, path, x)
    assert isinstance(ran, Ran), ran
    np.testing.assert_allclose(ran.outputs["logits"], logits(made, x), atol=1e-4)
    assert len(ran.said["about"]["architecture"]["heads"]) == 2 * (form == "old")
    assert ran.said["about"]["preprocess"]["channels"] == "BGR"


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("x.caffemodel", b"", "the file is empty."),
        ("x.safetensors", b"PK\x03\x04" + bytes(99), "this is a file of torch.save"),
        ("x.h5", b"\x89HDF\r\n\x1a\n" + bytes(99), "this is an HDF5 file"),
        ("x.png", b"\x89PNG\r\n" + bytes(99), "this is a picture, and not weights"),
        ("x.caffemodel", b"layer { name: 'x' }\n", "this is text, and not weights"),
        ("x.caffemodel", b"<!doctype html><html>", "this is a web page or markup"),
        ("x.caffemodel", b"\x0f\x01\xff", "byte 0 of a message has the unknown wire type 7"),
        ("x.caffemodel", b"\xff" * 30, "a number is too long"),
        ("x.caffemodel", b"\x0a\x05goog", "a field of 5 bytes is cut short"),
        ("x.safetensors", b"\xff" * 8 + b"{}", "its header is longer than the file"),
        ("x.safetensors", b"\x05" + bytes(7) + b"{nope", "it is damaged"),
        ("x.safetensors", b"\x07" + bytes(7) + b'{"a":5}', "a is no tensor in its header"),
        ("x.safetensors", b"\x02" + bytes(7) + b"{}", "these are no weights of GoogLeNet"),
        (
            "x.caffemodel",
            caffemodel({"c": [np.ones((2, 3), np.float32)]}),
            "these are no weights of GoogLeNet",
        ),
        ("x.caffemodel", caffemodel({"c": []}), "it holds no layer with weights"),
        ("x.caffemodel", caffemodel({"c": [np.ones(2, np.float32)] * 3}), "c has 3 arrays"),
    ],
)
def test_a_wrong_file_gets_one_sentence(tmp_path, name, data, why):
    path = tmp_path / name
    path.write_bytes(data)
    said = run_engine(tmp_path, path, torch.zeros(1, 3, 64, 64))
    assert isinstance(said, str) and why in said
    assert said.startswith(f"{name}: ") and said.endswith(".") and "\n" not in said and len(said) < 300


def test_a_narrow_network_in_a_caffemodel_is_refused_by_its_first_width(tmp_path):
    said = run_engine(tmp_path, FILES / "narrow_new.caffemodel", torch.zeros(1, 3, 64, 64))
    assert said == (
        "These weights do not fit googlenet-paper: conv1.conv.weight is 1x3x7x7, and should be 64x3x7x7."
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["new", "old"])
def test_each_cut_of_a_caffemodel_is_refused_and_never_read_beyond(tmp_path, form):
    whole = caffemodel({"conv1/7x7_s2": [np.ones((2, 3, 1, 1), np.float32), np.ones(2, np.float32)]}, form)
    said = cuts(tmp_path, "x.caffemodel", whole)
    # of a whole one that is another network's, this is said
    assert said[-1].startswith("x.caffemodel: these are no weights of GoogLeNet")
    assert all(one.startswith("x.caffemodel: ") and one.endswith(").") for one in said[1:-1])


@pytest.mark.slow
def test_each_cut_of_a_safetensors_file_is_refused(tmp_path):
    save_file({"conv1.conv.weight": torch.ones(2, 3)}, tmp_path / "x.safetensors")
    said = cuts(tmp_path, "x.safetensors", (tmp_path / "x.safetensors").read_bytes())
    assert "these are no weights of GoogLeNet" in said[-1]
    assert all("it is damaged" in one for one in said[9:-1])
