"""Small Sphinx extension: what Jupyter Book 1.x needs to build an honest page that stands alone.

- The execution cache is keyed on everything a notebook's numbers come from, so that a changed library
  is never shown with old numbers; what it lacks is executed several chapters at a time.
- sphinx-thebe, which is not used here, writes a script error into every page: it is taken out.
- Every page gets a description of its own, for search engines and link previews.
- The reader's theme is set before anything is drawn, and the list of references is never out of date.
- What scrolls inside itself can be reached by the keyboard.
- Where the environment says what the repository's public address is, chapters link to it, to Binder and to
  Colab; otherwise there are no such links, since none could work.
- The library reference, a page for each module, and the gallery of the widgets are made from the library, at
  each build.
- The script with the engine and the network that pages run is written beside the pages.
- The search's index has no mathematics in it.
- Each chapter has the map of the network under its title, and its imports in a fold above its exercises.

What is done to a page once it is written out is in finishing.py.
"""

from __future__ import annotations

import hashlib
import html
import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from docutils import nodes
from sphinx.errors import ConfigError
from sphinx.search import IndexBuilder

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # Sphinx imports this file by its own name, without its package
from tools import bundles, reference, shared_widgets  # noqa: E402
from tools.execution import ahead, chapters  # noqa: E402
from tools.imports import with_imports  # noqa: E402

GENERATED = ("library", "widgets")
EXECUTED = ("inception_lib", "data", "constraints.txt")  # what a notebook's numbers come from
# what a page looks like, and how it loads
DRAWN = (
    "book/_static",
    "inception_lib/book/widgets/static.js",
    "tools/bundles.py",
    "tools/finishing.py",
    "tools/imports.py",
    "tools/local_ext.py",
    "tools/reference.py",
    "tools/shared_widgets.py",
)
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
    for path, seconds in ahead(chapters(Path(app.srcdir)), current, config.nb_execution_timeout):
        print(f"executed {path.stem} in {seconds:.0f} s", flush=True)  # for tools/build.py
    # to Sphinx a changed path is a changed setting, upon which it reads every page again; a changed
    # html_context is one upon which it writes every page again, and copies the style sheets
    config.html_context = config.html_context | {"drawn_with": key(DRAWN)}
    config.nb_execution_cache_path = str(current)
    for old in caches.glob("*"):
        if old.is_dir() and old != current:
            shutil.rmtree(old, ignore_errors=True)


REPOSITORY = re.compile(r"https://(github|gitlab)\.com/[\w.-]+/[\w.-]+?(\.git)?/?")


def publishing(environment: Mapping[str, str]) -> dict:
    """The theme's options that follow from the repository's public address; none without one.

    BOOK_REPOSITORY_URL is the address, on GitHub or GitLab; BOOK_REPOSITORY_BRANCH the branch, `main` where
    it is not set. BOOK_COLAB_BRANCH names the branch with the notebooks that `tools/colab.py` made; without
    it there is no link to Colab.
    """
    address = environment.get("BOOK_REPOSITORY_URL", "").strip()
    if not address:
        return {}
    if not REPOSITORY.fullmatch(address):
        raise ConfigError(f"BOOK_REPOSITORY_URL must be like https://github.com/OWNER/NAME, not {address!r}.")
    return {
        "repository_url": address.rstrip("/").removesuffix(".git"),
        "repository_branch": environment.get("BOOK_REPOSITORY_BRANCH") or "main",
        "path_to_docs": "book",
        "use_repository_button": True,
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "notebook_interface": "jupyterlab",
            "colab_url": "https://colab.research.google.com" if colab_branch(environment) else "",
        },
    }


def colab_branch(environment: Mapping[str, str]) -> str:
    return environment.get("BOOK_COLAB_BRANCH", "").strip()


def publish(app, config) -> None:
    config.html_theme_options = config.html_theme_options | publishing(os.environ)


def mend_launch_buttons(context: dict) -> None:
    """Colab opens the notebooks of its own branch; a page that is no notebook opens nowhere."""
    buttons = context.get("header_buttons", [])
    for group in [group for group in buttons if group.get("label") == "launch-buttons"]:
        if context.get("page_source_suffix") != ".ipynb":
            buttons.remove(group)
            continue
        for button in group["buttons"]:
            if button["text"] == "Colab":
                before, _, _ = button["url"].partition("/blob/")
                button["url"] = f"{before}/blob/{colab_branch(os.environ)}/{context['pagename']}.ipynb"


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


# what scrolls inside itself must be reachable by the keyboard, and is known only once it is laid out: all is
# read before anything is written, and not while the page still grows
SCROLL_BY_KEYBOARD = """(() => {
  const boxes = "table, pre, figure, mjx-container, .pst-scrollable-table-container";
  const scrolls = (box) => box.scrollWidth > box.clientWidth + 1 &&
    /auto|scroll/.test(getComputedStyle(box).overflowX);
  const reach = () => {
    const all = [...document.querySelectorAll(`.bd-article :is(${boxes})`)];
    for (const [box, does] of all.map((box) => [box, scrolls(box)])) {
      if (does === box.hasAttribute("data-scrolls")) continue;
      box.toggleAttribute("data-scrolls", does); // for its shadows
      if (does) box.tabIndex = 0;
    }
  };
  const begin = () => {
    reach();
    addEventListener("resize", reach);
    addEventListener("toggle", reach, true);
    new ResizeObserver(reach).observe(document.documentElement); // mathematics comes late
  };
  addEventListener("load", () => setTimeout(begin));
})()"""


MODULES = "library/"  # the folder of the pages that describe the library's modules


def write_library(app, config) -> None:
    """Write the pages of the modules, which the table of contents does not name, where it has their index."""
    if "library" not in config.external_site_map:
        return
    names = reference.write_library(Path(app.srcdir) / MODULES)
    config.exclude_patterns = [p for p in config.exclude_patterns if not p.startswith(MODULES)]
    for page in (Path(app.outdir) / MODULES).glob("*.html"):
        if page.stem not in names:
            page.unlink()


def complete(app, docname, source) -> None:
    if not docname.startswith(MODULES):
        print(f"reading {docname}", flush=True)  # for tools/build.py
    if docname in GENERATED:
        source[0] = reference.fill(source[0])
    elif app.env.doc2path(docname).endswith(".ipynb"):
        source[0] = with_imports(source[0])


def generated_pages(app, env, added, changed, removed) -> list[str]:
    """Pages made from the library and the chapters: read again at each build."""
    return [name for name in GENERATED if name in env.found_docs]


def bibliography_pages(app, env) -> set[str]:
    """Pages that list references: written again at each build, since any chapter may cite one more."""
    return {key.docname for key in env.get_domain("cite").bibliographies}


def finish_page(app, pagename, templatename, context, doctree) -> None:
    mend_launch_buttons(context)
    if pagename == "widgets":  # no notebook, so that myst-nb does not do it
        app.add_js_file("static.js")
    # docutils calls references a list, and each an entry of a bibliography, which no list may hold
    context["body"] = context.get("body", "").replace(
        '<div role="list" class="citation-list">', '<div class="citation-list">'
    )
    context["css_files"] = [css for css in context.get("css_files", []) if "thebe" not in str(css)]
    tags = context.get("metatags", "")
    text = describe(doctree) if doctree is not None else ""
    if text and 'name="description"' not in tags:
        context["metatags"] = f'{tags}\n<meta name="description" content="{html.escape(text)}" />'


def write_live_network(app, exception) -> None:
    """At the end, and not as one of Sphinx's own static files, each of which it puts on every page.

    BOOK_WEIGHTS, a name or a file as `load_weights` takes it, adds a large network for those who ask for it.
    """
    if exception is None and app.builder.format == "html":
        from inception_lib import load_weights
        from inception_lib.book.live import page

        large = os.environ.get("BOOK_WEIGHTS", "").strip()
        page.write_scripts(Path(app.outdir) / "_static", load_weights(large) if large else None)


def share(app, exception) -> None:
    if exception is None and app.builder.format == "html":
        shared_widgets.tidy(Path(app.outdir))
        bundles.write(Path(app.outdir))


def index_no_mathematics() -> None:
    """TeX is no word that anybody looks for."""
    feed = IndexBuilder.feed

    def feed_words(self, docname, filename, title, doctree) -> None:
        words = doctree.deepcopy()
        for kind in (nodes.math, nodes.math_block):
            for formula in list(words.findall(kind)):
                formula.parent.remove(formula)
        feed(self, docname, filename, title, words)

    IndexBuilder.feed = feed_words


# Each chapter has the map of the network under its title.
DRAWN += ("inception_lib/book/map.py", "inception_lib/book/slim_map.py")


def add_slim_map(app, pagename, templatename, context, doctree) -> None:
    from inception_lib.book.slim_map import slim_map

    before, title, after = context.get("body", "").partition("</h1>")
    if title:
        context["body"] = f"{before}{title}\n{slim_map(pagename)}{after}"


def setup(app):
    index_no_mathematics()
    app.connect("config-inited", remove_thebe)
    app.connect("config-inited", key_the_cache)
    app.connect("config-inited", publish)
    app.add_js_file(None, body=THEME_AT_ONCE, priority=1)
    app.add_js_file(None, body=SCROLL_BY_KEYBOARD)
    app.connect("config-inited", write_library, priority=950)  # after the table of contents is read
    app.connect("source-read", complete)
    app.connect("env-get-outdated", generated_pages)
    app.connect("env-updated", bibliography_pages)
    app.connect("html-page-context", finish_page, priority=900)  # after the theme has made its buttons
    app.connect("html-page-context", add_slim_map)
    app.connect("build-finished", write_live_network)
    app.connect("build-finished", share, priority=900)  # after all static files are copied
    return {"parallel_read_safe": True, "parallel_write_safe": True}
