"""The wall of "What it sees": its record, and in a browser what it shows of each channel."""

from __future__ import annotations

import base64
import io
import json
import random

import numpy as np
import pytest
from PIL import Image
from test_accessibility import serious_problems
from widget_page import MOVE, write_page

from inception_lib import googlenet
from inception_lib.architecture import Branches
from inception_lib.book import results
from inception_lib.book.photographs import photographs
from inception_lib.book.seeing import tiles_of
from inception_lib.book.widgets import SeeingWidget
from inception_lib.book.widgets.seeing import BRANCHES, CHANNELS, MODULES, seeing_table
from inception_lib.data.images import BVLC_PREPROCESS

pytestmark = pytest.mark.book
HEAD = "<style>:root { color-scheme: light dark; }</style>"
BRIGHTNESS = """canvas => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), rows = [];
  for (let i = 0; i < data.length; i += 4) rows.push(data[i] + data[i + 1] + data[i + 2]);
  return rows;
}"""


def opened_picture(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.partition("base64,")[2])))


@pytest.fixture
def opened(visit, tmp_path):
    def open_one(query: str = "", **settings):
        seen = visit(write_page(tmp_path / "page.html", [SeeingWidget(**settings)], head=HEAD) + query)
        root = seen.page.locator(".inception-widget")
        seen.page.wait_for_function("root => root.dataset.row", arg=root.element_handle())
        return seen, root

    return open_one


def test_the_table_is_of_the_channels_that_both_records_drew():
    table, tiles = seeing_table(), tiles_of(googlenet(heads=False), CHANNELS)
    assert [(c["module"], c["branch"], c["channel"]) for c in table["channels"]] == [
        (t.module, t.branch, t.channel) for t in tiles
    ]
    assert len(tiles) == len(MODULES) * len(BRANCHES) * CHANNELS == 144
    recorded = results.load("what_it_sees").outcome["tiles"]
    # those that are recorded are the first ones, if not all
    assert [c["channel"] for c in table["channels"] if "tile" in c] == [t["channel"] for t in recorded]
    sheet, maps = opened_picture(table["sheet"]), opened_picture(table["maps"])
    for channel in table["channels"]:
        left, top, width, height = channel["map"]
        assert left + width <= maps.width and top + height <= maps.height
        if "tile" in channel:
            assert max(channel["tile"]) + table["side"] <= max(sheet.size)
    frame = BVLC_PREPROCESS.frame(photographs(["chelsea"])["chelsea"])
    own = opened_picture(table["photograph"])
    assert own.size == frame.size == (224, 224)
    assert np.abs(np.array(own, float) - np.array(frame, float)).mean() < 3
    names = [b.name for m in googlenet().layers if isinstance(m, Branches) for b in m.branches]
    assert set(names) == set(BRANCHES)


@pytest.mark.slow
def test_200_random_settings_show_what_was_recorded(opened):
    rng = random.Random("seeing")
    fields = {field["name"]: field["label"] for field in SeeingWidget().fields}
    chosen = [
        {
            "module": rng.choice(MODULES),
            "branch": rng.choice(BRANCHES),
            "number": rng.randint(1, CHANNELS),
        }
        for _ in range(200)
    ]
    seen, root = opened()
    typed = [[[fields[name], value] for name, value in s.items()] for s in chosen]
    found = seen.page.evaluate(MOVE, [root.element_handle(), typed, None])
    for settings, data in zip(chosen, found, strict=True):
        wanted = SeeingWidget(**settings).result()
        assert json.loads(data["settings"]) == settings
        for name, value in wanted.items():
            assert data[name] == "" if value is None else float(data[name]) == pytest.approx(value), name
    assert seen.errors == [] and seen.off_machine == []


def test_the_photograph_is_lit_where_the_channel_fires(opened):
    _, root = opened(module="inception_4b", branch="pool")
    own = SeeingWidget(module="inception_4b", branch="pool")
    left, top, width, height = own.table["channels"][3 * 16 + 12]["map"]
    values = np.array(opened_picture(own.table["maps"]).convert("L"), float)
    values = values[top : top + height, left : left + width]
    assert values.max() == 255 and np.median(values) < 60
    shown = np.array(root.locator(".iw-pair canvas").nth(1).evaluate(BRIGHTNESS)).reshape(224, 224)
    plain = np.array(BVLC_PREPROCESS.frame(photographs(["chelsea"])["chelsea"]), float).sum(2)
    each = 224 // height
    share = (shown / plain.clip(30)).reshape(height, each, width, each).mean((1, 3))
    assert np.corrcoef(share.ravel(), (values**0.6).ravel())[0, 1] > 0.9
    assert share.min() == pytest.approx(0.25, abs=0.06) and share.max() > 0.7


def test_pointing_and_keys_choose_a_channel(opened):
    seen, root = opened(module="inception_3a", branch="1x1")
    wall = root.get_by_role("application")
    box = wall.bounding_box()
    seen.page.mouse.move(box["x"] + box["width"] * 0.99, box["y"] + box["height"] * 0.99)
    at = json.loads(root.get_attribute("data-settings"))
    assert at == {"module": "inception_5b", "branch": "pool", "number": 4}
    seen.page.mouse.down()
    seen.page.mouse.up()  # held
    seen.page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert json.loads(root.get_attribute("data-settings")) == at
    wall.focus()
    for key in ("ArrowUp", "Home", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowRight", "ArrowDown"):
        wall.press(key)
    at = json.loads(root.get_attribute("data-settings"))
    assert at == {"module": "inception_5b", "branch": "3x3", "number": 1}
    wall.press("ArrowDown")  # there is no more
    assert json.loads(root.get_attribute("data-settings")) == at
    assert "5b, 3x3 branch, channel" in wall.get_attribute("aria-label")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1280, 720), (390, 844)])
def test_the_wall_and_what_it_shows_are_seen_together(opened, width, height, scheme):
    seen, root = opened()
    seen.page.set_viewport_size({"width": width, "height": height})
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for what in (".iw-wall", ".iw-tile", ".iw-shown"):
        box = root.locator(what).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, what
    assert serious_problems(seen.page) == []
