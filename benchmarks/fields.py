"""Receptive fields of one unit: the theoretical one by arithmetic, the effective one from its gradient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from measured import Arrays
from torch import Tensor
from torch.nn import functional as F

from inception_lib.architecture import Architecture, Branch, Branches, Conv, Layer, Pool, pair
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network, activations

THRESHOLD = 1 - 0.9545  #: of the center's gradient: what is in the field (Luo et al. 2016)
Interval = tuple[int, int]


def through(layers: Sequence[Layer], interval: Interval) -> Interval:
    """The first and the last position, along a side of what goes into `layers`, on which an interval of what
    comes out depends; those beyond the map are padding."""
    low, high = interval
    for layer in reversed(layers):
        match layer:
            case Branches():
                ends = [through(branch.layers, (low, high)) for branch in layer.branches]
                low, high = min(a for a, _ in ends), max(b for _, b in ends)
            case Conv() | Pool():
                begin = -pair(layer.padding)[0]
                low = low * layer.stride + begin
                high = high * layer.stride + begin + pair(layer.kernel)[0] - 1
    return low, high


def theoretical(architecture: Architecture, module: str, branch: str, position: int) -> Interval:
    """The theoretical receptive field, along a side, of a position of a branch's output: its first and its
    last pixel, of which the first may be below 0 and the last beyond the image."""
    at = next(i for i, layer in enumerate(architecture.layers) if layer.name == module)
    own = next(b for b in branches(architecture, module) if b.name == branch)
    return through((*architecture.layers[:at], *own.layers), (position, position))


def branches(architecture: Architecture, module: str) -> tuple[Branch, ...]:
    return next(
        layer.branches
        for layer in architecture.layers
        if isinstance(layer, Branches) and layer.name == module
    )


class Place:
    """Where a module's center unit is, and how its fields are kept.

    Attributes:
        position: of the unit, in rows and in columns.
        center: pixel in the middle of its fields.
        cell: pixels, a quarter of the unit's stride.
        side: pixels of the window around the center, in which all fields of the module are.
        fields: first and last pixel of each branch's theoretical field.
    """

    def __init__(self, network: Network, module: str, pixels: int, grid: int) -> None:
        architecture = network.architecture
        self.position = (grid - 1) // 2
        self.fields = {
            b.name: theoretical(architecture, module, b.name, self.position)
            for b in branches(architecture, module)
        }
        low, high = (
            end(pair) for end, pair in zip((min, max), zip(*self.fields.values(), strict=True), strict=True)
        )
        self.center = (low + high) // 2
        self.cell = (network.feature_info[module].reduction or 4) // 4
        reach = min(self.center - low + 1, max(self.center, pixels - self.center))
        self.side = 2 * self.cell * -(-reach // self.cell)

    def inside(self, branch: str, pixels: int) -> int:
        """The side of the part of a branch's theoretical field that is in the image."""
        low, high = self.fields[branch]
        return min(high, pixels - 1) - max(low, 0) + 1


def window(values: Tensor, center: int, side: int) -> Tensor:
    """The square of `side` pixels around a pixel of (height, width); 0 beyond the image."""
    begin, end = center - side // 2, center + side // 2
    height, width = values.shape
    return F.pad(values, (-begin, end - width, -begin, end - height))


def rings(values: Tensor) -> Tensor:
    """Sums of (side, side) by distance from the center: of the two central rows and columns, and so on."""
    side = len(values)
    distance = (torch.arange(side) - (side - 1) / 2).abs().floor().long()
    at = torch.maximum(distance[:, None], distance[None])
    return torch.zeros(side // 2).index_add_(0, at.flatten(), values.flatten())


def area_of(values: Tensor, share: float) -> float:
    """The smallest share of the entries that holds this share of their sum."""
    sums = values.flatten().sort(descending=True).values.cumsum(0)
    return float((sums < share * sums[-1]).sum() + 1) / len(sums)


def fields_of(
    network: Network, x: Tensor, modules: Sequence[str], draws: int, generator: np.random.Generator
) -> Arrays:
    """The fields of the center units of each branch on one image.

    Args:
        network: in evaluation mode.
        x: (1, 3, side, side), as the network takes it.
        modules: by name.
        draws: channels of each branch, of those that depend on the image at all.
        generator: of the channels drawn.

    Returns:
        Under `module/branch`, with an axis of length 1 in front: `.absolute` (cells, cells), the absolute
        gradient, `.rings` (half the window's side,), the squared one, both with a sum of 1 and averaged over
        the units, and `.area90`.

    Raises:
        InceptionError: no channel of a branch depends on the image.
    """
    x = x.clone().requires_grad_()
    paths = {
        f"{module}/{branch.name}": f"{module}/{branch.layers[-1].name}"
        for module in modules
        for branch in branches(network.architecture, module)
    }
    seen = activations(network, x, paths.values())
    found: Arrays = {}
    for name, path in paths.items():
        maps = seen[path].before_relu[0]
        place = Place(network, name.partition("/")[0], x.shape[-1], maps.shape[-1])
        absolute, squared, areas = [], [], []
        for channel in generator.permutation(len(maps)):
            unit = maps[channel, place.position, place.position]
            (gradient,) = torch.autograd.grad(unit, x, retain_graph=True)
            if gradient.any():
                energy = gradient[0].square().sum(0)
                own = window(gradient[0].abs().sum(0), place.center, place.side)
                absolute.append(F.avg_pool2d(own[None], place.cell)[0])
                squared.append(rings(window(energy, place.center, place.side)))
                areas.append(area_of(F.avg_pool2d(energy[None], place.cell), 0.9))
            if len(areas) == draws:
                break
        if not areas:
            raise InceptionError(f"{path}: no channel depends on the image, so that none has a field.")
        means = [
            torch.stack([values / values.sum() for values in some]).mean(0) for some in (absolute, squared)
        ]
        found |= {f"{name}.absolute": means[0].numpy()[None], f"{name}.rings": means[1].numpy()[None]}
        found[f"{name}.area90"] = np.array([np.mean(areas)])
    return found


def size_of(maps: np.ndarray, cell: int) -> np.ndarray:
    """The size of Luo et al. in pixels, (n,), of mean absolute gradients (n, cells, cells)."""
    half = maps.shape[-1] // 2
    center = maps[:, half - 1 : half + 1, half - 1 : half + 1].mean((1, 2), keepdims=True)
    return cell * np.sqrt((maps > THRESHOLD * center).sum((1, 2)))


def side_of(ringed: np.ndarray, share: float) -> np.ndarray:
    """The side in pixels, (n,), of the centered square that holds a share of (n, rings)."""
    sums = np.concatenate([np.zeros((len(ringed), 1)), ringed.cumsum(1)], 1)
    return np.array([2 * np.interp(share * row[-1], row, np.arange(len(row))) for row in sums])


def share_within(ringed: np.ndarray, side: int) -> np.ndarray:
    """The share of (n, rings), (n,), in the centered square of `side` pixels."""
    return ringed[:, : side // 2].sum(1) / ringed.sum(1)


def profile_of(cells: np.ndarray) -> list[float]:
    """The mean of (cells, cells) at 0.5, 1.5, ... cells from the center, relative to the first."""
    from_center = np.arange(len(cells)) - (len(cells) - 1) / 2
    at = np.hypot(from_center[:, None], from_center[None]).astype(int)
    means = (
        np.bincount(at.ravel(), cells.ravel())[: len(cells) // 2] / np.bincount(at.ravel())[: len(cells) // 2]
    )
    return [round(float(mean / means[0]), 4) for mean in means]


def mirrored(frame: np.ndarray, side: int) -> np.ndarray:
    """(height, width, 3) in the middle of (side, side, 3), going on as in mirrors."""
    before = (side - len(frame)) // 2
    around = (before, side - len(frame) - before)
    return np.pad(frame, (around, around, (0, 0)), mode="symmetric")


def grids(network: Network, pixels: int, modules: Sequence[str]) -> dict[str, int]:
    """The side of each module's map for an input of `pixels`."""
    with torch.inference_mode():
        seen = activations(network, torch.zeros(1, 3, pixels, pixels), modules)
    return {module: seen[module].output.shape[-1] for module in modules}
