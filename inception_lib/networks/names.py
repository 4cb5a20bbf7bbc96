"""The names that others give to GoogLeNet's layers: Caffe, torchvision, TensorFlow and Distill."""

from __future__ import annotations

import re
from difflib import get_close_matches

from inception_lib.architecture import Architecture, Branches, walk
from inception_lib.errors import InceptionError
from inception_lib.networks.googlenet import PAPER_WIDTHS

#: The convolutions of a module, and the names in which others differ.
PARTS = ("1x1", "3x3_reduce", "3x3", "5x5_reduce", "5x5", "pool_proj")
_TORCHVISION_PARTS = ("branch1", "branch2.0", "branch2.1", "branch3.0", "branch3.1", "branch4.1")
_INCEPTION5H_PARTS = ("1x1", "3x3_bottleneck", "3x3", "5x5_bottleneck", "5x5", "pool_reduce")
_HEAD = ("pool", "conv", "fc", "dropout", "classifier")

#: BVLC's models/bvlc_googlenet/train_val.prototxt.
CAFFE = {
    "conv1/7x7_s2": "conv1",
    "pool1/3x3_s2": "pool1",
    "pool1/norm1": "norm1",
    "conv2/3x3_reduce": "conv2_reduce",
    "conv2/3x3": "conv2",
    "conv2/norm2": "norm2",
    **{f"pool{n}/3x3_s2": f"pool{n}" for n in (2, 3, 4)},
    **{f"inception_{m}/{part}": f"inception_{m}/{part}" for m in PAPER_WIDTHS for part in PARTS},
    **{f"inception_{m}/output": f"inception_{m}" for m in PAPER_WIDTHS},
    "pool5/7x7_s1": "pool5",
    "pool5/drop_7x7_s1": "dropout",
    "loss3/classifier": "classifier",
    **{
        f"loss{n}/{theirs}": f"aux{n}/{ours}"
        for n in (1, 2)
        for theirs, ours in zip(("ave_pool", "conv", "fc", "drop_fc", "classifier"), _HEAD, strict=True)
    },
}

#: The modules of torchvision's `googlenet`.
TORCHVISION = {
    "conv1": "conv1",
    "conv2": "conv2_reduce",
    "conv3": "conv2",
    **{f"maxpool{n}": f"pool{n}" for n in (1, 2, 3, 4)},
    **{
        f"inception{m}.{theirs}": f"inception_{m}/{ours}"
        for m in PAPER_WIDTHS
        for theirs, ours in zip(_TORCHVISION_PARTS, PARTS, strict=True)
    },
    **{f"inception{m}": f"inception_{m}" for m in PAPER_WIDTHS},
    "avgpool": "pool5",
    "fc": "classifier",
    **{
        f"aux{n}.{theirs}": f"aux{n}/{ours}"
        for n in (1, 2)
        for theirs, ours in (("conv", "conv"), ("fc1", "fc"), ("fc2", "classifier"))
    },
}

#: Google's Inception5h graph, whose names Lucid and Distill's articles use.
INCEPTION5H = {
    "conv2d0": "conv1",
    "maxpool0": "pool1",
    "localresponsenorm0": "norm1",
    "conv2d1": "conv2_reduce",
    "conv2d2": "conv2",
    "localresponsenorm1": "norm2",
    "maxpool1": "pool2",
    "maxpool4": "pool3",
    "maxpool10": "pool4",
    **{
        f"mixed{m}_{theirs}": f"inception_{m}/{ours}"
        for m in PAPER_WIDTHS
        for theirs, ours in zip((*_INCEPTION5H_PARTS, "pool"), (*PARTS, "pool"), strict=True)
    },
    **{f"mixed{m}": f"inception_{m}" for m in PAPER_WIDTHS},
    "avgpool0": "pool5",
    "softmax2_pre_activation": "classifier",
    **{
        theirs: f"aux{n + 1}/{ours}"
        for n in (0, 1)
        for theirs, ours in (
            (f"head{n}_pool", "pool"),
            (f"head{n}_bottleneck", "conv"),
            (f"nn{n}", "fc"),
            (f"softmax{n}_pre_activation", "classifier"),
        )
    },
}

#: TF-Slim's `inception_v1`, which counts the layers between the modules too: its 4c is the paper's 4b.
SLIM = {
    "Conv2d_1a_7x7": "conv1",
    "MaxPool_2a_3x3": "pool1",
    "Conv2d_2b_1x1": "conv2_reduce",
    "Conv2d_2c_3x3": "conv2",
    "MaxPool_3a_3x3": "pool2",
    "MaxPool_4a_3x3": "pool3",
    "MaxPool_5a_2x2": "pool4",
    **{f"Mixed_{m[0]}{chr(ord(m[1]) + 1)}": f"inception_{m}" for m in PAPER_WIDTHS},
}

_ALIASES = CAFFE | SLIM | INCEPTION5H | TORCHVISION
#: Names that Inception5h and torchvision have for different layers.
_AMBIGUOUS = {name for name in INCEPTION5H.keys() & TORCHVISION if INCEPTION5H[name] != TORCHVISION[name]}
#: The softmax in Caffe's network and in Inception5h.
_SOFTMAX = ("prob", "softmax2")
_PRE_RELU = re.compile(r"_pre_relu(/conv|_conv)?$")


def layer_path(architecture: Architecture, name: str) -> str:
    """The path of the layer that somebody calls `name`.

    It may be the path itself, with slashes or dots; else the name that Caffe, torchvision, TensorFlow or
    Distill gives to the layer of GoogLeNet that has the same output. torchvision's `conv2` is the exception:
    it is a path here, of another layer (torchvision's `conv3`).

    Raises:
        InceptionError: there is no such layer, or two are called so; the sentence names the nearest.
    """
    steps = {step.path: step.layer for step in walk(architecture)}
    bare = str(name).removeprefix("import/").removeprefix("InceptionV1/").removeprefix("InceptionV1/")
    bare = bare.removesuffix(":0").replace("/relu_", "/")
    for path in (name, bare.replace(".", "/")):
        if path in steps:
            return path
    begin = f"{architecture.name}: has no layer {str(name)!r}"
    if bare in _AMBIGUOUS:
        raise InceptionError(
            f"{begin}, which is {INCEPTION5H[bare]} in Inception5h and {TORCHVISION[bare]} in torchvision's "
            f"network."
        )
    if bare in _ALIASES and _ALIASES[bare] in steps:
        return _ALIASES[bare]
    if bare in _ALIASES:
        raise InceptionError(f"{begin}; that is {_ALIASES[bare]}, which this network is built without.")
    if bare in _SOFTMAX:
        raise InceptionError(f"{begin}; the softmax is left to the caller: logits.softmax(1).")
    before = _ALIASES.get(_PRE_RELU.sub("", bare), "")
    if before != _ALIASES.get(bare, "") and before in steps:
        layer = steps[before]
        ends = (
            [f"{before}/{branch.layers[-1].name}" for branch in layer.branches]
            if isinstance(layer, Branches)
            else [before]
        )
        raise InceptionError(
            f"{begin}, for what is there before the ReLU; activations() gives it as before_relu of "
            f"{', '.join(ends)}, and after the ReLU it is {before}."
        )
    known = {path: path for path in steps} | {theirs: p for theirs, p in _ALIASES.items() if p in steps}
    near = list(dict.fromkeys(known[close] for close in get_close_matches(bare, known, n=3, cutoff=0.6)))
    if near:
        raise InceptionError(f"{begin}; did you mean {' or '.join(near)}?")
    outer = [path for path in steps if "/" not in path]
    raise InceptionError(f"{begin}; its layers are {', '.join(outer)}, and those inside of them.")
