"""What becomes of a notebook's widgets on a page: what is shown, code once, the first one early."""

from __future__ import annotations

import json
import re

import pytest
from ipywidgets import IntSlider
from ipywidgets.embed import dependency_state, embed_data
from playwright.sync_api import expect
from widget_page import script, write_page

from inception_lib.book.widgets import PoolingWidget, Quiz, ReductionWidget, XrayWidget
from inception_lib.book.widgets.base import FOLDER, source
from tools import shared_widgets

KIND = shared_widgets.KIND


def page_of(views: list, more: list, late: bool = False) -> str:
    """A page as Sphinx makes it: all states of the notebook in its head."""
    every = [*views, *more]
    data = embed_data(views=every, drop_defaults=False, state=dependency_state(every, drop_defaults=False))
    shown = [view for view in data["view_specs"] if view["model_id"] in [v.model_id for v in views]]
    tags = [script(f"{KIND}view+json", view) for view in shown]
    if late:
        tags = [tag.replace("<script ", "<script data-late ") for tag in tags]
    states = script(f"{KIND}state+json", data["manager_state"])
    mounting = '<script defer src="_static/static.js?v=1"></script>'
    return f"<html><head>{states}{mounting}</head><body>{''.join(tags)}<p>end</p></body></html>"


def states_of(page: str) -> dict:
    return {
        k: s for text in shared_widgets.STATES.findall(page) for k, s in json.loads(text)["state"].items()
    }


def files(folder, kind: str) -> list[str]:
    return sorted(path.name for path in (folder / shared_widgets.FOLDER).glob(f"*.{kind}"))


def test_a_page_has_the_states_that_it_shows_without_code(tmp_path):
    shown, other = ReductionWidget(kernel=3), PoolingWidget()
    before = page_of([shown], [other])
    page = shared_widgets.shared(before, tmp_path)
    assert len(states_of(before)) > 2 and list(states_of(page)) == [shown.model_id]
    state, was = states_of(page)[shown.model_id]["state"], states_of(before)[shown.model_id]["state"]
    assert state == {name: value for name, value in was.items() if name != "_css"} | {"_esm": state["_esm"]}
    assert len(page) < len(before) / 5


def test_what_the_first_widget_needs_is_beside_it_and_what_others_need_is_at_the_end(tmp_path):
    first, second = ReductionWidget(), PoolingWidget()
    page = shared_widgets.shared(page_of([first, second], []), tmp_path)
    own, other = (
        f"_static/widgets/{states_of(page)[widget.model_id]['state']['_esm']}.js"
        for widget in (first, second)
    )
    states = [found.start() for found in shared_widgets.STATES.finditer(page)]
    views = [found.start() for found in shared_widgets.VIEW.finditer(page)]
    early = [page.index(f'src="{address}"') for address in (own, "_static/static.js?v=1")]
    late = page.index(f'src="{other}"')
    order = [views[0], states[0], *early, page.index("<p>end</p>"), states[1], late, page.index("</body>")]
    assert order == sorted(order) and list(json.loads(shared_widgets.STATES.search(page)[1])["state"]) == [
        first.model_id
    ]
    assert page.count('rel="preload"') == 2 and page.count(own) == 2 and page.count(other) == 1


def test_the_first_widget_waits_for_nothing_that_comes_after_it(chromium, tmp_path):
    address = write_page(tmp_path / "page.html", [ReductionWidget(), PoolingWidget()])
    last = re.findall(r'<script src="_static/widgets/(.*?)"', (tmp_path / "page.html").read_text())[-1]
    page = chromium.new_page()
    held = []
    page.route(f"**/{last}", lambda route: held.append(route))
    page.goto(address, wait_until="commit")
    roots = page.locator(".inception-widget")
    expect(roots).to_have_count(1)
    assert page.evaluate("[document.readyState, document.documentElement.dataset.widgetsReady]") == [
        "loading",
        None,
    ]
    held[0].continue_()
    page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    expect(roots).to_have_count(2)
    page.close()


def test_the_state_of_a_late_widget_is_a_file(tmp_path):
    widget = PoolingWidget()
    before = page_of([widget], [], late=True)
    page = shared_widgets.shared(before, tmp_path)
    state, was = (states_of(some)[widget.model_id]["state"] for some in (page, before))
    assert set(state) == {"_esm", "_state"} and not re.search(r'<script src="_static/widgets', page)
    text = (tmp_path / shared_widgets.FOLDER / f"{state['_state']}.js").read_text()
    assert json.loads(text.partition("] = ")[2].removesuffix(";\n")) == {
        name: value for name, value in was.items() if name != "_css"
    } | {"_esm": state["_esm"]}


def test_the_script_is_the_widgets_own_word_for_word_and_its_name_changes_with_it(tmp_path):
    page = shared_widgets.shared(page_of([ReductionWidget(), ReductionWidget()], []), tmp_path)
    (name,) = files(tmp_path, "js")
    text = (tmp_path / shared_widgets.FOLDER / name).read_text()
    key, value = re.fullmatch(r".*\[(\".*?\")\] = (.*);\n", text, re.S).groups()
    assert (json.loads(key), json.loads(value)) == (name.removesuffix(".js"), source("reduction.js"))
    assert page.count(f'src="_static/widgets/{name}"') == 1
    changed = page_of([ReductionWidget()], [])
    states = states_of(changed)
    for record in states.values():
        if "_esm" in record["state"]:
            record["state"]["_esm"] += "// another day"
    found = shared_widgets.STATES.search(changed)[0]
    changed = changed.replace(found, script(f"{KIND}state+json", {"state": states}))
    shared_widgets.shared(changed, tmp_path)
    assert len(files(tmp_path, "js")) == 2


def test_styles_are_there_once_and_a_widgets_own_come_last(tmp_path):
    page = shared_widgets.shared(page_of([XrayWidget(), ReductionWidget(), Quiz("heads")], []), tmp_path)
    links = re.findall(r'<link rel="stylesheet" href="(.*?)" />', page.partition("</head>")[0])
    texts = [(tmp_path / link).read_text() for link in links]
    read = [(FOLDER / name).read_text() for name in ("widgets.css", "parts.css", "xray.css")]
    assert texts == ["".join(read)]
    assert shared_widgets.once(["ab", "a", "abc", "ab", ""]) == ["a", "b", "c"]


def test_a_control_that_is_none_of_ours_keeps_its_place_and_loses_its_state(tmp_path):
    slider, page = IntSlider(), "<html><head></head><body></body></html>"
    assert shared_widgets.shared(page, tmp_path) == page
    page = shared_widgets.shared(page_of([slider, PoolingWidget()], []), tmp_path)
    assert slider.model_id not in states_of(page) and page.count("view+json") == 2


def test_files_that_no_page_asks_for_go(tmp_path):
    page = tmp_path / "page.html"
    for widget in (ReductionWidget(), PoolingWidget()):
        page.write_text(shared_widgets.shared(page_of([widget], []), tmp_path))
    assert len(files(tmp_path, "js")) == 2
    shared_widgets.tidy(tmp_path)
    (name,) = files(tmp_path, "js")
    assert f"/{name}" in page.read_text() and len(files(tmp_path, "css")) == 1


def test_no_text_of_a_widget_closes_the_script_that_holds_it(visit, tmp_path):
    quiz = Quiz("heads")
    quiz.title = "</script><b>&amp;</b><!-- \u2028"
    seen = visit(write_page(tmp_path / "page.html", [quiz]))
    assert seen.errors == [] and "</script><b>&amp;</b>" in seen.page.locator(".iw-title").inner_text()


@pytest.fixture
def late(visit, tmp_path):
    """A page with a widget far below, which is mounted when it comes into sight."""
    address = write_page(tmp_path / "page.html", [PoolingWidget()])
    page = page_of([PoolingWidget()], [], late=True).replace("<html>", '<html data-content_root="">')
    view = shared_widgets.VIEW.search(page)[0]
    page = page.replace(view, f'<p style="height: 9000px"></p><div id="far">{view}</div>')
    (tmp_path / "page.html").write_text(shared_widgets.shared(page, tmp_path))
    return visit(address)


def test_a_late_widget_fetches_its_script_and_is_mounted_when_it_comes_into_sight(late):
    roots = late.page.locator(".inception-widget")
    assert roots.count() == 0 and late.page.evaluate("!globalThis.InceptionScripts")
    late.page.evaluate("document.querySelector('#far').scrollIntoView()")
    expect(roots).to_have_count(1)
    assert late.errors == late.failed == []


def test_a_script_that_is_not_there_is_said(late, tmp_path):
    for path in (tmp_path / shared_widgets.FOLDER).glob("*.js"):
        path.unlink()
    late.page.evaluate("document.querySelector('#far').scrollIntoView()")
    expect(late.page.get_by_role("alert")).to_contain_text("is not beside this page.")
