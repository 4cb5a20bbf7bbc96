"""The network in torch, and its layers."""

from inception_lib.nn.features import FeatureInfo
from inception_lib.nn.initial import initialize
from inception_lib.nn.network import Activation, Classifier, Network, Output, activations

__all__ = ["Activation", "Classifier", "FeatureInfo", "Network", "Output", "activations", "initialize"]
