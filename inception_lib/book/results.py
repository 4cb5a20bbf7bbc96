"""Recorded results: one JSON file per run, with what was run and what came out.

The book makes its tables and plots from these files, so that no measured number is typed in. They lie in
`data/results/` of a checkout; the environment variable `INCEPTION_RESULTS` names another folder.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inception_lib.errors import InceptionError
from inception_lib.files import expanded, replacing

if TYPE_CHECKING:
    from inception_lib.training.logs import Run

_CHECKOUT = Path(__file__).resolve().parents[2]
_PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scikit-image")
#: Fields of a recipe that say how it is computed, and not what.
_HOW = {"precision", "channels_last", "compile", "workers", "keep", "bad_pictures"}
FORMAT = 1  #: of the files; raised when a reader of older files would be misled


@dataclass(frozen=True)
class Result:
    """One recorded run.

    `outcome` is what came out, as the run itself arranged it. `provenance` says what was run: `command`,
    `commit` (with `+` when the checkout held changes), `date` (UTC), `seed`, `device`, `versions`, and
    `data` with its size.
    """

    name: str
    about: str
    outcome: Any
    provenance: Mapping[str, Any]

    def note(self, more: str = "") -> str:
        """`source()`, and sentences after it, folded into one line: a block of Markdown for a page."""
        said = f"{self.source()} {more}".strip()
        short = f"how this was measured ({self.provenance['date'][:10]})"
        return f'<details class="recorded"><summary>{short}</summary>\n\n{said}\n\n</details>'

    def source(self) -> str:
        """What was run, where and when, and whether it needs that commit."""
        it = self.provenance
        changes = " (with changes that were not committed)" if it["commit"].endswith("+") else ""
        said = (
            f"Recorded on {it['date'][:10]} by `{it['command']}` at commit {it['commit'][:8]}{changes}, "
            f"on {it['device']}, with torch {it['versions'].get('torch', 'unknown')}; "
            f"data: {it['data']}."
        )
        now = [f"`{name}` {today} instead of {then}" for name, (then, today) in self.changed_since().items()]
        if now:
            said += f" It needs that commit: today the same command trains with {', '.join(now)}."
        return said

    def changed_since(self) -> dict[str, tuple[Any, Any]]:
        """What the recorded command of a training sets otherwise today, as recorded and as it would be now.

        A recipe's values may change, so that a command which does not give them no longer means what was run.
        Empty where the outcome holds no recipe, or the command is not `train`.
        """
        words = self.provenance["command"].split()
        then = self.outcome.get("recipe") if isinstance(self.outcome, dict) else None
        if "train" not in words or not isinstance(then, dict):
            return {}
        from inception_lib.training.recipes import network_options, recipe

        then = dict(self.outcome.get("network", {})) | then
        now = network_options(then["name"]).to_dict() | recipe(then["name"]).to_dict()
        typed = {word.lstrip("-").removeprefix("no-").replace("-", "_") for word in words if word[:2] == "--"}
        return {
            name: (then[name], value)
            for name, value in now.items()
            if name in then and name not in typed | _HOW and value is not None and value != then[name]
        }


def folder() -> Path:
    """Where results are kept: `INCEPTION_RESULTS`, else `data/results/` of the checkout.

    Raises:
        InceptionError: neither is there, since the library was installed; or the home directory that
            `INCEPTION_RESULTS` speaks of is not known.
    """
    named = os.environ.get("INCEPTION_RESULTS")
    if not named and not _is_checkout():
        raise InceptionError(
            "This library is installed and not a checkout of the repository; set INCEPTION_RESULTS to the "
            "folder of the results."
        )
    return expanded(named, "INCEPTION_RESULTS") if named else _CHECKOUT / "data" / "results"


def _is_checkout() -> bool:
    return (_CHECKOUT / "pyproject.toml").is_file()


def record(
    name: str,
    outcome: Any,
    *,
    about: str,
    data: str,
    command: str | None = None,
    seed: int | None = None,
    device: str | None = None,
) -> Path:
    """Write what a run gave, with its provenance. An older result of that name is replaced, or left whole.

    Args:
        name: of the file, without `.json`.
        outcome: anything JSON can hold, but no NaN and no infinity.
        about: one sentence on what was measured.
        data: what it was measured on, with its size.
        command: what repeats it; by default the one that is running.
        seed: of the random numbers, if there were any.
        device: by default the processor and its number of cores.

    Returns:
        The path of the file.

    Raises:
        InceptionError: the outcome is not such JSON, or the file cannot be written.
    """
    from inception_lib.distributed import processor

    path = _path(name)
    content = {
        "format": FORMAT,
        "name": name,
        "about": about,
        "provenance": {
            "command": command or _command(),
            "commit": commit(),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "seed": seed,
            "device": device or processor(),
            "versions": _versions(),
            "data": data,
        },
        "outcome": outcome,
    }
    try:
        text = json.dumps(content, indent=1, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InceptionError(
            f"{path}: was not written, since the outcome cannot be put into JSON ({error})."
        ) from None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as new:
            new.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InceptionError(f"{path}: the result cannot be written ({error.strerror}).") from None
    return path


def check_name(name: str) -> None:
    """Refuse a name under which nothing can be recorded, before the work is done.

    Raises:
        InceptionError: it is empty or has a folder in it, or there is no folder for it.
    """
    _path(name)


def load(name: str) -> Result:
    """Read a recorded result.

    Raises:
        InceptionError: there is none of that name, or its file is damaged.
    """
    path = _path(name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise InceptionError(f"{path}: is of format {content['format']}; this library reads {FORMAT}.")
        return Result(content["name"], content["about"], content["outcome"], content["provenance"])
    except FileNotFoundError:
        there = sorted(p.stem for p in path.parent.glob("*.json")) or ["none"]
        raise InceptionError(f"{path}: there is no such result (recorded: {', '.join(there)}).") from None
    except OSError as error:
        raise InceptionError(f"{path}: cannot be read ({error.strerror}).") from None
    except (ValueError, KeyError, TypeError):
        raise InceptionError(f"{path}: is not a recorded result.") from None


def _path(name: str) -> Path:
    if not name or Path(name).name != name or "\0" in name:
        raise InceptionError(f"{name!r}: a result's name is a file's name without its folder.")
    return folder() / f"{name}.json"


def _command() -> str:
    """The running command, as one would type it in the checkout: no folder of this machine in it."""
    spec = getattr(sys.modules.get("__main__"), "__spec__", None)
    script = Path(sys.argv[0])
    if spec is not None:
        first = ["python", "-m", spec.name.removesuffix(".__main__")]
    elif script.suffix == ".py" and script.resolve().is_relative_to(_CHECKOUT):
        first = ["python", script.resolve().relative_to(_CHECKOUT).as_posix()]
    else:
        first = ["python", "-c"] if script.name == "-c" else [script.name]
    return " ".join(first + [Path(a).name if Path(a).is_absolute() else a for a in sys.argv[1:]])


def commit() -> str:
    """Of this library's own repository, not of another one in which the library happens to lie.

    A copy without its history, or with an old one, is told the commit by `INCEPTION_COMMIT`.
    """
    if told := os.environ.get("INCEPTION_COMMIT"):
        return told

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", str(_CHECKOUT), *words], capture_output=True, text=True, check=True, timeout=30
        ).stdout.strip()

    try:
        if not _is_checkout() or Path(git("rev-parse", "--show-toplevel")) != _CHECKOUT:
            return "unknown"
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "*.py")
        return git("rev-parse", "HEAD") + "+" * bool(changed)
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def record_run(name: str, *runs: Run, about: str | None = None) -> Path:
    """Write what came of some runs of one recipe, which differ in their seeds, to `data/results/`.

    The outcome holds the `recipe` of the first and its `network`, the `seeds`, and each run's `history`.
    """
    first = runs[0]
    about = about or f"Training by the recipe {first.recipe.name}: a record per epoch of each run"
    outcome = {
        "recipe": first.recipe.to_dict(),
        "network": dict(first.network),
        "seeds": [run.recipe.seed for run in runs],
        "histories": [run.history for run in runs],
    }
    data = f"{first.data}: {first.pictures:,} training pictures, {len(first.classes)} classes"
    return record(name, outcome, about=about, device=first.device, seed=first.recipe.seed, data=data)
