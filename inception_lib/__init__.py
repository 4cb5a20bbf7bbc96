"""GoogLeNet (Inception v1) in full: its architecture as data, its arithmetic, its network.

`import inception_lib` imports no torch and no pandas; a public name that needs them brings them when it is
first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from inception_lib.architecture import Architecture
from inception_lib.counting import count
from inception_lib.errors import (
    ArchitectureError,
    DataError,
    InceptionError,
    PictureError,
    TrainingError,
    WeightsError,
)
from inception_lib.networks.googlenet import googlenet

__version__ = "0.1.0"

if TYPE_CHECKING:
    from inception_lib.data.datasets import open_data
    from inception_lib.data.images import Preprocess, read_picture
    from inception_lib.evaluation.ensemble import evaluate
    from inception_lib.evaluation.prediction import predict, predict_many
    from inception_lib.nn import Network, Output, activations
    from inception_lib.training.recipes import Recipe, recipe
    from inception_lib.training.train import train
    from inception_lib.weights import load_weights, save_weights

#: Public names that need torch, numpy or pandas, and the modules that they come from.
_LAZY = {
    "Network": "nn",
    "Output": "nn",
    "Preprocess": "data.images",
    "Recipe": "training.recipes",
    "activations": "nn",
    "evaluate": "evaluation.ensemble",
    "load_weights": "weights",
    "open_data": "data.datasets",
    "predict": "evaluation.prediction",
    "predict_many": "evaluation.prediction",
    "read_picture": "data.images",
    "recipe": "training.recipes",
    "save_weights": "weights",
    "train": "training.train",
}

__all__ = [
    "Architecture",
    "ArchitectureError",
    "DataError",
    "InceptionError",
    "Network",
    "Output",
    "PictureError",
    "Preprocess",
    "Recipe",
    "TrainingError",
    "WeightsError",
    "activations",
    "count",
    "evaluate",
    "googlenet",
    "load_weights",
    "open_data",
    "predict",
    "predict_many",
    "read_picture",
    "recipe",
    "save_weights",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
