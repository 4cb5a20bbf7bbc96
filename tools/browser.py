"""The Chromium that the browser tests drive: find one, or get one.

usage: python tools/browser.py

Looks for one that is on the machine; else installs Debian's, without windows, where it may (as root, or with
sudo that asks no password); else fetches Playwright's own. Prints its path, or says why there is none.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

VARIABLES = ("CHROMIUM", "BROWSER_PATH")
# the shell first: it has no windows to draw, and opens a page in a fraction of the time
COMMANDS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
APPLICATIONS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
)


def playwrights_own() -> str | None:
    """Path of the Chromium that `playwright install` fetched, if it did."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def on_machine() -> str | None:
    """Path of a Chromium or Chrome named by the environment, on the PATH, or among macOS's applications."""
    for name in VARIABLES:
        if path := os.environ.get(name):
            return shutil.which(path)
    return next(filter(None, map(shutil.which, (*COMMANDS, *APPLICATIONS))), None)


def find_browser() -> str | None:
    """Path of a browser the tests can drive, or None. `CHROMIUM=/path` in the environment decides."""
    if any(os.environ.get(name) for name in VARIABLES):
        return on_machine()
    return on_machine() or playwrights_own()


def _run(command: Sequence[str]) -> bool:
    print("+ " + " ".join(command), file=sys.stderr, flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sys.stderr, env=environment)
    return done.returncode == 0


def as_root() -> list[str] | None:
    """What to put before a command so that root runs it: nothing, sudo, or None where neither is allowed."""
    if os.geteuid() == 0:
        return []
    if shutil.which("sudo"):
        asked = subprocess.run(["sudo", "-n", "true"], stdin=subprocess.DEVNULL, capture_output=True)
        if asked.returncode == 0:
            return ["sudo", "-n"]
    return None


def install_debian() -> bool:
    """Install Debian's Chromium; False where there is no apt-get, no right to use it, or it fails."""
    prefix = as_root() if shutil.which("apt-get") else None
    if prefix is None:
        return False
    _run([*prefix, "apt-get", "update", "-qq"])  # a stale list may still hold the package
    install = [*prefix, "apt-get", "install", "-qq", "-y", "--no-install-recommends"]
    return any(_run([*install, package]) for package in ("chromium-headless-shell", "chromium"))


def install_playwright() -> bool:
    """Fetch Playwright's own Chromium into the user's cache, with its system libraries where we may."""
    command = [sys.executable, "-m", "playwright", "install", "chromium"]
    prefix = as_root() if shutil.which("apt-get") else None
    return _run([*command, "--with-deps"]) or _run(command) if prefix == [] else _run(command)


def obtain_browser() -> str | None:
    """Path of a browser, installed first where the machine has none; None where none can be had."""
    if any(os.environ.get(name) for name in VARIABLES):
        return on_machine()  # who names a browser wants no other
    if path := find_browser():
        return path
    for install in (install_debian, install_playwright):
        if install() and (path := find_browser()):
            return path
    return None


def main() -> None:
    path = obtain_browser()
    if path is None:
        named = next((f"{name}={os.environ[name]}" for name in VARIABLES if os.environ.get(name)), None)
        sys.exit(
            f"error: {named} is no program that can be run."
            if named
            else "error: the browser tests need Chromium, which is not on this machine and could not be "
            "installed; install chromium or Google Chrome, or set CHROMIUM=/path/to/it."
        )
    print(path)


if __name__ == "__main__":
    main()
