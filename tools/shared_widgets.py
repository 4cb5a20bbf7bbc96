"""Widgets of a built page: their scripts and styles are files that all pages share, their states come last.

A notebook holds the state of each widget that was ever made in it, each with its own copy of script and
style. A page needs the states of those that it shows. `static.js` then mounts them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path("_static", "widgets")
KIND = "application/vnd.jupyter.widget-"
STATES = re.compile(rf'\s*<script type="{re.escape(KIND)}state\+json">(.*?)</script>', re.S)
VIEW = re.compile(rf'<script (data-late )?type="{re.escape(KIND)}view\+json">(.*?)</script>', re.S)
MOUNTING = re.compile(r'\s*<script[^>]* src="([^"]*_static/static\.js[^"]*)"></script>')
HANDED_ON = "(globalThis.InceptionScripts ??= {})"
ANYWIDGET = "anywidget"  # the model_module of those that we can show


def shared(page: str, site: Path, root: str = "") -> str:
    """A page with its widgets' scripts and styles as files in `site`, and their states at its end.

    Args:
        page: HTML, with the states anywhere in it. One without is given back as it is.
        site: the folder of the pages.
        root: what leads from the page to `site`, as `../`.
    """
    found = STATES.search(page)
    mounting = MOUNTING.search(page)
    if not found or not mounting:
        return page
    whole = json.loads(found[1])
    states = whole["state"]
    at_once: dict[str, None] = {}  # scripts, in the page's order
    shown: dict[str, Any] = {}
    sheets: list[str] = []
    for late, view in VIEW.findall(page):
        model = json.loads(view)["model_id"]
        record = states.get(model)
        if not record or record["model_module"] != ANYWIDGET:
            continue
        state = dict(record["state"])
        sheets.append(state.pop("_css", ""))
        state["_esm"] = _write_script(state["_esm"], site)
        if not late:
            at_once[state["_esm"]] = None
        shown[model] = {**record, "state": state}
    page = MOUNTING.sub("", STATES.sub("", page))
    links = [f'<link rel="stylesheet" href="{root}{_write(s, "css", site)}" />\n' for s in once(sheets)]
    text = json.dumps(whole | {"state": shown}, separators=(",", ":")).replace("</", "<\\/")
    end = [
        f'<script type="{KIND}state+json">{text}</script>',
        *(f'<script src="{root}{FOLDER.as_posix()}/{name}.js"></script>' for name in at_once),
        f'<script src="{mounting[1]}"></script>',
    ]
    page = page.replace("</head>", "".join(links) + "</head>", 1)
    before, body, after = page.rpartition("</body>")
    return f"{before}{chr(10).join(end)}\n{body}{after}"


def late_view(view: str) -> str:
    """The view of a widget that is mounted only when it comes into sight."""
    return f'<script data-late type="{KIND}view+json">{view}</script>'


def once(sheets: Iterable[str]) -> list[str]:
    """Each style sheet once; of one that begins with another, only what it adds."""
    kept: list[str] = []
    for sheet in sorted(set(sheets), key=len):
        added = sheet
        for other in kept:
            added = added.removeprefix(other)
        if added:
            kept.append(added)
    return kept


def _write_script(source: str, site: Path) -> str:
    """A module as a classic script, which `file://` allows: it hands on the module's text by its name."""
    name = _name(HANDED_ON + source)
    _write(f"{HANDED_ON}[{json.dumps(name)}] = {json.dumps(source)};\n", "js", site, name)
    return name


def _name(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _write(text: str, kind: str, site: Path, name: str = "") -> str:
    """Write a file that is named after its content, if it is not there; give its address in the site."""
    path = FOLDER / f"{name or _name(text)}.{kind}"
    if not (site / path).exists():
        (site / FOLDER).mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text, encoding="utf-8")
    return path.as_posix()


def tidy(site: Path) -> None:
    """Remove the files of earlier builds that no page asks for anymore."""
    pages = "".join(path.read_text(encoding="utf-8") for path in site.rglob("*.html"))
    for path in (site / FOLDER).glob("*"):
        if path.stem not in pages:
            path.unlink()
