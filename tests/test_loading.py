"""Loading: what a file holds is recognized, and what does not fit is refused in one sentence."""

import ast
import hashlib
import json
import os
import struct
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from caffemodel import FILES, caffemodel
from safetensors.torch import save_file
from weights_helpers import SMALL, TINY, one_sentence, same, tiny

from inception_lib import WeightsError, googlenet
from inception_lib.data.images import BVLC_PREPROCESS, IMAGENET_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.nn.network import Network
from inception_lib.weights import loading
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.names import to_torchvision
from inception_lib.weights.published import published


@pytest.mark.filterwarnings("ignore:.*does not say how images")
def test_our_plain_state_dict_is_recognized(tmp_path):
    for variant in ("paper", "inception5h", "torchvision"):
        architecture = googlenet(variant, classes=4, heads=False)
        with torch.device("meta"):
            empty = Network(architecture)
        state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
        torch.save(state, tmp_path / "x.pt")
        assert load_weights(tmp_path / "x.pt").info.architecture == architecture


@pytest.mark.parametrize("ending", ["caffemodel", "safetensors", "pth", "pt", "xyz"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"just some text, no weights at all",
        b"\x80\x02garbage",
        b"PK\x03\x04 no zip",
        b"\x10\0\0\0\0\0\0\0{not json at all}",
        b"\xff" * 100,
    ],
)
def test_nonsense_under_any_ending_gets_one_sentence(tmp_path, ending, content):
    path = tmp_path / f"x.{ending}"
    path.write_bytes(content)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ")


def test_missing_files_folders_and_unknown_names(tmp_path):
    for source, sentence in [
        (tmp_path / "no.pth", r"no.pth: there is no such file\."),
        ("bvcl", r"^bvcl: there is no such file \(known by name are bvlc and "),
        (tmp_path, r"the file cannot be read \(Is a directory\)\."),
    ]:
        with pytest.raises(WeightsError, match=sentence):
            load_weights(source)


def test_code_in_a_pickle_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (Path.write_text, (tmp_path / "ran", "it ran"))

    torch.save({"conv1.conv.weight": Evil()}, tmp_path / "x.pth")
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "x.pth")
    assert "holds more than tensors" in one_sentence(error)
    assert not (tmp_path / "ran").exists()


def test_a_truncated_pth_and_safetensors(tmp_path):
    torch.save(tiny().state_dict(), tmp_path / "x.pth")
    save_weights(tiny(), tmp_path / "x.safetensors")
    for path in (tmp_path / "x.pth", tmp_path / "x.safetensors"):
        path.write_bytes(path.read_bytes()[:-1000])
        with pytest.raises(WeightsError) as error:
            load_weights(path)
        assert "damaged" in one_sentence(error)


def test_weights_of_another_network_name_file_key_and_shape(tmp_path):
    path = tmp_path / "resnet18.pth"
    torch.save(torchvision.models.resnet18().state_dict(), path)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    text = one_sentence(error)
    assert str(path) in text and "another network" in text and "conv1.weight (64x3x7x7)" in text


@pytest.mark.filterwarnings("ignore:.*does not say how images")
def test_what_does_not_fit_is_named(tmp_path):
    path = save_weights(tiny(), tmp_path / "x.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(path, architecture=googlenet(width=0.05, classes=9))
    assert one_sentence(error) == (
        f"{path}: these weights do not fit the network: aux1.classifier.linear.weight is 7x51 in the file "
        f"and 9x51 in googlenet-paper (and 5 more); with classes=9 all but the classifiers is kept, and they "
        f"begin untrained."
    )

    state = tiny().state_dict()
    bias = state.pop("inception_4a.5x5.conv.bias")
    save_file(state | {"extra.conv.weight": torch.zeros(1, 2)}, tmp_path / "y.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(tmp_path / "y.safetensors", architecture=TINY)
    text = one_sentence(error)
    assert f"inception_4a.5x5.conv.bias ({len(bias)}) of googlenet-paper is not in the file" in text
    assert "extra.conv.weight (1x2) in the file is not in googlenet-paper" in text

    assert not load_weights(path, architecture=TINY, heads=False).info.architecture.heads
    headless = save_weights(tiny(TINY.without_heads()), tmp_path / "z.safetensors")
    with pytest.raises(WeightsError, match="heads are asked for, and the network has none"):
        load_weights(headless, heads=True)


def small_state():
    return tiny(SMALL).state_dict()


def odd_tensors():
    """State dicts with the right names and shapes, of tensors that are no plain numbers."""
    weight = small_state()["out.linear.weight"]
    quantized = torch.quantize_per_tensor(weight, 0.1, 0, torch.qint8)
    nested = torch.nested.nested_tensor([weight[0], weight[1]])
    return {
        "sparse": weight.to_sparse(),
        "compressed": weight.to_sparse_csr(),
        "quantized": quantized,
        "meta": weight.to("meta"),
        "nested": nested,
        "expanded": torch.zeros(1, 4).expand(2, 4),
        "huge": torch.zeros(1, 4).expand(10**9, 4),
        "int8": weight.to(torch.int8),
        "bool": weight > 0,
        "complex": weight.to(torch.complex64),
    }


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", odd_tensors())
def test_tensors_that_are_no_plain_floating_point_numbers_get_one_sentence(tmp_path, kind):
    path = tmp_path / "x.pth"
    torch.save(small_state() | {"out.linear.weight": odd_tensors()[kind]}, path)
    with pytest.raises(WeightsError) as error:
        load_weights(path, architecture=SMALL, preprocess=BVLC_PREPROCESS)
    assert one_sentence(error).startswith(f"{path}: ")


def test_a_classifier_of_billions_is_refused_before_memory_is_taken(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"classifier.linear.weight": torch.zeros(1, 1024).expand(10**9, 1024)}, path)
    with pytest.raises(WeightsError, match=r"claims to be 1000000000x1024, and the file holds fewer numbers"):
        load_weights(path)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_other_floating_point_types_become_float32(tmp_path, dtype):
    path = tmp_path / "x.pth"
    torch.save({key: value.to(dtype) for key, value in small_state().items()}, path)
    network = load_weights(path, architecture=SMALL, preprocess=BVLC_PREPROCESS).network
    assert {p.dtype for p in network.parameters()} == {torch.float32}
    for key, value in network.state_dict().items():
        assert torch.equal(value, small_state()[key].to(dtype).float())


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_the_prefixes_of_wrappers_are_taken_off_in_any_order(tmp_path, prefix):
    torch.save({prefix + key: value for key, value in small_state().items()}, tmp_path / "x.pth")
    network = load_weights(tmp_path / "x.pth", architecture=SMALL, preprocess=BVLC_PREPROCESS).network
    assert same(network.state_dict(), small_state())


def test_a_compressed_archive_is_refused_before_it_grows(tmp_path):
    torch.save({"x": torch.zeros(10**6)}, tmp_path / "x.pth")
    with zipfile.ZipFile(tmp_path / "x.pth") as stored, zipfile.ZipFile(tmp_path / "y.pth", "w") as deflated:
        for entry in stored.namelist():
            deflated.writestr(entry, stored.read(entry), zipfile.ZIP_DEFLATED)
    assert (tmp_path / "y.pth").stat().st_size < 10**5
    with pytest.raises(WeightsError, match=r"a compressed archive, which torch\.save does not write"):
        load_weights(tmp_path / "y.pth")


def test_a_shape_that_no_tensor_can_have_gets_one_sentence(tmp_path):
    about = {"classifier.linear.weight": {"dtype": "F32", "shape": [2**62, 0], "data_offsets": [0, 0]}}
    text = json.dumps(about).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert one_sentence(error).startswith(f"{path}: ")


def test_pipes_and_devices_are_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", "/dev/zero", "/dev/null"):
        with pytest.raises(WeightsError, match=r"cannot be read \(it is a pipe or a device, not a file\)"):
            load_weights(path)
        with pytest.raises(WeightsError, match="a pipe or a device"):
            read_caffemodel(path)


def test_a_tensors_name_is_printed_in_one_short_line(tmp_path):
    path = tmp_path / "x.pth"
    torch.save({"\x1b]0;title\x07\n" + "x" * 100_000: torch.zeros(2)}, path)
    for architecture in (None, SMALL):
        with pytest.raises(WeightsError) as error:
            load_weights(path, architecture=architecture, preprocess=BVLC_PREPROCESS)
        assert one_sentence(error).isprintable()


@pytest.mark.parametrize("kind", ["safetensors", "pth", "caffemodel"])
def test_random_damage_gives_a_network_or_one_sentence(tmp_path, kind):
    path, random, state = tmp_path / f"x.{kind}", np.random.default_rng(0), small_state()
    if kind == "safetensors":
        save_weights(tiny(SMALL), path)
    elif kind == "pth":
        torch.save(state, path)
    else:
        arrays = {"c": [state["c.conv.weight"].numpy(), state["c.conv.bias"].numpy()]}
        path.write_bytes(caffemodel(arrays, "old"))
    data, refused = path.read_bytes(), 0
    for _ in range(150):
        damaged = bytearray(data)
        # most of it where the structure is
        where = np.concatenate(
            [random.integers(0, min(len(data), 1200), 3), random.integers(0, len(data), 1)]
        )
        for at in where:
            damaged[at] = random.integers(256)
        if random.random() < 0.3:
            cut = random.integers(len(data))
            damaged = damaged[:cut] + damaged[cut + random.integers(1, 40) :]
        path.write_bytes(damaged)
        try:
            load_weights(path, architecture=SMALL, preprocess=BVLC_PREPROCESS)
        except WeightsError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and str(error).isprintable() and len(str(error)) < 1000
    assert refused > 50


def fine_tuned(tmp_path):
    """A checkpoint as one who trained on torchvision's network leaves it: nothing in it tells."""
    state = Network(googlenet("torchvision", classes=3, heads=False)).state_dict()
    torch.save(to_torchvision(state), tmp_path / "m.pth")
    return tmp_path / "m.pth"


def test_a_file_that_cannot_tell_its_preprocessing_says_so_once(tmp_path):
    path = fine_tuned(tmp_path)
    with pytest.warns(UserWarning) as warned:
        info = load_weights(path).info
    assert len(warned) == 1 and warned[0].filename == __file__
    text = str(warned[0].message)
    assert text.startswith(f"{path}: the file does not say how images are normalized") and "\n" not in text
    assert "preprocess=TORCHVISION_PREPROCESS" in text and info.preprocess == IMAGENET_PREPROCESS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_weights(path, preprocess=TORCHVISION_PREPROCESS).info.preprocess == TORCHVISION_PREPROCESS


def test_a_file_that_tells_is_believed_unless_one_knows_better(tmp_path):
    path = save_weights(tiny(SMALL), tmp_path / "x.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_weights(path).info.preprocess == BVLC_PREPROCESS
        assert load_weights(path, preprocess=IMAGENET_PREPROCESS).info.preprocess == IMAGENET_PREPROCESS
        # Caffe has but one way for this network
        narrow = load_weights(FILES / "narrow_new.caffemodel", architecture=googlenet(width=0.01, classes=5))
    assert narrow.info.preprocess == BVLC_PREPROCESS


def test_the_published_torchvision_file_is_known_by_its_checksum(tmp_path, monkeypatch):
    path = fine_tuned(tmp_path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    info = replace(published("torchvision"), checksums=(f"sha256:{digest[:8]}",))
    monkeypatch.setattr(loading, "published", lambda name: info)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load_weights(path).info.preprocess == TORCHVISION_PREPROCESS


def test_torch_files_are_loaded_with_weights_only_everywhere():
    root, calls = Path(__file__).parents[1], 0
    for path in [p for part in ("inception_lib", "benchmarks", "tools") for p in (root / part).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and ast.unparse(node.func) in ("torch.load", "load_url")):
                continue
            told = {k.arg: k.value for k in node.keywords}.get("weights_only")
            assert isinstance(told, ast.Constant) and told.value is True, f"{path}, line {node.lineno}"
            calls += 1
    assert calls >= 2
