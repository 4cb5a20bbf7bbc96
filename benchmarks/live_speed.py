"""How fast the network runs in the page, in headless Chromium: in WebAssembly and in plain JavaScript.

    python benchmarks/live_speed.py --record live_speed          on a machine that does nothing else
    python benchmarks/live_speed.py --weights bvlc_googlenet.caffemodel --record live_speed

A page is opened from a file, and its worker runs the bundled network (80 x 80, int8) and, where `weights` are
given, BVLC's (224 x 224, float16), in rounds that take turns. Of each: `median` and `worst` in milliseconds
in the worker, `asked` the median from asking to the answer in the page, with the maps of one module; the
rate of multiplications that `median` comes to; `open` the milliseconds until the network was ready.

With `weights` and a built book, `photographs` are those that a reader chooses from disk in the chapter "What
it sees": the milliseconds from the choice to the five best classes, by crops averaged, over several workers.
"""

from __future__ import annotations

import io
import statistics
import sys
import tempfile
from itertools import cycle
from pathlib import Path

import pandas as pd
import tyro
from playwright.sync_api import Browser, FilePayload, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # for the tools, which are no package

from inception_lib.book import results  # noqa: E402
from inception_lib.book.bundled import bundled  # noqa: E402
from inception_lib.book.live import page, parts  # noqa: E402
from inception_lib.book.photographs import photographs  # noqa: E402
from inception_lib.book.scripts import joined  # noqa: E402
from inception_lib.console import run  # noqa: E402
from inception_lib.counting import count  # noqa: E402
from inception_lib.weights.info import Loaded  # noqa: E402
from inception_lib.weights.loading import load_weights  # noqa: E402
from tools.browser import find_browser  # noqa: E402

OPEN = """async ([name, plain]) => {
  const all = globalThis.InceptionLive, start = performance.now();
  if (name === "large") await client.large();
  const live = new client.Live(plain ? { ...all, wasm: "" } : all);
  const about = await live.open(all.networks[name]);
  if (about.plain !== plain) throw new Error("these are the other kernels");
  (globalThis.opened ??= {})[`${name} ${plain}`] = live;
  return performance.now() - start;
}"""
RUNS = """async ([name, plain, side, runs]) => {
  const live = opened[`${name} ${plain}`], took = [];
  for (let i = 0; i < runs; i++) {
    const input = Float32Array.from({ length: 3 * side * side }, () => 2 * Math.random() - 1);
    const start = performance.now();
    const { ms } = await live.run({ input, shape: [3, side, side], keep: ["inception_3a"] });
    took.push([ms, performance.now() - start]);
  }
  return took;
}"""
PHOTO_PAGE = ROOT / "_build" / "html" / "06_what_it_sees.html"
WATCH = """root => {
  const input = root.querySelector('input[aria-label="Choose a photograph"]');
  input.addEventListener("change", () => { root.chosenAt = performance.now(); }, { capture: true });
  new MutationObserver(() => { root.took = performance.now() - root.chosenAt; })
    .observe(root, { attributes: true, attributeFilter: ["data-best"] });
}"""
ANSWERED = """([root, before]) => root.dataset.best !== before &&
  root.dataset.answered && root.dataset.answered === root.dataset.settings"""


def photograph_times(browser: Browser, weights: Path, rounds: int) -> dict[str, float]:
    """Median milliseconds from a photograph's choice to its five best classes, by crops averaged."""
    tab = browser.new_page()
    tab.goto(PHOTO_PAGE.as_uri(), wait_until="load")
    root = tab.locator('.inception-widget[data-widget="photo"]')
    root.scroll_into_view_if_needed()
    handle, before = root.element_handle(), None
    root.evaluate(WATCH)

    def answered() -> str | None:
        tab.wait_for_function(ANSWERED, arg=[handle, before], timeout=120_000)
        return root.get_attribute("data-best")

    root.locator('input[aria-label="Choose weights"]').set_input_files(weights)
    before = answered()
    took: dict[str, list[float]] = {}
    pictures = cycle(photographs(["coffee", "chelsea"]).values())
    for crops in ("1", "10"):
        root.get_by_label("Crops averaged").select_option(crops)
        tab.wait_for_function(ANSWERED, arg=[handle, None], timeout=120_000)
        before = root.get_attribute("data-best")
        for i in range(rounds + 1):
            file = io.BytesIO()
            next(pictures).save(file, "JPEG", quality=95)
            chosen = FilePayload(name="photo.jpg", mimeType="image/jpeg", buffer=file.getvalue())
            root.locator('input[aria-label="Choose a photograph"]').set_input_files(chosen)
            before = answered()
            if i:
                took.setdefault(crops, []).append(root.evaluate("root => root.took"))
    tab.close()
    return {crops: round(statistics.median(times), 1) for crops, times in took.items()}


def write_page(folder: Path, large: Loaded | None) -> str:
    """A page with the engine and its networks; gives its address."""
    page.write_scripts(folder / "_static", large)
    client = joined(parts.FOLDER / "client.js")
    path = folder / "page.html"
    path.write_text(
        f'<!doctype html><meta charset=utf-8><script src="_static/{page.NAME}"></script>'
        f'<script type="module">{client}\nglobalThis.client = {{ Live, large }};</script>',
        encoding="utf-8",
    )
    return path.as_uri()


def main(weights: Path | None = None, rounds: int = 5, runs: int = 40, record: str = "") -> int:
    """Measure the engine.

    Args:
        weights: BVLC's, if they are to be measured too; of these a tenth as many runs.
        rounds: in each of which all take turns.
        runs: of each network in each round.
        record: the name under which to keep the outcome in data/results.
    """
    small = next(bundled(1)).network.architecture
    cases = {parts.BUNDLED: (small, runs)}
    large = None if weights is None else load_weights(weights)
    if large is not None:
        cases[page.LARGE] = (large.network.architecture, max(2, runs // 10))
    took: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    opening: dict[tuple[str, bool], float] = {}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=find_browser(), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        version, tab = browser.version, browser.new_page()
        tab.goto(write_page(Path(folder), large), wait_until="load")
        for name in cases:
            for plain in (False, True):
                opening[name, plain] = tab.evaluate(OPEN, [name, plain])
                took[name, plain] = []
        for i in range(rounds + 1):
            for (name, plain), times in took.items():
                architecture, each = cases[name]
                found = tab.evaluate(RUNS, [name, plain, architecture.input[1], each])
                if i:  # in the first, the browser still compiles
                    times += found
        seen = photograph_times(browser, weights, 2 * rounds) if weights and PHOTO_PAGE.exists() else {}
        browser.close()
    outcome = []
    for (name, plain), times in took.items():
        median = statistics.median(ms for ms, _ in times)
        outcome.append(
            {
                "network": large.info.name if large and name == page.LARGE else name,
                "side": cases[name][0].input[1],
                "kernels": "plain JavaScript" if plain else "WebAssembly",
                "runs": len(times),
                "median": round(median, 2),
                "worst": round(max(ms for ms, _ in times), 2),
                "asked": round(statistics.median(ms for _, ms in times), 2),
                "gmacs_per_s": round(count(cases[name][0].without_heads()).macs / median / 1e6, 2),
                "open": round(opening[name, plain], 1),
            }
        )
    print(pd.DataFrame(outcome).to_string(index=False))
    print(*(f"a photograph, {crops} crops: {ms:g} ms" for crops, ms in seen.items()), sep="\n")
    if record:
        print(
            results.record(
                record,
                {
                    "browser": f"Chromium {version}",
                    "rounds": rounds,
                    "networks": outcome,
                    "photographs": seen,
                },
                about="One image through the engine in the page, in ms",
                data="numbers at random, of each network's input size",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "live_speed"))
