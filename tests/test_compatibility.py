"""What other people's tools make of our network: tools that count, and tools that explain an answer.

One table for each. torch's own tools stand in test_torch_tools.py, other programs in test_export.py.
"""

import copy
import math

import captum.attr
import pytest
import pytorch_grad_cam
import torch
import torchvision
from count_speed import COUNTERS
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.nn import functional as F

from inception_lib import activations, count, googlenet
from inception_lib.nn.network import Network

# of tools that call what torch is going to drop
pytestmark = pytest.mark.filterwarnings("ignore")

# ------------------------------------------------------------------------------------------ tools that count


MACS, PARAMETERS = 1_582_671_872, 6_998_552
COUNTS = {
    # two operations for each MAC, of which the tool's function gives half
    "FlopCounterMode": MACS,
    # and the last pool, one for each of its 7 x 7 x 1024 inputs
    "fvcore": 1_582_722_048,
    # and an addition of the bias for each output of a convolution or of the classifier: 3,227,160
    "torchinfo": 1_585_899_032,
    "ptflops, aten": 1_585_899_032,
    # and the last pool, for each of its 1024 outputs 49 additions and a division
    "thop": 1_582_723_072,
    # and the biases, and what ReLUs give and pools take, both twice: once for the module, once for the
    # function that the module calls; 15,531,256 together
    "ptflops, pytorch": 1_598_203_128,
}


def sizes(kind, of):
    """How many values all layers of a kind give, or take, for one image."""
    return sum(math.prod(getattr(row, of)) for row in count(googlenet(heads=False)).rows if row.kind == kind)


def test_the_table_is_what_its_comments_say():
    counts = count(googlenet(heads=False))
    outputs, classes = sizes("conv", "out_shape"), 1000
    inputs_of_pools = sizes("max pool", "in_shape") + sizes("average pool", "in_shape")
    assert (counts.macs, counts.parameters) == (MACS, PARAMETERS)
    expected = {
        "FlopCounterMode": MACS,
        "fvcore": MACS + 7 * 7 * 1024,
        "torchinfo": MACS + outputs + classes,
        "ptflops, aten": MACS + outputs + classes,
        "thop": MACS + (49 + 1) * 1024,
        "ptflops, pytorch": MACS + outputs + classes + 2 * (outputs + inputs_of_pools),
    }
    assert expected == COUNTS


@pytest.mark.slow
@pytest.mark.parametrize("form", ["network", "as_classifier"])
@pytest.mark.parametrize("tool", COUNTERS)
def test_a_counting_tool_gives_what_chapter_5_says(tool, form):
    network = Network(googlenet(heads=False)).eval()
    network = network.as_classifier() if form == "as_classifier" else network
    found, parameters = COUNTERS[tool](network, torch.zeros(1, 3, 224, 224))
    assert found == COUNTS[tool]
    assert parameters in (PARAMETERS, None)


@pytest.mark.slow
@pytest.mark.parametrize("tool", COUNTERS)
def test_a_counting_tool_gives_for_our_network_what_it_gives_for_torchvisions(tool):
    ours = Network(googlenet("torchvision", heads=False)).eval()
    theirs = torchvision.models.googlenet(init_weights=False, aux_logits=False).eval()
    x = torch.zeros(1, 3, 224, 224)
    found, parameters = COUNTERS[tool](ours, x)
    if tool == "ptflops, pytorch":  # torchvision's ReLUs are functions alone, which it counts once
        found -= sizes("conv", "out_shape")
    assert (found, parameters) == COUNTERS[tool](theirs, x)


# --------------------------------------------------------------------------------------- tools that explain

SIDE, TARGET, LAYER = 80, 2, "inception_4c"


@pytest.fixture(scope="module", params=["paper", "torchvision"])
def network(request):
    architecture = googlenet(request.param, width=0.1, classes=4, input_size=SIDE, heads=False)
    made = Network(architecture, generator=torch.Generator().manual_seed(0)).train()
    with torch.no_grad():  # statistics that are not those of a fresh normalization
        made(images(8))
    return made.eval()


def images(count=2):
    return 50 * torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


def gradient(network, x):
    x = x.clone().requires_grad_()
    return torch.autograd.grad(network(x).logits[:, TARGET].sum(), x)[0]


class Guided(torch.autograd.Function):
    """ReLU; on the way back it lets through only what is positive (Springenberg et al. 2015)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x.relu()

    @staticmethod
    def backward(ctx, grad):
        return grad.relu() * (ctx.saved_tensors[0] > 0)


class GuidedReLU(nn.Module):
    def forward(self, x):
        return Guided.apply(x)


def guided(network, x):
    network = copy.deepcopy(network)
    for path, module in list(network.named_modules()):
        if isinstance(module, nn.ReLU):
            network.set_submodule(path, GuidedReLU())
    return gradient(network, x)


def grad_cam(network, x):
    """(batch, 1, height, width): the layer's maps, weighted by the means of their gradients."""
    kept = activations(network, x, [LAYER, "classifier"])
    maps, logits = kept[LAYER].output, kept["classifier"].output
    (slopes,) = torch.autograd.grad(logits[:, TARGET].sum(), maps)
    return (slopes.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).detach()


def from_0_to_1(cam):
    cam = cam - cam.amin((2, 3), keepdim=True)
    return cam / (1e-7 + cam.amax((2, 3), keepdim=True))


def shown(cam):
    """Grad-CAM as the package shows it: what is positive of it, as large as the image."""
    cam = F.interpolate(from_0_to_1(cam.relu()), (SIDE, SIDE), mode="bilinear")
    return from_0_to_1(cam)[:, 0]


def by_grad_cam(model, x):
    with pytorch_grad_cam.GradCAM(model, [model.network.get_submodule(LAYER)]) as cam:
        return torch.from_numpy(cam(x, [ClassifierOutputTarget(TARGET)] * len(x)))


# what the tool says of the network as a classifier, and what it should say
EXPLAINERS = {
    "Saliency": (
        lambda model, x: captum.attr.Saliency(model).attribute(x.requires_grad_(), target=TARGET),
        lambda network, x: gradient(network, x).abs(),
    ),
    # they add up to what the image changes in the answer (Sundararajan et al. 2017)
    "IntegratedGradients": (
        lambda model, x: (
            captum.attr.IntegratedGradients(model).attribute(x, target=TARGET, n_steps=300).sum((1, 2, 3))
        ),
        lambda network, x: (network(x).logits - network(0 * x).logits)[:, TARGET],
    ),
    "GuidedBackprop": (
        lambda model, x: captum.attr.GuidedBackprop(model).attribute(x.requires_grad_(), target=TARGET),
        guided,
    ),
    "LayerGradCam": (
        lambda model, x: captum.attr.LayerGradCam(model, model.network.get_submodule(LAYER)).attribute(
            x, target=TARGET
        ),
        grad_cam,
    ),
    "pytorch-grad-cam": (by_grad_cam, lambda network, x: shown(grad_cam(network, x))),
}


@pytest.mark.parametrize("tool", EXPLAINERS)
def test_a_tool_that_explains_says_of_our_network_what_its_definition_says(network, tool):
    explain, definition = EXPLAINERS[tool]
    expected = definition(network, images()).detach()
    found = explain(network.as_classifier(), images()).detach()
    assert found.shape == expected.shape and expected.abs().max() > 0
    tolerance = (0.02 if tool == "IntegratedGradients" else 1e-4) * float(expected.abs().max())
    torch.testing.assert_close(found, expected, rtol=0, atol=tolerance)
