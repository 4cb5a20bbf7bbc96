"""The paper's printed tables as data, and an audit that recomputes every cell that arithmetic can check.

Source: Szegedy et al., "Going deeper with convolutions", CVPR 2015: Tables 1, 2 and 3, and two
sentences of its text. The tables hold what is printed, misprints included.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Literal

from inception_lib.architecture import Architecture, GlobalPool, Layer, Pool, depth_of
from inception_lib.counting import UNIT, Counts, count, shape_text
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, googlenet

if TYPE_CHECKING:
    import pandas


# --------------------------------------------------------------------------- the tables, as printed


@dataclass(frozen=True)
class Table1Row:
    """A row of Table 1. `groups` are the modules or layers of `count(...).groups` that it covers.

    `params` and `ops` are the printed texts ("2.7K", "34M"), None where the cell is empty.
    """

    name: str
    groups: tuple[str, ...]
    type: str
    patch: str | None
    output: str
    depth: int | None
    widths: Widths | None
    params: str | None
    ops: str | None


def _module_row(key: str, output: str, params: str, ops: str) -> Table1Row:
    name = f"inception_{key}"
    return Table1Row(name, (name,), f"inception ({key})", None, output, 2, PAPER_WIDTHS[key], params, ops)


#: Table 1 without its last row, the softmax: the network here ends with the logits. Printed "params" are
#: weights without biases, in units of 1024; "ops" are MACs, in millions.
TABLE1: tuple[Table1Row, ...] = (
    Table1Row(
        "conv1", ("conv1_depthwise", "conv1"), "convolution", "7x7/2", "112x112x64", 1, None, "2.7K", "34M"
    ),
    Table1Row("pool1", ("pool1",), "max pool", "3x3/2", "56x56x64", 0, None, None, None),
    Table1Row(
        "conv2", ("conv2_reduce", "conv2"), "convolution", "3x3/1", "56x56x192", 2, None, "112K", "360M"
    ),
    Table1Row("pool2", ("pool2",), "max pool", "3x3/2", "28x28x192", 0, None, None, None),
    _module_row("3a", "28x28x256", "159K", "128M"),
    _module_row("3b", "28x28x480", "380K", "304M"),
    Table1Row("pool3", ("pool3",), "max pool", "3x3/2", "14x14x480", 0, None, None, None),
    _module_row("4a", "14x14x512", "364K", "73M"),
    _module_row("4b", "14x14x512", "437K", "88M"),
    _module_row("4c", "14x14x512", "463K", "100M"),
    _module_row("4d", "14x14x528", "580K", "119M"),
    _module_row("4e", "14x14x832", "840K", "170M"),
    Table1Row("pool4", ("pool4",), "max pool", "3x3/2", "7x7x832", 0, None, None, None),
    _module_row("5a", "7x7x832", "1072K", "54M"),
    _module_row("5b", "7x7x1024", "1388K", "71M"),
    Table1Row("pool5", ("pool5",), "avg pool", "7x7/1", "1x1x1024", 0, None, None, None),
    Table1Row("dropout", ("dropout",), "dropout (40%)", None, "1x1x1024", 0, None, None, None),
    Table1Row("classifier", ("classifier",), "linear", None, "1x1x1000", 1, None, "1000K", "1M"),
)


@dataclass(frozen=True)
class Table2Row:
    """A row of Table 2: top-5 error in percent, in ILSVRC's classification task."""

    team: str
    year: int
    place: str
    error: Decimal
    external_data: str


TABLE2: tuple[Table2Row, ...] = (
    Table2Row("SuperVision", 2012, "1st", Decimal("16.4"), "no"),
    Table2Row("SuperVision", 2012, "1st", Decimal("15.3"), "ImageNet 22k"),
    Table2Row("Clarifai", 2013, "1st", Decimal("11.7"), "no"),
    Table2Row("Clarifai", 2013, "1st", Decimal("11.2"), "ImageNet 22k"),
    Table2Row("MSRA", 2014, "3rd", Decimal("7.35"), "no"),
    Table2Row("VGG", 2014, "2nd", Decimal("7.32"), "no"),
    Table2Row("GoogLeNet", 2014, "1st", Decimal("6.67"), "no"),
)


@dataclass(frozen=True)
class Table3Row:
    """A row of Table 3: top-5 error in percent on ILSVRC-2014 val, and its change from the first row."""

    models: int
    crops: int
    cost: int
    error: Decimal
    change: Decimal | None


TABLE3: tuple[Table3Row, ...] = (
    Table3Row(1, 1, 1, Decimal("10.07"), None),
    Table3Row(1, 10, 10, Decimal("9.15"), Decimal("-0.92")),
    Table3Row(1, 144, 144, Decimal("7.89"), Decimal("-2.18")),
    Table3Row(7, 1, 7, Decimal("8.09"), Decimal("-1.98")),
    Table3Row(7, 10, 70, Decimal("7.62"), Decimal("-2.45")),
    Table3Row(7, 144, 1008, Decimal("6.67"), Decimal("-3.45")),
)

#: What the text says of the whole network: layers with parameters, layers with pooling, multiply-adds.
TEXT = {"layers with parameters": "22", "layers with pooling": "27", "multiply-adds": "1.5B"}


# ------------------------------------------------------------------------------------- the audit

Verdict = Literal["agrees", "explained", "unexplained"]

_EXPLANATIONS = {
    "the separable stem": {"stem": "separable"},
    "the Inception5h widths": {"variant": "inception5h"},
    "the separable stem and the Inception5h widths": {"stem": "separable", "variant": "inception5h"},
}


@dataclass(frozen=True)
class Finding:
    """One printed cell beside the exact one.

    `exact` and `difference` (exact minus printed) are in the unit of the printed cell, given in
    `unit`; `exact_value` is the whole number behind it. Cells of text have no difference.
    """

    table: str
    row: str
    column: str
    printed: str
    exact: str
    exact_value: int | float | None
    difference: float | None
    unit: str
    verdict: Verdict
    note: str = ""


@dataclass(frozen=True)
class Audit:
    """All findings, in the order of the paper."""

    findings: tuple[Finding, ...]

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    def __len__(self) -> int:
        return len(self.findings)

    def find(self, row: str, column: str) -> Finding:
        """The finding on one cell, as in `audit().find("inception_4c", "params")`."""
        for finding in self.findings:
            if (finding.row, finding.column) == (row, column):
                return finding
        raise KeyError(f"no printed cell in row {row!r}, column {column!r}")

    def by_verdict(self, verdict: Verdict) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.verdict == verdict)

    def table(self) -> pandas.DataFrame:
        """A pandas table, one row per printed cell."""
        import pandas

        columns = ["table", "row", "column", "printed", "exact", "difference", "verdict", "note"]
        return pandas.DataFrame([asdict(f) for f in self.findings])[columns]

    def to_json(self) -> str:
        return json.dumps([asdict(finding) for finding in self.findings], indent=1, allow_nan=False)

    def to_text(self) -> str:
        """A table for the terminal, and how many cells got which verdict."""
        head = ("table", "row", "column", "printed", "exact", "difference", "verdict", "note")
        lines = [head] + [
            (
                f.table,
                f.row,
                f.column,
                f.printed,
                f.exact,
                "" if f.difference is None else f"{f.difference:+.4g}",
                f.verdict,
                f.note,
            )
            for f in self.findings
        ]
        widths = [max(len(line[i]) for line in lines) for i in range(len(head) - 1)]
        cells = ([*(c.ljust(w) for c, w in zip(line, widths, strict=False)), line[-1]] for line in lines)
        written = ["  ".join(line).rstrip() for line in cells]
        tally = ", ".join(f"{len(self.by_verdict(v))} {v}" for v in ("agrees", "explained", "unexplained"))
        return "\n".join([*written, "", f"{len(self)} printed cells: {tally}."])


@cache
def _counts(**variant: Any) -> Counts:
    return count(googlenet(heads=False, **variant))


@cache
def audit() -> Audit:
    """Recompute every cell of the tables, and the text's totals, that arithmetic can check.

    A cell agrees when the exact number, rounded up or down, is the printed one (the table rounds in
    both directions, so that a whole number agrees with itself alone), a number in running text when it
    rounds to it. A cell that does not agree is `explained` when it does under the separable stem or the
    Inception5h widths: both are inferences from this arithmetic and from later sources, not statements of
    the paper. Measured figures (the error rates) are not audited, only the sums made of them.
    """
    return Audit((*_table1(), *_text(), *_table2(), *_table3()))


def _table1() -> Iterator[Finding]:
    counts = _counts()
    for row in TABLE1:
        present = [counts.groups[name] for name in row.groups if name in counts.groups]
        output = shape_text(present[-1].out_shape)
        output = output if "x" in output else f"1x1x{output}"
        yield _same("1", row.name, "output", row.output, output)
        if row.depth is not None:
            yield _same("1", row.name, "depth", str(row.depth), str(sum(map(depth_of, _layers(counts, row)))))
        for column in ("params", "ops"):
            if (printed := getattr(row, column)) is not None:
                yield _number("1", row.name, column, printed, partial(row_sum, row=row, column=column))


def _text() -> Iterator[Finding]:
    layers = _counts().architecture.layers
    depth = sum(map(depth_of, layers))
    pools = sum(isinstance(layer, Pool | GlobalPool) for layer in layers)
    yield _same("text", "network", "layers with parameters", TEXT["layers with parameters"], str(depth))
    yield _same("text", "network", "layers with pooling", TEXT["layers with pooling"], str(depth + pools))
    yield _number("text", "network", "multiply-adds", TEXT["multiply-adds"], lambda c: c.macs, tolerance=0.5)


def _table2() -> Iterator[Finding]:
    ours, best = TABLE2[-1], min(row.error for row in TABLE3)
    yield _decimal("2", f"{ours.team} {ours.year}", "error", ours.error, best, "the best of Table 3")


def _table3() -> Iterator[Finding]:
    base = TABLE3[0].error
    for row in TABLE3:
        name = f"{row.models} model{'s' * (row.models > 1)}, {row.crops} crop{'s' * (row.crops > 1)}"
        yield _same("3", name, "cost", str(row.cost), str(row.models * row.crops))
        if row.change is not None:
            yield _decimal("3", name, "change", row.change, row.error - base, f"{row.error} - {base}")


def row_sum(counts: Counts, row: Table1Row, column: Literal["params", "ops"]) -> int:
    """Weights (for `params`) or MACs (for `ops`) of all that a row of Table 1 covers."""
    attribute = "weights" if column == "params" else "macs"
    return sum(getattr(counts.groups[name], attribute) for name in row.groups if name in counts.groups)


def _layers(counts: Counts, row: Table1Row) -> list[Layer]:
    return [layer for layer in counts.architecture.layers if layer.name in row.groups]


def _same(table: str, row: str, column: str, printed: str, exact: str) -> Finding:
    verdict: Verdict = "agrees" if printed == exact else "unexplained"
    return Finding(table, row, column, printed, exact, None, None, "", verdict)


def _decimal(table: str, row: str, column: str, printed: Decimal, exact: Decimal, how: str) -> Finding:
    verdict: Verdict = "agrees" if printed == exact else "unexplained"
    note = "" if printed == exact else f"{how} = {exact}; most likely a misprint"
    return Finding(
        table, row, column, str(printed), str(exact), float(exact), float(exact - printed), "%", verdict, note
    )


_SCALE = {"K": UNIT["K"], "M": UNIT["M"], "B": 10**9}


def _number(
    table: str, row: str, column: str, printed: str, value: Callable[[Counts], int], tolerance: float = 1.0
) -> Finding:
    """Audit a printed number such as "2.7K"; `value` gets it out of the counts of any variant."""
    number, unit = float(printed[:-1]), printed[-1]
    last_digit = 10.0 ** -len(printed[:-1].partition(".")[2])

    def off(counts: Counts) -> float:
        """How far the exact number is from the printed one, in units of the last printed digit."""
        return abs(value(counts) / _SCALE[unit] - number) / last_digit

    def said(counts: Counts) -> str:
        return f"{value(counts) / _SCALE[unit]:,.{2 if number < 10 else 1}f}{unit}"

    plain = _counts()
    others = {name: _counts(**variant) for name, variant in _EXPLANATIONS.items()}
    nearest = min(others, key=lambda name: off(others[name]))
    verdict: Verdict
    if off(plain) < tolerance:
        verdict, note = "agrees", ""
    elif off(others[nearest]) < tolerance:
        verdict, note = "explained", f"{said(others[nearest])} with {nearest}: an inference"
    else:
        verdict, note = "unexplained", ""
    if verdict != "explained" and off(others[nearest]) < off(plain):
        enough = "" if verdict == "agrees" else ", not near enough"
        note = f"{said(others[nearest])} with {nearest}: nearer{enough}"
    exact = value(plain)
    return Finding(
        table, row, column, printed, said(plain), exact, exact / _SCALE[unit] - number, unit, verdict, note
    )


@dataclass(frozen=True)
class Implied:
    """What a module's printed ops say of its params, whatever its widths, beside its printed params (K)."""

    row: str
    printed: float
    low: float
    high: float

    @property
    def contradicts(self) -> bool:
        """Whether the two printed cells cannot both be right, each within one unit of its last digit."""
        return not self.low - 1 <= self.printed <= self.high + 1


def implied_params() -> tuple[Implied, ...]:
    """Params (in K) that follow from the printed ops of each Inception module.

    All convolutions of a module run on one grid, so its MACs are its weights times height times
    width. The two printed columns therefore determine each other without any of the six widths.
    """
    rows = []
    for row in TABLE1:
        if row.widths is None or row.params is None or row.ops is None:
            continue
        height, width, _ = map(int, row.output.split("x"))
        ops = float(row.ops[:-1])
        low, high = ((ops + off) * UNIT["M"] / (height * width) / UNIT["K"] for off in (-1, 1))
        rows.append(Implied(row.name, float(row.params[:-1]), low, high))
    return tuple(rows)


def printed_total(column: Literal["params", "ops"]) -> float:
    """The sum of a printed column of Table 1, in its own unit (K or M)."""
    return round(sum(float(cell[:-1]) for row in TABLE1 if (cell := getattr(row, column))), 1)


def architecture_of_table1() -> Architecture:
    """The network exactly as Table 1 prints it, without the auxiliary heads."""
    return _counts().architecture
