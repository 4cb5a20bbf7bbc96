"""Guesses and answers: the Python side, and in a browser on a page of their own."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import expect
from widget_page import write_page

from inception_lib.book.widgets import Answer, Guess


def number(**more):
    return Guess("How many times fewer MACs?", 19.9, low=1, high=100, unit="x", says="So it pays.", **more)


def curve():
    return Guess("How many?", [3, 1.5, 8], low=0, high=10, labels=["conv1", "3a", "5b"])


def test_a_scale_is_logarithmic_where_its_range_is_wide():
    assert number().log and not curve().log and not number(log=False).log


@pytest.mark.parametrize(
    "wrong",
    [
        {"truth": 200},
        {"truth": [1, 2]},
        {"truth": [1, 2], "labels": ["a", "b", "c"]},
        {"truth": 5, "low": 0, "log": True},
    ],
)
def test_a_guess_without_a_place_on_its_scale_is_refused(wrong):
    with pytest.raises(ValueError):
        Guess("How many?", **({"low": 1, "high": 100} | wrong))


def test_an_answer_is_checked():
    answer = Answer(
        "The grid cancels.", factor=21.4, stays=True, kind="linear", options={"kind": ("linear", "affine")}
    )
    answer.check(factor=21.39, stays=True, kind="linear")
    for wrong in ({"factor": 20}, {"stays": False}, {"kind": "affine"}):
        with pytest.raises(AssertionError, match="The grid cancels"):
            answer.check(**({"factor": 21.4, "stays": True, "kind": "linear"} | wrong))
    with pytest.raises(TypeError, match="factor, stays, kind"):
        answer.check(factor=21.4)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"a": "x"}, {"a": "x", "options": {"a": ("y", "z")}}],
    ids=["none", "open text", "no option"],
)
def test_an_answer_that_cannot_be_given_is_refused(wrong):
    with pytest.raises(ValueError):
        Answer("Hint.", **wrong)


@pytest.fixture
def shown(visit, tmp_path):
    def show(*widgets, **more):
        seen = visit(write_page(tmp_path / "page.html", list(widgets)), **more)
        return seen.page, seen.page.locator(".inception-widget")

    return show


def guesses(root):
    return json.loads(root.get_attribute("data-guess"))


@pytest.mark.browser
def test_a_number_is_guessed_by_mouse_and_keys_and_then_stays(shown):
    page, root = shown(number())
    marker, button = root.get_by_role("slider", name="Your guess"), root.get_by_role("button")
    assert button.is_disabled() and root.locator(".iw-guess-truth").count() == 0
    box = root.locator(".iw-guess-plot").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 4, steps=4)
    page.mouse.up()
    assert guesses(root)[0] == pytest.approx(100**0.25, rel=0.02)
    marker.focus()
    page.keyboard.press("End")
    assert guesses(root) == [100] and marker.get_attribute("aria-valuetext") == "100x"
    page.keyboard.press("Home")
    button.click()
    expect(root.get_by_role("status")).to_have_text(
        "It is 20x, and you said 1x: 20 times too low. So it pays."
    )
    marker.focus()
    page.keyboard.press("End")
    assert guesses(root) == [1] and root.locator(".iw-guess-truth").count() == 1
    button.click()
    assert root.get_attribute("data-committed") == "" and root.locator(".iw-guess-truth").count() == 0


@pytest.mark.browser
def test_a_curve_is_drawn_in_one_stroke(shown):
    page, root = shown(curve())
    box = root.locator(".iw-guess-plot").bounding_box()
    page.mouse.move(box["x"] + 5, box["y"] + 0.9 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 5, box["y"] + 0.1 * box["height"], steps=30)
    page.mouse.up()
    first, _, last = guesses(root)
    assert first < 3.5 and last > 6.5
    root.get_by_role("button", name="That is my guess").click()
    said, seen = root.get_by_role("status"), root.get_by_role("status").locator("[aria-hidden]")
    assert "conv1: it is 3," in said.text_content() and "5b: it is 8," in said.text_content()
    assert seen.text_content().startswith("The largest miss: 3a: it is 1.5, and you said")
    assert root.locator(".iw-guess-true").count() == 1


@pytest.mark.browser
def test_a_finger_moves_a_marker(shown):
    page, root = shown(number(), width=390, touch=True)
    box = root.locator(".iw-guess-plot").bounding_box()
    page.touchscreen.tap(box["x"] + 0.75 * box["width"], box["y"] + 4)
    assert guesses(root)[0] == pytest.approx(100**0.75, rel=0.05)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.browser
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("21.4", "✓ Right."),
        (" 21.40 ", "✓ Right."),
        ("107/5", "✓ Right."),
        ("2140%", "✓ Right."),
        ("0.0214 thousand", "✓ Right."),
        ("20", "✗ Not yet. The grid cancels."),
        ("many", "factor: write a number, such as 1,000 or 2.5 million."),
        ("5 apples", "factor: write a number, such as 1,000 or 2.5 million."),
        ("", "Still open: factor."),
    ],
)
def test_an_answer_is_read_as_people_write_it(shown, text, said):
    _, root = shown(Answer("The grid cancels.", factor=21.4))
    root.get_by_label("factor").fill(text)
    root.get_by_role("button", name="Check").click()
    expect(root.get_by_role("status")).to_have_text(said)


@pytest.mark.browser
def test_of_several_answers_the_wrong_ones_are_named(shown):
    _, root = shown(Answer("Count both.", MACs_saved=2.5e6, can_pay=True))
    root.get_by_label("MACs saved").fill("2,500,000")
    root.get_by_label("can pay").select_option("no")
    root.get_by_role("button", name="Check").click()
    expect(root.get_by_role("status")).to_have_text("✗ Not yet (can pay). Count both.")
    root.get_by_label("can pay").select_option("yes")
    root.get_by_role("button", name="Check").click()
    expect(root.get_by_role("status")).to_have_text("✓ Right.")


@pytest.mark.browser
@pytest.mark.book
def test_the_answer_on_the_page_waits_for_the_guess(visit, site_url):
    page = visit(f"{site_url}/01_from_lenet_to_googlenet.html").page
    curve, share = (page.locator(".iw-guess").nth(i) for i in (0, 1))
    covered = page.locator(".iw-covered")
    share.scroll_into_view_if_needed()
    expect(covered).to_have_count(2)
    expect(covered.nth(0).get_by_role("img")).to_have_accessible_name(re.compile("winners of ILSVRC"))
    expect(covered.nth(1)).to_contain_text("37,752,832 parameters")
    expect(covered.nth(1)).to_have_css("filter", "blur(8px)")
    page.emulate_media(media="print")
    expect(covered.nth(1)).to_have_css("filter", "none")
    page.emulate_media(media="screen")
    curve.get_by_role("button", name="Just show it").click()
    expect(covered).to_have_count(1)
    assert curve.get_attribute("data-committed") == "" and curve.get_by_role("button").count() == 1
    share.get_by_role("slider").press("ArrowRight")
    expect(covered).to_have_count(1)
    share.get_by_role("button", name="That is my guess").click()
    expect(covered).to_have_count(0)
    share.get_by_role("button", name="Guess again").click()
    expect(covered).to_have_count(0)  # what has been seen has been seen
