"""Check that a tag can be released, write the repository's address into the package, print what is new.

usage: python tools/release.py v0.1.0 [https://github.com/OWNER/NAME]

The address of the repository is known only where it is published, as the build of the book is told it in
BOOK_REPOSITORY_URL. .github/workflows/release.yml gives it here, in a checkout of its own: the wheel and the
citation that are made there have it, the files in git do not.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
URLS = "[project.urls]\n"
VERSION = r'^__version__ = "([^"\n]+)"$'


def fail(sentence: str) -> None:
    sys.exit(f"error: {sentence}")


def found(name: str, pattern: str, root: Path) -> str | None:
    """What a pattern's group matches in a file under `root`, if it does."""
    match = re.search(pattern, (root / name).read_text(encoding="utf-8"), re.M | re.S)
    return match and match[1]


def notes(version: str, root: Path = ROOT) -> str:
    """The section of the changelog on a version; an error where something does not agree with the version."""
    package = found("inception_lib/__init__.py", VERSION, root)
    cited = found("CITATION.cff", r"^version: (\S+)$", root)
    for name, says in (("inception_lib/__init__.py", package), ("CITATION.cff", cited)):
        if says != version:
            fail(f"the tag is for version {version}, and {name} says {says}.")
    section = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |\Z)"
    text = found("CHANGELOG.md", section, root)
    if not (text and text.strip()):
        fail(f"CHANGELOG.md has nothing under a heading like `## [{version}] - 2026-01-31`.")
    return text.strip()


def addressed(address: str, root: Path = ROOT) -> dict[Path, str]:
    """The files that do not name the repository yet, with its address in them."""
    if not re.fullmatch(r"https://[\w.-]+(/[\w.-]+){2,}", address):
        fail(f"the repository's address must be like https://github.com/OWNER/NAME, not {address!r}.")
    project, citation = root / "pyproject.toml", root / "CITATION.cff"
    before = project.read_text(encoding="utf-8")
    if re.search(r"^Repository = ", before, re.M):
        return {}
    if URLS not in before:
        fail(f"pyproject.toml has no line {URLS.strip()}, below which the repository's address belongs.")
    more = {"Repository": "", "Issues": "/issues", "Changelog": "/blob/main/CHANGELOG.md"}
    lines = "".join(f'{name} = "{address}{path}"\n' for name, path in more.items())
    cited = citation.read_text(encoding="utf-8").rstrip("\n")
    return {
        project: before.replace(URLS, URLS + lines),
        citation: f'{cited}\nrepository-code: "{address}"\n',
    }


def main(tag: str, address: str = "") -> None:
    text = notes(tag.removeprefix("v"))
    for path, content in addressed(address).items() if address else ():
        path.write_text(content, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__.split("\n\n")[1])
    main(*sys.argv[1:])
