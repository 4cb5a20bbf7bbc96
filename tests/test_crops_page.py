"""The crops and their factors in a browser: played, pointed at, walked along by keys and by finger."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from test_accessibility import serious_problems
from widget_page import address_of, write_page

from inception_lib.book.widgets import CropWidget, FactorsWidget
from inception_lib.book.widgets.crops import HEIGHT, WIDTH, covered

pytestmark = pytest.mark.book
HEAD = """<meta name="viewport" content="width=device-width">
<style>:root { color-scheme: light dark; } body { max-width: 960px; margin: 0 auto; }</style>"""


@pytest.fixture
def opened(visit, tmp_path):
    """Open a page with a widget; give the visit and the widget's root."""

    def open_one(widget=None, query: str = ""):
        seen = visit(write_page(tmp_path / "page.html", [widget or CropWidget()], head=HEAD) + query)
        seen.page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
        return seen, seen.page.locator(".inception-widget")

    return open_one


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def result_of(root) -> dict:
    """What Python finds for the settings that the page is at."""
    return CropWidget(**settings_of(root)).result()


def holds_what_python_finds(root) -> None:
    found = root.evaluate("root => ({ ...root.dataset })")
    want = result_of(root)
    names = {"covered_most": "coveredMost", "covered_least": "coveredLeast", "held": "held"}
    for name in ("number", "agree", *names, "mean_class1", "mean_p1"):
        assert int(found[names.get(name, name.replace("_", ""))]) == want[name]


def test_playing_lays_the_crops_to_the_end_and_again(opened):
    seen, root = opened(CropWidget(averaged=136))
    seen.page.clock.install(time=0)
    seen.page.clock.pause_at(10)  # a loaded machine's own time does not count
    play = root.get_by_role("button", name="Lay the crops")
    play.click()
    seen.page.clock.run_for(160)
    root.get_by_role("button", name="Pause").click()
    laid = settings_of(root)["averaged"]
    assert 138 <= laid < 144 and int(root.get_attribute("data-number")) == laid
    assert root.locator(".iw-strip .iw-laid").count() == laid
    seen.page.clock.run_for(500)
    assert settings_of(root)["averaged"] == laid
    play.click()
    seen.page.clock.run_for(1000)
    assert settings_of(root)["averaged"] == 144
    expect(play).to_be_visible()  # it has stopped
    holds_what_python_finds(root)
    play.click()
    seen.page.clock.run_for(80)
    assert 1 <= settings_of(root)["averaged"] < 60
    assert seen.errors == []


def test_with_less_motion_playing_goes_to_its_end_at_once(opened):
    seen, root = opened()
    seen.page.emulate_media(reduced_motion="reduce")
    root.get_by_role("button", name="Lay the crops").click()
    assert settings_of(root)["averaged"] == 144
    assert "Average of 144: Egyptian cat" in root.inner_text()


def test_the_photograph_is_brighter_where_more_crops_look(opened):
    _, root = opened(CropWidget(averaged=77))
    views = CropWidget().table["views"][:77]
    counts = covered([view["box"] for view in views], WIDTH, HEIGHT)
    shade = root.locator(".iw-photo canvas").evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, 451, 300).data].filter((_, i) => i % 4 === 3)"
    )
    by_count = {}
    for count, dark in zip(counts.ravel().tolist(), shade, strict=True):
        by_count.setdefault(count, set()).add(dark)
    assert all(len(found) == 1 for found in by_count.values()) and len(by_count) > 20
    # in proportion to the crops that do not hold a pixel
    for count, (dark,) in by_count.items():
        assert dark == int(255 * 0.84 * (1 - count / 77))


def test_a_pixel_that_is_pointed_at_names_the_crops_that_hold_it(opened):
    seen, root = opened(CropWidget(averaged=144))
    photo = root.get_by_role("application")
    box = photo.bounding_box()
    seen.page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)
    at = settings_of(root)
    assert abs(at["column"] - 0.9 * WIDTH) < 3 and abs(at["row"] - 0.9 * HEIGHT) < 3
    held = result_of(root)["held"]
    assert 0 < held < 60
    assert f"Row {at['row']}, column {at['column']} is in {held} of the 144 crops." in root.inner_text()
    assert root.locator(".iw-strip .iw-mini:not(.iw-aside-of)").count() == held
    holds_what_python_finds(root)
    seen.page.mouse.click(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 0.9)  # again: let go
    assert settings_of(root)["column"] == 0 and root.locator(".iw-aside-of").count() == 0


def test_the_pixel_moves_by_keys_and_is_said(opened):
    _, root = opened()
    photo = root.get_by_role("application")
    photo.focus()
    for key in ("ArrowRight", "ArrowDown", "Shift+ArrowDown"):
        photo.press(key)
    at = settings_of(root)
    assert (at["column"], at["row"]) == (231, 156)
    expect(root.get_by_role("status")).to_contain_text("Row 156, column 231 is in")
    assert "Row 156, column 231 is in" in photo.get_attribute("aria-label")
    photo.press("Escape")
    assert settings_of(root)["row"] == 0


def test_the_curve_is_a_slider_and_hovering_it_goes_back_to_a_crop(opened):
    seen, root = opened(CropWidget(averaged=100))
    curve = root.get_by_role("slider", name="along the curve")
    assert curve.get_attribute("aria-valuetext").startswith("100: Egyptian cat ")
    box = curve.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    assert settings_of(root)["averaged"] == 100
    back = result_of(root)["number"]
    assert 40 < back < 60
    seen.page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + box["height"] * 0.5)  # not laid yet
    assert result_of(root)["number"] < 101
    seen.page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] * 0.5)
    assert settings_of(root)["averaged"] == result_of(root)["number"] == back
    for key, averaged in (("End", 144), ("ArrowLeft", 143), ("PageDown", 133), ("Home", 1)):
        curve.press(key)
        assert settings_of(root)["averaged"] == averaged
        assert int(curve.get_attribute("aria-valuenow")) == averaged
        holds_what_python_finds(root)


def test_crops_that_disagree_are_dashed_and_have_a_sign(opened):
    _, root = opened(CropWidget(averaged=144))
    dissent = 144 - result_of(root)["agree"]
    assert dissent > 5 and root.locator(".iw-strip .iw-dissent").count() == dissent
    assert root.locator(".iw-strip text:visible", has_text="≠").count() == dissent
    strip = root.get_by_role("slider", name="Crop shown")
    views = CropWidget().table["views"]
    number = next(n for n, view in enumerate(views, 1) if max(view["p"]) != view["p"][0])
    box = root.locator(".iw-strip .iw-mini").nth(number - 1).locator(".iw-whole").bounding_box()
    root.page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    assert result_of(root)["number"] == number
    assert root.locator(".iw-photo .iw-frame.iw-dissent").count() == 1
    said = root.locator(".iw-photo .iw-sign").text_content()
    assert said.startswith("≠ ") and said[2:] in strip.get_attribute("aria-valuetext")
    strip.press("Home")
    assert result_of(root)["number"] == 1 and root.locator(".iw-photo .iw-dissent").count() == 0


def test_a_finger_slides_along_the_strip_and_taps_a_pixel(opened):
    seen, root = opened()
    seen.page.set_viewport_size({"width": 390, "height": 844})
    touch = seen.page.context.new_cdp_session(seen.page)

    def finger(kind: str, *points: tuple[float, float]) -> None:
        there = [{"x": x, "y": y} for x, y in points]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": there})

    strip = root.get_by_role("slider", name="Crop shown")
    assert strip.evaluate("svg => getComputedStyle(svg).touchAction") == "none"
    strip.scroll_into_view_if_needed()
    box, minis = strip.bounding_box(), root.locator(".iw-strip .iw-whole")
    first, last = (minis.nth(n).bounding_box() for n in (0, 143))
    finger("touchStart", (first["x"] + 5, first["y"] + 3))
    finger("touchMove", (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2))
    finger("touchMove", (last["x"] + 5, last["y"] + 3))
    seen.page.wait_for_timeout(
        200
    )  # the finger rests: lifted while it moves, it flings, and the next tap only
    finger("touchMove", (last["x"] + 5, last["y"] + 3))  # ends the fling
    finger("touchEnd")
    assert result_of(root)["number"] == 144
    photo = root.get_by_role("application")
    photo.scroll_into_view_if_needed()
    box = photo.bounding_box()
    finger("touchStart", (box["x"] + 40, box["y"] + 40))
    finger("touchEnd")
    seen.page.wait_for_function(
        "root => JSON.parse(root.dataset.settings).column > 0", arg=root.element_handle()
    )
    holds_what_python_finds(root)


@pytest.mark.parametrize("cls", [CropWidget, FactorsWidget])
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "light"), (640, "dark")])
def test_it_fits_and_has_no_accessibility_problem(opened, cls, width, scheme):
    seen, root = opened(cls())
    seen.page.set_viewport_size({"width": width, "height": 844})
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious_problems(seen.page) == []
    for fold in root.locator("details").all():
        fold.evaluate("fold => { fold.open = true; }")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    assert serious_problems(seen.page) == []


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (390, 844)])
def test_what_is_moved_and_what_it_moves_are_seen_together(opened, width, height):
    seen, root = opened()
    seen.page.set_viewport_size({"width": width, "height": height})
    top = root.get_by_role("button", name="Lay the crops").bounding_box()["y"]
    curve = root.get_by_role("slider", name="along the curve").bounding_box()
    assert curve["y"] + curve["height"] - top < height


def test_the_settings_of_a_drawing_are_in_the_address(opened, visit):
    seen, root = opened()
    root.get_by_role("application").focus()
    root.get_by_role("application").press("ArrowUp")
    root.get_by_role("slider", name="along the curve").press("End")
    again = visit(address_of(seen.page)).page.locator(".inception-widget")
    assert settings_of(again) == settings_of(root)
    _, wrong = opened(query="?crops.column=452&crops.row=301")
    said = wrong.get_by_role("alert").inner_text()
    assert "Pixel, column" in said and "Pixel, row" in said


def test_a_factors_row_is_chosen_by_pointing_and_by_keys(opened):
    seen, root = opened(FactorsWidget())
    rows = root.locator("button.iw-effect")
    assert rows.count() == FactorsWidget().result()["rows_drawn"]
    rows.nth(3).click()
    assert settings_of(root)["row"] == 4
    assert rows.nth(3).get_attribute("aria-pressed") == "true"
    found = FactorsWidget(row=4).result()
    assert int(root.get_attribute("data-value")) == found["value"]
    rows.nth(1).focus()
    seen.page.keyboard.press("Enter")
    assert settings_of(root)["row"] == 2
    root.get_by_label("Start from").select_option("144")
    assert rows.count() == FactorsWidget(start="144").result()["rows_drawn"]


def test_an_interval_is_drawn_to_scale(opened):
    """Its ends and its value lie on the axis where their numbers say."""
    _, root = opened(FactorsWidget(start="144"))
    drawn = root.evaluate(
        """root => [...root.querySelectorAll("button.iw-effect .iw-range")].map((range) => {
          const x = (name) => range.querySelector(name).getBoundingClientRect();
          const [thin, thick, dot] = [x(".iw-together"), x(".iw-interval"), x(".iw-value")];
          const middle = (dot.left + dot.right) / 2;
          return [x(".iw-zero").left, thin.left, thick.left, middle, thick.right, thin.right];
        })"""
    )
    names = ("low_together", "low", "value", "high", "high_together")
    wide = set()
    for number, (zero, *ends) in enumerate(drawn, 1):
        found = FactorsWidget(start="144", row=number).result()
        wide |= {
            round((x - zero) / found[name], 3)
            for x, name in zip(ends, names, strict=True)
            if abs(found[name]) > 200
        }
    assert max(wide) - min(wide) < 0.02 * max(wide)
