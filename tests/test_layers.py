"""The layers in torch: LRN with all its derivatives, 1x1 convolutions as matrix products."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from inception_lib import googlenet
from inception_lib.architecture import Conv
from inception_lib.nn import layers
from inception_lib.nn.layers import local_response_norm
from inception_lib.nn.network import Network

SETTINGS = [
    (5, 0.5, 0.75, 1.0),
    (4, 0.3, 0.6, 0.5),
    (3, 0.2, 0.5, 2.0),
    (1, 1.0, 1.0, 1.0),
    (2, 0.4, 0.75, 1.0),
]


def noise(*shape, seed=0, dtype=torch.float64):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


# --------------------------------------------------------------------------------------------- LRN


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"),
    [(5, 1e-4, 0.75, 1.0), (9, 1e-4, 0.5, 1.0), (5, 1e-4, 0.75, 2.0), (4, 0.3, 0.6, 0.5), (1, 1.0, 1.0, 1.0)],
)
@pytest.mark.parametrize("shape", [(2, 16, 5, 7), (1, 3, 4, 4), (3, 8, 6)])
def test_lrn_equals_torchs(size, alpha, beta, k, shape):
    x = 50 * noise(*shape, seed=size, dtype=torch.float32)
    expected = F.local_response_norm(x, size, alpha, beta, k)
    torch.testing.assert_close(local_response_norm(x, size, alpha, beta, k), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("settings", SETTINGS)
def test_lrn_has_the_right_derivatives_of_both_orders_and_modes(settings):
    x = noise(2, 6, 2, 2).requires_grad_()

    def lrn(x):
        return local_response_norm(x, *settings)

    assert torch.autograd.gradcheck(lrn, x, check_forward_ad=True, check_batched_grad=False)
    assert torch.autograd.gradgradcheck(lrn, x, check_rev_over_rev=True)
    zero = torch.zeros(1, 6, 1, 1, requires_grad=True)
    lrn(zero).sum().backward()
    assert zero.grad.isfinite().all()


@pytest.mark.parametrize("settings", SETTINGS)
def test_lrn_goes_through_torchs_transforms_as_torchs_own_does(settings):
    x, v = noise(2, 6, 3), noise(2, 6, 3, seed=1)

    def ours(x):
        return local_response_norm(x, *settings).pow(2).sum()

    def theirs(x):
        return F.local_response_norm(x, *settings).pow(2).sum()

    for transform in (torch.func.grad, torch.func.hessian, torch.func.jacfwd, torch.func.jacrev):
        torch.testing.assert_close(transform(ours)(x), transform(theirs)(x))
    both = [torch.func.jvp(torch.func.grad(f), (x,), (v,)) for f in (ours, theirs)]
    torch.testing.assert_close(*both)
    # forward over forward, where a rule of our own could lose the outer direction
    twice = [
        torch.func.jvp(lambda y, f=f: torch.func.jvp(f, (y,), (v,))[1], (x,), (v,))[1] for f in (ours, theirs)
    ]
    torch.testing.assert_close(*twice)
    torch.testing.assert_close(
        torch.func.vmap(lambda y: local_response_norm(y[None], *settings)[0])(x),
        F.local_response_norm(x, *settings),
    )


def test_a_gradient_penalty_is_what_finite_differences_say():
    """`create_graph` alone, without a transform: the second derivative used to be zero in silence."""
    x, v = noise(1, 6, 2, 2).requires_grad_(), noise(1, 6, 2, 2, seed=1)

    def slope(x):
        return torch.autograd.grad(local_response_norm(x, 5, 0.5, 0.75, 1.0).sum(), x, create_graph=True)[0]

    (got,) = torch.autograd.grad((slope(x) * v).sum(), x)
    step = 1e-5
    expected = [
        (slope((x + step * e).detach().requires_grad_()) - slope((x - step * e).detach().requires_grad_()))
        .mul(v)
        .sum()
        / (2 * step)
        for e in torch.eye(24, dtype=torch.float64).view(24, 1, 6, 2, 2)
    ]
    torch.testing.assert_close(got.flatten(), torch.stack(expected), rtol=1e-5, atol=1e-8)
    assert got.norm() > 0.1


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lrn_does_not_overflow_in_half_precision(dtype):
    x = torch.full((1, 8, 2, 2), 3000.0)  # its square is beyond float16
    expected = F.local_response_norm(x, 5)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = local_response_norm(x.to(dtype), 5, 1e-4, 0.75, 1.0)
    assert got.dtype == dtype
    torch.testing.assert_close(got.float(), expected, rtol=1e-2, atol=0)


def test_lrn_keeps_its_input_and_its_layout():
    x = noise(2, 6, 4, 4, dtype=torch.float32).to(memory_format=torch.channels_last)
    before = x.clone()
    y = local_response_norm(x, 5, 0.5, 0.75, 1.0)
    assert torch.equal(x, before) and y.is_contiguous(memory_format=torch.channels_last)


# ------------------------------------------------------------------------------------ 1x1 convolution


@pytest.mark.parametrize("options", [{}, {"bias": False}, {"stride": 2}, {"padding": 1}, {"groups": 2}])
@pytest.mark.parametrize("layout", [torch.channels_last, torch.contiguous_format])
def test_a_1x1_convolution_equals_torchs(layout, options):
    layer = Conv(name="c", out_channels=4, kernel=1, relu=False, **options)
    torch.manual_seed(0)
    ours = layers.Conv(layer, (6, 5, 7)).to(memory_format=layout)
    x = torch.randn(3, 6, 5, 7).to(memory_format=layout).requires_grad_()
    conv = ours.conv
    theirs = F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding, groups=conv.groups)
    got, wanted = ours(x), [x, *ours.parameters()]
    assert got.is_contiguous(memory_format=layout)
    torch.testing.assert_close(got, theirs)
    weights = torch.randn_like(theirs)
    torch.testing.assert_close(
        torch.autograd.grad((got * weights).sum(), wanted),
        torch.autograd.grad((theirs * weights).sum(), wanted),
    )


def test_every_1x1_convolution_of_the_network_is_a_product_on_the_cpu():
    """In channels-last order all of them are, which trains faster; a hook sees each called none the less."""
    network = Network(googlenet(width=0.05, classes=3, input_size=80)).train()
    network = network.to(memory_format=torch.channels_last)
    x = torch.randn(1, 3, 80, 80).to(memory_format=torch.channels_last)
    convs = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    small = sum(conv.kernel_size == (1, 1) for conv in convs)
    linear = sum(isinstance(m, torch.nn.Linear) for m in network.modules())
    with FlopCounterMode(display=False) as counter:
        network(x)
    kinds = counter.get_flop_counts()["Global"]
    assert {str(op) for op in kinds} == {"aten.convolution", "aten.addmm"}
    products = count_calls(network, x, "addmm")
    assert products == small + linear
    seen = []
    hooks = [conv.register_forward_hook(lambda m, i, o: seen.append(m)) for conv in convs]
    network(x)
    assert len(seen) == len(convs)
    for hook in hooks:
        hook.remove()
    assert count_calls(network, x, "addmm") == products


def count_calls(network, x, name):
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile, torch.no_grad():
        network(x)
    return sum(event.count for event in profile.key_averages() if event.key == f"aten::{name}")


def test_convolutions_are_of_torchs_own_class():
    """Counters such as thop and ptflops look a module up by its exact class, and count no other."""
    network = Network(googlenet(heads=False))
    shapes, macs = {}, 0

    def note(module, inputs, output):
        shapes[module] = output.shape

    kinds = (torch.nn.Conv2d, torch.nn.Linear)
    hooks = [m.register_forward_hook(note) for m in network.modules() if type(m) in kinds]
    network.eval()(torch.zeros(1, 3, 224, 224))
    for module, shape in shapes.items():
        per_output = module.weight[0].numel()
        macs += shape.numel() * per_output
    for hook in hooks:
        hook.remove()
    assert macs == 1_582_671_872
    assert not [m for m in network.modules() if isinstance(m, kinds) and type(m) not in kinds]
