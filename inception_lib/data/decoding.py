"""Decoding pictures: a file of any format, or an image of any mode, as 8-bit RGB."""

from __future__ import annotations

import ctypes
import io
import os
import stat
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias, Union

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from inception_lib.errors import PictureError

if TYPE_CHECKING:
    import torch

#: Any picture, for `as_rgb`.
Picture: TypeAlias = Union[Image.Image, np.ndarray, "torch.Tensor", str, os.PathLike]

#: Bytes of a picture that comes through a pipe, at most; a pipe need not end.
_MOST_PIPED = 1 << 29
#: Pixels that are converted at once where that takes several times their memory.
_STRIP = 1 << 22


def read_picture(source: str | os.PathLike | BinaryIO) -> Image.Image:
    """Read a picture as 8-bit RGB, upright.

    The EXIF orientation is applied; what is transparent is laid on white; gray becomes three equal
    channels. Deeper gray is scaled to 0-255 from the range of its type; of types whose range says
    nothing (32-bit integers, floats), from the smallest of 0-1 (floats only), 0-255, 0-65,535 and
    0-4,294,967,295 that holds all values. CMYK is converted without color management. Of a moving
    picture, the first frame is read.

    Args:
        source: a path, or a file open for reading in binary mode. Pipes are read through the paths that a
            shell gives them (`/dev/stdin`, `/dev/fd/63`); a named one, which may never end, is refused.

    Raises:
        PictureError: it cannot be read; the sentence begins with the path.
    """
    name = str(getattr(source, "name", "the picture") if hasattr(source, "read") else source)
    with _one_sentence(name):
        opened = source if hasattr(source, "read") else _opened(Path(source), name)
        with Image.open(opened) as image:
            return _rgb(image, name)


def as_rgb(picture: Picture) -> Image.Image:
    """Any picture as `read_picture` reads it: 8-bit RGB, upright, what is transparent on white.

    Args:
        picture: a Pillow image of any mode; a path; an array (height, width) or (height, width, channels); or
            a tensor (channels, height, width) on any device. Channels are 1 (gray), 2 (gray and opacity), 3
            (RGB) or 4 (RGB and opacity). OpenCV's are BGR or BGRA, which cannot be seen, and must be turned
            first: `image[..., ::-1]` or `image[..., [2, 1, 0, 3]]`.
            Values are bool, uint8, uint16, or floats from 0 (black) to 1 (white), rounded to 8 bits.

    Raises:
        PictureError: it cannot be read, or is none of these; floats go beyond 0 to 1, as those of an image
            that is normalized already do.
    """
    if isinstance(picture, Image.Image):
        name = str(getattr(picture, "filename", "") or "the picture")
        with _one_sentence(name):
            return _rgb(picture, name)
    if isinstance(picture, np.ndarray):
        return _rgb(_from_array(picture), "the array")
    if isinstance(picture, str | os.PathLike):
        return read_picture(picture)
    if is_tensor(picture):
        return _rgb(_from_tensor(picture), "the tensor")
    raise PictureError(
        f"A picture is a Pillow image, an array (height, width, 3), a tensor (3, height, width), or a path, "
        f"not a {type(picture).__name__}."
    )


def is_tensor(value: object) -> bool:
    """Whether this is a torch tensor; imports no torch, without which there is none."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


@contextmanager
def _one_sentence(name: str) -> Iterator[None]:
    """Whatever Pillow raises, as one sentence about the picture."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd EXIF; errors still come
            yield
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"{name}: this is not a picture in any format that can be read here.") from None
    except Image.DecompressionBombError:
        limit = 2 * (Image.MAX_IMAGE_PIXELS or 0)  # where it is None, no picture is refused
        raise PictureError(
            f"{name}: has more than {limit:,} pixels, and is refused, "
            f"since such pictures are made to exhaust the memory."
        ) from None
    except MemoryError:
        raise PictureError(f"{name}: there is not enough memory for this picture.") from None
    except Exception as error:  # a damaged file can make Pillow's decoders raise nearly anything
        raise PictureError(f"{name}: the picture is damaged or cut short ({_one_line(error)}).") from None


def _opened(path: Path, name: str) -> Path | BinaryIO:
    """What Pillow can open: the path, or what came through a pipe."""
    try:
        kind = path.stat().st_mode
        if stat.S_ISDIR(kind):
            raise PictureError(f"{name}: this is a folder, not a picture.")
        if stat.S_ISFIFO(kind):
            if not name.startswith(("/dev/fd/", "/dev/stdin", "/proc/")):
                raise PictureError(f"{name}: this is a named pipe, not a picture.")
            with path.open("rb") as file:
                piped = file.read(_MOST_PIPED + 1)
            if len(piped) > _MOST_PIPED:
                raise PictureError(f"{name}: more than {_MOST_PIPED:,} bytes came, and were not read.")
            return io.BytesIO(piped)
        if not stat.S_ISREG(kind):
            raise PictureError(f"{name}: this is a device, not a picture.")
        with path.open("rb") as file:
            if not file.read(1):
                raise PictureError(f"{name}: the file is empty.")
    except FileNotFoundError:
        raise PictureError(f"{name}: there is no such file.") from None
    except PictureError:
        raise
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: the file cannot be opened ({_one_line(error)}).") from None
    return path


def _one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _check_bytes(image: Image.Image, name: str) -> None:
    """Pillow limits pixels; this limits bytes, to those of an RGB picture of so many pixels."""
    each = 4 if image.mode in ("I", "F") else 2 if image.mode.startswith("I;16") else 1
    size = image.width * image.height * len(image.getbands()) * each
    limit = 6 * (Image.MAX_IMAGE_PIXELS or size)
    if size > limit:
        raise PictureError(
            f"{name}: would take {size:,} bytes, more than {limit:,}, and is refused, "
            f"since such pictures are made to exhaust the memory."
        )


def _rgb(image: Image.Image, name: str) -> Image.Image:
    """The one way from a Pillow image, loaded or not, to 8-bit RGB; `image` stays as it is."""
    if type(image) is Image.Image and image.mode == "RGB" and not image.info:
        return image
    if isinstance(image, ImageFile.ImageFile):
        _check_bytes(image, name)
    if image.format == "TIFF":
        _silence_libtiff()
    clear, low = _transparent_value(image, name)
    image.load()
    if low is not None:
        image = _cleared(image, low, clear)
        clear = None
    tags = getattr(image, "tag_v2", {}) if image.format == "TIFF" else {}
    deep = image.mode.startswith(("I", "F"))
    # of a PNG or PPM, mode I has 16 bits
    sixteen = image.mode.startswith("I;16") or image.format in ("PNG", "PPM")
    image = _upright(image)
    if deep:
        image = _deep_gray(image, name, sixteen, clear, tags)
    elif clear is not None or image.mode in ("LA", "La", "PA", "RGBA", "RGBa"):
        # premultiplied modes convert to RGBA only from their own color
        layer = image.convert({"La": "LA"}.get(image.mode, image.mode))
        if clear is not None:
            layer.info["transparency"] = clear
        layer = layer.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    image = image.convert("RGB")
    # all that it said is done, and is not to be done twice
    image.info = {}
    return image


def _upright(image: Image.Image) -> Image.Image:
    try:
        turned = image.getexif().get(ExifTags.Base.Orientation, 1) != 1
        return ImageOps.exif_transpose(image) if turned else image
    except Exception:  # damaged EXIF says nothing about the pixels, which were read
        return image


def _transparent_value(image: Image.Image, name: str) -> tuple[Any, Image.Image | None]:
    """The color that stands for transparency, in the values that Pillow gives, and None; or None twice.

    PNG gives it in the file's own depth. Of gray of 2 or 4 bits Pillow scales the pixels and not this color.
    Of colors of 16 bits Pillow reads the upper 8; then the second value is a picture of the lower 8. What
    depth it was Pillow forgets when the pixels have been read.
    """
    clear = image.info.get("transparency")
    if image.format != "PNG" or image.mode not in ("L", "RGB") or clear is None:
        return clear, None
    tile = getattr(image, "tile", ())
    raw = tile[0][3] if tile else ""
    if not raw and (0 < clear < 16 if isinstance(clear, int) else max(clear) > 255):
        raise PictureError(
            f"{name}: which of its colors is transparent cannot be known after its pixels were read; "
            f"give the path of the file."
        )
    if raw in ("L;2", "L;4"):
        return clear * {"L;2": 85, "L;4": 17}[raw], None
    if raw == "RGB;16B":
        assert isinstance(image, ImageFile.ImageFile) and image.fp
        at = image.fp.tell()
        image.fp.seek(0)
        low = Image.open(io.BytesIO(image.fp.read()))
        image.fp.seek(at)
        # the numbers begin with the upper byte; read as if they ended in it, they give the lower
        low.tile = [one._replace(args="RGB;16L") for one in low.tile]
        low.load()
        return clear, low
    return clear, None


def _cleared(image: Image.Image, low: Image.Image, clear: tuple[int, int, int]) -> Image.Image:
    """White where the upper and lower bytes together are the transparent color."""
    mask = np.ones((image.height, image.width), bool)
    for channel, value in enumerate(clear):
        mask &= np.asarray(image.getchannel(channel)) == value >> 8
        mask &= np.asarray(low.getchannel(channel)) == value & 255
    exif, image = image.info.get("exif"), image.copy()
    image.paste((255, 255, 255), mask=Image.fromarray(mask))
    image.info = {"exif": exif} if exif else {}
    return image


def _deep_gray(image: Image.Image, name: str, sixteen: bool, clear: Any, tags: Any) -> Image.Image:
    """Gray of more than 8 bits, as 8 bits; 65,535 becomes 255, not 65,535 cut off at 255.

    `tags` are those of a TIFF: the bits of a value, whether it has a sign, and whether 0 is white.
    """
    width, height = image.size
    rows = max(1, _STRIP // max(1, width))
    unsigned = image.mode == "I" and tags.get(258) == (32,) and tags.get(339, (1,)) == (1,)

    def strips() -> Iterator[tuple[int, np.ndarray]]:
        for top in range(0, height, rows):
            values = np.asarray(image.crop((0, top, width, min(height, top + rows))))
            yield top, values.view(np.uint32) if unsigned else values

    if sixteen:
        white: float = 4095 if tags.get(258) == (12,) else 65535
    else:
        lowest = min(float(values.min()) for _, values in strips())
        highest = max(float(values.max()) for _, values in strips())
        # an undefined value is neither
        if not (lowest >= 0 and highest < float("inf")):
            raise PictureError(
                f"{name}: has negative or undefined brightnesses, whose range cannot be known."
            )
        whites = (1, 255, 65535, 2**32 - 1)[image.mode == "I" :]
        white = next((w for w in whites if highest <= w), highest)
    gray = Image.new("L", image.size)
    for top, values in strips():
        # of 0 the meaning is white, where a TIFF says so
        shown = np.rint((white - values.astype(np.float64) if tags.get(262) == 0 else values) * (255 / white))
        if isinstance(clear, int):
            shown[values == clear] = 255
        gray.paste(Image.fromarray(shown.astype(np.uint8)), (0, top))
    return gray


@cache
def _silence_libtiff() -> None:
    """Of a damaged file libtiff writes lines of its own to stderr, beside the error that Pillow raises."""
    try:
        library = ctypes.CDLL(Image.core.__file__)
        library.TIFFSetErrorHandler(None)
        library.TIFFSetWarningHandler(None)
    except (AttributeError, OSError, TypeError):  # it is inside of Pillow's module, or there is none
        pass


def _from_tensor(tensor: torch.Tensor) -> Image.Image:
    if tensor.dim() != 3 or tensor.shape[0] not in (1, 2, 3, 4) or not tensor.numel():
        raise PictureError(
            f"A tensor is a picture as (channels, height, width) with 1 to 4 channels, not {_sizes(tensor)}."
        )
    tensor = tensor.detach().cpu().movedim(0, -1)
    # numpy has no bfloat16
    return _from_array((tensor.double() if tensor.is_floating_point() else tensor).numpy())


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    right = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (2, 3, 4))
    if not right or not array.size:
        raise PictureError(
            f"An array is a picture as (height, width) or (height, width, channels) with 1 to 4 channels, "
            f"not {_sizes(array)}."
        )
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16:
        array = np.rint(np.arange(65536) / 257).astype(np.uint8)[array]
    elif array.dtype.kind == "f":
        low, high = float(array.min()), float(array.max())
        if not (low >= 0 and high <= 1):  # so is what is not a number
            raise PictureError(
                f"A picture in floats goes from 0 (black) to 1 (white), and this one from {low:g} to "
                f"{high:g}; what goes from 0 to 255 must be uint8, and what is normalized is no picture any "
                f"more, but a network's input."
            )
        array = np.rint(array * 255.0).astype(np.uint8)
    if array.dtype != np.uint8:
        raise PictureError(
            f"The values of a picture are uint8, uint16, bool, or floats from 0 to 1, not {array.dtype}."
        )
    return Image.fromarray(np.ascontiguousarray(array))


def _sizes(values: np.ndarray | torch.Tensor) -> str:
    return "x".join(map(str, values.shape)) or "a single number"
