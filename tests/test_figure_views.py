"""Views of a figure's plots: each shows one plot, all of it, and nothing of another."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import matplotlib.pyplot as plt
import pytest

from inception_lib.book import figures
from inception_lib.book.figures.views import Box

pytestmark = pytest.mark.usefixtures("style")
CSS = Path(__file__).resolve().parents[1] / "book" / "_static" / "book.css"


def side_by_side(n=2, **more):
    fig, axes = plt.subplots(1, n, figsize=(figures.WIDE, 3), **more)
    for i, ax in enumerate(axes):
        ax.plot([0, 1, 2], [1, i, 3], label=f"line {i}")
        ax.set(title=f"plot {i}", xlabel="epoch", ylabel="points" if i == 0 else "")
    return fig, axes


def html_of(fig):
    return figures.show(fig, alt="plots")._repr_mimebundle_()[0]["text/html"]


def views_of(html):
    """Of each view the boxes that it shows, in points of the drawing."""
    _, _, shown = html.partition('<div class="inception-views"')
    found = []
    for view in shown.split('<svg style="')[1:]:
        numbers = re.findall(r'width="[\d.]+" height="[\d.]+" viewBox="([-\d. ]+)"', view)
        corners = [tuple(map(float, one.split())) for one in numbers]
        found.append([Box(x, y, x + width, y + height) for x, y, width, height in corners])
    return found


def test_each_plot_has_a_view_of_its_own():
    fig, _ = side_by_side(3)
    fig.legend(["one", "another"], loc="outside lower center", ncols=2)
    html = html_of(fig)
    found = views_of(html)
    assert len(found) == 5 and all(len(boxes) == 1 for boxes in found)
    assert not any(one.overlaps(other) for (one,), (other,) in combinations(found, 2))
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', html).groups())
    for ((left, top, right, bottom),) in found:
        assert -4 < left < right < width + 4 and -4 < top < bottom < height + 4
    assert sum(right - left for ((left, _, right, _),) in found[2:]) > 0.8 * width
    (drawing,) = re.findall(r'<g id="(drawing-\w+)"', html)
    assert re.findall(r'<use href="#(\S+?)"', html.partition("inception-views")[2]) == [drawing] * 5
    assert 'aria-hidden="true"' in html and html.count('role="img"') == 1


def test_a_plot_takes_its_scale_from_its_neighbor():
    fig, _ = side_by_side(2, sharey=True)
    first, second = views_of(html_of(fig))
    assert len(first) == 1 and len(second) == 2
    scale, plot = second
    assert scale.left == pytest.approx(first[0].left) and scale.right < plot.left
    assert (scale.top, scale.bottom) == pytest.approx((plot.top, plot.bottom))


def inset():
    fig, axes = side_by_side()
    axes[0].figure.add_axes([0.1, 0.5, 0.1, 0.2]).plot([1, 2])
    return fig


def told_as_a_whole():
    fig, _ = side_by_side()
    fig.suptitle("of both")
    return fig


def single():
    return plt.subplots(figsize=(figures.WIDE, 3))[0]


def one_above_the_other():
    return plt.subplots(2, 1)[0]


def scale_below():
    return plt.subplots(2, 2, sharex=True)[0]


@pytest.mark.parametrize("make", [inset, told_as_a_whole, single, one_above_the_other, scale_below])
def test_what_cannot_be_told_apart_stays_whole(make):
    assert "inception-views" not in html_of(make())


def test_drawings_of_a_page_do_not_share_a_name():
    names = [re.findall(r'<g id="(drawing-\w+)"', html_of(side_by_side(n)[0])) for n in (2, 3)]
    assert names[0] != names[1]


@pytest.mark.browser
def test_a_phone_shows_the_views_and_a_desk_the_drawing(visit, tmp_path):
    shown = html_of(side_by_side(2, sharey=True)[0]) + html_of(side_by_side(3)[0])
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>x</title>'
        '<meta name="viewport" content="width=device-width">'
        f"<style>{CSS.read_text()}</style></head><body>{shown}</body></html>"
    )
    sizes = """() => [...document.querySelectorAll(".inception-figure")].map((figure) =>
      [...figure.querySelectorAll(":scope > svg, .inception-views > svg")].map((svg) =>
        svg.getBoundingClientRect().width))"""
    for whole, *parts in visit(page.as_uri(), width=390).page.evaluate(sizes):
        assert whole == 1 and all(250 < width <= 390 for width in parts)
    phone = visit(page.as_uri(), width=390).page
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    # a view draws what the drawing has there, though that is not seen
    ink = "(view) => [...view.querySelectorAll('use')].map((use) => use.getBBox().width)"
    assert min(phone.locator(".inception-views").first.evaluate(ink)) > 100
    for whole, *parts in visit(page.as_uri(), width=1280).page.evaluate(sizes):
        assert whole > 900 and set(parts) == {0}
