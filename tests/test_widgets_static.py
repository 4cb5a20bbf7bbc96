"""Widgets on a page without a kernel: several on one page, their addresses, and the model they get."""

from __future__ import annotations

import json
import math
import re
from urllib.parse import parse_qs, urlsplit

import anywidget
import pytest
import traitlets as t
from playwright.sync_api import expect
from widget_page import address_of, write_page

from inception_lib import history
from inception_lib.book.widgets import (
    InceptionWidget,
    LineageWidget,
    LowRankWidget,
    NetworkWidget,
    PoolingWidget,
    Quiz,
    ReductionWidget,
    TrainingWidget,
)
from inception_lib.book.widgets.base import source

GRID = "Feature map size"
BOXES = 'input[type="number"]'


@pytest.fixture
def shown(visit, tmp_path):
    """Open a page that shows some widgets; give the page and the widgets' roots, in the page's order."""

    def show(*views, query: str = ""):
        seen = visit(write_page(tmp_path / "page.html", list(views)) + query)
        assert seen.errors == []
        return seen.page, seen.page.locator(".inception-widget").all()

    return show


def settings_of(root) -> dict:
    return json.loads(root.get_attribute("data-settings"))


def query_of(page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(address_of(page)).query)


def test_two_widgets_of_a_class_share_no_settings(shown):
    page, (first, second) = shown(ReductionWidget(), ReductionWidget(kernel=3))
    first.get_by_label(GRID, exact=True).fill("7")
    second.get_by_label(GRID, exact=True).fill("28")
    # the first keeps the key that links to it have had so far
    assert query_of(page) == {"reduction.grid": ["7"], "reduction-2.grid": ["28"]}
    assert (settings_of(first)["grid"], settings_of(second)["grid"]) == (7, 28)
    page, (first, second) = shown(
        ReductionWidget(), ReductionWidget(kernel=3), query="?reduction.grid=8&reduction-2.grid=29"
    )
    assert settings_of(first) == ReductionWidget(grid=8).settings
    assert settings_of(second) == ReductionWidget(grid=29, kernel=3).settings
    second.get_by_role("button", name="Reset").click()
    assert query_of(page) == {"reduction.grid": ["8"]}


def test_a_widget_shown_twice_is_one_widget(shown):
    widget = PoolingWidget()
    page, (first, second) = shown(widget, widget, query="?pooling.grid=9")
    assert settings_of(first)["grid"] == settings_of(second)["grid"] == 9
    # the address is that of the first view still: the second has not taken it for the start
    assert query_of(page) == {"pooling.grid": ["9"]}
    second.get_by_label(GRID, exact=True).fill("5")
    assert settings_of(first)["grid"] == 5 and query_of(page) == {"pooling.grid": ["5"]}
    second.get_by_role("button", name="Reset").click()
    assert settings_of(first)["grid"] == 7 and query_of(page) == {}


def test_no_id_is_on_a_page_twice_and_each_label_has_its_own_box(shown):
    page, roots = shown(ReductionWidget(), InceptionWidget(), ReductionWidget(), Quiz("heads"), Quiz("crops"))
    ids = page.eval_on_selector_all("[id]", "found => found.map((el) => el.id)")
    assert len(ids) > 50 and len(set(ids)) == len(ids)
    for root in roots:
        inside = "root => [...root.querySelectorAll('label')].every((l) => root.contains(l.control))"
        assert root.evaluate(inside)
    names = [
        root.evaluate("r => [...new Set([...r.querySelectorAll('[name]')].map(e => e.name))]")
        for root in roots
    ]
    # the radio buttons of each question have a name of their own
    questions = len(Quiz("heads").questions) + len(Quiz("crops").questions)
    assert len({name for some in names for name in some}) == sum(map(len, names)) == questions


def test_reset_goes_back_to_what_the_widget_was_made_with(shown):
    widget = ReductionWidget(kernel=3)
    widget.kernel = 9  # as a reader left it in a notebook
    page, (root,) = shown(widget)
    assert settings_of(root)["kernel"] == 9 and query_of(page) == {}
    root.get_by_role("button", name="Reset").click()
    assert settings_of(root) == ReductionWidget(kernel=3).settings
    # the page opens on 9, so that a link to 3 has to say it
    assert query_of(page) == {"reduction.kernel": ["3"]}
    page.reload()
    assert settings_of(page.locator(".inception-widget"))["kernel"] == 3


def test_a_view_that_goes_takes_its_handlers_along(shown):
    page, _ = shown(Quiz("pooling"))
    left = page.evaluate(
        """async ([quiz, pooling, state]) => {
          const load = (text) => import(URL.createObjectURL(new Blob([text], { type: "text/javascript" })));
          const counts = [], handlers = new Set(), el = document.createElement("div");
          const model = { get: (name) => state[name], save_changes() {},
            on: (name, handler) => handlers.add(name), off: (name, handler) => handlers.delete(name) };
          for (const text of [quiz, pooling]) {
            const gone = (await load(text)).default.render({ model, el });
            counts.push([el.children.length, handlers.size]);
            gone();
            counts.push([el.children.length, handlers.size]);
          }
          return counts;
        }""",
        [
            source("quiz.js"),
            source("pooling.js"),
            {
                **{name: getattr(PoolingWidget(), name) for name in ("fields", "table", "about")},
                **PoolingWidget().settings,
                "title": "a quiz",
                "questions": Quiz("pooling").questions,
            },
        ],
    )
    assert left == [[1, 0], [0, 0], [1, 3], [0, 0]]


REDUCTION = "Reduction, channels"


def slider_of(root, label: str):
    return root.get_by_role("slider", name=f"{label}, slider")


def test_a_logarithmic_slider_goes_by_factors_and_stops_at_ticks(shown):
    page, (root,) = shown(ReductionWidget())
    slider, box = slider_of(root, REDUCTION), root.get_by_label(REDUCTION, exact=True)
    at = slider.bounding_box()
    middle, thumb = at["y"] + at["height"] / 2, 16

    def drag_to(share: float) -> int:
        page.mouse.move(at["x"] + thumb / 2 + share * (at["width"] - thumb), middle, steps=2)
        return settings_of(root)["reduce"]

    drag_to(math.log(16, 2048))
    page.mouse.down()
    assert drag_to(0.5) in (44, 45, 46)  # the root of 2048 is 45, and a pixel 3 % there
    assert drag_to(math.log(47.3, 2048)) == 48  # a tick
    assert drag_to(math.log(517, 2048)) in (504, 512, 520, 528)  # in steps of 8
    page.keyboard.down("Shift")
    assert drag_to(math.log(700, 2048)) % 8
    page.keyboard.up("Shift")
    assert (drag_to(1.1), drag_to(-0.1)) == (2048, 1)
    page.mouse.up()
    box.fill("600")
    slider.press("ArrowRight")
    assert settings_of(root)["reduce"] == 601 and slider.get_attribute("aria-valuetext") == "601"
    slider.press("Home")
    slider.press("ArrowLeft")
    assert box.input_value() == "1"


def test_a_long_drag_leaves_its_last_settings_in_the_address(visit, tmp_path):
    # browsers refuse them after 100 in 30 seconds, the last as well; Playwright's Chromium is told not to
    page = visit(write_page(tmp_path / "page.html", [ReductionWidget()], head="")).page
    page.evaluate(
        """() => {
          globalThis.changes = 0;
          const replace = history.replaceState.bind(history);
          history.replaceState = (...given) => { globalThis.changes++; replace(...given); };
        }"""
    )
    page.get_by_label(f"{GRID}, slider").evaluate(
        """slider => {
          for (let i = 0; i < 600; i++) {
            slider.value = i % 2 ? slider.max : slider.min;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
          }
        }"""
    )
    page.get_by_label(GRID, exact=True).fill("13")
    page.wait_for_function("location.search.includes('reduction.grid=13')")
    assert page.evaluate("changes") < 5


def test_the_copied_link_is_said_on_the_button(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [ReductionWidget()], head=""))
    page = seen.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_label(REDUCTION, exact=True).fill("24")
    button = page.get_by_role("button", name="Copy link")
    width = button.bounding_box()["width"]
    button.click()
    copied = page.get_by_role("button", name="Copied")
    expect(copied).to_be_visible()
    assert copied.bounding_box()["width"] == pytest.approx(width, abs=1)
    assert "reduction.reduce=24" in page.evaluate("navigator.clipboard.readText()")
    expect(button).to_be_visible()  # again, a little later


VIEW = '<meta name="viewport" content="width=device-width">'


def test_control_and_result_are_seen_together(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [ReductionWidget(), LowRankWidget()], head=VIEW))
    page = seen.page
    for width, height in ((1280, 720), (720, 720), (390, 844), (640, 360)):  # the last is 1280 at 200 %
        page.set_viewport_size({"width": width, "height": height})
        for root in page.locator(".inception-widget").all():
            verdict = root.locator(".iw-verdict")
            for box in root.locator(BOXES).all():
                box.evaluate("box => box.scrollIntoView({ block: 'center' })")
                assert verdict.evaluate(
                    "v => { const { top, bottom } = v.getBoundingClientRect();"
                    " return top >= 0 && bottom <= innerHeight; }"
                ), (width, root.get_attribute("data-widget"))
        controls, results = (
            page.locator(f".iw-{part}").first.bounding_box() for part in ("controls", "line")
        )
        assert (results["x"] > controls["x"] + controls["width"]) == (width == 1280)


def test_a_note_moves_no_neighbor(shown):
    page, (root,) = shown(ReductionWidget())
    page.set_viewport_size({"width": 800, "height": 800})
    boxes = root.locator(BOXES)
    before = [box.bounding_box()["y"] for box in boxes.all()]
    assert before[0] == before[1]  # side by side
    boxes.first.fill("-1")
    assert boxes.nth(1).bounding_box()["y"] == before[1]


class Listener(anywidget.AnyWidget):
    """It writes down what it hears of its model."""

    _esm = """
    export default { render({ model, el }) {
      const heard = [], tell = (name) => (...given) => {
        heard.push([name, given[0] === model, given[1] ?? null]); el.dataset.heard = JSON.stringify(heard);
      };
      const both = tell("both"), gone = tell("gone"), a = tell("a");
      el.className = "listener";
      model.on("change:a change:b", both);
      model.on("change:a", a);
      model.on("change:a  change:b change", gone);
      model.off("change:b change", gone);
      model.off("change:a", gone);
      model.on("change", tell("any"));
      model.set("a", 1); model.set("b", 2); model.set("b", 2);
      model.off("change:a change:b");
      model.set("a", 3);
      model.off();
      model.set("a", 4);
    } };
    """
    a = t.Int(0).tag(sync=True)
    b = t.Int(0).tag(sync=True)


def test_a_model_understands_several_events_in_one_text_as_backbone_does(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [Listener()]))
    heard = json.loads(seen.page.locator(".listener").get_attribute("data-heard"))
    # Backbone gives the model, and the value where one thing changed
    assert heard == [
        ["both", True, 1],
        ["a", True, 1],
        ["any", True, None],
        ["both", True, 2],
        ["any", True, None],
        ["any", True, None],
    ]


@pytest.mark.parametrize("cls", [ReductionWidget, TrainingWidget])
def test_what_a_box_may_hold_is_said_in_full(shown, cls):
    _, (root,) = shown(cls())
    for field in cls().fields:
        if "min" not in field:
            continue
        box = root.get_by_label(field["label"], exact=True)
        kind = "an odd number" if field["step"] == 2 else "a whole number"
        sentence = f"{field['label']} must be {kind} from {field['min']:,} to {field['max']:,}."
        box.fill("-1")
        assert root.locator(f'[id="{box.get_attribute("aria-describedby")}"]').inner_text() == sentence
        assert (
            root.get_by_role("status").inner_text()
            == f"{sentence} The result is for the last valid settings."
        )
        box.fill(str(field["default"]))


def test_a_step_that_is_no_whole_number_is_named_and_so_is_an_address_that_is_nonsense(shown):
    _, (root,) = shown(NetworkWidget(), query="?network.width=0.33&network.size=a")
    assert root.get_by_role("alert").inner_text() == (
        "The page's address holds values that cannot be used here, so these stay as they were: "
        "Input size, Width multiplier."
    )
    root.get_by_label("Width multiplier", exact=True).fill("0.33")
    assert root.locator(".iw-note:visible").inner_text() == (
        "Width multiplier must be a number in steps of 0.05 from 0.25 to 2."
    )


@pytest.mark.parametrize(
    ("clipboard", "sentence"),
    [
        ("async () => {}", "The link is copied."),
        ("undefined", "The browser does not let this page copy; the address bar holds the link."),
    ],
)
def test_copying_a_link_says_whether_it_did(shown, clipboard, sentence):
    page, (root,) = shown(PoolingWidget())
    page.evaluate(f"Object.defineProperty(navigator, 'clipboard', {{ value: {{ writeText: {clipboard} }} }})")
    root.get_by_role("button", name="Copy link to these settings").click()
    expect(root.get_by_role("status")).to_have_text(sentence)


def test_a_dot_of_the_lineage_is_chosen_by_a_click_and_a_network_by_its_name(shown):
    _, (root,) = shown(LineageWidget())
    titles = [milestone.title for milestone in history.NETWORKS.values()]
    dots = root.locator(".iw-pick")
    for title in (dots.first.text_content(), dots.last.text_content()):
        root.locator(".iw-pick").filter(has_text=re.compile(f"^{re.escape(title)}$")).locator(
            ".iw-dot"
        ).click()
        assert settings_of(root)["network"] == 1 + titles.index(title)
        assert root.locator(".iw-verdict").inner_text().startswith(f"{title}: ")
    root.get_by_label("Network", exact=True).select_option("LeNet-5")
    assert settings_of(root)["network"] == 1 + titles.index("LeNet-5")


def test_where_there_is_no_network_its_table_stays_and_the_row_that_fails_is_marked(shown):
    _, (root,) = shown(NetworkWidget())
    before = root.bounding_box()["height"]
    size = root.get_by_label("Input size", exact=True)
    size.fill("32")
    assert root.locator(".iw-fails").inner_text().split()[:3] == ["pool4", "ends", "here"]
    assert root.bounding_box()["height"] == pytest.approx(before, abs=40)  # a line of words more or less
    root.get_by_label("Auxiliary heads").check()
    size.fill("64")
    assert root.locator(".iw-fails").inner_text().split()[0] == "aux1"
    size.fill("224")
    assert root.locator(".iw-fails").count() == 0 and "iw-impossible" not in root.get_attribute("class")
