"""A page with widgets on it, written as the book's pages are: no kernel, and no book that is built first."""

from __future__ import annotations

import base64
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ipywidgets.embed import dependency_state, embed_data

from inception_lib.book.widgets.base import FOLDER
from tools import shared_widgets

# what a widget says to a screen reader it says once the reader has stopped moving; a test does not wait
AT_ONCE = "<script>window.setTimeout = (call, _, ...given) => { call(...given); return 0; };</script>"

# All texts that a widget shows in its results, in order, with the names of its plots and tables; and what it
# says to a screen reader. The texts inside a plot are left out: its name says the same.
TEXTS = """root => {
  const shown = [];
  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) { if (node.data.trim()) shown.push(node.data.trim()); return; }
    if (node.hidden) return;
    if (node.getAttribute("aria-label")) shown.push(node.getAttribute("aria-label"));
    if (node.tagName !== "svg") node.childNodes.forEach(visit);
  };
  visit(root.querySelector(".iw-results"));
  return { shown, said: root.querySelector('[role="status"]').textContent };
}"""

# Type settings into their own boxes, as a reader would.
TYPE = """(root, settings) => {
  for (const [label, value] of settings) {
    const box = [...root.querySelectorAll("label")].find((l) => l.textContent === label).control;
    if (box.type === "checkbox") { if (box.checked !== value) box.click(); continue; }
    box.value = value;
    box.dispatchEvent(new Event(box.tagName === "SELECT" ? "change" : "input", { bubbles: true }));
  }
}"""

# Type every setting, and give what `read` then finds.
MOVE = f"""([root, settings, read]) => settings.map((all) => {{
  ({TYPE})(root, all);
  return read ? eval(read)(root) : {{ ...root.dataset }};
}})"""


def pixels_of(canvas: str, side: int) -> str:
    """JavaScript for the pixels of a square canvas in `root`, for `rgb`: as text, since lists come slowly."""
    return f"""btoa(String.fromCharCode(
      ...root.querySelector("{canvas}").getContext("2d").getImageData(0, 0, {side}, {side}).data))"""


def rgb(text: str, side: int) -> np.ndarray:
    """The image (side, side, 3) out of what `pixels_of` gave."""
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(side, side, 4)
    return np.ascontiguousarray(rgba[..., :3])


def move_and_wait(settled: str, more: str = "") -> str:
    """Type every setting, and give what is found each time that a living widget has answered.

    `more` are further entries of what is found, in JavaScript, from `root`.
    """
    return f"""async ([root, all]) => {{
      const type = {TYPE}, settled = {settled}, found = [];
      for (const settings of all) {{
        type(root, settings);
        while (!settled(root)) await new Promise((done) => setTimeout(done, 1));
        found.push({{ ...root.dataset, {more} }});
      }}
      return found;
    }}"""


def wander(
    draw: Callable[[], dict], rng: random.Random, count: int, step: int
) -> tuple[list[dict], list[dict]]:
    """Random settings, each but the first with `step` of its values new; and of each what is to be typed."""
    settings, typed = [draw()], []
    typed.append(settings[0])
    for _ in range(count - 1):
        typed.append(dict(rng.sample(sorted(draw().items()), step)))
        settings.append(settings[-1] | typed[-1])
    return settings, typed


def script(kind: str, content: object) -> str:
    """Data in a script tag, which no text inside it can close."""
    return f'<script type="{kind}">' + json.dumps(content).replace("</", "<\\/") + "</script>"


def write_page(path: Path, views: list, head: str = AT_ONCE) -> str:
    """Write a page that shows some widgets in this order; a widget may come twice. Gives its address."""
    state = dependency_state(views, drop_defaults=False)  # by default, of all widgets that this process made
    data = embed_data(views=views, drop_defaults=False, state=state)
    page = (
        '<!doctype html><html lang="en" data-content_root="./"><head><meta charset="utf-8">'
        + f"<title>Widgets</title>{head}"
        + script(shared_widgets.KIND + "state+json", data["manager_state"])
        + '<script src="_static/static.js"></script></head><body>'
        + "".join(script(shared_widgets.KIND + "view+json", view) for view in data["view_specs"])
        + "</body></html>"
    )
    path.write_text(shared_widgets.shared(page, path.parent), encoding="utf-8")
    shutil.copy(FOLDER / "static.js", path.parent / "_static")
    return path.as_uri()


def opening(visit, folder: Path, make: Callable[..., Any], head: str, settled: str) -> Callable[..., Any]:
    """What opens a page of `folder`, beside the network, with one widget, and waits until it has answered.

    It takes a query and the widget's settings, and gives the visit and the widget's root.
    """

    def open_one(query: str = "", **settings):
        seen = visit(write_page(folder / "page.html", [make(**settings)], head=head) + query)
        root = seen.page.locator(".inception-widget")
        seen.page.wait_for_function(settled, arg=root.element_handle())
        return seen, root

    return open_one


def address_of(page) -> str:
    """A page's address with the settings of its widgets, which write it once in a while, and on leaving."""
    return page.evaluate("dispatchEvent(new Event('pagehide')), location.href")
