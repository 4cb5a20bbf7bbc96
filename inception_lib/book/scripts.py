"""Scripts for the page: each one text that imports nothing, since a blob has no folder to import from."""

from __future__ import annotations

import re
from pathlib import Path

_IMPORT = re.compile(r'^import \{[^}]*\} from "(\.[^"]+)";\n', re.M)


def joined(path: Path, inside: set[Path] | None = None) -> str:
    """A module and those that it imports, in place of the imports, each once and without its exports."""
    inside = set() if inside is None else inside

    def place(found: re.Match) -> str:
        other = (path.parent / found[1]).resolve()
        if other in inside:
            return ""
        inside.add(other)
        return re.sub(r"^export ", "", joined(other, inside), flags=re.M)

    return _IMPORT.sub(place, path.read_text(encoding="utf-8"))
