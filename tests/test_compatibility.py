"""What other people's tools that explain an answer say of our network.

Tools that count are in test_counting_tools.py, torch's own in test_torch_tools.py, other programs in
test_export.py.
"""

import copy

import captum.attr
import pytest
import pytorch_grad_cam
import torch
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.nn import functional as F

from inception_lib import activations, googlenet
from inception_lib.nn.network import Network

# of tools that call what torch is going to drop
pytestmark = pytest.mark.filterwarnings("ignore")

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
