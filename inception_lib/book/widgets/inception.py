"""An Inception module, with reductions and without."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from inception_lib import paper
from inception_lib.architecture import Branches
from inception_lib.book.factors import STAND_INS, named, stacked
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.counting import Counts, count
from inception_lib.networks.googlenet import PAPER_WIDTHS, Widths, inception_module, naive_module


class InceptionWidget(Widget):
    """An Inception module, with reductions and naive, branch by branch.

    `module` (3a to 5b) names the module of Table 1 that the budget comes from; `grid`, `c_in` and the
    six widths are free. `InceptionWidget.of("4e")` starts from another module than 3a.
    """

    script = "inception.js"
    key = "module"
    title = "An Inception module, with reductions and without"

    module = choice(tuple(PAPER_WIDTHS), "3a", "Module of Table 1")
    grid = number(28, 1, 128, "Grid, pixels a side")
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
        """For both forms MACs, weights, channels out and MACs by branch; and the budget, in MACs."""
        settings = self.settings
        budget = module_counts("reduced", **module_presets()[settings.pop("module")]).macs
        found: dict[str, Any] = {"budget": budget}
        for form in ("reduced", "naive"):
            counts = module_counts(form, **settings)
            found[f"{form}_macs"] = counts.macs
            found[f"{form}_weights"] = counts.weights
            found[f"{form}_channels"] = counts["module"].out_shape[0]
            for branch in ("1x1", "3x3", "5x5", "pool"):
                found[f"{form}_{branch}"] = sum(r.macs.value for r in counts.rows if r.branch == branch)
        return found


def module_counts(form: str, grid: int, c_in: int, **widths: int) -> Counts:
    """Counts of a module in its `reduced` or `naive` form."""
    make: Callable[[str, Widths], Branches] = {"reduced": inception_module, "naive": naive_module}[form]
    return stacked([make("module", Widths(**widths))], c_in, grid)


@cache
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
        form: named(names, lambda form=form, **s: module_counts(form, **s)) for form in ("reduced", "naive")
    }
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
    return table
