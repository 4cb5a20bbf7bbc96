"""What `seconds_per_mac.py` times: GoogLeNet's layers alone, its branches in two forms, whole networks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from inception_lib.architecture import (
    Architecture,
    Branches,
    Conv,
    Dropout,
    Layer,
    Shape,
    Step,
    pair,
    size_of,
    walk,
)
from inception_lib.counting import count, shape_text
from inception_lib.nn.layers import combined, plain_layer
from inception_lib.nn.network import Network

NUMBER = 4  #: bytes of one, in float32
LAYOUTS = {"channels_last": torch.channels_last, "contiguous": torch.contiguous_format}


@dataclass(frozen=True, kw_only=True)
class Piece:
    """Something that can be timed alone.

    `group` is "layer" (one of GoogLeNet's), "direct" (a branch as one convolution on its module's input),
    "reduced" (the same branch as it is, with its 1x1 reduction) or "network". `part` is the module, or the
    layer itself outside of one. `macs` and `activations` (numbers of input and output, of all its layers) are
    for one image; `parameters` are read once for a batch. `make` gives what is called with `inputs`.
    """

    group: str
    path: str
    kind: str
    inputs: tuple[Shape, ...]
    out: str
    macs: int
    activations: int
    parameters: int
    make: Callable[[], Callable[..., object]]
    kernel: int | None = None
    part: str = ""

    def bytes(self, batch: int) -> int:
        """At least read and written: each layer's input, weights and output once."""
        return NUMBER * (batch * self.activations + self.parameters)

    def row(self, batch: int) -> dict[str, object]:
        """What is recorded of it beside its seconds; all of the whole batch."""
        return {
            "group": self.group,
            "path": self.path,
            "part": self.part,
            "kind": self.kind,
            "kernel": self.kernel,
            "in": " + ".join(map(shape_text, self.inputs)),
            "out": self.out,
            "macs": batch * self.macs,
            "bytes": self.bytes(batch),
            "parameters": self.parameters,
        }

    def work(self, batch: int, layout: str, device: torch.device) -> Callable[[], object]:
        """One call of it on a batch of noise in this order of memory, in inference."""
        order = LAYOUTS[layout]
        made = self.make()
        if isinstance(made, nn.Module):
            made = made.eval().requires_grad_(False).to(device, memory_format=order)
        noise = [torch.randn(batch, *s, device=device).contiguous(memory_format=order) for s in self.inputs]
        return partial(made, *noise)


def moved(step: Step) -> int:
    """Numbers that a layer reads and writes for one image, its weights aside."""
    out = size_of(step.out_shape)
    match step.layer:
        case Dropout():
            return 0  # in inference
        case Branches(join="add", branches=branches):
            return (len(branches) + 1) * out
        case Branches():
            return 2 * out
    return size_of(step.in_shape) + out


def of_layers(group: str, path: str, in_shape: Shape, *layers: Layer, part: str = "") -> Piece:
    """Some layers, one after the other; kind and kernel are those of the last."""
    alone = Architecture(name=path, input=in_shape, layers=layers)  # type: ignore[arg-type]
    counts, steps = count(alone), list(walk(alone))
    last = layers[-1]
    return Piece(
        group=group,
        path=path,
        part=part or path,
        kind=counts.rows[-1].kind,
        kernel=pair(last.kernel)[0] if isinstance(last, Conv) else None,
        inputs=(in_shape,),
        out=shape_text(steps[-1].out_shape),
        macs=counts.macs,
        activations=sum(map(moved, steps)),
        parameters=counts.parameters,
        make=lambda: nn.Sequential(*(plain_layer(step.layer, step.in_shape) for step in steps)),
    )


def _side_by_side(*outputs: Tensor) -> Tensor:
    return combined(list(outputs), add=False)


def of_layer(step: Step, outputs: dict[str, Shape]) -> Piece:
    """A layer of GoogLeNet; of a module, the concatenation of what its branches gave."""
    if not isinstance(step.layer, Branches):
        return of_layers("layer", step.path, step.in_shape, step.layer, part=step.module)
    return Piece(
        group="layer",
        path=step.path,
        part=step.path,
        kind="concat",
        inputs=tuple(outputs[f"{step.path}/{b.layers[-1].name}"] for b in step.layer.branches),
        out=shape_text(step.out_shape),
        macs=0,
        activations=moved(step),
        parameters=0,
        make=lambda: _side_by_side,
    )


def layers_of(architecture: Architecture) -> Iterator[Piece]:
    """All that computes or copies at test time."""
    steps = list(walk(architecture.without_heads()))
    outputs = {step.path: step.out_shape for step in steps}
    for step in steps:
        if not isinstance(step.layer, Dropout):
            yield of_layer(step, outputs)


def branches_of(architecture: Architecture) -> Iterator[Piece]:
    """Each branch with a 1x1 reduction, directly and reduced: two pieces of one path."""
    inputs = {step.path: step.in_shape for step in walk(architecture.without_heads())}
    for module in architecture.layers:
        for branch in getattr(module, "branches", ()):
            if [type(layer) for layer in branch.layers] == [Conv, Conv]:
                path, shape = f"{module.name}/{branch.name}", inputs[module.name]
                yield of_layers("direct", path, shape, branch.layers[-1], part=module.name)
                yield of_layers("reduced", path, shape, *branch.layers, part=module.name)


def of_network(name: str, architecture: Architecture) -> Piece:
    """A whole network at test time."""
    alone = architecture.without_heads()
    counts = count(alone)
    return Piece(
        group="network",
        path=name,
        part=name,
        kind="network",
        inputs=(alone.input,),
        out=shape_text(counts.rows[-1].out_shape),
        macs=counts.macs,
        activations=sum(map(moved, walk(alone))),
        parameters=counts.parameters,
        make=lambda: Network(alone),
    )
