"""One module of four networks, from GoogLeNet to Inception v4: what changed between 2014 and 2016."""

from __future__ import annotations

from functools import cache
from math import prod
from typing import Any, Literal

from inception_lib.architecture import Branch, Branches, Conv, Layer, Pool, depth_of, pair
from inception_lib.book.comparison import branch_text
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.counting import Group, count, shape_text
from inception_lib.history import NETWORKS, Name

Depth = Literal["early", "middle", "late"]

#: The modules that are shown, by how deep they are in their networks: the four in order of their years.
STOPS: dict[Depth, tuple[tuple[Name, str], ...]] = {
    "early": (
        ("googlenet", "inception_3b"),
        ("bn_inception", "inception_3b"),
        ("inception_v3", "Mixed_5c"),
        ("inception_v4", "inception_a1"),
    ),
    "middle": (
        ("googlenet", "inception_4d"),
        ("bn_inception", "inception_4d"),
        ("inception_v3", "Mixed_6e"),
        ("inception_v4", "inception_b1"),
    ),
    "late": (
        ("googlenet", "inception_5b"),
        ("bn_inception", "inception_5b"),
        ("inception_v3", "Mixed_7c"),
        ("inception_v4", "inception_c1"),
    ),
}
DEPTHS: tuple[Depth, ...] = tuple(STOPS)


class MorphWidget(Widget):
    """A module of GoogLeNet that becomes one of BN-Inception, of Inception v3 and of v4.

    Settings: `stop`, from 1 to 4, the network in order of the years; `depth`, `early`, `middle` or `late`,
    where in the network the module is. The modules are `STOPS`.
    """

    script = "morph.js"
    styles = (*Widget.styles, "module.css", "morph.css")
    key = "morph"
    title = "One module, 2014 to 2016"

    stop = number(1, 1, 4, "Stop, by year")
    depth = choice(DEPTHS, "early", "Where in the network", ("First modules", "Middle", "Last module"))

    def __init__(self, **settings: Any) -> None:
        super().__init__(morph_table(), **settings)

    def result(self) -> dict[str, int]:
        """The module's MACs, weights, channels in and out, grid and layers on the longest path; how many
        positions across an output sees at most, and the MACs of the four branches."""
        group, layer = module_of_network(*STOPS[self.depth][self.stop - 1])
        found = {
            "macs": group.macs,
            "weights": group.weights,
            "channels_in": group.rows[0].in_shape[0],
            "channels_out": group.out_shape[0],
            "grid": group.out_shape[1],
            "layers": depth_of(layer),
            "sees": max(max(window(branch)) for branch in layer.branches),
        }
        for i, branch in enumerate(layer.branches, 1):
            found[f"lane_{i}"] = sum(row.macs.value for row in group.rows if row.branch == branch.name)
        return found


@cache
def module_of_network(network: Name, module: str) -> tuple[Group, Branches]:
    """The counts of a module in its network, and the module."""
    architecture = NETWORKS[network].make().without_heads()
    layer = next(layer for layer in architecture.layers if layer.name == module)
    assert isinstance(layer, Branches)
    return count(architecture).groups[module], layer


def window(branch: Branch) -> tuple[int, int]:
    """Rows and columns of the module's input that one output of a branch depends on; of a fork the most."""
    rows = columns = 1
    for layer in branch.layers:
        for kernel in _kernels(layer)[:1] if not isinstance(layer, Branches) else [_widest(layer)]:
            rows, columns = rows + kernel[0] - 1, columns + kernel[1] - 1
    return rows, columns


def _kernels(layer: Layer) -> list[tuple[int, int]]:
    """Of a convolution or a pool its kernel, of a fork those of all its branches."""
    match layer:
        case Conv() | Pool():
            return [pair(layer.kernel)]
        case Branches():
            return [
                kernel for branch in layer.branches for inner in branch.layers for kernel in _kernels(inner)
            ]
    return []


def _widest(fork: Branches) -> tuple[int, int]:
    windows = [window(branch) for branch in fork.branches]
    return max(rows for rows, _ in windows), max(columns for _, columns in windows)


def lanes(group: Group, layer: Branches) -> list[dict]:
    """Of each branch its name, its layers in words, and its gates: kernels, channels after them, MACs."""
    found = []
    for branch in layer.branches:
        gates = []
        for inner in branch.layers:
            path = f"{layer.name}/{inner.name}"
            own = [row for row in group.rows if row.path == path or row.path.startswith(f"{path}/")]
            gates.append(
                {
                    "kernels": [list(kernel) for kernel in _kernels(inner)],
                    "pool": isinstance(inner, Pool),
                    "width": own[-1].out_shape[0],
                    "macs": sum(row.macs.value for row in own),
                }
            )
        found.append({"name": branch.name, "text": branch_text(branch), "gates": gates})
    return found


def _changes(depth: Depth) -> tuple[str, str, str, str]:
    """What is to be seen in each of the four modules, in a sentence or two; the numbers are the modules'."""
    modules = [module_of_network(*stop) for stop in STOPS[depth]]
    out = [group.out_shape[0] for group, _ in modules]
    macs = [group.macs for group, _ in modules]
    maps = [shape_text(group.out_shape[1:]) for group, _ in modules]
    drawn = [lanes(*module) for module in modules]
    widths = [[lane["gates"][-1]["width"] for lane in one] for one in drawn]
    # behind the reduction, for each pair of channels
    weights = [
        [sum(prod(k) for gate in lane["gates"][1:] for k in gate["kernels"]) for lane in one] for one in drawn
    ]
    if depth == "early":
        return (
            "Four views of one input, concatenated: 1x1, 3x3, 5x5 and a max pool. A 1x1 convolution narrows "
            "the input of the two larger kernels.",
            f"Two 3x3 convolutions, {weights[1][2]} weights for each pair of channels, replace the 5x5 with "
            f"its {weights[0][2]}, and see as far. Batch normalization follows every convolution, and the "
            "pool averages.",
            f"On a map of {maps[2]}, a 5x5 behind a reduction to {drawn[2][1]['gates'][0]['width']} replaces "
            "the single 3x3. The other three branches keep even their widths.",
            f"The 5x5 is a 3x3 again, and each of the four branches outputs {widths[3][0]} channels.",
        )
    if depth == "middle":
        seen = "x".join(map(str, window(modules[2][1].branches[2])))
        return (
            f"The same module in the middle of the network, on {maps[0]}: more channels come in, and there "
            "are fewer positions.",
            f"Two 3x3 replace the 5x5, and this branch grows from {widths[0][2]} channels out to "
            f"{widths[1][2]}: the module takes {macs[1] / macs[0]:.1f} times the MACs.",
            f"Squares become rows and columns: a 1x7 and a 7x1, {weights[2][1]} weights for each pair of "
            f"channels, see what a 7x7 sees with {7 * 7}. Two such pairs in a row see {seen} positions.",
            f"The same kernels, other widths: {out[3]:,} channels out instead of {out[2]:,}, for "
            f"{macs[3] / macs[2]:.1f} times the MACs.",
        )
    return (
        f"The last module, on {maps[0]}: its {out[0]:,} channels are averaged over the map and classified.",
        "Two 3x3 replace the 5x5 here too. In this last module the pool takes the maximum again.",
        "At the end of two branches a 1x3 and a 3x1 read the same channels side by side, and both outputs "
        f"are kept: {out[2]:,} channels in all.",
        "Before its fork the longest branch has a 3x1 and a 1x3 in place of one 3x3. "
        f"{out[3]:,} channels leave.",
    )


@cache
def morph_table() -> dict:
    """Of each depth its four modules: network, year, shapes, counts, lanes, and what changed."""
    found: dict[str, list[dict]] = {}
    for depth, stops in STOPS.items():
        found[depth] = []
        for (network, name), said in zip(stops, _changes(depth), strict=True):
            group, layer = module_of_network(network, name)
            widget_counts = {
                "weights": group.weights,
                "layers": depth_of(layer),
                "sees": max(max(window(branch)) for branch in layer.branches),
            }
            found[depth].append(
                {
                    "title": NETWORKS[network].title,
                    "year": NETWORKS[network].year,
                    "module": name,
                    "in": group.rows[0].in_shape[0],
                    "out": group.out_shape[0],
                    "grid": group.out_shape[1],
                    "said": said,
                    "lanes": lanes(group, layer),
                    **widget_counts,
                }
            )
    return {"stops": found}
