"""Figures that put networks beside each other: from the counts, the published errors and the records."""

from __future__ import annotations

import pytest

from inception_lib import count, history
from inception_lib.book import figures, results

pytestmark = pytest.mark.usefixtures("style")

FAMILY = ("googlenet", "bn_inception", "inception_v3", "inception_v4")


@pytest.mark.parametrize("name", FAMILY)
def test_the_branches_and_the_rest_are_the_whole_network(name):
    network = history.build(name)
    found = figures.macs_by_branch(network)
    assert sum(found.values()) == count(network.without_heads()).macs
    rows = count(network.without_heads()).rows
    pool = sum(row.macs.value for row in rows if row.branch == "pool" and "stem" not in row.path)
    assert found["pooling branch"] == pool and min(found.values()) > 0


def test_the_third_branch_is_the_5x5_and_what_came_after_it():
    rows = count(history.build("googlenet").without_heads()).rows
    five = sum(row.macs.value for row in rows if row.branch == "5x5")
    assert figures.macs_by_branch(history.build("googlenet"))["third branch"] == five
    rows = count(history.build("inception_v3").without_heads()).rows
    longest = sum(row.macs.value for row in rows if row.branch in ("3x3dbl", "7x7dbl", "7x7x3"))
    assert figures.macs_by_branch(history.build("inception_v3"))["third branch"] == longest
    (ax,) = figures.plot_branches({name: history.build(name) for name in FAMILY}).axes
    assert [text.get_text() for text in ax.texts] == [" 1.58", " 1.95", " 5.71", " 12.25"]


def test_a_price_is_passes_times_macs_and_hollow_without_the_blacklisted():
    (ax,) = figures.plot_prices().axes
    drawn = {
        (round(x, 3), y): line.get_markerfacecolor()
        for line in ax.lines
        if line.get_marker() != "None"
        for x, y in line.get_xydata()
    }
    wanted = {}
    for name, milestone in history.NETWORKS.items():
        macs = count(history.build(name).without_heads()).macs
        for error in milestone.errors:
            if error.passes:
                at = round(error.passes * macs / 1e9, 3), float(error.error)
                wanted[at] = "blacklisted" in error.measured
    assert drawn.keys() == wanted.keys()
    assert {at for at, face in drawn.items() if face == "none"} == {
        at for at, hollow in wanted.items() if hollow
    }


def test_speeds_are_those_of_the_record_for_one_image():
    rows = [r for r in results.load("seconds_per_mac").outcome["rows"] if r["group"] == "network"]
    fig = figures.plot_speeds(rows, (1, 16))
    for ax, batch in zip(fig.axes, (1, 16), strict=True):
        own = {
            (row["macs"] / batch / 1e9, 1000 * row["seconds"] / batch)
            for row in rows
            if row["batch"] == batch
        }
        dots = {tuple(line.get_xydata()[0]) for line in ax.lines if line.get_marker() == "o"}
        assert len(own) == len(ax.texts)
        assert dots == own


def test_windows_are_as_many_positions_as_their_titles_say():
    for ax, side in zip(figures.plot_windows().axes, (5, 5, 7), strict=True):
        small = [patch for patch in ax.patches if (patch.get_width(), patch.get_height()) == (1, 1)]
        weights = sum(patch.get_width() * patch.get_height() for patch in ax.patches[len(small) :])
        assert len(small) == side**2
        assert weights == sum(int(word) for word in ax.get_title().split(": ")[1].split() if word.isdigit())
