"""The pixels of the views that a plan names, cut on the device that they are tested on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from inception_lib.data.decoding import as_rgb
from inception_lib.data.images import Preprocess
from inception_lib.evaluation.plan import View, kept_parts


def pixels(picture: Image.Image) -> Tensor:
    """A picture of any mode as uint8 (height, width, 3), on the CPU; see `as_rgb`."""
    return torch.from_numpy(np.array(as_rgb(picture)))


def levels(picture: Tensor, scales: Sequence[int], preprocess: Preprocess) -> dict[int, Tensor]:
    """The picture (height, width, 3) in uint8, resized to each scale on the device it is on.

    Against Pillow's resize, which rounds to whole brightnesses too, no value is off by more than 1 (of 255),
    and fewer than 1 % are off at all; a whole square, which is resized twice, is off by at most 2.

    Of a picture more than 16 times as long as wide, both ends and the middle are resized, side by side; where
    it is warped, all of it.
    """
    if not preprocess.warp:
        picture = _kept(picture)
    found = {}
    for scale in scales:
        size = replace(preprocess, resize=scale).resized(picture.shape[1], picture.shape[0])
        found[scale] = _resize(picture[None], size, preprocess.interpolation)[0]
    return found


def _kept(picture: Tensor) -> Tensor:
    """What `kept_parts` says of the picture (height, width, 3)."""
    height, width, _ = picture.shape
    parts = kept_parts(max(width, height), min(width, height))
    if len(parts) == 1:
        return picture
    along = 0 if height > width else 1
    return torch.cat([picture.narrow(along, begin, length) for begin, length in parts], along)


def cut(resized: dict[int, Tensor], views: Sequence[View], preprocess: Preprocess) -> Tensor:
    """The pixels of views, in their order: uint8 (views, crop, crop, 3) on the device of `resized`.

    Each place is cut out once, and its mirror image is a flip of it. Squares of one scale are resized
    together.

    Args:
        resized: what `levels` gave, with every scale of the views.
        views: of a picture of this size.
        preprocess: gives the input size and the filter.
    """
    size = (preprocess.crop, preprocess.crop)
    places: dict[tuple[int, int], dict[tuple[int, int], None]] = {}
    for view in views:
        left, top, side = view.place
        places.setdefault((view.scale, side), {})[left, top] = None
    # slices and stacks only: an index would be a tensor that has to be copied to the device and waited for
    found: dict[tuple[int, int, int, int, bool], Tensor] = {}
    for (scale, side), corners in places.items():
        windows = [resized[scale][top : top + side, left : left + side] for left, top in corners]
        straight = _resize(torch.stack(windows), size, preprocess.interpolation)
        mirrored = straight.flip(2)
        for n, (left, top) in enumerate(corners):
            found[scale, left, top, side, False] = straight[n]
            found[scale, left, top, side, True] = mirrored[n]
    return torch.stack([found[view.pixels] for view in views])


def views_of(
    picture: Image.Image, views: Sequence[View], preprocess: Preprocess, device: torch.device | str = "cpu"
) -> Tensor:
    """The views of one picture as the network takes them: float32 (views, 3, crop, crop), on the device.

    The picture is uploaded once, in uint8; all else happens there.

    Args:
        picture: in any mode.
        views: from `plan`, for the size of this picture; from `distinct`, where none shall be done twice.
        preprocess: how a picture becomes the input of the network.
        device: where to.
    """
    resized = levels(pixels(picture).to(device), sorted({view.scale for view in views}), preprocess)
    return preprocess.batch(cut(resized, views, preprocess))


def _resize(pictures: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """Pictures (n, height, width, 3) in uint8 resized to `size`, (width, height), as Pillow does it."""
    width, height = size
    if pictures.shape[1:3] == (height, width):
        return pictures
    if interpolation not in ("nearest", "bilinear", "bicubic"):  # filters that torch has not
        chosen = Image.Resampling[interpolation.upper()]
        done = [np.asarray(Image.fromarray(p.cpu().numpy()).resize(size, chosen)) for p in pictures]
        return torch.from_numpy(np.stack(done)).to(pictures.device)
    x = pictures.permute(0, 3, 1, 2)
    if interpolation == "nearest":
        x = F.interpolate(x, (height, width), mode="nearest-exact")
    elif x.device.type == "cpu":
        x = F.interpolate(x, (height, width), mode=interpolation, antialias=True)
    else:
        x = _resize_as_floats(x, (height, width), interpolation)
    return x.permute(0, 2, 3, 1)


def _resize_as_floats(x: Tensor, size: tuple[int, int], interpolation: str) -> Tensor:
    """uint8 (n, 3, height, width) resized where only floats can be: first along the rows, then the columns.

    Pillow rounds between the two, and so does this.
    """
    for to in ((x.shape[2], size[1]), size):
        if x.shape[2:] != to:
            x = F.interpolate(x.float(), to, mode=interpolation, antialias=True)
            x = x.round_().clamp_(0, 255).byte()
    return x
