"""Execute the chapters and build the pages, saying little; where that fails, say what went wrong.

usage: python tools/build.py

The whole output goes to _build/build.log. A chapter that stops gives its cell and its error, without
the tracebacks of Sphinx and Jupyter Book around them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PROGRESS = ("executed ", "reading ")  # printed by tools/local_ext.py for each chapter, and each page
END_OF_NEWS = "Exception occurred:"  # what Sphinx writes before its own traceback
NOISE = (
    "[IPKernelApp] WARNING | Kernel is running over TCP",
    "Running Jupyter-Book",
    "Source Folder:",
    "Config Path:",
    "Output Path:",
    *PROGRESS,
)


def news(lines: Iterable[str]) -> list[str]:
    """The lines of a failed build that its author needs."""
    kept: list[str] = []
    for line in lines:
        if END_OF_NEWS in line:
            break
        if not line.startswith(NOISE):
            kept.append(line)
    return kept


def main() -> int:
    log = ROOT / "_build" / "build.log"
    log.parent.mkdir(exist_ok=True)
    program = Path(sys.executable).with_name("jupyter-book")
    command = [
        str(program),
        "build",
        "book",
        "--config",
        "_config.yml",
        "--path-output",
        ".",
        "-q",
        "-n",
        "-W",
        "--keep-going",
    ]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    lines: list[str] = []
    with (
        log.open("w", encoding="utf-8") as file,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        ) as process,
    ):
        for line in process.stdout:
            file.write(line)
            lines.append(line)
            if line.startswith(PROGRESS):
                print("  " + line, end="", flush=True)
    if process.returncode:
        sys.stderr.writelines(news(lines))
        print(
            "error: the book was not built; what went wrong stands above, all of it in _build/build.log",
            file=sys.stderr,
        )
    return process.returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        sys.exit(f"error: the book was not built ({error.filename or '_build/build.log'}: {error.strerror}).")
