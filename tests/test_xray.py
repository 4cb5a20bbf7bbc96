"""The X-ray: its model against torch and Python, and the widget in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import traitlets
from fields import theoretical, through
from live_engine import asked, live
from test_live_engine import ODD, drawn, images, wanted

from inception_lib import googlenet
from inception_lib.architecture import Architecture, Branches, Layer, walk
from inception_lib.book.bundled import bundled
from inception_lib.book.live import parts
from inception_lib.book.widgets import XrayWidget
from inception_lib.book.widgets.xray import LONGEST, PATHS
from inception_lib.data.shapes import CLASSES, SIDE, picture
from inception_lib.nn.network import Network, activations

pytestmark = pytest.mark.book
RUNNER = Path(__file__).with_name("xray_model.js")
TOLERANCE = 1e-4


def model(folder: Path, task: str, **job) -> dict | list:
    return asked(folder, {"task": task, **job}, RUNNER)


def layers_to(architecture: Architecture, path: str) -> tuple[Layer, ...]:
    """The layers from the input to one of the trunk, in a module those of its branch."""
    top, _, inner = path.partition("/")
    at = next(i for i, layer in enumerate(architecture.layers) if layer.name == top)
    before, last = architecture.layers[:at], architecture.layers[at]
    if not inner:
        return (*before, last)
    assert isinstance(last, Branches)
    own = next(b.layers for b in last.branches if inner in [one.name for one in b.layers])
    return (*before, *own[: [one.name for one in own].index(inner) + 1])


NETWORKS = {
    "bundled": lambda: next(bundled(1)).network,
    "odd": lambda: drawn(ODD),
    "torchvision": lambda: drawn(googlenet("torchvision", width=0.15, classes=7, input_size=64, heads=False)),
}


@pytest.fixture(scope="module", params=NETWORKS)
def explained(request, tmp_path_factory):
    """Random positions of every layer: where, what is said of them, and what torch has there."""
    network: Network = NETWORKS[request.param]()
    x = images(network.architecture, 1)
    outputs = wanted(network, x)
    logits = outputs.pop("logits")
    rng = np.random.default_rng(5)
    places = []
    for step in walk(network.architecture):
        if isinstance(step.layer, Branches):
            continue
        shape = (*outputs[step.path].shape[1:], 1, 1)[:3]
        for _ in range(6):
            channel, row, column = (int(rng.integers(n)) for n in shape)
            places.append({"path": step.path, "channel": channel, "row": row, "column": column})
    folder = tmp_path_factory.mktemp("explained")
    packed = live(network)
    (folder / "weights.bin").write_bytes(packed.data)
    (folder / "input.bin").write_bytes(x.numpy().astype("<f4").tobytes())
    said = model(
        folder,
        "explained",
        about=packed.about,
        data=folder / "weights.bin",
        input=folder / "input.bin",
        shape=list(x.shape[1:]),
        known=parts.known(),
        asked=places,
    )
    there = [
        float(
            outputs[p["path"]]
            .reshape(*outputs[p["path"]].shape, 1, 1)[0, p["channel"], p["row"], p["column"]]
            .flat[0]
        )
        for p in places
    ]
    return network, list(zip(places, said["found"], there, strict=True)), said["softmax"], logits


def test_what_is_explained_is_what_torch_has_on_its_map(explained):
    _, found, softmax, logits = explained
    for place, said, value in found:
        assert said["value"] == pytest.approx(value, abs=TOLERANCE * max(1, abs(value))), place
    assert np.std([value for _, _, value in found]) > 0.01
    np.testing.assert_allclose(softmax, torch.from_numpy(logits).softmax(1)[0], atol=1e-5)


def test_a_sum_is_that_of_its_products_and_nothing_is_left_out(explained):
    network, found, _, _ = explained
    layers = {step.path: step for step in walk(network.architecture)}
    sums = [(place, said) for place, said, _ in found if said["kind"] == "sum"]
    assert len(sums) > 10
    for place, said in sums:
        products = sum(x * w for term in said["terms"] for x, w in term["products"])
        assert said["sum"] == pytest.approx(products + said["bias"], abs=1e-6)
        assert said["value"] == (max(0, said["sum"]) if said["relu"] else said["sum"])
        shown = sum(term["sum"] for term in said["shown"])
        assert shown + said["rest"] + said["bias"] == pytest.approx(said["sum"], abs=1e-6)
        assert len(said["shown"]) + said["others"] == len(said["terms"])
        path = place["path"]
        weights = dict(network.named_parameters())
        name = path.replace("/", ".")
        tensor = weights.get(f"{name}.conv.weight", weights.get(f"{name}.linear.weight"))
        assert len(said["terms"]) * len(said["terms"][0]["products"]) == tensor[0].numel()
        assert layers[path].layer.relu is said["relu"] if hasattr(layers[path].layer, "relu") else True


def test_fields_are_those_of_arithmetic_in_python(explained):
    network, found, _, _ = explained
    architecture = network.architecture
    seen = 0
    for place, said, _ in found:
        layers = layers_to(architecture, place["path"])
        # of layers that see all of their input, `through` knows nothing
        if any(type(layer).__name__ in ("GlobalPool", "Linear") for layer in layers):
            continue
        field = said["field"]
        assert (field["top"], field["bottom"]) == through(layers, (place["row"],) * 2), place
        if not any(isinstance(getattr(layer, "kernel", 1), tuple) for layer in layers):  # it knows rows only
            assert (field["left"], field["right"]) == through(layers, (place["column"],) * 2), place
        seen += 1
        module, _, branch = place["path"].partition("/")
        if branch in ("1x1", "3x3", "5x5"):
            assert theoretical(architecture, module, branch, place["row"]) == (field["top"], field["bottom"])
    assert seen > (20 if architecture is ODD else 100)


def test_the_field_is_what_a_gradient_reaches():
    """In torch: no pixel beyond it has a part in a position, and those near its ends do."""
    network = next(bundled(1)).network
    x = images(network.architecture, 1).requires_grad_()
    maps = activations(network, x, ["inception_3a/3x3"])["inception_3a/3x3"].before_relu
    (gradient,) = torch.autograd.grad(maps[0, :, 5, 5].sum(), x)
    reached = gradient.abs().sum((0, 1)).nonzero()
    low, high = through(layers_to(network.architecture, "inception_3a/3x3"), (5, 5))
    assert (high - low + 1, low > 0, high < SIDE) == (43, True, True)
    assert low <= reached.min() <= low + 4 and high - 4 <= reached.max() <= high


class Given:
    """Random numbers that are given: what `picture` draws is then known."""

    def __init__(self, *values) -> None:
        self.values = list(values)

    def uniform(self, *_):
        return self.values.pop(0)

    def normal(self, *_):
        return self.values.pop(0)


def test_images_are_those_that_the_network_was_trained_on(tmp_path):
    rng = np.random.default_rng(2)
    things, pictures = [], []
    for label, name in enumerate(CLASSES):
        radius, turn, angle, waves = rng.uniform((0.13, -0.6, 0, 9), (0.45, 0.6, 6, 14))
        center, phases = rng.uniform(radius, 1 - radius, 2), rng.uniform(0, 6, 2)
        ground, ink, second = np.array([[0.2, 0.3, 0.4], [0.9, 0.1, 0.8], [0.1, 0.9, 0.2]])
        slope = rng.uniform(-0.2, 0.2, 3)
        noise = rng.normal(0, 0.04, (SIDE, SIDE, 3))
        colors = np.stack([ground, ink, second], 1)
        given = Given(
            np.log(2 * radius), center, turn, colors, slope, angle, waves / np.pi, phases, noise.copy()
        )
        pictures.append(picture(label, given))
        assert not given.values
        seen = {
            "ground": list(ground),
            "ink": list(ink),
            "second": list(second),
            "other": list(np.clip(ground + slope, 0, 1)),
            "angle": angle,
            "waves": waves,
            "phases": list(phases),
            "noise": noise.ravel().tolist(),
        }
        thing = {"name": name, "x": center[0], "y": center[1], "radius": radius, "turn": turn}
        things.append({"thing": thing, "seen": seen})
    found = np.array(model(tmp_path, "drawn", things=things, side=SIDE)).reshape(-1, SIDE, SIDE, 4)
    assert (found[..., 3] == 255).all()
    difference = abs(found[..., :3] - np.stack(pictures).astype(int))
    # a value that falls on a whole number may be rounded down or not
    assert difference.max() <= 1 and (difference > 0).mean() < 1e-3


def test_colors_are_as_far_apart_as_in_training_and_noise_as_strong(tmp_path):
    looks = model(tmp_path, "looks", numbers=list(range(1, 40)), side=20)
    for one in looks:
        ground, ink, second = (np.array(one[name]) for name in ("ground", "ink", "second"))
        assert min(abs(ink - ground).sum(), abs(ink - second).sum()) > 0.9
        assert abs(second - ground).sum() > 0.3 and ground.min() >= 0.1 and ground.max() <= 0.9
        assert 3 * np.pi <= one["waves"] <= 4.5 * np.pi
        assert np.std(one["noise"]) == pytest.approx(0.04, rel=0.1)
    assert len({tuple(one["ground"]) for one in looks}) == len(looks)


def test_a_drawing_is_text_and_the_text_a_drawing(tmp_path):
    points = [[0.1, 0.2, True], [0.1001, 0.2, False], [0.5, 0.999, False], [0.3, -1, True], [0.9, 2, False]]
    said = model(tmp_path, "strokes", points=points, most=8)
    first, same, second, third, none = said["texts"]
    assert first == same and second.startswith(first) and third.startswith(second + "-") and none is None
    assert XrayWidget(drawing=third).drawing == third
    at = [point for stroke in said["strokes"] for point in stroke]
    np.testing.assert_allclose(at, [(0.1, 0.2), (0.5, 0.999), (0.3, 0)], atol=1 / 60)
    assert [len(stroke) for stroke in said["strokes"]] == [2, 1]
    seen = model(tmp_path, "looks", numbers=[3], side=SIDE)[0] | {"noise": None}
    thing = {"strokes": [[[0.2, 0.5], [0.8, 0.5]]]}
    line = np.array(model(tmp_path, "drawn", things=[{"thing": thing, "seen": seen}], side=SIDE)[0])
    line = line.reshape(SIDE, SIDE, 4)[..., :3]
    assert abs(line[40, 40] - 255 * np.array(seen["ink"])).max() <= 1
    assert abs(line[50, 40] - line[51, 40]).max() <= 2  # ground


@pytest.mark.parametrize("text", ["0", "0-", "-00", "00--00", "Z0", "0 ", "00" * (LONGEST // 2 + 1)])
def test_a_drawing_that_is_none_is_refused(text):
    with pytest.raises(traitlets.TraitError, match="drawing"):
        XrayWidget(drawing=text)


def test_everything_but_dropout_and_whole_modules_can_be_looked_at():
    paths = {step.path for step in walk(next(bundled(1)).network.architecture) if step.head is None}
    modules = {path.partition("/")[0] for path in paths if "/" in path}
    assert set(PATHS) == (paths - modules - {"dropout"}) | {"input"}
    assert not re.search(r"https?://(?!www\.w3\.org)|fetch\(", str(XrayWidget()._esm))
