"""Trained weights: reading, naming, fetching and writing them.

Four kinds of files are read: Caffe's `.caffemodel` in both its forms, `.safetensors`, and `.pth` or `.pt`
with torchvision's state dict or ours. Written is `.safetensors`, whose header says all that is needed to
rebuild and use the network: the architecture, the pre-processing, the classes, the source and the license.
"""

from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Loaded, Weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.published import cached

__all__ = ["Loaded", "Weights", "cached", "load_weights", "save_weights"]
