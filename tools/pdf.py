"""Print the built book into one PDF: Chromium prints each page, and the chapters are joined in their order.

usage: python tools/pdf.py [FILE]        _build/googlenet.pdf by default

Paper has no controls: each widget stays as a still of its first state, with a table of its settings and its
result in words. What is folded on the page, such as the solutions, is open here. Links between chapters
become plain text.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml
from playwright.sync_api import Page, sync_playwright
from pypdf import PdfWriter

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools.browser import find_browser  # noqa: E402
from tools.saving import save  # noqa: E402

PAGES = ROOT / "_build" / "html"

ON_PAPER = """
  @page { size: A4; margin: 16mm 15mm; }
  html { font-size: 10pt !important; }
  * { animation: none !important; transition: none !important; }
  article h1 { display: block !important; }
  details.hide > summary { display: none !important; }  /* it says "Hide code cell source" */
  .bd-header, .bd-header-article, .bd-sidebar-primary, .bd-sidebar-secondary, .prev-next-footer, .bd-footer,
  .bd-footer-content, .headerlink, .copybtn, .toggle-button, .pst-async-banner-revealer, .skip-link,
  #pst-skip-link, #pst-back-to-top, .onlyprint { display: none !important; }
  .bd-main, .bd-content, .bd-article-container, .bd-article, .bd-container, .bd-container__inner {
    display: block !important; width: 100% !important; max-width: none !important; padding: 0 !important;
    margin: 0 !important; }
  pre, .output pre { white-space: pre-wrap !important; overflow-wrap: anywhere; }
  figure, img, svg, tr, .admonition-title, h2, h3 { break-inside: avoid; }
  h1, h2, h3, .admonition-title { break-after: avoid; }
  .iw-scroll, .output, table { overflow: visible !important; }
  table { font-size: 8pt; }
"""

STILL = """() => {
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const hidden of document.querySelectorAll(".toggle-hidden")) hidden.classList.remove("toggle-hidden");
  for (const widget of document.querySelectorAll(".inception-widget")) {
    const table = document.createElement("table");
    table.className = "iw-table";
    table.createCaption().textContent = "Settings";
    for (const field of widget.querySelectorAll(".iw-field")) {
      const control = field.querySelector("select, input[type=checkbox], input[type=number]");
      if (!control) continue;
      const row = table.insertRow();
      const name = row.appendChild(document.createElement("th"));
      name.scope = "row";
      name.textContent = field.querySelector("label").textContent;
      row.insertCell().textContent = control.tagName === "SELECT" ? control.selectedOptions[0].textContent
        : control.type === "checkbox" ? (control.checked ? "yes" : "no") : control.value;
    }
    widget.querySelector(".iw-controls")?.replaceWith(table);
    widget.querySelector(".iw-actions")?.remove();
    const words = widget.querySelector(".iw-status");
    if (words) { words.className = ""; words.removeAttribute("role"); }
  }
  // an address of this machine leads nowhere on paper
  for (const link of document.querySelectorAll("a[href]"))
    if (!/^(https?:|mailto:|#)/.test(link.getAttribute("href"))) link.removeAttribute("href");
  const title = document.querySelector("article h1").cloneNode(true);
  title.querySelector(".headerlink")?.remove();
  return title.textContent.trim();
}"""


def chapters() -> list[str]:
    """The pages in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def printed(page: Page, path: Path) -> tuple[str, bytes]:
    """The title of a built page, and its PDF."""
    page.goto(path.as_uri(), wait_until="load")
    if page.locator(".math").count():
        page.wait_for_selector("mjx-container", state="attached")
    if page.locator('script[type="application/vnd.jupyter.widget-state+json"]').count():
        page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    page.wait_for_timeout(500)  # a widget says its result a moment after it is drawn
    title = page.evaluate(STILL)
    page.add_style_tag(content=ON_PAPER)
    return title, page.pdf(format="A4", print_background=True, prefer_css_page_size=True)


def book(names: Sequence[str], target: Path) -> None:
    """Write the pages `names` of the built book into one PDF with an outline."""
    path = find_browser()
    if path is None:
        sys.exit("error: no browser on this machine; `python tools/browser.py` gets one.")
    writer = PdfWriter()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        page = browser.new_page(viewport={"width": 900, "height": 1200}, color_scheme="light")
        page.set_default_timeout(120_000)  # printing a long chapter takes a slow machine some time
        for name in names:
            title, content = printed(page, PAGES / f"{name}.html")
            writer.append(io.BytesIO(content), outline_item=title)
        browser.close()
    writer.add_metadata({"/Title": "GoogLeNet, taken apart"})
    whole = io.BytesIO()
    writer.write(whole)
    save(target, whole.getvalue())


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "_build" / "googlenet.pdf"
    book(chapters(), target)
    print(target)
