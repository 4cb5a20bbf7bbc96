"""The widgets on the built pages, moved in a real browser with the network refused."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass

import pytest
from playwright.sync_api import expect
from test_widgets import drawn
from widget_page import MOVE, address_of, wander, write_page

from inception_lib.book.widgets import (
    ComparisonWidget,
    CropWidget,
    EnsembleWidget,
    FactorsWidget,
    HeadsWidget,
    InceptionWidget,
    LineageWidget,
    MorphWidget,
    NetworkWidget,
    PoolingWidget,
    ReductionWidget,
    TrainingWidget,
    WallWidget,
)
from inception_lib.errors import ArchitectureError

PAGES = {
    LineageWidget: "01_from_lenet_to_googlenet.html",
    ReductionWidget: "02_one_by_one_convolution.html",
    InceptionWidget: "03_inception_module.html",
    PoolingWidget: "04_global_average_pooling.html",
    NetworkWidget: "05_whole_network.html",
    HeadsWidget: "08_auxiliary_classifiers.html",
    CropWidget: "09_scales_squares_crops.html",
    FactorsWidget: "09_scales_squares_crops.html",
    WallWidget: "10_ensembles_ablation.html",
    EnsembleWidget: "10_ensembles_ablation.html",
    ComparisonWidget: "11_in_its_time_and_after.html",
    MorphWidget: "11_in_its_time_and_after.html",
    TrainingWidget: "12_train.html",
}
SETTINGS = 200


def camel(name: str) -> str:
    """The DOM's name for a data attribute: direct_macs is dataset.directMacs."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() if part.isalpha() else part for part in rest)


@pytest.fixture(scope="module", params=PAGES, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


@pytest.fixture(scope="module")
def name(cls):
    return PAGES[cls]


def root_of(seen, cls):
    """The widget, what is folded in it open: its exact numbers may be."""
    root = seen.page.locator(f'.inception-widget[data-widget="{cls.key}"]').first
    root.evaluate("root => root.querySelectorAll('details').forEach((fold) => (fold.open = true))")
    return root


@pytest.fixture
def widget(served, cls):
    """A widget as its page opens, and the page: one for all tests of the widget, which is reset for each."""
    root = root_of(served.look(), cls)
    root.evaluate("root => root.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    root.get_by_role("button", name="Reset").click()
    assert json.loads(root.get_attribute("data-settings")) == cls().settings
    return served, root


@pytest.fixture
def opened(visit, tmp_path):
    """Open a page with a widget only, as its address says; give the visit and the widget's root."""

    def open_widget(cls, query: str = ""):
        seen = visit(write_page(tmp_path / "page.html", [cls()], head="") + query)
        return seen, root_of(seen, cls)

    return open_widget


@dataclass
class Moves:
    """Random settings, what the widget said to each, and the milliseconds that an entry took.

    From one to the next some change, and only these are typed: each entry is painted.
    """

    settings: list[dict]
    shown: list[dict]
    milliseconds: float
    errors: list[str]


@pytest.fixture(scope="module")
def moves(served, cls):
    rng = random.Random(cls.key)
    labels = {f["name"]: f["label"] for f in cls().fields}
    chosen, entered = wander(lambda: drawn(cls, rng), rng, SETTINGS, min(len(labels), 3))
    # some choices bring other settings with them, as a module its widths, so all are typed after one
    presets = {f["name"] for f in cls().fields if "options" in f}
    entered = [all_ if presets & some.keys() else some for all_, some in zip(chosen, entered, strict=True)]
    typed = [[[labels[name], value] for name, value in settings.items()] for settings in entered]
    shown, took = served.page.evaluate(
        f"(given) => {{ const move = {MOVE}; const start = performance.now(); const shown = move(given);"
        " return [shown, performance.now() - start]; }",
        [root_of(served, cls).element_handle(), typed],
    )
    return Moves(chosen, shown, took / sum(map(len, typed)), list(served.errors))


def test_the_browser_counts_as_python_does(moves, cls):
    assert len(moves.shown) == SETTINGS
    compared = 0
    for settings, data in zip(moves.settings, moves.shown, strict=True):
        assert json.loads(data["settings"]) == settings
        try:
            result = cls(**settings).result()
        except ArchitectureError:
            assert data["macs"] == ""
            continue
        if "rows" in result:
            assert json.loads(data["rows"]) == result.pop("rows")
        assert {name: int(data[camel(name)]) for name in result} == result
        compared += 1
    assert compared > SETTINGS / 2
    assert moves.errors == []


def test_an_answer_comes_within_a_frame(moves):
    assert moves.milliseconds < 16


def set_first(root):
    """Set a widget's first number to the most that it may be, or where all is chosen, choose the last."""
    boxes = root.locator('input[type="number"]')
    if boxes.count():
        boxes.first.fill(boxes.first.get_attribute("max"))
    else:
        first = root.locator("select").first
        first.select_option(index=first.locator("option").count() - 1)


def test_the_keyboard_alone_moves_everything(widget):
    seen, root = widget
    page = seen.page
    reached, moved = set(), set()
    root.locator("input, select").first.focus()
    for _ in range(60):
        kind, inside = page.evaluate(
            "(root) => { const at = document.activeElement; return [at.type, root.contains(at)]; }",
            root.element_handle(),
        )
        if not inside:
            break
        reached.add(kind)
        before = root.get_attribute("data-settings")
        if kind == "number":
            page.keyboard.press("ArrowUp")
            if root.get_attribute("data-settings") == before:
                page.keyboard.press("ArrowDown")
        elif kind == "select-one":
            page.keyboard.press("ArrowDown")
        elif kind == "checkbox":
            page.keyboard.press("Space")
        if root.get_attribute("data-settings") != before:
            moved.add(kind)
        page.keyboard.press("Tab")
    assert "button" in reached and reached & {"number", "select-one"}
    assert "range" not in reached  # one tab stop a setting
    assert moved == reached - {"button"} - {None, ""}


def test_box_and_slider_move_together(widget):
    _, root = widget
    for box in root.locator('input[type="number"]').all():
        slider = box.locator('xpath=../input[@type="range"]')
        slider.focus()
        slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext").replace(",", "") == box.input_value()
        box.fill(box.get_attribute("max"))
        assert slider.input_value() == slider.get_attribute("max")


def test_settings_live_in_the_address(widget, visit, cls):
    seen, root = widget
    set_first(root)
    settings = root.get_attribute("data-settings")
    address = address_of(seen.page)
    assert f"?{cls.key}." in address
    again = root_of(visit(address, math=False), cls)
    assert again.get_attribute("data-settings") == settings
    root.get_by_role("button", name="Reset").click()
    assert f"{cls.key}." not in address_of(seen.page).partition("?")[2]
    assert json.loads(root.get_attribute("data-settings")) == cls().settings


def test_an_address_with_nonsense_is_said_and_ignored(opened, cls):
    first = next(f for f in cls().fields if "min" in f or "options" in f)
    _, root = opened(cls, f"?{cls.key}.{first['name']}=-7&other=1#sources")
    assert first["label"] in root.get_by_role("alert").inner_text()
    assert json.loads(root.get_attribute("data-settings")) == cls().settings


def test_an_invalid_entry_is_flagged_and_changes_nothing(widget):
    _, root = widget
    before = root.get_attribute("data-settings")
    box = root.locator('input[type="number"]').first
    if not box.count():  # what is chosen cannot be invalid
        assert root.locator("select").count()
        return
    for typed in ("", str(int(box.get_attribute("min")) - 1), "-3", "99999999", "2.5"):
        box.fill(typed)
        assert box.get_attribute("aria-invalid") == "true", typed
        note = root.locator(f'[id="{box.get_attribute("aria-describedby")}"]')
        assert "must be" in note.inner_text()
        assert "iw-stale" in root.get_attribute("class")
        assert root.get_attribute("data-settings") == before
    box.fill(box.get_attribute("max"))
    assert box.get_attribute("aria-invalid") is None
    assert "iw-stale" not in root.get_attribute("class")


def test_the_result_is_announced_in_words(widget):
    seen, root = widget
    seen.page.wait_for_timeout(400)  # until Reset has been announced
    status = root.get_by_role("status")
    assert status.get_attribute("aria-live") == "polite"
    before = status.text_content()
    set_first(root)
    expect(status).not_to_have_text(before)
    assert any(char.isdigit() for char in status.text_content())


@pytest.mark.parametrize(
    ("which", "query"),
    [
        (ReductionWidget, "?reduction.reduce=481"),
        (ReductionWidget, "?reduction.reduce=400"),
        (InceptionWidget, "?module.reduce5x5=500"),
        (NetworkWidget, "?network.size=64&network.heads=1"),
        (ComparisonWidget, "?comparison.right=googlenet"),
        (EnsembleWidget, "?ensemble.data=paper&ensemble.models=3"),
        (EnsembleWidget, "?ensemble.data=photographs&ensemble.models=2"),
    ],
)
def test_impossible_and_pointless_states_are_flagged(opened, which, query):
    _, root = opened(which, query)
    assert "iw-impossible" in root.get_attribute("class")


def test_an_impossible_network_names_its_layer(opened):
    _, root = opened(NetworkWidget, "?network.size=64&network.heads=1")
    assert "aux1/pool: a 5x5 kernel is larger than its padded input (4x4)." in root.inner_text()


def test_a_test_that_nobody_made_is_named(opened):
    _, root = opened(EnsembleWidget, "?ensemble.data=paper&ensemble.models=3&ensemble.crops=144")
    assert "Here 1 and 7 networks were tested, not 3." in root.inner_text()
    root.get_by_label("Networks averaged", exact=True).fill("7")
    assert "The top-5 error falls by 3.40 points." in root.inner_text()
    assert json.loads(root.get_attribute("data-settings"))["crops"] == 144  # a number, as Python has it


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(widget, scheme):
    seen, root = widget
    seen.look(width=390, scheme=scheme)
    box = root.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390


def test_it_works_from_a_file(visit, pages, cls):
    seen = visit((pages / PAGES[cls]).as_uri(), math=False)
    root = root_of(seen, cls)
    set_first(root)
    assert json.loads(root.get_attribute("data-settings")) != cls().settings
    assert seen.errors == []
