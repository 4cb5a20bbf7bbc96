"""The module as a reader moves it, on a page of its own: edges, forms, rows of modules, and the years."""

from __future__ import annotations

import json

import pytest
from playwright.sync_api import expect
from test_accessibility import serious_problems
from widget_page import TYPE, address_of, write_page

from inception_lib.book.widgets import ComparisonWidget, InceptionWidget, MorphWidget

pytestmark = pytest.mark.book
HEAD = "<style>:root { color-scheme: light dark; } body { max-width: 720px; margin: 8px auto; }</style>"
# the drawing is told of a new width at the next frame
FOLLOWED = """() => [...document.querySelectorAll("svg.iw-module")].every((svg) =>
  !svg.clientWidth || Math.abs(svg.viewBox.baseVal.width - Math.max(280, svg.clientWidth)) < 1)"""
MORPHING = 700 + 300  # milliseconds of a glide, and some


@pytest.fixture
def opened(visit, tmp_path):
    """Open a page with a widget; give the visit and the widget's root."""

    def open_one(widget=None, query: str = "", still: bool = True):
        page = write_page(tmp_path / "page.html", [widget or InceptionWidget()], head=HEAD)
        seen = visit("about:blank")
        seen.page.emulate_media(reduced_motion="reduce" if still else "no-preference")
        seen.page.goto(page + query)
        seen.page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
        return seen, seen.page.locator(".inception-widget")

    return open_one


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def edge(root, name: str):
    return root.get_by_role("slider", name=name, exact=True).and_(root.locator(".iw-edge"))


def middle(box: dict) -> tuple[float, float]:
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, el, dx: float, dy: float) -> None:
    x, y = middle(el.bounding_box())
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + dx, y + dy, steps=6)
    page.mouse.up()


def thickness(root, color: str) -> list[float]:
    """The extent across the flow of each piece of a color, in pixels."""
    return root.locator(f".iw-module path.iw-{color}").evaluate_all(
        "(all) => all.map((one) => one.getBBox().height)"
    )


def test_an_edge_is_dragged_and_the_width_follows(opened):
    seen, root = opened()
    before = settings_of(root)
    drag(seen.page, edge(root, "3x3 reduce"), 0, -10)
    after = settings_of(root)
    assert {name for name in after if after[name] != before[name]} == {"reduce3x3"}
    assert after["reduce3x3"] < 64 and after["reduce3x3"] % 8 == 0
    assert int(root.get_attribute("data-reduced-macs")) == InceptionWidget(**after).result()["reduced_macs"]
    narrow = edge(root, "3x3 reduce").get_attribute("aria-valuetext")
    assert narrow == f"{after['reduce3x3']} channels"
    drag(seen.page, edge(root, "3x3 reduce"), 0, 6)
    assert settings_of(root)["reduce3x3"] > after["reduce3x3"]
    assert f"module.reduce3x3={settings_of(root)['reduce3x3']}" in address_of(seen.page)


def test_the_edge_stays_under_the_pointer_although_the_lane_outgrows_the_others(opened):
    """While it is held, the scale stands still."""
    seen, root = opened()
    held = edge(root, "3x3")
    x, y = middle(held.bounding_box())
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    for dy in (20, 40, 60):
        seen.page.mouse.move(x, y + dy)
        assert middle(held.bounding_box())[1] == pytest.approx(y + dy, abs=2)
    wide = settings_of(root)["n3x3"]
    assert wide > 300
    seen.page.mouse.up()  # now all lanes make room for it
    assert settings_of(root)["n3x3"] == wide and middle(held.bounding_box())[1] != pytest.approx(
        y + 60, abs=2
    )


def test_a_finger_drags_an_edge_on_a_phone(opened):
    seen, root = opened()
    seen.page.set_viewport_size({"width": 390, "height": 844})
    seen.page.wait_for_function(FOLLOWED)
    el = edge(root, "5x5")
    assert el.evaluate("el => getComputedStyle(el).touchAction") == "none"  # the page stands still
    box = el.locator(".iw-touch").bounding_box()
    assert min(box["width"], box["height"]) >= 24
    x, y = middle(box)
    touch = seen.page.context.new_cdp_session(seen.page)
    for kind, points in (
        ("touchStart", [{"x": x, "y": y}]),
        ("touchMove", [{"x": x + 8, "y": y}]),
        ("touchMove", [{"x": x + 15, "y": y}]),
        ("touchEnd", []),
    ):
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert settings_of(root)["n5x5"] >= 80  # downward flows the module, and sideways an edge moves


def test_keys_move_every_edge(opened):
    _, root = opened()
    names = {"Channels in": "c_in", "1x1": "n1x1", "3x3 reduce": "reduce3x3", "3x3": "n3x3"}
    names |= {"5x5 reduce": "reduce5x5", "5x5": "n5x5", "Pool projection": "pool_proj"}
    for label, name in names.items():
        before = settings_of(root)
        el = edge(root, label)
        el.press("ArrowRight")
        assert settings_of(root) == before | {name: before[name] + 8}
        el.press("Shift+ArrowDown")
        assert settings_of(root)[name] == before[name] + 7
        el.press("Home")
        assert settings_of(root)[name] == 1 == int(el.get_attribute("aria-valuenow"))
        el.press("PageUp")
        assert settings_of(root)[name] == 33


def test_reductions_of_one_have_their_price(opened):
    _, root = opened()
    verdict = root.locator(".iw-verdict")
    for name in ("3x3 reduce", "5x5 reduce"):
        edge(root, name).press("Home")
    assert int(root.get_attribute("data-reduced-macs")) < int(root.get_attribute("data-budget")) / 7
    expect(verdict).to_contain_text(
        "The price: the 3x3 can see 14.8% of the variance at most, not 89.7%; the 5x5"
    )
    root.get_by_role("button", name="Reset").click()
    edge(root, "3x3").press("ArrowLeft")
    edge(root, "1x1").press("ArrowRight")
    expect(verdict).to_contain_text("with as many channels. Beaten.")


def test_what_is_kept_is_the_record_at_every_width(opened):
    _, root = opened()
    for module in ("3a", "4a", "5b"):
        root.get_by_role("button", name=module, exact=True).click()
        for width in (1, 16, 100, 192, 1024):
            for branch in ("3x3", "5x5"):
                root.evaluate(f"(root, width) => ({TYPE})(root, [['{branch} reduce', width]])", width)
            found = InceptionWidget(**settings_of(root)).result()
            kept = [int(root.get_attribute(f"data-kept{branch}")) for branch in ("3x3", "5x5")]
            assert kept == [found["kept_3x3"], found["kept_5x5"]]
    edge(root, "Channels in").press("ArrowRight")
    assert root.get_attribute("data-kept3x3") == ""
    expect(root.locator(".iw-gauges")).to_contain_text("not recorded for 840 channels")


def test_the_naive_pool_lane_swells_on_its_way(opened):
    """The glide passes through what is between, and ends where it is still at once."""
    seen, root = opened(still=False)
    seen.page.wait_for_timeout(100)
    reduced = max(thickness(root, "5x5")[1:])
    output = """root => { const all = [...root.querySelectorAll(".iw-module path.iw-pool")];
      return all[all.length - 1].getBBox().height; }"""
    thin = root.evaluate(output)
    seen.page.evaluate(
        """() => { window.seen = []; const root = document.querySelector(".inception-widget");
        const look = () => { const all = [...root.querySelectorAll(".iw-module path.iw-pool")];
          window.seen.push(all[all.length - 1].getBBox().height); requestAnimationFrame(look); };
        look(); }"""
    )
    root.get_by_role("button", name="Naive").click()
    seen.page.wait_for_timeout(MORPHING)
    thick = root.evaluate(output)
    met = seen.page.evaluate("window.seen")
    assert thick > 4 * thin and reduced > 0
    assert any(thin * 1.2 < height < thick * 0.8 for height in met) and met == sorted(met)
    _, still = opened()
    still.get_by_role("button", name="Naive").click()
    assert still.evaluate(output) == pytest.approx(thick, abs=0.5)
    assert (
        still.get_by_role("slider", name="3x3 reduce", exact=True).and_(still.locator(".iw-edge")).count()
        == 0
    )
    expect(still.locator(".iw-verdict")).to_contain_text("The pool alone passes on all 192 of its input.")


def test_naive_modules_outgrow_the_drawing_and_reduced_ones_do_not(opened):
    seen, root = opened(still=False)
    button = root.locator(".iw-switches button").last
    button.click()
    expect(button).to_have_text("⏸ Pause")
    seen.page.wait_for_function(
        "JSON.parse(document.querySelector('.inception-widget').dataset.settings).stack === 9", timeout=15_000
    )
    expect(button).to_have_text("▶ Stack")
    drawing = root.locator(".iw-row")
    inside = drawing.evaluate(
        "svg => [svg.viewBox.baseVal.height, svg.querySelector('g, rect') && svg.getBBox().height]"
    )
    assert inside[1] > inside[0]
    rects = drawing.locator("rect").evaluate_all(
        "all => all.map((r) => r.getBBox()).map((b) => [b.y, b.y + b.height])"
    )
    reduced, naive = rects[1:37], rects[38:]
    assert len(naive) == 36 and max(end for _, end in reduced) < min(begin for begin, _ in naive)
    lefts = drawing.locator("text").evaluate_all("all => all.map((t) => t.getBBox().x)")
    assert min(lefts) >= 0
    said = drawing.get_attribute("aria-label")
    assert said == root.locator(".iw-verdict").inner_text()
    assert "With reductions: 256 channels" in said and "Naive: 2,208 channels" in said
    root.get_by_role("button", name="Naive").click()
    assert settings_of(root)["stack"] == 1 and settings_of(root)["form"] == "naive"


def test_with_less_motion_all_modules_are_there_at_once(opened):
    _, root = opened()
    root.get_by_role("button", name="Stack").click()
    assert settings_of(root)["stack"] == 9


def test_the_drawing_says_in_words_what_it_shows(opened):
    _, root = opened()
    drawing = root.locator("svg.iw-module").first
    assert drawing.get_attribute("aria-label") == (
        "With reductions: 192 channels in. 1x1 to 64. 3x3: 96, then 128. 5x5: 16, then 32. Pool, then 32. "
        "256 channels out."
    )
    edge(root, "5x5 reduce").press("ArrowRight")
    assert "5x5: 24, then 32." in drawing.get_attribute("aria-label")
    macs = InceptionWidget(reduce5x5=24).result()["reduced_macs"]
    expect(root.get_by_role("status")).to_contain_text(f"With reductions {macs:,} MACs")


def test_a_kernels_area_is_its_macs(opened):
    _, root = opened()
    found = root.locator(".iw-module g").first.evaluate(
        """g => [...g.children].flatMap((el, i, all) => el.classList.contains("iw-kernel")
          && !el.classList.contains("iw-pooled")
          ? [[el.getBBox().width * el.getBBox().height,
              all.slice(i).find((one) => one.tagName === "text").textContent]]
          : [])"""
    )
    assert len(found) == 6
    areas = {text: area for area, text in found}
    macs = {text: float(text.removesuffix("M")) for text in areas}
    for text, area in areas.items():
        assert area / areas["87M"] == pytest.approx(macs[text] / macs["87M"], rel=0.06)


@pytest.mark.parametrize("cls", [InceptionWidget, MorphWidget])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read(opened, cls, scheme):
    seen, root = opened(cls())
    seen.page.emulate_media(color_scheme=scheme)
    for width in (1280, 640, 390):
        seen.page.set_viewport_size({"width": width, "height": 844})
        seen.page.wait_for_function(FOLLOWED)
        assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
        drawing = root.locator("svg.iw-module").first
        words = drawing.locator("text").evaluate_all(
            "all => all.map((t) => [t.textContent, t.getBBox()]).map(([t, b]) => [t, b.x, b.x + b.width])"
        )
        length = drawing.evaluate("svg => svg.viewBox.baseVal.width")
        assert [word for word, begin, end in words if begin < -1 or end > length + 1] == [], width
    assert seen.errors == []  # axe reads the page's styles anew, which a file may not
    assert serious_problems(seen.page) == []


def test_control_and_result_are_seen_together(opened):
    seen, root = opened()
    for width, height in ((1280, 720), (390, 844)):
        seen.page.set_viewport_size({"width": width, "height": height})
        seen.page.wait_for_function(FOLLOWED)
        first = root.locator(".iw-switches").bounding_box()
        last = root.locator(".iw-gauges").bounding_box()
        assert last["y"] + last["height"] - first["y"] < height


def test_the_years_go_by_slider_keys_and_play(opened):
    seen, root = opened(MorphWidget())
    years = root.get_by_role("slider", name="Year", exact=True)
    assert years.get_attribute("aria-valuetext") == "2014, GoogLeNet"
    years.press("ArrowRight")
    assert settings_of(root)["stop"] == 2 and years.get_attribute("aria-valuetext") == "2015, BN-Inception"
    expect(root.locator(".iw-verdict")).to_contain_text("2015, BN-Inception, 3b. Two 3x3")
    box = years.bounding_box()
    seen.page.mouse.click(box["x"] + 0.62 * box["width"], box["y"] + 8)
    assert settings_of(root)["stop"] == 3
    root.get_by_role("button", name="Middle").click()
    assert settings_of(root)["depth"] == "middle"
    kernels = root.locator(".iw-kernel:not(.iw-pooled)").evaluate_all(
        "all => all.map((r) => r.getBBox()).map((b) => Math.log(b.width / b.height) / Math.log(7))"
    )
    assert (
        sorted(map(round, kernels)) == [-1] * 3 + [0] * 4 + [1] * 3
    )  # 7x1, 1x1 and 1x7, as the tree has them
    root.get_by_role("button", name="Play").click()  # with less motion: to its end
    assert settings_of(root)["stop"] == 4
    assert "morph.stop=4" in address_of(seen.page)


def test_one_module_becomes_the_other(opened):
    seen, root = opened(MorphWidget(), still=False)
    seen.page.wait_for_timeout(100)
    out = root.locator(".iw-module text", has_text="out")
    assert out.text_content() == "480 out"
    root.get_by_role("slider", name="Year", exact=True).press("ArrowRight")
    seen.page.wait_for_timeout(250)
    between = int(out.text_content().split()[0].replace(",", ""))
    assert 320 < between < 480
    seen.page.wait_for_timeout(MORPHING)
    assert out.text_content() == "320 out"


def test_a_stage_is_chosen_by_its_row(opened):
    _, root = opened(ComparisonWidget())
    row = root.locator("tr", has_text="1/16 size")
    assert root.locator("tr.iw-chosen").inner_text().startswith("4. 1/8 size")
    row.locator("td").first.click()
    assert settings_of(root)["stage"] == 5 and "iw-chosen" in row.get_attribute("class")
    assert int(root.get_attribute("data-left-units")) == ComparisonWidget(stage=5).result()["left_units"]
    first = root.get_by_role("button", name="1. input size")
    first.press("Enter")
    assert settings_of(root)["stage"] == 1 and first.get_attribute("aria-pressed") == "true"


@pytest.mark.parametrize("cls", [InceptionWidget, MorphWidget])
def test_a_move_is_answered_within_a_frame(opened, cls):
    _, root = opened(cls())
    name = "3x3 reduce" if cls is InceptionWidget else "Stop, by year"
    took = root.evaluate(
        """(root, name) => {
          const box = [...root.querySelectorAll("label")].find((l) => l.textContent === name).control;
          const times = [];
          for (let i = 0; i < 60; i++) {
            const start = performance.now();
            box.value = 1 + i % 4;
            box.dispatchEvent(new Event("input", { bubbles: true }));
            times.push(performance.now() - start);
          }
          return times.sort((a, b) => a - b)[30];
        }""",
        name,
    )
    assert took < 16
