"""The 1x1 convolution and the few channels in a browser: their numbers against torch, and moved by hand."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest
import torch
from test_accessibility import serious_problems
from test_widgets import drawn
from test_widgets_browser import camel
from test_xray_page import MOVED as XRAY_MOVED
from test_xray_page import network as network  # the bundled one, as the page has it
from widget_page import address_of, move_and_wait, rgb, write_page

from inception_lib.book.bundled import bundled
from inception_lib.book.live import page as live_page
from inception_lib.book.widgets import ConvolutionWidget, LowRankWidget, XrayWidget
from inception_lib.book.widgets.base import source
from inception_lib.book.widgets.convolution import BEFORE, CASES, LAYER, LUMA, PATTERNS, SIDE, pixels
from inception_lib.data.shapes import SIDE as INPUT
from inception_lib.nn.network import activations

pytestmark = pytest.mark.book
SETTINGS = 200
HEAD = '<meta name="viewport" content="width=device-width"><style>:root { color-scheme: light dark; }</style>'
SETTLED = "root => root.dataset.answered"

MOVED = move_and_wait(SETTLED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("convolution")
    live_page.write_scripts(made / "_static")
    return made


@pytest.fixture
def opened(visit, folder):
    def open_one(*widgets, query: str = "", **more):
        seen = visit(write_page(folder / "page.html", list(widgets), head=HEAD) + query, **more)
        root = seen.page.locator(".inception-widget").first
        seen.page.wait_for_function(SETTLED, arg=root.element_handle())
        return seen, root

    return open_one


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def moved(seen, root, cls, chosen: list[dict]) -> list[dict]:
    labels = {field["name"]: field["label"] for field in cls().fields}
    typed = [[[labels[name], value] for name, value in settings.items()] for settings in chosen]
    return seen.page.evaluate(MOVED, [root.element_handle(), typed])


@pytest.fixture
def arriving(visit, folder, network):
    """What arrives in module 3a, (48, 10, 10): of the X-ray's object, which is the same."""
    seen = visit(write_page(folder / "xray.html", [XrayWidget()], head=HEAD))
    root = seen.page.locator(".inception-widget")
    (found,) = seen.page.evaluate(XRAY_MOVED, [root.element_handle(), [[]]])
    x = next(bundled(1)).info.preprocess(rgb(found["pixels"], INPUT))
    with torch.no_grad():
        return activations(network, x[None], [BEFORE])[BEFORE].output[0]


def convolved(case: str, kernel: str, arriving, network) -> np.ndarray:
    """The outputs by torch, (outputs, rows, columns)."""
    if case == "gray":
        x = torch.tensor(np.frombuffer(pixels(SIDE), np.uint8).reshape(SIDE, SIDE, 3).copy()).movedim(2, 0)
        matrix, bias = torch.tensor([LUMA]), torch.zeros(1)
    else:
        x, layer = arriving, network.get_submodule(LAYER.replace("/", ".")).conv
        matrix, bias = layer.weight.detach().flatten(1), layer.bias.detach()
    pattern = torch.tensor(PATTERNS["5x5" if kernel == "reduced" else kernel])
    size = len(pattern) // 2
    if kernel == "reduced":  # two layers, by the singular values
        r = CASES[case]["reduce"]
        u, s, v = torch.linalg.svd(matrix, full_matrices=False)
        first = torch.conv2d(x.float()[None], (s[:r, None] * v[:r])[:, :, None, None])
        y = torch.conv2d(first, u[:, :r, None, None] * pattern, bias, padding=size)[0]
    else:
        y = torch.conv2d(x.float()[None], matrix[:, :, None, None] * pattern, bias, padding=size)[0]
    return (y if case == "gray" else y.relu()).numpy()


def test_random_settings_give_torchs_numbers(opened, arriving, network):
    rng = random.Random("convolution")
    chosen = [drawn(ConvolutionWidget, rng) for _ in range(SETTINGS)]
    for settings in chosen:
        settings["row"], settings["column"] = rng.randint(1, 14), rng.randint(1, 48)
    seen, root = opened(ConvolutionWidget())
    outputs = {}
    for settings, said in zip(chosen, moved(seen, root, ConvolutionWidget, chosen), strict=True):
        assert json.loads(said["settings"]) == settings
        widget, case = ConvolutionWidget(**settings), CASES[settings["case"]]
        result = widget.result()
        assert {name: int(said[camel(name)]) for name in result} == result
        key = settings["case"], settings["kernel"]
        if key not in outputs:
            outputs[key] = convolved(*key, arriving, network)
        at = [
            min(settings[name], n) - 1
            for name, n in zip(
                ("output", "row", "column"), (case["c_out"], case["grid"], case["grid"]), strict=True
            )
        ]
        assert float(said["value"]) == pytest.approx(float(outputs[key][tuple(at)]), rel=1e-4, abs=2e-3)
    assert len(outputs) == 8 and seen.errors == [] and seen.off_machine == []


def test_few_channels_keep_what_numpy_says(opened, arriving):
    seen, root = opened(LowRankWidget())
    for kept, said in zip(
        (1, 2, 7, 16, 47, 48),
        moved(seen, root, LowRankWidget, [{"kept": kept} for kept in (1, 2, 7, 16, 47, 48)]),
        strict=True,
    ):
        result = LowRankWidget(kept=kept).result()
        assert float(said["share"]) == pytest.approx(result["share"], abs=1e-6)
        assert float(said["error"]) == pytest.approx(result["error"], abs=1e-3)
    values = arriving.flatten(1).numpy().astype(float)
    spread = np.linalg.eigvalsh(np.cov(values, bias=True))[::-1]
    for kept, said in zip(
        (1, 5, 20),
        moved(seen, root, LowRankWidget, [{"case": "maps", "kept": k} for k in (1, 5, 20)]),
        strict=True,
    ):
        assert float(said["share"]) == pytest.approx(spread[:kept].sum() / spread.sum(), abs=1e-4)
    assert seen.errors == []


def test_the_picture_comes_back_whole_from_all_channels_and_not_from_few(opened):
    seen, root = opened(LowRankWidget(kept=48))
    apart = """root => {
      const [a, b] = [...root.querySelectorAll(".iw-beside canvas")].map((c) =>
        c.getContext("2d").getImageData(0, 0, c.width, c.height).data);
      return Math.sqrt(a.reduce((sum, v, i) => sum + (v - b[i]) ** 2, 0) / (a.length * 0.75));
    }"""
    assert root.evaluate(apart) < 0.6  # rounding
    (said,) = moved(seen, root, LowRankWidget, [{"kept": 3}])
    assert root.evaluate(apart) == pytest.approx(float(said["error"]), rel=0.05)  # of what is shown


def test_eigenvalues_are_numpys(opened):
    seen, _ = opened(LowRankWidget())
    rng = np.random.default_rng(5)
    for n in (1, 2, 24, 48):
        a = rng.normal(size=(n, 2 * n))
        a = a @ a.T if n < 48 else np.diag(np.arange(n) // 2)  # with equal ones, too
        found = seen.page.evaluate(
            """async ([text, rows]) => {
              const file = new Blob([text], { type: "text/javascript" });
              const { eigen } = await import(URL.createObjectURL(file));
              const { values, vectors } = eigen(rows);
              return { values, vectors: vectors.map((v) => [...v]) };
            }""",
            [source("linear.js"), a.tolist()],
        )
        values, vectors = np.array(found["values"]), np.array(found["vectors"])
        np.testing.assert_allclose(values, np.linalg.eigvalsh(a)[::-1], atol=1e-9 * max(1, values[0]))
        np.testing.assert_allclose(vectors @ vectors.T, np.eye(n), atol=1e-10)
        np.testing.assert_allclose(a @ vectors.T, vectors.T * values, atol=1e-8 * max(1, values[0]))


def test_the_window_is_dragged_over_a_map_and_over_the_output(opened):
    seen, root = opened(ConvolutionWidget(row=1, column=1))
    hand = root.get_by_role("slider", name="Position of the window")
    box, mouse = hand.bounding_box(), seen.page.mouse
    side = min(190, max(92, 0.27 * box["width"]))
    left = box["x"] + box["width"] - side  # of the output map

    def at(row: float, column: float) -> None:
        mouse.move(left + (column - 0.5) / 48 * side, box["y"] + (row - 0.5) / 48 * side, steps=4)

    at(10, 20)
    mouse.down()
    assert (settings_of(root)["row"], settings_of(root)["column"]) == (10, 20)
    at(30, 40)
    assert (settings_of(root)["row"], settings_of(root)["column"]) == (30, 40)
    mouse.move(left - 500, box["y"] + 2000)  # beyond it
    assert (settings_of(root)["row"], settings_of(root)["column"]) == (48, 1)
    mouse.up()
    assert root.get_attribute("data-done") == str(47 * 48 + 1)
    at(5, 5)  # let go of
    assert settings_of(root)["row"] == 48
    mouse.move(box["x"] + 30, box["y"] + 120)  # on the red map
    mouse.down()
    mouse.up()
    assert settings_of(root)["row"] < 48 and settings_of(root)["column"] > 1


def test_keys_move_the_window_and_the_output(opened):
    _, root = opened(ConvolutionWidget(case="maps", row=5, column=5, output=3))
    hand = root.get_by_role("slider", name="Position of the window")
    hand.focus()
    for key in ("ArrowRight", "ArrowDown", "ArrowDown", "ArrowLeft", "ArrowLeft", "ArrowUp"):
        hand.press(key)
    assert (settings_of(root)["row"], settings_of(root)["column"]) == (6, 4)
    assert hand.get_attribute("aria-valuetext") == "row 6, column 4"
    hand.press("End")
    assert root.get_attribute("data-done") == "100"
    hand.press("ArrowDown")  # there is no more
    assert root.get_attribute("data-done") == "100"
    rows = root.get_by_role("slider", name="Output channel", exact=True)
    rows.press("ArrowRight")
    assert settings_of(root)["output"] == 4
    assert "output maps" in root.get_by_role("img").first.get_attribute("aria-label")


def test_a_finger_moves_the_window_and_the_kept_channels(opened):
    for widget, name, moves in (
        (ConvolutionWidget(row=1, column=1), "Position of the window", ("row", "column")),
        (LowRankWidget(kept=2), "Channels kept, by their mixtures", ("kept",)),
    ):
        seen, root = opened(widget)
        hand = root.get_by_role("slider", name=name)
        hand.scroll_into_view_if_needed()
        assert hand.evaluate("el => getComputedStyle(el).touchAction") == "none"
        touch, box, before = (
            seen.page.context.new_cdp_session(seen.page),
            hand.bounding_box(),
            settings_of(root),
        )
        for kind, share in (
            ("touchStart", 0.9),
            ("touchMove", 0.93),
            ("touchMove", 0.96),
            ("touchEnd", None),
        ):
            x = share and box["x"] + share * box["width"]
            points = [{"x": x, "y": box["y"] + 0.3 * box["height"]}] if share else []
            touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert all(settings_of(root)[key] > before[key] for key in moves)


def test_play_goes_to_the_end_and_stops_there(opened):
    seen, root = opened(ConvolutionWidget(case="maps", row=9, column=5))
    play = root.get_by_role("button", name="Play")
    play.click()
    seen.page.wait_for_function("root => root.dataset.done === '100'", arg=root.element_handle())
    assert play.is_visible()  # it has stopped: its name is Play again
    step = root.get_by_role("button", name="Step")
    step.click()
    assert root.get_attribute("data-done") == "1"
    step.click()
    assert root.get_attribute("data-done") == "2"
    seen.page.emulate_media(reduced_motion="reduce")
    play.click()
    assert root.get_attribute("data-done") == "100"  # at once


def test_the_order_of_the_channels_plays_no_part(opened):
    seen, root = opened(ConvolutionWidget(case="maps", row=4, column=5, output=3))
    read = "root => [root.dataset.value, root.querySelector('.iw-written').textContent]"
    picture = "root => root.querySelector('canvas').toDataURL()"
    seen.page.emulate_media(reduced_motion="reduce")
    before, drawing = root.evaluate(read), root.evaluate(picture)
    root.get_by_role("button", name="Shuffle").click()
    assert settings_of(root)["order"] == 1
    assert root.evaluate(picture) != drawing  # they stand elsewhere
    assert root.evaluate(read) == before


def test_settings_are_in_the_address(opened, visit):
    seen, root = opened(ConvolutionWidget())
    root.get_by_role("button", name="3x3").click()
    root.get_by_role("button", name="Step").click()
    again = visit(address_of(seen.page)).page.locator(".inception-widget")
    assert settings_of(again) == settings_of(root) and settings_of(again)["kernel"] == "3x3"
    assert again.get_attribute("data-value") == root.get_attribute("data-value")


@pytest.mark.parametrize("widget", [ConvolutionWidget, LowRankWidget])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_has_no_serious_problem(opened, widget, scheme):
    seen, _ = opened(widget(case="maps"), width=390, scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert serious_problems(seen.page) == []


def test_a_page_without_the_network_says_so(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [ConvolutionWidget(case="maps")], head=HEAD))
    root = seen.page.locator(".inception-widget")
    assert "are not beside this page" in root.locator(".iw-verdict").inner_text()
    root.get_by_label("Input", exact=True).select_option("gray")
    assert root.get_attribute("data-answered") == "gray 1x1"
