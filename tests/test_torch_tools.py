"""What people do with a torch module, done with ours: a table of tools, each on both kinds of network.

`paper` has LRN, whose gradient is our own; `torchvision` has batch normalization.
"""

from __future__ import annotations

import copy
import io
import pickle

import pytest
import torch
from torch import nn
from torch.func import functional_call
from torchvision.models.feature_extraction import create_feature_extractor

from inception_lib import InceptionError, googlenet
from inception_lib.nn.network import Network, Output

SIDE = 64
VARIANTS = pytest.mark.parametrize("variant", ["paper", "torchvision"])


def made(variant, heads=False):
    architecture = googlenet(variant, width=0.05, classes=5, heads=heads, input_size=96 if heads else SIDE)
    return Network(architecture, generator=torch.Generator().manual_seed(0)).eval()


def noise(batch=2, side=SIDE):
    return torch.randn(batch, 3, side, side, generator=torch.Generator().manual_seed(1))


class Logits(nn.Module):
    """The network as tools want it that know nothing of named outputs."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, x):
        return self.network(x).logits


def deepcopied(network, x):
    return copy.deepcopy(network)(x).logits


def pickled(network, x):
    return pickle.loads(pickle.dumps(network))(x).logits


def saved_whole(network, x):
    file = io.BytesIO()
    torch.save(network, file)
    file.seek(0)
    return torch.load(file, weights_only=False)(x).logits


def symbolically_traced(network, x):
    return torch.fx.symbolic_trace(network)(x).logits


def features_extracted(network, x):
    extractor = create_feature_extractor(network, {"inception_4c.3x3": "f", "classifier": "logits"})
    found = extractor(x)
    assert found["f"].dim() == 4
    return found["logits"]


def jit_traced(network, x):
    return torch.jit.trace(Logits(network), x)(x)


def exported(network, x):
    batch = torch.export.Dim("batch", min=2, max=64)
    program = torch.export.export(network, (x,), dynamic_shapes=({0: batch},))
    assert isinstance(program.module()(noise(5)), Output)
    return program.module()(x).logits


def exported_and_saved(network, x):
    file = io.BytesIO()
    torch.export.save(torch.export.export(network, (x,)), file)
    file.seek(0)
    return torch.export.load(file).module()(x).logits


def compiled(network, x):
    return torch.compile(network, fullgraph=True, backend="eager")(x).logits


def called_with_other_parameters(network, x):
    return functional_call(network, dict(network.named_parameters()), (x,)).logits


def mapped(network, x):
    return torch.func.vmap(lambda one: network(one[None]).logits[0])(x)


def in_channels_last(network, x):
    return (
        copy.deepcopy(network)
        .to(memory_format=torch.channels_last)(x.to(memory_format=torch.channels_last))
        .logits
    )


def checkpointed(network, x):
    return torch.utils.checkpoint.checkpoint(lambda y: network(y).logits, x, use_reentrant=False)


def in_parallel(network, x):
    return nn.DataParallel(network)(x).logits


TOOLS = [
    deepcopied,
    pickled,
    saved_whole,
    symbolically_traced,
    features_extracted,
    jit_traced,
    exported,
    exported_and_saved,
    compiled,
    called_with_other_parameters,
    mapped,
    in_channels_last,
    checkpointed,
    in_parallel,
]


@VARIANTS
@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.__name__)
@pytest.mark.filterwarnings("ignore")
def test_it_gives_the_same_logits(variant, tool):
    network, x = made(variant), noise()
    with torch.no_grad():
        expected = network(x).logits
    torch.testing.assert_close(tool(network, x), expected, rtol=1e-4, atol=1e-5)


def reverse(f, x):
    y = x.clone().requires_grad_()
    return torch.autograd.grad(f(y), y)[0]


@VARIANTS
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_gradients_are_the_same_by_every_way_to_them(variant, memory):
    network, x = made(variant).double(), noise(1).double()
    network = network.to(memory_format=memory)

    def f(x):
        return network(x).logits[:, 0].sum()

    expected, v = reverse(f, x), torch.randn(x.shape, dtype=torch.float64)
    torch.testing.assert_close(torch.func.grad(f)(x), expected)
    torch.testing.assert_close(torch.func.jvp(f, (x,), (v,))[1], (expected * v).sum())
    with torch.autograd.forward_ad.dual_level():
        out = f(torch.autograd.forward_ad.make_dual(x, v))
        tangent = torch.autograd.forward_ad.unpack_dual(out).tangent
    torch.testing.assert_close(tangent, (expected * v).sum())
    # a product with the Hessian, forward over reverse and reverse over reverse, beside finite differences
    _, product = torch.func.jvp(torch.func.grad(f), (x,), (v,))
    y = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(f(y), y, create_graph=True)
    (again,) = torch.autograd.grad((slope * v).sum(), y)
    step = 1e-5
    differences = (reverse(f, x + step * v) - reverse(f, x - step * v)) / (2 * step)
    torch.testing.assert_close(again, product, rtol=1e-6, atol=1e-10)
    torch.testing.assert_close(product, differences, rtol=1e-2, atol=1e-7)
    if variant == "paper":  # without LRN a network of ReLUs is linear in places, and its Hessian zero
        assert product.norm() > 1e-8


@VARIANTS
def test_gradients_of_every_image_apart(variant):
    network, x, y = made(variant), noise(3), torch.tensor([0, 1, 2])

    def loss(parameters, image, label):
        logits = functional_call(network, parameters, (image[None],)).logits
        return nn.functional.cross_entropy(logits, label[None])

    parameters = {name: p.detach() for name, p in network.named_parameters()}
    each = torch.func.vmap(torch.func.grad(loss), in_dims=(None, 0, 0))(parameters, x, y)
    nn.functional.cross_entropy(network(x).logits, y).backward()
    for name, p in network.named_parameters():
        torch.testing.assert_close(each[name].mean(0), p.grad, rtol=1e-3, atol=1e-6)


@VARIANTS
def test_compiled_training_has_no_break_and_the_same_gradients(variant):
    network, x = made(variant, heads=True).train(), noise(2, 96)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0

    def gradients(run):
        network.zero_grad()
        sum(part.square().sum() for part in run(x)).backward()
        return [p.grad.clone() for p in network.parameters()]

    eager = gradients(network)
    fused = gradients(torch.compile(network, fullgraph=True, backend="aot_eager"))
    torch.testing.assert_close(fused, eager, rtol=1e-4, atol=1e-5)


def test_a_tracer_is_not_taken_for_a_wrong_input():
    with pytest.raises(InceptionError, match="must be a tensor of 4 dimensions"):
        made("paper")(torch.zeros(3, 64, 64))
