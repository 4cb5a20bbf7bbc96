"""Data sets decoded once and kept on the device that trains, and their augmentation there.

The random numbers are those of `data.augmentation`, and so are the pictures, to the last bit: Pillow's
resize is a product with a matrix for the rows and one for the columns, whose numbers are Pillow's own; after
each of the two, in Pillow's order, values are rounded to whole brightnesses, as Pillow rounds them.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from inception_lib.data.augmentation import CHANGES, Draw, columns_first
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.images import Preprocess
from inception_lib.distributed import cores
from inception_lib.errors import DataError

#: Columns of a `Draw` in numbers: the image's number, box (4), size (2), filter, corner (2), changes (3),
#: their factors (3), mirrored.
_FILTER, _CHANGES, _FACTORS = 7, slice(10, 13), slice(13, 16)


def as_numbers(index: int, how: Draw) -> np.ndarray:
    """A draw for the image of that number, in float64, as `Resident.augmented` takes it."""
    changes = [*how.changes, *[(-1, 1.0)] * (len(CHANGES) - len(how.changes))]
    numbers, factors = zip(*changes, strict=True)
    return np.array(
        [index, *how.box, *how.to, how.filter, *how.corner, *numbers, *factors, how.mirrored], np.float64
    )


#: Pillow's weights are whole multiples of 1 / _ONE; in float64, sums of their products are exact, as its are.
_ONE = 2**22


class Resident:
    """The images of one split, in uint8 on a device.

    Attributes:
        sizes: (n, 2) in int32: width and height of each image.
        labels: (n,) in int64, on the CPU.
        bad: a sentence for each image that could not be read, by its number.
    """

    def __init__(self, data: Data, device: torch.device, *, frames: Preprocess | None = None) -> None:
        """Decode all images, in as many threads as there are processors.

        Args:
            data: the split.
            device: where to keep them.
            frames: keep only what validation sees of each image.

        Raises:
            DataError: the device has no room for them.
        """
        self.bad: dict[int, str] = {}
        self.labels = torch.from_numpy(data.labels)

        def read(index: int) -> np.ndarray:
            picture = data.picture_or_why_not(index)
            if isinstance(picture, str):
                self.bad[index] = picture
            else:
                return np.array(picture if frames is None else frames.frame(picture))
            return np.zeros((1, 1, 3) if frames is None else (frames.crop, frames.crop, 3), np.uint8)

        held = _decoded(data) if frames is None else None
        arrays: Sequence[np.ndarray] | np.ndarray
        if held is not None:
            arrays = held
        else:
            with ThreadPoolExecutor(cores()) as pool:
                shown = tqdm(
                    pool.map(read, range(len(data))),
                    f"decoding {data.name}",
                    len(data),
                    unit=" images",
                    leave=False,
                    disable=None,
                )
                arrays = list(shown)
        self.sizes = np.array([a.shape[1::-1] for a in arrays], np.int32).reshape(-1, 2)
        try:
            flat = np.concatenate([a.reshape(-1, 3) for a in arrays]) if held is None else held
            self.pixels = torch.from_numpy(flat).to(device).view(-1, 3)
            self._sizes = torch.from_numpy(self.sizes.astype(np.int64)).to(device)
            self.starts = self._sizes.prod(1).cumsum(0) - self._sizes.prod(1)
        except (torch.OutOfMemoryError, MemoryError):
            size = sum(a.nbytes for a in arrays)
            raise DataError(
                f"{data.name}: its decoded images take {size / 2**30:.1f} GiB, for which {device} has no "
                f"room; read them each time (--keep none)."
            ) from None

    def frames(self, which: range) -> Tensor:
        """Images (n, height, width, 3) that all have one size."""
        width, height = (int(side) for side in self.sizes[0])
        whole = self.pixels.view(-1, height, width, 3)
        return whole[which.start : which.stop : which.step]

    def augmented(self, draws: Tensor, size: int) -> Tensor:
        """What `augmentation.apply` makes of images.

        Args:
            draws: (n, 17) in float64, on the CPU: what `as_numbers` gives.
            size: of the result.

        Returns:
            (n, size, size, 3) in uint8, on the device.
        """
        device = self.pixels.device
        kinds = [Image.Resampling(int(n)) for n in draws[:, _FILTER].unique()]
        changed = bool((draws[:, _CHANGES] >= 0).any())
        shown = self.sizes[draws[:, 0].long().numpy()]
        largest = shown.max(0)
        down = columns_first(*shown.T, *draws[:, 5:7].numpy().T)
        near = torch.from_numpy(_nearest(draws.numpy(), size))  # (2, n, size)
        if device.type == "cuda":
            draws, near = draws.pin_memory(), near.pin_memory()
        index = draws[:, 0].long().to(device, non_blocking=True)
        if device.type == "mps":  # has no float64
            draws = draws.float()
        draws, near = draws.to(device, non_blocking=True), near.to(device, non_blocking=True)
        sides = self._sizes[index]
        source = self._images(index, sides, *(int(n) for n in largest)).to(draws.dtype)
        rows, columns = (
            _matrices(draws, axis, kinds, near[axis], sides[:, axis], int(largest[axis])) for axis in (0, 1)
        )
        made = _resized(source, rows[:, None].mT, columns[:, None], down).float()
        if changed:
            for number, factor in zip(draws[:, _CHANGES].T, draws[:, _FACTORS].T, strict=True):
                made = _changed(made, number, factor)
        made = torch.where(draws[:, -1].bool().view(-1, 1, 1, 1), made.flip(3), made)
        return made.byte().permute(0, 2, 3, 1)

    def _images(self, index: Tensor, sides: Tensor, width: int, height: int) -> Tensor:
        """Images (n, 3, height, width) in uint8; beyond an image's own size are pixels of no meaning."""
        x = torch.arange(width, device=index.device).minimum(sides[:, :1] - 1)
        y = torch.arange(height, device=index.device).minimum(sides[:, 1:] - 1)
        rows = self.starts[index, None] + y * sides[:, :1]
        return self.pixels[rows[:, :, None] + x[:, None, :]].permute(0, 3, 1, 2)


def _decoded(data: Data) -> np.ndarray | None:
    """The images (n, height, width, 3) of a split that is in memory."""
    if not isinstance(data.source, Arrays):
        return None
    images = data.source.images if data.chosen is None else data.source.images[data.chosen]
    return np.require(images, requirements="W")  # torch takes no others


def _nearest(draws: np.ndarray, size: int) -> np.ndarray:
    """The pixel that Pillow's NEAREST takes for each of the result, (2, n, size), in int64.

    Pillow adds up steps, so that rounding errors add up too.
    """
    found = []
    for axis in (0, 1):
        begin, end = draws[:, 1 + axis], draws[:, 3 + axis]
        step = (end - begin) / draws[:, 5 + axis]
        steps = np.repeat(step[:, None], size, 1)
        steps[:, 0] = begin + step * 0.5
        found.append(np.cumsum(steps, 1).astype(np.int64))
    return np.stack(found)


def _matrices(
    draws: Tensor, axis: int, kinds: Sequence[Image.Resampling], near: Tensor, sides: Tensor, length: int
) -> Tensor:
    """For each image the weights of its pixels along one axis, (n, size, length).

    As Pillow computes them (`precompute_coeffs` in its Resample.c): where an image is made smaller, a filter
    becomes wider in the same measure, and weights are divided by their sum.
    """
    begin, end, to, corner = (draws[:, n + axis].view(-1, 1, 1) for n in (1, 3, 5, 8))
    which = draws[:, _FILTER].view(-1, 1, 1)
    j = torch.arange(length, device=draws.device)
    place = torch.arange(near.shape[1], device=draws.device).view(1, -1, 1) + corner
    scale = (end - begin) / to
    wider = scale.clamp(min=1)
    center = begin + (place + 0.5) * scale
    weights = (j == near[:, :, None]).to(draws.dtype)
    for kind in kinds:
        if kind == Image.Resampling.NEAREST:
            continue
        reach, filter = _FILTERS[kind]
        first = (center - reach * wider + 0.5).trunc().clamp(min=0)
        last = (center + reach * wider + 0.5).trunc().minimum(sides.view(-1, 1, 1))
        found = filter((j - center + 0.5) / wider) * ((j >= first) & (j < last))
        found = (found / found.sum(2, keepdim=True) * _ONE).round() / _ONE
        weights = torch.where(which == int(kind), found, weights)
    return weights


def _resized(source: Tensor, rows: Tensor, columns: Tensor, down: np.ndarray) -> Tensor:
    """Images (n, 3, height, width) as (n, 3, size, size); where `down` (n,), along their columns first."""
    if not down.any():
        return _rounded(columns @ _rounded(source @ rows))
    if down.all():
        return _rounded(_rounded(columns @ source) @ rows)
    made = source.new_empty(*source.shape[:2], columns.shape[2], rows.shape[3])
    for order in (False, True):
        which = torch.from_numpy(np.flatnonzero(down == order)).to(source.device)
        made[which] = _resized(source[which], rows[which], columns[which], down[down == order])
    return made


def _box(t: Tensor) -> Tensor:
    return ((t > -0.5) & (t <= 0.5)).to(t.dtype)


def _triangle(t: Tensor) -> Tensor:
    return (1 - t.abs()).clamp(min=0)


def _cubic(t: Tensor) -> Tensor:
    a, t = -0.5, t.abs()
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = (((t - 5) * t + 8) * t - 4) * a
    return torch.where(t < 1, inner, torch.where(t < 2, outer, 0.0))


#: Pillow's filters: how far each reaches, in pixels of the smaller of the two images, and its weights.
_FILTERS = {
    Image.Resampling.BOX: (0.5, _box),
    Image.Resampling.BILINEAR: (1.0, _triangle),
    Image.Resampling.BICUBIC: (2.0, _cubic),
}


def _rounded(x: Tensor) -> Tensor:
    return (x + 0.5).floor_().clamp_(0, 255)


def _changed(x: Tensor, number: Tensor, factor: Tensor) -> Tensor:
    """Images (n, 3, height, width), each blended with its mean gray, black or its grays, as Pillow does it.

    Args:
        x: whole numbers from 0 to 255, in float32.
        number: of `CHANGES`, (n,); -1 leaves an image as it is.
        factor: (n,).
    """
    number, factor = number.view(-1, 1, 1, 1), factor.float().view(-1, 1, 1, 1)
    red, green, blue = x.int().unbind(1)
    gray = ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16)[:, None]  # Pillow's mode L
    count = gray[0].numel()
    mean = (2 * gray.sum((1, 2, 3), keepdim=True) + count).div(2 * count, rounding_mode="floor")
    other = torch.where(number == 0, mean, torch.where(number == 1, 0, gray)).float()
    return torch.where(number < 0, x, (other + factor * (x - other)).clamp(0, 255).trunc())
