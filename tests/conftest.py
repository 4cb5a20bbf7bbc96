"""Fixtures shared by the tests that open the built book in Chromium."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tools.browser import find_browser
from tools.serve import serve

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "_build" / "html"


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
        browser = playwright.chromium.launch(executable_path=path,
                                             args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()
