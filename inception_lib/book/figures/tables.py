"""Tables as a reader wants them: one header, thousands separated, numbers right and words left."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

#: What records and counts call a column, and what a reader does.
NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "bvlc_quick": "bvlc_quick",  # as one types it
    "aux1": "first head",
    "aux2": "second head",
    "images_per_s": "images/s",
    "in_channels": "channels in",
    "pca": "principal components",
    "pca_carried": "principal components, other photographs",
    "linear": "trained, before ReLU",
    "linear_carried": "trained, other photographs",
    "relu": "trained, after ReLU",
    "random": "random maps",
    "equivalent": "components worth as much",
}
MISSING = "–"
_ONE = r"[-+−]?\d[\d,]*(\.\d+)?\s?[%KM]?"
_NUMBER = re.compile(f"{_ONE}( to {_ONE})?")


def table(data: pandas.DataFrame | pandas.Series, *, caption: str = "") -> str:
    """The HTML of a table with a single header row, as every table of the book is shown.

    After `use_style()` a frame or series that ends a cell is shown so by itself. An index that only numbers
    the rows is left out. Names of several levels are joined by commas; `NAMES` has words for records'.

    Args:
        data: a frame, or a series as a frame of one column.
        caption: a line above it; by default the name of the columns, unless the corner has room for that.

    Returns:
        A `figure` that scrolls inside itself where the page is too narrow, with a `table`.
    """
    frame = data if data.ndim == 2 else data.to_frame(data.name if data.name is not None else "value")
    numbered = frame.index.names == [None] and frame.index.equals(frame.index.__class__(range(len(frame))))
    levels = [] if numbered else [_level(frame.index, i) for i in range(frame.index.nlevels)]
    names = [str(name or "") for name in frame.index.names]
    across = ", ".join(str(name) for name in frame.columns.names if name)
    if any(names) or not levels:
        caption = caption or across
    else:
        names[0] = across
    alike = list(frame.iloc[0]) if len(frame) == 1 else None  # of one row all floats are written alike
    columns = [
        (_words(name), _texts(frame.iloc[:, i], separated="year" not in str(name), alike=alike))
        for i, name in enumerate(frame.columns)
    ]
    right = [all(_NUMBER.fullmatch(text) or text in ("", MISSING) for text in texts) for _, texts in columns]
    heads = [
        *(_cell("th", _words(name), scope="col") for name in names[: len(levels)]),
        *(_cell("th", n, right=r, scope="col") for (n, _), r in zip(columns, right, strict=True)),
    ]
    rows = [
        [
            *(_cell("th", level[i], scope="row") for level in levels),
            *(_cell("td", texts[i], right=r) for (_, texts), r in zip(columns, right, strict=True)),
        ]
        for i in range(len(frame))
    ]
    lines = "\n".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    said = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="inception-table">{said}<table><thead><tr>{"".join(heads)}</tr></thead>\n'
        f"<tbody>\n{lines}\n</tbody></table></figure>"
    )


def _level(index: pandas.Index, number: int) -> list[str]:
    """Row heads of one level of an index; what the row above says already is not said again."""
    values = index.get_level_values(number)
    texts = _texts(values, separated="year" not in str(index.names[number]))
    if number + 1 == index.nlevels:
        return texts
    outer = [tuple(key)[: number + 1] for key in index]
    return ["" if i and outer[i] == outer[i - 1] else text for i, text in enumerate(texts)]


def _words(name: Any) -> str:
    parts = name if isinstance(name, tuple) else (name,)
    return ", ".join(NAMES.get(str(part), str(part).replace("_", " ")) for part in parts if str(part))


def _texts(values: Iterable[Any], *, separated: bool, alike: Sequence[Any] | None = None) -> list[str]:
    """The values of one column or index, floats with as many decimals as the longest of `alike` needs."""
    found = list(values)
    return [_text(value, _decimals(alike or found), "," if separated else "") for value in found]


def _decimals(values: Sequence[Any]) -> int:
    floats = [v for v in values if isinstance(v, Real) and not isinstance(v, Integral) and math.isfinite(v)]
    return max((len(f"{float(v):.6g}".partition(".")[2].partition("e")[0]) for v in floats), default=0)


def _text(value: Any, decimals: int, separator: str) -> str:
    if value is None or (isinstance(value, Real) and math.isnan(value)):
        return MISSING
    if isinstance(value, bool) or type(value).__name__ == "bool":  # numpy's is no number to Python
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):{separator}}"
    if isinstance(value, Real):
        return f"{float(value):{separator}.{decimals}f}"
    return str(value)


def _cell(tag: str, text: str, *, right: bool = False, scope: str = "") -> str:
    tag = tag if text else "td"  # an empty head says nothing, least of all to those who hear the table
    where = f' scope="{scope}"' if tag == "th" else ""
    return f'<{tag}{where} style="text-align:{"right" if right else "left"}">{html.escape(text)}</{tag}>'
