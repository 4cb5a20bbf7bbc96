"""The versions that the project is installed with: write them, or check that they can be had.

usage: python tools/pins.py             constraints.txt, from what is installed in this environment
       python tools/pins.py --check     whether the package index has each pin for each promised Python

To move the pins: `pip install --upgrade` in .venv what should move, `make test`, `make pins`.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import re
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TESTED = "3.11"  # the Python that the pins were tested with
NOT_PINNED = re.compile(r"nvidia-|cuda-|triton$")
# where the pin needs a later Python than the oldest promised: the version before it, and the Python it needs
OLDER = {"soupsieve": ("2.10", "3.11.5")}
# pure Python that its authors publish as source, without a wheel
SOURCE_ONLY = ("fvcore", "grad-cam", "iopath")
CLASSIFIER = re.compile(r"Programming Language :: Python :: (3\.\d+)")
SYSTEMS = {
    "Linux": (
        "linux",
        "x86_64",
        (
            "manylinux_2_28_x86_64",
            "manylinux_2_27_x86_64",
            "manylinux_2_26_x86_64",
            "manylinux_2_24_x86_64",
            "manylinux_2_17_x86_64",
            "manylinux2014_x86_64",
        ),
    ),
    "Darwin": ("darwin", "arm64", ("macosx_14_0_arm64",)),
}
HEADER = """\
# Every package of `pip install -e .[book,export,test,tools]` at the version it was tested with on CPython
# {tested}, Linux x86-64. All can be installed on CPython {first} to {last}, on Linux and macOS: `make pins`
# asks the index, and writes this file anew. `make` and environment.yml install through it.
# Left out on purpose: nvidia-*, cuda-* and triton. torch asks for its own versions of them, and only on
# Linux; macOS has none. Packages that only other systems need (appnope, colorama) are not pinned.
"""


def project_file() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def wanted(pyproject: dict) -> list[str]:
    """What the project and its extras ask for by name."""
    project = pyproject["project"]
    return [*project["dependencies"], *chain.from_iterable(project["optional-dependencies"].values())]


def pythons(pyproject: dict) -> list[str]:
    """The Pythons that are promised, oldest first: those of the classifiers."""
    found = map(CLASSIFIER.fullmatch, pyproject["project"]["classifiers"])
    return sorted((match[1] for match in found if match), key=lambda version: int(version.split(".")[1]))


def target(python: str, system: str) -> dict[str, str]:
    """What a requirement's marker is asked with, on the first release of a Python on `Linux` or `Darwin`."""
    name, machine, _ = SYSTEMS[system]
    return {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": name,
        "platform_system": system,
        "platform_machine": machine,
    }


def closure(requirements: Iterable[str], environment: dict[str, str] | None = None) -> dict[str, str | None]:
    """Versions installed of `requirements` and of all that they need in turn, by canonical name.

    With an `environment` of `target`, of what they need there; None for what is not installed here.
    """
    versions: dict[str, str | None] = {}
    seen, waiting = set(), [Requirement(r) for r in requirements]
    while waiting:
        requirement = waiting.pop()
        extras = requirement.extras or {""}
        key = (canonicalize_name(requirement.name), frozenset(extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            distribution = importlib.metadata.distribution(requirement.name)
        except importlib.metadata.PackageNotFoundError:
            if environment is None:
                raise
            versions[key[0]] = None
            continue
        versions[key[0]] = distribution.version
        for needed in map(Requirement, distribution.requires or ()):
            if needed.marker is None or any(
                needed.marker.evaluate({**(environment or {}), "extra": extra}) for extra in extras
            ):
                waiting.append(needed)
    return versions


def lines_for(name: str, version: str) -> Iterator[str]:
    """The pin of one package, or the two of it where an older Python needs an older one."""
    before, needs = OLDER.get(name, (version, ""))
    if version == before:
        yield f"{name}=={version}"
    else:
        yield f'{name}=={version}; python_full_version >= "{needs}"'
        yield f'{name}=={before}; python_full_version < "{needs}"'


def constraints(pyproject: dict, before: str = "") -> str:
    """The text of constraints.txt for this environment.

    What only another promised Python or system needs keeps the pin that it has in the text `before`.
    """
    promised, names = pythons(pyproject), wanted(pyproject)
    there = {
        name for python in promised for system in SYSTEMS for name in closure(names, target(python, system))
    }
    kept = {name: version for name, version in pinned(before).items() if name in there}
    versions = sorted((kept | closure(names)).items())
    lines = [x for name, pin in versions if not NOT_PINNED.match(name) for x in lines_for(name, pin)]
    return HEADER.format(tested=TESTED, first=promised[0], last=promised[-1]) + "".join(
        line + "\n" for line in lines
    )


def pinned(text: str, environment: dict[str, str] | None = None) -> dict[str, str]:
    """The pins of a constraints file that hold here, or in an `environment` of `target`."""
    requirements = [Requirement(line) for line in text.splitlines() if line and not line.startswith("#")]
    return {
        r.name: str(r.specifier).removeprefix("==")
        for r in requirements
        if r.marker is None or r.marker.evaluate(environment)
    }


def unavailable(pinned: dict[str, str], python: str, system: str) -> str:
    """What pip says of pins that cannot be installed there; nothing where all of them can."""
    command = [sys.executable, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--dry-run"]
    command += ["--no-deps", "--only-binary=:all:", f"--no-binary={','.join(SOURCE_ONLY)}"]
    command += [f"--python-version={python}"]
    command += [f"--platform={platform}" for platform in SYSTEMS[system][2]]
    with tempfile.TemporaryDirectory() as folder:
        # the markers are decided by now: pip would ask them of the Python that it runs on
        asked = Path(folder) / "pins.txt"
        asked.write_text(
            "".join(f"{name}=={version}\n" for name, version in pinned.items()), encoding="utf-8"
        )
        done = subprocess.run(
            [*command, "--target", folder, "-r", str(asked)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
    return done.stderr.strip() if done.returncode else ""


def check(pyproject: dict) -> int:
    """Ask the package index for every pin on every promised Python and system; say what it lacks."""
    text = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    bad = 0
    for system in SYSTEMS:
        for python in pythons(pyproject):
            missing = unavailable(pinned(text, target(python, system)), python, system)
            print(f"Python {python}, {system}: {missing or 'all pins are there'}", flush=True)
            bad += bool(missing)
    return 1 if bad else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="ask the package index for every pin")
    arguments = parser.parse_args()
    if arguments.check:
        return check(project_file())
    before = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    print(constraints(project_file(), before), end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
