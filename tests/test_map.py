"""The map: its blocks against torch and the counts, its geometry against its data, and its slim form."""

from __future__ import annotations

import math
import re
import zlib
from functools import cache
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest
import torch
import yaml

from inception_lib import count, googlenet
from inception_lib.book import map as network
from inception_lib.book.map import CHAPTERS, INPUT, PLANS, VIEWS, blocks
from inception_lib.book.slim_map import HEIGHT, slim_map
from inception_lib.nn.network import Network, activations

pytestmark = pytest.mark.book
BOOK = Path(__file__).parent.parent / "book"
PARTS = [part for block in blocks() for part in block.parts]
BY_NAME = {block.name: block for block in blocks()}


@cache
def in_torch() -> Network:
    torch.manual_seed(0)
    return Network(googlenet(input_size=224)).eval()


def test_every_mac_and_every_weight_is_in_one_block():
    counts = count(googlenet())
    assert sum(block.macs for block in blocks()) == counts.macs
    assert sum(block.weights for block in blocks()) == counts.weights
    assert len({part.path for part in PARTS}) == len(PARTS)
    assert {block.name for block in blocks() if block.after} == {"aux1", "aux2"}
    assert [block.name for block in blocks()].index("aux1") == [b.name for b in blocks()].index(
        "inception_4a"
    ) + 1


def test_shapes_are_those_that_torch_gives():
    paths = [part.path for part in PARTS if part.path != INPUT and not part.path.startswith("aux")]
    modules = [block.name for block in blocks() if block.parts[0].branch]
    found = activations(in_torch(), torch.zeros(1, 3, 224, 224), [*paths, *modules])
    for path in paths:
        part = next(part for part in PARTS if part.path == path)
        assert tuple(found[path].output.shape[1:]) == part.shape, path
    for name in modules:
        assert tuple(found[name].output.shape[1:]) == BY_NAME[name].shape, name
        assert sum(part.shape[0] for part in BY_NAME[name].parts) == BY_NAME[name].shape[0]


def test_weights_are_those_that_torch_holds_and_macs_use_each_at_every_position():
    tensors = {name: t for name, t in in_torch().named_parameters() if t.ndim > 1}
    held = {
        block.name: sum(t.numel() for name, t in tensors.items() if name.startswith(f"{block.name}."))
        for block in blocks()
    }
    for block in blocks():
        assert block.weights == held[block.name], block.name
        if not block.after:  # a head's fully connected layers use theirs once
            assert block.macs == block.weights * block.side**2, block.name
    assert sum(held.values()) == sum(t.numel() for t in tensors.values())


@pytest.mark.parametrize("name", PLANS)
def test_the_shape_view_is_to_scale(name):
    plan = PLANS[name]
    for part in PARTS:
        rect, side = plan.rects("shape")[part.path], (*part.shape, 1)[1]
        assert rect.size == pytest.approx(plan.position * side)
        tall = side if part.path == INPUT else part.shape[0]  # the image is seen from its front
        unit = plan.position if part.path == INPUT else plan.channel
        assert rect.length == pytest.approx(unit * tall), part.path


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("view", ["macs", "weights"])
def test_areas_are_in_proportion_to_what_they_stand_for(name, view):
    rects = PLANS[name].rects(view)
    areas = {part.path: rects[part.path].size * rects[part.path].length for part in PARTS}
    del areas[INPUT]
    scale = sum(areas.values()) / sum(getattr(part, view) for part in PARTS)
    for part in PARTS[1:]:
        assert areas[part.path] == pytest.approx(scale * getattr(part, view), rel=1e-9, abs=1e-9)
    assert max(areas.values()) > 100


def overlap(a: network.Rect, b: network.Rect) -> float:
    along = min(a.start + a.size, b.start + b.size) - max(a.start, b.start)
    across = min(a.base + a.length, b.base + b.length) - max(a.base, b.base)
    return min(along, across)


@pytest.mark.parametrize("name", PLANS)
@pytest.mark.parametrize("view", VIEWS)
def test_nothing_is_drawn_over_anything_and_all_of_it_inside(name, view):
    plan = PLANS[name]
    rects = plan.rects(view)
    assert set(rects) == {part.path for part in PARTS}
    for one, other in combinations(rects, 2):
        assert overlap(rects[one], rects[other]) < 1e-6, (one, other)
    for path, rect in rects.items():
        assert rect.start >= -1e-9 and rect.start + rect.size <= plan.length + 1e-9
        if name != "slim" or (view == "shape" and path != INPUT):
            assert rect.base >= 0 and rect.base + rect.length <= plan.most + 1e-9, path
    for head in ("aux1", "aux2"):
        below = BY_NAME[BY_NAME[head].after].parts
        top = max(rects[part.path].base + rects[part.path].length for part in below)
        assert rects[BY_NAME[head].parts[0].path].base == pytest.approx(top + plan.stalk)


def test_the_chapters_are_those_of_the_book():
    contents = yaml.safe_load((BOOK / "_toc.yml").read_text(encoding="utf-8"))
    part = next(part for part in contents["parts"] if part["caption"] == "Chapters")
    assert [one["file"] for one in part["chapters"]] == [chapter.page for chapter in CHAPTERS]


def test_each_chapter_is_about_something_and_each_block_leads_to_its_own():
    for chapter in CHAPTERS:
        for pattern in chapter.about:
            only = network.Chapter("", "", (pattern,))
            assert any(network.is_about(only, part.path) for part in PARTS), pattern
        assert set(chapter.pins) <= set(BY_NAME) and bool(chapter.pins) != chapter.whole
    leads = {name: network.opens(block).page.partition("_")[0] for name, block in BY_NAME.items()}
    names = ("conv2_reduce", "inception_4c", "pool5", "aux2", "conv1", "pool3", INPUT)
    assert [leads[name] for name in names] == ["02", "03", "04", "08", "05", "05", "09"]
    with pytest.raises(KeyError):
        network.chapter("intro")


def parsed(page: str) -> ElementTree.Element:
    return ElementTree.fromstring(slim_map(page))


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda one: one.page)
def test_the_slim_form_shows_where_the_chapter_is(chapter):
    tree = parsed(chapter.page)
    assert chapter.here in tree.attrib["aria-label"] and chapter.here in "".join(tree.find("p").itertext())
    drawn = tree.findall(".//rect")
    seen = [rect for rect in drawn if rect.attrib["fill"] != "transparent"]
    lines = [rect for rect in seen if float(rect.attrib["y"]) > PLANS["slim"].most]
    assert len(drawn) - len(seen) == len(blocks()) and len(seen) - len(lines) == len(PARTS)
    elsewhere = [rect for rect in seen if "elsewhere" in rect.get("class", "")]
    assert len(elsewhere) == sum(not network.is_about(chapter, part.path) for part in PARTS)
    assert bool(elsewhere) != chapter.whole
    for rect in drawn:
        top = float(rect.attrib["y"])
        assert top >= 0 and top + float(rect.attrib["height"]) <= HEIGHT + 0.01
    pages = {one.page for one in CHAPTERS}
    links = [a.attrib["href"] for a in tree.findall(".//a")]
    assert links[-1] == "intro.html" and f"{chapter.page}.html" not in links
    assert {link.removesuffix(".html") for link in links[:-1]} <= pages and len(links) == len(set(links)) <= 8
    assert all(a.get("aria-label") or a.text for a in tree.findall(".//a"))


def test_each_block_can_be_hit_and_leads_to_the_chapter_that_explains_it():
    tree = parsed("01_from_lenet_to_googlenet")
    hit = {}
    for a in tree.findall(".//a")[:-1]:
        for rect in a.findall("rect"):
            if rect.attrib["fill"] == "transparent":
                hit[tuple(float(rect.attrib[k]) for k in ("x", "y", "width", "height"))] = a.attrib["href"]
    assert len(hit) == len(blocks())
    for (x, y, wide, high), (left, top, width, height) in combinations(hit, 2):
        across = min(x + wide, left + width) - max(x, left)
        assert min(across, min(y + high, top + height) - max(y, top)) < 0.02
    rects = PLANS["slim"].rects("shape")
    for block in blocks():
        one = rects[block.parts[0].path]
        x, y = one.start + one.size / 2, PLANS["slim"].most - one.base - one.length / 2
        y = max(y, 0.1) if block.name == INPUT else y
        found = [to for (a, b, w, h), to in hit.items() if a <= x <= a + w and b <= y <= b + h]
        assert found == [f"{network.opens(block).page}.html"], block.name


def test_a_page_that_is_no_chapter_has_none_and_a_chapter_has_it_under_its_title():
    from tools import local_ext

    assert slim_map("glossary") == ""
    for page, expected in (("03_inception_module", 1), ("intro", 0)):
        context = {"body": "<section><h1>Title</h1><p>Lead</p></section>"}
        local_ext.add_slim_map(SimpleNamespace(), page, "page.html", context, None)
        assert context["body"].count("<nav") == expected
        assert re.search(r"</h1>\s*(<nav.*</nav>\s*)?<p>Lead", context["body"], re.S)
    context = {"body": "no title"}
    local_ext.add_slim_map(SimpleNamespace(), "03_inception_module", "page.html", context, None)
    assert context["body"] == "no title"


def test_the_widgets_table_is_small_and_says_what_the_counts_say():
    from inception_lib.book.live.parts import text
    from inception_lib.book.widgets import MapWidget

    widget = MapWidget(block="inception_3b")
    assert widget.result() == {"channels": 480, "side": 28, "macs": 304_267_264, "weights": 388_096}
    total = widget.table["total"]
    assert (total["macs"], total["weights"], total["depth"]) == (1_582_671_872, 6_990_272, 22)
    assert len(zlib.compress(text(widget.table).encode())) < 8_000
    for block in widget.table["blocks"]:
        assert (block["macs"], block["weights"]) == (
            BY_NAME[block["name"]].macs,
            BY_NAME[block["name"]].weights,
        )
    for plan in widget.table["plans"].values():
        wide, high = plan["size"]
        for view in plan["views"].values():
            assert all(x >= 0 and y >= 0 and x + w <= wide and y + h <= high for x, y, w, h in view["rects"])
    assert math.isclose(widget.table["plans"]["tall"]["size"][0], 356, abs_tol=4)  # as a phone has room for
