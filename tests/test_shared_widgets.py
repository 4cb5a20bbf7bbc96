"""What becomes of a notebook's widgets on a page: as much as is shown, shared code once, all at the end."""

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
    return json.loads(shared_widgets.STATES.search(page)[1])["state"]


def files(folder, kind: str) -> list[str]:
    return sorted(path.name for path in (folder / shared_widgets.FOLDER).glob(f"*.{kind}"))


def test_a_page_has_the_states_that_it_shows_without_code_and_at_its_end(tmp_path):
    shown, other = ReductionWidget(kernel=3), PoolingWidget()
    before = page_of([shown], [other])
    page = shared_widgets.shared(before, tmp_path)
    assert len(states_of(before)) > 2 and list(states_of(page)) == [shown.model_id]
    state, was = states_of(page)[shown.model_id]["state"], states_of(before)[shown.model_id]["state"]
    assert state == {name: value for name, value in was.items() if name != "_css"} | {"_esm": state["_esm"]}
    assert len(page) < len(before) / 5
    end = page.partition("<p>end</p>")[2]
    order = ("state+json", f"_static/widgets/{state['_esm']}.js", "_static/static.js?v=1", "</body>")
    assert [page.count(part) for part in order] == [1] * 4
    assert sorted(order, key=end.index) == list(order)


def test_the_script_is_the_widgets_own_word_for_word_and_its_name_changes_with_it(tmp_path):
    page = shared_widgets.shared(page_of([ReductionWidget(), ReductionWidget()], []), tmp_path)
    (name,) = files(tmp_path, "js")
    text = (tmp_path / shared_widgets.FOLDER / name).read_text()
    key, value = re.fullmatch(r".*\[(\".*?\")\] = (.*);\n", text, re.S).groups()
    assert (json.loads(key), json.loads(value)) == (name.removesuffix(".js"), source("reduction.js"))
    assert page.count(f"/{name}") == 1
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
    assert texts == [read[0] + read[1], read[2]]
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
    page = (tmp_path / "page.html").read_text().replace("\n", "")
    scripts = re.search(r'<script src="_static/widgets/.*?</script>', page)[0]
    view = re.search(r'<script type="[^"]*view.*?</script>', page)[0]
    below = (
        f'<p style="height: 9000px"></p><div id="far">{view.replace("<script ", "<script data-late ")}</div>'
    )
    page = page.replace(scripts, "").replace(view, below)
    (tmp_path / "page.html").write_text(page)
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
