"""Operation and parameter counts of an architecture, one row per layer, with their formulas.

A MAC is one multiply-accumulate; a FLOP is one floating-point operation, so a MAC is two FLOPs.
The paper's "operations" are MACs. Only convolutions and fully connected layers have MACs. What the
other layers do is counted apart, in `other`, under a stated `Policy`; what the policy leaves out
is `None` (printed as "not counted"), never a silent zero.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Set
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from inception_lib.architecture import (
    LRN,
    Architecture,
    Branches,
    Conv,
    Dropout,
    GlobalPool,
    Linear,
    Pool,
    Scale,
    Select,
    Shape,
    Step,
    Tanh,
    groups_of,
    pair,
    size_of,
    walk,
)

if TYPE_CHECKING:
    import pandas

UNIT = {"K": 1024, "M": 10**6}  #: The units that fit the paper's Table 1 best.


@dataclass(frozen=True)
class Product:
    """A count as a product of named numbers, so that formula and figure cannot disagree."""

    factors: tuple[tuple[str, int], ...] = ()

    @property
    def value(self) -> int:
        """The product; 0 where there are no factors."""
        return math.prod(n for _, n in self.factors) if self.factors else 0

    @property
    def formula(self) -> str:
        """With symbols: `H·W·D × k·k·C`."""
        return _grouped(self.factors, 0)

    @property
    def numbers(self) -> str:
        """With the numbers put in: `14·14·48 × 5·5·480`."""
        return _grouped(self.factors, 1)


_NONE = Product()


def _grouped(factors: tuple[tuple[str, int], ...], column: int) -> str:
    """Outputs (H, W, D) on the left, what one output costs on the right, as the paper's examples."""
    left = "·".join(str(f[column]) for f in factors if f[0] in ("H", "W", "D"))
    right = "·".join(str(f[column]) for f in factors if f[0] not in ("H", "W", "D"))
    return " × ".join(part for part in (left, right) if part)


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Which of the operations that are not MACs are counted in `other`, and so in FLOPs.

    bias: one addition per output of a layer with a bias; so has a sum of branches, for each branch after
        the first.
    relu: one comparison per output; a tanh, where there is one, is one operation as well.
    pool: one operation per element of the window and output (k·k - 1 comparisons or additions,
        and one more to store or divide), the window taken whole at the borders.
    lrn: per element, `size` squares, `size` - 1 additions, then scale, add, power, divide.
    batch_norm: per element one multiplication and one addition (at test time, statistics folded),
        and so for a trained scale and shift without it.
    """

    bias: bool = True
    relu: bool = True
    pool: bool = True
    lrn: bool = True
    batch_norm: bool = True

    def describe(self) -> str:
        """The policy in one sentence."""
        counted = [name for name, on in asdict(self).items() if on]
        left = [name for name, on in asdict(self).items() if not on]
        text = "MACs: convolutions and fully connected layers. FLOPs: 2 per MAC"
        text += f", plus {', '.join(counted)}" if counted else ", nothing else"
        return text + (f"; not counted: {', '.join(left)}." if left else ".")


@dataclass(frozen=True, kw_only=True)
class Row:
    """The counts of one layer, for one picture.

    Shapes are (channels, height, width) or (features,). `macs` and `weights` are products, so that
    the formula can be shown. `other` sums the operations that are not MACs and that the policy
    counts; it is None where the policy leaves out all that the layer does. `not_counted` names what
    the policy leaves out of this row.
    """

    path: str
    module: str
    branch: str
    head: str | None
    kind: str
    kernel: tuple[int, int] | None
    stride: int | None
    in_shape: Shape
    out_shape: Shape
    macs: Product
    weights: Product
    biases: int
    norm_parameters: int
    other: int | None
    not_counted: tuple[str, ...]

    @property
    def parameters(self) -> int:
        """Weights, biases, and scale and shift, of batch normalization or alone."""
        return self.weights.value + self.biases + self.norm_parameters

    @property
    def activations(self) -> int:
        """Numbers in the layer's output."""
        return size_of(self.out_shape)

    @property
    def flops(self) -> int:
        """2 per MAC, and `other` where it is counted."""
        return 2 * self.macs.value + (self.other or 0)


@dataclass(frozen=True)
class Group:
    """The sum over the rows of a module (or over a lone layer), as the paper's Table 1 has it."""

    name: str
    rows: tuple[Row, ...]

    @property
    def out_shape(self) -> Shape:
        return self.rows[-1].out_shape

    @property
    def macs(self) -> int:
        return sum(row.macs.value for row in self.rows)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.rows)

    @property
    def weights(self) -> int:
        return sum(row.weights.value for row in self.rows)

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)


@dataclass(frozen=True)
class Counts:
    """What `count` returns: the rows, their sums, and three ways to write them."""

    architecture: Architecture
    policy: Policy
    rows: tuple[Row, ...]

    @property
    def macs(self) -> int:
        return sum(row.macs.value for row in self.rows)

    @property
    def flops(self) -> int:
        return sum(row.flops for row in self.rows)

    @property
    def weights(self) -> int:
        return sum(row.weights.value for row in self.rows)

    @property
    def biases(self) -> int:
        return sum(row.biases for row in self.rows)

    @property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @property
    def trunk(self) -> Counts:
        """Without the auxiliary heads: the network at test time."""
        return Counts(self.architecture, self.policy, tuple(r for r in self.rows if r.head is None))

    @cached_property
    def by_path(self) -> dict[str, Row]:
        return {row.path: row for row in self.rows}

    def __iter__(self) -> Iterator[Row]:
        """The rows, in order."""
        return iter(self.rows)

    def __getitem__(self, path: str) -> Row:
        """The row of one layer: `counts["inception_4a/5x5"]`."""
        try:
            return self.by_path[path]
        except KeyError:
            raise KeyError(f"{self.architecture.name} has no layer {path!r}") from None

    @cached_property
    def groups(self) -> dict[str, Group]:
        """Rows summed by module, in order; a layer outside any module is its own group."""
        rows: dict[str, list[Row]] = {}
        for row in self.rows:
            rows.setdefault(row.module or row.path, []).append(row)
        return {name: Group(name, tuple(members)) for name, members in rows.items()}

    def records(self) -> list[dict]:
        """One plain dictionary per row, ready for JSON or pandas."""
        return [
            {
                "layer": row.path,
                "module": row.module,
                "branch": row.branch,
                "kind": row.kind,
                "output": shape_text(row.out_shape),
                "formula": row.macs.formula,
                "numbers": row.macs.numbers,
                "MACs": row.macs.value,
                "other": row.other,
                "FLOPs": row.flops,
                "weights": row.weights.value,
                "biases": row.biases,
                "norm": row.norm_parameters,
                "activations": row.activations,
            }
            for row in self.rows
        ]

    def table(self) -> pandas.DataFrame:
        """A pandas table, one row per layer; `other` is <NA> where the policy does not count it."""
        import pandas

        return pandas.DataFrame(self.records()).astype({"other": "Int64"}).set_index("layer")

    def _totals(self) -> dict[str, int]:
        return {
            "MACs": self.macs,
            "FLOPs": self.flops,
            "weights": self.weights,
            "biases": self.biases,
            "parameters": self.parameters,
        }

    def to_json(self) -> str:
        """The rows, the totals, with the auxiliary heads and without, and the policy as JSON."""
        return json.dumps(
            {
                "network": self.architecture.name,
                "input": self.architecture.input,
                "policy": self.policy.describe(),
                "total": self._totals(),
                "total_without_heads": self.trunk._totals(),
                "layers": self.records(),
            },
            indent=1,
            allow_nan=False,
        )

    def to_text(self, *, formulas: bool = False) -> str:
        """A table for the terminal; below it the totals, with auxiliary heads and without, and the policy."""
        head = ["layer", "output", "MACs", "other", "weights", "biases", "activations"]
        lines = [
            [
                r.path,
                shape_text(r.out_shape),
                f"{r.macs.value:,}" if r.macs.factors else "-",
                "not counted" if r.other is None else f"{r.other:,}",
                f"{r.weights.value:,}" if r.weights.factors else "-",
                f"{r.biases:,}" if r.biases else "-",
                f"{r.activations:,}",
            ]
            for r in self.rows
        ]
        lines.append(
            [
                "total",
                "",
                f"{self.macs:,}",
                f"{sum(r.other or 0 for r in self.rows):,}",
                f"{self.weights:,}",
                f"{self.biases:,}",
                "",
            ]
        )
        if formulas:
            head.append("MACs, with the numbers put in")
            for line, row in zip(lines, self.rows, strict=False):
                line.append(row.macs.numbers)
            lines[-1].append("")
        widths = [max(len(line[i]) for line in [head, *lines]) for i in range(len(head))]
        left = {0, 1, 7}

        def write(cells: list[str]) -> str:
            return "  ".join(
                cell.ljust(w) if i in left else cell.rjust(w)
                for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
            ).rstrip()

        rule = "-" * len(write(head))
        body = [write(line) for line in lines]
        sums = f"{self.macs:,} MACs, {self.parameters:,} parameters, {self.flops:,} FLOPs"
        if len(self.trunk.rows) < len(self.rows):
            trunk = self.trunk
            sums = (
                f"With the auxiliary heads: {sums}.\nWithout: {trunk.macs:,} MACs, "
                f"{trunk.parameters:,} parameters, {trunk.flops:,} FLOPs"
            )
        sums += "."
        return "\n".join([write(head), rule, *body[:-1], rule, body[-1], "", sums, self.policy.describe()])

    def __str__(self) -> str:
        return self.to_text()


def count(architecture: Architecture, policy: Policy | None = None) -> Counts:
    """Count every layer of `architecture` for one picture.

    Auxiliary heads, where the architecture has them, are counted too; `.trunk` leaves them out.
    """
    policy = policy or Policy()
    counted = {what for what, on in vars(policy).items() if on}
    return Counts(architecture, policy, tuple(_row(step, counted) for step in walk(architecture)))


def _row(step: Step, counted: Set[str]) -> Row:
    """The counts of one layer; `counted` names what the policy counts."""
    layer, out = step.layer, step.out_shape
    macs = weights = _NONE
    biases = norm = 0
    other: dict[str, int] = {}
    kind, kernel, stride = type(layer).__name__.lower(), None, None
    activations = size_of(out)

    match layer:
        case Conv():
            rows, columns = kernel = pair(layer.kernel)
            stride = layer.stride
            groups = groups_of(layer, step.in_shape[0])
            per_group = ("C", step.in_shape[0]) if groups == 1 else ("C/g", step.in_shape[0] // groups)
            one_output = (("k", rows), ("k", columns), per_group)
            weights = Product((("D", layer.out_channels), *one_output))
            macs = Product((("H", out[1]), ("W", out[2]), ("D", layer.out_channels), *one_output))
            if layer.bias:
                biases = layer.out_channels
                other["bias"] = activations
            if layer.batch_norm:
                norm = 2 * layer.out_channels
                other["batch_norm"] = 2 * activations
            if layer.relu:
                other["relu"] = activations
        case Linear():
            weights = macs = Product((("D", layer.out_features), *_features(step.in_shape)))
            if layer.bias:
                biases = layer.out_features
                other["bias"] = activations
            if layer.relu:
                other["relu"] = activations
        case Pool():
            kind, stride = f"{layer.op} pool", layer.stride
            kernel = pair(layer.kernel)
            other["pool"] = activations * kernel[0] * kernel[1]
        case GlobalPool():
            kind = "average pool"
            # windows of unequal size where the grid does not divide: bounded by their ceiling
            rows, columns = (-(-n // layer.output) for n in step.in_shape[1:])
            kernel = rows, columns
            other["pool"] = activations * rows * columns
        case LRN():
            other["lrn"] = activations * (2 * layer.size + 3)
        case Scale():
            norm = 2 * out[0]
            other["batch_norm"] = 2 * activations
        case Tanh():
            other["relu"] = activations
        case Branches(join="add"):
            kind = "add"
            other["bias"] = (len(layer.branches) - 1) * activations
            if layer.relu:
                other["relu"] = activations
        case Dropout() | Select() | Branches():
            # copies at most; nothing is computed at test time
            kind = "concat" if isinstance(layer, Branches) else kind
    taken = [operations for what, operations in other.items() if what in counted]
    not_counted = [what for what in other if what not in counted]
    return Row(
        path=step.path,
        module=step.module,
        branch=step.branch,
        head=step.head,
        kind=kind,
        kernel=kernel,
        stride=stride,
        in_shape=step.in_shape,
        out_shape=out,
        macs=macs,
        weights=weights,
        biases=biases,
        norm_parameters=norm,
        other=None if not_counted and not taken else sum(taken),
        not_counted=tuple(not_counted),
    )


def _features(shape: Shape) -> Iterable[tuple[str, int]]:
    """The inputs of a fully connected layer: all positions of all channels."""
    if len(shape) == 1:
        return (("C", shape[0]),)
    return (("h", shape[1]), ("w", shape[2]), ("C", shape[0]))


def shape_text(shape: Shape) -> str:
    """A shape as the paper writes it: 14x14x512, or 1024."""
    return f"{shape[1]}x{shape[2]}x{shape[0]}" if len(shape) == 3 else str(shape[0])
