"""The wall of images in a browser: guessed, sorted, walked along, and its networks switched."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from test_accessibility import serious_problems
from test_crops_page import HEAD, settings_of
from widget_page import write_page

from inception_lib.book.widgets import WallWidget

pytestmark = pytest.mark.book
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))"


@pytest.fixture
def opened(visit, tmp_path):
    """Open a page with a wall; give the visit and the widget's root."""

    def open_one(widget=None, query: str = "", width: int = 1280):
        seen = visit(
            write_page(tmp_path / "page.html", [widget or WallWidget()], head=HEAD) + query, width=width
        )
        seen.page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
        seen.page.evaluate(SETTLED)
        return seen, seen.page.locator(".inception-widget")

    return open_one


def wall_of(root):
    return root.get_by_role("application")


def tap(root, image: int) -> None:
    """Click on an image where its mark would be: choose it by its number, and click on the mark."""
    box = root.get_by_label("Image", exact=True)
    box.fill(str(image))
    mark = root.locator(".iw-wall .iw-mark").bounding_box()
    root.page.mouse.click(mark["x"] + mark["width"] / 2, mark["y"] + mark["height"] / 2)


def test_three_guesses_and_then_the_truth(opened):
    seen, root = opened()
    assert "Guess three, then look." in root.inner_text()
    assert root.locator(".iw-opinion").count() == 0  # nothing is given away
    for image in (27, 500, 962):
        tap(root, image)
    at = settings_of(root)
    assert (at["guess1"], at["guess2"], at["guess3"]) == (27, 500, 962)
    assert root.locator(".iw-guess:visible").count() == 3
    tap(root, 500)  # another tap takes it back
    assert [settings_of(root)[f"guess{n}"] for n in (1, 2, 3)] == [27, 962, 0]
    tap(root, 3)
    tap(root, 4)  # a fourth takes the place of the first
    assert [settings_of(root)[f"guess{n}"] for n in (1, 2, 3)] == [962, 3, 4]
    root.get_by_role("button", name="Sort by the answers").click()
    found = WallWidget(**settings_of(root)).result()
    text = root.inner_text()
    assert f"All wrong: {found['every_wrong']}" in text and f"Split: {found['split']}" in text
    assert f"of 21; the three hardest got {found['hardest']} of 21." in text
    assert root.locator(".iw-opinion").count() == 8
    root.get_by_role("button", name="Guess again").click()
    assert settings_of(root) == WallWidget(image=4).settings
    assert seen.errors == []


def test_switching_networks_sorts_the_wall_anew(opened):
    _, root = opened(WallWidget(view="sorted"))
    for n in (1, 3, 6):
        root.get_by_label(f"Network {n}").click()
        found = WallWidget(**settings_of(root)).result()
        text = root.inner_text()
        for title, name in (("All wrong", "every_wrong"), ("Split", "split"), ("All right", "every_right")):
            assert f"{title}: {found[name]}" in text
            assert int(root.get_attribute(f"data-{name.replace('_', '-')}")) == found[name]
    for n in (2, 4, 5, 7):
        root.get_by_label(f"Network {n}").click()
    assert "Switch a network on" in root.inner_text()
    assert "iw-impossible" in root.get_attribute("class")


def test_images_fly_to_their_places_and_are_there_at_once_with_less_motion(opened):
    seen, root = opened()
    clock, canvas = seen.page.clock, root.locator(".iw-wall canvas")
    clock.install(time=0)
    clock.pause_at(1000)
    picture = "canvas => canvas.getContext('2d').getImageData(0, 0, 400, 300).data.join()"
    root.get_by_role("button", name="Sort by the answers").click()
    found = []
    for _ in range(4):
        clock.run_for(400)
        found.append(canvas.evaluate(picture))
    assert len(set(found[:3])) == 3 and found[2] == found[3]  # it takes 0.9 seconds
    seen.page.emulate_media(reduced_motion="reduce")
    for name in ("Guess again", "Sort by the answers"):
        root.get_by_role("button", name=name).click()
        clock.run_for(40)
    assert canvas.evaluate(picture) == found[3]


def test_a_flight_is_drawn_frame_by_frame_without_stalling(opened):
    _, root = opened()
    frames = root.evaluate(
        """async (root) => {
          const drawn = [], own = CanvasRenderingContext2D.prototype.clearRect;
          CanvasRenderingContext2D.prototype.clearRect = function (...given) {
            drawn.push(performance.now());
            return own.apply(this, given);
          };
          root.querySelector(".iw-show").click();
          await new Promise((done) => setTimeout(done, 1300));
          CanvasRenderingContext2D.prototype.clearRect = own;
          return drawn.length;
        }"""
    )
    assert frames > 8  # about 54 on a machine with nothing else to do


def test_the_wall_is_walked_by_keys_and_said_in_words(opened):
    _, root = opened(WallWidget(image=5))
    wall = wall_of(root)
    wall.focus()
    wall.press("ArrowRight")
    assert settings_of(root)["image"] == 6
    wall.press("ArrowDown")
    below = settings_of(root)["image"]
    assert below > 20 and "Image " + str(below) in wall.get_attribute("aria-label")
    wall.press("ArrowUp")
    assert settings_of(root)["image"] == 6
    wall.press("Enter")
    assert settings_of(root)["guess1"] == 6
    wall.press("End")
    assert settings_of(root)["image"] == 1000
    wall.press("ArrowRight")  # there are no more
    assert settings_of(root)["image"] == 1000
    root.get_by_role("button", name="Sort by the answers").click()
    wall.press("Home")
    hardest = WallWidget(**settings_of(root)).result()
    assert hardest["wrong"] == 7
    expect(root.get_by_role("status")).to_contain_text("0 of 7 networks are right; their mean says")
    wall.press("ArrowDown")
    assert WallWidget(**settings_of(root)).result()["wrong"] == 6


def test_the_image_is_shown_large_with_its_opinions(opened):
    _, root = opened(WallWidget(view="sorted"))
    tap(root, 1)
    mean = "c => { const d = c.getContext('2d').getImageData(40, 40, 80, 80).data; let s = 0;" + (
        "for (let i = 0; i < d.length; i += 4) s += d[i] + d[i + 1] + d[i + 2]; return s / d.length; }"
    )
    large = root.locator(".iw-panel > canvas")
    seen = []
    for image in (1, 900, 423):
        root.get_by_label("Image", exact=True).fill(str(image))
        seen.append(round(large.evaluate(mean), 3))
        found = WallWidget(**settings_of(root)).result()
        rows = root.locator(".iw-opinion").all_inner_texts()
        right = [found[f"answer{n}"] == found["label"] for n in range(1, 8)]
        assert ["✓" in row for row in rows[:7]] == right
        assert rows[7].startswith("Mean of 7") and f"{found['mean_part'] / 1000:.1f}%" in rows[7]
    assert len(set(seen)) == 3 and min(seen) > 0


def test_an_address_with_a_sorted_wall_opens_so(opened):
    _, root = opened(query="?wall.view=sorted&wall.net4=0&wall.image=77&wall.guess2=9")
    assert settings_of(root) == WallWidget(view="sorted", net4=False, image=77, guess2=9).settings
    assert "The mean of 6 networks is wrong on" in root.inner_text()
    _, wrong = opened(query="?wall.image=1001&wall.net1=2")
    said = wrong.get_by_role("alert").inner_text()
    assert "Image" in said and "Network 1" in said


def test_a_finger_taps_an_image(opened):
    seen, root = opened(width=390)
    wall = wall_of(root)
    assert (
        wall.evaluate("canvas => getComputedStyle(canvas).touchAction") == "manipulation"
    )  # the page scrolls
    wall.scroll_into_view_if_needed()
    box = wall.bounding_box()
    touch = seen.page.context.new_cdp_session(seen.page)
    at = {"x": box["x"] + 40, "y": box["y"] + 40}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [at]})
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    seen.page.wait_for_function(
        "root => JSON.parse(root.dataset.settings).guess1 > 0", arg=root.element_handle()
    )
    mark = root.locator(".iw-guess").first.bounding_box()
    assert mark["x"] <= at["x"] <= mark["x"] + mark["width"] + 2
    assert mark["y"] <= at["y"] <= mark["y"] + mark["height"] + 2


@pytest.mark.parametrize("view", ["guess", "sorted"])
@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (640, "dark"), (1280, "dark")])
def test_it_fits_and_has_no_accessibility_problem(opened, view, width, scheme):
    seen, root = opened(WallWidget(view=view, guess1=7), width=width)
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for now in (width - 30, width):  # the wall follows the window
        seen.page.set_viewport_size({"width": now, "height": 800})
        seen.page.evaluate(SETTLED)
        drawn, room = root.locator(".iw-wall canvas").evaluate("c => [c.width, c.clientWidth]")
        assert drawn == room
    assert serious_problems(seen.page) == []
    assert json.loads(root.get_attribute("data-settings"))["guess1"] == 7
