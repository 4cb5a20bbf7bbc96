"""Networks for other programs: onnxruntime, OpenCV and a torch without us answer as the network does."""

import copy
import errno
import json
import re
import resource
import subprocess
import sys
import tarfile
import warnings
from collections import Counter
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
import onnx
import onnxruntime
import pytest
import skimage
import torch
from small import CLASSES, ROOT, command, refused, shortened
from small import network as small_network
from torch import nn
from weights_helpers import one_sentence, tiny

from inception_lib import InceptionError, googlenet
from inception_lib.architecture import LRN, Architecture, Conv, GlobalPool, Linear
from inception_lib.cli import main
from inception_lib.data.decoding import read_picture
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess
from inception_lib.errors import InceptionWarning
from inception_lib.history import build
from inception_lib.nn import layers, lrn
from inception_lib.nn.network import Network
from inception_lib.weights import export as exporting
from inception_lib.weights.export import export
from inception_lib.weights.formats import save_weights
from inception_lib.weights.header import info_of
from inception_lib.weights.info import Weights
from inception_lib.weights.loading import load_weights

SHARED = (ROOT / ".." / "shared").resolve()
BVLC = SHARED / "weights" / "bvlc_googlenet.caffemodel"
needs_bvlc = pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")

FOLDER = Path(skimage.__file__).parent / "data"
PICTURES = (
    *("astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png"),
    *("coins.png", "grass.png", "motorcycle_left.png", "rocket.jpg", "retina.jpg"),
)


def network(seed, preprocess=None):
    """A small network of few modules: exporting takes as long as there are layers, of any size."""
    made = shortened(googlenet(width=0.1, classes=len(CLASSES), heads=False))
    return small_network(seed, preprocess, architecture=made)


# each opens a file, and gives what runs it: images to logits


def in_onnxruntime(path):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: session.run(["logits"], {"images": images.numpy()})[0]


def in_opencv(path):
    program = cv2.dnn.readNetFromONNX(str(path))

    def run(images):
        program.setInput(images.numpy(), "images")
        return program.forward("logits")

    return run


def in_torch(path):
    module = torch.export.load(path).module()
    return lambda images: module(images).detach().numpy()


def logits_of(model, images):
    with torch.no_grad():
        return model(images).logits.numpy()


def metadata_of(path):
    if path.suffix == ".onnx":
        return {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    extra = {exporting.METADATA: ""}
    torch.export.load(path, extra_files=extra)
    return json.loads(extra[exporting.METADATA])


# ------------------------------------------------------------------------- whole networks on ten photographs


def papers():
    """The paper's network with BVLC's weights, or with random ones where those are not there."""
    if BVLC.exists():
        return load_weights(BVLC, heads=False)
    made = Network(googlenet(heads=False), generator=torch.Generator().manual_seed(0)).eval()
    return made, Weights(name="paper", architecture=made.architecture, preprocess=BVLC_PREPROCESS)


def torchvisions():
    """torchvision's variant with random weights, and with the statistics that these have on photographs."""
    made = Network(googlenet("torchvision", heads=False), generator=torch.Generator().manual_seed(0))
    info = Weights(name="tv", architecture=made.architecture, preprocess=TORCHVISION_PREPROCESS)
    for module in made.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0  # the statistics of the only pass
    with torch.no_grad():
        made.train()(torch.stack([info.preprocess(FOLDER / name) for name in PICTURES]))
    return made.eval(), info


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Whole networks: what makes each; and each, the photographs and its logits, and its files, made once."""

    @cache
    def on_photographs(make):
        model, info = make()
        images = torch.stack([info.preprocess(FOLDER / name) for name in PICTURES])
        return model, info, images, logits_of(model, images)

    @cache
    def file(make, suffix):
        model, info, *_ = on_photographs(make)
        return export(model, tmp_path_factory.mktemp("whole") / f"network.{suffix}", info)

    yield on_photographs, file
    on_photographs.cache_clear()  # of 100 MB


@pytest.mark.slow
@pytest.mark.parametrize(
    ("made", "suffix"), [(papers, "onnx"), (torchvisions, "onnx"), (torchvisions, "pt2")]
)
def test_ten_photographs_in_batches_of_one_and_five(made, suffix, whole):
    on_photographs, file = whole
    _, info, images, expected = on_photographs(made)
    path = file(made, suffix)
    assert [p.name for p in path.parent.iterdir()] == [path.name]  # one file, and no weights beside it
    assert np.abs(expected).max() > 0.1 and len(images) == 10
    for program in (in_onnxruntime, in_opencv) if suffix == "onnx" else (in_torch,):
        run = program(path)
        alone = np.concatenate([run(images[i : i + 1]) for i in range(10)])
        fives = np.concatenate([run(images[i : i + 5]) for i in (0, 5)])
        for found in (alone, fives):
            assert found.shape == (10, info.architecture.classes)
            assert np.abs(found - expected).max() < 1e-4, program.__name__


@pytest.mark.slow
@needs_bvlc
def test_bvlcs_network_in_onnxruntime_gives_the_logits_that_caffes_weights_should_give(whole):
    on_photographs, file = whole
    _, info, *_ = on_photographs(papers)
    expected = np.load(SHARED / "weights" / "expected_bvlc_logits.npz")
    with tarfile.open(SHARED / "datasets" / "imagenet-samples-384.tar") as tar:
        images = [
            info.preprocess(read_picture(tar.extractfile(f"imagenet-samples-384/{name}")))
            for name in expected["photo"][:10]
        ]
    logits = in_onnxruntime(file(papers, "onnx"))(torch.stack(images))
    assert np.abs(logits - expected["logits"][:10]).max() < 1e-3


# --------------------------------------------------------------------------------------------- what is in it


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A small network and what is known of it, and its files by their endings."""
    folder, (model, info) = tmp_path_factory.mktemp("small"), network(0)
    return model, info, {s: export(model, folder / f"small.{s}", info) for s in exporting.FORMATS}


@pytest.fixture(params=exporting.FORMATS)
def small(request, files):
    return *files[:2], files[2][request.param]


@pytest.mark.slow
def test_the_file_says_all_that_the_header_of_safetensors_says(small, tmp_path):
    model, info, path = small
    found, saved = metadata_of(path), load_weights(save_weights(model, tmp_path / "w.safetensors", info)).info
    assert info_of(path, found) == saved
    assert json.loads(found["classes"]) == ["ant", "bee", "cat"]
    assert json.loads(found["preprocess"])["crop"] == 48


@pytest.mark.slow
def test_inputs_and_outputs_have_names_and_any_batch(small):
    model, _, path = small
    if path.suffix == ".onnx":
        (images,), (logits,) = onnx.load(path).graph.input, onnx.load(path).graph.output
        sizes = [[d.dim_param or d.dim_value for d in v.type.tensor_type.shape.dim] for v in (images, logits)]
        assert (images.name, logits.name, sizes) == ("images", "logits", [["batch", 3, 48, 48], ["batch", 3]])
    run = (in_onnxruntime if path.suffix == ".onnx" else in_torch)(path)
    for batch in (1, 2, 3, 17):
        images = 100 * torch.randn(batch, 3, 48, 48, generator=torch.Generator().manual_seed(batch))
        np.testing.assert_allclose(run(images), logits_of(model, images), rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_nothing_in_it_names_a_folder_of_this_machine(small):
    content = small[2].read_bytes()
    for folder in (ROOT, Path(torch.__file__).parent, Path.home()):
        assert str(folder).encode() not in content
    assert b"site-packages" not in content


@pytest.mark.slow
def test_a_torch_without_this_library_runs_it(files, tmp_path):
    model, _, paths = files
    images = 100 * torch.randn(5, 3, 48, 48, generator=torch.Generator().manual_seed(1))
    torch.save(images, tmp_path / "images.pt")
    code = (
        "import sys; sys.modules['inception_lib'] = None; import torch; "
        f"run = torch.export.load({str(paths['pt2'])!r}).module(); "
        "logits = run(torch.load('images.pt')); "
        "assert type(logits) is torch.Tensor; torch.save(logits.detach(), 'logits.pt')"
    )
    subprocess.run([sys.executable, "-I", "-c", code], cwd=tmp_path, check=True)
    np.testing.assert_allclose(torch.load(tmp_path / "logits.pt"), logits_of(model, images), atol=1e-5)


def operators(program):
    return Counter(node.op_type for node in program.model_proto.graph.node)


@pytest.mark.slow
def test_lrn_is_onnxs_own_operator_for_whoever_exports():
    model = tiny(shortened(googlenet(width=0.05, classes=7, heads=False)))
    found = operators(torch.onnx.export(model, (torch.zeros(1, 3, 64, 64),), verbose=False))
    assert found.keys() == {"Conv", "Relu", "MaxPool", "Concat", "LRN", "ReduceMean", "Reshape", "Gemm"}
    assert found["LRN"] == 2 and found["Conv"] == 3 + 2 * 6


class Norms(nn.Module):
    """LRN of several sizes, each on the same input."""

    def __init__(self, *sizes):
        super().__init__()
        self.norms = nn.ModuleList(
            layers.LRN(LRN(name="norm", size=size, alpha=2, beta=0.75, k=1)) for size in sizes
        )

    def forward(self, x):
        return tuple(norm(x) for norm in self.norms)


@pytest.mark.slow
@pytest.mark.parametrize("half", [False, True])
def test_lrn_of_any_size_and_of_half_precision_is_exported_right(half, tmp_path):
    """ONNX's window of an even size begins one channel later than torch's: that one is written out."""
    sizes = 1, 4, 5
    x = torch.randn(2, 9, 3, 3, generator=torch.Generator().manual_seed(0))
    expected = [nn.functional.local_response_norm(x, size, 2.0, 0.75, 1.0) for size in sizes]
    x = x.half() if half else x
    program = torch.onnx.export(Norms(*sizes).eval(), (x,), input_names=["x"], verbose=False)
    program.save(tmp_path / "norm.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "norm.onnx", providers=["CPUExecutionProvider"])
    native = [n.attribute for n in program.model_proto.graph.node if n.op_type == "LRN"]
    assert sorted(a.i for attributes in native for a in attributes if a.name == "size") == [1, 5]
    for found, right in zip(session.run(None, {"x": x.numpy()}), expected, strict=True):
        assert found.dtype == x.numpy().dtype
        np.testing.assert_allclose(found, right, atol=2e-3 if half else 1e-5)


@pytest.mark.slow
def test_the_older_exporter_of_torch_works_too(tmp_path):
    model, x = tiny(shortened(googlenet(width=0.05, classes=7, heads=False))), torch.randn(2, 3, 64, 64)
    with warnings.catch_warnings(action="ignore"):
        torch.onnx.export(
            model.as_classifier(), (x,), tmp_path / "x.onnx", dynamo=False, input_names=["images"],
            output_names=["logits"],
        )  # fmt: skip
    np.testing.assert_allclose(in_onnxruntime(tmp_path / "x.onnx")(x), logits_of(model, x), atol=1e-5)


# -------------------------------------------------------------------------------------- what may be exported


SMALL = {
    "inception5h": shortened(googlenet("inception5h", width=0.1, classes=3, input_size=96)),
    "separable": shortened(googlenet(stem="separable", width=0.1, classes=3, input_size=96)),
    "torchvision": shortened(googlenet("torchvision", width=0.1, classes=3, input_size=96)),
    "one channel": build("lenet5"),
    "even LRN": Architecture(
        name="even",
        input=(3, 9, 9),
        layers=(
            Conv(name="c", out_channels=7, kernel=3),
            LRN(name="n", size=4, alpha=0.5),
            GlobalPool(name="g"),
            Linear(name="out", out_features=2),
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
def test_a_network_that_was_never_loaded_has_its_own_size_and_no_preprocessing(name, tmp_path):
    """Its heads, if any, are left out."""
    model = tiny(SMALL[name])
    path = export(model, tmp_path / "x.onnx")
    images = torch.rand(4, *SMALL[name].input, generator=torch.Generator().manual_seed(0))
    np.testing.assert_allclose(in_onnxruntime(path)(images), logits_of(model, images), rtol=1e-4, atol=1e-5)
    found = metadata_of(path)
    assert "preprocess" not in found and not json.loads(found["architecture"])["heads"]
    assert in_onnxruntime(path)(images).shape == (4, SMALL[name].classes)


@pytest.mark.slow
def test_a_network_in_any_state_and_wrapper_is_exported_and_left_as_it_is(tmp_path):
    model, info = network(0)
    model.info = info
    images = torch.randn(3, 3, 48, 48, generator=torch.Generator().manual_seed(0))
    expected = logits_of(model, images)
    model = model.double().train()
    state = copy.deepcopy(model.state_dict())
    forms = (model, model.as_classifier(), nn.DataParallel(model), torch.compile(model, backend="eager"))
    for form in forms:
        path = export(form, tmp_path / "x.pt2", classes=["x", "y", "z"])
        np.testing.assert_allclose(in_torch(path)(images), expected, rtol=1e-4, atol=1e-5)
        assert json.loads(metadata_of(path)["classes"]) == ["x", "y", "z"]
    assert model.training and all(torch.equal(v, state[k]) for k, v in model.state_dict().items())
    assert all(v.dtype == state[k].dtype for k, v in model.state_dict().items())


# -------------------------------------------------------------------------------------------- what goes wrong


def wrong(*arguments, **others):
    with pytest.raises(InceptionError) as error:
        export(*arguments, **others)
    return one_sentence(error)


def test_files_that_cannot_be_written_are_refused_before_anything_is_made(tmp_path):
    (tmp_path / "folder.onnx").mkdir()
    for name, sentence in (
        ("x.tflite", "end in .onnx or .pt2"),
        ("onnx", "end in .onnx or .pt2"),
        ("x.ONNX", "end in .onnx or .pt2"),
        ("none/x.onnx", "in a folder that is there"),
        ("folder.onnx", "in a folder that is there"),
    ):
        said = wrong(None, tmp_path / name)
        assert said.startswith(f"{tmp_path / name}: ") and sentence in said


def test_a_network_that_no_file_can_describe(tmp_path):
    model, info = network(0)
    assert "only a Network" in wrong(nn.Linear(3, 4), tmp_path / "x.pt2")
    assert "2 class names for the 3 outputs" in wrong(model, tmp_path / "x.pt2", info, classes=["x", "y"])
    model.classifier.linear = nn.Linear(model.classifier.linear.in_features, 5)
    assert "a layer was exchanged" in wrong(model, tmp_path / "x.pt2", info)
    model, info = network(0)
    model.classifier.linear.bias.data[1] = torch.nan
    assert "not a number" in wrong(model, tmp_path / "x.pt2", info)
    assert not list(tmp_path.iterdir())


def test_a_crop_that_the_network_does_not_take(tmp_path):
    model, info = network(0, Preprocess(resize=40, crop=32))
    assert "a 32x32 input does not fit" in wrong(model, tmp_path / "x.pt2", info)


@pytest.mark.parametrize("package", ["onnx", "onnxscript"])
def test_without_the_packages_it_says_how_to_get_them(package, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: None if name == package else find_spec(name))
    said = wrong(None, tmp_path / "x.onnx")
    assert f"torch needs {package} to write ONNX" in said and "inception-lib[export]" in said
    exporting.check_target(tmp_path / "x.pt2")


@pytest.mark.slow
def test_without_onnxruntime_it_is_written_and_says_that_it_was_not_compared(tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "find_spec", lambda name: name != "onnxruntime" or None)
    with pytest.warns(InceptionWarning, match="was not compared with the network"):
        path = export(network(0).network, tmp_path / "x.onnx")
    onnx.checker.check_model(onnx.load(path))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["onnx", "pt2"])
def test_a_file_that_answers_otherwise_is_not_written(suffix, tmp_path, monkeypatch):
    path = tmp_path / f"x.{suffix}"
    path.write_text("of before")
    right = lrn.local_response_norm

    def otherwise(x, size, alpha, beta, k):
        return right(x, size, 1000 * alpha if torch.compiler.is_exporting() else alpha, beta, k)

    monkeypatch.setattr(lrn, "local_response_norm", otherwise)
    assert "was not written, since its logits differ from the network's by" in wrong(network(0).network, path)
    assert path.read_text() == "of before" and len(list(tmp_path.iterdir())) == 1


def test_a_full_disk_leaves_the_file_of_before(tmp_path, monkeypatch):
    path = tmp_path / "x.pt2"
    path.write_text("of before")

    def full(self, content):
        with self.open("wb") as file:
            file.write(content[:1000])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(type(tmp_path), "write_bytes", full)
    assert "No space left" in wrong(network(0).network, path)
    monkeypatch.undo()
    assert path.read_text() == "of before" and len(list(tmp_path.iterdir())) == 1


# ---------------------------------------------------------------------------------------------- the command


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    model, info = network(0)
    return save_weights(model, tmp_path_factory.mktemp("weights") / "mine.safetensors", info)


@pytest.mark.slow
def test_the_command_says_what_goes_in_and_what_comes_out(weights, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["export", "--weights", str(weights)]) == 0
    assert main(["export", "--weights", str(weights), "--format", "pt2"]) == 0
    assert main(["export", "--weights", str(weights), "--out", "other.pt2"]) == 0
    said = capsys.readouterr()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mine.onnx", "mine.pt2", "other.pt2"]
    assert not said.err and re.match(r"mine\.onnx  0\.\d MB\nimages  float32 \(batch, 3, 48, 48\)", said.out)
    assert "shorter side 54 (bilinear), center 48 x 48, RGB from 0 to 255\n" in said.out
    assert "logits  float32 (batch, 3), before the softmax: ant, bee, cat\n" in said.out


def test_the_command_refuses_in_a_sentence(weights, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.pth").write_text("no weights")
    for arguments, sentence in (
        (("--weights", tmp_path / "none.pth"), "there is no such file"),
        (("--weights", tmp_path / "text.pth"), "not weights that can be read here"),
        (("--weights", weights, "--out", tmp_path / "none" / "x.onnx"), "in a folder that is there"),
        (("--weights", weights, "--out", weights), "end in .onnx or .pt2"),
        (("--weights", weights, "--format", "onnx", "--out", "x.pt2"), "ends in .onnx"),
    ):
        assert sentence in refused(capsys, "export", *arguments)
    assert main(["export", "--format", "tflite"]) == 2
    assert [p.name for p in tmp_path.iterdir()] == ["text.pth"]


@pytest.mark.slow
def test_the_real_command_on_a_full_disk(weights, tmp_path):
    limit = 10_000  # bytes
    done = command(
        "export", "--weights", weights, "--out", tmp_path / "x.pt2",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )  # fmt: skip
    assert done.returncode == 1 and not done.stdout and not list(tmp_path.iterdir())
    assert done.stderr.startswith(f"inception: {tmp_path / 'x.pt2'}: the file cannot be written (")
    assert done.stderr.count("\n") == 1
