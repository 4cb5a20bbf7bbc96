"""The crops that a picture is tested with: first as a plan, which is plain data, then as pixels.

The paper, section 7: the picture is resized to 4 scales, its shorter side 256, 288, 320 and 352 pixels; of
each the left, center and right square is taken (top, center and bottom of a portrait picture); of each
square the four corners, the center, and the square resized to 224x224; of each of these the mirror image.
That makes 4 x 3 x 6 x 2 = 144.

The paper does not say how fractions of a pixel are rounded, which filter resizes, or what the tests with
1 and 10 crops are. Rounding and filter are the network's `Preprocess`; `scheme` says what the tests are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from inception_lib.data.images import LONGEST, Preprocess
from inception_lib.errors import PictureError

Pool = Literal["mean", "max"]
Square = Literal["left", "center", "right"]
Crop = Literal["top left", "top right", "bottom left", "bottom right", "center", "whole"]
#: What is taken over the crops of a picture: the paper averages, and found the maximum worse.
POOLS: tuple[Pool, ...] = get_args(Pool)
SQUARES: tuple[Square, ...] = get_args(Square)
CROPS: tuple[Crop, ...] = get_args(Crop)
_PORTRAIT: dict[Square, Literal["top", "center", "bottom"]] = {
    "left": "top",
    "center": "center",
    "right": "bottom",
}


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """Which views are taken of every picture: all combinations of these.

    `scales` are lengths of the shorter side in pixels. `left` and `right` stand for `top` and `bottom` in
    a portrait picture. The crop `whole` is the square itself, resized.
    """

    scales: tuple[int, ...]
    squares: tuple[Square, ...] = SQUARES
    crops: tuple[Crop, ...] = CROPS
    mirror: bool = True

    def __post_init__(self) -> None:
        for field, allowed in (("squares", SQUARES), ("crops", CROPS)):
            for value in getattr(self, field):
                if value not in allowed:
                    raise PictureError(
                        f"The {field} of a scheme are among {', '.join(allowed)}, not {value!r}."
                    )
        for field in ("scales", "squares", "crops"):
            values = getattr(self, field)
            if not values or len(set(values)) < len(values):
                raise PictureError(
                    f"The {field} of a scheme must be at least one, and none twice, not {values}."
                )
        if not all(isinstance(scale, int) and scale > 0 for scale in self.scales):
            raise PictureError(f"The scales of a scheme are whole numbers of pixels, not {self.scales}.")

    def __len__(self) -> int:
        return len(self.scales) * len(self.squares) * len(self.crops) * (1 + self.mirror)


COUNTS = (1, 10, 144)  #: the tests of the paper's Table 3, in crops


def scheme(crops: int, preprocess: Preprocess | None = None) -> Scheme:
    """The test with that many crops, for the input size of `preprocess`.

    1: the center crop of the center square, at the network's own resize: what `preprocess` cuts. 10: the
    four corners and the center of the center square at scale 256, and their mirror images (Krizhevsky et
    al. 2012; that the paper's own ten are these is our reading). 144: the paper's.

    The scales are for an input of 224 pixels; for another they are in proportion.

    Raises:
        PictureError: another number than 1, 10 or 144.
    """
    preprocess = preprocess or Preprocess()
    scales = tuple(round(preprocess.crop * part / 7) for part in (8, 9, 10, 11))
    match crops:
        case 1:
            return Scheme(scales=(preprocess.resize,), squares=("center",), crops=("center",), mirror=False)
        case 10:
            return Scheme(scales=scales[:1], squares=("center",), crops=CROPS[:5])
        case 144:
            return Scheme(scales=scales)
    raise PictureError(f"There are tests with {', '.join(map(str, COUNTS))} crops, not with {crops}.")


@dataclass(frozen=True, kw_only=True)
class View:
    """One view of a picture.

    `box` is (left, top, right, bottom) in the picture's own pixels, which need not be whole ones. `place` is
    (left, top, side) in whole pixels of the resized picture. Weights of a plan add up to 1.
    """

    scale: int
    square: Literal["left", "center", "right", "top", "bottom"]
    crop: Crop
    mirror: bool
    box: tuple[float, float, float, float]
    place: tuple[int, int, int]
    weight: float

    @property
    def pixels(self) -> tuple[int, int, int, int, bool]:
        """What decides its pixels: views of one picture that share it are the same."""
        return self.scale, *self.place, self.mirror


def plan(scheme: Scheme, width: int, height: int, preprocess: Preprocess | None = None) -> list[View]:
    """All views of a picture, those that coincide too: `len(scheme)` of equal weight.

    They are in the order scale, square, mirror, crop. The outer squares are flush with the picture's border
    also where the border's distance is odd. The center crop of the center square lies in the middle of the
    picture, to the pixel where `Preprocess` cuts it.

    A picture more than 16 times as long as wide is not resized whole, which could exhaust the memory: both
    ends and the middle are, with what the filter sees around them, and `place` is in those (see `levels`).
    Of a picture that is warped, the three squares are one.

    Args:
        scheme: which views.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        preprocess: gives the input size and says how to round.

    Raises:
        PictureError: there is no picture of this size, or a scale is smaller than the input.
    """
    preprocess = preprocess or Preprocess()
    if width < 1 or height < 1:
        raise PictureError(f"A picture of {width}x{height} pixels has no crops.")
    portrait, long, short = height > width, max(width, height), min(width, height)
    kept = sum(n for _, n in kept_parts(long, short))
    views = []
    for scale in scheme.scales:
        at = replace(preprocess, resize=scale)
        there, here = max(at.resized(long, short)), max(at.resized(kept, short))
        for square in scheme.squares:
            for mirror in (False, True)[: 1 + scheme.mirror]:
                for crop in scheme.crops:
                    side = scale if crop == "whole" else at.crop
                    across = _offset(crop, scale, side, at, first="left" if portrait else "top")
                    along, seen = (
                        _begin(square, crop, span, scale, side, at, portrait) for span in (here, there)
                    )
                    # begin and end in the picture's own pixels, exact at its border
                    lengthwise = seen * long / there, (seen + side) * long / there
                    crosswise = across * short / scale, (across + side) * short / scale
                    (left, right), (top, bottom) = (
                        (crosswise, lengthwise) if portrait else (lengthwise, crosswise)
                    )
                    views.append(
                        View(
                            scale=scale,
                            square=_PORTRAIT[square] if portrait else square,
                            crop=crop,
                            mirror=mirror,
                            box=(left, top, right, bottom),
                            place=(across, along, side) if portrait else (along, across, side),
                            weight=1 / len(scheme),
                        )
                    )
    return views


def _offset(crop: Crop, scale: int, side: int, preprocess: Preprocess, first: str) -> int:
    """Where the crop begins in its square, in the direction whose first edge is `first`."""
    if crop in ("center", "whole"):
        return preprocess.half(scale - side)
    return 0 if first in crop.split() else scale - side


def _begin(
    square: Square, crop: Crop, span: int, scale: int, side: int, preprocess: Preprocess, portrait: bool
) -> int:
    """Where the crop begins along the longer side, which is `span` pixels long."""
    if square == crop == "center":
        return preprocess.half(span - side)
    offset = _offset(crop, scale, side, preprocess, first="top" if portrait else "left")
    return offset + {"left": 0, "center": preprocess.half(span - scale), "right": span - scale}[square]


def distinct(views: Sequence[View]) -> list[View]:
    """Each different view once, in order of appearance, with the weights of those it stands for added up.

    A square picture has 48 different ones among its 144.
    """
    found: dict[tuple, View] = {}
    for view in views:
        known = found.get(view.pixels)
        found[view.pixels] = view if known is None else replace(known, weight=known.weight + view.weight)
    return list(found.values())


def kept_parts(long: int, short: int) -> list[tuple[int, int]]:
    """(begin, length) along the longer side of what is kept: all, or both ends and the middle."""
    if long <= LONGEST * short:
        return [(0, long)]
    end = 3 * short  # a square, and more than a filter sees beside it
    middle = end + (long - end) % 2  # as odd or even as the picture, so that the middle stays the middle
    return [(0, end), ((long - middle) // 2, middle), (long - end, end)]
