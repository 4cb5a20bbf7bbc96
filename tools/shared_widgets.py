"""Widgets of a built page: their scripts are files that all pages share, and each page has one style sheet.

A notebook holds the state of each widget that was ever made in it, each with its own copy of script and
style. A page needs the states of those that it shows. `static.js` then mounts them, the first one early.
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
    """A page with its widgets' scripts and styles, and late ones' states, as files in `site`.

    What the first widget needs is beside it, so that it is there while the page still comes; what others need
    is at the page's end.

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
    page = MOUNTING.sub("", STATES.sub("", page))
    place = 0
    at_once: dict[str, None] = {}  # scripts, in the page's order
    shown: dict[str, Any] = {}
    sheets: list[str] = []
    for view in VIEW.finditer(page):
        model = json.loads(view[2])["model_id"]
        record = whole["state"].get(model)
        if not record or record["model_module"] != ANYWIDGET:
            continue
        place = place or view.end()
        state = dict(record["state"])
        sheets.append(state.pop("_css", ""))
        script = state["_esm"] = _write_script(state["_esm"], site)
        if view[1]:
            state = {"_esm": script, "_state": _write_script(state, site)}
        else:
            at_once[script] = None
        shown[model] = record | {"state": state}
    place = place or page.rindex("</body>")
    models, scripts = list(shown), [f"{root}{FOLDER.as_posix()}/{name}.js" for name in at_once]
    needed = [*scripts[:1], mounting[1]]

    def states(some: list[str]) -> str:
        kept = whole | {"state": {model: shown[model] for model in some}}
        text = json.dumps(kept, separators=(",", ":")).replace("</", "<\\/")
        return f'<script type="{KIND}state+json">{text}</script>'

    links = [f'<link rel="preload" as="script" href="{address}" />' for address in needed]
    if sheet := "".join(once(sheets)):
        links.insert(0, f'<link rel="stylesheet" href="{root}{_write(sheet, "css", site)}" />')
    beside = [states(models[:1]), *map(_script, needed)]
    last = [states(models[1:]), *map(_script, scripts[1:])]
    page = "\n".join([page[:place], *beside, page[place:]])
    before, body, after = page.rpartition("</body>")
    page = "\n".join([before, *last, body + after])
    return page.replace("</head>", "\n".join([*links, "</head>"]), 1)


def _script(address: str) -> str:
    return f'<script src="{address}"></script>'


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


def _write_script(content: str | dict[str, Any], site: Path) -> str:
    """A module or a state as a classic script, which `file://` allows: it hands that on by its name."""
    text = json.dumps(content)
    name = _name(HANDED_ON + text)
    _write(f"{HANDED_ON}[{json.dumps(name)}] = {text};\n", "js", site, name)
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
