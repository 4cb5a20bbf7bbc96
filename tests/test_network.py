"""The network in torch: that it is what its architecture says, and nothing else."""

import itertools
import math

import pytest
import torch
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from inception_lib import Architecture, ArchitectureError, InceptionError, count, googlenet
from inception_lib.architecture import (
    LRN,
    Branch,
    Branches,
    Conv,
    Dropout,
    GlobalPool,
    Head,
    Linear,
    Pool,
    walk,
)
from inception_lib.networks.googlenet import VARIANTS
from inception_lib.nn.initial import initialize
from inception_lib.nn.network import Network, Output, activations

TINY = {"width": 0.05, "classes": 7}


def tiny(variant="paper", **changes):
    return googlenet(variant, **(TINY | changes))


def seeded(architecture, seed=0):
    return Network(architecture, generator=torch.Generator().manual_seed(seed))


def on_meta(architecture):
    with torch.device("meta"):
        return Network(architecture)


def network_of(*layers, heads=(), input=(3, 16, 16)):
    return Architecture(name="net", input=input, layers=layers, heads=heads)


# --------------------------------------------------------------------------- what torch counts itself


@pytest.mark.parametrize(
    ("variant", "stem", "heads", "width"),
    list(itertools.product(VARIANTS, ("plain", "separable"), (True, False), (0.25, 1.0, 1.37))),
)
def test_counts_equal_torchs_own(variant, stem, heads, width):
    architecture = googlenet(variant, stem=stem, heads=heads, width=width)
    network = on_meta(architecture).train()  # the heads run only in training
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(1, 3, 224, 224, device="meta"))
    counts = count(architecture)
    assert counter.get_total_flops() == 2 * counts.macs
    assert sum(p.numel() for p in network.parameters()) == counts.parameters


def test_each_layer_has_the_flops_of_its_row():
    architecture = tiny(stem="separable")
    network = on_meta(architecture).train()
    with FlopCounterMode(display=False) as counter:
        network(torch.empty(2, 3, 224, 224, device="meta"))
    torchs = {name.removeprefix("Network."): sum(ops.values()) for name, ops in counter.flop_counts.items()}
    for row in count(architecture).rows:
        if row.macs.factors:
            assert torchs[row.path.replace("/", ".")] == 2 * 2 * row.macs.value, row.path


def test_the_known_totals():
    # FACTS: torchvision's googlenet without heads, and the paper's network
    theirs = on_meta(googlenet("torchvision", heads=False))
    with FlopCounterMode(display=False) as counter:
        theirs(torch.empty(1, 3, 224, 224, device="meta"))
    assert sum(p.numel() for p in theirs.parameters()) == 6_624_904
    assert counter.get_total_flops() == 2 * 1_498_376_192
    assert sum(p.numel() for p in on_meta(googlenet(heads=False)).parameters()) == 6_998_552
    assert sum(p.numel() for p in on_meta(googlenet()).parameters()) == 13_378_280


# ------------------------------------------------------------------------------------- its structure


@pytest.mark.parametrize(("variant", "stem"), list(itertools.product(VARIANTS, ("plain", "separable"))))
def test_state_dict_keys_are_the_paths_of_the_architecture(variant, stem):
    architecture = tiny(variant, stem=stem)
    expected = set()
    for step in walk(architecture):
        path = step.path.replace("/", ".")
        if isinstance(step.layer, Conv | Linear):
            part = "conv" if isinstance(step.layer, Conv) else "linear"
            expected |= {f"{path}.{part}.weight"} | ({f"{path}.{part}.bias"} if step.layer.bias else set())
        if isinstance(step.layer, Conv) and step.layer.batch_norm:
            expected |= {
                f"{path}.norm.{name}"
                for name in ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
            }
    assert set(on_meta(architecture).state_dict()) == expected


@pytest.mark.parametrize(
    ("variant", "size"),
    # at 224 the heads' pools come out even; at 100 rounding down would give another grid in each pool but one
    [*((variant, 224) for variant in VARIANTS), ("paper", 100), ("torchvision", 100)],
)
def test_each_layer_gives_the_shape_that_the_architecture_says(variant, size):
    architecture = tiny(variant, input_size=size)
    steps = list(walk(architecture))
    kept = activations(
        on_meta(architecture).train(),
        torch.empty(2, 3, size, size, device="meta"),
        [step.path for step in steps],
    )
    assert {p: tuple(a.output.shape[1:]) for p, a in kept.items()} == {s.path: s.out_shape for s in steps}
    assert {p: tuple(a.input.shape[1:]) for p, a in kept.items() if not p.startswith("inception")} == {
        s.path: s.in_shape for s in steps if not s.path.startswith("inception")
    }


def test_output_is_of_one_type_and_the_heads_run_only_in_training():
    network = seeded(tiny())
    x = torch.randn(2, 3, 224, 224)
    trained = network.train()(x)
    tested = network.eval()(x)
    assert isinstance(trained, Output) and isinstance(tested, Output)
    assert [tuple(t.shape) for t in trained] == [(2, 7)] * 3
    assert tested.logits.shape == (2, 7) and tested.aux1 is None and tested.aux2 is None
    headless = seeded(tiny(heads=False)).train()(x)
    assert isinstance(headless, Output) and headless.aux1 is None and headless.aux2 is None


def test_aux1_stands_on_4a_and_aux2_on_4d():
    network = seeded(tiny()).train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    x = torch.randn(1, 3, 224, 224)
    kept = activations(network, x, ["inception_4a", "inception_4d"])
    output = network(x)
    assert torch.equal(network.aux1(kept["inception_4a"].output), output.aux1)
    assert torch.equal(network.aux2(kept["inception_4d"].output), output.aux2)
    assert not torch.allclose(output.aux1, output.aux2)


def test_a_module_concatenates_1x1_3x3_5x5_pool():
    network = seeded(tiny(heads=False)).eval()
    paths = [f"inception_3a/{name}" for name in ("1x1", "3x3", "5x5", "pool_proj")]
    kept = activations(network, torch.randn(1, 3, 64, 64), ["inception_3a", *paths])
    assert torch.equal(kept["inception_3a"].output, torch.cat([kept[path].output for path in paths], 1))


def test_every_parameter_is_trained_by_the_three_losses():
    for variant in VARIANTS:
        network = seeded(tiny(variant)).train()
        output = network(torch.randn(2, 3, 224, 224))
        target = torch.tensor([1, 5])
        sum(w * F.cross_entropy(o, target) for w, o in zip((1, 0.3, 0.3), output, strict=True)).backward()
        without = [name for name, p in network.named_parameters() if p.grad is None]
        assert not without
        assert all(p.grad.isfinite().all() for p in network.parameters())


@pytest.mark.parametrize("size", [(47, 47), (224, 224), (97, 301)])
def test_without_heads_any_size_will_do(size):
    assert seeded(tiny(heads=False)).eval()(torch.randn(1, 3, *size)).logits.shape == (1, 7)
    assert seeded(tiny()).eval()(torch.randn(1, 3, *size)).logits.shape == (1, 7)


def test_channels_last_gives_the_same():
    network, x = seeded(tiny(heads=False)).eval(), torch.randn(2, 3, 65, 65)
    expected = network(x).logits
    network = network.to(memory_format=torch.channels_last)
    got = network(x.contiguous(memory_format=torch.channels_last)).logits
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=1e-4)


def test_it_compiles_without_a_break():
    network, x = seeded(tiny()).train(), torch.randn(1, 3, 224, 224)
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    compiled = torch.compile(network, backend="eager", fullgraph=True)
    for got, expected in zip(compiled(x), network(x), strict=True):
        torch.testing.assert_close(got, expected)


def test_autocast_to_bfloat16_stays_near_float32():
    network, x = seeded(tiny(heads=False)).eval(), torch.randn(1, 3, 64, 64)
    expected = network(x).logits
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = network(x).logits
    assert got.isfinite().all()
    assert (got.float() - expected).abs().max() < 0.05 * expected.abs().max()


def test_the_class_makes_other_networks_too():
    # LeNet-like: a fully connected layer on a grid, an even LRN, a nested module, a head, no global pool
    conv = Conv(name="inner", out_channels=2, kernel=1)
    nested = Branches(name="nest", branches=(Branch(name="n", layers=(conv,)),))
    architecture = network_of(
        Conv(name="conv", out_channels=4, kernel=(5, 3), padding=(2, 1), groups=1),
        LRN(name="lrn", size=4, beta=0.6, k=2.0),
        Pool(name="pool", op="average", kernel=2, stride=2),
        Branches(
            name="mix",
            branches=(
                Branch(name="a", layers=(nested,)),
                Branch(name="b", layers=(Pool(name="same", op="max", kernel=1),)),
            ),
        ),
        Linear(name="fc", out_features=5, relu=True),
        Dropout(name="drop", p=0.5),
        Linear(name="out", out_features=3),
        heads=(
            Head(name="aux", after="pool", layers=(GlobalPool(name="g"), Linear(name="out", out_features=3))),
        ),
    )
    network = seeded(architecture).train()
    output = network(torch.randn(2, 3, 16, 16))
    assert output.logits.shape == output.aux1.shape == (2, 3) and output.aux2 is None
    assert "mix.nest.inner.conv.weight" in network.state_dict()
    assert sum(p.numel() for p in network.parameters()) == count(architecture).parameters
    with pytest.raises(InceptionError, match=r"^net: a 18x16 input does not fit: fc takes 8x8x6, and 9x8x6 "):
        network(torch.randn(2, 3, 18, 16))


def test_a_network_may_end_in_a_global_pool():
    # as Network in Network does
    network = seeded(network_of(Conv(name="c", out_channels=3, kernel=1), GlobalPool(name="g")))
    assert network(torch.randn(2, 3, 8, 8)).logits.shape == (2, 3)


def test_its_text_shows_the_shape_that_each_layer_gives():
    architecture = googlenet(width=0.25, stem="separable")
    text = repr(seeded(architecture))
    assert "\n  googlenet-paper, input 3 x 224 x 224\n" in text
    assert ", stride=2, padding=0, dilation=1, ceil_mode=True)  # 16 x 56 x 56\n  (norm1): LRN(" in text
    assert "\n    (5x5_reduce): Conv(  # 4 x 28 x 28\n" in text
    assert "\n    (fc): Linear(  # 256\n" in text
    # each layer has one, in no other order than torch's and walk's, and what is inside a layer has none
    shapes = [" x ".join(map(str, step.out_shape)) for step in walk(architecture)]
    assert sorted(line.split("  # ")[1] for line in text.splitlines() if "  # " in line) == sorted(shapes)
    plain = torch.nn.Module.__repr__(seeded(architecture))
    assert [line.split("  # ")[0] for line in text.splitlines()] == plain.splitlines()


def test_its_text_follows_a_change_of_its_modules():
    network = seeded(tiny())
    network.classifier.linear = torch.nn.Linear(51, 3)
    assert "(linear): Linear(in_features=51, out_features=3, bias=True)" in repr(network)
    assert "(module): Network(" in repr(torch.nn.ModuleDict({"module": network}))


# --------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("x", "sentence"),
    [
        (torch.zeros(3, 224, 224), r"4 dimensions \(batch, channels, height, width\), not \(3, 224, 224\)"),
        ([1, 2], r"4 dimensions .* not list"),
        (torch.zeros(1, 1, 224, 224), r"takes 3 input channels, not the 1 of \(1, 1, 224, 224\)"),
        (torch.zeros(1, 3, 8, 224), r"a 8x224 input does not fit: pool\d: a 3x3 kernel is larger"),
        (torch.zeros(1, 3, 224, 224, dtype=torch.uint8), r"takes floating-point input, not torch.uint8"),
    ],
)
def test_a_wrong_input_gets_one_sentence(x, sentence):
    with pytest.raises(InceptionError, match=rf"^googlenet-paper: .*{sentence}[^\n]*\.$"):
        seeded(tiny(heads=False)).eval()(x)


def test_the_heads_want_the_size_they_were_built_for():
    network = seeded(tiny()).train()
    with pytest.raises(
        InceptionError,
        match=r"a 300x300 input does not fit: aux1/fc takes 4x4x6, and 6x6x6 "
        r"would arrive \(a 224x224 input fits\)\.$",
    ):
        network(torch.zeros(1, 3, 300, 300))
    assert network.eval()(torch.zeros(1, 3, 300, 300)).logits.shape == (1, 7)


@pytest.mark.parametrize("name", ["a.b", "forward", "architecture", ""])
def test_names_that_torch_cannot_take_are_refused(name):
    with pytest.raises(ArchitectureError, match=r"cannot name a layer here"):
        Network(network_of(Conv(name=name, out_channels=1, kernel=1)))


def test_a_head_may_not_replace_a_layer_and_two_heads_are_the_most():
    layers = (Conv(name="c", out_channels=1, kernel=1), GlobalPool(name="g"))

    def head(name):
        return Head(name=name, after="c", layers=(Linear(name="out", out_features=2),))

    with pytest.raises(ArchitectureError, match=r"^c: 'c' cannot name"):
        Network(network_of(*layers, heads=(head("c"),)))
    with pytest.raises(ArchitectureError, match="has 3 heads"):
        Network(network_of(*layers, heads=(head("x"), head("y"), head("z"))))


# ---------------------------------------------------------------------------------- initial weights


def test_initial_weights_are_caffes_xavier():
    network = seeded(googlenet(width=0.5))
    for step in walk(network.architecture):
        if not isinstance(step.layer, Conv | Linear):
            continue
        module = network.get_submodule(step.path.replace("/", "."))
        part = module.conv if isinstance(step.layer, Conv) else module.linear
        bound = math.sqrt(3 / part.weight[0].numel())
        assert part.weight.abs().max() <= bound
        if part.weight.numel() > 5000:
            assert part.weight.abs().max() > 0.99 * bound
            assert part.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.05)
        classifier = step.path.endswith("classifier")
        assert part.bias.eq(0.0 if classifier else 0.2).all(), step.path


def test_initial_weights_are_hes():
    network = seeded(googlenet(width=0.5, classes=400))
    initialize(network, torch.Generator().manual_seed(0), "he")
    for step in walk(network.architecture):
        if not isinstance(step.layer, Conv | Linear):
            continue
        module = network.get_submodule(step.path.replace("/", "."))
        part = module.conv if isinstance(step.layer, Conv) else module.linear
        classifier = step.path.endswith("classifier")
        fan_in = part.weight[0].numel()
        deviation = 0.01 if classifier else math.sqrt(2 / fan_in)
        # the deviation of n normal numbers is uncertain by 1 / sqrt(2 n) of itself
        tolerance = 5 / math.sqrt(2 * part.weight.numel())
        assert part.weight.std().item() == pytest.approx(deviation, rel=tolerance), step.path
        assert abs(part.weight.mean().item()) < 5 * deviation / math.sqrt(part.weight.numel())
        assert not part.bias.any()


def test_initial_weights_follow_the_generator_alone():
    torch.manual_seed(1)
    first = seeded(tiny("torchvision"), seed=3).state_dict()
    torch.manual_seed(2)
    network = seeded(tiny("torchvision"), seed=4)
    assert not torch.equal(first["conv1.conv.weight"], network.conv1.conv.weight)
    network.conv1.norm.running_mean.fill_(5)
    initialize(network, torch.Generator().manual_seed(3))
    for key, value in network.state_dict().items():
        assert torch.equal(value, first[key]), key


# ------------------------------------------------------------------------------------- activations


def test_activations_give_input_value_before_the_relu_and_output():
    for variant in ("paper", "torchvision"):
        network, x = seeded(tiny(variant, heads=False)).eval(), torch.randn(2, 3, 64, 64)
        paths = ["inception_3a/5x5_reduce", "inception_3a/5x5", "pool1", "classifier"]
        with torch.no_grad():
            kept = activations(network, x, paths)
            block = network.inception_3a.get_submodule("5x5_reduce")
            reduce = kept["inception_3a/5x5_reduce"]
            before = block.conv(reduce.input) if block.norm is None else block.norm(block.conv(reduce.input))
        assert list(kept) == paths
        assert torch.equal(reduce.before_relu, before) and (before < 0).any()
        assert torch.equal(reduce.output, before.relu())
        assert torch.equal(kept["inception_3a/5x5"].input, reduce.output)
        assert torch.equal(kept["pool1"].before_relu, kept["pool1"].output)
        assert torch.equal(kept["classifier"].output, network(x).logits)
        assert not any(module._forward_hooks for module in network.modules())


def test_activations_refuse_what_is_not_there():
    network = seeded(tiny()).eval()
    with pytest.raises(InceptionError, match=r"has no layer 'inception_9z'"):
        activations(network, torch.zeros(1, 3, 64, 64), ["inception_9z"])
    with pytest.raises(InceptionError, match=r"^aux1/fc: is part of an auxiliary head, which runs only in"):
        activations(network, torch.zeros(1, 3, 64, 64), ["conv1", "aux1/fc"])
    assert not any(module._forward_hooks for module in network.modules())
