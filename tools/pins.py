"""Write constraints.txt from what is installed in this environment.

usage: python tools/pins.py > constraints.txt

To move the pins: `pip install --upgrade` in .venv what should move, `make test`, `make pins`.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
NOT_PINNED = re.compile(r"nvidia-|cuda-|triton$")
HEADER = """\
# Every package of `pip install -e .[book,test]` at the version it was tested with (CPython 3.11,
# Linux x86-64). `make` and environment.yml install through this file; `make pins` writes it anew.
# Left out on purpose: nvidia-*, cuda-* and triton. torch asks for its own versions of them, and only on
# Linux; macOS has none. Packages that only other systems need (appnope, colorama) are not pinned.
"""


def wanted(pyproject: dict) -> list[str]:
    """What the project and its extras `book` and `test` ask for by name."""
    project = pyproject["project"]
    extras = project["optional-dependencies"]
    return [*project["dependencies"], *extras["book"], *extras["test"]]


def closure(requirements: list[str]) -> dict[str, str]:
    """Versions installed of `requirements` and of all that they need in turn, by canonical name."""
    versions, seen, waiting = {}, set(), [Requirement(r) for r in requirements]
    while waiting:
        requirement = waiting.pop()
        extras = requirement.extras or {""}
        key = (canonicalize_name(requirement.name), frozenset(extras))
        if key in seen:
            continue
        seen.add(key)
        distribution = importlib.metadata.distribution(requirement.name)
        versions[key[0]] = distribution.version
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or any(needed.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(needed)
    return versions


def constraints(pyproject: dict) -> str:
    """The text of constraints.txt for this environment."""
    pins = sorted(closure(wanted(pyproject)).items())
    return HEADER + "".join(f"{name}=={version}\n" for name, version in pins if not NOT_PINNED.match(name))


if __name__ == "__main__":
    print(constraints(tomllib.loads((ROOT / "pyproject.toml").read_text())), end="")
