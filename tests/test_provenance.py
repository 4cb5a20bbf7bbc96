"""What a file says of where its weights come from: never that they are published ones which they are not."""

import copy
import pickle

import pytest
import torch
from safetensors import safe_open
from torch import nn
from weights_helpers import TINY, tiny

from inception_lib import WeightsError, load_weights, save_weights
from inception_lib.data.images import TORCHVISION_PREPROCESS
from inception_lib.nn.network import Network
from inception_lib.weights.info import Weights
from inception_lib.weights.states import digest

ADDRESS, CHECKSUM = "http://somewhere/bvlc_googlenet.caffemodel", "sha1:" + 40 * "2"
PUBLISHED = Weights(
    name="bvlc",
    architecture=TINY,
    preprocess=TORCHVISION_PREPROCESS,
    classes=tuple("abcdefg"),
    source="BVLC's Caffe model zoo",
    license="released for unrestricted use",
    urls=(ADDRESS,),
    checksums=(CHECKSUM,),
    tensors=digest(tiny().state_dict()),
)


@pytest.fixture
def source(tmp_path):
    return save_weights(tiny(), tmp_path / "bvlc.safetensors", PUBLISHED)


def trained(network):
    """After one update of all parameters."""
    network.train()
    optimizer = torch.optim.SGD(network.parameters(), 0.1)
    outputs = network(torch.randn(2, 3, 224, 224, generator=torch.Generator().manual_seed(0)))
    labels = torch.tensor([0, 1])
    sum(nn.functional.cross_entropy(out, labels) for out in outputs if out is not None).backward()
    optimizer.step()
    return network.eval()


def reset(network, classes=3):
    network.reset_classifier(classes)
    return network


#: How a network may come to other weights, and the name under which it is then saved.
WAYS = {
    "trained": (lambda path: trained(Network.from_pretrained(path)), "fine-tuned from bvlc"),
    "other classes": (
        lambda path: trained(Network.from_pretrained(path, classes=["x", "y"])),
        "fine-tuned from bvlc",
    ),
    "other classes, untrained": (
        lambda path: Network.from_pretrained(path, classes=3),
        "bvlc with a new classifier",
    ),
    "reset": (lambda path: trained(reset(Network.from_pretrained(path))), "fine-tuned from bvlc"),
    "reset twice": (
        lambda path: trained(reset(reset(load_weights(path).network), 7)),
        "fine-tuned from bvlc",
    ),
    "a copy": (lambda path: trained(copy.deepcopy(load_weights(path).network)), "fine-tuned from bvlc"),
    "pickled": (
        lambda path: trained(pickle.loads(pickle.dumps(load_weights(path).network))),
        "fine-tuned from bvlc",
    ),
    "half precision": (lambda path: load_weights(path).network.half(), "changed from bvlc"),
    "rounded and back": (lambda path: load_weights(path).network.bfloat16().float(), "fine-tuned from bvlc"),
    "without heads": (
        lambda path: trained(Network.from_pretrained(path, heads=False)),
        "fine-tuned from bvlc",
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("given", [True, False])
def test_no_way_leads_to_a_false_claim(source, tmp_path, way, given):
    make, name = WAYS[way]
    network = make(source)
    # as the signature suggests: with the info that came with the file, or with nothing
    if given:
        info = load_weights(source).info
        classes = [f"class {i}" for i in range(network.architecture.classes)]
        path = save_weights(network, tmp_path / "mine.safetensors", info, classes=classes)
        # that info knows nothing of the classifier
        name = name.replace("bvlc with a new classifier", "fine-tuned from bvlc")
    else:
        path = save_weights(network, tmp_path / "mine.safetensors")
    read = load_weights(path).info
    with safe_open(path, framework="np") as file:
        header = str(file.metadata())
    assert read.name == name and name in (read.source, read.name)
    assert ADDRESS not in header and CHECKSUM not in header and read.urls == read.checksums == ()
    assert read.license == "not stated; of bvlc: released for unrestricted use"
    assert "BVLC's Caffe model zoo" in read.source and read.preprocess == TORCHVISION_PREPROCESS
    assert read.architecture == network.architecture


def test_unchanged_weights_keep_what_is_said_of_them(source, tmp_path):
    for network in (
        Network.from_pretrained(source),
        Network.from_pretrained(source, classes=7).double(),
        copy.deepcopy(Network.from_pretrained(source)).to(memory_format=torch.channels_last),
    ):
        read = load_weights(save_weights(network, tmp_path / "same.safetensors")).info
        assert read == load_weights(source).info and read.urls == (ADDRESS,)


def test_class_names_do_not_outlive_their_classifier(source, tmp_path):
    network, info = load_weights(source)
    network.reset_classifier(7)
    assert network.info.classes is None
    network.reset_classifier(3)
    with pytest.raises(WeightsError, match="7 class names for the 3 outputs"):
        save_weights(network, tmp_path / "x.safetensors", info)
    path = save_weights(network, tmp_path / "x.safetensors", classes=["x", "y", "z"])
    assert load_weights(path).info.classes == ("x", "y", "z")


def test_fine_tuning_twice_says_so_once(source, tmp_path):
    first = save_weights(trained(Network.from_pretrained(source, classes=3)), tmp_path / "1.safetensors")
    second = save_weights(trained(Network.from_pretrained(first, classes=4)), tmp_path / "2.safetensors")
    read = load_weights(second).info
    assert read.name == "fine-tuned from bvlc" and read.source.count("classifier of") == 2
    assert read.license == "not stated; of bvlc: released for unrestricted use"
