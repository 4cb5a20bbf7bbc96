"""How soon a reader sees each page of the built book, and how soon a widget answers, in headless Chromium.

    make book
    python benchmarks/page_speed.py --record page_speed       on a machine that does nothing else

Each page is opened from a local server, its cache empty, several times in turn with the others.
`first_view` is the browser's own first contentful paint, `loaded` the end of its load event; both are
medians, in milliseconds since the address was asked for. `phone` is the time until all widgets of the page
are there on a phone: a window of 390 x 844, four times slower a processor, and Chromium's profile "Fast 4G"
(9 Mbit/s less a tenth, 165 ms there and back); the server compresses nothing, so that it is an upper limit.
Each widget is then given settings at random, one control at a time: `answer` is the time from the event
until the new values are in the page and laid out; `median` and `worst` of many, in milliseconds. A frame at
60 Hz lasts 16.7 ms.
"""

from __future__ import annotations

import statistics
import sys
import threading
from pathlib import Path

import pandas as pd
import tyro
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the tools, which are no package

from inception_lib.book import results  # noqa: E402
from inception_lib.console import run  # noqa: E402
from inception_lib.errors import InceptionError  # noqa: E402
from tools.browser import find_browser  # noqa: E402
from tools.serve import serve  # noqa: E402

PAGES = ROOT / "_build" / "html"
SKIPPED = ("index", "genindex", "search")  # a forwarding page, and two without text of their own

VIEW = """() => new Promise(resolve => {
  const loaded = performance.getEntriesByType("navigation")[0].loadEventEnd;
  new PerformanceObserver((list, observer) => {
    const paint = list.getEntriesByName("first-contentful-paint")[0];
    if (paint) { observer.disconnect(); resolve([paint.startTime, loaded]); }
  }).observe({ type: "paint", buffered: true });
})"""

STATES = 'script[type="application/vnd.jupyter.widget-state+json"]'
FAST_4G = {
    "offline": False,
    "latency": 165,  # ms
    "downloadThroughput": 9e6 * 0.9 / 8,  # bytes/s
    "uploadThroughput": 1.5e6 * 0.9 / 8,
}
READY_AT = """new MutationObserver(() => {
  if (!globalThis.readyAt && document.documentElement?.dataset.widgetsReady === "1")
    globalThis.readyAt = performance.now();
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-widgets-ready"] })"""

ANSWERS = """([root, changes]) => {
  let state = 1;
  const below = n => (state = state * 48271 % 2147483647) % n;  // Lehmer's generator: the same each time
  const controls = [...root.querySelectorAll("input[type=range], input[type=checkbox], select")]
    .filter(c => !c.disabled);
  if (!controls.length) return [];  // a guess and an answer have none
  const took = [];
  for (let i = 0; i < changes; i++) {
    const control = controls[below(controls.length)];
    const start = performance.now();
    if (control.type === "checkbox") control.click();
    else if (control.tagName === "SELECT") {
      control.selectedIndex = below(control.options.length);
      control.dispatchEvent(new Event("change", { bubbles: true }));
    } else {
      const step = Number(control.step) || 1, steps = Math.floor((control.max - control.min) / step);
      control.value = Number(control.min) + step * below(steps + 1);
      control.dispatchEvent(new Event("input", { bubbles: true }));
    }
    root.getBoundingClientRect();  // style and layout are part of the answer
    took.push(performance.now() - start);
  }
  return took;
}"""


def first_view(browser: Browser, address: str) -> tuple[float, float]:
    """Milliseconds to the first paint with content, and to the end of the load event, of a first visit."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="load")
    paint, loaded = page.evaluate(VIEW)
    context.close()
    return paint, loaded


def on_a_phone(browser: Browser, address: str) -> float | None:
    """Milliseconds until the widgets of a page are there, on a slow phone; None if it has none."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", FAST_4G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.add_init_script(READY_AT)
    page.goto(address, wait_until="load", timeout=120_000)
    ready = None
    if page.locator(STATES).count():
        page.wait_for_function("globalThis.readyAt", timeout=120_000)
        ready = page.evaluate("globalThis.readyAt")
    context.close()
    return ready


def answers(page: Page, changes: int) -> dict[str, list[float]]:
    """For each widget of the page but the quiz, by its key, the milliseconds of each answer."""
    if page.locator(STATES).count():
        page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    found: dict[str, list[float]] = {}
    for root in page.locator('.inception-widget[data-widget]:not([data-widget="quiz"], [inert] *)').all():
        if took := page.evaluate(ANSWERS, [root.element_handle(), changes]):
            found.setdefault(root.get_attribute("data-widget"), []).extend(took)
    return found


def main(rounds: int = 5, changes: int = 200, record: str = "") -> int:
    """Measure the built book.

    Args:
        rounds: visits to each page.
        changes: of each widget's settings.
        record: the name under which to keep the outcome in data/results.
    """
    names = sorted(path.stem for path in PAGES.glob("*.html") if path.stem not in SKIPPED)
    if not names:
        raise InceptionError(f"{PAGES}: holds no book; run `make book` first.")
    server = serve(str(PAGES), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    site = f"http://127.0.0.1:{server.server_port}"
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in names}
    phones: dict[str, list[float]] = {}
    widgets: dict[str, dict[str, float | str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        version = browser.version
        first_view(browser, f"{site}/{names[0]}.html")  # the browser's own start is no page's
        for _ in range(rounds):
            for name in names:
                seen[name].append(first_view(browser, f"{site}/{name}.html"))
                if (ready := on_a_phone(browser, f"{site}/{name}.html")) is not None:
                    phones.setdefault(name, []).append(ready)
        for name in names:
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            page.goto(f"{site}/{name}.html", wait_until="load")
            for key, took in answers(page, changes).items():
                widgets[key] = {
                    "page": name,
                    "median": round(statistics.median(took), 2),
                    "worst": round(max(took), 2),
                    "changes": len(took),
                }
            page.close()
        browser.close()
    server.shutdown()
    pages = {
        name: {
            "first_view": round(statistics.median(paint for paint, _ in visits), 1),
            "loaded": round(statistics.median(loaded for _, loaded in visits), 1),
            "phone": round(statistics.median(phones[name])) if name in phones else None,
        }
        for name, visits in seen.items()
    }
    print(pd.DataFrame(pages).T.to_string(), pd.DataFrame(widgets).T.to_string(), sep="\n\n")
    if record:
        print(
            results.record(
                record,
                {"browser": f"Chromium {version}", "rounds": rounds, "pages": pages, "widgets": widgets},
                about="First view of each page of the book from a local server, and a widget's answer, in ms",
                data=f"the built book, {len(names)} pages",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "page_speed"))
