"""The other networks: that they count as torchvision's do or as published, and compute the same."""

import inspect
import math
import subprocess
import sys
from decimal import Decimal
from functools import partial
from typing import get_args

import matplotlib.pyplot as plt
import pytest
import torch
import torchvision
from torch.utils.flop_counter import FlopCounterMode

from inception_lib import Architecture, ArchitectureError, InceptionError, count
from inception_lib.architecture import Branch, Branches, Conv, GlobalPool, Scale, Select, Tanh, walk
from inception_lib.book import figures
from inception_lib.counting import Policy
from inception_lib.history import (
    DETECTION_2014,
    HUMAN_ERROR,
    ILSVRC,
    NETWORKS,
    NORMALIZED,
    PROCEDURES,
    SECOND_2012,
    SINGLE,
    SINGLE_2014,
    WINNERS,
    Name,
    table,
)
from inception_lib.networks.classic import LENET5_C3, alexnet, lenet5, nin, zfnet
from inception_lib.networks.inception import (
    BN_INCEPTION_WIDTHS,
    SLIM_INCEPTION_V2_WIDTHS,
    bn_inception,
    inception_v3,
    inception_v4,
)
from inception_lib.networks.resnet import resnet
from inception_lib.networks.vgg import vgg
from inception_lib.nn.initial import initialize
from inception_lib.nn.network import Network
from inception_lib.paper import TABLE2
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights

models = torchvision.models

#: Ours, torchvision's, and the parameters that torchvision publishes.
TORCHVISION = {
    "alexnet": (partial(alexnet, "torchvision"), models.alexnet, 61_100_840),
    "vgg16": (partial(vgg, 16), partial(models.vgg16, init_weights=False), 138_357_544),
    "vgg19": (partial(vgg, 19), partial(models.vgg19, init_weights=False), 143_667_240),
    "resnet34": (partial(resnet, 34), models.resnet34, 21_797_672),
    "resnet50": (partial(resnet, 50, "torchvision"), models.resnet50, 25_557_032),
    "inception_v3": (inception_v3, partial(models.inception_v3, init_weights=False), 27_161_264),
    "inception_v3 without head": (
        partial(inception_v3, heads=False),
        partial(models.inception_v3, init_weights=False, aux_logits=False),
        23_834_568,
    ),
}

#: All that the module can make: the networks by name, and their other forms.
ALL = {name: milestone.make for name, milestone in NETWORKS.items()} | {
    "alexnet-torchvision": TORCHVISION["alexnet"][0],
    "resnet50-torchvision": TORCHVISION["resnet50"][0],
    "bn_inception-slim": partial(bn_inception, "slim"),
    "bn_inception-plain": partial(bn_inception, stem="plain"),
}

every_network = pytest.mark.parametrize("name", ALL)


def on_meta(make):
    with torch.device("meta"):
        return make()


def flops(network, architecture):
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, *architecture.input, device="meta"))
    return counter.get_total_flops()


def grids(architecture):
    """Height of the output of every layer that stands outside a module, and of every module."""
    return {s.path: s.out_shape[1] for s in walk(architecture) if not s.branch and len(s.out_shape) == 3}


def small(make):
    """The same network with few classes, on an input as small as it takes, to run in a moment."""
    sizes = (32, 33, 63, 64, 75, 96, 128)
    for size in sizes:
        try:
            return make(classes=7, input_size=size)
        except ArchitectureError:
            continue
    raise AssertionError(f"{make} takes none of {sizes}")


# ------------------------------------------------------------------------------ held against torchvision


@pytest.mark.parametrize("name", TORCHVISION)
def test_parameters_and_macs_are_torchvisions(name):
    make, theirs, published = TORCHVISION[name]
    counts = count(make())
    reference = on_meta(theirs)
    assert counts.parameters == sum(p.numel() for p in reference.parameters()) == published
    assert flops(reference.eval(), counts.architecture) == 2 * counts.trunk.macs
    if counts.architecture.heads:
        # two pictures, since batch normalization of a single 1x1 map has no variance to speak of
        with FlopCounterMode(display=False) as counter:
            reference.train()(torch.empty(2, *counts.architecture.input, device="meta"))
        assert counter.get_total_flops() == 2 * 2 * counts.macs


def random_state(network, seed=0):
    """A state dict whose signal neither fades nor explodes: variance 2 / fan_in, norms near the identity."""
    generator = torch.Generator().manual_seed(seed)
    state = {}
    for key, value in network.state_dict().items():
        if value.dim() > 1:
            fan_in = value[0].numel()
            state[key] = torch.randn(value.shape, generator=generator) * (2 / fan_in) ** 0.5
        elif key.endswith("num_batches_tracked"):
            state[key] = torch.tensor(1)
        elif key.endswith(("running_var", "weight")):
            state[key] = torch.empty(value.shape).uniform_(0.5, 1.0, generator=generator)
        else:
            state[key] = torch.randn(value.shape, generator=generator) * 0.1
    return state


def in_order(network, theirs):
    """Torchvision's tensors under our names: both list them in the order of their use, heads aside."""

    def sorted_keys(state, head):
        return [k for k in state if not k.startswith(head)] + [k for k in state if k.startswith(head)]

    ours = sorted_keys(network.state_dict(), "aux1.")
    return dict(zip(ours, (theirs[k] for k in sorted_keys(theirs, "AuxLogits.")), strict=True))


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "vgg19", "resnet34", "resnet50", "inception_v3"])
def test_forward_passes_agree_with_torchvision_on_shared_weights(name):
    make, theirs, _ = TORCHVISION[name]
    network, reference = on_meta(lambda: Network(make())), on_meta(theirs)
    state = random_state(reference)
    reference.load_state_dict(state, assign=True)
    network.load_state_dict(in_order(network, state), assign=True)
    x = torch.randn(1, *network.architecture.input, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, got = reference.eval()(x), network.eval()(x)
    assert expected.std() > 0.1  # or the comparison would say nothing
    torch.testing.assert_close(got.logits, expected, rtol=1e-4, atol=1e-4)


def test_the_head_of_inception_v3_agrees_with_torchvision():
    make, theirs, _ = TORCHVISION["inception_v3"]
    network, reference = on_meta(lambda: Network(make())), on_meta(theirs)
    state = random_state(reference)
    reference.load_state_dict(state, assign=True)
    network.load_state_dict(in_order(network, state), assign=True)
    x = torch.randn(1, 768, 17, 17, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        expected, got = reference.eval().AuxLogits(x), network.eval().aux1(x)
    assert expected.std() > 0.1
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


# --------------------------------------------------------------------------- held against the papers


def test_lenet5_has_the_papers_parameters_and_connections():
    # LeCun et al. 1998, section II.B, layer by layer; a connection is an input or a bias of an output
    counts = count(lenet5())
    groups = counts.groups
    trained = {name: groups[name].parameters for name in ("c1", "c3", "c5", "f6")} | {
        name: groups[f"{name}_scale"].parameters for name in ("s2", "s4")
    }
    assert trained == {"c1": 156, "s2": 12, "c3": 1_516, "s4": 32, "c5": 48_120, "f6": 10_164}
    assert counts.parameters - groups["output"].parameters == sum(trained.values()) == 60_000
    assert groups["output"].parameters == 850  # trained here; the paper's output layer is fixed

    def connections(name):
        return groups[name].macs + sum(r.biases * math.prod(r.out_shape[1:]) for r in groups[name].rows)

    found = {name: connections(name) for name in ("c1", "c3", "c5", "f6")} | {
        # four inputs and a bias for each output
        name: 5 * math.prod(counts[name].out_shape)
        for name in ("s2", "s4")
    }
    assert found == {"c1": 122_304, "s2": 5_880, "c3": 151_600, "s4": 2_000, "c5": 48_120, "f6": 10_164}
    assert sum(found.values()) + groups["output"].macs == 340_908
    assert [row.out_shape[1:] for row in counts.rows[:3]] == [(28, 28), (28, 28), (14, 14)]


def test_lenet5s_c3_is_table_1():
    assert [len(channels) for channels in LENET5_C3] == [3] * 6 + [4] * 9 + [6]
    assert len(set(LENET5_C3)) == 16
    seen = [sum(i in channels for channels in LENET5_C3) for i in range(6)]
    assert seen == [10] * 6  # each of S2's maps goes to ten of C3's


def test_alexnet_has_the_papers_two_halves():
    counts = count(alexnet())
    # "60 million parameters"; the exact number is that of Caffe's bvlc_alexnet, which has the same layers
    assert counts.parameters == 60_965_224
    assert round(counts.parameters, -7) == 60_000_000
    # section 3.5: kernels of 11x11x3, 5x5x48, 3x3x256, 3x3x192, 3x3x192
    seen = {
        r.path: dict(r.weights.factors).get("C/g") or dict(r.weights.factors)["C"]
        for r in counts.rows
        if r.kind == "conv"
    }
    assert seen == {"conv1": 3, "conv2": 48, "conv3": 256, "conv4": 192, "conv5": 192}
    # its neurons after the first layer: 186,624 - 64,896 - 64,896 - 43,264 - 4096 - 4096 - 1000
    neurons = [counts[p].activations for p in ("conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8")]
    assert neurons == [186_624, 64_896, 64_896, 43_264, 4_096, 4_096, 1_000]


def test_zfnet_has_the_papers_grids():
    # figure 3: 110, 55, 26, 13, 13, 13, 13, 6; it prints no totals
    assert list(grids(zfnet()).items()) == [
        ("conv1", 110),
        ("pool1", 55),
        ("norm1", 55),
        ("conv2", 26),
        ("pool2", 13),
        ("norm2", 13),
        ("conv3", 13),
        ("conv4", 13),
        ("conv5", 13),
        ("pool5", 6),
    ]
    assert count(zfnet())["fc6"].weights.value == 6 * 6 * 256 * 4096


def test_nin_weighs_the_published_29_mb():
    # nin_imagenet's readme: a file of 29 MB; float32, in units of 2**20, to the printed digit
    counts = count(nin())
    assert round(4 * counts.parameters / 2**20) == 29
    assert not any(row.kind == "linear" for row in counts.rows)
    assert grids(nin())["cccp8"] == 6 and nin().classes == 1000


@pytest.mark.parametrize(("depth", "millions"), [(16, 138), (19, 144)])
def test_vgg_has_the_papers_parameters(depth, millions):
    # Table 2, in millions
    assert round(count(vgg(depth)).parameters / 1e6) == millions


@pytest.mark.parametrize(("depth", "printed"), [(34, 3.6), (50, 3.8)])
def test_resnet_has_the_papers_flops(depth, printed):
    # Table 1's "FLOPs" are multiply-adds, cut off after the digit: 3.66 and 3.86 times 10**9
    assert math.floor(count(resnet(depth)).macs / 1e8) / 10 == printed


def test_resnet50s_forms_differ_in_where_the_stride_is():
    ours, theirs = count(resnet(50)), count(resnet(50, "torchvision"))
    assert ours.parameters == theirs.parameters and ours.macs < theirs.macs
    assert {r.path for r in ours.rows if r.out_shape != theirs[r.path].out_shape} == {
        "conv3_1/1x1_reduce",
        "conv4_1/1x1_reduce",
        "conv5_1/1x1_reduce",
    }
    assert resnet(34) == resnet(34, "torchvision")


def test_bn_inception_has_the_papers_outputs_but_for_4c_and_4d():
    printed = {
        "3a": (256, 28),
        "3b": (320, 28),
        "4a": (576, 14),
        "4b": (576, 14),
        "4c": (576, 14),
        "4d": (576, 14),
        "5a": (1024, 7),
        "5b": (1024, 7),
    }
    for variant, differ in (("paper", {"4c", "4d"}), ("slim", set())):
        groups = count(bn_inception(variant)).groups
        found = {key: groups[f"inception_{key}"].out_shape[:2] for key in printed}
        assert {key for key in printed if found[key] != printed[key]} == differ
    changed = {key for key, w in BN_INCEPTION_WIDTHS.items() if w != SLIM_INCEPTION_V2_WIDTHS[key]}
    assert changed == {"4c", "4d"}
    assert count(bn_inception("slim"))["inception_4e"].out_shape == (1024, 7, 7)


def test_bn_inception_has_the_totals_of_its_ports():
    # the ports (Cadene's to torch, and osmr's: 11,295,240) have a plain first layer, and biases besides
    port = count(bn_inception(stem="plain"))
    biases = sum(row.norm_parameters // 2 for row in port.rows)
    assert port.parameters + biases == 11_295_240
    # the appendix: about 30 % more computation than GoogLeNet, whose paper says 1.5 billion; both are round
    assert count(bn_inception()).macs / 1.5e9 == pytest.approx(1.30, abs=0.01)


def test_inception_v3_keeps_the_papers_bounds():
    # abstract: 5 billion multiply-adds (cut off) and less than 25 million parameters, without the head
    counts = count(inception_v3(heads=False))
    assert math.floor(counts.macs / 1e9) == 5 and counts.parameters < 25e6
    assert [head.after for head in inception_v3().heads] == ["Mixed_6e"]


def test_inception_v4_has_the_published_totals():
    # timm's inception_v4, a port of Google's weights: 42,679,816 parameters. Its card says 12.3 GMACs, of
    # a counter that adds the averages; ours is 0.4 % below.
    counts = count(inception_v4())
    assert counts.parameters == 42_679_816
    assert counts.macs == pytest.approx(12.3e9, rel=0.005)
    assert set(grids(inception_v4()).values()) == {149, 147, 73, 71, 35, 17, 8, 1}
    shapes = {s.path: s.out_shape for s in walk(inception_v4())}
    # figures 3 to 8: 384 channels on 35x35, 1024 on 17x17, 1536 on 8x8
    assert (shapes["stem_fork3"], shapes["reduction_a"], shapes["reduction_b"]) == (
        (384, 35, 35),
        (1024, 17, 17),
        (1536, 8, 8),
    )


@pytest.mark.parametrize(
    ("make", "depth"),
    [
        (lenet5, 5),
        (alexnet, 8),
        (zfnet, 8),
        (nin, 12),
        (ALL["vgg16"], 16),
        (ALL["vgg19"], 19),
        (ALL["resnet34"], 34),
        (ALL["resnet50"], 50),
        (ALL["googlenet"], 22),
    ],
)
def test_depth_is_what_the_networks_are_called_after(make, depth):
    assert make().depth == depth


# ------------------------------------------------------------------------------------------ built in torch


@every_network
def test_each_is_built_and_counts_as_torch_counts_it(name):
    architecture = ALL[name]()
    network = on_meta(lambda: Network(architecture)).eval()
    counts = count(architecture)
    assert sum(p.numel() for p in network.parameters()) == counts.parameters
    assert flops(network, architecture) == 2 * counts.trunk.macs


@every_network
def test_each_layer_gives_the_shape_that_the_data_say(name):
    architecture = ALL[name]()
    network = on_meta(lambda: Network(architecture)).eval()
    found = {}
    for step in walk(architecture.without_heads()):
        network.get_submodule(step.path.replace("/", ".")).register_forward_hook(
            lambda module, inputs, output, path=step.path: found.update({path: tuple(output.shape[1:])})
        )
    network(torch.empty(1, *architecture.input, device="meta"))
    assert found == {step.path: step.out_shape for step in walk(architecture.without_heads())}


@pytest.mark.parametrize(
    "name", ["lenet5", "nin", "resnet34", "resnet50", "bn_inception", "inception_v3", "inception_v4"]
)
def test_each_runs_and_every_parameter_has_a_gradient(name):
    make = ALL[name]
    if "heads" in inspect.signature(make).parameters:  # the head asks for the full size
        make = partial(make, heads=False)
    architecture = small(make)
    network = Network(architecture, generator=torch.Generator().manual_seed(0)).train()
    x = torch.randn(2, *architecture.input, generator=torch.Generator().manual_seed(1))
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.eval()  # on a 1x1 map and two pictures it would leave only signs
    logits = network(x).logits
    assert logits.shape == (2, 7) and logits.isfinite().all()
    logits.square().sum().backward()
    assert not [key for key, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]


def test_lenet5s_maps_see_only_their_own_inputs():
    network = Network(lenet5(), generator=torch.Generator().manual_seed(0)).eval()
    x = torch.randn(1, 6, 14, 14, generator=torch.Generator().manual_seed(1), requires_grad=True)
    c3 = network.c3(x)
    for i, channels in enumerate(LENET5_C3):
        (gradient,) = torch.autograd.grad(c3[0, i].sum(), x, retain_graph=True)
        assert set(gradient[0].abs().sum((1, 2)).nonzero().flatten().tolist()) == set(channels)


def test_a_trained_network_is_saved_and_read_again(tmp_path):
    for make in (lenet5, partial(resnet, 34)):
        network = Network(small(make), generator=torch.Generator().manual_seed(0)).eval()
        again, info = load_weights(save_weights(network, tmp_path / "net.safetensors"))
        assert info.architecture == network.architecture
        x = torch.randn(1, *network.architecture.input)
        assert torch.equal(again.eval()(x).logits, network(x).logits)


# ------------------------------------------------------------------------------------- refusals


TOO_SMALL = {
    "lenet5": (27, "c5: a 5x5 kernel is larger than its padded input (3x3)."),
    "alexnet": (62, "pool5: a 3x3 kernel is larger than its padded input (2x2)."),
    "zfnet": (20, "conv2: a 5x5 kernel is larger than its padded input (4x4)."),
    "nin": (30, "pool2: a 3x3 kernel is larger than its padded input (2x2)."),
    "vgg16": (31, "pool5: a 2x2 kernel is larger than its padded input (1x1)."),
    "vgg19": (15, "pool4: a 2x2 kernel is larger than its padded input (1x1)."),
    "bn_inception": (10, "pool2: a 3x3 kernel is larger than its padded input (2x2)."),
    "inception_v3": (70, "Mixed_7a/3x3: a 3x3 kernel is larger than its padded input (2x2)."),
    "inception_v4": (70, "reduction_b/3x3: a 3x3 kernel is larger than its padded input (2x2)."),
}


@pytest.mark.parametrize("name", TOO_SMALL)
def test_impossible_sizes_are_refused_by_the_name_of_the_layer(name):
    size, sentence = TOO_SMALL[name]
    make = partial(ALL[name], heads=False) if name == "inception_v3" else ALL[name]
    with pytest.raises(ArchitectureError) as error:
        make(input_size=size)
    assert str(error.value) == sentence


@every_network
def test_no_size_and_no_class_count_of_zero(name):
    with pytest.raises(ArchitectureError, match="an input is"):
        ALL[name](input_size=0)
    with pytest.raises(ArchitectureError, match=r"^[\w/]+: the number of output"):
        ALL[name](classes=0)
    assert ALL[name](classes=3).classes == 3


@pytest.mark.parametrize(("name", "layer"), [("lenet5", "f6"), ("alexnet", "fc6"), ("vgg16", "fc6")])
def test_another_size_than_the_built_one_is_refused_where_a_fully_connected_layer_stands(name, layer):
    network = on_meta(lambda: Network(ALL[name]()))
    channels, height, width = network.architecture.input
    with pytest.raises(InceptionError, match=rf"does not fit: {layer} takes .* input fits\)\.$"):
        network(torch.empty(1, channels, 2 * height, 2 * width, device="meta"))


def test_what_is_not_there_is_refused():
    for call, sentence in (
        (lambda: vgg(11), "There is no VGG-11 here"),
        (lambda: resnet(18), "There is no ResNet-18 here"),
        (lambda: resnet(50, "v9"), "There is no variant 'v9'"),
        (lambda: alexnet("v9"), "There is no variant 'v9'"),
        (lambda: bn_inception("v9"), "There is no variant 'v9'"),
        (lambda: bn_inception(stem="x"), "There is no stem 'x'"),
    ):
        with pytest.raises(ArchitectureError, match=sentence):
            call()


# ------------------------------------------------------------- the layers that only these networks have


def one(*layers, input=(4, 6, 6)):
    return Architecture(name="net", input=input, layers=layers)


def conv(name, out=4, **more):
    return Conv(name=name, out_channels=out, kernel=1, **more)


def block(**more):
    return Branches(
        **(
            {
                "name": "m",
                "join": "add",
                "branches": (Branch(name="a", layers=(conv("a"),)), Branch(name="b", layers=())),
            }
            | more
        )
    )


def test_a_sum_is_counted_and_computed():
    row = count(one(block(relu=True)))["m"]
    assert (row.kind, row.other, row.parameters, row.out_shape) == ("add", 2 * 144, 0, (4, 6, 6))
    assert count(one(block()))["m"].other == 144
    network = Network(one(block(relu=True), GlobalPool(name="g"))).eval()
    x = torch.randn(2, 4, 6, 6)
    assert torch.equal(network.m(x), (network.m.a(x) + x).relu())
    without = count(one(block()), Policy(bias=False))["m"]
    assert without.other is None and without.not_counted == ("bias",)
    # a layer of this name is not the sum's ReLU
    named = Network(
        one(block(branches=(Branch(name="a", layers=(conv("relu"),)), Branch(name="b", layers=()))))
    )
    assert torch.equal(named.m(x), named.m.relu(x) + x)
    three = block(branches=(*block().branches, Branch(name="c", layers=(conv("c"),))))
    assert count(one(three))["m"].other == 2 * 144


def test_a_scale_a_tanh_and_a_choice_are_counted_and_computed():
    layers = (Select(name="s", channels=(2, 0)), Scale(name="k"), Tanh(name="t", amplitude=1.5, slope=0.5))
    counts = count(one(*layers))
    assert [(r.kind, r.other, r.parameters, r.out_shape[0]) for r in counts.rows] == [
        ("select", 0, 0, 2),
        ("scale", 144, 4, 2),
        ("tanh", 72, 0, 2),
    ]
    network = Network(one(*layers)).eval()
    with torch.no_grad():
        network.k.weight.copy_(torch.tensor([2.0, 3.0]))
        network.k.bias.copy_(torch.tensor([1.0, -1.0]))
    x = torch.randn(1, 4, 6, 6)
    expected = torch.stack([2 * x[:, 2] + 1, 3 * x[:, 0] - 1], 1)
    torch.testing.assert_close(network.t(network.k(network.s(x))), 1.5 * torch.tanh(0.5 * expected))
    initialize(network)
    assert network.k.weight.eq(1).all() and network.k.bias.eq(0).all()


def test_a_module_inside_a_module_belongs_to_the_outer_one():
    steps = {s.path: (s.module, s.branch) for s in walk(inception_v3())}
    assert steps["Mixed_7b/3x3/1x3"] == steps["Mixed_7b/3x3"] == ("Mixed_7b", "3x3")
    assert steps["Mixed_7b"] == ("Mixed_7b", "")
    assert "Mixed_7b" in count(inception_v3()).groups and "Mixed_7b/3x3" not in count(inception_v3()).groups


@pytest.mark.parametrize(
    ("layer", "sentence"),
    [
        (
            block(branches=(Branch(name="a", layers=(conv("a", 5),)), Branch(name="b", layers=()))),
            "m: branch a gives 6x6x5 and branch b 6x6x4, and only equal shapes can be added.",
        ),
        (block(join="multiply"), "m: branches are joined by concatenate or add, not 'multiply'."),
        (block(join="concatenate", relu=True), "m: only a sum has a ReLU of its own"),
        (block(out_channels=8), "m: is declared to give 8 channels, but its branches give 4."),
        (Select(name="s", channels=(0, 4)), "s: channels (0, 4) are to be chosen, but 4 arrive"),
        (Select(name="s", channels=()), "s: channels () are to be chosen"),
    ],
)
def test_impossible_sums_and_choices_are_refused(layer, sentence):
    with pytest.raises(ArchitectureError) as error:
        one(layer)
    assert str(error.value).startswith(sentence)


# ---------------------------------------------------------------------------------- drawings, facts, imports


@every_network
def test_each_can_be_drawn(name):
    architecture = ALL[name]()
    with plt.rc_context():
        figures.use_style()
        texts = {t.get_text() for ax in figures.draw_network(architecture).axes for t in ax.texts}
        assert str(architecture.classes) in texts or f"1x1x{architecture.classes}" in texts
        modules = {layer for layer in architecture.layers if isinstance(layer, Branches)}
        for module in sorted(modules, key=lambda m: m.name)[-2:]:
            figures.draw_module(module)
        plt.close("all")


def test_a_drawn_block_says_what_it_adds():
    with plt.rc_context():
        figures.use_style()

        def texts(module):
            return {t.get_text() for ax in figures.draw_module(module).axes for t in ax.texts}

        blocks = [layer for layer in resnet(50).layers if isinstance(layer, Branches)]
        widths = {"1x1 conv, 64", "3x3 conv, 64", "1x1 conv, 256"}
        assert widths | {"add, ReLU: 256 channels"} <= texts(blocks[0])
        last = next(layer for layer in inception_v3().layers if layer.name == "Mixed_7c")
        assert {"1x3 conv, 384\n3x1 conv, 384", "concatenate: 2048 channels"} <= texts(last)
        halve = next(layer for layer in inception_v3().layers if layer.name == "Mixed_6a")
        assert "concatenate: 480 + the input's channels" in texts(halve)
        plt.close("all")


def test_the_table_of_networks_names_its_sources():
    assert tuple(NETWORKS) == get_args(Name)
    years = [milestone.year for milestone in NETWORKS.values()]
    assert years == sorted(years)
    for name, milestone in NETWORKS.items():
        assert milestone.make().name.startswith(name) and milestone.paper
        assert (milestone.top5 is None) == (not milestone.measured) == (not milestone.source)
    # FACTS.md: Table 2 of the GoogLeNet paper
    assert {name: NETWORKS[name].top5 for name in ("alexnet", "googlenet")} == {
        "alexnet": Decimal("16.4"),
        "googlenet": Decimal("6.67"),
    }
    assert "SuperVision, 1st" in NETWORKS["alexnet"].measured


def test_the_error_of_a_mixed_entry_is_no_networks_error():
    """Clarifai's entry was not ZFNet; VGG's averaged networks of 16 and of 19 layers."""
    mixed = {row.error for row in TABLE2 if row.team in ("Clarifai", "VGG", "MSRA")}
    assert not mixed & {e.error for milestone in NETWORKS.values() for e in milestone.errors}


def test_errors_are_kept_apart_by_procedure():
    order = list(PROCEDURES)
    for milestone in NETWORKS.values():
        assert [e.procedure for e in milestone.errors] == sorted(
            {e.procedure for e in milestone.errors}, key=order.index
        )
        assert all(e.measured and e.source for e in milestone.errors)

    def by(procedure):
        return {name: float(e.error) for name, m in NETWORKS.items() if (e := m.reported(procedure))}

    assert by("one crop") == {
        "googlenet": 10.07,
        "bn_inception": 7.82,
        "inception_v3": 5.6,
        "inception_v4": 5.0,
    }
    assert by("ten crops") == {
        "alexnet": 18.2,
        "vgg16": 9.33,
        "googlenet": 9.15,
        "resnet34": 7.46,
        "resnet50": 6.71,
    }
    assert by("144 crops") == {
        "googlenet": 7.89,
        "bn_inception": 5.82,
        "inception_v3": 4.2,
        "inception_v4": 3.8,
    }
    assert by("ensemble") == {
        "alexnet": 16.4,
        "zfnet": 15.3,
        "googlenet": 6.67,
        "bn_inception": 4.82,
        "inception_v3": 3.58,
    }
    passes = {name: m.reported("ensemble").passes for name, m in NETWORKS.items() if m.reported("ensemble")}
    assert passes == {
        "alexnet": 50,
        "zfnet": None,
        "googlenet": 7 * 144,
        "bn_inception": 6 * 144,
        "inception_v3": 4 * 144,
    }
    # more crops and more networks never make it worse
    for milestone in NETWORKS.values():
        errors = [e.error for e in milestone.errors]
        assert errors == sorted(errors)


def test_a_series_says_which_pictures_it_leaves_out():
    """Two of one crop's four errors are without the blacklisted pictures, and one of the 144 crops' four."""
    for procedure, names in (("one crop", {"inception_v3", "inception_v4"}), ("144 crops", {"inception_v3"})):
        reported = {name: m.reported(procedure) for name, m in NETWORKS.items()}
        assert {name for name, e in reported.items() if e and "blacklisted" in e.measured} == names


def test_single_networks_of_2014_by_their_teams_own_tests():
    """Simonyan and Zisserman: 7.0 %, "outperforming a single GoogLeNet by 0.9%"."""
    assert SINGLE_2014["GoogLeNet"] - SINGLE_2014["VGG"] == Decimal("0.9")
    own = NETWORKS["googlenet"].reported("144 crops").error
    assert SINGLE_2014["GoogLeNet"] == round(own, 1)
    for team, error in SINGLE_2014.items():
        validation, test = SINGLE[team]
        assert error == (validation if test is None else test)
    assert SINGLE["AlexNet"][0] == NETWORKS["alexnet"].reported("ten crops").error


def test_batch_normalization_in_a_fourteenth_of_the_updates():
    """Ioffe and Szegedy, section 4.2.2: "14 times fewer steps"; the rates are 5 and 30 times the first."""
    first, five, thirty = (NORMALIZED[name] for name in ("Inception", "BN-x5", "BN-x30"))
    assert 14 < first.updates / five.updates < 15
    assert (five.rate / first.rate, thirty.rate / first.rate) == (5, 30)
    assert first.best == Decimal("72.2") and thirty.best == max(n.best for n in NORMALIZED.values())


def test_detection_as_the_paper_tells_it():
    """Section 8: Deep Insight's three networks gain 0.3 points over one."""
    assert max(DETECTION_2014, key=lambda team: DETECTION_2014[team][0]) == "GoogLeNet"
    assert max(DETECTION_2014, key=lambda team: DETECTION_2014[team][1]) == "Deep Insight"
    entry, single = DETECTION_2014["Deep Insight"]
    assert entry - single == Decimal("0.3")


def test_the_challenges_winners_are_in_order_and_take_table_2_as_it_is():
    assert [w.year for w in WINNERS] == list(range(2010, 2016))
    assert [w.error for w in WINNERS] == sorted((w.error for w in WINNERS), reverse=True)
    assert [str(w.error) for w in WINNERS[2:5]] == ["16.4", "11.7", "6.67"]
    assert WINNERS[3].error > HUMAN_ERROR > WINNERS[-1].error
    assert WINNERS[2].error < SECOND_2012
    assert ILSVRC["classes"] == NETWORKS["googlenet"].make().classes


def test_the_table_has_the_networks_as_they_are_at_test_time():
    rows = table()
    assert list(rows.index) == list(NETWORKS)
    assert (rows.loc["googlenet", "parameters"], rows.loc["googlenet", "MACs"]) == (6_998_552, 1_582_671_872)
    assert rows.loc["vgg16", ["depth", "input", "top5"]].tolist() == [16, 224, 9.33]
    assert rows.loc["inception_v3", "parameters"] == 23_834_568
    assert math.isnan(rows.loc["lenet5", "top5"])
    assert rows["ten crops"].notna().sum() == 5 and rows.loc["resnet50", "ten crops"] == 6.71


def test_the_data_need_no_torch():
    code = (
        "import sys, inception_lib.networks as l; l.inception_v4(); "
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
