"""The map of the network: its blocks as the counts have them, and where each is drawn.

One geometry for the widget on the landing page and for the slim form on top of each chapter. What is drawn is
`googlenet()`, the paper's network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from typing import Literal, NamedTuple

from inception_lib.architecture import Shape
from inception_lib.counting import Counts, Row, count
from inception_lib.networks.googlenet import googlenet

View = Literal["shape", "macs", "weights", "sees"]
VIEWS: tuple[View, ...] = ("shape", "macs", "weights", "sees")
INPUT = "input"
_NO_BLOCK = ("lrn", "dropout")  #: leave the shape as it is, and have no MACs and no weights


_ALL = ("*",)


class Chapter(NamedTuple):
    """A chapter of the book.

    Attributes:
        page: its file's name, without the ending.
        title: what the map calls it.
        about: what of the network it is about: patterns for the paths of parts.
        here: the same in words.
        pins: blocks on which its number stands on the map; none where it is about the whole network.
    """

    page: str
    title: str
    about: tuple[str, ...]
    here: str = "the whole network"
    pins: tuple[str, ...] = ()

    @property
    def whole(self) -> bool:
        """Whether it is about all of the network."""
        return self.about == _ALL


_ONE_BY_ONE = ("conv2_reduce", "inception_*/1x1", "inception_*/pool_proj")
#: The book's chapters in order. A test holds them against its table of contents.
CHAPTERS = (
    Chapter("01_from_lenet_to_googlenet", "From LeNet to GoogLeNet", _ALL),
    Chapter(
        "02_one_by_one_convolution",
        "The 1x1 convolution",
        _ONE_BY_ONE,
        "the 1x1 convolutions",
        ("conv2_reduce",),
    ),
    Chapter(
        "03_inception_module",
        "The Inception module",
        ("inception_*",),
        "the Inception modules",
        ("inception_3a",),
    ),
    Chapter(
        "04_global_average_pooling",
        "Global average pooling",
        ("pool5", "classifier"),
        "the average and the classifier",
        ("pool5",),
    ),
    Chapter("05_whole_network", "The whole network", _ALL),
    Chapter("06_what_it_sees", "What it sees", _ALL),
    Chapter("07_audit", "The audit of Table 1", _ALL),
    Chapter(
        "08_auxiliary_classifiers", "Auxiliary classifiers", ("aux*",), "the two heads", ("aux1", "aux2")
    ),
    Chapter("09_scales_squares_crops", "Scales, squares, crops", (INPUT,), "the image", (INPUT,)),
    Chapter("10_ensembles_ablation", "Ensembles", ("classifier",), "the answer", ("classifier",)),
    Chapter("11_in_its_time_and_after", "In its time and after", _ALL),
    Chapter("12_train", "Train it", _ALL),
)
#: Where a block is explained for which no chapter is there in particular.
WHOLE = "05_whole_network"


class Part(NamedTuple):
    """A piece of a block: a branch of a module, a layer of a head, or all of a lone layer.

    Attributes:
        path: of the layer whose output it is.
        branch: its branch; empty outside modules.
        shape: of its output.
        macs: of all its layers, for one image.
        weights: of all its layers.
    """

    path: str
    branch: str
    shape: Shape
    macs: int
    weights: int


class Block(NamedTuple):
    """What the map shows as one: a module, a head, a lone layer or the input.

    Attributes:
        name: of the module, head or layer.
        kind: what it is, in a few words.
        shape: of its output.
        parts: its pieces, in order.
        after: of a head the name of the block on which it sits; empty in the trunk.
    """

    name: str
    kind: str
    shape: Shape
    parts: tuple[Part, ...]
    after: str

    @property
    def side(self) -> int:
        """Of its feature maps, in positions."""
        return self.shape[1] if len(self.shape) == 3 else 1

    @property
    def macs(self) -> int:
        return sum(part.macs for part in self.parts)

    @property
    def weights(self) -> int:
        return sum(part.weights for part in self.parts)

    @property
    def label(self) -> str:
        """Its name as the map has it."""
        named = {INPUT: "image", "conv2_reduce": "1x1", "pool5": "avg", "classifier": "answer"}
        if self.after:
            return f"head {self.name.removeprefix('aux')}"
        if self.name.startswith("pool") and self.name not in named:
            return "pool"
        return named.get(self.name, self.name.removeprefix("inception_"))


@cache
def counted() -> Counts:
    """The counts of the network that is drawn."""
    return count(googlenet())


@cache
def blocks() -> tuple[Block, ...]:
    """All blocks along the trunk, each head behind the block on which it sits."""
    counts = counted()
    side = counts.architecture.input
    found = [Block(INPUT, "the image", side, (Part(INPUT, "", side, 0, 0),), "")]
    after = {head.name: head.after for head in counts.architecture.heads}
    for name, group in counts.groups.items():
        rows = [row for row in group.rows if row.kind not in _NO_BLOCK]
        if rows:
            parts = _by_branch(rows) if name not in after else [_part([row]) for row in rows]
            found.append(Block(name, _kind(rows), rows[-1].out_shape, tuple(parts), after.get(name, "")))
    heads = [block for block in found if block.after]
    return tuple(
        one
        for block in found
        if not block.after
        for one in (block, *(head for head in heads if head.after == block.name))
    )


def _by_branch(rows: Sequence[Row]) -> list[Part]:
    layers = [row for row in rows if row.kind != "concat"]
    return [
        _part([r for r in layers if r.branch == name]) for name in dict.fromkeys(r.branch for r in layers)
    ]


def _part(rows: Sequence[Row]) -> Part:
    last = rows[-1]
    macs, weights = (sum(getattr(row, what).value for row in rows) for what in ("macs", "weights"))
    return Part(last.path, last.branch, last.out_shape, macs, weights)


def _kind(rows: Sequence[Row]) -> str:
    last = rows[-1]
    if last.head:
        return "an auxiliary classifier, for training only"
    if last.kind == "concat":
        return "an Inception module"
    if last.kind == "linear":
        return "the fully connected classifier"
    if last.kernel is None:
        return last.kind
    rows_, columns = last.kernel
    if last.out_shape[1:] == (1, 1):
        return "global average pooling"
    what = "convolution" if last.kind == "conv" else last.kind
    return f"a {rows_}x{columns} {what}" + (f", stride {last.stride}" if (last.stride or 1) > 1 else "")


def is_about(chapter: Chapter, path: str) -> bool:
    """Whether a chapter is about a part, in particular or with the whole network."""
    return any(fnmatchcase(path, pattern) for pattern in chapter.about)


def opens(block: Block) -> Chapter:
    """The chapter that explains a block: the first about all of it in particular, or that on the network."""
    special = (c for c in CHAPTERS if not c.whole and all(is_about(c, p.path) for p in block.parts))
    return next(special, None) or chapter(WHOLE)


def chapter(page: str) -> Chapter:
    """The chapter of a page.

    Raises:
        KeyError: the page is no chapter.
    """
    found = [one for one in CHAPTERS if one.page == page]
    if not found:
        raise KeyError(page)
    return found[0]


def number(one: Chapter) -> int:
    """Of a chapter, from 1."""
    return CHAPTERS.index(one) + 1


class Rect(NamedTuple):
    """Where a part is drawn: along the network, and across from the base line; in pixels."""

    start: float
    size: float
    base: float
    length: float


@dataclass(frozen=True)
class Plan:
    """How large things are drawn, in pixels.

    Attributes:
        position: of a position of a feature map, along.
        channel: of a channel, across.
        gap: between blocks, along.
        slot: at least so much along for a block, so that its label fits.
        image: side of the image in the views other than shape; the shape view has it to scale.
        column: of a block in those views, along.
        apart: between columns.
        tile: in the view of what it sees a map's side, and how much of it for each position.
        stalk: of a head.
        reach: of the longest block, across.
        most: of the longest with a head on it, across.
        upward: whether a module's branches are stacked from the last.
    """

    position: float
    channel: float
    gap: float
    slot: float
    image: float
    column: float
    apart: float
    tile: tuple[float, float]
    stalk: float
    reach: float
    most: float
    upward: bool

    def slots(self, view: View) -> dict[str, tuple[float, float]]:
        """Of each block in the trunk where it begins along the network, and how much it takes."""
        found, at = {}, 0.0
        for block in blocks():
            if block.after:
                continue
            if view == "shape":
                size, gap = max(self.position * block.side, self.slot), self.gap
            else:
                size, gap = self._column(block, view), self.apart
            found[block.name] = (at, size)
            at += size + gap
        return found

    def _column(self, block: Block, view: View) -> float:
        """What a block takes along in the views in which that is not to scale."""
        if view == "sees":
            return self.tile[0] + self.tile[1] * block.side
        return self.image if block.name == INPUT else self.column

    def scale(self, view: View) -> float:
        """Pixels across for a channel, a MAC or a weight."""
        if view == "shape":
            return self.channel
        value = {block.name: getattr(block, view) for block in blocks()}
        limits = [
            (self.most - self.stalk) / (value[block.after] + value[block.name])
            if block.after
            else self.reach / value[block.name]
            for block in blocks()
            if value[block.name]
        ]
        return min(limits)

    def rects(self, view: View) -> dict[str, Rect]:
        """Of each part by its path where it is drawn."""
        slots = self.slots(view)
        found: dict[str, Rect] = {}
        tops: dict[str, float] = {}
        for block in blocks():
            start, size = slots[block.after or block.name]
            base = tops[block.after] + self.stalk if block.after else 0.0
            own = dict(self._block(block, view, start + size / 2, base))
            tops[block.name] = max(rect.base + rect.length for rect in own.values())
            found |= own
        return found

    def _block(self, block: Block, view: View, center: float, base: float) -> Iterator[tuple[str, Rect]]:
        """Its parts: side by side where a head is drawn in its shape, else one on the other."""
        if block.name == INPUT:  # seen from its front
            side = self.position * block.side if view == "shape" else self._column(block, view)
            yield INPUT, Rect(center - side / 2, side, base, side)
            return
        if view == "shape" and block.after:
            sizes = [self.position * (part.shape[1] if len(part.shape) == 3 else 1) for part in block.parts]
            between = self.gap / 5
            at = center - (sum(sizes) + between * (len(sizes) - 1)) / 2
            for part, size in zip(block.parts, sizes, strict=True):
                yield part.path, Rect(at, size, base, self.channel * part.shape[0])
                at += size + between
            return
        size = self.position * block.side if view == "shape" else self._column(block, view)
        between = self.apart / 2 if view == "sees" else 0.0
        length = self._length(block, view)
        for part in reversed(block.parts) if self.upward and not block.after else block.parts:
            yield part.path, Rect(center - size / 2, size, base, length(part))
            base += length(part) + between

    def _length(self, block: Block, view: View) -> Callable[[Part], float]:
        if view == "shape":
            return lambda part: self.channel * part.shape[0]
        if view == "sees":  # a tile for a map; the network that runs has no heads
            return lambda part: self.column / 6 if block.after else self._column(block, view)
        scale = self.scale(view)
        return lambda part: scale * getattr(part, view)

    @property
    def length(self) -> float:
        """Of the whole drawing, along."""
        return max(start + size for view in VIEWS for start, size in self.slots(view).values())


#: From left to right, from top to bottom on a narrow page, and the slim form.
PLANS = {
    "wide": Plan(
        position=0.9,
        channel=0.22,
        gap=11,
        slot=18,
        image=170,
        column=36,
        apart=6,
        tile=(28, 0.45),
        stalk=14,
        reach=225,
        most=356,
        upward=True,
    ),
    "tall": Plan(
        position=0.52,
        channel=0.16,
        gap=6.5,
        slot=16,
        image=104,
        column=25,
        apart=3,
        tile=(23, 0.12),
        stalk=9,
        reach=140,
        most=262,
        upward=False,
    ),
    "slim": Plan(
        position=0.86,
        channel=0.033,
        gap=11,
        slot=18,
        image=40,
        column=30,
        apart=6,
        tile=(24, 0.4),
        stalk=4,
        reach=34,
        most=56,
        upward=True,
    ),
}
