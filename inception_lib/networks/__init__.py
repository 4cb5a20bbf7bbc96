"""Networks as data: GoogLeNet, and those before and after it. `inception_lib.history` names them all.

Each function gives an `Architecture`: countable, drawable, buildable. All end in logits: the softmax is not a
layer here. `classes` is the number of outputs of every classifier, and `input_size` the height and width of
the input in pixels; an `ArchitectureError` names the layer that an input is too small for. A network with
fully connected layers on a grid has as many weights there as its input size asks for. Nothing here imports
torch.
"""

from inception_lib.networks.classic import alexnet, lenet5, nin, zfnet
from inception_lib.networks.googlenet import googlenet, inception_module, naive_module
from inception_lib.networks.inception import bn_inception, inception_v3, inception_v4
from inception_lib.networks.resnet import resnet
from inception_lib.networks.vgg import vgg

__all__ = [
    "alexnet",
    "bn_inception",
    "googlenet",
    "inception_module",
    "inception_v3",
    "inception_v4",
    "lenet5",
    "naive_module",
    "nin",
    "resnet",
    "vgg",
    "zfnet",
]
