"""What is no picture, or would exhaust the memory: refused in one sentence."""

import contextlib
import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from picture_helpers import gray_ramp, noise, png, saved
from PIL import Image

from inception_lib import PictureError
from inception_lib.data import decoding
from inception_lib.data.decoding import as_rgb, read_picture
from inception_lib.data.images import Preprocess

ramp = pytest.fixture(gray_ramp)


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "gif", "tif", "bmp", "ppm"])
def test_a_truncated_picture_gets_one_sentence(tmp_path, ending):
    path = noise(tmp_path / f"x.{ending}")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(PictureError) as error:
        read_picture(path)
    text = str(error.value)
    assert text.startswith(f"{path}: ") and text.endswith(".") and "\n" not in text
    assert "damaged or cut short" in text or "not a picture" in text


def test_what_is_no_picture_gets_one_sentence(tmp_path):
    (tmp_path / "text.jpg").write_text("this is not a picture\n")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "noise.jpg").write_bytes(bytes(range(256)) * 10)
    for name, sentence in [
        ("text.jpg", "this is not a picture in any format that can be read here."),
        ("noise.jpg", "this is not a picture in any format that can be read here."),
        ("empty.png", "the file is empty."),
        ("none.jpg", "there is no such file."),
        ("", "this is a folder, not a picture."),
        ("a\0b", "the file cannot be opened ("),
    ]:
        path = f"{tmp_path}/{name}"
        with pytest.raises(PictureError) as error:
            read_picture(path)
        assert str(error.value).startswith(f"{path}: {sentence}".replace("\0", "\\x00"))


def test_a_decompression_bomb_is_refused_and_a_large_photograph_is_not(tmp_path, monkeypatch, recwarn):
    path = noise(tmp_path / "x.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 - 1)  # Pillow warns above this
    assert read_picture(path).size == (64, 64) and not recwarn.list
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # and refuses above twice as much
    with pytest.raises(PictureError, match="has more than 2,000 pixels, and is refused"):
        read_picture(path)


@pytest.mark.parametrize("ending", ["jpg", "png", "gif", "tif", "webp"])
def test_random_damage_gives_a_picture_or_a_sentence(tmp_path, ending):
    path, random = noise(tmp_path / f"x.{ending}"), np.random.default_rng(1)
    data = bytearray(path.read_bytes())
    for _ in range(60):
        damaged = data.copy()
        for _ in range(3):
            damaged[random.integers(min(len(data), 400))] = random.integers(256)
        path.write_bytes(damaged)
        try:
            assert read_picture(path).mode == "RGB"
        except PictureError as error:
            assert "\n" not in str(error)


def test_damaged_pictures_write_no_lines_of_their_own(tmp_path, capfd):
    random = np.random.default_rng(0)
    for ending, options in [
        ("tif", {"compression": "tiff_lzw"}),
        ("tif", {"compression": "tiff_adobe_deflate"}),
        ("tif", {"compression": "jpeg"}),
        ("jpg", {}),
    ]:
        path = noise(tmp_path / f"x.{ending}", **options)
        data = path.read_bytes()
        for _ in range(20):
            damaged = bytearray(data)
            for at in random.integers(8, len(data), 20):
                damaged[at] = random.integers(256)
            path.write_bytes(damaged)
            with contextlib.suppress(PictureError):
                read_picture(path)
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_pictures_are_limited_in_bytes_too(tmp_path, monkeypatch):
    wide = Image.fromarray(np.zeros((64, 64), np.float32))
    path = saved(wide, tmp_path / "x.tif")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 64 * 64 // 2)
    with pytest.raises(PictureError, match="would take 16,384 bytes, more than 12,288, and is refused"):
        read_picture(path)
    with pytest.raises(PictureError, match="would take 16,384 bytes"):
        as_rgb(Image.open(path))
    assert read_picture(noise(tmp_path / "y.png")).size == (64, 64)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert read_picture(path).size == (64, 64)


def test_named_pipes_and_devices_are_refused_and_pipes_of_a_shell_are_read(tmp_path, ramp):
    os.mkfifo(tmp_path / "fifo.png")
    for path, sentence in [
        (tmp_path / "fifo.png", "this is a named pipe"),
        ("/dev/zero", "this is a device"),
    ]:
        with pytest.raises(PictureError, match=sentence):
            read_picture(path)
    saved(Image.fromarray(ramp), tmp_path / "x.png")
    code = "import sys; from inception_lib import read_picture; print(read_picture(sys.argv[1]).size)"
    for line in ('"$0" -c "$1" <(cat "$2")', 'cat "$2" | "$0" -c "$1" /dev/stdin'):
        command = ["bash", "-c", line, sys.executable, code, str(tmp_path / "x.png")]
        root = Path(__file__).parents[1]
        done = subprocess.run(command, capture_output=True, text=True, cwd=root, timeout=60)
        assert done.stdout == "(16, 8)\n", done.stderr


def test_more_than_a_pipe_may_bring_is_not_read(monkeypatch):
    monkeypatch.setattr(decoding, "_MOST_PIPED", 1000)
    reader, writer = os.pipe()
    os.write(writer, bytes(2000))
    with pytest.raises(PictureError, match="more than 1,000 bytes came"):
        read_picture(f"/dev/fd/{reader}")
    os.close(reader)
    os.close(writer)


def test_a_name_with_escapes_is_printed_in_one_line(tmp_path):
    (tmp_path / "a\n\x1b[31m.png").write_text("no picture")
    with pytest.raises(PictureError) as error:
        read_picture(tmp_path / "a\n\x1b[31m.png")
    assert str(error.value).isprintable() and r"a\n\x1b[31m.png: this is not a picture" in str(error.value)


@pytest.mark.parametrize(
    "wrong",
    [
        np.full((4, 4, 3), 255.0),
        np.full((4, 4, 3), -0.1, np.float32),
        np.full((4, 4), np.nan),
        np.zeros((4, 4), np.int64),
        np.zeros((4, 4), complex),
        np.zeros((3, 4, 5), np.uint8),
        np.zeros(4, np.uint8),
        np.zeros((0, 4), np.uint8),
        np.array(["a"]),
        torch.zeros(2, 3, 4, 4),
        torch.zeros(5, 4, 3),
        torch.zeros(4, 4),
        torch.zeros(3, 0, 4),
        torch.full((3, 4, 5), 7.0),
        torch.zeros(3, 4, 4, dtype=torch.int64),
        torch.zeros(()),
        b"bytes",
        None,
    ],
)
def test_what_is_no_picture_is_refused_in_one_sentence(wrong):
    for read in (as_rgb, Preprocess(), Preprocess().frame):
        with pytest.raises(PictureError) as error:
            read(wrong)
        assert str(error.value).endswith(".") and str(error.value).isprintable()


def test_what_pillow_has_forgotten_is_refused_and_not_guessed(tmp_path):
    color = np.array([[[0x1234, 0x5678, 0x9ABC]]], ">u2")
    path = png(tmp_path / "x.png", [color.tobytes()], 1, 16, 2, color.tobytes())
    four = png(tmp_path / "y.png", [b"\x5f"], 2, 4, 0, struct.pack(">H", 5))
    for one in (path, four):
        image = Image.open(one)
        image.load()
        with pytest.raises(PictureError, match="give the path of the file"):
            as_rgb(image)
    closed = Image.open(path)
    closed.close()
    with pytest.raises(PictureError):
        as_rgb(closed)


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_undefined_brightness_is_refused(tmp_path, value):
    path = saved(Image.fromarray(np.array([[0.5, value]], np.float32)), tmp_path / "x.tif")
    with pytest.raises(PictureError, match="negative or undefined brightnesses"):
        read_picture(path)


MEMORY = """
import resource, sys
from pathlib import Path
from inception_lib import read_picture

def most():
    status = Path("/proc/self/status")
    if status.exists():  # what `resource` says there began with the process that started this one
        return 1024 * int(status.read_text().split("VmHWM:")[1].split()[0])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

before = most()
assert read_picture(sys.argv[1]).getpixel((0, 0)) == (0, 0, 0)
print(most() - before)
"""


@pytest.mark.parametrize(("name", "kind"), [("x.png", np.uint16), ("x.tif", np.int32), ("x.tif", np.float32)])
def test_a_deep_picture_takes_little_more_memory_than_it_has_pixels(tmp_path, name, kind):
    side = 5000  # 25 million pixels; each 64-bit copy would take 200 MB
    saved(Image.fromarray(np.zeros((side, side), kind)), tmp_path / name)
    command = [sys.executable, "-c", MEMORY, str(tmp_path / name)]
    done = subprocess.run(command, check=True, capture_output=True, cwd=Path(__file__).parents[1])
    # the picture (up to 4 bytes a pixel), itself in gray and in RGB (5), one of them copied on the way
    assert int(done.stdout) < 13 * side**2 + 150e6
