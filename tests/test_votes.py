"""Each position votes: the recorded votes and layer, and the widget on a page, against torch."""

from __future__ import annotations

import base64
import json
import random

import numpy as np
import pytest
import torch
import votes
from playwright.sync_api import expect
from test_accessibility import serious_problems
from test_widgets import drawn
from test_xray_page import network as network  # a fixture
from widget_page import move_and_wait, opening, wander, write_page

from inception_lib.book import results
from inception_lib.book.bundled import bundled
from inception_lib.book.widgets import VotesWidget
from inception_lib.book.widgets.votes import SIDE, votes_table
from inception_lib.nn.network import activations
from inception_lib.visualization import class_map

pytestmark = pytest.mark.book
HEAD = '<meta name="viewport" content="width=device-width"><style>:root { color-scheme: light dark; }</style>'
SETTLED = "root => root.dataset.answered && root.dataset.answered === root.dataset.settings"
# and the image as its tiles have it
MOVED = move_and_wait(
    SETTLED,
    """tiles: ((tiles) => tiles.length === 25 ? tiles : null)(
      [...root.querySelectorAll(".iw-tile canvas")].map((tile) => btoa(String.fromCharCode(
        ...tile.getContext("2d").getImageData(0, 0, tile.width, tile.height).data))))""",
)


@pytest.fixture
def opened(visit, beside_the_network):
    return opening(visit, beside_the_network, VotesWidget, HEAD, SETTLED)


def settle(page, root) -> None:
    page.wait_for_function(SETTLED, arg=root.element_handle())


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def data_of(root, name: str):
    return json.loads(root.get_attribute(f"data-{name}"))


def test_recorded_votes_are_those_of_another_record_and_their_mean_is_the_answer():
    chelsea, maps = votes_table()["chelsea"], results.load("class_map_chelsea").outcome
    k = chelsea["classes"].index(maps["class"])
    for size, one in chelsea["sizes"].items():
        votes, logits = np.array(one["votes"]), np.array(one["logits"])
        np.testing.assert_allclose(votes[k], maps["maps"][size], atol=0.0056)  # two and three digits
        np.testing.assert_allclose(votes.mean((1, 2)), logits, atol=0.005)
        shares = dict(zip(chelsea["classes"], np.exp(logits - one["log_sum"]), strict=True))
        for best in maps["best"][size]:
            assert shares[best["class"]] == pytest.approx(best["probability"], abs=1e-4)


def test_the_connected_layer_is_about_as_often_right_and_seldom_changes_its_class():
    right = votes_table()["connected"]["right"]
    assert right["connected"] > 0.9 and right["pooled"] > 0.9
    assert right["pooled, shuffled"] == right["pooled"]
    assert right["connected"] - 0.02 < right["connected, shuffled"] < right["connected"]


def connected_layer() -> tuple[np.ndarray, np.ndarray]:
    record = votes_table()["connected"]
    weights = np.frombuffer(base64.b64decode(record["weights"]), np.int8).reshape(10, *record["shape"])
    return weights * np.array(record["scales"])[:, None, None, None], np.array(record["biases"])


def test_its_weights_are_similar_for_all_positions():
    weights = connected_layer()[0].transpose(2, 3, 0, 1).reshape(25, -1)
    between = np.corrcoef(weights)[np.triu_indices(25, 1)]
    assert between.mean() > 0.5


def test_its_accuracy_is_measured_again_on_some_test_images(network):
    pictures, labels = votes.images("test", 0, 100)
    x = next(bundled(1)).info.preprocess.batch(torch.from_numpy(pictures))
    with torch.no_grad():
        maps = activations(network, x, ["inception_5b"])["inception_5b"].output.numpy()
    weights, biases = connected_layer()
    logits = np.einsum("nchw,kchw->nk", maps, weights) + biases
    share = (logits.argmax(1) == labels.numpy()).mean()
    recorded = votes_table()["connected"]["right"]["connected"]
    assert share == pytest.approx(recorded, abs=0.07)  # three standard errors of 100


@pytest.mark.slow
def test_random_settings_give_torchs_numbers(opened, network):
    rng, fields = random.Random("votes"), {f["name"]: f for f in VotesWidget().fields}

    def draw() -> dict:
        settings = drawn(VotesWidget, rng) | {"position": rng.randint(1, 49)}
        return settings | ({"image": "shapes"} if rng.random() < 2 / 3 else {})

    chosen, steps = wander(draw, rng, 200, 3)
    typed = [[[fields[name]["label"], value] for name, value in s.items()] for s in steps]
    seen, root = opened()
    found = seen.page.evaluate(MOVED, [root.element_handle(), typed])
    chelsea, preprocess = votes_table()["chelsea"], next(bundled(1)).info.preprocess
    weights, biases = connected_layer()
    live = 0
    for settings, said in zip(chosen, found, strict=True):
        assert json.loads(said["settings"]) == settings
        means, order = json.loads(said["means"]), json.loads(said["order"])
        assert sorted(order) == list(range(len(order))) and (order == sorted(order)) == (
            settings["order"] == 0
        )
        k = settings["shown"] - 1 if settings["shown"] else int(np.argmax(means))
        np.testing.assert_allclose(means, json.loads(said["logits"]), atol=5e-3)
        if settings["image"] != "shapes":
            one = chelsea["sizes"][settings["image"].split()[1]]
            assert json.loads(said["votes"]) == np.ravel(one["votes"][k]).tolist()
            assert said["connected"] == "null"
            continue
        live += 1
        tiles = np.frombuffer(b"".join(map(base64.b64decode, said["tiles"])), np.uint8)
        tiles = tiles.reshape(5, 5, 32, 32, 4)
        image = tiles.transpose(0, 2, 1, 3, 4).reshape(SIDE, SIDE, 4)[..., :3]
        x = preprocess.batch(torch.from_numpy(image.copy())[None])
        with torch.no_grad():
            logits = network(x).logits[0].numpy()
            maps = activations(network, x, ["inception_5b"])["inception_5b"].output[0].numpy()
        np.testing.assert_allclose(means, logits, atol=1e-3)
        np.testing.assert_allclose(
            json.loads(said["votes"]), class_map(network, x, k).numpy().ravel(), atol=1e-3
        )
        shuffled = maps.reshape(-1, 25)[:, order].reshape(maps.shape)
        for values, got in zip((maps, shuffled), json.loads(said["connected"]), strict=True):
            wanted = np.einsum("chw,kchw->k", values, weights) + biases
            np.testing.assert_allclose(got, wanted, atol=1e-3 * max(1, abs(wanted).max()))
    assert live > 100 and seen.errors == [] and seen.off_machine == []


def test_a_shuffle_moves_the_tiles_and_not_the_mean(opened):
    _, root = opened()
    tiles = root.locator(".iw-tile")
    where = "all => all.map((tile) => tile.style.transform)"
    places, connected = tiles.evaluate_all(where), data_of(root, "connected")
    means = root.locator("tbody td:nth-child(3)").all_inner_texts()
    assert connected[0] == connected[1] and root.locator(".iw-before:visible").count() == 0
    for _ in range(3):
        root.get_by_role("button", name="Shuffle").click()
        moved = tiles.evaluate_all(where)
        assert (
            sorted(moved) == sorted(places) and sum(a != b for a, b in zip(moved, places, strict=True)) > 15
        )
        assert root.locator("tbody td:nth-child(3)").all_inner_texts() == means
        before, after = data_of(root, "connected")
        assert before == connected[0] and np.abs(np.subtract(before, after)).max() > 0.1
    assert "as before" in root.inner_text() and root.locator(".iw-handle:visible").count() == 0
    root.get_by_role("button", name="Put back").click()
    assert tiles.evaluate_all(where) == places and settings_of(root)["order"] == 0


def test_an_object_is_dragged_by_mouse_and_by_keys(opened):
    seen, root = opened()
    before, means = settings_of(root), data_of(root, "means")
    box = root.locator(".iw-board").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + box["width"] * x / 100, box["y"] + box["height"] * y / 100

    seen.page.mouse.move(*at(before["x"] + 3, before["y"]))
    seen.page.mouse.down()
    seen.page.mouse.move(*at(before["x"] + 33, before["y"] + 10), steps=6)
    seen.page.mouse.up()
    settle(seen.page, root)
    after = settings_of(root)
    assert abs(after["x"] - before["x"] - 30) <= 1 and abs(after["y"] - before["y"] - 10) <= 1
    assert data_of(root, "means") != means
    handle = root.locator(".iw-handle").nth(1)
    assert "The cross, 72% from the left" in handle.get_attribute("aria-label")
    handle.focus()
    handle.press("ArrowLeft")
    handle.press("ArrowUp")
    settle(seen.page, root)
    assert (settings_of(root)["x2"], settings_of(root)["y2"]) == (70, 68)
    assert handle.evaluate("el => getComputedStyle(el).touchAction") == "none"


def test_a_position_is_chosen_by_mouse_touch_and_keys_and_said_in_words(opened):
    seen, root = opened(image="chelsea 224", position=1)
    board = root.locator(".iw-board")
    box = board.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.5)
    assert settings_of(root)["position"] == 25
    expect(root.get_by_role("status")).to_contain_text("Position in row 4, column 4: Egyptian cat, 29.")
    board.focus()
    for key in ("Home", "ArrowDown", "ArrowRight", "ArrowRight", "ArrowLeft", "ArrowUp"):
        board.press(key)
    assert settings_of(root)["position"] == 2
    assert "Egyptian cat has 11.1 in row 1, column 2" in board.get_attribute("aria-label")
    board.press("End")
    assert settings_of(root)["position"] == 49
    touch = seen.page.context.new_cdp_session(seen.page)
    point = {"x": box["x"] + box["width"] * 0.05, "y": box["y"] + box["height"] * 0.05}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    seen.page.wait_for_function(
        "root => root.dataset.settings.includes('\"position\":1,')", arg=root.element_handle()
    )
    assert (
        root.locator("tbody tr", has=seen.page.locator("td:nth-child(2) .iw-most"))
        .inner_text()
        .startswith("broom")
    )


def test_a_class_is_chosen_by_its_line(opened):
    _, root = opened(image="chelsea 448")
    assert root.locator(".iw-tile").count() == 196
    root.get_by_role("button", name="red fox").click()
    assert settings_of(root)["shown"] == 9
    assert data_of(root, "votes") == np.ravel(votes_table()["chelsea"]["sizes"]["448"]["votes"][8]).tolist()
    assert root.locator('[aria-pressed="true"]').all_inner_texts() == ["red fox"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_axe_finds_nothing(opened, scheme):
    seen, root = opened(order=3)
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert root.locator(".iw-tile").first.evaluate("el => getComputedStyle(el).transitionDuration") == "0s"
    assert serious_problems(seen.page) == []


def test_without_the_network_it_says_so_and_the_cat_is_there(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [VotesWidget()], head=HEAD))
    expect(seen.page.get_by_role("alert")).to_have_text(
        "The network's weights, _static/live.js, are not beside this page."
    )
    seen.page.get_by_label("Image", exact=True).select_option("chelsea 224")
    root = seen.page.locator(".inception-widget")
    settle(seen.page, root)
    assert "The mean says Egyptian cat, 49.5%." in root.inner_text()
