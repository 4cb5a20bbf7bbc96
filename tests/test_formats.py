"""Files of weights: written so that they alone rebuild the network."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from weights_helpers import SMALL, TINY, one_sentence, same, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.data.images import (
    BVLC_PREPROCESS,
    TORCHVISION_PREPROCESS,
)
from inception_lib.weights import formats, header
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.states import digest


@pytest.mark.parametrize(
    "architecture",
    [
        TINY,
        googlenet("torchvision", width=0.1, classes=3, heads=False),
        googlenet("inception5h", width=0.05, stem="separable"),
        SMALL,
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


def test_equal_networks_give_equal_bytes(tmp_path):
    """safetensors writes the metadata in an order that changes from file to file."""
    names = ['"quoted"', "back\\slash", "tab\t", "\x1f\x7f", "é", "\N{SNOWMAN}", "🦊"]
    path = tmp_path / "x.safetensors"
    (content,) = {save_weights(tiny(), path, classes=names).read_bytes() for _ in range(4)}
    assert load_weights(path).info.classes == tuple(names)
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    assert list(header["__metadata__"]) == sorted(header["__metadata__"])


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
        info = Weights(name="x" * extra, architecture=SMALL, preprocess=TORCHVISION_PREPROCESS)
        path = save_weights(tiny(SMALL), tmp_path / "x.safetensors", info)
        first.add(path.read_bytes()[0])
        assert load_weights(path).info.name == info.name
    assert 0x80 in first and len(first) == 32


def test_an_exchanged_layer_is_refused_before_anything_is_written(tmp_path):
    path = save_weights(tiny(SMALL), tmp_path / "x.safetensors")
    before = path.read_bytes()
    exchanged, renamed, quantized, bare = tiny(SMALL), tiny(SMALL), tiny(SMALL), tiny(SMALL)
    exchanged.out.linear = torch.nn.Linear(4, 10)
    renamed._modules["out"] = torch.nn.Linear(4, 2)  # behind the network's back: it refuses add_module itself
    quantized.c.conv.weight = torch.nn.Parameter(quantized.c.conv.weight.to(torch.int8), requires_grad=False)
    del bare.c.conv.bias
    for network, sentence in [
        (exchanged, "out.linear.weight is 10x4 in the network and 2x4 in small (and 1 more)"),
        (renamed, "out.weight (2x4) in the network is not in small"),
        (quantized, "c.conv.weight is of type int8 in the network"),
        (bare, "c.conv.bias (4) of small is not in the network"),
    ]:
        with pytest.raises(WeightsError) as error:
            save_weights(network, path)
        assert sentence in one_sentence(error) and "reset_classifier(classes)" in str(error.value)
        assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


PUBLISHED = Weights(
    name="bvlc",
    architecture=SMALL,
    preprocess=TORCHVISION_PREPROCESS,
    source="BVLC's Caffe model zoo",
    license="released for unrestricted use",
    urls=("http://somewhere/else", "https://somewhere/x"),
    checksums=("sha256:" + 64 * "1", "sha1:" + 40 * "2"),
)


@pytest.fixture
def loaded(tmp_path):
    """What loading a published network gives, here from a file of ours."""
    network = tiny(SMALL)
    info = replace(PUBLISHED, tensors=digest(network.state_dict()))
    return load_weights(save_weights(network, tmp_path / "published.safetensors", info))


def test_an_unchanged_network_keeps_what_is_said_of_it(loaded, tmp_path):
    assert loaded.info == replace(PUBLISHED, tensors=loaded.info.tensors)
    again = loaded.info
    for _ in range(2):
        network, again = load_weights(save_weights(loaded.network, tmp_path / "x.safetensors", again))
        assert again == loaded.info and same(network.state_dict(), loaded.network.state_dict())


@pytest.mark.parametrize("known", [True, False])
def test_a_changed_network_never_carries_the_published_names_addresses_or_checksums(loaded, tmp_path, known):
    network, info = loaded
    with torch.no_grad():
        network.out.linear.bias[1] += 1e-6
    # without a checksum of the numbers nobody can tell, and it is not believed
    info = info if known else replace(info, tensors="")
    path = save_weights(network, tmp_path / "mine.safetensors", info, classes=["cat", "dog"])
    read = load_weights(path).info
    with safe_open(path, framework="np") as file:
        metadata = file.metadata()
    assert read.name == metadata["name"] == "fine-tuned from bvlc"
    assert read.source == "fine-tuned from bvlc (BVLC's Caffe model zoo)"
    assert read.urls == read.checksums == () and metadata["url"] == metadata["sha"] == ""
    assert read.license == "not stated; of bvlc: released for unrestricted use"
    assert read.preprocess == PUBLISHED.preprocess and read.classes == ("cat", "dog")
    with torch.no_grad():
        network.out.linear.bias[1] += 1e-6
    again = load_weights(save_weights(network, path, read)).info
    assert (again.name, again.source, again.urls) == (read.name, read.source, ())


def test_a_rounded_network_says_so(loaded, tmp_path):
    path = save_weights(loaded.network, tmp_path / "half.safetensors", loaded.info, half=True)
    read = load_weights(path).info
    assert read.name == "rounded to float16 from bvlc" and read.urls == read.checksums == ()


def test_a_header_that_claims_to_be_published_is_not_believed(loaded, tmp_path):
    path = tmp_path / "x.safetensors"
    state = loaded.network.state_dict()
    state["c.conv.bias"] = state["c.conv.bias"] + 1
    save_file(state, path, metadata=header.metadata(loaded.info))
    read = load_weights(path).info
    assert read.name == "changed from bvlc" and read.urls == read.checksums == ()


def test_what_is_said_of_a_network_trained_here_is_believed(tmp_path):
    info = Weights(name="tiny-shapes", architecture=SMALL, preprocess=BVLC_PREPROCESS, source="300 updates")
    network, read = load_weights(save_weights(tiny(SMALL), tmp_path / "x.safetensors", info))
    assert (read.name, read.source) == ("tiny-shapes", "300 updates")
    with torch.no_grad():
        network.out.linear.bias += 1
    read = load_weights(save_weights(network, tmp_path / "y.safetensors", read)).info
    assert (read.name, read.source) == (
        "fine-tuned from tiny-shapes",
        "fine-tuned from tiny-shapes (300 updates)",
    )


def test_a_network_without_its_heads_is_still_the_same(tmp_path):
    info = replace(PUBLISHED, architecture=TINY, tensors=digest(tiny().state_dict()))
    full = load_weights(save_weights(tiny(), tmp_path / "x.safetensors", info))
    trunk = load_weights(tmp_path / "x.safetensors", heads=False)
    assert full.info.urls == trunk.info.urls == PUBLISHED.urls
    assert (
        load_weights(save_weights(trunk.network, tmp_path / "y.safetensors", full.info)).info.name == "bvlc"
    )
    with torch.no_grad():
        full.network.aux1.fc.linear.bias += 1
    changed = load_weights(save_weights(full.network, tmp_path / "z.safetensors", full.info)).info
    assert changed.name == "fine-tuned from bvlc"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_neither_written_nor_read(tmp_path, value):
    network = tiny(SMALL)
    save_file(network.state_dict(), tmp_path / "good.safetensors", metadata=header.metadata(PUBLISHED))
    network.c.conv.weight.data[0, 0, 0, 0] = value
    with pytest.raises(WeightsError, match=r"c\.conv\.weight holds 1 value that is infinite or not a number"):
        save_weights(network, tmp_path / "x.safetensors")
    assert not (tmp_path / "x.safetensors").exists()
    save_file(network.state_dict(), tmp_path / "x.safetensors", metadata=header.metadata(PUBLISHED))
    torch.save(network.state_dict(), tmp_path / "x.pth")
    for ending in ("safetensors", "pth"):
        with pytest.raises(WeightsError, match=r"c\.conv\.weight holds 1") as error:
            load_weights(tmp_path / f"x.{ending}", architecture=SMALL, preprocess=BVLC_PREPROCESS)
        assert one_sentence(error).startswith(str(tmp_path))


def test_weights_too_large_for_float16_are_not_written_in_it(tmp_path):
    network = tiny(SMALL)
    network.out.linear.bias.data[0] = 70_000
    with pytest.raises(WeightsError, match=r"out\.linear\.bias holds 1 value that is infinite"):
        save_weights(network, tmp_path / "x.safetensors", half=True)
    assert save_weights(network, tmp_path / "x.safetensors").exists()


def test_names_that_are_no_text_do_not_cost_the_network(tmp_path):
    # a folder whose name is not UTF-8 comes from the file system like this
    info = Weights(
        name="run-d\udce9ta",
        architecture=SMALL,
        preprocess=BVLC_PREPROCESS,
        source="10 updates on d\udce9ta",
        classes=("d\udce9", "\x1b[31mred"),
    )
    read = load_weights(save_weights(tiny(SMALL), tmp_path / "x.safetensors", info)).info
    assert read.name == "run-d\\udce9ta" and read.classes == info.classes
