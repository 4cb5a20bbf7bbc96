"""The X-ray in a browser, opened from a file: its numbers against torch, and as a reader moves it."""

from __future__ import annotations

import json
import random
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from fields import through
from playwright.sync_api import expect
from test_accessibility import serious_problems
from test_widgets import drawn
from test_xray import layers_to
from widget_page import address_of, move_and_wait, opening, pixels_of, rgb, wander, write_page

from inception_lib.architecture import Branches, walk
from inception_lib.book.bundled import bundled
from inception_lib.book.live import parts
from inception_lib.book.live.packing import Packed, unpack
from inception_lib.book.widgets import XrayWidget
from inception_lib.book.widgets.xray import PATHS
from inception_lib.data.shapes import SIDE
from inception_lib.nn.network import activations

pytestmark = pytest.mark.book
SETTINGS = 200
BRANCHES = ("1x1", "3x3", "5x5", "pool")
HEAD = "<style>:root { color-scheme: light dark; }</style>"
SETTLED = """root => root.dataset.answered && root.dataset.answered === root.dataset.settings
  && (root.dataset.explained || root.dataset.settings.includes('"path":"input"'))"""

# and the image
MOVED = move_and_wait(SETTLED, f"pixels: {pixels_of('canvas', SIDE)}")


@pytest.fixture
def opened(visit, beside_the_network):
    return opening(visit, beside_the_network, XrayWidget, HEAD, SETTLED)


def settle(page, root) -> None:
    page.wait_for_function(SETTLED, arg=root.element_handle())


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


@pytest.fixture(scope="module")
def network():
    """The bundled network as the page has it, in torch."""
    about, data = parts.bundled_network()
    made = next(bundled(1)).network
    tensors = unpack(Packed(about["weights"]["tensors"], data))
    made.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return made.eval()


@contextmanager
def silenced(network, module: str, names: list[str]):
    """The network with branches of a module at zero."""
    if not names:
        yield
        return
    layer = next(one for one in network.architecture.layers if one.name == module)
    shapes = {step.path: step.out_shape[0] for step in walk(network.architecture)}

    def zero(_module, _inputs, output):
        output, begin = output.clone(), 0
        for branch in layer.branches:
            end = begin + shapes[f"{module}/{branch.layers[-1].name}"]
            if branch.name in names:
                output[:, begin:end] = 0
            begin = end
        return output

    handle = getattr(network, module).register_forward_hook(zero)
    yield
    handle.remove()


def probabilities(network, x) -> np.ndarray:
    with torch.no_grad():
        return network(x).logits.softmax(1)[0].numpy()


@pytest.mark.slow
def test_random_settings_give_torchs_numbers(opened, network):
    rng = random.Random("xray")
    fields = {f["name"]: f for f in XrayWidget().fields if "pattern" not in f}

    def draw() -> dict:
        settings = drawn(XrayWidget, rng)
        del settings["drawing"]  # which nobody types
        # branches are in modules; and a channel of 256 is most often the last
        settings |= {"channel": rng.randint(1, 40), "row": rng.randint(1, 12), "column": rng.randint(1, 12)}
        return settings | {"shape": rng.choice([value for value, _ in fields["shape"]["options"][:-1]])}

    chosen, steps = wander(draw, rng, SETTINGS, 5)
    typed = [[[fields[name]["label"], value] for name, value in s.items()] for s in steps]
    seen, root = opened()
    found = seen.page.evaluate(MOVED, [root.element_handle(), typed])
    preprocess = next(bundled(1)).info.preprocess
    changed = fields_seen = 0
    for settings, said in zip(chosen, found, strict=True):
        assert {**json.loads(said["settings"]), "drawing": ""} == settings | {"drawing": ""}
        x = preprocess(rgb(said["pixels"], SIDE))[None]
        path = settings["path"]
        module = settings["off_in"] or (path.partition("/")[0] if "/" in path else None)
        off = [name for name in BRANCHES if settings[f"off_{name}"]] if module else []
        np.testing.assert_allclose(json.loads(said["probabilities"]), probabilities(network, x), atol=1e-4)
        if path == "input":
            maps = x
        else:  # what is switched off is shown as it would be, and all behind its module without it
            behind = off and PATHS.index(path) > max(i for i, p in enumerate(PATHS) if p.startswith(module))
            with torch.no_grad(), silenced(network, module, off if behind else []):
                maps = activations(network, x, [path])[path].output
        maps = maps.reshape(*maps.shape, *(1,) * (4 - maps.dim()))[0]
        at = [
            min(settings[name], n) - 1
            for name, n in zip(("channel", "row", "column"), maps.shape, strict=True)
        ]
        want = float(maps[tuple(at)])
        assert float(said["value"]) == pytest.approx(want, rel=1e-4, abs=1e-4)
        if path != "input":
            assert float(said["explained"]) == pytest.approx(float(said["value"]), rel=1e-4, abs=1e-4)
        if path not in ("input", "pool5", "classifier"):
            field, layers = json.loads(said["field"]), layers_to(network.architecture, path)
            assert (field["top"], field["bottom"]) == through(layers, (at[1],) * 2)
            assert (field["left"], field["right"]) == through(layers, (at[2],) * 2)
            fields_seen += 1
        if off:
            with silenced(network, module, off):
                without = probabilities(network, x)
            np.testing.assert_allclose(json.loads(said["without"]), without, atol=1e-4)
            changed += abs(without - probabilities(network, x)).max() > 0.01
        else:
            assert said["without"] == ""
    assert changed > SETTINGS / 4 and fields_seen > SETTINGS / 2
    assert seen.errors == [] and seen.off_machine == []


def test_the_object_is_dragged_and_the_answer_follows(opened):
    seen, root = opened()
    stage = root.locator("canvas").first
    box, before = stage.bounding_box(), settings_of(root)
    answer = root.get_attribute("data-probabilities")
    mouse = seen.page.mouse
    mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.4)
    mouse.down()
    mouse.move(box["x"] + box["width"] * 0.6, box["y"] + box["height"] * 0.5, steps=8)
    mouse.up()
    settle(seen.page, root)
    after = settings_of(root)
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (20, 10)
    assert root.get_attribute("data-probabilities") != answer
    mouse.move(box["x"], box["y"])  # let go of
    assert settings_of(root) == after
    root.get_by_role("button", name="Repaint").click()
    settle(seen.page, root)
    assert settings_of(root)["colors"] == after["colors"] + 1


def test_the_image_moves_by_keys_alone(opened):
    _, root = opened()
    stage, before = root.locator("canvas").first, settings_of(root)
    stage.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "+", "]", "a"):
        stage.press(key)
    after = settings_of(root)
    assert {k: v for k, v in after.items() if v != before[k]} == {
        "x": before["x"] + 2,
        "y": before["y"] + 4,
        "radius": before["radius"] + 2,
        "turn": before["turn"] + 10,
    }
    assert "Arrow keys move it" in stage.get_attribute("aria-label")


def test_a_drawing_by_touch_is_in_the_address(opened, visit):
    seen, root = opened()
    root.get_by_role("button", name="Draw your own").click()
    stage = root.locator("canvas").first
    assert stage.evaluate("canvas => getComputedStyle(canvas).touchAction") == "none"  # the page stands still
    touch = seen.page.context.new_cdp_session(seen.page)
    box = stage.bounding_box()

    def finger(kind: str, *at: float) -> None:
        points = [{"x": box["x"] + at[0] * box["width"], "y": box["y"] + at[1] * box["height"]}] if at else []
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    finger("touchStart", 0.2, 0.5)
    for step in range(1, 7):
        finger("touchMove", 0.2 + 0.1 * step, 0.5)
    finger("touchEnd")
    settle(seen.page, root)
    drawing = settings_of(root)["drawing"]
    assert settings_of(root)["shape"] == "drawing" and len(drawing) >= 8
    again = visit(address_of(seen.page))
    other = again.page.locator(".inception-widget")
    settle(again.page, other)
    assert settings_of(other) == settings_of(root)
    assert other.get_attribute("data-probabilities") == root.get_attribute("data-probabilities")
    root.get_by_role("button", name="Clear the drawing").click()
    assert settings_of(root)["drawing"] == ""


def test_a_drawing_that_is_full_says_so(opened):
    _, root = opened(shape="drawing", drawing="00" * 200)
    stage = root.locator("canvas").first
    stage.click()
    assert "The drawing is full" in root.locator("figcaption").inner_text()
    assert settings_of(root)["drawing"] == "00" * 200


def test_an_address_that_is_no_drawing_is_named(opened):
    _, root = opened("?xray.drawing=0&xray.path=conv9")
    said = root.get_by_role("alert").inner_text()
    assert "Drawing" in said and "Layer" in said
    assert settings_of(root) == XrayWidget().settings


def test_maps_are_walked_by_keys_and_said_in_words(opened):
    _, root = opened(path="inception_3a/3x3", channel=5, row=3, column=4)
    maps = root.locator('canvas[data-path="inception_3a/3x3"]')
    value = float(root.get_attribute("data-value"))
    place = f"3a, 3x3, channel 5, row 3, column 4: {value:.2f}."
    assert place in maps.get_attribute("aria-label")
    expect(root.get_by_role("status")).to_contain_text(f"{place} Receptive field: 43x43 pixels")
    maps.focus()
    for key in ("ArrowRight", "ArrowDown", "PageDown", "ArrowRight"):
        maps.press(key)
    at = settings_of(root)
    assert (at["channel"], at["row"], at["column"]) == (6, 4, 6)
    maps.press("End")
    maps.press("PageDown")  # there are no more
    assert settings_of(root)["channel"] == 32
    assert maps.evaluate("canvas => document.activeElement === canvas")


def test_pointing_at_a_map_chooses_branch_channel_and_position(opened):
    seen, root = opened()
    maps = root.locator('canvas[data-path="inception_3a/5x5"]')
    box = maps.bounding_box()
    # 8 maps of 10x10 in rows of four; the middle of the second map
    seen.page.mouse.move(box["x"] + box["width"] * 0.375, box["y"] + box["height"] * 0.25)
    settle(seen.page, root)
    at = settings_of(root)
    assert (at["path"], at["channel"]) == ("inception_3a/5x5", 2) and {at["row"], at["column"]} <= {5, 6}
    assert root.locator("rect.iw-5x5.iw-chosen").count() == 1
    frame = root.locator("rect.iw-chosen")
    field = json.loads(root.get_attribute("data-field"))
    assert float(frame.get_attribute("width")) == field["right"] - field["left"] + 1 == 59
    seen.page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] * 0.1)
    assert settings_of(root)["channel"] == 1
    seen.page.mouse.down()  # held
    seen.page.mouse.up()
    held = settings_of(root)
    seen.page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    assert settings_of(root) == held


def test_the_sum_is_written_out_and_adds_up(opened):
    for path, channel in (("inception_3a/1x1", 3), ("inception_3a/3x3", 5), ("conv1", 2), ("classifier", 4)):
        _, root = opened(path=path, channel=channel)
        cells = (
            root.locator(".iw-sum table")
            .first.locator("tr")
            .evaluate_all("rows => rows.map((row) => [row.cells[0].textContent, row.cells[2].textContent])")
        )
        numbers = [(name, float(text.replace("\u2212", "-"))) for name, text in cells]
        terms = [value for name, value in numbers if name not in ("sum", "ReLU: nothing below 0")]
        (total,) = [value for name, value in numbers if name == "sum"]
        assert sum(terms) == pytest.approx(total, abs=1e-3 * len(terms)), path
        last = float(root.get_attribute("data-value"))
        assert numbers[-1][1] == pytest.approx(last, abs=6e-4)
        assert len(terms) > 3


def test_a_branch_switched_off_changes_the_answer_and_says_so(opened):
    seen, root = opened(path="inception_4a/3x3")
    before = root.get_attribute("data-probabilities")
    assert root.locator(".iw-off").count() == 0
    root.get_by_label("3x3 branch off").check()
    settle(seen.page, root)
    assert root.get_attribute("data-probabilities") == before
    assert json.loads(root.get_attribute("data-without")) != json.loads(before)
    assert "With what is switched off: " in root.inner_text() and root.locator(".iw-off").count() == 2
    assert root.locator(".iw-banner").is_hidden()


def test_what_is_switched_off_stays_off_and_is_seen_in_later_maps(opened, network):
    seen, root = opened(path="inception_3a/3x3")
    root.get_by_role("button", name="4a", exact=True).click()
    settle(seen.page, root)
    maps = root.locator('canvas[data-path="inception_4a/3x3"]')
    before = maps.evaluate("canvas => canvas.toDataURL()")
    root.get_by_role("button", name="3a", exact=True).click()
    strip = root.locator(".iw-strip canvas")
    settle(seen.page, root)
    concatenated = strip.evaluate("canvas => canvas.toDataURL()")
    root.get_by_label("3x3 branch off").check()
    settle(seen.page, root)
    assert strip.evaluate("canvas => canvas.toDataURL()") != concatenated
    without = root.get_attribute("data-without")
    root.get_by_role("button", name="4a", exact=True).click()
    settle(seen.page, root)
    assert settings_of(root)["off_in"] == "inception_3a"
    assert root.get_attribute("data-without") == without
    assert maps.evaluate("canvas => canvas.toDataURL()") != before
    assert root.locator(".iw-off").count() == 0  # no branch of this module
    banner = root.locator(".iw-banner")
    assert banner.inner_text().startswith("In 3a switched off: 3x3.")
    banner.get_by_role("button", name="Back to 3a").click()
    settle(seen.page, root)
    assert root.get_by_label("3x3 branch off").is_checked() and root.locator(".iw-off").count() == 2
    root.get_by_label("3x3 branch off").uncheck()
    root.get_by_role("button", name="4a", exact=True).click()
    settle(seen.page, root)
    assert settings_of(root)["off_in"] == "" and maps.evaluate("canvas => canvas.toDataURL()") == before


def test_the_handle_scales_and_turns(opened):
    seen, root = opened()
    stage = root.locator("canvas").first
    box = stage.bounding_box()
    handle = root.locator(".iw-handle").bounding_box()
    middle = [handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2]
    center = [box["x"] + box["width"] * 0.46, box["y"] + box["height"] * 0.48]
    mouse = seen.page.mouse
    mouse.move(*middle)
    mouse.down()
    # a quarter turn clockwise, and half as large
    mouse.move(center[0] - (middle[1] - center[1]) / 2, center[1] + (middle[0] - center[0]) / 2, steps=6)
    mouse.up()
    settle(seen.page, root)
    at = settings_of(root)
    assert at["turn"] == pytest.approx(100, abs=2) and at["radius"] == pytest.approx(12, abs=1)
    assert (at["x"], at["y"]) == (46, 48)


def test_the_strip_has_every_map_in_order_and_a_click_chooses_it(opened):
    seen, root = opened()
    strip = root.locator(".iw-strip canvas")
    assert strip.get_attribute("aria-label") == (
        "Concatenated 64 maps of 10x10, in this order, are what 3a passes on: "
        "16 of 1x1, 32 of 3x3, 8 of 5x5, 8 of pool."
    )
    box = strip.bounding_box()
    for at, path, channel in ((0, "1x1", 1), (16, "3x3", 1), (50, "5x5", 3), (63, "pool_proj", 8)):
        strip.click(position={"x": (at + 0.5) / 64 * box["width"], "y": 4})
        settle(seen.page, root)
        found = settings_of(root)
        assert (found["path"], found["channel"]) == (f"inception_3a/{path}", channel)
    root.get_by_role("button", name="conv1", exact=True).click()
    assert strip.is_hidden()


def test_every_layer_is_chosen_by_its_chip_at_the_same_place_of_the_image(opened):
    seen, root = opened(path="conv1", row=30, column=10)
    chips = root.locator(".iw-chips button")
    names = chips.all_inner_texts()
    assert names[:4] == ["input", "conv1", "pool1", "norm1"] and names[-2:] == ["pool5", "answer"]
    assert names[8:10] == ["3a", "3b"]
    root.get_by_role("button", name="3a", exact=True).click()
    settle(seen.page, root)
    at = settings_of(root)
    assert (at["path"], at["row"], at["column"]) == ("inception_3a/3x3", 8, 3)
    for name in names:
        root.get_by_role("button", name=name, exact=True).click()
        settle(seen.page, root)
        pressed = root.locator('.iw-chips button[aria-pressed="true"]')
        assert pressed.all_inner_texts() == [name]
    assert seen.errors == []


def test_maps_are_painted_by_one_stated_scale_or_by_each_its_own(opened):
    seen, root = opened(path="conv1")
    brightest = """canvas => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), most = [];
      for (let c = 0; c < 8; c++) {
        let found = 0;
        for (let r = 0; r < 40; r++) for (let q = 0; q < 40; q++) {
          found = Math.max(found, data[4 * (r * canvas.width + c * 43 + q)]);
        }
        most.push(found);
      }
      return most;
    }"""
    maps = root.locator('canvas[data-path="conv1"]')
    together = maps.evaluate(brightest)
    assert max(together) <= 255 and len(set(together)) > 3
    assert "the largest value of these maps" in root.inner_text()
    root.get_by_text("All of it as numbers").click()
    root.get_by_label("White is the largest value of").select_option("map")
    settle(seen.page, root)
    assert set(maps.evaluate(brightest)) <= {0, 255}  # 0 of a map that is all 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1280, 720), (390, 844)])
def test_image_layers_maps_and_answers_are_seen_together(opened, scheme, width, height):
    seen, root = opened()
    seen.page.set_viewport_size({"width": width, "height": height})
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for what in (".iw-stage canvas", ".iw-chips", ".iw-answers", ".iw-columns", ".iw-hands"):
        box = root.locator(what).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, what
    tops = root.locator(".iw-column").evaluate_all("all => all.map((c) => c.getBoundingClientRect().top)")
    assert len(tops) == 4 and len(set(tops)) == 1
    assert root.bounding_box()["height"] < 1800  # 4,200 on a phone, once
    assert serious_problems(seen.page) == []


def test_a_page_without_the_network_says_so(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [XrayWidget()], head=HEAD))
    expect(seen.page.get_by_role("alert")).to_have_text(
        "The network's weights, _static/live.js, are not beside this page."
    )


def test_a_dragging_finger_is_followed(opened):
    """Each move is answered before long: the newest, not one after the other."""
    _, root = opened()
    took = root.evaluate(
        f"""async (root) => {{
          const settled = {SETTLED}, times = [];
          const labels = [...root.querySelectorAll("label")];
          const box = labels.find((label) => label.textContent.startsWith("Turn")).control;
          for (let turn = -60; turn <= 60; turn += 3) {{
            const start = performance.now();
            box.value = turn;
            box.dispatchEvent(new Event("input", {{ bubbles: true }}));
            while (!settled(root)) await new Promise((done) => setTimeout(done, 0));
            times.push(performance.now() - start);
          }}
          return times.sort((a, b) => a - b)[Math.floor(times.length / 2)];
        }}"""
    )
    assert took < 250  # 60 on a machine with nothing else to do


def test_the_module_that_is_shown_is_one_with_branches():
    layer = next(one for one in next(bundled(1)).network.architecture.layers if one.name == "inception_3a")
    assert isinstance(layer, Branches) and [b.name for b in layer.branches] == ["1x1", "3x3", "5x5", "pool"]
