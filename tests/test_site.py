"""The built book as its readers get it: links, requests, console, pictures, themes, width and weight.

Runs on `_build/html`, which `make test` builds first.
"""

from __future__ import annotations

import gzip
import json
import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest
import yaml
from bs4 import BeautifulSoup
from conftest import open_page
from playwright.sync_api import expect

from inception_lib.book import widgets
from tools import reference
from tools.shared_widgets import STATES, VIEW

BOOK = Path(__file__).resolve().parents[1] / "book"
MAX_PAGE_BYTES = 1_500_000


def page_names() -> list[str]:
    """Pages of the table of contents, by their name in the site."""
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text())
    files = [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]
    return [f"{name}.html" for name in files]


PAGE_NAMES = page_names()
OTHERS = ["index.html", "search.html", "genindex.html"]
MODULE_PAGES = [f"{module.__name__}.html" for module in reference.documented()]
every_page = pytest.mark.parametrize("name", PAGE_NAMES)


@cache
def parsed(path: Path) -> BeautifulSoup:
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def links(soup: BeautifulSoup) -> list[tuple[str, str]]:
    """(tag, address) of everything the page points to or loads."""
    return [(tag.name, tag[name]) for name in ("href", "src") for tag in soup.find_all(attrs={name: True})]


# -- as files -------------------------------------------------------------------------------------


def test_every_built_page_is_in_the_table_of_contents(pages):
    built = {path.name for path in pages.glob("*.html")}
    assert built == {*PAGE_NAMES, *OTHERS}


def test_the_reference_has_a_page_for_each_module_and_leads_to_it(pages):
    linked = {address for _, address in links(parsed(pages / "library.html")) if "library/" in address}
    assert {path.name for path in (pages / "library").glob("*")} == set(MODULE_PAGES)
    assert {f"library/{name}" for name in MODULE_PAGES} <= linked
    assert (pages / "library.html").stat().st_size < 150_000


def test_chapters_are_numbered_and_nothing_else_is(pages):
    toc = yaml.safe_load((BOOK / "_toc.yml").read_text())
    chapters, appendices = ([entry["file"] for entry in part["chapters"]] for part in toc["parts"])
    titles = {name: parsed(pages / f"{name}.html").select_one("article h1").text for name in chapters}
    for number, (name, title) in enumerate(titles.items(), 1):
        assert title.startswith(f"{number}. ")
        in_sidebar = parsed(pages / "intro.html").select_one(f'.bd-sidebar a[href="{name}.html"]').text
        assert title.startswith(in_sidebar.strip())
        assert all(not heading.text[0].isdigit() for heading in parsed(pages / f"{name}.html").select("h2"))
    for name in appendices:
        assert not parsed(pages / f"{name}.html").select_one("article h1").text[0].isdigit()


@pytest.mark.parametrize("name", [*PAGE_NAMES, *OTHERS, *(f"library/{name}" for name in MODULE_PAGES)])
def test_no_link_is_broken(pages, name):
    broken = []
    for tag, address in links(parsed(pages / name)):
        address, anchor = urldefrag(address)
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            # a page may point to the network but must not load from it
            if not (tag == "a" and parts.scheme in ("http", "https", "mailto")) and parts.scheme != "data":
                broken.append(f"<{tag}> loads {address}")
            continue
        target = (pages / name).parent / unquote(parts.path) if parts.path else pages / name
        if not target.is_file():
            broken.append(f"{address}: no such file")
        elif anchor and target.suffix == ".html" and tag == "a":
            soup = parsed(target)
            if not (soup.find(id=unquote(anchor)) or soup.find(attrs={"name": unquote(anchor)})):
                broken.append(f"{address}#{anchor}: no such anchor")
    assert not broken


@every_page
def test_head_of_the_page(pages, name):
    soup = parsed(pages / name)
    assert soup.html["lang"] == "en"
    assert soup.title.string.strip()
    description = soup.find("meta", attrs={"name": "description"})
    assert description is not None and 40 <= len(description["content"]) <= 160
    assert len(soup.select("article h1")) == 1


def test_no_two_pages_have_the_same_description(pages):
    texts = [parsed(pages / n).find("meta", attrs={"name": "description"})["content"] for n in PAGE_NAMES]
    assert len(set(texts)) == len(texts)


@every_page
def test_every_picture_says_what_it_shows(pages, name):
    soup = parsed(pages / name)
    silent = [str(img)[:120] for img in soup.find_all("img") if not (img.get("alt") or "").strip()]
    for figure in soup.select(".inception-figure"):
        if not any((svg.get("aria-label") or "").strip() for svg in figure.find_all("svg", role="img")):
            silent.append(str(figure)[:120])
    # matplotlib's own repr would stand where a picture was not shown through figures.show
    named_by_file = [img["alt"] for img in soup.find_all("img") if "/" in img.get("alt", "")]
    assert not silent and not named_by_file


@every_page
def test_weight_of_the_page(pages, name):
    soup = parsed(pages / name)
    images = {img["src"] for img in soup.find_all("img", src=True) if not urlsplit(img["src"]).scheme}
    weight = (pages / name).stat().st_size + sum((pages / unquote(src)).stat().st_size for src in images)
    assert weight < MAX_PAGE_BYTES


@every_page
def test_widgets_on_the_page_are_those_that_it_shows_and_hold_no_code(pages, name):
    text = (pages / name).read_text(encoding="utf-8")
    shown = {json.loads(view)["model_id"] for _, view in VIEW.findall(text)}
    found = list(STATES.finditer(text))
    states = [state for tag in found for state in json.loads(tag[1])["state"].items()]
    assert sorted(model for model, _ in states) == sorted(shown)
    for _, record in states:
        assert "_css" not in record["state"]
        files = [record["state"][name] for name in ("_esm", "_state") if name in record["state"]]
        assert all((pages / "_static" / "widgets" / f"{name}.js").is_file() for name in files)
    if found:  # one beside the first widget, the others below all text, so that nobody waits for them
        assert len(json.loads(found[0][1])["state"]) == 1 and "<p>" not in text[found[1].start() :]


@every_page
def test_no_path_of_the_machine_that_built_it(pages, name):
    text = (pages / name).read_text(encoding="utf-8")
    assert str(BOOK.parent) not in text
    assert "Traceback (most recent call last)" not in text


# -- in a browser ---------------------------------------------------------------------------------


def assert_quiet(seen) -> None:
    assert seen.off_machine == []
    assert seen.failed == []
    assert seen.errors == []


@pytest.fixture(scope="module", params=[*PAGE_NAMES, *OTHERS, "search.html?q=inception"])
def name(request):
    return request.param


def test_a_served_page_is_quiet(served):
    assert_quiet(served)


def test_every_control_has_a_name(served):
    page = served.page
    session = page.context.new_cdp_session(page)
    session.send("Accessibility.enable")
    roles = {"button", "checkbox", "combobox", "image", "link", "slider", "spinbutton", "textbox"}
    nameless = []
    for node in session.send("Accessibility.getFullAXTree")["nodes"]:
        role = node.get("role", {}).get("value")
        if role in roles and not node.get("ignored") and not node.get("name", {}).get("value", "").strip():
            described = session.send("DOM.describeNode", {"backendNodeId": node["backendDOMNodeId"]})["node"]
            nameless.append((role, described["nodeName"], described.get("attributes")))
    assert nameless == []


@pytest.fixture(scope="module", params=PAGE_NAMES)
def filed(request, chromium, pages):
    """A page opened as a file, on a phone in dark, once for the tests of it."""
    seen = open_page(chromium, (pages / request.param).as_uri(), width=390, scheme="dark", late=300)
    yield seen
    seen.page.context.close()


def test_a_page_opened_as_a_file_is_quiet(filed):
    assert_quiet(filed)
    assert filed.page.locator("mjx-merror").count() == 0
    broken = filed.page.eval_on_selector_all("img", "all => all.filter(i => !i.naturalWidth).map(i => i.src)")
    assert broken == []


LAID_OUT = """() => {
  const folded = (e) => !e.offsetHeight || e.closest("details:not([open])");
  const seen = [...document.querySelectorAll(".bd-article *")].filter((e) => !folded(e));
  const kinds = ".inception-figure, .inception-table, mjx-container[display=true], pre";
  const boxes = seen.filter((e) => e.matches(kinds));
  const over = (e) => e.scrollWidth > e.clientWidth + 1;
  const shadow = (e) => getComputedStyle(e).backgroundImage !== "none";
  return {
    column: document.querySelector(".bd-article section > p").offsetWidth,
    wide: seen.filter((e) => e.matches(".cell.tag_full-width")).map((e) => e.offsetWidth),
    wrong: boxes.filter((e) => over(e) !== shadow(e)).map((e) => e.outerHTML.slice(0, 120)),
    code: seen.filter((e) => e.matches(".cell_input pre") && over(e)).map((e) => e.textContent.slice(0, 80)),
  };
}"""


def test_layout_on_a_phone_and_on_a_desk(filed):
    """Wide things leave the column; what is too wide scrolls inside itself, and has a shadow."""
    for scheme in ("dark", "light"):
        page = filed.look(width=390, scheme=scheme).page
        assert page.evaluate("document.documentElement.dataset.theme") == scheme
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    phone = page.evaluate(LAID_OUT)
    assert phone["wrong"] == [] and all(width <= 390 for width in phone["wide"])
    assert filed.look(width=640).page.evaluate("document.documentElement.scrollWidth") <= 640  # 200 % zoom
    desk = filed.look(width=1280).page.evaluate(LAID_OUT)
    assert desk["column"] <= 704 and all(900 <= width <= 960 for width in desk["wide"])
    assert desk["wrong"] == [] and desk["code"] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


def test_the_reader_can_switch_the_theme(visit, site_url):
    opened = visit(f"{site_url}/intro.html", scheme="light")
    page = opened.page
    background = "getComputedStyle(document.body).backgroundColor"
    seen = {}
    for _ in range(3):  # auto, light, dark
        page.locator("button.theme-switch-button:visible").first.click()
        page.mouse.move(0, 0)
        mode, theme = page.evaluate("(d => [d.mode, d.theme])(document.documentElement.dataset)")
        opened.faded()
        seen[mode] = (theme, page.evaluate(background))
    assert seen["light"][0] == "light" and seen["dark"][0] == "dark" and seen["auto"][0] == "light"
    assert seen["light"][1] == seen["auto"][1] != seen["dark"][1]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_flash_of_the_wrong_theme(chromium, site_url, scheme):
    context = chromium.new_context(color_scheme=scheme)
    page = context.new_page()
    page.route("**/pydata-sphinx-theme.js*", lambda route: route.abort())  # as before it has loaded
    page.goto(f"{site_url}/intro.html")
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    context.close()


# engine and weights come after the first view; MathJax and its fonts are not ours
NOT_OWN = ("/mathjax/", "/live.js", "/live-large.js")


@pytest.mark.parametrize("name", PAGE_NAMES, indirect=True, scope="module")
def test_bytes_and_files_of_the_first_view(served, name):
    loaded = [answer for answer in served.answers if not any(part in answer.url for part in NOT_OWN)]
    own = {answer.url: len(gzip.compress(answer.body())) for answer in loaded}  # as a server sends it
    assert f"/{name}" in loaded[0].url and sum(own.values()) < MAX_PAGE_BYTES, own
    assert not [url for url in own if "fontawesome" in url or "searchindex" in url]
    code = [url for url in own if url.endswith((".js", ".css")) or ".js?" in url or ".css?" in url]
    assert len([url for url in code if "/widgets/" not in url]) <= 4, code


def test_mathematics_waits_for_the_widgets(chromium, site_url):
    context = chromium.new_context()
    page = context.new_page()
    page.route("**/mathjax/**", lambda route: None)  # it never comes
    page.goto(f"{site_url}/02_one_by_one_convolution.html", wait_until="commit")
    page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    assert page.locator(".inception-widget").count() >= 2
    context.close()


def test_icons_are_drawn_in_both_themes(visit, site_url):
    seen = visit(f"{site_url}/02_one_by_one_convolution.html")
    for scheme in ("light", "dark"):
        page = seen.look(scheme=scheme).page
        unseen = page.eval_on_selector_all(
            ":is(.fas, .fa-solid, .fab)",
            """all => all.filter(i => i.checkVisibility()).filter(i => {
              const { maskImage, backgroundColor } = getComputedStyle(i), box = i.getBoundingClientRect();
              return !maskImage.startsWith("url(") || backgroundColor === "rgba(0, 0, 0, 0)" ||
                box.width < 8 || box.height < 8;
            }).map(i => i.outerHTML)""",
        )
        assert unseen == []


def test_every_icon_on_a_page_has_a_drawing(pages):
    drawn = (BOOK / "_static" / "page.css").read_text()
    wanted = {
        kind
        for path in pages.rglob("*.html")
        for icon in parsed(path).select(".fas, .fa-solid, .fab, .far")
        for kind in icon["class"]
        if kind.startswith("fa-") and kind not in ("fa-solid", "fa-lg")
    }
    assert len(wanted) > 8 and not [kind for kind in wanted if f".{kind} {{" not in drawn]


def test_the_gallery_shows_each_widget_and_lets_nobody_into_the_picture(visit, site_url):
    seen = visit(f"{site_url}/widgets.html")
    glances = seen.page.locator(".widget-glance")
    assert glances.count() == len(widgets.__all__)
    for glance in glances.all():
        glance.scroll_into_view_if_needed()
        expect(glance.locator(".inception-widget")).to_have_count(1)
        assert glance.get_attribute("inert") is not None and glance.get_by_role("alert").count() == 0
    assert seen.errors == seen.failed == []
    assert seen.page.evaluate("!document.activeElement.closest('.widget-glance')")


def test_the_search_shows_no_tex(visit, site_url):
    page = visit(f"{site_url}/search.html?q=receptive").page
    page.wait_for_selector("#search-results li p.context")
    found = " ".join(page.locator("#search-results li").all_inner_texts())
    assert "receptive" in found and not re.search(r"\\[(\[]|\\\w+\{", found)


def test_the_searchs_index_has_no_word_of_tex(pages):
    terms = json.loads(re.search(r'"terms": ?(\{[^{}]*\})', (pages / "searchindex.js").read_text())[1])
    assert terms["kernel"]
    assert not any(
        terms.get(word) for word in ("frac", "mathrm", "operatornam", "cdot")
    )  # [] of an older build


def test_search_finds_a_chapter(visit, site_url):
    page = visit(f"{site_url}/search.html?q=inception").page
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() >= 1
