"""The layers in torch: equal to torch's own, in values and in derivatives of every kind."""

import copy
import pickle

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.nn import functional as F
from torch.nn.utils import parametrizations, prune
from torch.utils._python_dispatch import TorchDispatchMode

from inception_lib import count, googlenet
from inception_lib.architecture import LRN, Conv, walk
from inception_lib.nn import layers
from inception_lib.nn.lrn import local_response_norm
from inception_lib.nn.network import Network

# ------------------------------------------------------------------------------------ 1x1 convolution


class Products(TorchDispatchMode):
    """The names of the convolutions and matrix products that are run."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, op, types, args=(), kwargs=None):
        name = op.overloadpacket.__name__
        if name in ("convolution", "addmm", "mm"):
            self.names.append(name)
        return op(*args, **(kwargs or {}))


def products_of(module, *args):
    with Products() as seen, torch.no_grad():
        module(*args)
    return seen.names


def pointwise(**changes):
    torch.manual_seed(0)
    return layers.Conv(Conv(name="c", out_channels=4, kernel=1, **changes), (6, 5, 7))


def last(*shape):
    x = torch.randn(*shape, generator=torch.Generator().manual_seed(1))
    return x.contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"stride": 2}, {"padding": 1}, {"groups": 2}])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_1x1_convolution_equals_torchs(layout, options):
    ours = pointwise(relu=False, **options).to(memory_format=layout)
    conv = ours.conv
    x = torch.randn(3, 6, 5, 7).to(memory_format=layout).requires_grad_()
    theirs = F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, groups=conv.groups)
    got, wanted = ours(x), [x, *ours.parameters()]
    assert got.is_contiguous(memory_format=layout)
    torch.testing.assert_close(got, theirs)
    weights = torch.randn_like(theirs)
    torch.testing.assert_close(
        torch.autograd.grad((got * weights).sum(), wanted),
        torch.autograd.grad((theirs * weights).sum(), wanted),
    )
    is_product = not options.keys() - {"bias"} and layout == torch.channels_last
    assert (products_of(ours, x) == ["convolution"]) != is_product
    if is_product:
        ours(x).sum().backward()
        assert conv.weight.grad.stride() == conv.weight.stride()  # else DDP copies it


def test_only_small_1x1_convolutions_are_matrix_products():
    """There the product is faster; 2^23 multiplications are about what starting a convolution costs."""
    network = Network(googlenet(heads=False)).eval().to(memory_format=torch.channels_last)
    macs = {path: row.macs.value for path, row in count(network.architecture).by_path.items()}
    pointwise = [
        step.path
        for step in walk(network.architecture)
        if isinstance(step.layer, Conv) and step.layer.kernel == 1
    ]
    small = sum(macs[path] <= 1 << 23 for path in pointwise)
    assert 0 < small < len(pointwise) == 37
    assert products_of(network, last(1, 3, 224, 224)).count("convolution") == 57 - small
    assert products_of(network, last(4, 3, 224, 224)).count("convolution") > 57 - small


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("size", [5, 64])  # a matrix product, and a convolution
def test_the_relu_in_place_changes_no_number_and_keeps_no_second_tensor(norm, size):
    torch.manual_seed(0)
    block = layers.Conv(Conv(name="c", out_channels=64, kernel=1, batch_norm=norm, bias=not norm), (64, 1, 1))
    block.to(memory_format=torch.channels_last)
    x = last(4, 64, size, size).requires_grad_()
    y = block(x)
    parts = nn.Sequential(*(part for part in (block.conv, block.norm, block.relu) if part is not None))
    expected = copy.deepcopy(parts)(x)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)
    wanted, weights = [x, *block.parameters()], torch.randn_like(y)
    got = torch.autograd.grad(y, wanted, weights, retain_graph=True)
    torch.testing.assert_close(got, torch.autograd.grad(parts(x), wanted, weights), rtol=1e-3, atol=1e-3)
    saved = y.grad_fn._saved_result if hasattr(y.grad_fn, "_saved_result") else y
    assert saved.untyped_storage().data_ptr() == y.untyped_storage().data_ptr()


@pytest.mark.parametrize("part", ["conv", "norm", "relu"])
def test_a_hook_keeps_what_it_saw(part):
    block, kept = layers.Conv(Conv(name="c", out_channels=4, kernel=3, batch_norm=True), (6, 5, 7)), []
    module = getattr(block, part)
    if part == "relu":
        module.register_forward_pre_hook(lambda module, inputs: kept.append(inputs[0]))
    else:
        module.register_forward_hook(lambda module, inputs, output: kept.append(output))
    block(last(2, 6, 5, 7))
    assert (kept[0] < 0).any()


@pytest.mark.parametrize("variant", ["paper", "torchvision"])
def test_tools_that_look_layers_up_by_their_exact_type_find_all_weights(variant):
    """thop and ptflops do; to them a subclass is nothing."""
    known = {nn.Conv2d, nn.Linear, nn.BatchNorm2d}
    network = Network(googlenet(variant, width=0.05))
    found = [p for m in network.modules() if type(m) in known for p in m.parameters(recurse=False)]
    assert sum(p.numel() for p in found) == sum(p.numel() for p in network.parameters())


def test_hooks_see_every_convolution_once():
    """As thop, ptflops and fvcore count: a hook on each module, multiplications by its type."""
    network = Network(googlenet(width=0.25, heads=False)).eval().to(memory_format=torch.channels_last)
    macs = 0

    def count_one(module, inputs, output):
        nonlocal macs
        per_output = module.weight[0].numel()
        macs += per_output * output.numel()

    for module in network.modules():
        if type(module) in (nn.Conv2d, nn.Linear):
            module.register_forward_hook(count_one)
    with torch.no_grad():
        network(last(1, 3, 224, 224))
    assert macs == count(network.architecture).macs


HOOKS = {
    "forward": lambda conv, hook: conv.register_forward_hook(hook),
    "forward pre": lambda conv, hook: conv.register_forward_pre_hook(hook),
    "backward": lambda conv, hook: conv.register_full_backward_hook(hook),
    "backward pre": lambda conv, hook: conv.register_full_backward_pre_hook(hook),
    "global forward": lambda _, hook: nn.modules.module.register_module_forward_hook(hook),
    "global forward pre": lambda _, hook: nn.modules.module.register_module_forward_pre_hook(hook),
    "global backward": lambda _, hook: nn.modules.module.register_module_full_backward_hook(hook),
}


@pytest.mark.parametrize("kind", HOOKS)
def test_every_kind_of_hook_on_a_1x1_convolution_is_called(kind):
    block, x, seen = pointwise(), last(2, 6, 5, 7).requires_grad_(), []

    def hook(module, *_):
        seen.append(module)

    handle = HOOKS[kind](block.conv, hook)
    try:
        block(x).sum().backward()
    finally:
        handle.remove()
    assert seen.count(block.conv) == 1
    assert products_of(block, x) == ["addmm"]  # and without one it is fast again


def test_what_others_put_in_place_of_the_convolution_is_used():
    x = last(2, 6, 5, 7)
    block = pointwise()
    prune.l1_unstructured(block.conv, "weight", amount=0.5)
    assert (block.conv.weight == 0).sum() == 12
    torch.testing.assert_close(block(x), F.conv2d(x, block.conv.weight, block.conv.bias).relu())

    block = pointwise()
    parametrizations.weight_norm(block.conv)
    torch.testing.assert_close(block(x), F.conv2d(x, block.conv.weight, block.conv.bias).relu())

    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    block = pointwise()
    expected = 2 * block(x)
    block.conv.__class__ = Doubled
    torch.testing.assert_close(block(x), expected)


def test_a_1x1_convolution_is_a_convolution_inside_vmap_and_in_a_graph():
    block, x = pointwise(), last(4, 6, 5, 7)
    torch.testing.assert_close(torch.func.vmap(block)(x[:, None])[:, 0], block(x))
    program = torch.export.export(block, (x,))
    ops = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert ops == {"aten.conv2d.default", "aten.relu.default"}
    compiled = []
    torch.compile(block, backend=lambda graph, _: compiled.append(graph) or graph.forward, fullgraph=True)(x)
    assert {n.target for n in compiled[0].graph.nodes if n.op == "call_function"} == {torch.conv2d, F.relu}


def test_a_copy_has_weights_of_its_own():
    block, x = pointwise(), last(2, 6, 5, 7)
    for other in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        torch.testing.assert_close(other(x), block(x))
        other.conv.weight.data.zero_()
        other.conv.bias.data.fill_(3.0)
        assert other(x).eq(3).all() and not block(x).eq(3).any()


# --------------------------------------------------------------------------------------------- LRN


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"),
    [(5, 1e-4, 0.75, 1.0), (9, 1e-4, 0.5, 1.0), (5, 1e-4, 0.75, 2.0), (4, 0.3, 0.6, 0.5), (1, 1.0, 1.0, 1.0)],
)
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (1, 3, 4, 4), (3, 8, 6), (4, 8)])
def test_lrn_equals_torchs(size, alpha, beta, k, shape):
    x = 50 * torch.randn(shape, generator=torch.Generator().manual_seed(size))
    got = local_response_norm(x, size, alpha, beta, k)
    if len(shape) == 2:  # torch's own wants 3 dimensions
        expected = F.local_response_norm(x[..., None], size, alpha, beta, k)[..., 0]
    else:
        expected = F.local_response_norm(x, size, alpha, beta, k)
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


def test_lrn_divides_alpha_by_the_size_as_caffe_does():
    # in the middle of 5 channels of 10 the sum of squares is 500, and alpha / size times it is 1
    x = torch.full((1, 5, 1, 1), 10.0)
    y = local_response_norm(x, 5, 0.01, 0.75, 1.0)
    assert y[0, 2].item() == pytest.approx(10 / 2**0.75)
    assert y[0, 0].item() == pytest.approx(10 / 1.6**0.75)


def test_the_module_hands_all_four_numbers_on():
    module = layers.LRN(LRN(name="n", size=3, alpha=0.3, beta=0.6, k=0.5))
    x = torch.randn(2, 7, 3, 3)
    torch.testing.assert_close(module(x), F.local_response_norm(x, 3, 0.3, 0.6, 0.5))
    assert repr(module) == "LRN(size=3, alpha=0.3, beta=0.6, k=0.5)"


@pytest.mark.parametrize("size", [1, 2, 4, 5])
@pytest.mark.parametrize("beta", [0.75, 0.5, 0.6])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_lrn_has_the_right_first_and_second_derivatives(size, beta, layout):
    x = torch.randn(2, 6, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x.contiguous(memory_format=layout).requires_grad_()

    def f(x):
        return local_response_norm(x, size, 0.5, beta, 1.0)

    assert torch.autograd.gradcheck(
        f, x, check_forward_ad=True, check_batched_grad=True, check_batched_forward_grad=True, fast_mode=True
    )
    assert torch.autograd.gradgradcheck(f, x, check_fwd_over_rev=True, fast_mode=True)


def test_lrn_of_zeros_has_a_gradient():
    for beta in (0.75, 0.5, 0.6):
        zero = torch.zeros(1, 6, 1, 1, requires_grad=True)
        local_response_norm(zero, 5, 1e-4, beta, 1.0).sum().backward()
        assert zero.grad.eq(1).all()


def cube(normalize):
    """A function to a number whose derivatives of all orders depend on those of LRN."""
    return lambda x: normalize(x, 5, 0.5, 0.75, 1.0).pow(3).sum()


def fwd_over_rev(f, x, t):
    """A Hessian times t by dual numbers through a backward that keeps no graph."""
    with forward_ad.dual_level():
        dual = forward_ad.make_dual(x.clone(), t).requires_grad_()
        (grad,) = torch.autograd.grad(f(dual), dual)
        return forward_ad.unpack_dual(grad).tangent


def penalty(f, x, t):
    """The gradient of a gradient's norm, in the direction t."""
    x = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(f(x), x, create_graph=True)
    (second,) = torch.autograd.grad(grad.pow(2).sum(), x, create_graph=True)
    (third,) = torch.autograd.grad((second * t).sum(), x)
    return second, third


func, functional = torch.func, torch.autograd.functional
DERIVATIVES = {
    "grad": lambda f, x, t: func.grad(f)(x),
    "jvp": lambda f, x, t: func.jvp(f, (x,), (t,)),
    "linearize": lambda f, x, t: func.linearize(f, x)[1](t),
    "hessian": lambda f, x, t: func.hessian(f)(x),
    "reverse over reverse": lambda f, x, t: func.jacrev(func.jacrev(f))(x),
    "reverse over forward": lambda f, x, t: func.jacrev(func.jacfwd(f))(x),
    "forward over forward": lambda f, x, t: func.jacfwd(func.jacfwd(f))(x),
    "third": lambda f, x, t: func.jacfwd(func.hessian(lambda s: f(x + s * t)))(torch.zeros(()).double()),
    "vmap": lambda f, x, t: func.vmap(lambda y: f(y[None]))(x),
    "vmap of vmap": lambda f, x, t: func.vmap(func.vmap(lambda y: f(y[None])))(torch.stack([x, t])),
    "vmap of grad": lambda f, x, t: func.vmap(func.grad(lambda y: f(y[None])))(x),
    "vmap of hessian": lambda f, x, t: func.vmap(func.hessian(lambda y: f(y[None])))(x),
    "autograd.functional.jvp": lambda f, x, t: functional.jvp(f, x, t),
    "autograd.functional.hvp": lambda f, x, t: functional.hvp(f, x, t),
    "autograd.functional.vhp": lambda f, x, t: functional.vhp(f, x, t),
    "autograd.functional.hessian": lambda f, x, t: functional.hessian(f, x),
    "forward over reverse": fwd_over_rev,
    "gradient penalty": penalty,
}


@pytest.mark.parametrize("name", DERIVATIVES)
def test_every_derivative_of_lrn_is_torchs(name):
    generator = torch.Generator().manual_seed(0)
    x, t = torch.randn(2, 2, 4, 1, 2, dtype=torch.float64, generator=generator)
    ours, theirs = (DERIVATIVES[name](cube(f), x, t) for f in (local_response_norm, F.local_response_norm))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lrn_does_not_overflow_in_half_precision(dtype):
    x = torch.full((1, 8, 2, 2), 3000.0)  # its square is beyond float16
    expected = F.local_response_norm(x, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = local_response_norm(x.to(dtype), 5, 1e-4, 0.75, 1.0)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), expected, rtol=1e-2, atol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["grad", "jvp", "hessian", "vmap of grad", "gradient penalty"])
def test_derivatives_in_half_precision_are_near_those_in_double(dtype, name):
    generator = torch.Generator().manual_seed(0)
    x, t = torch.randn(2, 2, 4, 1, 2, dtype=torch.float64, generator=generator).to(dtype)

    def wide_cube(x):  # only LRN in half precision
        return local_response_norm(x, 5, 0.5, 0.75, 1.0).double().pow(3).sum()

    got = DERIVATIVES[name](wide_cube, x, t)
    expected = DERIVATIVES[name](cube(F.local_response_norm), x.double(), t.double())
    pairs = zip(got, expected, strict=True) if isinstance(got, tuple) else [(got, expected)]
    for ours, theirs in pairs:
        scale = theirs.abs().max()
        assert (ours.double() - theirs).abs().max() < 16 * torch.finfo(dtype).eps * scale


def test_lrn_keeps_channels_last():
    x = last(2, 8, 5, 7).requires_grad_()
    y = local_response_norm(x, 5, 1e-4, 0.75, 1.0)
    (grad,) = torch.autograd.grad(y.sum(), x)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert grad.is_contiguous(memory_format=torch.channels_last)


def test_the_closed_form_keeps_its_input_alone_for_backward():
    """Plain operations keep several times as many: what the Function is there for, besides its speed."""
    x, kept = torch.randn(2, 8, 5, 5, requires_grad=True), []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t.data_ptr()) or t, lambda t: t):
        local_response_norm(x, 5, 1e-4, 0.75, 1.0)
    assert kept == [x.data_ptr()]


def test_lrn_is_one_call_in_a_graph_of_fx_and_plain_operations_elsewhere():
    module, x = layers.LRN(LRN(name="n")), torch.randn(2, 8, 5, 5)
    graph = torch.fx.symbolic_trace(module)
    calls = [node.target for node in graph.graph.nodes if node.op == "call_function"]
    assert calls == [local_response_norm]
    assert torch.equal(graph(x), module(x))
    traced = torch.jit.trace(module, x)
    torch.testing.assert_close(traced(x[:1, :, 1:]), module(x[:1, :, 1:]))
    program = torch.export.export(module, (x,))
    assert all(str(n.target).startswith("aten.") for n in program.graph.nodes if n.op == "call_function")


# ------------------------------------------------------------------------------------------- scale


@pytest.mark.parametrize("shape", [(4, 3, 5), (4,)])
def test_a_scale_multiplies_and_shifts_each_channel(shape):
    scale = layers.Scale(shape)
    scale.weight.data.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    scale.bias.data.copy_(torch.tensor([0.0, 10.0, 20.0, 30.0]))
    expected = [1.0, 12.0, 23.0, 34.0]
    y = scale(torch.ones(2, *shape))
    assert torch.equal(y.reshape(2, 4, -1), torch.tensor(expected)[:, None].expand(2, 4, y[0, 0].numel()))
    assert torch.equal(torch.fx.symbolic_trace(scale)(torch.ones(2, *shape)), y)
