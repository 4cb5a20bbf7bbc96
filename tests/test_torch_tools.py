"""What torch's own tools, and torchvision's, make of a network: graphs, exports, transforms, copies.

One table: each tool gets the paper's network (with LRN) and torchvision's (with batch normalization), small,
and must give what the network itself gives.
"""

import copy
import io
import pickle

import pytest
import torch
from small import shortened
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.utils import _pytree as pytree
from torchvision.models.feature_extraction import create_feature_extractor

from inception_lib import Architecture, googlenet
from inception_lib.architecture import LRN, Branch, Branches, Conv, GlobalPool, Linear, Pool
from inception_lib.nn.network import Network, Output, activations

# TorchScript and this quantization are on their way out of torch; while they are there, they work
pytestmark = pytest.mark.filterwarnings("ignore")

SIDE = 80
#: Of the nine; the others have the same layers, and each costs the tools as much.
MODULES = ("3a", "4c", "5b")


def built(architecture, seed=0):
    return Network(architecture, generator=torch.Generator().manual_seed(seed)).eval()


def variant(name):
    return googlenet(name, width=0.05, classes=4, input_size=SIDE, heads=False)


def with_statistics(architecture):
    made = built(architecture)
    with torch.no_grad():  # statistics that are not those of a fresh normalization
        made.train()(pictures(4, 5))
    return made.eval()


@pytest.fixture(scope="module", params=["paper", "torchvision"])
def network(request):
    return with_statistics(shortened(variant(request.param), MODULES))


def pictures(count=2, seed=1):
    return 50 * torch.randn(count, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


# each takes a network and an example, and gives a function that must do as the network does


def exported(**options):
    def tool(network, x):
        program = torch.export.export(network, (x,), **options)
        file = io.BytesIO()
        torch.export.save(program, file)
        file.seek(0)
        return torch.export.load(file).module()

    return tool


def traced(network, x):
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(network, x), file)
    file.seek(0)
    return torch.jit.load(file)


def prepared(network, x):
    # torch means to move these elsewhere
    from torch.ao.quantization import get_default_qconfig_mapping, quantize_fx

    return quantize_fx.prepare_fx(copy.deepcopy(network), get_default_qconfig_mapping(), (x,))


def called(network, x):
    values = {name: value.detach().clone() for name, value in network.state_dict().items()}
    return lambda x: torch.func.functional_call(network, values, (x,))


TOOLS = {
    "as it is": lambda network, x: network,
    "functional_call": called,
    "deepcopy": lambda network, x: copy.deepcopy(network),
    "pickle": lambda network, x: pickle.loads(pickle.dumps(network)),
    "fx": lambda network, x: torch.fx.symbolic_trace(network),
    "fx, pickled": lambda network, x: pickle.loads(pickle.dumps(torch.fx.symbolic_trace(network))),
    "prepare_fx": prepared,
    "compile": lambda network, x: torch.compile(network, backend="eager", fullgraph=True),
    "export": exported(strict=False, dynamic_shapes=({0: torch.export.Dim("batch", max=64)},)),
    "jit.trace": traced,
}
ONE_BATCH = {"prepare_fx", "compile"}


def logits_of(output):
    return output if isinstance(output, torch.Tensor) else output.logits


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tool", "form"),
    # TorchScript has no outputs that are None, and takes the classifier only
    [(t, f) for t in TOOLS for f in ("network", "as_classifier") if (t, f) != ("jit.trace", "network")],
)
def test_it_does_as_the_network_does(network, tool, form):
    x = pictures()
    other = TOOLS[tool](network if form == "network" else network.as_classifier(), x)
    x.requires_grad_()
    output = other(x)
    assert type(output) is (Output if form == "network" else torch.Tensor)
    expected = network(x).logits
    torch.testing.assert_close(logits_of(output), expected)
    ours, theirs = (torch.autograd.grad(y.square().sum(), x)[0] for y in (expected, logits_of(output)))
    torch.testing.assert_close(theirs, ours, rtol=1e-4, atol=1e-6)
    if tool not in ONE_BATCH:
        more = pictures(3, 7)
        torch.testing.assert_close(logits_of(other(more)), network(more).logits)


def test_the_heads_are_in_the_graph_of_a_training():
    whole = googlenet(width=0.05, classes=4, input_size=SIDE).without_dropout()
    network = built(shortened(whole, ("3a", "4a", "4d"))).train()
    assert len(network.architecture.heads) == 2
    expected = network(pictures())
    for other in (torch.fx.symbolic_trace(network), TOOLS["export"](network, pictures())):
        assert type(other(pictures())) is Output
        torch.testing.assert_close(tuple(other(pictures())), tuple(expected))


def test_features_by_torchvision_are_those_of_activations(network):
    paths = ["conv1", "inception_3a/5x5", "inception_4c", "pool5"]
    extract = create_feature_extractor(network, [path.replace("/", ".") for path in paths])
    with torch.no_grad():
        found, kept = extract(pictures()), activations(network, pictures(), paths)
    for path in paths:
        torch.testing.assert_close(found[path.replace("/", ".")], kept[path].output)
    extract = create_feature_extractor(network.as_classifier(), ["network.inception_4c"])
    with torch.no_grad():
        torch.testing.assert_close(extract(pictures())["network.inception_4c"], kept["inception_4c"].output)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["paper", "torchvision"])
def test_a_quantized_network_is_near_it_and_all_its_convolutions_are_quantized(name):
    """The whole network, since it is about how large the error becomes."""
    from torch.ao.quantization import quantize_fx

    network = with_statistics(variant(name))
    observed = prepared(network, pictures())
    with torch.no_grad():
        observed(pictures(8))
        quantized = quantize_fx.convert_fx(observed)
        expected = network(pictures()).logits
        got = quantized(pictures()).logits
    assert not [name for name, m in quantized.named_modules() if type(m) is nn.Conv2d]
    assert (got - expected).abs().max() < 0.1 * expected.abs().max()


@pytest.mark.slow
def test_an_export_of_any_height_and_width():
    """Not the whole network, with which torch's solver of shapes takes half a minute: all that is in it."""
    module = Branches(
        name="module",
        branches=(
            Branch(name="1x1", layers=(Conv(name="1x1", out_channels=3, kernel=1),)),
            Branch(name="pool", layers=(Pool(name="pool", op="max", kernel=3, padding=1),)),
        ),
    )
    layers = (
        Conv(name="conv", out_channels=4, kernel=7, stride=2, padding=3),
        Pool(name="pool1", op="max", kernel=3, stride=2, ceil=True),
        LRN(name="norm"),
        module,
        Pool(name="pool2", op="max", kernel=3, stride=2, ceil=True),
        GlobalPool(name="pool5"),
        Linear(name="classifier", out_features=4),
    )
    network = built(Architecture(name="small", input=(3, SIDE, SIDE), layers=layers))
    every = torch.export.Dim.AUTO
    tool = exported(strict=False, dynamic_shapes=({0: every, 2: every, 3: every},))
    with torch.no_grad():
        other = tool(network, pictures())
        for x in (torch.randn(1, 3, 64, 97), torch.randn(3, 3, 101, 55), pictures()):
            torch.testing.assert_close(other(x).logits, network(x).logits)


# ------------------------------------------------------------------------------ torch.func and autograd


def test_gradients_of_each_example_in_one_go(network):
    x, labels = pictures(3), torch.tensor([0, 3, 1])
    weights = {name: p.detach() for name, p in network.named_parameters()}

    def loss(weights, picture, label):
        output = torch.func.functional_call(network, weights, (picture[None],))
        return F.cross_entropy(output.logits, label[None])

    together = torch.func.vmap(torch.func.grad(loss), (None, 0, 0))(weights, x, labels)
    for i in range(3):
        with torch.enable_grad():
            alone = torch.autograd.grad(
                F.cross_entropy(network(x[i : i + 1]).logits, labels[i : i + 1]), [*network.parameters()]
            )
        for (name, got), expected in zip(together.items(), alone, strict=True):
            torch.testing.assert_close(got[i], expected, rtol=1e-3, atol=1e-4, msg=name)


@pytest.fixture(scope="module")
def precise(network):
    return copy.deepcopy(network).double()


def test_vmap_over_pictures(network):
    x = pictures(3)
    classifier = network.as_classifier()
    each = torch.func.vmap(lambda picture: classifier(picture[None])[0])(x)
    torch.testing.assert_close(each, network(x).logits)
    each = torch.func.vmap(lambda picture: network(picture[None]).logits[0])(x)
    torch.testing.assert_close(each, network(x).logits)
    last = x.contiguous(memory_format=torch.channels_last)
    each = torch.func.vmap(lambda picture: network(picture[None]).logits[0])(last)
    torch.testing.assert_close(each, network(x).logits)


def brightness(network):
    """The logits by the brightness of a picture: a function of one number."""
    x = pictures(1).double()
    return lambda s: network(x * s).logits[0]


def finite(f, s, step=1e-5):
    return (f(s + step) - f(s - step)) / (2 * step)


def by_dual_numbers(f, s):
    with forward_ad.dual_level():
        return forward_ad.unpack_dual(f(forward_ad.make_dual(s, torch.ones_like(s)))).tangent


FIRST = {
    "jacfwd": lambda f, s: torch.func.jacfwd(f)(s),
    "jacrev": lambda f, s: torch.func.jacrev(f)(s),
    "jvp": lambda f, s: torch.func.jvp(f, (s,), (torch.ones_like(s),))[1],
    "make_dual": by_dual_numbers,
    "autograd.functional.jvp": lambda f, s: torch.autograd.functional.jvp(f, s, torch.ones_like(s))[1],
    "autograd.functional.jacobian": lambda f, s: torch.autograd.functional.jacobian(f, s),
}


@pytest.mark.parametrize("way", FIRST)
def test_first_derivatives_are_those_of_finite_differences(precise, way):
    f, s = brightness(precise), torch.tensor(1.0, dtype=torch.float64)
    torch.testing.assert_close(FIRST[way](f, s), finite(f, s), rtol=1e-4, atol=1e-7)


SECOND = {
    "hessian": lambda f, s: torch.func.hessian(f)(s),
    "grad of grad": lambda f, s: torch.func.jacrev(torch.func.jacrev(f))(s),
    "forward over forward": lambda f, s: torch.func.jacfwd(torch.func.jacfwd(f))(s),
    "autograd.functional.hessian": lambda f, s: torch.stack(
        [torch.autograd.functional.hessian(lambda s, i=i: f(s)[i], s) for i in range(4)]
    ),
}


@pytest.mark.parametrize("way", SECOND)
def test_second_derivatives_are_those_of_finite_differences(precise, way):
    """They were zero, silently, wherever LRN is: the only thing in the paper's network that bends."""
    f, s = brightness(precise), torch.tensor(1.0, dtype=torch.float64)
    expected = finite(torch.func.jacrev(f), s)
    torch.testing.assert_close(SECOND[way](f, s), expected, rtol=1e-4, atol=1e-7)
    if any(isinstance(layer, LRN) for layer in precise.architecture.layers):
        assert expected.abs().max() > 1e-3


PRODUCTS = {
    "forward over reverse": lambda f, s, v: torch.func.jvp(torch.func.grad(f), (s,), (v,))[1],
    "reverse over reverse": lambda f, s, v: torch.func.vjp(torch.func.grad(f), s)[1](v)[0],
    "autograd.functional.vhp": lambda f, s, v: torch.autograd.functional.vhp(f, s, v)[1],
}


@pytest.mark.slow
@pytest.mark.parametrize("way", PRODUCTS)
def test_a_hessian_times_a_vector_of_a_loss_is_that_of_finite_differences(precise, way):
    """In the input, of the loss on the classifier, as influence functions and Newton steps want it."""
    classifier, x, labels = precise.as_classifier(), pictures(2).double(), torch.tensor([1, 2])
    v = torch.randn(x.shape, dtype=x.dtype, generator=torch.Generator().manual_seed(5))

    def loss(x):
        return 1e3 * nn.CrossEntropyLoss()(classifier(x), labels)

    got = PRODUCTS[way](loss, x, v)
    grad, step = torch.func.grad(loss), 1e-6
    expected = (grad(x + step * v) - grad(x - step * v)) / (2 * step)
    # a window's maximum may change within a step, at few pixels
    assert (got - expected).norm() < 1e-3 * expected.norm()


def test_a_gradient_penalty_follows_finite_differences():
    """As a training with one uses it: the gradient in a weight of the norm of the gradient in the input."""
    network = built(googlenet(width=0.1, classes=4, input_size=SIDE, heads=False)).double()
    weight = network.conv1.conv.weight
    x = pictures(1).double().requires_grad_()
    direction = torch.randn(weight.shape, dtype=weight.dtype, generator=torch.Generator().manual_seed(3))
    start = weight.detach().clone()

    def penalty(step):
        weight.data = start + step * direction
        (grad,) = torch.autograd.grad(network(x).logits[0, 3], x, create_graph=True)
        return 1e6 * grad.square().sum()

    (got,) = torch.autograd.grad(penalty(0.0), weight)
    along = (got * direction).sum().item()
    step = 1e-6
    expected = ((penalty(step) - penalty(-step)) / (2 * step)).item()
    assert along == pytest.approx(expected, rel=1e-3)
    penalty(0.0).backward()  # which raised
    torch.testing.assert_close(weight.grad, got)


@pytest.mark.slow
def test_the_outputs_name_in_an_exported_file_stays():
    """A file that was saved under another name would no longer load."""
    spec = pytree.tree_structure(Output(torch.zeros(1)))
    assert "inception_lib.Output" in pytree.treespec_dumps(spec)
