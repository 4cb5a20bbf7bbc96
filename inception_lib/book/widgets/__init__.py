"""Widgets that count as the reader moves them, in Jupyter and, with no kernel, on the built page.

Each is an anywidget whose module multiplies the table that `tables` derives from the architecture.
`result()` gives the same numbers counted by the library; the tests hold the browser against it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets as t

from inception_lib.book import quizzes
from inception_lib.book.comparison import STAGES
from inception_lib.book.widgets import tables
from inception_lib.counting import Counts, count
from inception_lib.evaluation.plan import COUNTS, CROPS, SQUARES
from inception_lib.evaluation.store import POOLS
from inception_lib.history import PROCEDURES
from inception_lib.networks.googlenet import PAPER_WIDTHS, VARIANTS, googlenet
from inception_lib.training.recipes import RECIPES, Recipe

__all__ = [
    "ComparisonWidget",
    "CropWidget",
    "EnsembleWidget",
    "HeadsWidget",
    "InceptionWidget",
    "LineageWidget",
    "NetworkWidget",
    "PoolingWidget",
    "Quiz",
    "ReductionWidget",
    "TrainingWidget",
]

_HERE = Path(__file__).parent
DEVICES = ("any", "cpu", "cuda")  #: on which a training can be asked for


def _source(name: str) -> str:
    """One self-contained module: a widget is imported from a blob, which can import nothing."""
    return (_HERE / "common.js").read_text() + (_HERE / name).read_text()


def _number(default: int, low: int, high: int, label: str, **more: Any) -> t.Int:
    return t.Int(default, min=low, max=high).tag(sync=True, label=label, min=low, max=high, step=1, **more)


def _choice(options: tuple, default: Any, label: str, names: tuple[str, ...] | None = None) -> t.Enum:
    pairs = [list(pair) for pair in zip(options, names or options, strict=True)]
    return t.Enum(options, default).tag(sync=True, label=label, options=pairs)


class _Widget(anywidget.AnyWidget):
    """What they have in common: settings with labels and limits, and a table to multiply."""

    _css = _HERE / "widgets.css"
    key: ClassVar[str]
    title: ClassVar[str]

    fields = t.List(t.Dict()).tag(sync=True)
    table = t.Dict().tag(sync=True)
    about = t.Dict().tag(sync=True)

    def __init__(self, table: dict, **settings: Any) -> None:
        unknown = set(settings) - {name for name, trait in self.traits().items() if "label" in trait.metadata}
        if unknown:
            raise TypeError(f"{type(self).__name__} has no setting {', '.join(sorted(unknown))}")
        fields = [
            {
                "name": name,
                "default": trait.default_value,
                **{k: v for k, v in trait.metadata.items() if k != "sync"},
            }
            for name, trait in self._settings().items()
        ]
        super().__init__(table=table, fields=fields, about={"key": self.key, "title": self.title}, **settings)

    @classmethod
    def _settings(cls) -> dict[str, t.TraitType]:
        """The reader's settings, in the order in which the class names them."""
        own = {name: trait for name, trait in cls.class_traits().items() if "label" in trait.metadata}
        order = [name for base in cls.__mro__ for name in vars(base)]  # anywidget subclasses on the fly
        return dict(sorted(own.items(), key=lambda item: order.index(item[0])))

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as they stand."""
        return {name: getattr(self, name) for name in self._settings()}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings})"


class ReductionWidget(_Widget):
    """A k x k convolution, alone and behind a 1x1 reduction: MACs, weights, and where it stops paying.

    It opens on the 5x5 branch of module 4a. Settings, all whole numbers: `grid` (pixels a side),
    `kernel` (odd), `c_in`, `c_out` and `reduce` (channels).
    """

    _esm = _source("reduction.js")
    key = "reduction"
    title = "A convolution, alone and behind a 1x1 reduction"

    grid = _number(14, 1, 256, "Grid, pixels a side")
    kernel = t.Enum((1, 3, 5, 7, 9, 11), 5).tag(
        sync=True, label="Kernel, pixels a side", min=1, max=11, step=2
    )
    c_in = _number(480, 1, 2048, "Channels in")
    c_out = _number(48, 1, 2048, "Channels out")
    reduce = _number(16, 1, 2048, "Reduction, channels")

    def __init__(self, **settings: int) -> None:
        super().__init__(tables.reduction_table(), **settings)

    def result(self) -> dict[str, int]:
        """MACs and weights without and with the reduction; the widest reduction that still saves MACs."""
        s = self.settings
        direct = tables.direct(s["grid"], s["kernel"], s["c_in"], s["c_out"])
        reduced = tables.reduced(**s)
        per_output = self.kernel**2
        return {
            "direct_macs": direct.macs,
            "direct_weights": direct.weights,
            "reduced_macs": reduced.macs,
            "reduced_weights": reduced.weights,
            "pays_up_to": (per_output * self.c_in * self.c_out - 1) // (self.c_in + per_output * self.c_out),
        }


class InceptionWidget(_Widget):
    """An Inception module, with reductions and naive, branch by branch.

    `module` (3a to 5b) names the module of Table 1 that the budget comes from; `grid`, `c_in` and the
    six widths are free. `InceptionWidget.of("4e")` starts from another module than 3a.
    """

    _esm = _source("inception.js")
    key = "module"
    title = "An Inception module, with reductions and without"

    module = _choice(tuple(PAPER_WIDTHS), "3a", "Module of Table 1")
    grid = _number(28, 1, 128, "Grid, pixels a side")
    c_in = _number(192, 1, 2048, "Channels in")
    n1x1 = _number(64, 1, 1024, "1x1", branch="1x1")
    reduce3x3 = _number(96, 1, 1024, "3x3 reduce", branch="3x3")
    n3x3 = _number(128, 1, 1024, "3x3", branch="3x3")
    reduce5x5 = _number(16, 1, 1024, "5x5 reduce", branch="5x5")
    n5x5 = _number(32, 1, 1024, "5x5", branch="5x5")
    pool_proj = _number(32, 1, 1024, "Pool projection", branch="pool")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.module_table(), **settings)

    @classmethod
    def of(cls, module: str) -> InceptionWidget:
        """The widget set to a module of Table 1."""
        return cls(module=module, **tables.module_presets()[module])

    def result(self) -> dict[str, Any]:
        """For both forms MACs, weights, channels out and MACs by branch; and the budget, in MACs."""
        settings = self.settings
        budget = tables.module_counts("reduced", **tables.module_presets()[settings.pop("module")]).macs
        found: dict[str, Any] = {"budget": budget}
        for form in ("reduced", "naive"):
            counts = tables.module_counts(form, **settings)
            found[f"{form}_macs"] = counts.macs
            found[f"{form}_weights"] = counts.weights
            found[f"{form}_channels"] = counts["module"].out_shape[0]
            for branch in ("1x1", "3x3", "5x5", "pool"):
                found[f"{form}_{branch}"] = sum(r.macs.value for r in counts.rows if r.branch == branch)
        return found


class PoolingWidget(_Widget):
    """A fully connected layer on a grid, beside global average pooling and a fully connected layer.

    Settings: `grid` (pixels a side), `channels`, `outputs`.
    """

    _esm = _source("pooling.js")
    key = "pooling"
    title = "Fully connected, beside global average pooling"
    presets: ClassVar[dict[str, tuple[int, int, int]]] = {
        "GoogLeNet, 1,000 classes": (7, 1024, 1000),
        "GoogLeNet, 1,024 outputs": (7, 1024, 1024),
        "AlexNet, first fully connected": (6, 256, 4096),
        "VGG, first fully connected": (7, 512, 4096),
    }

    grid = _number(7, 1, 64, "Grid, pixels a side")
    channels = _number(1024, 1, 4096, "Channels")
    outputs = _number(1000, 1, 8192, "Outputs")

    def __init__(self, **settings: int) -> None:
        names = ("grid", "channels", "outputs")
        presets = {name: dict(zip(names, values, strict=True)) for name, values in self.presets.items()}
        super().__init__(tables.pooling_table() | {"presets": presets}, **settings)

    def result(self) -> dict[str, int]:
        """Weights and MACs of both."""
        connected, pooled = (make(**self.settings) for make in (tables.fully_connected, tables.pooled))
        return {
            "connected_weights": connected.weights,
            "connected_macs": connected.macs,
            "pooled_weights": pooled.weights,
            "pooled_macs": pooled.macs,
        }


class NetworkWidget(_Widget):
    """The whole network, row by row of Table 1, beside what the paper prints.

    Settings: `size` (input, pixels a side, in steps of 16), `width` (multiplies all channels, in steps
    of 0.05), `variant`, `stem`, `heads`.
    """

    _esm = _source("network.js")
    key = "network"
    title = "GoogLeNet, row by row of Table 1"

    size = t.Enum(tables.SIZES, 224).tag(
        sync=True,
        label="Input, pixels a side",
        min=min(tables.SIZES),
        max=max(tables.SIZES),
        step=tables.SIZES[1] - tables.SIZES[0],
    )
    width = t.Enum(tables.WIDTHS, 1.0).tag(
        sync=True, label="Width multiplier", min=min(tables.WIDTHS), max=max(tables.WIDTHS), step=0.05
    )
    variant = _choice(VARIANTS, "paper", "Variant", ("the paper's", "Inception5h's widths", "torchvision's"))
    stem = _choice(tables.STEMS, "plain", "First layer", ("plain 7x7", "separable"))
    heads = t.Bool(False).tag(sync=True, label="Auxiliary heads")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.network_table(), **settings)

    def counts(self) -> Counts:
        """The counts of the network as it is set; an ArchitectureError where there is none."""
        s = self.settings
        return count(
            googlenet(s["variant"], stem=s["stem"], heads=s["heads"], input_size=s["size"], width=s["width"])
        )

    def result(self) -> dict[str, Any]:
        """MACs, weights and parameters, in all and by row of Table 1."""
        counts = self.counts()
        belongs = tables.table1_rows(counts)
        rows: dict[str, dict[str, int]] = {}
        for row in counts.rows:
            sums = rows.setdefault(belongs[row.path], {"macs": 0, "weights": 0})
            sums["macs"] += row.macs.value
            sums["weights"] += row.weights.value
        return {"macs": counts.macs, "weights": counts.weights, "parameters": counts.parameters, "rows": rows}


class TrainingWidget(_Widget):
    """What a training run costs: updates, arithmetic, time and money, before it is begun.

    Settings: `recipe`, `data`, `device`, `epochs`, `rate` (training pictures a second) and `price` (of an
    hour, in hundredths). It opens on a short run of the recipe `tiny`. `chosen()` gives the recipe that is
    set, and `where()` the device, as `train` takes them.
    """

    _esm = _source("training.js")
    key = "training"
    title = "A training run, before it is begun"

    recipe = _choice(tuple(RECIPES), "tiny", "Recipe")
    data = _choice(tuple(tables.DATA_SETS), "shapes", "Data")
    device = _choice(DEVICES, "any", "Device", ("the GPU if there is one", "CPU", "GPU"))
    epochs = _number(3, 1, 300, "Epochs")
    rate = _number(500, 1, 100_000, "Pictures a second")
    price = _number(0, 0, 10_000, "Price of an hour, in cents")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.training_table(), **settings)

    def chosen(self) -> Recipe:
        """The recipe, with the epochs that are set."""
        return replace(RECIPES[self.recipe](), epochs=self.epochs)

    def where(self) -> str | None:
        """The device that is set; None for the GPU if there is one."""
        return None if self.device == "any" else self.device

    def result(self) -> dict[str, int]:
        """Updates, pictures seen, TFLOP, seconds and cents of the whole run, in whole numbers."""
        chosen, (pictures, classes) = self.chosen(), tables.DATA_SETS[self.data]
        updates = self.epochs * (pictures // chosen.batch)
        images = updates * chosen.batch
        mflops = 6 * count(chosen.architecture(classes)).macs // 10**6
        seconds = -(-images // self.rate)
        return {
            "updates": updates,
            "images": images,
            "tflops": images * mflops // 10**6,
            "seconds": seconds,
            "cents": seconds * self.price // 3600,
        }


class CropWidget(_Widget):
    """The 144 crops of one photograph, what BVLC's network sees in each, and the average as crops are added.

    Settings: `scale` (length of the shorter side), `square`, `crop`, `mirror`, and `averaged`, the number of
    crops in the average. They are added in the order of the tests in Table 3: the one crop, the ten, all.
    The probabilities were recorded in `data/results/` by tools/record_crops.py; nothing runs here.
    """

    _esm = _source("crops.js")
    key = "crops"
    title = "The 144 crops of a photograph, and their average"

    scale = t.Enum(tables.SCALES, 256).tag(
        sync=True,
        label="Shorter side, pixels",
        min=min(tables.SCALES),
        max=max(tables.SCALES),
        step=tables.SCALES[1] - tables.SCALES[0],
    )
    square = _choice(SQUARES, "center", "Square")
    crop = _choice(CROPS, "center", "Crop", (*CROPS[:-1], "the whole square, resized"))
    mirror = t.Bool(False).tag(sync=True, label="Mirror image")
    averaged = _number(10, 1, 144, "Crops averaged")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.crop_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the crop: its number, and its box in hundredths of the picture's pixels. The best five classes
        (places in the table's list) and their probabilities in millionths, of the crop and of the average.
        And how many of the averaged crops have the average's first class in the first place."""
        views = self.table["views"]
        wanted = {name: getattr(self, name) for name in ("scale", "square", "crop", "mirror")}
        number, view = next((i, v) for i, v in enumerate(views, 1) if wanted.items() <= v.items())
        chosen = [v["p"] for v in views[: self.averaged]]
        n = len(chosen)
        mean = [(2 * sum(column) + n) // (2 * n) for column in zip(*chosen, strict=True)]
        found = {"number": number}
        for name, edge in zip(("left", "top", "right", "bottom"), view["box"], strict=True):
            found[name] = round(edge * 100)
        for before, row in (("", view["p"]), ("mean_", mean)):
            for i, k in enumerate(tables.best(row)[:5], 1):
                found |= {f"{before}class{i}": k, f"{before}p{i}": row[k]}
        found["agree"] = sum(tables.best(p)[0] == found["mean_class1"] for p in chosen)
        return found


class HeadsWidget(_Widget):
    """Networks that learned with several weights of the heads' losses: losses, accuracy, gradients.

    Settings: `weight` of each head's loss (0: no heads) and `epoch` (0: before the training). All runs were
    recorded in `data/results/` by benchmarks/head_weight.py; nothing runs here.
    """

    _esm = _source("heads.js")
    key = "heads"
    title = "Training with and without the heads"

    weight = _choice(
        tables.HEAD_WEIGHTS,
        "0.3",
        "Weight of each head's loss",
        ("0: no heads", "0.1", "0.3: the paper's", "1"),
    )
    epoch = _number(1, 0, tables.HEAD_EPOCHS, "Epochs trained")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.head_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the run at that epoch: `top1` in hundredths of a percent and the losses in thousandths (none
        before the training); and the norms of the gradients in millionths, `main_1` at the first layer."""
        run, epoch = self.table["runs"][self.weight], self.epoch
        found = {}
        if epoch:
            found = {"top1": run["top1"][epoch - 1]}
            found |= {name: losses[epoch - 1] for name, losses in run["losses"].items()}
        for part, norms in run["norms"][epoch].items():
            found |= {f"{part}_{i}": norm for i, norm in enumerate(norms, 1)}
        return found


class ComparisonWidget(_Widget):
    """Any two networks of the lineage, stage by stage, and one stage layer by layer.

    Settings: `left` and `right` (names in `history.NETWORKS`), `what` is compared, and `stage`, from 1 to 7,
    which is listed layer by layer. Stages are those of `comparison.STAGES`.
    """

    _esm = _source("comparison.js")
    key = "comparison"
    title = "Two networks, stage by stage"

    left = _choice(tables.NAMES, "googlenet", "First network", tables.TITLES)
    right = _choice(tables.NAMES, "vgg16", "Second network", tables.TITLES)
    what = _choice(
        ("macs", "parameters", "activations", "depth"),
        "macs",
        "Compared",
        ("MACs", "parameters", "activations", "depth"),
    )
    stage = _number(4, 1, len(STAGES), "Stage to list")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.comparison_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of each network the four totals, what is compared in the chosen stage, and the number of modules
        and layers listed there; and `apart`, the stage in which the two differ most (the first of equals)."""
        found: dict[str, int] = {}
        sums: dict[str, list[int]] = {}
        for side in ("left", "right"):
            units = tables.units(getattr(self, side))
            for what in ("macs", "parameters", "activations", "depth"):
                found[f"{side}_{what}"] = sum(getattr(unit, what) for unit in units)
            sums[side] = [
                sum(getattr(unit, self.what) for unit in units if unit.stage == stage)
                for stage in range(1, len(STAGES) + 1)
            ]
            found[f"{side}_stage"] = sums[side][self.stage - 1]
            found[f"{side}_units"] = sum(unit.stage == self.stage for unit in units)
        apart = [abs(a - b) for a, b in zip(sums["left"], sums["right"], strict=True)]
        return found | {"apart": 1 + apart.index(max(apart))}


class LineageWidget(_Widget):
    """The networks from LeNet-5 to Inception v4: their published errors against what they cost.

    Settings: `axis`, the `procedure` by which the errors were measured, and `network`, the number of the one
    that is looked at, in order of year.
    """

    _esm = _source("lineage.js")
    key = "lineage"
    title = "Errors and costs, network by network"

    axis = _choice(
        ("parameters", "macs", "depth", "year"),
        "parameters",
        "Across",
        ("parameters", "MACs", "depth", "year"),
    )
    procedure = _choice(
        tuple(PROCEDURES),
        "ensemble",
        "Errors measured with",
        ("several networks, many crops", "one network, ten crops", "one network, one crop"),
    )
    network = _number(1 + tables.NAMES.index("googlenet"), 1, len(tables.NAMES), "Network, by year")

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.lineage_table(), **settings)

    def result(self) -> dict[str, int]:
        """Of the chosen network year and counts, and its error in hundredths of a percent, 0 where none was
        published; how many networks have one, how many of them a lower one, and how many of those no more of
        what is across."""
        rows = self.table["networks"]
        row = rows[self.network - 1]
        shown = [other for other in rows if self.procedure in other["errors"]]
        error = row["errors"].get(self.procedure, [0])[0]
        better = [other for other in shown if other["errors"][self.procedure][0] < error]
        smaller = [other for other in better if other[self.axis] <= row[self.axis]]
        return {
            **{what: row[what] for what in ("year", "parameters", "macs", "depth")},
            "error": error,
            "shown": len(shown),
            "better": len(better),
            "smaller": len(smaller),
        }


class Quiz(anywidget.AnyWidget):
    """Some questions on a chapter, with a sentence for each answer, the right one and the wrong ones.

    `key` names one of `quizzes.QUIZZES`, which are in the order of the chapters; another raises a ValueError.
    """

    _esm = _source("quiz.js")
    _css = _HERE / "widgets.css"

    key = t.Unicode().tag(sync=True)
    title = t.Unicode().tag(sync=True)
    questions = t.List(t.Dict()).tag(sync=True)

    def __init__(self, key: str) -> None:
        if key not in quizzes.QUIZZES:
            raise ValueError(f"There is no quiz {key!r}; there are {', '.join(quizzes.QUIZZES)}.")
        super().__init__(key=key, title=quizzes.QUIZZES[key][0], questions=quizzes.quiz(key))

    def __repr__(self) -> str:
        return f"Quiz({self.key!r})"


class EnsembleWidget(_Widget):
    """The error of some networks with some crops of each picture, as it was recorded, beside its cost.

    Settings: `models` (1 to 7), `crops` (1, 10 or 144), `pool` (over the crops: mean or max) and `data`: one
    of the recorded ablations, or the paper's Table 3. It opens on one network with one crop, from which
    changes are counted. Nothing runs here.
    """

    _esm = _source("ensemble.js")
    key = "ensemble"
    title = "Networks and crops: the error, and what it costs"

    models = _number(1, 1, 7, "Networks averaged")
    crops = _choice(COUNTS, 1, "Crops of each picture", tuple(map(str, COUNTS)))
    pool = _choice(POOLS, "mean", "Over the crops of a network", ("mean", "maximum"))
    data = _choice(
        tuple(tables.ABLATIONS), "shapes", "Measured on", tuple(name for name, _ in tables.ABLATIONS.values())
    )

    def __init__(self, **settings: Any) -> None:
        super().__init__(tables.ensemble_table(), **settings)

    def result(self) -> dict[str, int]:
        """Forward passes for each picture, whether the test was `measured` (1 or 0), and what is known of it:
        errors, their changes and the ends of their intervals, in hundredths of a percent."""
        cell = self.table[self.data]["cells"].get(f"{self.pool} {self.models} {self.crops}")
        if cell is None:
            return {"passes": self.models * self.crops, "measured": 0}
        return {"measured": 1, **cell}
