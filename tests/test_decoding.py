"""Pictures of every kind, read right; what is no picture, refused in one sentence."""

import io
import struct

import numpy as np
import pytest
import torch
from picture_helpers import gray_ramp, pixels, png, saved, tiff
from PIL import Image

from inception_lib import PictureError
from inception_lib.data.decoding import as_rgb, read_picture

ramp = pytest.fixture(gray_ramp)


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
    deep = np.stack([ramp, ramp[::-1], ramp[:, ::-1]], -1).astype(">u2") * 257
    path = png(tmp_path / "x.png", [row.tobytes() for row in deep], 16, 16, 2)
    assert np.array_equal(pixels(read_picture(path)), (deep // 257).astype(np.uint8))


def test_a_transparent_color_of_16_bits_is_compared_in_all_of_them(tmp_path):
    color = [0x1234, 0x5678, 0x9ABC]
    row = np.array([color, [0x1234, 0x5678, 0x9ABD], [0x1235, 0x5678, 0x9ABC], [0, 0, 0]], ">u2")
    clear = np.array(color, ">u2").tobytes()
    path = png(tmp_path / "x.png", [row.tobytes()], 4, 16, 2, clear)
    shown = pixels(read_picture(path))[0].tolist()
    assert shown == [[255, 255, 255], [0x12, 0x56, 0x9A], [0x12, 0x56, 0x9A], [0, 0, 0]]
    assert np.array_equal(as_rgb(Image.open(path)), read_picture(path))
    assert np.array_equal(read_picture(io.BytesIO(path.read_bytes())), read_picture(path))


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_transparent_gray_of_few_bits_is_white(tmp_path, bits):
    most = 2**bits - 1
    for clear in range(min(most, 15) + 1):
        grays = np.arange(8) % (most + 1)
        packed = 0
        for gray in grays.tolist():
            packed = packed << bits | gray
        path = png(tmp_path / "x.png", [packed.to_bytes(bits, "big")], 8, bits, 0, struct.pack(">H", clear))
        expected = np.where(grays == clear, 255, grays * 255 // most)
        assert pixels(read_picture(path))[0, :, 1].tolist() == expected.tolist(), clear
        assert np.array_equal(as_rgb(Image.open(path)), read_picture(path))


@pytest.mark.parametrize("kind", ["u1", "<u2"])
def test_where_zero_is_white_in_a_tiff_it_is_shown_white(tmp_path, ramp, kind):
    values = ramp.astype(kind) * (257 if kind == "<u2" else 1)
    for photometric, expected in ((1, ramp), (0, 255 - ramp)):
        path = tiff(tmp_path / "x.tif", values, photometric=photometric)
        assert np.array_equal(pixels(read_picture(path))[..., 0], expected)
        assert np.array_equal(as_rgb(Image.open(path)), read_picture(path))


@pytest.mark.parametrize("white", [255, 65535, 2**32 - 1])
def test_gray_of_32_bits_without_a_sign_is_read(tmp_path, ramp, white):
    values = (ramp.astype(np.float64) / ramp.max() * white).astype("<u4")
    path = tiff(tmp_path / "x.tif", values)
    expected = np.rint(values * (255 / white))
    assert np.array_equal(pixels(read_picture(path))[..., 0], expected)
    path = tiff(tmp_path / "y.tif", values, sign=2)
    if white == 2**32 - 1:  # with a sign these are negative
        with pytest.raises(PictureError, match="negative or undefined brightnesses"):
            read_picture(path)
    else:
        assert np.array_equal(pixels(read_picture(path))[..., 0], expected)


def test_gray_of_12_bits_is_scaled_from_its_range(tmp_path, ramp):
    values = ramp.astype(np.uint16) * 16
    path = tiff(tmp_path / "x.tif", values, bits=12)
    assert np.array_equal(pixels(read_picture(path))[..., 0], np.rint(values * (255 / 4095)))


@pytest.mark.parametrize(
    ("kind", "white"), [("f4", 1), ("f4", 255), ("f4", 65535), ("i4", 255), ("i4", 65535)]
)
def test_deeper_grays_take_the_smallest_range_that_holds_them(tmp_path, ramp, kind, white):
    values = (ramp / 254 * white).astype(kind)
    path = saved(Image.fromarray(values), tmp_path / "x.tif")
    expected = np.rint(values * (255 / white))
    assert np.abs(pixels(read_picture(path))[..., 0] - expected).max() <= 1


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_as_rgb_reads_an_open_image_as_its_file_is_read(tmp_path, ramp, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    images = {
        "x.jpg": Image.fromarray(np.stack([ramp] * 3, -1)),
        "gray.png": Image.fromarray(ramp),
        "alpha.png": Image.fromarray(np.stack([ramp, ramp // 2], -1), "LA"),
        "deep.png": Image.fromarray(ramp.astype(np.uint16) * 257),
        "deep.tif": Image.fromarray(ramp.astype(np.uint16) * 257),
        "palette.png": Image.fromarray(np.stack([ramp] * 3, -1)).quantize(16),
        "float.tif": Image.fromarray(ramp.astype(np.float32)),
    }
    for name, image in images.items():
        path = saved(image, tmp_path / name, exif=exif)
        expected = read_picture(path)
        lazily, loaded = Image.open(path), Image.open(path)
        loaded.load()
        before = loaded.copy()
        for picture in (lazily, loaded, path, str(path), expected, as_rgb(expected)):
            got = as_rgb(picture)
            assert type(got) is Image.Image and np.array_equal(got, expected), name
        # the user's image stays as it is
        assert loaded.mode == before.mode and np.array_equal(loaded, before) and loaded.size == before.size


def test_as_rgb_of_arrays(ramp):
    colors = np.stack([ramp, ramp[::-1], 255 - ramp], -1)
    clear = np.concatenate([colors, np.zeros_like(ramp)[..., None]], -1)
    for array, expected in [
        (ramp, np.stack([ramp] * 3, -1)),
        (ramp[..., None], np.stack([ramp] * 3, -1)),
        (colors, colors),
        (colors[:, ::-1], colors[:, ::-1]),
        (clear, np.full_like(colors, 255)),
        (ramp > 100, np.stack([(ramp > 100) * 255] * 3, -1)),
        (colors.astype(np.uint16) * 257, colors),
        (np.stack([ramp, np.zeros_like(ramp)], -1), np.full_like(colors, 255)),
        (colors / 255, colors),
        (colors.astype(np.float32) / 255, colors),
        (clear / 255, np.full_like(colors, 255)),
        (ramp / 255, np.stack([ramp] * 3, -1)),
    ]:
        assert np.array_equal(as_rgb(array), expected)


@pytest.mark.parametrize("kind", [torch.uint8, torch.float32, torch.float64, torch.bfloat16])
def test_as_rgb_of_tensors(ramp, kind):
    colors = np.stack([ramp, ramp[::-1], 255 - ramp], -1)
    tensor = torch.from_numpy(colors).permute(2, 0, 1)  # as torchvision's decode_image gives it
    opacity = torch.full_like(tensor[:1], 255)
    tensors = (tensor, torch.cat([tensor, opacity]), tensor[:1], torch.cat([tensor[:1], opacity]))
    for x, expected in zip(tensors, (colors, colors, ramp, ramp), strict=True):
        if kind.is_floating_point:
            x = (x.to(kind) / 255).requires_grad_()
        expected = expected if expected.ndim == 3 else np.stack([expected] * 3, -1)
        off = np.abs(np.asarray(as_rgb(x)).astype(int) - expected)
        assert off.max() <= (1 if kind == torch.bfloat16 else 0)


def test_opencvs_order_is_turned_as_the_docstring_says(tmp_path, ramp):
    colors = np.stack([ramp, ramp // 2, 255 - ramp], -1)
    path = saved(Image.fromarray(colors), tmp_path / "x.png")
    bgr = np.ascontiguousarray(colors[..., ::-1])  # what cv2.imread gives
    assert np.array_equal(as_rgb(bgr[..., ::-1]), read_picture(path))
    bgra = np.concatenate([bgr, ramp[..., None]], -1)
    path = saved(Image.fromarray(bgra[..., [2, 1, 0, 3]]), tmp_path / "y.png")
    assert np.array_equal(as_rgb(bgra[..., [2, 1, 0, 3]]), read_picture(path))
