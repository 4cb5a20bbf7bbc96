"""The engine in the page against torch: every layer of every kind of network."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from live_engine import Ran, live, run_engine
from variants import trunk, zeroed

from inception_lib import googlenet
from inception_lib.architecture import (
    LRN,
    Architecture,
    Branches,
    Conv,
    GlobalPool,
    Head,
    Layer,
    Linear,
    Pool,
    walk,
)
from inception_lib.book.bundled import bundled
from inception_lib.book.live.parts import Live
from inception_lib.networks import (
    alexnet,
    bn_inception,
    inception_v3,
    inception_v4,
    lenet5,
    nin,
    resnet,
    vgg,
    zfnet,
)
from inception_lib.nn.network import Network, activations

pytestmark = pytest.mark.book
TOLERANCE = 1e-4


def narrow(architecture: Architecture, factor: float) -> Architecture:
    """The same network with a fraction of the channels, an even number everywhere but in the outputs."""

    def width(n: int) -> int:
        return max(2, 2 * round(n * factor / 2))

    def layer(one: Layer, last: bool = False) -> Layer:
        if isinstance(one, Conv):
            out = one.out_channels if one.groups == "depthwise" else width(one.out_channels)
            return replace(one, out_channels=out, in_channels=None)
        if isinstance(one, Linear) and not last:
            return replace(one, out_features=width(one.out_features), in_features=None)
        if isinstance(one, Branches):
            branches = (replace(b, layers=tuple(map(layer, b.layers))) for b in one.branches)
            return replace(one, branches=tuple(branches), out_channels=None)
        return one

    def layers(all_of: tuple[Layer, ...]) -> tuple[Layer, ...]:
        return (*map(layer, all_of[:-1]), layer(all_of[-1], last=True))

    heads: tuple[Head, ...] = tuple(replace(h, layers=layers(h.layers)) for h in architecture.heads)
    return replace(architecture, layers=layers(architecture.layers), heads=heads)


def drawn(architecture: Architecture, seed: int = 0) -> Network:
    """A network whose values neither vanish nor grow, with statistics as if it had been trained."""
    generator = torch.Generator().manual_seed(seed)
    network = Network(architecture, generator=generator).eval()
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if name.endswith((".norm.weight", "running_var")):
                value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
            elif name.endswith((".bias", "running_mean")):
                value.copy_(torch.rand(value.shape, generator=generator) * 0.2)
            elif value.dim() > 1:  # a little more than nothing in sum, so that no ReLU cuts a layer off
                fan = value[0].numel()
                value.copy_((torch.randn(value.shape, generator=generator) + 0.5 * fan**-0.5) * fan**-0.5)
    return network


def images(architecture: Architecture, count: int, size: tuple[int, int] | None = None) -> torch.Tensor:
    channels, *sides = architecture.input
    return torch.randn(count, channels, *(size or sides), generator=torch.Generator().manual_seed(1))


def wanted(network: Network, x: torch.Tensor) -> dict[str, np.ndarray]:
    """What torch gives at each layer of the trunk, and at its end."""
    paths = [step.path for step in walk(network.architecture) if step.head is None]
    with torch.no_grad():
        found = {path: a.output.numpy() for path, a in activations(network, x, paths).items()}
        return found | {"logits": network(x).logits.numpy()}


def agree(ran: Ran | str, want: dict[str, np.ndarray]) -> None:
    assert isinstance(ran, Ran), ran
    for path, value in want.items():
        found = ran.outputs[path]
        assert found.shape == value.shape or (value.ndim == 2 and found[..., 0, 0].shape == value.shape), path
        difference = np.abs(found.reshape(value.shape) - value).max()
        # of the layer's largest value: values that are small must not pass for equal
        assert difference <= TOLERANCE * np.abs(value).max(), (path, difference, np.abs(value).max())
        assert np.abs(value).max() > 1e-3, path


V3 = inception_v3(classes=7).without_heads()  # of which small inputs are too small for the head
#: What no network here has: windows that would start in a padding, other exponents, and unequal sides.
ODD = Architecture(
    name="odd",
    input=(4, 11, 11),
    layers=(
        Conv(name="conv", out_channels=6, kernel=(3, 1), padding=(1, 0), groups=2),
        LRN(name="even", size=4, alpha=0.1),
        LRN(name="root", size=4, alpha=0.1, beta=0.5, k=2),
        Pool(name="max", op="max", kernel=2, stride=2, padding=1, ceil=True),
        Pool(name="average", op="average", kernel=3, stride=2, padding=1, ceil=True),
        GlobalPool(name="global", output=3),
        Conv(name="strided", out_channels=5, kernel=(1, 3), padding=(0, 1), stride=2),
        LRN(name="small", size=3, alpha=0.1),
        Linear(name="classifier", out_features=3),
    ),
)
KINDS = {
    "odd": lambda: ODD,
    "paper": lambda: googlenet(width=0.15, classes=7, input_size=64, heads=False),
    "paper, 224": lambda: googlenet(width=0.1, classes=7, heads=False),
    "inception5h": lambda: googlenet("inception5h", width=0.15, classes=7, input_size=75, heads=False),
    "torchvision": lambda: googlenet("torchvision", width=0.15, classes=7, input_size=64, heads=False),
    "separable": lambda: googlenet(width=0.15, classes=7, input_size=64, stem="separable", heads=False),
    "lenet5": lenet5,
    "alexnet": lambda: narrow(alexnet(classes=7, input_size=99), 0.06),
    "alexnet, torchvision": lambda: narrow(alexnet("torchvision", classes=7, input_size=99), 0.06),
    "zfnet": lambda: narrow(zfnet(classes=7, input_size=99), 0.06),
    "nin": lambda: narrow(nin(classes=7, input_size=99), 0.06),
    "vgg": lambda: narrow(vgg(16, classes=7, input_size=64), 0.08),
    "resnet34": lambda: narrow(resnet(34, classes=7, input_size=64), 0.1),
    "resnet50": lambda: narrow(resnet(50, "torchvision", classes=7, input_size=64), 0.06),
    "bn_inception": lambda: narrow(bn_inception(classes=7, input_size=96), 0.08),
    "inception_v3": lambda: narrow(replace(V3, input=(3, 107, 107)), 0.13),
    "inception_v4": lambda: narrow(inception_v4(classes=7, input_size=107), 0.04),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("wasm", [True, False], ids=["wasm", "plain"])
def test_every_layer_of_every_kind_of_network_is_torchs(tmp_path, kind, wasm):
    architecture = KINDS[kind]()
    network = drawn(architecture)
    x = images(architecture, 4)
    agree(run_engine(tmp_path, live(network), x, keep="all", wasm=wasm), wanted(network, x))


@pytest.fixture(scope="module")
def shapes():
    return next(bundled(1))


@pytest.mark.slow
@pytest.mark.parametrize("wasm", [True, False], ids=["wasm", "plain"])
def test_every_layer_of_the_bundled_network_is_torchs_on_fifty_images(tmp_path, shapes, wasm):
    x = images(shapes.network.architecture, 50)
    agree(run_engine(tmp_path, live(shapes.network), x, keep="all", wasm=wasm), wanted(shapes.network, x))


@pytest.mark.parametrize("variant", ["paper", "torchvision"])
def test_heads_are_torchs(tmp_path, variant):
    network = drawn(googlenet(variant, width=0.15, classes=7, input_size=96))
    x = images(network.architecture, 3)
    ran = run_engine(tmp_path, live(network), x, keep="all", heads=True)
    # torch runs heads in training only: their own layers are in evaluation there
    for head in (network.aux1, network.aux2):
        assert not head.training
    trunk = wanted(network, x)
    agree(ran, trunk)
    with torch.no_grad():
        for head, after in (("aux1", "inception_4a"), ("aux2", "inception_4d")):
            y = torch.from_numpy(trunk[after])
            for name, layer in getattr(network, head).named_children():
                y = layer(y)
                agree(ran, {f"{head}/{name}": y.numpy()})
            agree(ran, {head: y.numpy()})
    without = run_engine(tmp_path, live(network), x)
    assert "aux1" not in without.outputs
    np.testing.assert_array_equal(without.outputs["logits"], ran.outputs["logits"])


@pytest.mark.parametrize("size", [(60, 91), (47, 47), (99, 64)])
def test_other_sizes_than_the_architectures_run_as_in_torch(tmp_path, size):
    network = drawn(googlenet(width=0.15, classes=7, heads=False))
    x = images(network.architecture, 2, size)
    agree(run_engine(tmp_path, live(network), x, keep="all"), wanted(network, x))


@pytest.mark.slow
def test_a_branch_or_channels_switched_off_are_zeros_in_torch(tmp_path, shapes):
    network, x = shapes.network, images(shapes.network.architecture, 3)
    module_shapes = {s.path: s.out_shape for s in walk(network.architecture)}
    packed, changed = live(network), set()
    for module in ("inception_3a", "inception_4c", "inception_5b"):
        layer = next(one for one in network.architecture.layers if one.name == module)
        for variant in zeroed(layer, getattr(network, module), module_shapes):
            with torch.no_grad():
                y = x
                for name, part in trunk(network).items():
                    y = variant.replaced.get(name, part)(y)
            branch = variant.name.partition("/")[2]
            ran = run_engine(tmp_path, packed, x, off=[{"module": module, "branch": branch}], keep=[module])
            agree(ran, {"logits": y.flatten(1).numpy()})
            begin = sum(
                module_shapes[f"{module}/{b.layers[-1].name}"][0]
                for b in layer.branches[: [b.name for b in layer.branches].index(branch)]
            )
            silent = ran.outputs[module][:, begin : begin + variant.channels]
            assert not silent.any() and ran.outputs[module].any()
            changed.add(ran.outputs["logits"].tobytes())
            one = run_engine(
                tmp_path,
                packed,
                x,
                off=[{"path": module, "channels": list(range(begin, begin + variant.channels))}],
            )
            np.testing.assert_array_equal(one.outputs["logits"], ran.outputs["logits"])
    assert len(changed) == 12


def test_a_shortcut_can_be_switched_off(tmp_path):
    network = drawn(narrow(resnet(34, classes=7, input_size=64), 0.1))
    x = images(network.architecture, 2)
    block = network.conv2_2
    with torch.no_grad():
        y = x
        for name, part in trunk(network).items():
            if name == "conv2_2":
                for inner in block.branches[0]:
                    y = getattr(block, inner)(y)
                y = y.relu()
            else:
                y = part(y)
    ran = run_engine(tmp_path, live(network), x, off=[{"module": "conv2_2", "branch": "shortcut"}])
    agree(ran, {"logits": y.flatten(1).numpy()})


@pytest.mark.parametrize(
    ("request_", "sentence"),
    [
        ({"keep": ["conv9"]}, "googlenet-paper: has no layer conv9 that was run."),
        ({"off": [{"module": "conv1", "branch": "5x5"}]}, "There is no branch 5x5 in conv1 to switch off."),
        ({"off": [{"path": "conv1", "channels": [99]}]}, "There is no channel 99 of 16 to switch off."),
    ],
)
def test_what_cannot_be_asked_for_gets_a_sentence(tmp_path, shapes, request_, sentence):
    x = images(shapes.network.architecture, 1)
    assert run_engine(tmp_path, live(shapes.network), x, **request_) == sentence


def test_an_input_that_does_not_fit_gets_a_sentence(tmp_path, shapes):
    too_small = run_engine(tmp_path, live(shapes.network), torch.zeros(1, 3, 46, 80))
    assert too_small == "pool4: 208x2x5 is too small for it."
    gray = run_engine(tmp_path, live(shapes.network), torch.zeros(1, 1, 80, 80))
    assert gray == "googlenet-paper: 6400 numbers are no input of 1x80x80 for it."
    classifier = drawn(narrow(vgg(16, classes=7, input_size=64), 0.08))
    other = run_engine(tmp_path, live(classifier), torch.zeros(1, 3, 96, 96))
    assert other.startswith("fc6: takes ") and other.endswith(" arrive.")


def test_weights_that_do_not_fit_or_are_no_numbers_are_refused(tmp_path, shapes):
    x = images(shapes.network.architecture, 1)
    packed = live(shapes.network)
    lacking = dict(packed.about, weights={"tensors": packed.about["weights"]["tensors"][1:]})
    assert "is missing" in run_engine(tmp_path, Live(lacking, packed.data), x)
    wide = live(drawn(googlenet(width=0.3, classes=10, input_size=80, heads=False)))
    other = dict(packed.about, weights=wide.about["weights"])
    said = run_engine(tmp_path, Live(other, wide.data), x)
    assert said == (
        "These weights do not fit googlenet-paper: conv1.conv.weight is 19x3x7x7, and should be 16x3x7x7."
    )
    data = np.frombuffer(packed.data, np.float32).copy()
    data[5] = np.nan
    assert run_engine(tmp_path, Live(packed.about, data.tobytes()), x).endswith(
        "conv1.conv.weight holds values that are infinite or not a number."
    )
