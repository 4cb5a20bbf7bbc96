"""Which tests belong to which tier, and fixtures shared by those that open the built book in Chromium."""

from __future__ import annotations

import ast
import importlib.util
import threading
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import pytest

from tools.browser import find_browser
from tools.serve import serve

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "_build" / "html"
MATH = ".math"

# the page knows of the color scheme, and shows it unless its reader chose a theme
FOLLOWS = """scheme => {
  const { mode, theme } = document.documentElement.dataset;
  return matchMedia(`(prefers-color-scheme: ${scheme})`).matches && (mode !== "auto" || theme === scheme);
}"""
FADED = "!document.getAnimations().some(a => a instanceof CSSTransition && a.playState !== 'finished')"


WITHOUT_BOOK = importlib.util.find_spec("anywidget") is None
OURS = ("benchmarks", "inception_lib", "tools")
# fixtures, and the marker of the tests that use them, also by way of other fixtures
TIERS = {"chromium": "browser", "pages": "built"}


@pytest.hookimpl(tryfirst=True)  # before -m chooses by the markers
def pytest_collection_modifyitems(items):
    for item in items:
        for fixture in TIERS.keys() & set(getattr(item, "fixturenames", ())):
            item.add_marker(TIERS[fixture])


def pytest_runtest_setup(item):
    if item.get_closest_marker("book") and WITHOUT_BOOK:
        pytest.skip("needs the extra `book`")
    if item.get_closest_marker("gpu"):
        import torch

        if not torch.cuda.is_available():
            pytest.skip("needs a GPU")


@cache
def of_the_book() -> dict[Path, str]:
    """Without the extra `book`: the test modules that cannot be imported, and the package that each lacks."""
    found = {}
    for path in sorted(Path(__file__).parent.rglob("test_*.py")) if WITHOUT_BOOK else ():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        tree.body = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        try:
            exec(compile(tree, path, "exec"), {})
        except ModuleNotFoundError as error:
            if not str(error.name).startswith(OURS):
                found[path] = str(error.name)
    return found


def pytest_ignore_collect(collection_path: Path):
    return True if collection_path in of_the_book() else None


def pytest_report_header():
    return [
        f"without the extra `book`: no {path.name}, which needs {name}"
        for path, name in of_the_book().items()
    ]


@pytest.fixture
def style():
    """The book's figures, as they are drawn on its pages; all are closed afterwards."""
    import matplotlib.pyplot as plt

    from inception_lib.book import figures

    with plt.rc_context():
        figures.use_style()
        yield
    plt.close("all")


@pytest.fixture(scope="session")
def pages() -> Path:
    """The folder of the built book."""
    if not (PAGES / "intro.html").is_file():
        pytest.fail("the book is not built; run `make book` first", pytrace=False)
    return PAGES


@pytest.fixture(scope="session")
def site_url(pages: Path):
    """The built book, served on this machine."""
    server = serve(str(pages), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="session")
def chromium():
    """A running Chromium."""
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        pytest.fail("no browser on this machine; run `python tools/browser.py` to get one", pytrace=False)
    with sync_playwright() as playwright:
        # a container's root has no sandbox, and its /dev/shm is small
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page that was opened, and what it did meanwhile."""

    page: object
    off_machine: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    answers: list[object] = field(default_factory=list)

    def look(self, *, width: int = 1280, scheme: str = "light") -> Visit:
        """The same page in a window of another width, or in the other color scheme."""
        if self.page.viewport_size["width"] != width:
            self.page.set_viewport_size({"width": width, "height": 900})
        self.page.emulate_media(color_scheme=scheme)
        self.page.wait_for_function(FOLLOWS, arg=scheme)  # told at its next frame: late on a loaded machine
        self.faded()
        return self

    def faded(self) -> None:
        """Wait until the theme has faded its colors."""
        self.page.wait_for_function(FADED)


def open_page(
    chromium,
    url: str,
    *,
    width: int = 1280,
    height: int = 900,
    scheme: str = "light",
    touch: bool = False,
    late: int = 50,
    math: bool = True,
) -> Visit:
    """Open an address in a new browser profile, the network refused; give the Visit once it is at rest.

    `late` are the milliseconds in which a page may still do something, where a test is about that. Without
    `math` the page gets an empty MathJax, which is much of the work of opening it.
    """
    context = chromium.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, has_touch=touch
    )
    seen = Visit(context.new_page())

    def gate(route):
        address = route.request.url
        if not math and "/mathjax/" in address:
            route.fulfill(body="", content_type="text/javascript")
        elif address.startswith(("http://127.0.0.1:", "file:", "data:", "blob:")):
            route.continue_()
        else:
            seen.off_machine.append(address)
            route.abort()

    context.route("**/*", gate)
    seen.page.on("console", lambda m: seen.errors.append(m.text) if m.type == "error" else None)
    seen.page.on("pageerror", lambda error: seen.errors.append(str(error)))
    seen.page.on("requestfailed", lambda request: seen.failed.append(request.url))
    seen.page.on("response", lambda answer: seen.answers.append(answer))
    seen.page.on("response", lambda r: seen.failed.append(r.url) if r.status >= 400 else None)
    seen.page.goto(url, wait_until="load")
    if math and seen.page.locator(MATH).count():
        seen.page.wait_for_selector("mjx-container", state="attached")
    if seen.page.locator('script[type="application/vnd.jupyter.widget-state+json"]').count():
        seen.page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    seen.page.wait_for_timeout(late)
    return seen


@pytest.fixture
def visit(chromium):
    """`open_page`, with pages that are closed after the test."""
    seen: list[Visit] = []

    def open_one(url: str, **more) -> Visit:
        seen.append(open_page(chromium, url, **more))
        return seen[-1]

    yield open_one
    for one in seen:
        one.page.context.close()


@pytest.fixture(scope="session")
def beside_the_network(tmp_path_factory):
    """A folder for pages, with the scripts of the network that runs in them."""
    from inception_lib.book.live import page

    made = tmp_path_factory.mktemp("pages")
    page.write_scripts(made / "_static")
    return made


@pytest.fixture(scope="module")
def served(chromium, site_url, name):
    """The page `name`, which a module's tests are parametrized by, opened once for all of them."""
    seen = open_page(chromium, f"{site_url}/{name}", height=720, late=300)
    yield seen
    seen.page.context.close()
