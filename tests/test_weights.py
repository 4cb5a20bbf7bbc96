"""Weights: read from every kind of file, refused where they do not fit, fetched, and written."""

import hashlib
import http.server
import json
import tarfile
import threading
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from caffemodel import block, caffemodel, number, varint
from safetensors import safe_open
from safetensors.torch import save_file

from inception_lib import InceptionError, WeightsError, googlenet
from inception_lib.architecture import Architecture, Conv, GlobalPool, Linear
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import (
    BVLC_PREPROCESS,
    IMAGENET_PREPROCESS,
    TORCHVISION_PREPROCESS,
    read_picture,
)
from inception_lib.files import download, replacing
from inception_lib.nn.network import Network
from inception_lib.weights import formats, loading, names
from inception_lib.weights import published as published_weights
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.names import from_torchvision, to_torchvision
from inception_lib.weights.published import cached, published

SHARED = (Path(__file__).parents[1] / ".." / "shared").resolve()
BVLC = SHARED / "weights" / "bvlc_googlenet.caffemodel"
PHOTOS = SHARED / "datasets" / "imagenet-samples-384.tar"
LOGITS = SHARED / "weights" / "expected_bvlc_logits.npz"

needs_bvlc = pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")
needs_logits = pytest.mark.skipif(
    not (BVLC.exists() and PHOTOS.exists() and LOGITS.exists()),
    reason="no ../shared/weights with imagenet-samples-384.tar",
)

TINY = googlenet(width=0.05, classes=7)


def tiny(architecture=TINY, seed=0):
    return Network(architecture, generator=torch.Generator().manual_seed(seed)).eval()


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[key], second[key]) for key in first)


def one_sentence(error):
    text = str(error.value)
    assert "\n" not in text and text.endswith(".") and len(text) < 500
    return text


def as_caffe(state):
    """A state dict of ours under Caffe's names."""
    layers = {}
    for theirs, ours in names._CAFFE.items():
        if f"{ours}.weight" in state:
            layers[theirs] = [state[f"{ours}.{part}"].numpy() for part in ("weight", "bias")]
    return layers


# ---------------------------------------------------------------------------------- BVLC's, in full


@pytest.fixture(scope="module")
def bvlc():
    return load_weights(BVLC)


@needs_logits
def test_the_62_expected_logits(bvlc):
    expected, preprocess = np.load(LOGITS), bvlc.info.preprocess
    with tarfile.open(PHOTOS) as tar:
        photos = [
            preprocess(read_picture(tar.extractfile(f"imagenet-samples-384/{name}")))
            for name in expected["photo"]
        ]
    with torch.inference_mode():
        logits = torch.cat([bvlc.network(torch.stack(photos[i : i + 8])).logits for i in range(0, 62, 8)])
    assert len(photos) == 62
    assert (logits - torch.from_numpy(expected["logits"])).abs().max() < 1e-3
    right = (logits.argmax(1) == torch.from_numpy(expected["label"].astype(np.int64))).sum()
    assert int(right) == round(0.6935 * 62)


@needs_bvlc
def test_bvlcs_weights_carry_what_belongs_to_them(bvlc):
    network, info = bvlc
    assert sum(p.numel() for p in network.parameters()) == 6_998_552
    assert info.architecture == googlenet("paper", heads=False) and not network.training
    assert info.preprocess == BVLC_PREPROCESS and info.classes[281] == "tabby"
    assert all(p.requires_grad for p in network.parameters())


@needs_bvlc
@pytest.mark.parametrize("packed", [True, False])
def test_bvlcs_weights_in_the_older_container_are_the_same_tensors(bvlc, tmp_path, packed):
    layers = read_caffemodel(BVLC)
    assert len(layers) == 58
    if not packed:  # a few layers will do for the slow writer
        layers = {name: layers[name] for name in ("conv1/7x7_s2", "inception_3a/5x5", "inception_5b/1x1")}
    path = tmp_path / "old.caffemodel"
    path.write_bytes(caffemodel(layers, "old", packed=packed))
    if packed:
        assert same(load_weights(path).network.state_dict(), bvlc.network.state_dict())
    else:
        again = read_caffemodel(path)
        assert all(
            np.array_equal(a.ravel(), b.ravel())
            for name in layers
            for a, b in zip(layers[name], again[name], strict=True)
        )


@needs_bvlc
@pytest.mark.parametrize("part", [0.1, 0.9999])
def test_a_truncated_caffemodel_gets_one_sentence(tmp_path, part):
    path = tmp_path / "cut.caffemodel"
    data = BVLC.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert "cut.caffemodel: this is no .caffemodel, or it is damaged or cut short" in one_sentence(error)


@needs_bvlc
def test_the_class_names_are_in_the_order_of_the_outputs():
    synsets = (BVLC.parent / "synset_words.txt").read_text().splitlines()
    lists = [{word.strip().lower() for word in line.split(" ", 1)[1].split(",")} for line in synsets]
    agree = sum(name.lower() in words for name, words in zip(imagenet_classes(), lists, strict=True))
    assert agree > 980  # torchvision tells a few namesakes apart in its own words


# ------------------------------------------------------------------------------ caffemodel, the format


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
        (b"", "it holds no layer"),
        (b"this is a text\n", "wire type"),
        (block(100, block(1, b"c")), "it holds no layer"),
        (varint(100 << 3 | 2) + varint(1 << 40), "a field of 1,099,511,627,776 bytes has only 0 left"),
        (block(100, block(1, b"\xff\xfe")), "name is not text"),
        (
            block(100, block(7, block(7, block(1, varint(5))) + block(5, bytes(16)))),
            "have 5 numbers, and has 4",
        ),
        (block(100, block(7, block(7, block(1, varint(2**64 - 1))))), "have 18446744073709551615 numbers"),
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


# -------------------------------------------------------------------------------------- torchvision


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torchvision.models.googlenet(
            weights=None, aux_logits=True, init_weights=False, num_classes=11
        )
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def ours_of(theirs):
    network = Network(googlenet("torchvision", classes=11))
    network.load_state_dict(from_torchvision(theirs.state_dict()))
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def test_our_torchvision_variant_agrees_with_theirs_in_eval(theirs):
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected, got = theirs.eval()(x), ours_of(theirs).eval()(x)
    assert expected.std() > 1e-2
    torch.testing.assert_close(got.logits, expected, atol=1e-5, rtol=0)
    assert got.aux1 is None and got.aux2 is None


def test_our_torchvision_variant_agrees_with_theirs_in_training_heads_in_order(theirs):
    x = torch.randn(2, 3, 224, 224)
    network = ours_of(theirs).train()
    before = {key: value.clone() for key, value in theirs.state_dict().items()}
    with torch.no_grad():
        expected, got = theirs.train()(x), network(x)
    torch.testing.assert_close(got.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.aux1, expected.aux_logits1, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.aux2, expected.aux_logits2, atol=1e-4, rtol=1e-4)
    assert (expected.aux_logits1 - expected.aux_logits2).abs().max() > 0.05
    # the running statistics moved alike
    moved = to_torchvision(network.state_dict())
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(moved[key], value, atol=1e-5, rtol=1e-4)
    theirs.load_state_dict(before)


def test_torchvisions_names_and_ours_are_a_bijection(theirs):
    state = theirs.state_dict()
    ours = from_torchvision(state)
    assert ours.keys() == Network(googlenet("torchvision", classes=11)).state_dict().keys()
    assert same(to_torchvision(ours), dict(state))


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda s: {"model": s, "epoch": 3},
        lambda s: {"state_dict": s},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    ],
)
def test_a_torchvision_checkpoint_is_loaded_by_what_it_holds(theirs, tmp_path, wrap):
    path = tmp_path / "checkpoint.bin"  # the content decides, not the ending
    torch.save(wrap(theirs.state_dict()), path)
    network, info = load_weights(path)
    assert info.architecture == googlenet("torchvision", classes=11)
    assert info.preprocess == IMAGENET_PREPROCESS
    assert torch.equal(network.conv1.norm.running_var, theirs.conv1.bn.running_var)
    assert not load_weights(path, heads=False).info.architecture.heads


def test_torchvisions_published_preprocessing_is_its_own_with_transform_input():
    from PIL import Image

    random = np.random.default_rng(0)
    for size in ((451, 300), (300, 451), (257, 256), (640, 427), (333, 333)):
        picture = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        transforms = torchvision.models.GoogLeNet_Weights.IMAGENET1K_V1.transforms()
        normalized = transforms(picture)
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        expected = normalized * (std / 0.5) + (mean - 0.5) / 0.5  # GoogLeNet._transform_input
        torch.testing.assert_close(TORCHVISION_PREPROCESS(picture), expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(IMAGENET_PREPROCESS(picture), normalized, atol=1e-6, rtol=0)


# --------------------------------------------------------------------------------- safetensors, ours


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
    assert read == info and again.architecture == architecture and not again.training
    assert same(again.state_dict(), network.state_dict())
    x = torch.randn(1, *architecture.input)
    assert torch.equal(again(x).logits, network(x).logits)
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_the_header_can_be_read_by_others(tmp_path):
    path = save_weights(tiny(), tmp_path / "x.safetensors", classes=list("abcdefg"))
    with safe_open(path, framework="np") as file:
        header = file.metadata()
    assert json.loads(header["classes"]) == list("abcdefg")
    assert json.loads(header["architecture"])["name"] == "googlenet-paper"
    assert json.loads(header["preprocess"])["channels"] == "BGR"


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


def test_our_plain_state_dict_is_recognized(tmp_path):
    for variant in ("paper", "inception5h", "torchvision"):
        architecture = googlenet(variant, classes=4, heads=False)
        with torch.device("meta"):
            empty = Network(architecture)
        state = {key: torch.zeros(value.shape) for key, value in empty.state_dict().items()}
        torch.save(state, tmp_path / "x.pt")
        assert load_weights(tmp_path / "x.pt").info.architecture == architecture


# ------------------------------------------------------------------------------------ refusals


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


def test_what_does_not_fit_is_named(tmp_path):
    path = save_weights(tiny(), tmp_path / "x.safetensors")
    with pytest.raises(WeightsError) as error:
        load_weights(path, architecture=googlenet(width=0.05, classes=9))
    assert one_sentence(error) == (
        f"{path}: these weights do not fit the network: aux1.classifier.linear.weight is 7x51 in the file "
        f"and 9x51 in googlenet-paper (and 5 more)."
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
    good = formats._metadata(Weights(name="x", architecture=TINY, preprocess=BVLC_PREPROCESS))
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
    header = formats._metadata(Weights(name="x", architecture=huge, preprocess=BVLC_PREPROCESS))
    save_file({"a.linear.weight": torch.zeros(1)}, tmp_path / "x.safetensors", metadata=header)
    with pytest.raises(WeightsError, match=r"a\.linear\.weight is 1 in the file and 10000000x243 in huge"):
        load_weights(tmp_path / "x.safetensors")


# ------------------------------------------------------------------------------------- fetching


class Site(http.server.BaseHTTPRequestHandler):
    """A site with a small caffemodel, which it may break off or deny."""

    content = caffemodel(as_caffe(tiny(googlenet(width=0.05, heads=False)).state_dict()), "old")
    asked: list[str] = []  # noqa: RUF012 (shared on purpose)

    def do_GET(self):
        self.asked.append(self.path)
        if self.path.startswith("/missing"):
            return self.send_error(404, "Not Found")
        self.send_response(200)
        if not self.path.startswith("/unsized"):
            self.send_header("Content-Length", str(len(self.content)))
        self.end_headers()
        half = "broken" in self.path
        self.wfile.write(self.content[: len(self.content) // 2] if half else self.content)

    def log_message(self, *args):
        pass


@pytest.fixture
def site(monkeypatch, tmp_path):
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    Site.asked.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


SHA1 = "sha1:" + hashlib.sha1(Site.content).hexdigest()


def serve_bvlc(monkeypatch, url, sha=SHA1):
    """Make `bvlc` a small network from our own site; all else is the real path."""
    real = published
    info = replace(real("bvlc"), architecture=googlenet(width=0.05), url=f"{url}/model.caffemodel", sha=sha)
    for module in (published_weights, loading):
        monkeypatch.setattr(module, "published", lambda name: info if name == "bvlc" else real(name))


def test_a_name_is_fetched_once_verified_and_kept(site, monkeypatch, tmp_path, capfd):
    serve_bvlc(monkeypatch, site)
    assert cached("bvlc") is None and not Site.asked
    network, info = load_weights("bvlc")
    assert "model.caffemodel" in capfd.readouterr().err  # the bar
    assert cached("bvlc") == tmp_path / "cache" / "model.caffemodel"
    assert info.name == "bvlc" and info.architecture == googlenet(width=0.05, heads=False)
    assert same(network.state_dict(), tiny(googlenet(width=0.05, heads=False)).state_dict())
    load_weights("bvlc", progress=False)
    assert Site.asked == ["/model.caffemodel"] and not capfd.readouterr().err
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["model.caffemodel"]


def test_torch_hubs_own_copy_is_used(site, tmp_path):
    assert cached("torchvision") is None
    file = tmp_path / "torch" / "hub" / "checkpoints" / "googlenet-1378be20.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert cached("torchvision") == file


@pytest.mark.parametrize(
    ("page", "sha", "sentence"),
    [
        ("good", "sha1:" + "0" * 40, f"has the sha1 {SHA1[5:]}, not {'0' * 40}, and was not kept"),
        ("good", "sha256:12345678", "not 12345678, and was not kept"),
        ("broken", SHA1, "broke off after"),
        ("unsized/broken", SHA1, "and was not kept"),
        ("missing", SHA1, "the download failed"),
    ],
)
def test_a_failed_download_gets_one_sentence_and_leaves_nothing(site, tmp_path, page, sha, sentence):
    with pytest.raises(WeightsError) as error:
        download(f"{site}/{page}", tmp_path / "cache" / "x", sha, progress=False)
    assert sentence in one_sentence(error) and f"{site}/{page}" in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_offline_gets_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.HTTPServer(("127.0.0.1", 0), Site)
    server.server_close()  # a port where nobody listens
    serve_bvlc(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(WeightsError) as error:
        load_weights("bvlc")
    assert "the download failed (" in one_sentence(error) and "refused" in str(error.value)
    assert str(tmp_path / "cache" / "model.caffemodel") in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_a_prefix_of_the_digest_will_do_and_the_folder_may_be_read_only(site, tmp_path):
    sha256 = "sha256:" + hashlib.sha256(Site.content).hexdigest()[:8]
    assert download(f"{site}/good", tmp_path / "a" / "b", sha256, progress=False).read_bytes() == Site.content
    (tmp_path / "file").write_text("")
    with pytest.raises(WeightsError, match="cannot be written"):
        download(f"{site}/good", tmp_path / "file" / "b", sha256, progress=False)


def test_an_interrupted_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), replacing(path) as new:
        new.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old" and len(list(tmp_path.iterdir())) == 1
    with replacing(path) as new:
        new.write_text("new")
    assert path.read_text() == "new" and len(list(tmp_path.iterdir())) == 1


def test_published_weights_are_described_without_being_fetched():
    bvlc, theirs = published("bvlc"), published("torchvision")
    assert bvlc.sha == "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204"
    assert theirs.sha == "sha256:1378be20" and theirs.url.endswith("googlenet-1378be20.pth")
    assert len(bvlc.classes) == len(theirs.classes) == 1000
    assert bvlc.license and bvlc.source and theirs.license and theirs.source
    with pytest.raises(InceptionError, match=r"no published weights named 'vgg'; there are bvlc and "):
        published("vgg")
