"""`inception predict`: what it answers, and how it fails."""

import fcntl
import io
import json
import os
import signal
import subprocess
import sys
import termios
import time
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import skimage
import torch
import warm
from PIL import Image
from small import command, odd_folder, refused

import inception_lib as api
from inception_lib import googlenet
from inception_lib.cli import main, options
from inception_lib.cli.options import PreprocessName
from inception_lib.data.images import PREPROCESSES, TORCHVISION_PREPROCESS
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights

ROOT = Path(__file__).parents[1]
BVLC = (ROOT / ".." / "shared" / "weights" / "bvlc_googlenet.caffemodel").resolve()
BUNDLED = ROOT / "data" / "networks" / "shapes-1.safetensors"
PHOTOS = Path(skimage.__file__).parent / "data"

needs_bvlc = pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")


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


def test_bad_pictures(capsys, weights, photo, tmp_path):
    cut = tmp_path / "cut.png"
    cut.write_bytes(photo.read_bytes()[:3000])
    empty = tmp_path / "empty.jpg"
    empty.write_bytes(b"")
    for path, sentence in (
        (cut, "damaged"),
        (empty, "empty"),
        (tmp_path / "folder", "there is no picture in this folder"),
        (tmp_path / "none", "no such file"),
    ):
        (tmp_path / "folder" / ".git").mkdir(parents=True, exist_ok=True)
        said = refused(capsys, "predict", path, "--weights", weights)
        assert str(path) in said and sentence in said
    assert "at least one picture" in refused(capsys, "predict", "--weights", weights)
    assert "--top must be at least 1" in refused(capsys, "predict", photo, "--top", 0)
    assert "--batch must be at least 1" in refused(capsys, "predict", photo, "--batch", 0)
    said = refused(capsys, "predict", photo, "--device", "abacus", "--weights", weights)
    assert "'abacus'" in said


def test_a_folder_as_csv_the_bad_among_the_good(capsys, weights, tmp_path):
    folder = odd_folder(tmp_path / "odd") / "val"
    arguments = [str(folder), "--weights", str(weights), "--format", "csv", "--top", "2", "--device", "cpu"]
    assert main(["predict", *arguments, "--crops", "10", "--batch", "3"]) == 1
    said = capsys.readouterr()
    rows = pd.read_csv(io.StringIO(said.out))
    assert list(rows) == ["picture", "rank", "class", "output", "probability", "error"]
    good, bad = rows[rows["error"].isna()], rows[rows["rank"].isna()]
    assert len(good) == 2 * 8 and len(bad) == 3 and len(rows) == 19
    sentences = [line.removeprefix("inception: ") for line in said.err.splitlines() if "inception:" in line]
    assert sentences == bad["error"].tolist()
    loaded = load_weights(weights, progress=False)
    for picture, own in good.groupby("picture"):
        expected = api.predict(picture, loaded, top=2, crops=10)
        assert own["class"].tolist() == [g.name for g in expected] and own["rank"].tolist() == [1, 2]
        assert own["output"].tolist() == [g.output for g in expected]
        assert own["probability"].tolist() == pytest.approx([g.probability for g in expected], abs=1e-5)


def test_a_bar_is_for_many_and_never_among_what_is_printed(capsys, monkeypatch, weights, tmp_path):
    folder = odd_folder(tmp_path / "odd") / "val"
    for arguments, terminal, bar in (
        ([folder], False, True),
        ([folder], True, False),
        ([folder, "--format", "json"], True, True),
        ([folder / "ant"], False, False),
    ):
        monkeypatch.setattr(type(sys.stdout), "isatty", lambda self, terminal=terminal: terminal)
        main(["predict", *map(str, arguments), "--weights", str(weights)])
        said = capsys.readouterr()
        assert ("picture/s" in said.err or "s/picture" in said.err) == bar
        assert "it/s" not in said.out and "picture/s" not in said.out


@pytest.mark.parametrize("name", get_args(PreprocessName))
def test_the_preprocessing_can_be_said(capsys, tmp_path, photo, name):
    """A state dict does not tell it; by default one is assumed, and a sentence says so."""
    network = Network(googlenet("torchvision", width=0.1, classes=1000, heads=False)).eval()
    torch.nn.init.normal_(network.classifier.linear.weight, 0, 0.2)
    path = save_weights(network, tmp_path / "x.safetensors")
    arguments = ["predict", str(photo), "--weights", str(path), "--format", "json", "--top", "1000"]
    assert main([*arguments, "--preprocess", name]) == 0
    said = capsys.readouterr()
    (answer,) = json.loads(said.out)["pictures"]
    with torch.no_grad():
        expected = network(PREPROCESSES[name](photo)[None]).logits.softmax(1)[0]
    found = torch.tensor([p["probability"] for p in sorted(answer["predictions"], key=lambda p: p["output"])])
    assert torch.allclose(found, expected, atol=2e-3) and not said.err
    other = network(PREPROCESSES[{"bvlc": "imagenet"}.get(name, "bvlc")](photo)[None]).logits.softmax(1)[0]
    assert not torch.allclose(found, other, atol=2e-3)
    assert set(get_args(PreprocessName)) == set(PREPROCESSES)


def test_said_preprocessing_keeps_the_size_of_the_network_and_may_warp(weights):
    loaded = options.load(str(BUNDLED), "torchvision", None, True)
    size = loaded.info.architecture.input[1]
    assert loaded.info.preprocess == replace(
        TORCHVISION_PREPROCESS, crop=size, resize=round(size * 256 / 224), warp=True
    )
    assert options.load(str(BUNDLED), None, None, False).info == load_weights(BUNDLED, heads=False).info


def test_classes_can_be_named(capsys, tmp_path, photo):
    path = save_weights(Network(googlenet(width=0.1, classes=3, heads=False)), tmp_path / "x.safetensors")
    names = tmp_path / "names.txt"
    names.write_text("\ufeffant \ngreat white shark\nc\u00e4t\n\n", encoding="utf-8")
    assert main(["predict", str(photo), "--weights", str(path), "--classes", str(names)]) == 0
    said = {line.split("%")[1].strip() for line in capsys.readouterr().out.splitlines()[1:]}
    assert said == {"ant", "great white shark", "c\u00e4t"}
    for text, sentence in (
        (b"ant\nbee\n", "has 2 class names, one per line, and x has 3 outputs"),
        (b"", "has 0 class names"),
        (b"ant\n\nbee\ncat", "line 2 is empty"),
        (b"\xff\xfe\n\n", "cannot be read (it is not text in UTF-8)"),
        (None, "cannot be read (No such file or directory)"),
    ):
        names.unlink() if text is None else names.write_bytes(text)
        said = refused(capsys, "predict", photo, "--weights", path, "--classes", names)
        assert str(names) in said and sentence in said


def test_bad_weights(capsys, photo, tmp_path):
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(b"\x0a\x09GoogleNet\xa2\x06\xff\xff\x7f")
    other = tmp_path / "other.pth"
    torch.save(torch.nn.Linear(3, 4).state_dict(), other)
    text = tmp_path / "text.safetensors"
    text.write_text("not weights")
    for path, sentence in (
        (cut, "damaged or cut short"),
        (text, "this is text, and not weights"),
        (other, "another network"),
        (tmp_path / "none.pth", "no such file"),
        (tmp_path, "Is a directory"),
    ):
        said = refused(capsys, "predict", photo, "--weights", path)
        assert str(path) in said and sentence in said


@pytest.mark.slow
def test_offline_with_nothing_in_the_cache(tmp_path, photo):
    nobody = {"http_proxy": "http://127.0.0.1:9", "no_proxy": ""}
    process = warm.Popen(
        [sys.executable, "-m", "inception_lib", "predict", photo],
        env=os.environ | {"INCEPTION_CACHE": str(tmp_path)} | nobody,
        stdout=warm.PIPE,
        stderr=warm.PIPE,
    )
    out, err = process.communicate(60)
    assert process.returncode == 1 and not out and "Traceback" not in err
    assert err.startswith(
        "inception: http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel: the download failed"
    )
    assert err.count("\n") == 1 and not list(tmp_path.glob("*model*"))


@pytest.mark.slow
@needs_bvlc
def test_the_real_command_on_real_weights_good_and_cut(tmp_path, capsys):
    cut = tmp_path / "cut.caffemodel"
    cut.write_bytes(BVLC.read_bytes()[:1_000_000])
    said = refused(capsys, "predict", PHOTOS / "chelsea.png", "--weights", cut)
    assert said.startswith(f"inception: {cut}: ")
    done = command("predict", PHOTOS / "chelsea.png", tmp_path / "none.jpg", "--weights", BVLC)
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
