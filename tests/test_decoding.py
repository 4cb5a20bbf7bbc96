"""Pictures of every kind, read right; what is no picture, refused in one sentence."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from inception_lib import PictureError
from inception_lib.data.decoding import read_picture


def pixels(picture):
    assert picture.mode == "RGB"
    return np.asarray(picture)


def saved(image, path, **options):
    image.save(path, **options)
    return path


@pytest.fixture
def ramp():
    """A gray ramp, 16 x 8, that is neither symmetric nor square."""
    return np.arange(128, dtype=np.uint8).reshape(8, 16) * 2


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("ending", ["png", "tif", "webp", "jpg"])
def test_the_exif_orientation_is_applied(tmp_path, ramp, orientation, ending):
    stored = {
        1: lambda a: a,
        2: np.fliplr,
        3: lambda a: np.rot90(a, 2),
        4: np.flipud,
        5: lambda a: a.T,
        6: np.rot90,
        7: lambda a: np.rot90(a, 2).T,
        8: lambda a: np.rot90(a, -1),
    }[orientation](ramp)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"webp": {"lossless": True}, "jpg": {"quality": 100}}.get(ending, {})
    image = Image.fromarray(np.stack([stored] * 3, -1))
    path = saved(image, tmp_path / f"x.{ending}", exif=exif, **options)
    got = pixels(read_picture(path))[..., 0]
    assert got.shape == ramp.shape and np.abs(got.astype(int) - ramp).max() <= (3 if ending == "jpg" else 0)


def test_orientation_of_a_16_bit_picture_and_damaged_exif(tmp_path, ramp):
    exif = Image.Exif()
    exif[0x0112] = 6
    deep = Image.fromarray(np.rot90(ramp).astype(np.uint16) * 257)
    assert np.array_equal(pixels(read_picture(saved(deep, tmp_path / "x.png", exif=exif)))[..., 0], ramp)
    path = saved(Image.fromarray(ramp), tmp_path / "y.png", exif=b"Exif\0\0MM\0\x2a\xff\xff\xff\xff broken")
    assert np.array_equal(pixels(read_picture(path))[..., 0], ramp)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "P-bytes", "L", "RGB", "1", "I;16"])
def test_what_is_transparent_is_laid_on_white(tmp_path, mode):
    path = tmp_path / "x.png"
    red, black = (200, 0, 0), (0, 0, 0)
    if mode == "RGBA":  # left opaque red, right transparent black
        saved(Image.fromarray(np.array([[[*red, 255], [*black, 0]]], np.uint8)), path)
        expected = [red, (255, 255, 255)]
    elif mode == "LA":  # half transparent black is middle gray
        saved(Image.fromarray(np.array([[[100, 255], [0, 127]]], np.uint8), "LA"), path)
        expected = [(100,) * 3, (128,) * 3]
    elif mode.startswith("P"):
        image = Image.new("P", (2, 1))
        image.putpalette([*red, *black])
        image.putpixel((1, 0), 1)
        saved(image, path, transparency=1 if mode == "P" else bytes([255, 0]))
        expected = [red, (255, 255, 255)]
    elif mode == "RGB":
        saved(Image.fromarray(np.array([[red, black]], np.uint8)), path, transparency=black)
        expected = [red, (255, 255, 255)]
    elif mode == "I;16":
        saved(Image.fromarray(np.array([[100 * 257, 0]], np.uint16)), path, transparency=0)
        expected = [(100,) * 3, (255,) * 3]
    else:
        image = Image.new(mode, (2, 1), 1 if mode == "1" else 100)
        image.putpixel((1, 0), 0)
        saved(image, path, transparency=0)
        expected = [(255 if mode == "1" else 100,) * 3, (255,) * 3]
    assert [tuple(map(int, p)) for p in pixels(read_picture(path))[0]] == expected


def test_gray_of_16_bits_is_scaled_not_cut_off(tmp_path, ramp):
    deep = ramp.astype(np.uint16) * 257
    for name in ("x.png", "x.tif", "x.pgm"):
        image = Image.fromarray(deep)
        path = saved(image if name != "x.pgm" else image.convert("I"), tmp_path / name)
        assert np.array_equal(pixels(read_picture(path)), np.stack([ramp] * 3, -1)), name
    dark = saved(Image.fromarray(ramp.astype(np.uint16)), tmp_path / "dark.png")  # dark, not 8-bit
    assert pixels(read_picture(dark)).max() == 1


def test_rgb_of_16_bits(tmp_path, ramp):
    # Pillow cannot write one, so it is put together by hand
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    deep = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], -1).astype(">u2") * 257
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 16, 8, 16, 2, 0, 0, 0))
    (tmp_path / "x.png").write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )
    assert np.array_equal(pixels(read_picture(tmp_path / "x.png")), (deep // 257).astype(np.uint8))


@pytest.mark.parametrize(
    ("kind", "white"), [("f4", 1), ("f4", 255), ("f4", 65535), ("i4", 255), ("i4", 65535)]
)
def test_deeper_grays_take_the_smallest_range_that_holds_them(tmp_path, ramp, kind, white):
    values = (ramp / 254 * white).astype(kind)
    path = saved(Image.fromarray(values), tmp_path / "x.tif")
    expected = np.rint(values * (255 / white))
    assert np.abs(pixels(read_picture(path))[..., 0] - expected).max() <= 1


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_undefined_brightness_is_refused(tmp_path, value):
    path = saved(Image.fromarray(np.array([[0.5, value]], np.float32)), tmp_path / "x.tif")
    with pytest.raises(PictureError, match="negative or undefined brightnesses"):
        read_picture(path)


@pytest.mark.parametrize("ending", ["jpg", "tif"])
def test_cmyk_is_read_in_its_own_colors(tmp_path, ending):
    # Adobe's JPEGs store CMYK inverted: read wrongly, red comes out as cyan
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    path = saved(image, tmp_path / f"x.{ending}", **({"quality": 100} if ending == "jpg" else {}))
    if ending == "jpg":
        assert b"Adobe" in path.read_bytes()[:200]
    assert np.abs(pixels(read_picture(path)).astype(int) - [255, 0, 0]).max() <= 3


def test_one_bit_gray_first_frame_and_open_files(tmp_path, ramp):
    bits = ramp > 100
    path = saved(Image.fromarray(bits), tmp_path / "bits.png")
    assert np.array_equal(pixels(read_picture(path))[..., 1], bits * 255)
    frames = [Image.fromarray(ramp), Image.fromarray(ramp[::-1].copy())]
    path = saved(frames[0], tmp_path / "x.tif", save_all=True, append_images=frames[1:])
    assert np.array_equal(pixels(read_picture(path))[..., 2], ramp)
    assert np.array_equal(pixels(read_picture(io.BytesIO(path.read_bytes())))[..., 2], ramp)
    assert np.array_equal(pixels(read_picture(str(path)))[..., 2], ramp)


def noise(path, **options):
    random = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return saved(Image.fromarray(random), path, **options)


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
