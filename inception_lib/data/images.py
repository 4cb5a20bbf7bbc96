"""Pictures: reading any of them as RGB, and turning them into what a network takes.

Importing this module imports no torch; calling a `Preprocess` does.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Literal

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from inception_lib.errors import PictureError

if TYPE_CHECKING:
    import torch


def read_picture(source: str | os.PathLike | BinaryIO) -> Image.Image:
    """Read a picture as 8-bit RGB, upright.

    The EXIF orientation is applied; what is transparent is laid on white; gray becomes three equal
    channels. Deeper gray is scaled to 0-255 from the range of its type; of types whose range says
    nothing (32-bit integers, floats), from the smallest of 0-1 (floats only), 0-255, 0-65,535 and
    0-4,294,967,295 that holds all values. CMYK is converted without color management. Of a moving
    picture, the first frame is read.

    Args:
        source: a path, or a file open for reading in binary mode.

    Raises:
        PictureError: it cannot be read; the sentence begins with the path.
    """
    name = str(getattr(source, "name", "the picture") if hasattr(source, "read") else source)
    if not hasattr(source, "read"):
        _check_file(Path(source), name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns of large pictures and odd EXIF; errors still come
            with Image.open(source) as image:
                image.load()
                return _rgb(_upright(image), name, image.format)
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


def _check_file(path: Path, name: str) -> None:
    try:
        with path.open("rb"):
            empty = path.is_file() and path.stat().st_size == 0
    except IsADirectoryError:
        raise PictureError(f"{name}: this is a folder, not a picture.") from None
    except FileNotFoundError:
        raise PictureError(f"{name}: there is no such file.") from None
    except (OSError, ValueError) as error:
        raise PictureError(f"{name}: the file cannot be opened ({_one_line(error)}).") from None
    if empty:
        raise PictureError(f"{name}: the file is empty.")


def _one_line(error: Exception) -> str:
    text = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split()).rstrip(".") or type(error).__name__


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # damaged EXIF says nothing about the pixels, which were read
        return image


def _rgb(image: Image.Image, name: str, format: str | None) -> Image.Image:
    if image.mode.startswith(("I", "F")):
        return _deep_gray(image, name, format).convert("RGB")
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        # premultiplied modes convert to RGBA only from their own color
        layer = image.convert({"La": "LA"}.get(image.mode, image.mode)).convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer).convert("RGB")
    return image.convert("RGB")


def _deep_gray(image: Image.Image, name: str, format: str | None) -> Image.Image:
    """Gray of more than 8 bits, as 8 bits; 65,535 becomes 255, not 65,535 cut off at 255."""
    values = np.asarray(image).astype(np.float64)
    if not np.isfinite(values).all() or values.min() < 0:
        raise PictureError(f"{name}: has negative or undefined brightnesses, whose range cannot be known.")
    if image.mode.startswith("I;16") or (image.mode == "I" and format in ("PNG", "PPM")):
        white = 65535
    else:
        whites = (1, 255, 65535, 2**32 - 1)[image.mode == "I" :]
        white = next((w for w in whites if values.max() <= w), values.max())
    gray = values * (255 / white)
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        gray[values == clear] = 255
    return Image.fromarray(np.rint(gray).astype(np.uint8))


_INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How a picture becomes the input of a network; every set of weights carries its own.

    The shorter side is resized to `resize` pixels, the center `crop` x `crop` pixels are cut out,
    and each channel, scaled so that white is `white`, has `mean` subtracted and is divided by `std`.
    `mean` and `std` are in the order of `channels`.

    `rounding` says where fractions of a pixel go. `nearest`: the longer side is rounded to nearest,
    the crop begins at the pixel rounded down. `torchvision`: the longer side is rounded down, the
    crop's begin to nearest, as torchvision's `Resize` and `CenterCrop` do.
    """

    resize: int = 256
    crop: int = 224
    interpolation: Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"] = "bilinear"
    rounding: Literal["nearest", "torchvision"] = "nearest"
    channels: Literal["RGB", "BGR"] = "RGB"
    white: float = 255.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def __post_init__(self) -> None:
        for field, allowed in (
            ("interpolation", _INTERPOLATIONS),
            ("rounding", ("nearest", "torchvision")),
            ("channels", ("RGB", "BGR")),
        ):
            if getattr(self, field) not in allowed:
                raise PictureError(
                    f"The {field} of a pre-processing is one of {', '.join(allowed)}, "
                    f"not {getattr(self, field)!r}."
                )
        whole = isinstance(self.crop, int) and isinstance(self.resize, int)
        if not whole or not 1 <= self.crop <= self.resize:
            raise PictureError(f"A crop of {self.crop} pixels cannot be cut out of a side of {self.resize}.")
        numbers = (self.white, *self.mean, *self.std)
        if (
            len(self.mean) != 3
            or len(self.std) != 3
            or not all(isinstance(n, int | float) for n in numbers)
            or min(self.std) <= 0
        ):
            raise PictureError(
                f"A pre-processing has a white, three means and three deviations above 0, "
                f"not {self.white}, {self.mean} and {self.std}."
            )

    def __call__(self, picture: Image.Image) -> torch.Tensor:
        """A picture as a float32 tensor (3, crop, crop)."""
        return self.tensor(self.frame(picture))

    def frame(self, picture: Image.Image) -> Image.Image:
        """The part of the picture that the network sees, as an RGB picture of crop x crop pixels."""
        picture = _middle(picture.convert("RGB"))
        picture = picture.resize(self.resized(*picture.size), Image.Resampling[self.interpolation.upper()])
        left, top = (self.half(side - self.crop) for side in picture.size)
        return picture.crop((left, top, left + self.crop, top + self.crop))

    def tensor(self, picture: Image.Image) -> torch.Tensor:
        """The pixels of a picture (height, width) as a float32 tensor (3, height, width), normalized."""
        import torch

        pixels = np.asarray(picture.convert("RGB"), dtype=np.float32)
        if self.channels == "BGR":
            pixels = pixels[..., ::-1]
        mean, std = np.asarray(self.mean, np.float32), np.asarray(self.std, np.float32)
        values = (pixels * np.float32(self.white / 255) - mean) / std
        return torch.from_numpy(np.ascontiguousarray(values.transpose(2, 0, 1)))

    def batch(self, pictures: torch.Tensor) -> torch.Tensor:
        """Images (n, height, width, 3) in uint8 as the network takes them: float32 (n, 3, height, width)."""
        import torch

        if self.channels == "BGR":
            pictures = pictures.flip(-1)
        n, height, width, channels = pictures.shape
        # a number for each value in a row of pixels, since arithmetic on three channels at a time is slow
        mean, std = (torch.tensor(v, device=pictures.device).repeat(width) for v in (self.mean, self.std))
        rows = (pictures.flatten(2).float() * (self.white / 255) - mean) / std
        return rows.view(n, height, width, channels).permute(0, 3, 1, 2)  # channels last in memory

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of this width and height is resized to, in pixels."""
        short = min(width, height)

        def side(n: int) -> int:
            if n == short:
                return self.resize
            exact = self.resize * n
            return exact // short if self.rounding == "torchvision" else round(exact / short)

        return side(width), side(height)

    def half(self, spare: int) -> int:
        """How many of the pixels to spare lie before a part that is cut out of the middle."""
        return round(spare / 2) if self.rounding == "torchvision" else spare // 2


#: The most that one side may exceed the other before the ends, which no crop sees, are cut off.
_LONGEST = 16


def _middle(picture: Image.Image) -> Image.Image:
    """The picture, its ends cut off where it is so long that resizing it would exhaust the memory."""
    width, height = picture.size
    most = _LONGEST * min(width, height)
    if max(width, height) <= most:
        return picture
    cut_x, cut_y = max(0, width - most) // 2, max(0, height - most) // 2
    return picture.crop((cut_x, cut_y, width - cut_x, height - cut_y))


#: BVLC's: BGR from 0 to 255 minus the mean, no division. The resize is the center-crop test's.
BVLC_PREPROCESS = Preprocess(channels="BGR", mean=(104.0, 117.0, 123.0))

#: What torchvision's published GoogLeNet takes: its usual normalization, and the second one that the
#: network itself then applies (`transform_input`), come to (x - 0.5) / 0.5.
TORCHVISION_PREPROCESS = Preprocess(rounding="torchvision", white=1.0, mean=(0.5,) * 3, std=(0.5,) * 3)

#: torchvision's usual normalization, which its training scripts use.
IMAGENET_PREPROCESS = Preprocess(
    rounding="torchvision", white=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
)
