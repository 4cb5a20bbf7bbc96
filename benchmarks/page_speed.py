"""How soon a reader sees each page of the built book, and how soon a widget answers, in headless Chromium.

    make book
    python benchmarks/page_speed.py --record page_speed       on a machine that does nothing else

Each page is opened from a local server, its cache empty, several times in turn with the others.
`first_view` is the browser's own first contentful paint, `loaded` the end of its load event; both are
medians, in milliseconds since the address was asked for. `phone_first` and `phone` are the times until the
first widget and until all widgets of the page are there on a phone: a window of 390 x 844, Chromium's profile
"Fast 4G" (9 Mbit/s less a tenth, 165 ms there and back), and a processor as slow as Chromium's "Mid-tier
mobile", one on which Lighthouse's benchmark gives 1,000; `slowdown` is by how much this one is slowed for it.
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
MID_TIER = 1000  # what the benchmark gives on a phone of the middle class, as Chromium's DevTools have it
# as Lighthouse has it: strings that the collector takes, and copies of an array, in tens of rounds a second
BENCHMARK = """() => {
  const rounds = (work) => {
    const start = performance.now();
    let n = 0;
    for (; performance.now() - start < 500; n++) work(n);
    return n / 10 / ((performance.now() - start) / 1000);
  };
  const arrays = [0, 1].map((first) => Array.from({ length: 100000 }, (_, i) => i + first));
  const strings = rounds(() => {
    let text = "";
    for (let i = 0; i < 10000; i++) text += "a";
    if (text.length === 1) throw new Error("so that nothing is left out");
  });
  const copies = rounds((n) => {
    const from = arrays[n % 2], to = arrays[1 - n % 2];
    for (let i = 0; i < from.length; i++) to[i] = from[i];
  });
  return (strings + copies) / 2;
}"""
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


def slowdown(browser: Browser) -> float:
    """By how much this processor is slowed to be a phone's."""
    page = browser.new_page()
    page.evaluate(BENCHMARK)  # the first time it is compiled
    index = statistics.median(page.evaluate(BENCHMARK) for _ in range(3))
    page.close()
    return round(max(1.0, index / MID_TIER), 2)


def on_a_phone(browser: Browser, address: str, slower: float) -> tuple[float, float] | None:
    """Milliseconds until the first widget and until all widgets of a page are there, on a phone; None if it
    has none."""
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    session = context.new_cdp_session(page)
    session.send("Network.enable")
    session.send("Network.emulateNetworkConditions", FAST_4G)
    session.send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.add_init_script(READY_AT)
    page.goto(address, wait_until="load", timeout=120_000)
    ready = None
    if page.locator(STATES).count():
        page.wait_for_function("globalThis.readyAt", timeout=120_000)
        first = page.evaluate("performance.getEntriesByName('widget')[0]?.startTime ?? globalThis.readyAt")
        ready = first, page.evaluate("globalThis.readyAt")
    context.close()
    return ready


def medians(visits: list[tuple[float, float]]) -> tuple[float | None, float | None]:
    """Of both times of several visits, in milliseconds; none without any."""
    if not visits:
        return None, None
    first, second = (round(statistics.median(times), 1) for times in zip(*visits, strict=True))
    return first, second


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
    phones: dict[str, list[tuple[float, float]]] = {}
    widgets: dict[str, dict[str, float | str]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        version = browser.version
        slower = slowdown(browser)
        first_view(browser, f"{site}/{names[0]}.html")  # the browser's own start is no page's
        for _ in range(rounds):
            for name in names:
                seen[name].append(first_view(browser, f"{site}/{name}.html"))
                if (ready := on_a_phone(browser, f"{site}/{name}.html", slower)) is not None:
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
        name: dict(zip(("first_view", "loaded"), medians(visits), strict=True))
        | dict(zip(("phone_first", "phone"), medians(phones.get(name, [])), strict=True))
        for name, visits in seen.items()
    }
    print(pd.DataFrame(pages).T.to_string(), pd.DataFrame(widgets).T.to_string(), sep="\n\n")
    if record:
        print(
            results.record(
                record,
                {
                    "browser": f"Chromium {version}",
                    "rounds": rounds,
                    "slowdown": slower,
                    "pages": pages,
                    "widgets": widgets,
                },
                about="First view of each page of the book from a local server, and a widget's answer, in ms",
                data=f"the built book, {len(names)} pages",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "page_speed"))
