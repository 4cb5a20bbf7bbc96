"""The command line: what it prints, and how it fails."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import termios
import time
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
import skimage
import torch
from PIL import Image

from inception_lib import cli, count, googlenet, networks, paper
from inception_lib.cli import main
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights

ROOT = Path(__file__).parents[1]
BVLC = (ROOT / ".." / "shared" / "weights" / "bvlc_googlenet.caffemodel").resolve()
BUNDLED = ROOT / "data" / "networks" / "shapes-1.safetensors"
PHOTOS = Path(skimage.__file__).parent / "data"

needs_bvlc = pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")


def run(*arguments, **options):
    """The real command, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "inception_lib", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **options,
    )


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A small network of four classes, saved."""
    torch.manual_seed(0)
    network = Network(googlenet(width=0.1, classes=4, heads=False))
    path = tmp_path_factory.mktemp("weights") / "small.safetensors"
    return save_weights(network, path, classes=["ant", "bee", "cat", "dog"])


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 60, 3), dtype=np.uint8)).save(path)
    return path


def refused(capsys, *arguments, status=1):
    """What main() says on stderr when it refuses: one sentence."""
    assert main(list(map(str, arguments))) == status
    captured = capsys.readouterr()
    assert captured.err.startswith("inception: ") and captured.err.endswith(".\n")
    assert captured.err.count("\n") == 1 and "Traceback" not in captured.err
    return captured.err


# ---------------------------------------------------------------------------------------- count, audit


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--no-heads"], {"heads": False}),
        (["--variant", "torchvision"], {"variant": "torchvision"}),
        (
            ["--width", "0.5", "--classes", "10", "--stem", "separable", "--input-size", "192"],
            {"width": 0.5, "classes": 10, "stem": "separable", "input_size": 192},
        ),
    ],
)
def test_count_prints_the_counts(capsys, arguments, options):
    expected = count(googlenet(**options))
    assert main(["count", *arguments]) == 0
    assert capsys.readouterr().out == expected.to_text() + "\n"
    assert main(["count", *arguments, "--formulas"]) == 0
    assert capsys.readouterr().out == expected.to_text(formulas=True) + "\n"
    assert main(["count", *arguments, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["MACs"] == expected.macs
    assert main(["count", *arguments, "--format", "csv"]) == 0
    assert capsys.readouterr().out == expected.table().to_csv()


@pytest.mark.parametrize(
    ("arguments", "architecture"),
    [
        (["--network", "googlenet"], googlenet()),
        (["--network", "vgg16"], networks.vgg(16)),
        (["--network", "lenet5", "--classes", "26"], networks.lenet5(classes=26)),
        (
            ["--network", "resnet50", "--variant", "torchvision", "--input-size", "160"],
            networks.resnet(50, "torchvision", input_size=160),
        ),
        (["--network", "bn_inception", "--stem", "plain"], networks.bn_inception(stem="plain")),
        (["--network", "inception_v3", "--no-heads"], networks.inception_v3(heads=False)),
        (["--network", "resnet34", "--no-heads"], networks.resnet(34)),
    ],
)
def test_count_takes_the_other_networks(capsys, arguments, architecture):
    assert main(["count", *arguments]) == 0
    assert capsys.readouterr().out == count(architecture).to_text() + "\n"


def test_count_refuses_what_a_network_does_not_have(capsys):
    assert refused(capsys, "count", "--network", "vgg16", "--width", 0.5) == (
        "inception: --width is not an option of VGG-16.\n"
    )
    assert "--stem is not an option of ResNet-50" in refused(
        capsys, "count", "--network", "resnet50", "--stem", "plain"
    )
    assert "There is no variant 'inception5h'" in refused(
        capsys, "count", "--network", "alexnet", "--variant", "inception5h"
    )
    assert "pool5: a 2x2 kernel is larger" in refused(
        capsys, "count", "--network", "vgg19", "--input-size", 31
    )


def test_audit_prints_the_audit(capsys):
    expected = paper.audit()
    assert main(["audit"]) == 0
    assert capsys.readouterr().out == expected.to_text() + "\n"
    assert main(["audit", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(expected)
    assert main(["audit", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("\n") == len(expected) + 1


def test_impossible_networks_are_refused(capsys):
    assert "pool3: a 3x3 kernel is larger than its padded input" in refused(
        capsys, "count", "--no-heads", "--input-size", 20
    )
    assert "width multiplier" in refused(capsys, "count", "--width", 0)
    assert "classifier: the number of outputs" in refused(capsys, "count", "--classes", 0, "--no-heads")


@pytest.mark.parametrize("width", ["1e308", "1e9", "1001", "nan", "inf", "-1", "0"])
def test_no_network_is_so_wide(capsys, width):
    assert "width multiplier" in refused(capsys, "count", "--width", width)


def test_what_is_not_understood_is_status_2(capsys):
    for arguments in (
        [],
        ["fly"],
        ["count", "--variant", "vgg"],
        ["count", "--width", "wide"],
        ["count", "--network", "vgg11"],
    ):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.err and not captured.out
    assert main(["predict", "--help"]) == 0
    assert "PHOTO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["count", "--format", "text"], ("torch", "pandas", "numpy", "PIL")),
        (["count", "--format", "json"], ("torch", "pandas", "numpy", "PIL")),
        (["count", "--network", "inception_v4"], ("torch", "pandas", "numpy", "PIL")),
        (["audit"], ("torch", "pandas")),
    ],
)
def test_counting_waits_for_nothing_it_does_not_need(arguments, never):
    code = (
        f"import sys; from inception_lib.cli import main; status = main({arguments}); "
        f"assert not set({never}) & set(sys.modules); sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 20, 80])
def test_help_ends_on_any_terminal(columns):
    for arguments, status in ((["--help"], 0), (["count", "--help"], 0), (["count", "--widht", "1"], 2)):
        done = run(*arguments, env=os.environ | {"COLUMNS": str(columns)}, timeout=60)
        assert done.returncode == status and (done.stdout or done.stderr)


def test_the_width_of_the_terminal_stays_what_it_was(monkeypatch, capsys):
    for value in ("3", None):
        monkeypatch.delenv("COLUMNS", raising=False)
        if value:
            monkeypatch.setenv("COLUMNS", value)
        assert main(["count"]) == 0 and os.environ.get("COLUMNS") == value


@pytest.mark.parametrize("command", ["count", "audit --format csv", "count --help"])
@pytest.mark.parametrize(
    ("redirection", "status"), [(">&-", 1), (">/dev/full", 1), ("2>&-", 0), ("2>/dev/full", 0), ("<&-", 0)]
)
def test_streams_that_cannot_be_written(command, redirection, status):
    line = f"PYTHONUNBUFFERED= {sys.executable} -m inception_lib {command} {redirection}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status and "Traceback" not in done.stderr
    if status:
        assert done.stderr.startswith("inception: stdout") and done.stderr.count("\n") == 1
    else:
        assert done.stdout and not done.stderr


def test_importing_loads_nothing_that_is_not_needed():
    code = "import sys, inception_lib.cli; print({'torch', 'pandas', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# -------------------------------------------------------------------------------------------- predict


@needs_bvlc
def test_the_cat_is_a_cat_and_the_coffee_a_coffee(capsys):
    chelsea, coffee = PHOTOS / "chelsea.png", PHOTOS / "coffee.png"
    assert main(["predict", str(chelsea), str(coffee), "--weights", str(BVLC)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == str(chelsea) and lines[6] == str(coffee) and len(lines) == 12
    assert any("cat" in line for line in lines[1:6]) and "Egyptian cat" in "\n".join(lines[1:6])
    assert lines[7].endswith("espresso")
    shown = [float(line.split("%")[0]) for line in lines[1:6]]
    assert shown == sorted(shown, reverse=True) and 90 < sum(shown) <= 100


def test_predict_as_json(capsys, weights, photo):
    photos, weights = [str(photo)] * 2, str(weights)
    assert main(["predict", *photos, "--weights", weights, "--format", "json", "--top", "9"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["weights"] == "small" and len(answer["pictures"]) == 2
    predictions = answer["pictures"][0]["predictions"]
    assert {p["class"] for p in predictions} == {"ant", "bee", "cat", "dog"}
    assert sum(p["probability"] for p in predictions) == pytest.approx(1)
    assert all(["ant", "bee", "cat", "dog"][p["output"]] == p["class"] for p in predictions)


def test_predict_by_weights_that_name_no_classes(capsys, tmp_path, photo):
    network = Network(googlenet(width=0.1, classes=3, heads=True))
    path = save_weights(network, tmp_path / "x.safetensors")
    assert main(["predict", str(photo), "--weights", str(path), "--top", "1"]) == 0
    assert "%  class " in capsys.readouterr().out


def test_one_bad_picture_does_not_stop_the_others(capsys, weights, photo, tmp_path):
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    none = tmp_path / "none.png"
    assert main(["predict", str(text), str(photo), str(none), "--weights", str(weights)]) == 1
    captured = capsys.readouterr()
    assert captured.out.splitlines()[0] == str(photo) and captured.out.count("%") == 4
    assert captured.err.splitlines() == [
        f"inception: {text}: this is not a picture in any format that can be read here.",
        f"inception: {none}: there is no such file.",
    ]
    assert main(["predict", str(text), str(photo), "--weights", str(weights), "--format", "json"]) == 1
    pictures = json.loads(capsys.readouterr().out)["pictures"]
    assert "not a picture" in pictures[0]["error"] and pictures[1]["predictions"]


@pytest.mark.parametrize("format", ["text", "json"])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_not_a_number_is_no_answer(capsys, monkeypatch, weights, photo, format, value):
    from inception_lib.weights import loading

    real = loading.load_weights

    def broken(*args, **more):
        loaded = real(*args, **more)
        loaded.network.classifier.linear.bias.data[1] = value
        return loaded

    monkeypatch.setattr(loading, "load_weights", broken)
    assert main(["predict", str(photo), "--weights", str(weights), "--format", format]) == 1
    said = capsys.readouterr()
    assert str(photo) in said.err and said.err.count("\n") == 1 and "nan" not in said.out.lower()
    if format == "json":
        (answer,) = json.loads(said.out, parse_constant=pytest.fail)["pictures"]
        assert answer["error"] and "predictions" not in answer


@pytest.mark.parametrize("mode", ["transparent", "deep"])
def test_any_kind_of_picture_is_read_as_the_format_means_it(capsys, weights, tmp_path, mode):
    """A line on full transparency is a line on white; 16 bits of gray are 8 finer ones."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 60), dtype=np.uint8)
    if mode == "transparent":
        layers = np.stack([np.zeros_like(pixels)] * 3 + [pixels], 2)
        Image.fromarray(layers, "RGBA").save(tmp_path / "odd.png")
        Image.fromarray(255 - pixels).save(tmp_path / "plain.png")
    else:
        Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "odd.png")
        Image.fromarray(pixels).save(tmp_path / "plain.png")
    found = []
    for name in ("odd", "plain"):
        arguments = ["predict", str(tmp_path / f"{name}.png"), "--weights", str(weights), "--format", "json"]
        assert main(arguments) == 0
        found.append(json.loads(capsys.readouterr().out)["pictures"][0]["predictions"])
    assert [p["class"] for p in found[0]] == [p["class"] for p in found[1]]
    assert [p["probability"] for p in found[0]] == pytest.approx(
        [p["probability"] for p in found[1]], rel=1e-5
    )


def test_names_do_not_command_the_terminal(capsys, tmp_path, photo):
    network = Network(googlenet(width=0.1, classes=2, heads=False))
    path = save_weights(network, tmp_path / "x.safetensors", classes=["a\x1b[31m", "b"])
    odd = photo.rename(tmp_path / "\x1b]0;title\x07.png")
    assert main(["predict", str(odd), str(tmp_path / "\x1b[2J"), "--weights", str(path)]) == 1
    said = capsys.readouterr()
    assert "a\\x1b[31m" in said.out and "\\x1b]0;title\\x07.png" in said.out
    assert "\x1b" not in said.out + said.err and "\\x1b[2J" in said.err


@pytest.mark.parametrize(
    ("variable", "arguments"),
    [
        ("INCEPTION_CACHE", ["predict", "x.png"]),
        ("INCEPTION_CACHE", ["evaluate", "--data", "cifar10"]),
        ("INCEPTION_DATA", ["evaluate", "--data", "cifar10", "--weights", BUNDLED]),
        ("INCEPTION_RESULTS", ["evaluate", "--data", "shapes", "--record", "x"]),
    ],
)
def test_a_home_that_is_not_known_is_one_sentence(capsys, monkeypatch, variable, arguments):
    monkeypatch.setenv(variable, "~nobody-of-that-name/x")
    assert "~nobody-of-that-name" in refused(capsys, *arguments)


def test_bad_pictures(capsys, weights, photo, tmp_path):
    cut = tmp_path / "cut.png"
    cut.write_bytes(photo.read_bytes()[:3000])
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    for path, sentence in (
        (cut, "damaged"),
        (empty, "empty"),
        (tmp_path, "folder"),
        (tmp_path / "none", "no such file"),
    ):
        said = refused(capsys, "predict", path, "--weights", weights)
        assert str(path) in said and sentence in said
    assert "at least one picture" in refused(capsys, "predict", "--weights", weights)
    assert "--top must be at least 1" in refused(capsys, "predict", photo, "--top", 0)


def test_bad_weights(capsys, photo, tmp_path):
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(b"\x0a\x09GoogleNet\xa2\x06\xff\xff\x7f")
    other = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), other)
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    for path, sentence in (
        (cut, "damaged or cut short"),
        (text, "damaged or cut short"),
        (other, "another network"),
        (tmp_path / "none.pth", "no such file"),
        (tmp_path, "Is a directory"),
    ):
        said = refused(capsys, "predict", photo, "--weights", path)
        assert str(path) in said and sentence in said


def test_offline_with_nothing_in_the_cache(tmp_path, photo):
    nobody = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    done = run("predict", photo, env=os.environ | {"INCEPTION_CACHE": str(tmp_path)} | nobody)
    assert done.returncode == 1 and not done.stdout and "Traceback" not in done.stderr
    assert done.stderr.startswith(
        "inception: http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel: the download failed"
    )
    assert done.stderr.count("\n") == 1 and not list(tmp_path.glob("*model*"))


@needs_bvlc
def test_the_real_command_on_real_weights_good_and_cut(tmp_path):
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(BVLC.read_bytes()[:1_000_000])
    done = run("predict", PHOTOS / "chelsea.png", "--weights", cut)
    assert done.returncode == 1 and not done.stdout
    assert done.stderr.startswith(f"inception: {cut}: ") and done.stderr.count("\n") == 1
    done = run("predict", PHOTOS / "chelsea.png", tmp_path / "none.jpg", "--weights", BVLC)
    assert done.returncode == 1 and "cat" in done.stdout
    assert done.stderr == f"inception: {tmp_path / 'none.jpg'}: there is no such file.\n"


def test_a_name_that_is_not_text_can_be_printed(weights, tmp_path, photo):
    odd = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        Path(os.fsdecode(odd)).write_bytes(photo.read_bytes())
    except OSError:
        pytest.skip("this file system takes only text as names")
    done = subprocess.run(
        [sys.executable, "-m", "inception_lib", "predict", odd, "--weights", weights],
        cwd=ROOT,
        capture_output=True,
    )
    assert done.returncode == 0 and b"udcff.png" in done.stdout and not done.stderr


# --------------------------------------------------------------------------------------- how it ends


def test_a_reader_that_stops_reading_is_no_error():
    command = f"set -o pipefail; {sys.executable} -m inception_lib count --formulas --format json | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "{\n" and not done.stderr


def test_an_interrupt_is_status_130(monkeypatch, capsys):
    def interrupted() -> int:
        """Stop."""
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "audit", interrupted)
    assert main(["audit"]) == 130
    assert not capsys.readouterr().err


def test_an_interrupt_from_the_keyboard_leaves_no_traceback(weights):
    # a picture that never comes: the command waits for it, and is interrupted
    process = subprocess.Popen(
        [sys.executable, "-m", "inception_lib", "predict", "/dev/stdin", "--weights", weights],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # tests that a shell runs in its background inherit that the signal is ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        end = process.stdin.fileno()
        os.write(end, b"\x89PNG")
        unread = bytearray(4)
        while fcntl.ioctl(end, termios.FIONREAD, unread) or any(unread):  # until it has read that
            time.sleep(0.02)
        time.sleep(1)  # and waits for more: a signal just before a read begins would not end the read
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (130, "", "")
    finally:
        process.kill()


def test_the_installed_command_is_this_one():
    (command,) = entry_points(group="console_scripts", name="inception")
    assert command.load() is main
