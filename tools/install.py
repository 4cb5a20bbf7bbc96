"""Make `.venv` and install the project into it; do nothing where that is done already.

usage: python3 tools/install.py

Runs on any Python 3 with nothing installed, so that an old one gets a sentence and not a syntax error.
The stamp it leaves holds a hash of what was installed: the venv is installed again when a pin changed,
and made afresh when it was moved or its Python is gone.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 11)
FREE_GB = 8  # torch with CUDA takes 5.5 GB once unpacked


def fail(sentence):
    sys.exit("error: " + sentence)


def venv_python(venv):
    return os.path.join(venv, "bin", "python")


def pins(root):
    """A hash of the files that say what is installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return None


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def runs(venv, code):
    """Whether the venv's Python starts and `code` succeeds in it."""
    try:
        return subprocess.call([venv_python(venv), "-c", code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def check(root):
    """Refuse, in a sentence, what cannot end well."""
    if sys.version_info < OLDEST:
        fail(
            f"Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, and {sys.executable} is "
            f"{platform.python_version()}; name another one, as in `make book PYTHON=python3.12`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail("this Python has no `venv`; on Debian and Ubuntu it comes with `apt-get install python3-venv`.")
    free = shutil.disk_usage(root).free / 1e9
    if free < FREE_GB:
        fail(
            f"about {FREE_GB} GB of free disk are needed for PyTorch and the tools, "
            f"and {root} has {free:.1f} GB."
        )


def make(root, venv):
    check(root)
    print(f"Making .venv with Python {platform.python_version()}", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    os.makedirs(venv)
    write(os.path.join(venv, ".place"), venv)  # first, so that a half-made one is known as ours
    if subprocess.call([sys.executable, "-I", "-m", "venv", venv]):
        fail("the virtual environment could not be made; the reason stands above.")


def install(root, venv):
    print("Installing the pinned packages (PyTorch is large: some minutes the first time)", flush=True)
    command = [
        venv_python(venv),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        "--no-input",
        "-c",
        "constraints.txt",
        "-e",
        ".[book,test]",
    ]
    if subprocess.call(command, cwd=root):
        fail("pip could not install the packages; the reason stands above. Is this machine online?")


def main(root=ROOT):
    venv = os.path.join(root, ".venv")
    stamp = os.path.join(venv, ".installed")
    place = read(os.path.join(venv, ".place"))
    alive = os.path.exists(venv_python(venv))
    if alive and place == venv and read(stamp) == pins(root):
        return
    if place is None and alive:  # somebody else's: use it, never delete it
        if not runs(venv, f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"):
            fail(
                f"{venv} was not made by this Makefile and has no pip, or a Python older than "
                f"{OLDEST[0]}.{OLDEST[1]}; move it away."
            )
        write(os.path.join(venv, ".place"), venv)
    elif place != venv or not runs(venv, "import pip"):  # none yet, moved, or its Python is gone
        make(root, venv)
    install(root, venv)
    write(stamp, pins(root))


if __name__ == "__main__":
    main()
