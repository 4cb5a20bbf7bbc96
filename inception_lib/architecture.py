"""A network as data: what the layers are, and nothing else.

Everything else in this library is derived from these frozen dataclasses: the arithmetic
(`counting`), the torch modules (`nn`), the drawings (`book.figures`), the tables that the widgets
multiply (`book.widgets`). This module imports no torch.

Sizes are channels first: a shape is `(channels, height, width)`, or `(features,)` once flattened.

Sources: Szegedy et al., "Going deeper with convolutions" (CVPR 2015, arXiv 1409.4842), named
"the paper" here; where the paper is silent, BVLC's `models/bvlc_googlenet/train_val.prototxt`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import starmap
from typing import Any, Literal

from inception_lib.errors import ArchitectureError

Shape = tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Conv:
    """A convolution, with what follows it directly: batch normalization (if any), then ReLU.

    `norm_eps` is what batch normalization adds to the variance. `in_channels`, if given, is a claim
    that `walk` checks against what really arrives.
    """

    name: str
    out_channels: int
    kernel: int | tuple[int, int]
    stride: int = 1
    padding: int | tuple[int, int] = 0
    groups: int | Literal["depthwise"] = 1
    bias: bool = True
    batch_norm: bool = False
    relu: bool = True
    in_channels: int | None = None
    norm_eps: float = field(default=1e-3, repr=False)


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Max or average pooling over a window.

    `ceil=True` rounds the output size up, as Caffe does; a last window that would start outside
    the input is dropped, as in both Caffe and torch.
    """

    name: str
    op: Literal["max", "average"]
    kernel: int
    stride: int = 1
    padding: int = 0
    ceil: bool = False


@dataclass(frozen=True, kw_only=True)
class GlobalPool:
    """Average pooling onto an `output` x `output` grid whatever the input's; 1 is global average pooling."""

    name: str
    output: int = 1


@dataclass(frozen=True, kw_only=True)
class LRN:
    """Local response normalization across channels: x / (k + alpha/size * sum of squares) ** beta."""

    name: str
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """Dropout with probability `p` of dropping; nothing at test time."""

    name: str
    p: float


@dataclass(frozen=True, kw_only=True)
class Linear:
    """A fully connected layer on all its inputs, flattened in (channel, row, column) order."""

    name: str
    out_features: int
    bias: bool = True
    relu: bool = False
    in_features: int | None = None


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Each channel times a trained factor, plus a trained bias (LeNet-5's subsampling)."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Tanh:
    """amplitude * tanh(slope * x), element by element."""

    name: str
    amplitude: float = 1.0
    slope: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Select:
    """The channels with these numbers, counted from 0, in this order; the others are left out."""

    name: str
    channels: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Branch:
    """One path through a module: layers one after the other; without layers it passes its input on."""

    name: str
    layers: tuple[Layer, ...]


@dataclass(frozen=True, kw_only=True)
class Branches:
    """A module: branches that see the same input, their outputs concatenated along the channels.

    With `join="add"` the outputs, all of one shape, are added instead, as in a residual block; `relu`
    then says whether a ReLU follows the sum. `out_channels`, if given, is a claim that `walk` checks
    against what the branches give together.
    """

    name: str
    branches: tuple[Branch, ...]
    out_channels: int | None = None
    join: Literal["concatenate", "add"] = "concatenate"
    relu: bool = False


Layer = Conv | Pool | GlobalPool | LRN | Dropout | Linear | Scale | Tanh | Select | Branches


@dataclass(frozen=True, kw_only=True)
class Head:
    """An auxiliary classifier, fed with the output of the layer named `after`.

    `loss_weight` multiplies its loss, which is added to that of the main classifier (the paper, section 5:
    0.3). At test time the head is not there.
    """

    name: str
    after: str
    layers: tuple[Layer, ...]
    loss_weight: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """A whole network: an input shape, layers in order, and auxiliary heads."""

    name: str
    input: tuple[int, int, int]
    layers: tuple[Layer, ...]
    heads: tuple[Head, ...] = ()

    def __post_init__(self) -> None:
        walk(self)  # a network that cannot exist is refused here, by the name of its layer

    @property
    def classes(self) -> int:
        """Number of outputs of the main classifier."""
        return next(step.out_shape[0] for step in reversed(list(walk(self))) if step.head is None)

    @property
    def depth(self) -> int:
        """Convolutions and fully connected layers on the longest path, the heads left out."""
        return sum(map(depth_of, self.layers))

    @property
    def classifiers(self) -> tuple[str, ...]:
        """Paths of the layers that give the classes: the trunk's, then each head's; an error if one lacks."""
        last = [self.layers[_classifier(self.name, self.layers)].name]
        return (*last, *(f"{h.name}/{h.layers[_classifier(h.name, h.layers)].name}" for h in self.heads))

    def with_classes(self, classes: int) -> Architecture:
        """The same network for another number of classes: other `classifiers`, all else as it is.

        Raises:
            ArchitectureError: the number is below 1, or there is no such classifier.
        """
        heads = (replace(head, layers=_with_classes(head.name, head.layers, classes)) for head in self.heads)
        return replace(self, layers=_with_classes(self.name, self.layers, classes), heads=tuple(heads))

    def without_heads(self) -> Architecture:
        """The same network as it is at test time."""
        return replace(self, heads=())

    def without_dropout(self) -> Architecture:
        """The same network with each dropout probability 0: equal paths, shapes and weights."""
        heads = (replace(head, layers=tuple(map(_without_dropout, head.layers))) for head in self.heads)
        return replace(self, layers=tuple(map(_without_dropout, self.layers)), heads=tuple(heads))


def _classifier(name: str, layers: tuple[Layer, ...]) -> int:
    """Where the classifier stands: it is the last layer with weights."""
    at = max((i for i, layer in enumerate(layers) if isinstance(layer, Conv | Linear | Branches)), default=0)
    if not layers or not isinstance(layers[at], Conv | Linear):
        raise ArchitectureError(f"{name}: it does not end in a classifier, convolution or fully connected.")
    return at


def _with_classes(name: str, layers: tuple[Layer, ...], classes: int) -> tuple[Layer, ...]:
    at = _classifier(name, layers)
    width = {"out_features" if isinstance(layers[at], Linear) else "out_channels": classes}
    return (*layers[:at], replace(layers[at], **width), *layers[at + 1 :])  # type: ignore[arg-type]


def _without_dropout(layer: Layer) -> Layer:
    if isinstance(layer, Dropout):
        return replace(layer, p=0.0)
    if isinstance(layer, Branches):
        branches = (replace(b, layers=tuple(map(_without_dropout, b.layers))) for b in layer.branches)
        return replace(layer, branches=tuple(branches))
    return layer


@dataclass(frozen=True)
class Step:
    """One layer met by `walk`.

    `path` is unique in the network (`inception_3a/5x5_reduce`); `module` and `branch` say where it
    stands (`inception_3a`, `5x5`), each empty where there is none; in a module inside a module they
    are those of the outer one. `head` names the auxiliary head.
    """

    path: str
    module: str
    branch: str
    head: str | None
    layer: Layer
    in_shape: Shape
    out_shape: Shape


def walk(architecture: Architecture) -> Iterator[Step]:
    """Every layer in order, with the shapes of its input and output; heads come after the trunk.

    A `Branches` is yielded after its branches, as their concatenation or sum.

    Raises:
        ArchitectureError: the network cannot exist; the sentence begins with the layer's path.
    """
    if len(architecture.input) != 3 or min(architecture.input) < 1:
        raise ArchitectureError(
            f"{architecture.name}: an input is (channels, height, width), each at least 1, "
            f"not {architecture.input}."
        )
    steps: list[tuple[Any, ...]] = []  # of which only those that are asked for become a Step
    outputs: dict[str, Shape] = {}
    seen: set[str] = set()

    def run(
        layers: tuple[Layer, ...], shape: Shape, prefix: str, module: str, branch: str, head: str | None
    ) -> Shape:
        for layer in layers:
            path = prefix + layer.name
            if path in seen:
                raise ArchitectureError(f"{path}: two layers have this name.")
            seen.add(path)
            if isinstance(layer, Branches):
                inner = module or path
                outs = [
                    (part.name, run(part.layers, shape, f"{path}/", inner, branch or part.name, head))
                    for part in layer.branches
                ]
                out = _joined(path, layer, outs)
                steps.append((path, inner, branch, head, layer, shape, out))
            else:
                out = _out_shape(path, layer, shape)
                steps.append((path, module, branch, head, layer, shape, out))
            if not prefix:
                outputs[layer.name] = out
            shape = out
        return shape

    run(architecture.layers, architecture.input, "", "", "", None)
    for head in architecture.heads:
        if head.after not in outputs:
            raise ArchitectureError(f"{head.name}: there is no layer named {head.after!r} to stand on.")
        run(head.layers, outputs[head.after], f"{head.name}/", head.name, "", head.name)
    return starmap(Step, steps)


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(rows, columns) of a kernel or padding given as one number or two."""
    return (value, value) if isinstance(value, int) else value


def _positive(path: str, what: str, value: int) -> None:
    if type(value) is not int or value < 1:  # True is an int, too
        raise ArchitectureError(f"{path}: {what} must be a whole number of at least 1, not {value!r}.")


def _grid(
    path: str,
    shape: Shape,
    kernel: int | tuple[int, int],
    stride: int,
    padding: int | tuple[int, int],
    ceil: bool = False,
) -> tuple[int, int]:
    """Height and width after a window of `kernel` moves over a grid."""
    if len(shape) != 3:
        raise ArchitectureError(f"{path}: needs a grid (channels, height, width); {_text(shape)} arrive.")
    _positive(path, "the stride", stride)
    (rows, columns), (above, beside) = pair(kernel), pair(padding)
    for k, p in ((rows, above), (columns, beside)):
        _positive(path, "the kernel", k)
        if type(p) is not int or p < 0:
            raise ArchitectureError(f"{path}: the padding must be a whole number of at least 0, not {p!r}.")
    _, height, width = shape
    if rows > height + 2 * above or columns > width + 2 * beside:
        raise ArchitectureError(
            f"{path}: a {rows}x{columns} kernel is larger than its padded input "
            f"({height + 2 * above}x{width + 2 * beside})."
        )
    return _moves(height, rows, stride, above, ceil), _moves(width, columns, stride, beside, ceil)


def _moves(n: int, kernel: int, stride: int, padding: int, ceil: bool) -> int:
    """How many places a window has along a side of `n`."""
    over = n + 2 * padding - kernel
    if not ceil:
        return over // stride + 1
    last = -(-over // stride)
    return last if last * stride >= n + padding else last + 1  # no window that would see only padding


def _out_shape(path: str, layer: Layer, shape: Shape) -> Shape:
    """Output shape of one layer, its own claims checked."""
    match layer:
        case Conv():
            _positive(path, "the number of output channels", layer.out_channels)
            grid = _grid(path, shape, layer.kernel, layer.stride, layer.padding)
            if layer.in_channels not in (None, shape[0]):
                raise ArchitectureError(
                    f"{path}: is declared with {layer.in_channels} input channels, but {shape[0]} arrive."
                )
            groups = groups_of(layer, shape[0])
            _positive(path, "the number of groups", groups)
            if shape[0] % groups or layer.out_channels % groups:
                raise ArchitectureError(
                    f"{path}: {groups} groups do not divide {shape[0]} input and "
                    f"{layer.out_channels} output channels."
                )
            return (layer.out_channels, *grid)
        case Pool():
            if pair(layer.padding)[0] * 2 > layer.kernel:
                raise ArchitectureError(
                    f"{path}: a padding of {layer.padding} is more than half of "
                    f"the {layer.kernel}x{layer.kernel} window."
                )
            return (shape[0], *_grid(path, shape, layer.kernel, layer.stride, layer.padding, layer.ceil))
        case GlobalPool():
            _positive(path, "the output grid", layer.output)
            if len(shape) != 3:
                raise ArchitectureError(f"{path}: needs a grid to pool, but {_text(shape)} arrives.")
            return (shape[0], layer.output, layer.output)
        case LRN():
            _positive(path, "the size", layer.size)
            return shape
        case Dropout():
            if not 0 <= layer.p < 1:
                raise ArchitectureError(f"{path}: the dropout probability must be in [0, 1), not {layer.p}.")
            return shape
        case Linear():
            _positive(path, "the number of outputs", layer.out_features)
            features = size_of(shape)
            if layer.in_features not in (None, features):
                raise ArchitectureError(
                    f"{path}: is declared with {layer.in_features} inputs, but {features} arrive."
                )
            return (layer.out_features,)
        case Scale() | Tanh():
            return shape
        case Select():
            if not layer.channels or not all(0 <= channel < shape[0] for channel in layer.channels):
                raise ArchitectureError(
                    f"{path}: channels {layer.channels} are to be chosen, but "
                    f"{shape[0]} arrive, numbered from 0."
                )
            return (len(layer.channels), *shape[1:])
    raise ArchitectureError(f"{path}: {type(layer).__name__} is not a layer.")


def _joined(path: str, layer: Branches, outs: list[tuple[str, Shape]]) -> Shape:
    if not outs:
        raise ArchitectureError(f"{path}: a module needs at least one branch.")
    if layer.join not in ("concatenate", "add"):
        raise ArchitectureError(f"{path}: branches are joined by concatenate or add, not {layer.join!r}.")
    if layer.relu and layer.join == "concatenate":
        raise ArchitectureError(f"{path}: only a sum has a ReLU of its own; a concatenation has none.")
    adds = layer.join == "add"
    first_name, first = outs[0]
    for name, shape in outs:
        if shape != first if adds else shape[1:] != first[1:]:
            raise ArchitectureError(
                f"{path}: branch {first_name} gives {_text(first)} and branch {name} {_text(shape)}, "
                f"and only equal {'shapes can be added' if adds else 'grids can be concatenated'}."
            )
    total = first[0] if adds else sum(shape[0] for _, shape in outs)
    if layer.out_channels not in (None, total):
        widths = "" if adds else " + ".join(str(shape[0]) for _, shape in outs) + " = "
        raise ArchitectureError(
            f"{path}: is declared to give {layer.out_channels} channels, but its "
            f"branches give {widths}{total}."
        )
    return (total, *first[1:])


def depth_of(layer: Layer) -> int:
    """Convolutions and fully connected layers on the longest path through `layer`."""
    if isinstance(layer, Branches):
        return max(sum(map(depth_of, branch.layers)) for branch in layer.branches)
    return int(isinstance(layer, Conv | Linear))


def groups_of(conv: Conv, in_channels: int) -> int:
    """The number of groups of a convolution, as a number."""
    return in_channels if conv.groups == "depthwise" else conv.groups


def size_of(shape: Shape) -> int:
    """How many numbers a tensor of this shape holds."""
    return math.prod(shape)


def _text(shape: Shape) -> str:
    return f"{shape[1]}x{shape[2]}x{shape[0]}" if len(shape) == 3 else f"{shape[0]} features"
