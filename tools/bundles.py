"""The theme's style sheets as one file, its scripts as another: two requests in place of twenty.

Sphinx copies the parts at the end of a build. So a page names its bundle and what that is made of, and the
bundles are written last, from what the pages say: all the same whether every page was written anew or none.
"""

from __future__ import annotations

import hashlib
import html
import posixpath
import re
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

FOLDER = "_static/bundles"
SHEET = re.compile(r'\s*<link (?=[^>]*rel="stylesheet")[^>]*href="([^"]*_static/(?!widgets/)[^"]*)"[^>]*>')
SCRIPT = re.compile(r'\s*<script defer src="([^"]*_static/[^"]*)"></script>')
BUNDLE = re.compile(rf'="[^"]*{FOLDER}/([^"]*)" data-of="([^"]*)"')
IMPORT = re.compile(r'@import (?:url\()?"([^"]*)"\)?;')
ADDRESS = re.compile(r"url\((?!['\"]?(?:data:|#|https?:))['\"]?([^'\")]*)['\"]?\)")
SIGN = re.compile(r'(?:\.fa-[\w-]+::?before,?)+\{content:"[^"]*"\}')  # an icon of the font that is not loaded


def bundled(page: str, root: str) -> str:
    """A page with one style sheet in its head, and one script of those that wait, at its end.

    Args:
        page: HTML.
        root: what leads from the page to the folder of the pages, as `../`.
    """
    head, tag, body = page.partition("</head>")
    sheets = [html.unescape(address) for address in SHEET.findall(head)]
    scripts = [html.unescape(address) for address in SCRIPT.findall(page)]
    first = SHEET.search(head)
    if not first or not scripts:
        return page
    link = f'\n  <link rel="stylesheet" href="{root}{_named(sheets, "css", root)} />'
    head = head[: first.start()] + link + SHEET.sub("", head[first.start() :])
    before, end, after = SCRIPT.sub("", head + tag + body).rpartition("</body>")
    return f'{before}<script defer src="{root}{_named(scripts, "js", root)}></script>\n{end}{after}'


def _named(addresses: list[str], kind: str, root: str) -> str:
    """The bundle's address and its parts, as attributes. Addresses end in a hash of what they lead to."""
    parts = [address.removeprefix(root) for address in addresses]
    name = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return f'{FOLDER}/{name}.{kind}" data-of="{html.escape(" ".join(parts))}"'


def write(site: Path) -> None:
    """Write the bundles that the pages name, and remove others."""
    wanted = {}
    for page in site.rglob("*.html"):
        wanted |= dict(BUNDLE.findall(page.read_text(encoding="utf-8")))
    folder = site / FOLDER
    for name, parts in wanted.items():
        paths = [urlsplit(html.unescape(part)).path for part in parts.split()]
        together = script if name.endswith(".js") else sheet
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("".join(together(site, path) for path in paths), encoding="utf-8")
    for old in folder.glob("*"):
        if old.name not in wanted:
            old.unlink()


def script(site: Path, path: str) -> str:
    """A script that neither runs into the next one nor makes it strict."""
    text = (site / path).read_text(encoding="utf-8")
    return ";" + re.sub(r"^//# sourceMappingURL=.*$", "", text, flags=re.M) + "\n;\n"


def sheet(site: Path, path: str) -> str:
    """A style sheet with what it imports, its addresses as seen from the bundles, without unused icons."""
    text = (site / path).read_text(encoding="utf-8")
    near = posixpath.dirname(path)

    def seen(found: re.Match) -> str:
        target, fragment = urldefrag(found[1])
        place = posixpath.relpath(posixpath.join(near, target), FOLDER)
        return f'url("{place}{"#" + fragment if fragment else ""}")'

    def inside(found: re.Match) -> str:
        return sheet(site, posixpath.normpath(posixpath.join(near, found[1])))

    text = re.sub(r"/\*# sourceMappingURL=.*?\*/", "", SIGN.sub("", text))
    return IMPORT.sub(inside, ADDRESS.sub(seen, text)) + "\n"
