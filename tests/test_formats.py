"""Files of weights: written so that they alone rebuild the network."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from weights_helpers import TINY, same, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.architecture import Architecture, Conv, GlobalPool, Linear
from inception_lib.data.images import (
    TORCHVISION_PREPROCESS,
)
from inception_lib.weights import formats
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights


@pytest.mark.parametrize(
    "architecture",
    [
        TINY,
        googlenet("torchvision", width=0.1, classes=3, heads=False),
        googlenet("inception5h", width=0.05, stem="separable"),
        Architecture(
            name="mine",
            input=(1, 9, 9),
            layers=(
                Conv(name="c", out_channels=4, kernel=(3, 1), groups=1),
                GlobalPool(name="g"),
                Linear(name="out", out_features=2),
            ),
        ),
    ],
)
def test_a_saved_file_alone_rebuilds_its_network(tmp_path, architecture):
    network = tiny(architecture, seed=5)
    info = Weights(
        name="mine",
        architecture=architecture,
        preprocess=TORCHVISION_PREPROCESS,
        source="a test",
        license="MIT",
        classes=tuple(f"class {i} é" for i in range(architecture.classes)),
    )
    path = save_weights(network, tmp_path / "x.safetensors", info)
    again, read = load_weights(path)
    assert (
        read == replace(info, tensors=read.tensors)
        and read.tensors
        and again.architecture == architecture
        and not again.training
    )
    assert same(again.state_dict(), network.state_dict())
    x = torch.randn(1, *architecture.input)
    assert torch.equal(again(x).logits, network(x).logits)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_wrapped_half_precision_and_channels_last_networks_are_saved_too(tmp_path):
    network = tiny().to(memory_format=torch.channels_last)
    compiled = torch.compile(network, backend="eager")
    path = save_weights(torch.nn.DataParallel(compiled), tmp_path / "x.safetensors")
    assert same(load_weights(path).network.state_dict(), network.state_dict())
    path = save_weights(tiny().half(), tmp_path / "half.safetensors")
    loaded = load_weights(path).network
    assert {p.dtype for p in loaded.parameters()} == {torch.float32}
    torch.testing.assert_close(loaded.conv1.conv.weight, network.conv1.conv.weight, atol=1e-3, rtol=1e-3)
    with pytest.raises(WeightsError, match="only a Network is saved"):
        save_weights(torch.nn.ReLU(), path)


def test_saving_is_atomic(tmp_path, monkeypatch):
    path = save_weights(tiny(), tmp_path / "x.safetensors")
    before = path.read_bytes()

    def broken(state, file, metadata):
        Path(file).write_bytes(b"half a fi")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(formats, "save_file", broken)
    with pytest.raises(WeightsError, match=r"cannot be written \(.*No space left on device\)\.$"):
        save_weights(tiny(seed=1), path)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_class_names_must_be_as_many_as_the_outputs(tmp_path):
    with pytest.raises(WeightsError, match="2 class names for the 7 outputs of googlenet-paper"):
        save_weights(tiny(), tmp_path / "x.safetensors", classes=["cat", "dog"])


def test_a_header_of_any_length_is_read(tmp_path):
    # its length stands first in the file, and a pickle begins with \x80; safetensors pads to multiples of 8
    first = set()
    for extra in range(0, 256, 8):
        info = Weights(name="x" * extra, architecture=TINY, preprocess=TORCHVISION_PREPROCESS)
        path = save_weights(tiny(), tmp_path / "x.safetensors", info)
        first.add(path.read_bytes()[0])
        assert load_weights(path).info.name == info.name
    assert 0x80 in first and len(first) == 32
