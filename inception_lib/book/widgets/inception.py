"""An Inception module, with reductions and without."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

from inception_lib import paper
from inception_lib.architecture import Branches
from inception_lib.book.factors import STAND_INS, named, stacked
from inception_lib.book.widgets.base import Widget, choice, number, recorded
from inception_lib.counting import Counts, count
from inception_lib.errors import InceptionError
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, inception_module, naive_module

REDUCTIONS = "reductions_pca"  #: the record
Form = Literal["reduced", "naive"]
FORMS: tuple[Form, ...] = ("reduced", "naive")


class InceptionWidget(Widget):
    """An Inception module, with reductions and naive, branch by branch.

    `module` (3a to 5b) names the module of Table 1 that the budget comes from; `grid`, `c_in` and the
    six widths are free. `form`, `reduced` or `naive`, is the one that is drawn; with `stack` above 1 as many
    modules of both forms are, in a row. `InceptionWidget.of("4e")` starts from another module than 3a.
    """

    script = "inception.js"
    styles = (*Widget.styles, "module.css")
    key = "module"
    title = "An Inception module"

    module = choice(tuple(PAPER_WIDTHS), "3a", "Module of Table 1")
    form = choice(FORMS, "reduced", "Form", ("With reductions", "Naive"))
    stack = number(1, 1, 9, "Modules in a row")
    grid = number(28, 1, 128, "Feature map size")
    c_in = number(192, 1, 2048, "Channels in")
    n1x1 = number(64, 1, 1024, "1x1", branch="1x1")
    reduce3x3 = number(96, 1, 1024, "3x3 reduce", branch="3x3")
    n3x3 = number(128, 1, 1024, "3x3", branch="3x3")
    reduce5x5 = number(16, 1, 1024, "5x5 reduce", branch="5x5")
    n5x5 = number(32, 1, 1024, "5x5", branch="5x5")
    pool_proj = number(32, 1, 1024, "Pool projection", branch="pool")

    def __init__(self, **settings: Any) -> None:
        super().__init__(module_table(), **settings)

    @classmethod
    def of(cls, module: str) -> InceptionWidget:
        """The widget set to a module of Table 1."""
        return cls(module=module, **module_presets()[module])

    def result(self) -> dict[str, Any]:
        """For both forms MACs, weights and channels out, MACs by branch, and MACs and channels out of as many
        modules as are in the row; and the budget, in MACs. `kept_3x3` and `kept_5x5`, where recorded for such
        an input: what a reduction to that many channels keeps of its variance at most, in hundredths of a
        percent."""
        settings = self.settings
        module, drawn, stack = (settings.pop(name) for name in ("module", "form", "stack"))
        found: dict[str, Any] = {"budget": module_counts("reduced", **module_presets()[module]).macs}
        curve = module_curves().get(module, [])
        if len(curve) == self.c_in + 1:
            for branch in ("3x3", "5x5"):
                width = self.c_in if drawn == "naive" else settings[f"reduce{branch}"]
                found[f"kept_{branch}"] = curve[min(width, self.c_in)]
        for form in FORMS:
            row = module_counts(form, length=stack, **settings)
            found[f"{form}_stack_macs"] = row.macs
            found[f"{form}_stack_channels"] = row.rows[-1].out_shape[0]
            counts = module_counts(form, **settings)
            found[f"{form}_macs"] = counts.macs
            found[f"{form}_weights"] = counts.weights
            found[f"{form}_channels"] = counts["module"].out_shape[0]
            for branch in ("1x1", "3x3", "5x5", "pool"):
                found[f"{form}_{branch}"] = sum(r.macs.value for r in counts.rows if r.branch == branch)
        return found


def module_counts(form: Form, grid: int, c_in: int, *, length: int = 1, **widths: int) -> Counts:
    """Counts of a module in its `reduced` or `naive` form, or of several in a row."""
    make: Callable[[str, Widths], Branches] = {"reduced": inception_module, "naive": naive_module}[form]
    names = ["module", *(f"module{i}" for i in range(2, length + 1))]
    return stacked([make(name, Widths(**widths)) for name in names], c_in, grid)


@cache
def module_presets() -> dict[str, dict[str, int]]:
    """Settings of the nine modules of Table 1: grid, input channels and widths."""
    rows = count(paper.architecture_of_table1())
    shapes = {key: rows[f"inception_{key}/1x1"].in_shape for key in PAPER_WIDTHS}
    return {
        key: {"grid": shapes[key][1], "c_in": shapes[key][0], **widths._asdict()}
        for key, widths in PAPER_WIDTHS.items()
    }


@cache
def module_curves() -> dict[str, list[int]]:
    """Of each module of Table 1 what the first 0, 1, ... principal components keep of its input's variance.

    In hundredths of a percent; empty in an installed library, which has no records.
    """
    try:
        curves = recorded(REDUCTIONS)["curves"]
    except InceptionError:
        return {}
    return {key: [round(1e4 * share) for share in curves[f"inception_{key}"]] for key in PAPER_WIDTHS}


def module_table() -> dict:
    """Rows of both forms of the module, what is concatenated in each, the presets, and what is kept."""
    names = ("grid", "c_in", *Widths._fields)
    table: dict = {form: named(names, lambda form=form, **s: module_counts(form, **s)) for form in FORMS}
    table["channels"] = {
        "reduced": ["n1x1", "n3x3", "n5x5", "pool_proj"],
        "naive": ["n1x1", "n3x3", "n5x5", "c_in"],
    }
    # the concatenation is the data's, not this list's
    for form, parts in table["channels"].items():
        settings = dict(zip(names, STAND_INS, strict=True))
        out = module_counts(form, **settings)["module"].out_shape[0]
        assert out == sum(settings[name] for name in parts), form
    table["presets"] = module_presets()
    table["curves"] = module_curves()
    table["photographs"] = len(recorded(REDUCTIONS)["photographs"]) if table["curves"] else 0
    return table
