"""The map in its slim form, on top of each chapter: you are here, and each block leads to its chapter."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from itertools import groupby

from inception_lib.book import map as network
from inception_lib.book.figures.style import branch_color
from inception_lib.book.map import INPUT, Block, Chapter, Rect

PLAN = network.PLANS["slim"]
HEIGHT = 60  #: pixels, of any width


def slim_map(page: str) -> str:
    """The map as HTML for a chapter, with an SVG in it; empty for a page that is no chapter.

    Args:
        page: its file's name, without the ending.
    """
    if page not in [one.page for one in network.CHAPTERS]:
        return ""
    here = network.chapter(page)
    by_chapter: dict[Chapter, list[Block]] = {}
    for block in network.blocks():
        by_chapter.setdefault(network.opens(block), []).append(block)
    groups = "".join(_group(to, members, here) for to, members in by_chapter.items())
    say = f"You are here: {here.here}"
    size = (
        f'viewBox="0 0 {PLAN.length:.0f} {HEIGHT}" height="{HEIGHT}" width="100%" preserveAspectRatio="none"'
    )
    return (
        f'<nav class="slim-map" aria-label="Map of the network. {escape(say)}">'
        f"<svg {size}>{groups}</svg><p>{escape(say)}. "
        '<a href="intro.html">The whole map</a></p></nav>\n'
    )


def _group(to: Chapter, members: Iterable[Block], here: Chapter) -> str:
    """All blocks that lead to a chapter, in one link; those of the chapter itself lead nowhere."""
    members = list(members)
    drawn = "".join(_block(block, here) for block in members)
    if to == here:
        return f"<g>{drawn}</g>"
    labels = ", ".join(label for label, _ in groupby(block.label for block in members))
    name = f"Chapter {network.number(to)}, {to.title}: {labels}"
    return f'<a href="{to.page}.html" aria-label="{escape(name)}"><title>{escape(name)}</title>{drawn}</a>'


def _block(block: Block, here: Chapter) -> str:
    """Its parts, and over them what a finger can hit; a line under it where the chapter is about it."""
    drawn, own = PLAN.rects("shape"), []
    start, size = PLAN.slots("shape")[block.after or block.name]
    for part in block.parts:
        rect = drawn[part.path]
        if block.name == INPUT:  # its face, which is not to scale here
            rect = rect._replace(length=PLAN.reach)
        own.append(_rect(rect, _fill(part.branch), _kind(block, rect, network.is_about(here, part.path))))
    if not here.whole and not block.after and any(network.is_about(here, part.path) for part in block.parts):
        own.append(_rect(Rect(start, size, -4, 2), "currentColor", ""))
    return "".join(own) + _rect(_hit(block, start, size, drawn), "transparent", "")


def _hit(block: Block, start: float, size: float, drawn: dict[str, Rect]) -> Rect:
    """All above and below a block; where a head sits on it, each has its own."""
    on_it = [head for head in network.blocks() if head.after == block.name]
    foot = drawn[(on_it or [block])[0].parts[0].path].base - PLAN.stalk / 2
    low, high = (foot, PLAN.most) if block.after else (-4.0, foot if on_it else PLAN.most)
    return Rect(start - PLAN.gap / 2, size + PLAN.gap, low, high - low)


def _fill(branch: str) -> str:
    return branch_color(branch) if branch else "currentColor"


def _kind(block: Block, rect: Rect, about: bool) -> str:
    """Classes: how a part is drawn, and whether the chapter is about it."""
    kinds = {
        "image": block.name == INPUT,
        "pool": block.name.startswith("pool") and block.side > 1,
        "thin": rect.size < 2,
        "elsewhere": not about,
    }
    return " ".join(kind for kind, it_is in kinds.items() if it_is)


def _rect(rect: Rect, fill: str, kind: str) -> str:
    start, size, base, length = rect
    y = PLAN.most - base - length
    named = f' class="{kind}"' if kind else ""
    return (
        f'<rect{named} x="{start:.2f}" y="{y:.2f}" width="{size:.2f}" height="{length:.2f}" fill="{fill}"/>'
    )
