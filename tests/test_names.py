"""Torchvision's names and ours: the two networks agree, in evaluation and in training."""

import warnings

import numpy as np
import pytest
import torch
import torchvision
from PIL import Image
from weights_helpers import same

from inception_lib import googlenet
from inception_lib.data.images import (
    IMAGENET_PREPROCESS,
    TORCHVISION_PREPROCESS,
)
from inception_lib.nn.network import Network
from inception_lib.weights.loading import load_weights
from inception_lib.weights.names import from_torchvision, to_torchvision


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = torchvision.models.googlenet(
            weights=None, aux_logits=True, init_weights=False, num_classes=11
        )
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, 0, 0.2)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def ours_of(theirs):
    network = Network(googlenet("torchvision", classes=11))
    network.load_state_dict(from_torchvision(theirs.state_dict()))
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return network


def test_our_torchvision_variant_agrees_with_theirs_in_eval(theirs):
    x = torch.randn(2, 3, 224, 224)
    with torch.inference_mode():
        expected, got = theirs.eval()(x), ours_of(theirs).eval()(x)
    assert expected.std() > 1e-2
    torch.testing.assert_close(got.logits, expected, atol=1e-5, rtol=0)
    assert got.aux1 is None and got.aux2 is None


def test_our_torchvision_variant_agrees_with_theirs_in_training_heads_in_order(theirs):
    x = torch.randn(2, 3, 224, 224)
    network = ours_of(theirs).train()
    before = {key: value.clone() for key, value in theirs.state_dict().items()}
    with torch.no_grad():
        expected, got = theirs.train()(x), network(x)
    torch.testing.assert_close(got.logits, expected.logits, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.aux1, expected.aux_logits1, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(got.aux2, expected.aux_logits2, atol=1e-4, rtol=1e-4)
    assert (expected.aux_logits1 - expected.aux_logits2).abs().max() > 0.05
    # the running statistics moved alike
    moved = to_torchvision(network.state_dict())
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(moved[key], value, atol=1e-5, rtol=1e-4)
    theirs.load_state_dict(before)


def test_torchvisions_names_and_ours_are_a_bijection(theirs):
    state = theirs.state_dict()
    ours = from_torchvision(state)
    assert ours.keys() == Network(googlenet("torchvision", classes=11)).state_dict().keys()
    assert same(to_torchvision(ours), dict(state))


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda s: {"model": s, "epoch": 3},
        lambda s: {"state_dict": s},
        lambda s: {f"module.{k}": v for k, v in s.items()},
        lambda s: {k: v for k, v in s.items() if "num_batches" not in k},
    ],
)
@pytest.mark.filterwarnings("ignore:.*does not say how images")
def test_a_torchvision_checkpoint_is_loaded_by_what_it_holds(theirs, tmp_path, wrap):
    path = tmp_path / "checkpoint.bin"  # the content decides, not the ending
    torch.save(wrap(theirs.state_dict()), path)
    network, info = load_weights(path)
    assert info.architecture == googlenet("torchvision", classes=11)
    assert info.preprocess == IMAGENET_PREPROCESS
    assert torch.equal(network.conv1.norm.running_var, theirs.conv1.bn.running_var)
    assert not load_weights(path, heads=False).info.architecture.heads


def test_torchvisions_published_preprocessing_is_its_own_with_transform_input():

    random = np.random.default_rng(0)
    for size in ((451, 300), (300, 451), (257, 256), (640, 427), (333, 333)):
        picture = Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
        transforms = torchvision.models.GoogLeNet_Weights.IMAGENET1K_V1.transforms()
        normalized = transforms(picture)
        mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
        std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
        expected = normalized * (std / 0.5) + (mean - 0.5) / 0.5  # GoogLeNet._transform_input
        torch.testing.assert_close(TORCHVISION_PREPROCESS(picture), expected, atol=1e-6, rtol=0)
        torch.testing.assert_close(IMAGENET_PREPROCESS(picture), normalized, atol=1e-6, rtol=0)
