"""Pictures: turning any of them into what a network takes.

Importing this module imports no torch; calling a `Preprocess` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from inception_lib.data.decoding import Picture, as_rgb, read_picture
from inception_lib.errors import PictureError

if TYPE_CHECKING:
    import torch

__all__ = [
    "BVLC_PREPROCESS",
    "IMAGENET_PREPROCESS",
    "LONGEST",
    "PREPROCESSES",
    "TORCHVISION_PREPROCESS",
    "Picture",
    "Preprocess",
    "as_rgb",
    "read_picture",
]

_INTERPOLATIONS = ("nearest", "box", "bilinear", "hamming", "bicubic", "lanczos")

#: Pixels that the shorter side is resized to at most: a picture 16 times as long takes 0.8 GB then.
_LARGEST = 4096


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How a picture becomes the input of a network; every set of weights carries its own.

    The shorter side is resized to `resize` pixels, the center `crop` x `crop` pixels are cut out,
    and each channel, scaled so that white is `white`, has `mean` subtracted and is divided by `std`.
    `mean` and `std` are in the order of `channels`.

    With `warp` both sides are resized to `resize` pixels, whatever the picture's shape, as Caffe's tutorial
    on ImageNet prepares its images. (Caffe resizes by OpenCV's filter, which does not smooth first as
    Pillow's does.)

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
    warp: bool = False

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
        if self.resize > _LARGEST:
            raise PictureError(
                f"A shorter side is resized to {_LARGEST:,} pixels at most, not to {self.resize}."
            )
        for field in ("mean", "std"):
            if isinstance(getattr(self, field), list):
                object.__setattr__(self, field, tuple(getattr(self, field)))
        if not (
            isinstance(self.mean, tuple)
            and isinstance(self.std, tuple)
            and len(self.mean) == len(self.std) == 3
            and all(isinstance(n, int | float) and abs(n) <= 1e6 for n in (self.white, *self.mean, *self.std))
            and min(self.std) >= 1e-6
        ):
            raise PictureError(
                f"A pre-processing has a white, three means and three deviations above 0, "
                f"not {self.white}, {self.mean} and {self.std}."
            )

    def __call__(self, picture: Picture) -> torch.Tensor:
        """A picture as a float32 tensor (3, crop, crop).

        Args:
            picture: a path, a Pillow image of any mode, an array or a tensor, as `as_rgb` takes it.

        Raises:
            PictureError: it cannot be read, or it is none of these.
        """
        return self.tensor(self.frame(picture))

    def describe(self) -> str:
        """What it does, in words."""

        def three(numbers: tuple[float, float, float]) -> str:
            return ", ".join(f"{n:g}" for n in numbers[: 1 if len(set(numbers)) == 1 else 3])

        words = (
            f"shorter side {self.resize} ({self.interpolation}), center {self.crop} x {self.crop}, "
            f"{self.channels} from 0 to {self.white:g}"
        )
        if any(self.mean):
            words += f", minus {three(self.mean)}"
        return words + (f", divided by {three(self.std)}" if set(self.std) != {1.0} else "")

    def frame(self, picture: Picture) -> Image.Image:
        """The part of the picture that the network sees, as an RGB picture of crop x crop pixels."""
        image = as_rgb(picture)
        if not self.warp:
            image = _middle(image)
        image = image.resize(self.resized(*image.size), Image.Resampling[self.interpolation.upper()])
        left, top = (self.half(side - self.crop) for side in image.size)
        return image.crop((left, top, left + self.crop, top + self.crop))

    def tensor(self, picture: Picture) -> torch.Tensor:
        """The pixels of a picture (height, width) as a float32 tensor (3, height, width), normalized."""
        import torch

        return self.batch(torch.from_numpy(np.array(as_rgb(picture)))[None])[0].contiguous()

    def batch(self, images: torch.Tensor) -> torch.Tensor:
        """Images as the network takes them, normalized, on the device that they are on.

        Args:
            images: (n, height, width, 3) in uint8, RGB.

        Returns:
            (n, 3, height, width) in float32, channels last in memory.
        """
        import torch

        n, height, width, channels = images.shape
        mean, std = _rows(self, images, width)
        if _is_plain(images) and images.device.type == "cpu":
            # one by one: all steps of an image find it in the processor's cache
            values = torch.empty(n, height, width * channels)
            for image, row in zip(images, values, strict=True):
                self._normalized(image, mean, std, row)
        else:
            values = images.flip(-1) if self.channels == "BGR" else images
            values = (values.flatten(2).float() * (self.white / 255) - mean) / std
        return values.view(n, height, width, channels).permute(0, 3, 1, 2)

    def _normalized(
        self, image: torch.Tensor, mean: torch.Tensor, std: torch.Tensor, out: torch.Tensor
    ) -> None:
        """Write an image (height, width, 3) into `out` (height, 3 * width)."""
        if self.channels == "BGR":
            for channel, to in zip(image.unbind(-1), out.view(image.shape).unbind(-1)[::-1], strict=True):
                to.copy_(channel)
        else:
            out.copy_(image.flatten(1))
        if self.white != 255:
            out.mul_(self.white / 255)
        out.sub_(mean)
        if set(self.std) != {1.0}:
            out.div_(std)

    def resized(self, width: int, height: int) -> tuple[int, int]:
        """Width and height that a picture of this width and height is resized to, in pixels."""
        if self.warp:
            return self.resize, self.resize
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


#: Mean and deviation as `_rows` made them, by pre-processing, device and width.
_ROWS: dict[tuple[Preprocess, torch.device, int], tuple[torch.Tensor, torch.Tensor]] = {}


def _rows(preprocess: Preprocess, images: torch.Tensor, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and deviation of each number in a row of pixels (3 * width), on the device of `images`.

    So long, since arithmetic on three channels at a time is slow; kept, since a copy to a GPU waits for it.
    """
    import torch

    key = preprocess, images.device, width
    found = _ROWS.get(key)
    plain = _is_plain(images)
    if found is None or not plain:
        with torch.inference_mode(False):
            mean, std = (
                torch.tensor(v, dtype=torch.float32, device=images.device).repeat(width)
                for v in (preprocess.mean, preprocess.std)
            )
        found = mean, std
        if plain:
            if len(_ROWS) >= 64:
                _ROWS.clear()
            _ROWS[key] = found
    return found


def _is_plain(images: torch.Tensor) -> bool:
    """Whether nothing traces or fakes tensors: those it makes are of no use afterwards, nor ours to it."""
    import torch

    return type(images) is torch.Tensor and not torch.compiler.is_compiling()


#: The most that one side may exceed the other before the ends, which no crop sees, are cut off.
LONGEST = 16


def _middle(picture: Image.Image) -> Image.Image:
    """The picture, its ends cut off where it is so long that resizing it would exhaust the memory."""
    width, height = picture.size
    most = LONGEST * min(width, height)
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

#: The usual ones by name, for weights whose file does not say which is theirs.
PREPROCESSES = {
    "bvlc": BVLC_PREPROCESS,
    "torchvision": TORCHVISION_PREPROCESS,
    "imagenet": IMAGENET_PREPROCESS,
}
