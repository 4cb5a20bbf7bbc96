"""Widgets that count as the reader moves them, in Jupyter and, with no kernel, on the built page.

Each is an anywidget in a module of its own: the class, what makes the table that it sends to the browser,
and beside it the script that multiplies that table. `result()` gives the same numbers counted by the
library; the tests hold the browser against it. Importing them loads no torch.
"""

from inception_lib.book.widgets.answer import Answer
from inception_lib.book.widgets.comparison import ComparisonWidget
from inception_lib.book.widgets.convolution import ConvolutionWidget
from inception_lib.book.widgets.crops import CropWidget
from inception_lib.book.widgets.ensemble import EnsembleWidget
from inception_lib.book.widgets.factors import FactorsWidget
from inception_lib.book.widgets.guess import Guess
from inception_lib.book.widgets.heads import HeadsWidget
from inception_lib.book.widgets.inception import InceptionWidget
from inception_lib.book.widgets.lineage import LineageWidget
from inception_lib.book.widgets.lowrank import LowRankWidget
from inception_lib.book.widgets.morph import MorphWidget
from inception_lib.book.widgets.network import NetworkWidget
from inception_lib.book.widgets.pooling import PoolingWidget
from inception_lib.book.widgets.quiz import Quiz
from inception_lib.book.widgets.reduction import ReductionWidget
from inception_lib.book.widgets.training import TrainingWidget
from inception_lib.book.widgets.wall import WallWidget
from inception_lib.book.widgets.xray import XrayWidget

__all__ = [
    "Answer",
    "ComparisonWidget",
    "ConvolutionWidget",
    "CropWidget",
    "EnsembleWidget",
    "FactorsWidget",
    "Guess",
    "HeadsWidget",
    "InceptionWidget",
    "LineageWidget",
    "LowRankWidget",
    "MorphWidget",
    "NetworkWidget",
    "PoolingWidget",
    "Quiz",
    "ReductionWidget",
    "TrainingWidget",
    "WallWidget",
    "XrayWidget",
]
