"""Three losses on one trunk: the record, and the widget on a page, against torch."""

from __future__ import annotations

import base64
import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
import traitlets
from playwright.sync_api import expect
from test_accessibility import serious_problems
from test_widgets import drawn
from test_widgets_browser import camel
from test_xray_page import network as network  # a fixture
from widget_page import move_and_wait, opening, pixels_of, rgb, wander, write_page

from inception_lib.book import results
from inception_lib.book.bundled import bundled
from inception_lib.book.gradients import by_module, gradients
from inception_lib.book.live.packing import Packed, unpack
from inception_lib.book.widgets import ThreeLossesWidget
from inception_lib.book.widgets.losses import EPOCHS, PARTS, losses_table, norm
from inception_lib.data.datasets import open_data
from inception_lib.data.loading import Loader
from inception_lib.data.shapes import SIDE, shapes
from inception_lib.nn.network import activations
from inception_lib.training.recipes import network_options, recipe
from inception_lib.training.step import build

pytestmark = pytest.mark.book
SETTINGS = 200
HEAD = '<meta name="viewport" content="width=device-width"><style>:root { color-scheme: light dark; }</style>'
SETTLED = "root => root.dataset.answered && root.dataset.answered === root.dataset.settings"
MOVED = move_and_wait(SETTLED, f"pixels: {pixels_of('canvas', SIDE)}")


@pytest.fixture
def opened(visit, beside_the_network):
    return opening(visit, beside_the_network, ThreeLossesWidget, HEAD, SETTLED)


def settle(page, root) -> None:
    page.wait_for_function(SETTLED, arg=root.element_handle())


@pytest.fixture(scope="module")
def heads():
    """The recorded heads in torch, by name."""
    record = losses_table()["heads"]
    state = unpack(Packed(record["tensors"], base64.b64decode(record["data"])))
    options = replace(network_options("tiny"), dropout=True)
    whole = build(options.architecture(10, SIDE), recipe("tiny"))
    left = whole.load_state_dict({k: torch.from_numpy(v) for k, v in state.items()}, strict=False)
    assert not left.unexpected_keys and not [k for k in left.missing_keys if k.startswith("aux")]
    assert record["after"] == [head.after for head in whole.architecture.heads]
    return {name: getattr(whole, name).eval() for name in PARTS[1:]}


@torch.no_grad()
def shares(network, heads, x) -> dict[str, np.ndarray]:
    """Of each classifier its probabilities (n, classes)."""
    after = losses_table()["heads"]["after"]
    seen = activations(network, x, [*after, "classifier"])
    logits = {
        name: heads[name](seen[path].output).flatten(1) for name, path in zip(heads, after, strict=True)
    }
    logits["main"] = seen["classifier"].output
    return {name: z.softmax(1).numpy() for name, z in logits.items()}


def test_the_heads_are_as_often_right_as_recorded(network, heads):
    pictures, labels = shapes("test", 300)
    x = next(bundled(1)).info.preprocess.batch(torch.from_numpy(pictures))
    recorded = losses_table()["heads"]["right"]
    for name, p in shares(network, heads, x).items():
        assert (p.argmax(1) == labels).mean() == pytest.approx(recorded[name], abs=0.04)
        assert recorded[name] > 0.9


def test_the_products_before_training_are_those_of_another_record():
    """benchmarks/head_weight.py recorded the norms of the weighted parts, from the same initial weights."""
    (run,) = [
        run
        for run in results.load("head_weight").outcome["runs"]
        if (run["aux_weight"], run["seed"]) == (0.3, 0)
    ]
    table = losses_table()
    products = dict(zip(table["layers"], table["gradients"][0]["products"], strict=True))
    for i, (part, weight) in enumerate(zip(PARTS, (1, 0.3, 0.3), strict=True)):
        recorded = by_module(run["gradients"][0][part])
        for layer, matrix in products.items():
            found = weight * matrix[i][i] ** 0.5
            assert found == pytest.approx(recorded.get(layer, 0), rel=1e-3, abs=1e-9), (part, layer)


@pytest.mark.slow
def test_norms_of_sums_are_those_of_gradients_that_are_added():
    chosen, table = recipe("tiny"), losses_table()
    start = build(network_options("tiny").architecture(10, chosen.input_size), chosen)
    batches = list(zip(range(8), Loader(None, open_data("shapes", "val"), chosen).validation(), strict=False))
    images = torch.cat([chosen.preprocess().batch(b.pictures) for _, b in batches])
    parts = gradients(start, images, torch.cat([b.labels for _, b in batches]), 0.5)
    for on in ((1, 1, 1), (1, 0, 1), (0, 1, 1)):
        total = {}
        for conv in parts["main"]:
            added = sum(
                part[conv] for part, wanted in zip(parts.values(), on, strict=True) if wanted and conv in part
            )
            total[conv] = float(added.norm()) if torch.is_tensor(added) else 0.0
        for wanted, matrix in zip(by_module(total).values(), table["gradients"][0]["products"], strict=True):
            factors = [on[0], 0.5 * on[1], 0.5 * on[2]]
            assert norm(matrix, factors) == pytest.approx(wanted, rel=1e-3, abs=1e-9)


def test_the_record_is_of_every_epoch_and_of_losses_that_fall():
    epochs = losses_table()["gradients"]
    assert [one["epoch"] for one in epochs] == list(range(EPOCHS + 1))
    assert epochs[-1]["loss"] < 0.5 * epochs[1]["loss"] and epochs[-1]["top1"] > 0.9
    for one in epochs:
        for matrix in np.array(one["products"]):
            assert np.linalg.eigvalsh(matrix).min() > -1e-6 * max(1e-9, np.trace(matrix))
            np.testing.assert_allclose(matrix, matrix.T)


def test_a_drawing_that_is_none_is_refused():
    with pytest.raises(traitlets.TraitError, match="drawing"):
        ThreeLossesWidget(drawing="0")


@pytest.mark.slow
def test_random_settings_give_pythons_and_torchs_numbers(opened, network, heads):
    rng, fields = random.Random("losses"), {f["name"]: f for f in ThreeLossesWidget().fields}
    shape_names = [value for value, _ in fields["shape"]["options"][:-1]]

    def draw() -> dict:
        settings = drawn(ThreeLossesWidget, rng) | {"shape": rng.choice(shape_names)}
        return {name: value for name, value in settings.items() if name != "drawing"}  # which nobody types

    chosen, steps = wander(draw, rng, SETTINGS, 3)
    typed = [[[fields[name]["label"], value] for name, value in s.items()] for s in steps]
    seen, root = opened()
    found = seen.page.evaluate(MOVED, [root.element_handle(), typed])
    preprocess = next(bundled(1)).info.preprocess
    for settings, said in zip(chosen, found, strict=True):
        assert json.loads(said["settings"]) == settings | {"drawing": ""}
        result = ThreeLossesWidget(**settings).result()
        assert {name: int(said[camel(name)]) for name in result} == pytest.approx(result, abs=1)
        wanted = shares(network, heads, preprocess(rgb(said["pixels"], SIDE))[None])
        for name, p in json.loads(said["shares"]).items():
            np.testing.assert_allclose(p, wanted[name][0], atol=1e-4)
    assert seen.errors == [] and seen.off_machine == []


def test_a_loss_switched_off_takes_its_gradient_away_and_says_so(opened):
    _, root = opened()
    assert "all three losses, as in the paper" in root.inner_text()
    whole = root.locator(".iw-kept span").all_inner_texts()
    assert whole == ["100%"] * 12
    root.get_by_label("Main loss").uncheck()
    assert "without the main loss: 4e, 5a and 5b learn nothing." in root.inner_text()
    assert root.locator(".iw-kept span").all_inner_texts()[9:] == ["0%"] * 3
    root.get_by_label("Main loss").check()
    root.get_by_label("First head's loss").uncheck()
    kept = root.locator(".iw-kept span").all_inner_texts()
    assert kept[6:] == ["100%"] * 6 and kept[5] != "100%"
    expect(root.get_by_role("status")).to_contain_text("without the first head's loss")
    for label in ("Main loss", "Second head's loss"):
        root.get_by_label(label).uncheck()
    assert "no loss is on" in root.inner_text()


def test_a_layer_is_chosen_in_the_trunk(opened):
    _, root = opened()
    button = root.get_by_role("button", name="4d", exact=True)
    button.press("Enter")
    assert json.loads(root.get_attribute("data-settings"))["layer"] == 9
    assert button.get_attribute("aria-pressed") == "true"
    said = root.inner_text()
    assert "In 4d the gradient has the norm" in said and "from the second head's loss" in said


def test_the_object_is_dragged_and_all_three_answer(opened):
    seen, root = opened()
    stage, before = root.locator("canvas").first, root.get_attribute("data-shares")
    box = stage.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    seen.page.mouse.down()
    seen.page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.4, steps=5)
    seen.page.mouse.up()
    settle(seen.page, root)
    after = json.loads(root.get_attribute("data-shares"))
    assert all(after[part] != json.loads(before)[part] for part in PARTS)
    expect(root.get_by_role("status")).to_contain_text("First head: ")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(opened, scheme):
    seen, root = opened(aux1=False)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert root.locator(".iw-flow").first.evaluate("el => getComputedStyle(el).animationName") == "none"
    assert serious_problems(seen.page) == []


def test_without_the_network_the_gradients_are_there(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [ThreeLossesWidget()], head=HEAD))
    expect(seen.page.get_by_role("alert")).to_have_text(
        "The network's weights, _static/live.js, are not beside this page."
    )
    seen.page.get_by_label("Main loss").uncheck()
    assert "4e, 5a and 5b learn nothing." in seen.page.locator(".inception-widget").inner_text()
