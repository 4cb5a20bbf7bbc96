"""The network in torch, and its layers."""

from inception_lib.nn.network import (
    Activation,
    Classifier,
    Network,
    Output,
    activations,
    initialize,
)

__all__ = ["Activation", "Classifier", "Network", "Output", "activations", "initialize"]
