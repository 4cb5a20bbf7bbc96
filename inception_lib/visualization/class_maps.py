"""Where a class is seen: class activation maps (Zhou et al. 2016) and Grad-CAM (Selvaraju et al. 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from inception_lib.architecture import Dropout, GlobalPool, Linear
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network, activations


@torch.enable_grad()
def grad_cam(network: Network, x: Tensor, target: int, path: str) -> Tensor:
    """Grad-CAM: where a layer's maps speak for a class, as far as one linear step can tell.

    Each map is weighted by the mean, over its positions, of the gradient of the class's score (before the
    softmax); of their sum what is negative becomes 0.

    Args:
        network: in evaluation mode.
        x: (n, channels, height, width), as the network takes it.
        target: the class, by the number of its output.
        path: the layer whose maps are taken, as `activations` takes it.

    Returns:
        (n, height, width) of the layer's maps.

    Raises:
        InceptionError: there is no such layer or class, or the layer has no maps.
    """
    last = _classifier(network, target)
    # weights that want no gradient leave none to the maps, unless the input does
    seen = activations(network, x.detach().requires_grad_(), [path, last])
    maps, scores = seen[path].output, seen[last].output
    if maps.dim() != 4:
        raise InceptionError(f"{path}: gives no maps, but {maps.shape[1]} numbers.")
    (slopes,) = torch.autograd.grad(scores[:, target].sum(), maps)
    return (slopes.mean((2, 3), keepdim=True) * maps).sum(1).relu().detach()


@torch.no_grad()
def class_map(network: Network, x: Tensor, target: int) -> Tensor:
    """Class activation map: the score of a class by position of the last map; its mean is the class's score.

    Without the bias, divided by the number of positions, and with what is negative set to 0, it is
    `grad_cam` of the last map, since all positions of a global average have the same gradient.

    Args:
        network: in evaluation mode; ends in global average pooling and one fully connected layer.
        x: (n, channels, height, width), as the network takes it.
        target: the class, by the number of its output.

    Returns:
        (n, height, width).

    Raises:
        InceptionError: there is no such class, or the network does not end so.
    """
    last = _classifier(network, target)
    ending = [layer for layer in network.architecture.layers if not isinstance(layer, Dropout)][-2:]
    if not (isinstance(ending[0], GlobalPool) and ending[0].output == 1 and isinstance(ending[1], Linear)):
        raise InceptionError(
            f"{network.architecture.name}: has no class maps, since it does not end in global average "
            f"pooling and one fully connected layer; grad_cam takes any network."
        )
    maps = activations(network, x, [ending[0].name])[ending[0].name].input
    scores = torch.einsum("nchw,c->nhw", maps, network.get_parameter(f"{last}.linear.weight")[target])
    return scores + network.get_parameter(f"{last}.linear.bias")[target] if ending[1].bias else scores


def _classifier(network: Network, target: int) -> str:
    """The path of the classifier, which has that class."""
    classes = network.architecture.classes
    if not 0 <= target < classes:
        raise InceptionError(
            f"{network.architecture.name}: has no class {target}; they are numbered from 0 to {classes - 1}."
        )
    return network.architecture.classifiers[0]
