"""Networks side by side, by layer and by stage. No torch here.

Networks of other depth and input size are compared by *stage*: all layers whose output has shrunk by the
same factor against the input. A stage that halves the grid five times is 7x7 in GoogLeNet and 8x8 in
Inception v3, and the two stand beside each other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inception_lib.architecture import (
    Architecture,
    Branch,
    Branches,
    Conv,
    Dropout,
    GlobalPool,
    Layer,
    Linear,
    Pool,
    Select,
    depth_of,
    pair,
)
from inception_lib.counting import Group, count, shape_text

if TYPE_CHECKING:
    pass


#: Stages 1 to 7: the output's side against the input's, at the nearest power of two; last, plain vectors.
STAGES: tuple[str, ...] = ("whole", "1/2", "1/4", "1/8", "1/16", "1/32", "vectors")

_NO_NUMBERS = ("concat", "dropout", "select")  # kinds that only pass numbers on


@dataclass(frozen=True)
class Unit:
    """A module, or a layer outside any, of a network at test time.

    `stage` counts from 1, as `STAGES` names them. `text` says what it is made of. `output` is its shape,
    written. `activations` are the numbers that its layers put out, joins and dropout aside; `depth` the
    convolutions and fully connected layers on its longest path.
    """

    name: str
    stage: int
    text: str
    output: str
    parameters: int
    macs: int
    activations: int
    depth: int


@dataclass(frozen=True)
class Stage:
    """The sums over the units of one stage; `units` may be empty."""

    name: str
    units: tuple[Unit, ...]

    @property
    def parameters(self) -> int:
        return sum(unit.parameters for unit in self.units)

    @property
    def macs(self) -> int:
        return sum(unit.macs for unit in self.units)

    @property
    def activations(self) -> int:
        return sum(unit.activations for unit in self.units)

    @property
    def depth(self) -> int:
        return sum(unit.depth for unit in self.units)

    @property
    def output(self) -> str:
        """The shape that it hands on; empty where it has no layer."""
        return self.units[-1].output if self.units else ""


def units(architecture: Architecture) -> tuple[Unit, ...]:
    """The modules and lone layers of `architecture` without its heads, in order."""
    whole = architecture.without_heads()
    groups = count(whole).groups
    return tuple(_unit(layer, groups[layer.name], whole.input[1]) for layer in whole.layers)


def stages(architecture: Architecture) -> tuple[Stage, ...]:
    """All of `STAGES`, each with its units."""
    found = units(architecture)
    return tuple(
        Stage(name, tuple(unit for unit in found if unit.stage == i))
        for i, name in enumerate(STAGES, start=1)
    )


def _unit(layer: Layer, group: Group, side: int) -> Unit:
    return Unit(
        name=layer.name,
        stage=_stage(group.out_shape, side),
        text=describe(layer),
        output=shape_text(group.out_shape),
        parameters=group.parameters,
        macs=group.macs,
        activations=sum(row.activations for row in group.rows if row.kind not in _NO_NUMBERS),
        depth=depth_of(layer),
    )


def _stage(shape: Sequence[int], side: int) -> int:
    if len(shape) == 1 or shape[1] == 1:
        return len(STAGES)
    return 1 + min(len(STAGES) - 2, max(0, round(math.log2(side / shape[1]))))


def describe(layer: Layer) -> str:
    """What a layer does, in a few signs: `3x3/2 conv 64`; of a module the branches, divided by a bar."""
    match layer:
        case Conv():
            rows, columns = pair(layer.kernel)
            groups = (
                ""
                if layer.groups == 1
                else " depthwise"
                if layer.groups == "depthwise"
                else (f" in {layer.groups} groups")
            )
            return f"{rows}x{columns}{_strided(layer.stride)} conv{groups} {layer.out_channels}"
        case Linear():
            return f"fully connected {layer.out_features}"
        case Pool():
            return f"{layer.kernel}x{layer.kernel}{_strided(layer.stride)} {layer.op} pool"
        case GlobalPool():
            side = layer.output
            return "global average pool" if side == 1 else f"average pool to {side}x{side}"
        case Dropout():
            return f"dropout {layer.p:g}"
        case Select():
            return f"{len(layer.channels)} of the channels"
        case Branches():
            parts = [branch_text(branch) for branch in layer.branches]
            sign = " + " if layer.join == "add" else " | "
            if len(parts) > 8:  # LeNet-5's C3: a branch per map
                return f"{len(parts)} branches, the first: {parts[0]}"
            return sign.join(parts)
    return type(layer).__name__.lower()


def _strided(stride: int) -> str:
    return "" if stride == 1 else f"/{stride}"


def branch_text(branch: Branch) -> str:
    """The layers of a branch, one after the other, a convolution as `3x3 64`; `input` where it passes its
    input on."""
    texts = [
        f"({describe(layer)})" if isinstance(layer, Branches) else describe(layer) for layer in branch.layers
    ]
    return ", ".join(texts).replace(" conv ", " ") or "input"
