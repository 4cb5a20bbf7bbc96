"""The last hand on each built page, so that its reader sees it soon and its widgets answer soon.

What the theme loads and the book does not use goes; the rest comes in few files. What the first view does not
need waits for the page, and MathJax for the widgets. The theme's icons are drawn by `book/_static/page.css`.
"""

from __future__ import annotations

import re
from pathlib import Path

from sphinx.jinja2glue import BuiltinTemplateLoader

from tools import bundles, shared_widgets

ICONS = re.compile(r'\s*<script[^>]* src="[^"]*/scripts/fontawesome\.js[^>]*></script>')  # half a megabyte
# for a search while one types; the search has a page of its own
SEARCH = re.compile(r'\s*<script src="[^"]*(?:searchtools|language_data|searchindex)\.js[^>]*></script>')
# scripts of the head wait for the page in any case
EARLY = re.compile(r"<script(?= )(?![^>]* defer)(?=[^>]* src=)")
# for a switcher of versions, and to say that there is no search while one types
SAID_EARLY = re.compile(r"\s*<script>DOCUMENTATION_OPTIONS\.\w+ = [^<]*</script>")
TABS = re.compile(r'\s*<script[^>]* src="[^"]*design-tabs\.js[^>]*></script>')
PRELOADED = re.compile(r'\s*<link rel="preload" as="script"[^>]*>')  # what comes last need not come first
MATHJAX = re.compile(r'<script defer="defer" src="([^"]*/mathjax/[^"]*)"></script>')
MATHEMATICS = re.compile(r'class="[^"]*\b(?:math|tex2jax_process)\b')
SHORT = re.compile(r'(?<=<span class="pre)(?=">[^<]{1,20}</span>)')  # words of code, such as --dry-run
ROOT = re.compile(r'data-content_root="([^"]*)"')

MATHJAX_LATER = """<script>addEventListener("{event}", () => {{
  const script = document.createElement("script");
  script.src = "{address}";
  document.head.append(script);
}})</script>"""

# what the search shows of a page is its text, in which mathematics is TeX
SEARCH_WITHOUT_TEX = """<script>{
  const text = Search.htmlToText;
  const readable = (tex) => /^[\\w\\s.,+=()-]*$/.test(tex) ? tex : "…";
  Search.htmlToText = (html, anchor) => {
    const page = new DOMParser().parseFromString(html, "text/html");
    for (const math of page.querySelectorAll(".math"))
      math.replaceWith(readable(math.textContent.trim().slice(2, -2)));
    return text(page.documentElement.outerHTML, anchor);
  };
}</script>
"""


def finished(page: str, site: Path, *, is_search: bool = False) -> str:
    """A page as it is to be written.

    Args:
        page: HTML as the theme makes it, or a part of one, which is given back as it is.
        site: the folder of the pages, which gets the files that pages share.
        is_search: whether it is the page that searches, whose scripts depend on each other's order.
    """
    found = ROOT.search(page)
    if not found:  # the theme renders parts, too
        return page
    root = found[1].removeprefix("./")
    page = SHORT.sub(" short", ICONS.sub("", page))
    if is_search:
        head = SEARCH_WITHOUT_TEX
    else:
        head = ""
        for unused in (SEARCH, PRELOADED, SAID_EARLY, *(() if "sd-tab-set" in page else (TABS,))):
            page = unused.sub("", page)
        event = "widgetsready" if shared_widgets.STATES.search(page) else "DOMContentLoaded"
        later = MATHJAX_LATER if MATHEMATICS.search(page) else ""
        page = MATHJAX.sub(lambda found: later.format(event=event, address=found[1]), page)
        before, end, after = page.partition("</head>")
        page = EARLY.sub("<script defer", before) + end + after
    page = page.replace("</head>", f"{head}</head>", 1)
    return bundles.bundled(shared_widgets.shared(page, site, root), root)


class Finished(BuiltinTemplateLoader):
    """Sphinx's templates, with a last hand on each page."""

    def init(self, builder, *more, **named) -> None:
        super().init(builder, *more, **named)
        self.site = Path(builder.outdir)

    def render(self, template: str, context: dict) -> str:
        page = super().render(template, context)
        return finished(page, self.site, is_search=context.get("pagename") == "search")
