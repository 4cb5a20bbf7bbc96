"""One palette and one style for every drawing and plot, and figures as inline SVG.

A figure is shown as inline SVG whose text and lines take the color of the page around them, so it
can be read in light and in dark; photographs inside it stay as they are.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import pandas
from cycler import cycler
from IPython import get_ipython
from matplotlib.figure import Figure
from PIL import Image

from inception_lib.book.figures.tables import table
from inception_lib.book.figures.views import views

#: One color per branch, everywhere in the book (Okabe and Ito's palette, safe for color-blind readers), and
#: those of all else. Violet, olive and berry were searched for: apart from each other for all kinds of color
#: vision, apart from the branches' colors, and clear on white as on the page's dark ground.
COLORS = {
    "1x1": "#0072B2",
    "3x3": "#E69F00",
    "5x5": "#009E73",
    "pool": "#CC79A7",
    "violet": "#B069F6",
    "olive": "#708E36",
    "berry": "#C50078",
    "accent": "#D55E00",
    "muted": "#8A8A8A",
}

#: The losses of the three classifiers, as a training's records name them: color and line.
LOSSES = {
    "loss": (COLORS["violet"], "o-"),
    "aux1": (COLORS["olive"], "s--"),
    "aux2": (COLORS["berry"], "^:"),
}

#: A branch of a later network has the color of the one it stands for.
_STANDS_FOR = {
    "double3x3": "5x5",
    "3x3dbl": "5x5",
    "7x7": "3x3",
    "7x7dbl": "5x5",
    "7x7x3": "5x5",
    "residual": "accent",
}

#: Inches: how wide a figure is on the page, in the column of the text, or, tagged `full-width`, beyond it.
WIDTH, WIDE = 7.2, 9.75

_AS_LINES = {COLORS["3x3"]: "#B97F00"}

INK = "#010203"  # stands for "the color of the page's text" until the SVG is written
PAPER = "#fefdfc"  # and this for that of its ground, to cover what is behind

_STYLE: dict[Any, Any] = {
    "figure.figsize": (WIDTH, 3.6),
    "figure.constrained_layout.use": True,  # a figure is as wide as it says, and nothing of it is cut off
    "figure.constrained_layout.wspace": 0.08,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "svg.hashsalt": "inception_lib",
    "font.family": "sans-serif",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 2,
    "hatch.color": INK,
    "axes.prop_cycle": cycler(color=[COLORS[k] for k in ("violet", "olive", "berry", "accent", "muted")]),
}


_RASTER = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=\s]+)")
_GROUND = "var(--pst-color-background, var(--jp-layout-color0, Canvas))"
_MAP_COLORS = 300  # a map has no more, and its edges are to stay sharp


def use_style() -> None:
    """Set the book's style for every plot and every table that follows.

    Matplotlib shows nothing by itself, and pandas shows its frames as `table` makes them.
    """
    matplotlib.use("agg")
    plt.rcParams.update(_STYLE)
    if (shell := get_ipython()) is not None:
        for kind in (pandas.DataFrame, pandas.Series):
            shell.display_formatter.formatters["text/html"].for_type(kind, table)


def to_svg(fig: Figure, alt: str) -> str:
    """The figure as an SVG element with `alt` as its accessible name; text follows the page's color."""
    with io.StringIO() as buffer:
        fig.savefig(buffer, format="svg", metadata={"Date": None})
        svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor").replace(PAPER, _GROUND)
    svg = re.sub(r"(?<=>) +(?=[^\s<][^<]*</text>)|(?<=[^\s>]) +(?=</text>)", _held, svg)
    svg = _RASTER.sub(_lighter, without_family(svg))
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = svg.replace('id="figure_1"', f'id="drawing-{hashlib.sha256(svg.encode()).hexdigest()[:8]}"', 1)
    size = re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert size is not None, "matplotlib writes the size of its SVG in points"
    width, height = map(float, size.groups())
    start = (
        f'<svg role="img" aria-label="{html.escape(alt, quote=True)}" '
        f'style="--drawn:{width * 4 / 3:.0f}px;width:100%;max-width:{width * 4 / 3:.0f}px;height:auto" '
        f'viewBox="0 0 {width:g} {height:g}" '
    )
    return re.sub(r"<svg [^>]*?(?=xmlns)", start, re.sub(r' viewBox="[^"]*"', "", svg, count=1), count=1)


def _held(spaces: re.Match[str]) -> str:
    """Spaces at the ends of a text, which keep it off a bar or a line and which SVG would drop."""
    return "\N{NO-BREAK SPACE}" * len(spaces[0])


def _lighter(found: re.Match[str]) -> str:
    """A photograph in an SVG as WebP, which takes a tenth of the PNG that matplotlib writes."""
    pixels = base64.b64decode(found[1])
    image = Image.open(io.BytesIO(pixels))
    if image.getcolors(_MAP_COLORS):
        return found[0]
    with io.BytesIO() as buffer:
        image.save(buffer, "WEBP", quality=75, method=6)
        lossy = buffer.getvalue()
    return (
        f"data:image/webp;base64,{base64.b64encode(lossy).decode()}" if len(lossy) < len(pixels) else found[0]
    )


def without_family(svg: str) -> str:
    """An SVG of matplotlib's without its fonts, so that its text takes the page's own typeface.

    Up to 3.9 matplotlib wrote `font: 700 12px family`; since 3.10 it writes the parts one by one.
    """
    svg = re.sub(r"font: ([^;\"]*?)([\d.]+px) [^;\"]*", _parts_of_font, svg)
    return re.sub(r" ?font-family: [^;\"]*;?", "", svg)


def _parts_of_font(found: re.Match[str]) -> str:
    """`italic 700 ` and `12px` as declarations of their own."""
    parts = []
    for word in found[1].split():
        kind = "style" if word in ("italic", "oblique") else "variant" if word == "small-caps" else "weight"
        parts.append(f"font-{kind}: {word}; ")
    return "".join(parts) + f"font-size: {found[2]}"


class Picture:
    """A shown figure: inline SVG for pages and notebooks, PNG where only images can be shown."""

    def __init__(self, fig: Figure, alt: str):
        self.alt = alt
        self._svg = to_svg(fig, alt)
        (name,) = re.findall(r'<g id="(drawing-\w+)"', self._svg)
        self._views = views(fig, name)
        with io.BytesIO() as buffer:
            fig.savefig(buffer, format="png", dpi=120, facecolor="white")
            self._png = buffer.getvalue()

    def __repr__(self) -> str:
        return f"Figure: {self.alt}"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict, dict]:
        bundle = {
            "text/plain": repr(self),
            "text/html": f'<figure class="inception-figure">{self._svg}{self._views}</figure>',
            "image/png": base64.b64encode(self._png).decode(),
        }
        return bundle, {"image/png": {"alt": self.alt}}


def show(fig: Figure, alt: str) -> Picture:
    """Show `fig` with the text `alt` for those who cannot see it. Call it last in a cell.

    It is made as wide as the page's column, or, if it was drawn wider than that, as wide as a figure gets.
    """
    if not alt.strip():
        raise ValueError("a figure needs a text that says what it shows")
    fig.set_figwidth(WIDTH if fig.get_figwidth() <= WIDTH else WIDE)
    picture = Picture(fig, alt)
    plt.close(fig)
    return picture


def line_color(name: str) -> str:
    """`branch_color` for thin lines: darker where the color would be too light for a line on white."""
    color = branch_color(name)
    return _AS_LINES.get(color, color)


def branch_color(name: str) -> str:
    """The color of a branch by its name, gray where it has none."""
    return COLORS.get(_STANDS_FOR.get(name, name), COLORS["muted"])
