"""GoogLeNet (Inception v1) in full: its architecture as data, its arithmetic, its network.

`import inception_lib` imports no torch and no pandas; the submodules do, where they need them.
"""

from inception_lib.architecture import Architecture, googlenet
from inception_lib.counting import count
from inception_lib.errors import (
    ArchitectureError,
    DataError,
    InceptionError,
    PictureError,
    TrainingError,
    WeightsError,
)

__version__ = "0.1.0"
__all__ = [
    "Architecture",
    "ArchitectureError",
    "DataError",
    "InceptionError",
    "PictureError",
    "TrainingError",
    "WeightsError",
    "count",
    "googlenet",
]
