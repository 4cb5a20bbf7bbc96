"""The tables that the widgets multiply, derived from the architecture's data; no browser, no anywidget.

A table row names the factors of a layer's counts: `["grid", "grid", "n5x5", 5, 5, "reduce5x5"]`. The
browser looks the names up in the reader's settings and multiplies. It knows no other formula, so
that it cannot disagree with `counting`.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import cast

from inception_lib import paper
from inception_lib.architecture import Architecture, Branches, Conv, GlobalPool, Layer, Linear
from inception_lib.book import comparison, results
from inception_lib.book.gradients import PARTS, by_module
from inception_lib.counting import Counts, Row, count
from inception_lib.data.shapes import SIZES as SIZES_OF_SHAPES
from inception_lib.errors import ArchitectureError, InceptionError
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.history import NETWORKS, PROCEDURES, Name
from inception_lib.networks.googlenet import (
    PAPER_WIDTHS,
    VARIANTS,
    Stem,
    Variant,
    Widths,
    googlenet,
    inception_module,
    naive_module,
)
from inception_lib.training.recipes import RECIPES

Factors = list[str | int]

# Stand-ins for the reader's settings: distinct primes, so that each number in a count tells whose it is.
_STAND_INS = (1009, 1013, 1019, 1021, 1031, 1033, 1039, 1049)


def _count(layers: Iterable[Layer], channels: int, grid: int) -> Counts:
    return count(Architecture(name="module", input=(channels, grid, grid), layers=tuple(layers)))


def _named(names: Iterable[str], make: Callable[..., Counts]) -> list[dict]:
    """Rows of `make(**settings)` with each factor replaced by the name of the setting it came from."""
    settings = dict(zip(names, _STAND_INS, strict=False))
    whose = {number: name for name, number in settings.items()}
    return [
        {
            "layer": row.path.rpartition("/")[2],
            "branch": row.branch,
            "macs": [whose.get(n, n) for _, n in row.macs.factors],
            "weights": [whose.get(n, n) for _, n in row.weights.factors],
        }
        for row in make(**settings).rows
        if row.macs.factors
    ]


def direct(grid: int, kernel: int, c_in: int, c_out: int) -> Counts:
    """A k x k convolution on its own."""
    return _count([_conv("conv", c_out, kernel)], c_in, grid)


def reduced(grid: int, kernel: int, c_in: int, c_out: int, reduce: int) -> Counts:
    """The same behind a 1x1 reduction to `reduce` channels."""
    return _count([_conv("reduce", reduce, 1), _conv("conv", c_out, kernel)], c_in, grid)


def _conv(name: str, out: int, kernel: int) -> Conv:
    return Conv(name=name, out_channels=out, kernel=kernel, padding=kernel // 2)


def reduction_table() -> dict[str, list[dict]]:
    """Rows of `direct` and of `reduced`, in the settings' names."""
    names = ("grid", "kernel", "c_in", "c_out", "reduce")
    return {
        "direct": _named(names, lambda grid, kernel, c_in, c_out, reduce: direct(grid, kernel, c_in, c_out)),
        "reduced": _named(names, reduced),
    }


def module_counts(form: str, grid: int, c_in: int, **widths: int) -> Counts:
    """Counts of a module in its `reduced` or `naive` form."""
    make: Callable[[str, Widths], Branches] = {"reduced": inception_module, "naive": naive_module}[form]
    return _count([make("module", Widths(**widths))], c_in, grid)


def module_presets() -> dict[str, dict[str, int]]:
    """Settings of the nine modules of Table 1: grid, input channels and widths."""
    rows = count(paper.architecture_of_table1())
    shapes = {key: rows[f"inception_{key}/1x1"].in_shape for key in PAPER_WIDTHS}
    return {
        key: {"grid": shapes[key][1], "c_in": shapes[key][0], **widths._asdict()}
        for key, widths in PAPER_WIDTHS.items()
    }


def module_table() -> dict:
    """Rows of both forms of the module, what is concatenated in each, and the presets."""
    names = ("grid", "c_in", *Widths._fields)
    table: dict = {
        form: _named(names, lambda form=form, **s: module_counts(form, **s)) for form in ("reduced", "naive")
    }
    table["channels"] = {
        "reduced": ["n1x1", "n3x3", "n5x5", "pool_proj"],
        "naive": ["n1x1", "n3x3", "n5x5", "c_in"],
    }
    for form, parts in table["channels"].items():  # the concatenation is the data's, not this list's
        settings = dict(zip(names, _STAND_INS, strict=True))
        out = module_counts(form, **settings)["module"].out_shape[0]
        assert out == sum(settings[name] for name in parts), form
    table["presets"] = module_presets()
    return table


def fully_connected(grid: int, channels: int, outputs: int) -> Counts:
    """A fully connected layer on the flattened grid."""
    return _count([Linear(name="linear", out_features=outputs)], channels, grid)


def pooled(grid: int, channels: int, outputs: int) -> Counts:
    """Global average pooling, then a fully connected layer."""
    return _count([GlobalPool(name="pool"), Linear(name="linear", out_features=outputs)], channels, grid)


def pooling_table() -> dict[str, list[dict]]:
    """Rows of `fully_connected` and of `pooled`, in the settings' names."""
    names = ("grid", "channels", "outputs")
    return {"connected": _named(names, fully_connected), "pooled": _named(names, pooled)}


SIZES = tuple(range(32, 513, 16))
WIDTHS = tuple(step / 20 for step in range(5, 41))
STEMS: tuple[Stem, ...] = ("plain", "separable")


@cache
def _network(variant: Variant, stem: Stem, heads: bool, size: int, width: float) -> Counts | str:
    """The counts, or the sentence that says why there is no such network."""
    try:
        return count(googlenet(variant, stem=stem, heads=heads, input_size=size, width=width))
    except ArchitectureError as error:
        return str(error)


class _Columns:
    """Numbers that change with one setting, each distinct column kept once."""

    def __init__(self) -> None:
        self.columns: dict[tuple, int] = {}

    def index(self, column: tuple) -> int:
        return self.columns.setdefault(column, len(self.columns))


@cache
def network_table() -> dict:
    """What the browser needs to count any of the networks that the widget offers.

    For each variant and stem: `rows`, each with the row of Table 1 it belongs to and its factors.
    A factor is a number, or `"s3"`: column 3 of `sizes` (it changes with the input size), or
    `"w5"`: column 5 of `widths` (with the width multiplier). `why` says, for each size, why there
    is no network with heads, and none without, or is None.
    """
    networks = {f"{variant} {stem}": _one_network(variant, stem) for variant in VARIANTS for stem in STEMS}
    printed = [
        {"name": row.name, "type": row.type, "params": row.params, "ops": row.ops} for row in paper.TABLE1
    ]
    return {"sizes": SIZES, "widths": WIDTHS, "printed": printed, "networks": networks}


def _one_network(variant: Variant, stem: Stem) -> dict:
    # at the paper's size there is a network of every width
    by_width = cast(list[Counts], [_network(variant, stem, True, 224, width) for width in WIDTHS])
    whole = [_network(variant, stem, True, size, 1.0) for size in SIZES]
    why: list[list[str | None]] = [[None, None] if isinstance(c, Counts) else [c, None] for c in whole]
    for i, counts in enumerate(whole):
        if not isinstance(counts, Counts):  # too small for the heads, perhaps not for the rest
            without = whole[i] = _network(variant, stem, False, SIZES[i], 1.0)
            why[i][1] = None if isinstance(without, Counts) else without
    size_columns, width_columns = _Columns(), _Columns()

    def of_sizes(path: str, get: Callable[[Row], int]) -> tuple[int | None, ...]:
        """A number of one layer at every size; None where there is no such layer."""
        found = (counts.by_path.get(path) if isinstance(counts, Counts) else None for counts in whole)
        return tuple(None if row is None else get(row) for row in found)

    def factor(path: str, get: Callable[[Row], int]) -> str | int:
        widths = tuple(get(counts.by_path[path]) for counts in by_width)
        if len(set(widths)) > 1:
            return f"w{width_columns.index(widths)}"
        sizes = of_sizes(path, get)
        if len(set(sizes) - {None}) > 1:
            return f"s{size_columns.index(sizes)}"
        return widths[0]

    def factors(path: str, what: str) -> Factors:
        row = by_width[0].by_path[path]

        def one(i: int) -> str | int:
            return factor(path, lambda r: getattr(r, what).factors[i][1])

        return [one(i) for i in range(len(getattr(row, what).factors))]

    belongs = table1_rows(by_width[0])
    rows = []
    for row in by_width[0].rows:
        path, last = row.path, len(row.out_shape) - 1
        rows.append(
            {
                "path": path,
                "row": belongs[path],
                "head": row.head,
                "macs": factors(path, "macs"),
                "weights": factors(path, "weights"),
                "biases": [factor(path, lambda r: r.biases)] if row.biases else [],
                "norm": [factor(path, lambda r: r.norm_parameters)] if row.norm_parameters else [],
                "grid": factor(path, lambda r: r.out_shape[1]) if last else None,
                "channels": factor(path, lambda r: r.out_shape[0]),
            }
        )
    return {
        "rows": rows,
        "size_columns": list(size_columns.columns),
        "width_columns": list(width_columns.columns),
        "why": why,
    }


#: Training pictures and classes of the data sets that `inception train` knows by name.
DATA_SETS = {
    "shapes": (SIZES_OF_SHAPES["train"], 10),
    "cifar10": (50_000, 10),
    "imagenette": (9_469, 10),
    "caltech101": (101 * 30, 101),
    "imagenet": (1_281_167, 1000),
}


@cache
def training_table() -> dict:
    """What the browser needs to say what a training run costs.

    `mflops` is the arithmetic of one picture in millions of FLOPs, by recipe and data set: two per MAC, and
    the way back costs twice the way there.
    """
    recipes = {name: make() for name, make in RECIPES.items()}
    mflops = {
        name: {
            data: 6 * count(recipe.architecture(classes)).macs // 10**6
            for data, (_, classes) in DATA_SETS.items()
        }
        for name, recipe in recipes.items()
    }
    return {
        "mflops": mflops,
        "pictures": {data: pictures for data, (pictures, _) in DATA_SETS.items()},
        "batch": {name: recipe.batch for name, recipe in recipes.items()},
        "epochs": {name: int(recipe.epochs) for name, recipe in recipes.items()},
    }


SCALES = scheme(144).scales
_SAID = {"chelsea": "A cat's face, seen from the front and lit from the left"}  # of a photograph


def best(row: Sequence[int]) -> list[int]:
    """Places of the largest first; of equals, the first first."""
    return sorted(range(len(row)), key=lambda k: (-row[k], k))


@cache
def crop_table() -> dict:
    """The photograph, the box of each of its 144 crops, and what was recorded of each.

    `views` are in the order of the tests of Table 3: the test with 1 crop takes the first, that with 10 the
    first ten. `box` is in the photograph's own pixels, `p` has the probabilities of `classes` in millionths.
    `mean_classes` are the five most probable on average over all.

    Raises:
        InceptionError: nothing was recorded.
    """
    from inception_lib.book.reductions import photographs

    recorded = results.load("crops_chelsea").outcome
    name, width, height = recorded["photograph"], recorded["width"], recorded["height"]
    boxes = {(v.scale, v.square, v.crop, v.mirror): v.box for v in plan(scheme(144), width, height)}
    found = {
        (v["scale"], v["square"], v["crop"], v["mirror"]): [int(n) for n in v["millionths"].split()]
        for v in recorded["views"]
    }
    assert boxes.keys() == found.keys(), "recorded for another plan"
    order = [
        (v.scale, v.square, v.crop, v.mirror)
        for crops in (1, 10, 144)
        for v in plan(scheme(crops), width, height)
    ]
    views = [
        {
            "scale": key[0],
            "square": key[1],
            "crop": key[2],
            "mirror": key[3],
            "box": [round(edge, 2) for edge in boxes[key]],
            "p": found[key],
        }
        for key in dict.fromkeys(order)
    ]
    totals = [sum(column) for column in zip(*found.values(), strict=True)]
    with io.BytesIO() as file:
        photographs([name])[name].save(file, "JPEG", quality=80)
        source = "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()
    return {
        "picture": {"src": source, "width": width, "height": height, "alt": _SAID[name]},
        "classes": recorded["classes"],
        "mean_classes": best(totals)[:5],
        "views": views,
    }


HEAD_WEIGHTS = ("0", "0.1", "0.3", "1")  #: of each head's loss, in the recorded runs; 0 has no heads
HEAD_EPOCHS = int(RECIPES["tiny"]().epochs)
HEAD_LOSSES = ("loss", "aux1", "aux2")


@cache
def head_table() -> dict:
    """What was recorded while networks learned with several weights of the heads' losses.

    For each weight, in whole numbers: `top1` in hundredths of a percent and `losses` in thousandths, from
    epoch 1 on; `norms` of the gradients in millionths, from epoch 0 (before the training) on, by part and
    in the order of `modules`. `chance` is the loss of guessing.

    Raises:
        InceptionError: nothing was recorded, or not for these weights and epochs.
    """
    recorded = results.load("head_weight").outcome
    runs = {}
    for run in recorded["runs"]:
        key = f"{run['aux_weight']:g}"
        if run["seed"] == 0 and key in HEAD_WEIGHTS:
            runs[key] = _head_run(run)
    modules = list(by_module(recorded["runs"][0]["gradients"][0]["main"]))
    if len(runs) < len(HEAD_WEIGHTS) or any(len(run["top1"]) != HEAD_EPOCHS for run in runs.values()):
        raise InceptionError("head_weight: was recorded for other weights or epochs than the widget shows.")
    return {"modules": modules, "chance": round(1000 * math.log(10)), "runs": runs}


def _head_run(run: Mapping) -> dict:
    history = run["history"]
    return {
        "top1": [round(1e4 * record["top1"]) for record in history],
        "losses": {
            name: [round(1e3 * record[name]) for record in history]
            for name in HEAD_LOSSES
            if name in history[0]
        },
        "norms": [
            {
                part: [max(1, round(1e6 * norm)) for norm in by_module(record[part]).values()]
                for part in PARTS
                if part in record
            }
            for record in run["gradients"]
        ],
    }


NAMES: tuple[Name, ...] = tuple(NETWORKS)
TITLES = tuple(milestone.title for milestone in NETWORKS.values())


@cache
def units(name: Name) -> tuple[comparison.Unit, ...]:
    """The modules and lone layers of a network of the lineage, by its name in `NETWORKS`."""
    return comparison.units(NETWORKS[name].make())


@cache
def comparison_table() -> dict:
    """Every network of the lineage, unit by unit: name, stage, what it is, output, and the four counts."""
    return {
        "stages": comparison.STAGES,
        "networks": {
            name: {
                "title": milestone.title,
                "year": milestone.year,
                "units": [
                    [u.name, u.stage, u.text, u.output, u.parameters, u.macs, u.activations, u.depth]
                    for u in units(name)
                ],
            }
            for name, milestone in NETWORKS.items()
        },
    }


@cache
def lineage_table() -> dict:
    """Every network of the lineage with its counts, and its top-5 errors in hundredths of a percent."""
    return {
        "procedures": PROCEDURES,
        "networks": [
            {
                "title": milestone.title,
                "year": milestone.year,
                **{
                    what: sum(getattr(u, what) for u in units(name))
                    for what in ("parameters", "macs", "depth")
                },
                "errors": {e.procedure: [int(100 * e.error), e.measured, e.source] for e in milestone.errors},
            }
            for name, milestone in NETWORKS.items()
        ],
    }


#: What the widget offers, and which error its plot shows: the top 5 of ten classes say little.
ABLATIONS = {
    "shapes": ("Bundled pictures, 7 networks", 1),
    "caltech": ("Caltech-101, 7 networks", 5),
    "photographs": ("Photographs, 1 network", 5),
    "paper": ("The paper's Table 3", 5),
}


@cache
def ensemble_table() -> dict:
    """The recorded ablations and the paper's, in hundredths of a percent.

    For each: `about`, a sentence; `top`, 1 or 5, what is plotted; and `cells`, by pool, models and crops
    ("mean 7 144"), each with what is known of it in the columns of `ablation.errors`.

    Raises:
        InceptionError: one was not recorded.
    """
    from inception_lib.book import ablation

    tables: dict[str, dict] = {}
    for name, (_, top) in ABLATIONS.items():
        if name == "paper":
            rows = ablation.errors_of_paper()
            about = "Top-5 error on the validation pictures of ILSVRC 2014. The paper gives no intervals."
        else:
            outcome = results.load(ablation.RECORDED[name]).outcome
            rows, count = ablation.errors(outcome["rows"]), len(outcome["networks"])
            about = (
                f"{outcome['pictures']:,} pictures, {count} network{'s' * (count > 1)}; intervals are "
                f"of 95 %."
            )
            if name == "photographs":
                about += " Whether the network was trained on some of them is not known."
        cells = {}
        for row in rows.to_dict("records"):
            key = f"{row.pop('pool')} {row.pop('models')} {row.pop('crops')}"
            cells[key] = {
                "passes": row.pop("passes"),
                "choices": row.pop("choices", 1),
                **{column: round(100 * value) for column, value in row.items()},
            }
        tables[name] = {"about": about, "top": top, "cells": cells}
    return tables


def table1_rows(counts: Counts) -> Mapping[str, str]:
    """For each layer the name of its row in Table 1; the normalizations and heads have rows of their own."""
    names = {group: row.name for row in paper.TABLE1 for group in row.groups}
    return {path: names.get(row.module or path, row.module or path) for path, row in counts.by_path.items()}
