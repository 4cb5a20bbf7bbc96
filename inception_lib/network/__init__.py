"""GoogLeNet in torch: the network, its layers, its weights."""

from inception_lib.network.googlenet import Activation, Network, Output, activations, initialise
from inception_lib.network.weights import Loaded, Weights, cached, load_weights, published, save_weights

__all__ = [
    "Activation",
    "Loaded",
    "Network",
    "Output",
    "Weights",
    "activations",
    "cached",
    "initialise",
    "load_weights",
    "published",
    "save_weights",
]
