"""The data of the networks: widths, shapes, and the refusal of networks that cannot exist."""

from dataclasses import FrozenInstanceError, replace

import pytest
import torchvision
from hypothesis import given, settings
from hypothesis import strategies as st

from inception_lib import Architecture, ArchitectureError, googlenet
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
from inception_lib.networks.googlenet import PAPER_WIDTHS, VARIANTS, inception_module, naive_module


def network(*layers, heads=(), input=(3, 16, 16)):
    return Architecture(name="net", input=input, layers=layers, heads=heads)


def shapes(architecture):
    return {step.path: step.out_shape for step in walk(architecture)}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("stem", ["plain", "separable"])
def test_the_grid_halves_five_times_as_in_table_1(variant, stem):
    got = shapes(googlenet(variant, stem=stem))
    grids = [got[n][1:] for n in ("conv1", "pool1", "pool2", "pool3", "pool4", "pool5")]
    assert grids == [(112, 112), (56, 56), (28, 28), (14, 14), (7, 7), (1, 1)]
    assert got["classifier"] == (1000,)


def test_concatenation_order_is_1x1_3x3_5x5_pool():
    module = next(layer for layer in googlenet().layers if layer.name == "inception_3a")
    assert [branch.name for branch in module.branches] == ["1x1", "3x3", "5x5", "pool"]


def test_heads_stand_on_4a_and_4d_and_leave_with_without_heads():
    net = googlenet()
    assert [(h.name, h.after, h.loss_weight) for h in net.heads] == [
        ("aux1", "inception_4a", 0.3),
        ("aux2", "inception_4d", 0.3),
    ]
    assert shapes(net)["aux1/pool"] == (512, 4, 4)
    assert net.without_heads() == googlenet(heads=False)


def test_only_two_widths_differ_between_the_paper_and_inception5h():
    ours, theirs = shapes(googlenet("paper")), shapes(googlenet("inception5h"))
    changed = {path for path in ours if ours[path] != theirs[path]}
    assert changed == {
        "inception_4a/3x3",
        "inception_4a",
        "inception_4b/pool",
        "aux1/pool",
        "inception_5a/5x5_reduce",
    }


def test_data_is_frozen_and_equal_by_value():
    with pytest.raises(FrozenInstanceError):
        googlenet().name = "other"
    assert googlenet(width=0.5) == googlenet(width=0.5) != googlenet()
    assert hash(googlenet()) == hash(googlenet())


@given(
    width=st.floats(0.02, 3),
    classes=st.integers(1, 5000),
    size=st.integers(97, 400),
    variant=st.sampled_from(VARIANTS),
)
@settings(max_examples=60, deadline=None)
def test_any_width_and_class_count_gives_a_network(width, classes, size, variant):
    net = googlenet(variant, width=width, classes=classes, input_size=size)
    assert net.classes == classes
    assert all(min(step.out_shape) >= 1 for step in walk(net))


def test_ceil_rounding_drops_the_window_that_would_see_only_padding():
    # torch: MaxPool2d(2, stride=2, padding=1, ceil_mode=True) on 5 gives 3, not 4
    net = network(Pool(name="p", op="max", kernel=2, stride=2, padding=1, ceil=True), input=(1, 5, 5))
    assert shapes(net)["p"] == (1, 3, 3)


@given(
    size=st.integers(1, 40),
    kernel=st.integers(1, 7),
    stride=st.integers(1, 4),
    padding=st.integers(0, 3),
    ceil=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_pool_sizes_are_torchs(size, kernel, stride, padding, ceil):
    torch = pytest.importorskip("torch")
    if 2 * padding > kernel or kernel > size + 2 * padding:
        return
    net = network(
        Pool(name="p", op="max", kernel=kernel, stride=stride, padding=padding, ceil=ceil),
        input=(1, size, size + 3),
    )
    pool = torch.nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)
    assert shapes(net)["p"] == tuple(pool(torch.zeros(1, 1, size, size + 3)).shape[1:])


IMPOSSIBLE = {
    "a kernel larger than its padded input": (
        lambda: network(Conv(name="c", out_channels=4, kernel=21, padding=2)),
        "c: a 21x21 kernel is larger than its padded input (20x20).",
    ),
    "zero channels": (
        lambda: network(Conv(name="c", out_channels=0, kernel=1)),
        "c: the number of output channels must be a whole number of at least 1, not 0.",
    ),
    "a fractional channel count": (lambda: network(Conv(name="c", out_channels=1.5, kernel=1)), "not 1.5"),
    "a stride of zero": (
        lambda: network(Conv(name="c", out_channels=1, kernel=1, stride=0)),
        "c: the stride",
    ),
    "negative padding": (
        lambda: network(Conv(name="c", out_channels=1, kernel=1, padding=-1)),
        "c: the padding",
    ),
    "widths that do not add up": (
        lambda: network(inception_module("m", PAPER_WIDTHS["3a"], out_channels=255)),
        "m: is declared to give 255 channels, but its branches give 64 + 128 + 32 + 32 = 256.",
    ),
    "input channels that do not fit": (
        lambda: network(Conv(name="c", out_channels=4, kernel=1, in_channels=5)),
        "c: is declared with 5 input channels, but 3 arrive.",
    ),
    "inputs that do not fit": (
        lambda: network(Linear(name="f", out_features=4, in_features=5)),
        "f: is declared with 5 inputs, but 768 arrive.",
    ),
    "groups that do not divide": (
        lambda: network(Conv(name="c", out_channels=4, kernel=1, groups=2)),
        "c: 2 groups do not divide 3",
    ),
    "branches with different grids": (
        lambda: network(
            Branches(
                name="m",
                branches=(
                    Branch(name="a", layers=(Conv(name="a", out_channels=1, kernel=3),)),
                    Branch(name="b", layers=(Conv(name="b", out_channels=1, kernel=3, padding=1),)),
                ),
            )
        ),
        "m: branch a gives 14x14x1 and branch b 16x16x1",
    ),
    "no branches": (lambda: network(Branches(name="m", branches=())), "m: a module needs"),
    "a convolution on a vector": (
        lambda: network(Linear(name="f", out_features=4), Conv(name="c", out_channels=1, kernel=1)),
        "c: needs a grid",
    ),
    "a pool on a vector": (
        lambda: network(Linear(name="f", out_features=4), GlobalPool(name="p")),
        "p: needs a grid",
    ),
    "two layers of one name": (
        lambda: network(LRN(name="n"), LRN(name="n")),
        "n: two layers have this name.",
    ),
    "a head on no layer": (
        lambda: network(LRN(name="n"), heads=(Head(name="h", after="x", layers=()),)),
        "h: there is no layer named 'x'",
    ),
    "an impossible dropout": (lambda: network(Dropout(name="d", p=1.0)), "d: the dropout probability"),
    "a pool padded by more than half": (
        lambda: network(Pool(name="p", op="max", kernel=3, padding=2)),
        "p: a padding of 2 is more than half",
    ),
    "an input without channels": (lambda: network(input=(0, 8, 8)), "net: an input is"),
    "an input too small for the heads": (
        lambda: googlenet(input_size=64),
        "aux1/pool: a 5x5 kernel is larger than its padded input (4x4).",
    ),
    "no classes": (lambda: googlenet(classes=0), "classifier: the number of outputs"),
    "an unknown variant": (lambda: googlenet("v9"), "There is no variant 'v9'"),
    "an unknown stem": (lambda: googlenet(stem="x"), "There is no stem 'x'"),
    "a width of zero": (lambda: googlenet(width=0), "The width multiplier"),
    "a width that is not a number": (lambda: googlenet(width=float("nan")), "The width multiplier"),
}


@pytest.mark.parametrize("case", IMPOSSIBLE)
def test_impossible_networks_are_refused_by_the_name_of_the_layer(case):
    make, sentence = IMPOSSIBLE[case]
    with pytest.raises(ArchitectureError) as error:
        make()
    assert sentence in str(error.value)
    assert str(error.value).endswith(".") and "\n" not in str(error.value)


def test_replace_checks_again():
    with pytest.raises(ArchitectureError):
        replace(googlenet(), input=(3, 8, 8))


def test_the_naive_module_passes_all_its_input_on():
    net = network(naive_module("m", PAPER_WIDTHS["3a"]), input=(192, 28, 28))
    assert shapes(net)["m"] == (64 + 128 + 32 + 192, 28, 28)


def test_constants_that_no_count_depends_on():
    """Dropout and weights of losses: the paper, section 5, and torchvision's own network."""
    dropout = {s.path: s.layer.p for s in walk(googlenet()) if isinstance(s.layer, Dropout)}
    assert dropout == {"dropout": 0.4, "aux1/dropout": 0.7, "aux2/dropout": 0.7}
    theirs = {s.path: s.layer.p for s in walk(googlenet("torchvision")) if isinstance(s.layer, Dropout)}
    model = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=True)
    assert theirs == {
        "dropout": model.dropout.p,
        "aux1/dropout": model.aux1.dropout.p,
        "aux2/dropout": model.aux2.dropout.p,
    }
    assert [head.loss_weight for head in googlenet().heads] == [0.3, 0.3]
    norms = [s.layer for s in walk(googlenet()) if isinstance(s.layer, LRN)]
    assert [(n.size, n.alpha, n.beta, n.k) for n in norms] == [(5, 1e-4, 0.75, 1.0)] * 2


def test_without_dropout_nothing_else_changes():
    plain = googlenet().without_dropout()
    pairs = list(zip(walk(googlenet()), walk(plain), strict=True))
    assert all(a.path == b.path and a.out_shape == b.out_shape for a, b in pairs)
    assert all(b.layer.p == 0 for _, b in pairs if isinstance(b.layer, Dropout))
    assert all(a.layer == b.layer for a, b in pairs if not isinstance(b.layer, Dropout | Branches))
    inside = Branch(name="b", layers=(Dropout(name="d", p=0.5),))
    within = Architecture(name="a", input=(1, 2, 2), layers=(Branches(name="m", branches=(inside,)),))
    assert within.without_dropout().layers[0].branches[0].layers[0].p == 0
