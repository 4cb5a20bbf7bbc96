"""The network in torch, and its layers."""

from inception_lib.nn.network import Activation, Network, Output, activations, initialize

__all__ = ["Activation", "Network", "Output", "activations", "initialize"]
