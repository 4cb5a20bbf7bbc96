"""Class maps and Grad-CAM: against captum, against each other, and against their definitions."""

from __future__ import annotations

import captum.attr
import pytest
import torch

from inception_lib import googlenet
from inception_lib.architecture import Architecture, Conv, Linear
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network, activations
from inception_lib.visualization import class_map, grad_cam

SIDE, TARGET = 96, 2
close = torch.testing.assert_close


@pytest.fixture(scope="module", params=["paper", "torchvision"])
def network(request):
    architecture = googlenet(request.param, width=0.1, classes=4, input_size=SIDE, heads=False)
    made = Network(architecture, generator=torch.Generator().manual_seed(0)).eval()
    torch.nn.init.normal_(made.classifier.linear.weight, generator=torch.Generator().manual_seed(1))
    made.classifier.linear.bias.data.copy_(torch.arange(4.0))
    return made


@pytest.fixture(scope="module")
def x():
    return 50 * torch.randn(2, 3, SIDE, SIDE + 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("path", ["inception_5b", "inception_4c", "inception_3a/3x3"])
def test_grad_cam_is_captums(network, x, path):
    layer = network.get_submodule(path.replace("/", "."))
    theirs = captum.attr.LayerGradCam(network.as_classifier(), layer)
    expected = theirs.attribute(x, target=TARGET, relu_attributions=True)[:, 0].detach()
    found = grad_cam(network, x, TARGET, path)
    assert expected.max() > 0
    close(found, expected, rtol=1e-4, atol=1e-5 * float(expected.max()))


def test_the_mean_of_a_class_map_is_the_score(network, x):
    found = class_map(network, x, TARGET)
    assert found.shape == (2, 3, 4) and found.std() > 0
    with torch.no_grad():
        close(found.mean((1, 2)), network(x).logits[:, TARGET], rtol=1e-4, atol=1e-4)


def test_at_the_last_map_both_are_one_up_to_relu_bias_and_scale(network, x):
    scores = class_map(network, x, TARGET)
    positions = scores[0].numel()
    expected = (scores - network.classifier.linear.bias[TARGET].detach()).relu() / positions
    close(grad_cam(network, x, TARGET, "inception_5b"), expected, rtol=1e-4, atol=1e-5)


def test_below_the_last_map_they_are_not(network, x):
    """Grad-CAM of an earlier layer has that layer's grid, and is only the linear part."""
    assert grad_cam(network, x, TARGET, "inception_4e").shape == (2, 6, 8)


def test_each_is_what_its_definition_says(network, x):
    path = "inception_4c"
    kept = activations(network, x.clone().requires_grad_(), [path, "classifier"])
    maps, scores = kept[path].output, kept["classifier"].output
    (slopes,) = torch.autograd.grad(scores[:, TARGET].sum(), maps)
    expected = torch.zeros(2, *maps.shape[2:])
    for n in range(2):
        for c in range(maps.shape[1]):
            expected[n] += slopes[n, c].mean() * maps[n, c].detach()
    close(grad_cam(network, x, TARGET, path), expected.clamp(min=0), rtol=1e-4, atol=1e-5)
    last = activations(network, x, ["inception_5b"])["inception_5b"].output
    one = network.classifier.linear(last[1, :, 2, 3])[TARGET]
    close(class_map(network, x, TARGET)[1, 2, 3], one.detach(), rtol=1e-4, atol=1e-4)


def test_frozen_weights_and_the_callers_gradient_mode_do_not_matter(network, x):
    expected = grad_cam(network, x, TARGET, "inception_4c")
    network.requires_grad_(False)
    try:
        with torch.no_grad():
            close(grad_cam(network, x, TARGET, "inception_4c"), expected)
    finally:
        network.requires_grad_(True)
    assert not x.requires_grad and all(p.grad is None for p in network.parameters())


def test_what_cannot_be_is_refused_in_a_sentence(network, x):
    with pytest.raises(InceptionError, match="has no class 4; they are numbered from 0 to 3"):
        grad_cam(network, x, 4, "inception_5b")
    with pytest.raises(InceptionError, match="has no class -1"):
        class_map(network, x, -1)
    with pytest.raises(InceptionError, match="classifier: gives no maps"):
        grad_cam(network, x, TARGET, "classifier")
    with pytest.raises(InceptionError, match="no layer 'nothing'"):
        grad_cam(network, x, TARGET, "nothing")


def test_a_network_with_fully_connected_layers_has_grad_cam_and_no_class_map():
    layers = (Conv(name="conv1", out_channels=5, kernel=3), Linear(name="classifier", out_features=4))
    network = Network(Architecture(name="small", input=(3, 8, 8), layers=layers)).eval()
    x = torch.randn(1, 3, 8, 8)
    with pytest.raises(InceptionError, match="has no class maps"):
        class_map(network, x, TARGET)
    assert grad_cam(network, x, TARGET, "conv1").shape == (1, 6, 6)
