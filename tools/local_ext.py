"""Small Sphinx extension: what Jupyter Book 1.x needs to build an honest page that stands alone.

- The execution cache is keyed on everything a notebook's numbers come from, so that a changed library
  is never shown with old numbers.
- sphinx-thebe, which is not used here, writes a script error into every page: it is taken out.
- Every page gets a description of its own, for search engines and link previews.
- The reader's theme is set before anything is drawn, and the list of references is never out of date.
- The library reference and the index of the widgets are made from the library, at each build.
"""

from __future__ import annotations

import hashlib
import html
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # Sphinx imports this file by its own name, without its package
from tools import reference  # noqa: E402

GENERATED = ("library", "widgets")
EXECUTED = ("inception_lib", "data", "constraints.txt")   # what a notebook's numbers come from
DRAWN = ("book/_static", "tools/local_ext.py", "tools/reference.py")            # what a page looks like
DESCRIPTION_LENGTH = 155


def key(names: Sequence[str], root: Path = ROOT) -> str:
    """A hash of the files and folders `names` under `root`, and of the Python that runs them."""
    digest = hashlib.sha256(platform.python_version().encode())
    for name in names:
        top = root / name
        files = [top] if top.is_file() else sorted(top.rglob("*"))
        for path in files:
            if path.is_file() and "__pycache__" not in path.parts:
                content = path.read_bytes()
                digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def key_the_cache(app, config) -> None:
    caches = Path(app.outdir).parent / ".jupyter_cache"
    current = caches / key(EXECUTED)
    # to Sphinx a changed path is a changed setting, upon which it reads every page again; a changed
    # html_context is one upon which it writes every page again, and copies the style sheets
    config.html_context = config.html_context | {"drawn_with": key(DRAWN)}
    config.nb_execution_cache_path = str(current)
    for old in caches.glob("*"):
        if old.is_dir() and old != current:
            shutil.rmtree(old, ignore_errors=True)


def remove_thebe(app, config) -> None:
    for name, listeners in app.events.listeners.items():
        app.events.listeners[name] = [
            listener for listener in listeners if not listener.handler.__module__.startswith("sphinx_thebe")
        ]


def describe(doctree: nodes.document) -> str:
    """The page's first paragraph as plain text, cut at a word."""
    for paragraph in doctree.findall(nodes.paragraph):
        text = " ".join(paragraph.astext().split())
        if text:
            if len(text) > DESCRIPTION_LENGTH:
                text = text[:DESCRIPTION_LENGTH].rsplit(" ", 1)[0] + "…"
            return text
    return ""


# the theme finds out the system's preference only once its script runs, after a flash of white
THEME_AT_ONCE = """(function (d) { if (d.theme !== "light" && d.theme !== "dark")
  d.theme = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
})(document.documentElement.dataset)"""


def say(app, docname, source) -> None:
    print(f"reading {docname}", flush=True)  # for tools/build.py: a chapter may take a minute
    if docname in GENERATED:
        source[0] = reference.fill(source[0])


def generated_pages(app, env, added, changed, removed) -> list[str]:
    """Pages made from the library and the chapters: read again at each build."""
    return [name for name in GENERATED if name in env.found_docs]


def bibliography_pages(app, env) -> set[str]:
    """Pages that list references: written again at each build, since any chapter may cite one more."""
    return {key.docname for key in env.get_domain("cite").bibliographies}


def finish_page(app, pagename, templatename, context, doctree) -> None:
    context["css_files"] = [css for css in context.get("css_files", []) if "thebe" not in str(css)]
    tags = context.get("metatags", "")
    text = describe(doctree) if doctree is not None else ""
    if text and 'name="description"' not in tags:
        context["metatags"] = f'{tags}\n<meta name="description" content="{html.escape(text)}" />'


def setup(app):
    app.connect("config-inited", remove_thebe)
    app.connect("config-inited", key_the_cache)
    app.add_js_file(None, body=THEME_AT_ONCE, priority=1)
    app.connect("source-read", say)
    app.connect("env-get-outdated", generated_pages)
    app.connect("env-updated", bibliography_pages)
    app.connect("html-page-context", finish_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
