"""The map in a browser, opened from a file: its numbers, its drawing, and what the network sees."""

from __future__ import annotations

import json
import random
from itertools import combinations

import numpy as np
import pytest
import torch
from playwright.sync_api import expect
from test_accessibility import serious_problems
from test_widgets import drawn
from widget_page import address_of, move_and_wait, pixels_of, rgb, write_page

from inception_lib.book import map as network
from inception_lib.book.bundled import bundled
from inception_lib.book.live import page, parts
from inception_lib.book.live.packing import Packed, unpack
from inception_lib.book.map import VIEWS, blocks
from inception_lib.book.widgets import MapWidget
from inception_lib.book.widgets.map import map_table
from inception_lib.data.shapes import CLASSES, SIDE
from inception_lib.nn.network import activations

pytestmark = pytest.mark.book
SETTINGS = 200
HEAD = "<style>:root { color-scheme: light dark; } body { margin: 16px; font-family: sans-serif; }</style>"
SETTLED = "root => root.dataset.answered && root.dataset.answered === root.dataset.settings"
STILL = "!document.getAnimations().some((a) => a.playState !== 'finished')"

# The first three views are drawn at once; the network answers only in the last.
SHOWS_IMAGES = "JSON.parse(root.dataset.settings).view === 'sees'"
MOVED = move_and_wait(
    f"(root) => !({SHOWS_IMAGES}) || ({SETTLED})(root)",
    f"pixels: {SHOWS_IMAGES} ? {pixels_of('canvas[data-path=input]', SIDE)} : null",
)
PLACES = """root => [...root.querySelectorAll(".iw-map-part")].map(({ style }) =>
  ["left", "top", "width", "height"].map((side) => parseFloat(style[side])))"""
BOXES = """(root, what) => [...root.querySelectorAll(what)]
  .filter((el) => getComputedStyle(el).opacity !== "0").map((el) => {
    const { left, top, right, bottom } = el.getBoundingClientRect();
    return [el.textContent, left, top, right, bottom];
  })"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages are written here: the network is beside them."""
    made = tmp_path_factory.mktemp("map")
    page.write_scripts(made / "_static")
    return made


@pytest.fixture
def opened(visit, folder):
    """Open a page with a map; give the visit and the widget's root."""

    def open_one(query: str = "", width: int = 1280, **settings):
        address = write_page(folder / "page.html", [MapWidget(**settings)], head=HEAD)
        seen = visit(address + query, width=width)
        return seen, seen.page.locator(".inception-widget")

    return open_one


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def settle(seen, root) -> None:
    seen.page.wait_for_function(SETTLED, arg=root.element_handle())


def block(root, name: str):
    return root.locator(f'.iw-map-block[value="{name}"]')


@pytest.fixture(scope="module")
def live():
    """The bundled network as the page has it, in torch."""
    about, data = parts.bundled_network()
    made = next(bundled(1)).network
    tensors = unpack(Packed(about["weights"]["tensors"], data))
    made.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return made.eval()


@pytest.mark.slow
def test_random_settings_give_pythons_numbers_and_torchs_maps(opened, live):
    rng = random.Random("map")
    labels = {f["name"]: f["label"] for f in MapWidget().fields}
    chosen = [drawn(MapWidget, rng) for _ in range(SETTINGS)]
    seen, root = opened()
    typed = [[[labels[name], value] for name, value in one.items()] for one in chosen]
    found = seen.page.evaluate(MOVED, [root.element_handle(), typed])
    preprocess = next(bundled(1)).info.preprocess
    ours = [p for b in blocks()[1:] if not b.after for p in b.parts if p.path not in ("pool5", "classifier")]
    answers = set()
    for settings, said in zip(chosen, found, strict=True):
        assert json.loads(said["settings"]) == settings
        result = MapWidget(**settings).result()
        assert {name: int(said[name]) for name in result} == result
        if settings["view"] != "sees":
            assert said["probabilities"] == said["maps"] == ""
            continue
        x = preprocess(rgb(said["pixels"], SIDE))[None]
        with torch.no_grad():
            p = live(x).logits.softmax(1)[0].numpy()
            maps = activations(live, x, [part.path for part in ours])
        np.testing.assert_allclose(json.loads(said["probabilities"]), p, atol=1e-4)
        channels = json.loads(said["maps"])
        assert set(channels) == {part.path for part in ours}
        for path, channel in channels.items():
            variance = maps[path].output[0].var((1, 2), correction=0)
            assert float(variance[channel]) == pytest.approx(float(variance.max()), rel=1e-3, abs=1e-7), path
        answers.add(int(p.argmax()))
    assert len(answers) > 5 and seen.errors == [] and seen.off_machine == []


@pytest.mark.parametrize(("width", "plan"), [(1280, "wide"), (390, "tall")])
def test_parts_are_where_python_says_in_each_view(opened, width, plan):
    seen, root = opened(width=width)
    wide, high = map_table()["plans"][plan]["size"]
    for view, text in zip(VIEWS, ("shape", "arithmetic", "weights", "what it sees"), strict=True):
        root.get_by_role("button", name=text, exact=True).click()
        places = np.array(root.evaluate(PLACES))
        rects = np.array(map_table()["plans"][plan]["views"][view]["rects"])
        np.testing.assert_allclose(places * (wide, high, wide, high) / 100, rects, atol=0.01)
        seen.page.wait_for_function(STILL)  # and in the end they are there
        box = root.locator(".iw-map").bounding_box()
        shown = root.locator('canvas[data-path="inception_3b/3x3"]').bounding_box()
        x, y, *_ = rects[[p.path for b in blocks() for p in b.parts].index("inception_3b/3x3")]
        assert shown["x"] - box["x"] == pytest.approx(x * box["width"] / wide, abs=0.6)
        assert shown["y"] - box["y"] == pytest.approx(y * box["height"] / high, abs=0.6)


@pytest.mark.parametrize("width", [1280, 720, 640, 390])
def test_no_label_and_no_pin_is_on_another(opened, width):
    seen, root = opened(width=width)
    for view in ("shape", "arithmetic", "weights", "what it sees"):
        root.get_by_role("button", name=view, exact=True).click()
        seen.page.wait_for_timeout(50)
        seen.page.wait_for_function(STILL)
        for what in (".iw-map-label", ".iw-map > .iw-map-pin"):
            for (one, *a), (other, *b) in combinations(root.evaluate(BOXES, what), 2):
                lap = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
                assert min(lap) < 1, (view, one, other)


def test_the_mouse_looks_and_a_click_stays(opened):
    seen, root = opened()
    card = root.locator(".iw-map-card")
    expect(card).to_contain_text("3b")
    block(root, "conv2").hover()
    expect(card).to_contain_text("346.8 million MACs")
    assert settings_of(root)["block"] == "inception_3b"
    seen.page.mouse.move(2, 2)
    expect(card).to_contain_text("304.3 million MACs")
    block(root, "aux1").click()
    seen.page.mouse.move(2, 2)
    expect(card).to_contain_text("on top of the network's")
    expect(card.get_by_role("link")).to_have_attribute("href", "08_auxiliary_classifiers.html")
    assert settings_of(root)["block"] == "aux1" and "map.block=aux1" in address_of(seen.page)


def test_every_block_says_what_it_is_and_leads_to_its_chapter(opened):
    _, root = opened()
    for one in blocks():
        block(root, one.name).click()
        link = root.locator(".iw-map-card").get_by_role("link")
        expect(link).to_have_attribute("href", f"{network.opens(one).page}.html")
        expect(root.get_by_role("status")).to_contain_text(f"Chapter {network.number(network.opens(one))}")
        if one.macs:
            expect(root.get_by_role("status")).to_contain_text(f"{one.macs:,} MACs")
            expect(root.get_by_role("status")).to_contain_text(f"{one.weights:,} weights")
    pins = root.locator(".iw-map > .iw-map-pin").evaluate_all(
        "all => all.map((a) => [a.textContent, a.getAttribute('href')])"
    )
    assert pins == [[str(network.number(c)), f"{c.page}.html"] for c in network.CHAPTERS for _ in c.pins]


def test_it_is_one_tab_stop_and_arrows_move_along_the_blocks(opened):
    seen, root = opened()
    assert root.locator('.iw-map [tabindex="0"], .iw-map a:not([tabindex="-1"])').count() == 1
    block(root, "inception_3b").focus()
    names = [one.name for one in blocks()]
    at = names.index("inception_3b")
    for key, step in (
        ("ArrowRight", 1),
        ("ArrowDown", 1),
        ("ArrowRight", 1),
        ("ArrowLeft", -1),
        ("ArrowUp", -1),
    ):
        seen.page.keyboard.press(key)
        at += step
        assert settings_of(root)["block"] == names[at]
        expect(block(root, names[at])).to_be_focused()
        expect(block(root, names[at])).to_have_attribute("aria-checked", "true")
    for key, name in (
        ("End", "classifier"),
        ("ArrowRight", "classifier"),
        ("Home", "input"),
        ("ArrowLeft", "input"),
    ):
        seen.page.keyboard.press(key)
        assert settings_of(root)["block"] == name
    seen.page.keyboard.press("Tab")
    assert not root.evaluate("root => root.querySelector('.iw-map').contains(document.activeElement)")


def test_a_finger_taps_a_block_and_drags_the_object(chromium, folder):
    context = chromium.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    tab = context.new_page()
    tab.goto(
        write_page(
            folder / "touch.html",
            [MapWidget(view="sees")],
            head=HEAD + '<meta name="viewport" content="width=device-width">',
        )
    )
    root = tab.locator(".inception-widget")
    tab.wait_for_function(SETTLED, arg=root.element_handle())
    block(root, "inception_4e").tap()
    assert settings_of(root)["block"] == "inception_4e"
    before = root.get_attribute("data-probabilities")
    tab.wait_for_function(STILL)
    image = root.locator('canvas[data-path="input"]').bounding_box()
    finger = context.new_cdp_session(tab)
    x, y = image["x"] + image["width"] / 2, image["y"] + image["height"] / 2
    finger.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": y}]})
    for step in (4, 8, 12):
        finger.send(
            "Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x + step, "y": y}]}
        )
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    tab.wait_for_function(SETTLED, arg=root.element_handle())
    moved = settings_of(root)
    assert moved["x"] == pytest.approx(50 + 100 * 12 / image["width"], abs=2) and moved["y"] == 50
    assert root.get_attribute("data-probabilities") != before
    context.close()


def test_an_object_is_chosen_by_its_picture_and_the_network_answers(opened):
    seen, root = opened()
    for name in (CLASSES[0], CLASSES[-2]):
        root.get_by_role("button", name=name, exact=True).click()
        settle(seen, root)
        assert settings_of(root)["view"] == "sees" and settings_of(root)["shape"] == name
        p = json.loads(root.get_attribute("data-probabilities"))
        best = CLASSES[int(np.argmax(p))]
        expect(root.locator(".iw-map-answers")).to_contain_text(best)
        expect(root.get_by_role("status")).to_contain_text(f"Its answer: {best}, {100 * max(p):.1f}%")
    ink = """root => [...root.querySelectorAll(".iw-map-part")].filter((c) => c.width > 1)
      .map((c) => c.dataset.path)"""
    painted = root.evaluate(ink)
    assert len(painted) == sum(len(one.parts) for one in blocks() if not one.after)
    root.get_by_role("button", name="weights", exact=True).click()
    assert root.evaluate(ink) == ["input"]  # what it saw is gone


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("view", ["shape", "sees"])
def test_it_fits_a_phone_and_anybody(opened, scheme, view):
    seen, root = opened(width=390, view=view)
    if view == "sees":
        settle(seen, root)
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    drawing = root.locator(".iw-map").bounding_box()
    assert drawing["height"] > 1.5 * drawing["width"]  # it runs downward
    assert drawing["y"] + drawing["height"] < 800  # all of it in one view
    for text, left, _, right, _ in root.evaluate(BOXES, ".iw-map-label, .iw-map-pin"):
        assert left >= 0 and right <= 390, text
    seen.page.set_viewport_size({"width": 1280, "height": 720})
    drawing = root.locator(".iw-map").bounding_box()
    assert drawing["y"] + drawing["height"] < 700  # control and result together
    assert serious_problems(seen.page) == []
    seen.page.set_viewport_size({"width": 390, "height": 844})
    assert serious_problems(seen.page) == []


def test_nothing_flies_where_the_reader_wants_no_motion(opened):
    seen, root = opened()
    duration = "getComputedStyle(document.querySelector('.iw-map-part')).transitionDuration"
    assert seen.page.evaluate(duration).startswith("0.6s")
    seen.page.emulate_media(reduced_motion="reduce")
    assert seen.page.evaluate(duration) == "0s"
    root.get_by_role("button", name="weights", exact=True).click()
    assert seen.page.evaluate(STILL)


def test_a_page_without_the_network_says_so_and_the_rest_works(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [MapWidget(view="sees")], head=HEAD))
    expect(seen.page.get_by_role("alert")).to_have_text(
        "The network's weights, _static/live.js, are not beside this page."
    )
    root = seen.page.locator(".inception-widget")
    root.get_by_role("button", name="arithmetic", exact=True).click()
    block(root, "conv2").click()
    assert root.get_attribute("data-macs") == "346816512"
