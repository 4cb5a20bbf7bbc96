"""Drawings, plots and tables of the book, made from the data, with one palette and one style."""

import matplotlib.pyplot as plt

from inception_lib.book.figures.compared import (
    macs_by_branch,
    plot_branches,
    plot_prices,
    plot_speeds,
    plot_windows,
)
from inception_lib.book.figures.crops import plot_answers, plot_changes, plot_crops
from inception_lib.book.figures.drawings import draw_module, draw_network
from inception_lib.book.figures.ensembles import (
    Estimate,
    Simplex,
    plot_forest,
    plot_opinions,
    plot_reach,
    plot_simplex,
    plot_voters,
    plot_votes,
)
from inception_lib.book.figures.experiments import plot_experiment, plot_lead
from inception_lib.book.figures.heads import draw_head, draw_losses
from inception_lib.book.figures.lineage import draw_lineage, plot_bill, plot_flow
from inception_lib.book.figures.plots import (
    bars,
    name_lines,
    picture_grid,
    plot_audit,
    plot_errors,
    plot_gradients,
    plot_training,
)
from inception_lib.book.figures.seen import lit, plot_filters, plot_pictures, plot_tiles
from inception_lib.book.figures.style import (
    COLORS,
    INK,
    LOSSES,
    PAPER,
    WIDE,
    WIDTH,
    Picture,
    branch_color,
    line_color,
    show,
    to_svg,
    use_style,
)
from inception_lib.book.figures.tables import NAMES, table
from inception_lib.book.figures.training import plot_samples, plot_stuck, plot_three_losses

__all__ = [
    "COLORS",
    "INK",
    "LOSSES",
    "NAMES",
    "PAPER",
    "WIDE",
    "WIDTH",
    "Estimate",
    "Picture",
    "Simplex",
    "bars",
    "branch_color",
    "draw_head",
    "draw_lineage",
    "draw_losses",
    "draw_module",
    "draw_network",
    "line_color",
    "lit",
    "macs_by_branch",
    "name_lines",
    "picture_grid",
    "plot_answers",
    "plot_audit",
    "plot_bill",
    "plot_branches",
    "plot_changes",
    "plot_crops",
    "plot_errors",
    "plot_experiment",
    "plot_filters",
    "plot_flow",
    "plot_forest",
    "plot_gradients",
    "plot_lead",
    "plot_opinions",
    "plot_pictures",
    "plot_prices",
    "plot_reach",
    "plot_samples",
    "plot_simplex",
    "plot_speeds",
    "plot_stuck",
    "plot_three_losses",
    "plot_tiles",
    "plot_training",
    "plot_voters",
    "plot_votes",
    "plot_windows",
    "plt",
    "show",
    "table",
    "to_svg",
    "use_style",
]
