"""Make `.venv` and install the project into it; do nothing where that is done already.

usage: python3 tools/install.py [--named] [lowest]

With `--named`, this Python was asked for: a `.venv` that was made with another one is refused. With
`lowest`, make `_build/lowest` instead, for the library alone: the lower bounds of pyproject.toml take the
place of their pins, and nothing is installed that only the book needs.

Runs on Python 3.6 and newer with nothing installed, so that an old one gets a sentence, not a syntax error.
The stamp it leaves holds a hash of what was installed: the venv is installed again when a pin changed,
and made afresh when it was moved or its Python is gone.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST, NEWEST = (3, 11), (3, 14)
FREE_GB = 8  # torch with CUDA takes 5.5 GB once unpacked


def fail(sentence):
    sys.exit("error: " + sentence)


def dotted(version):
    return ".".join(map(str, version[:2]))


def venv_python(venv):
    return os.path.join(venv, "bin", "python")


def pins(root):
    """A hash of the files that say what is installed."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "constraints.txt"):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def lowest(root):
    """The text of constraints.txt with the lower bounds of pyproject.toml in place of their pins."""
    bounds = dict(re.findall(r'"([\w-]+)>=([\d.]+)"', read(os.path.join(root, "pyproject.toml"))))
    lines = []
    for line in read(os.path.join(root, "constraints.txt")).splitlines():
        name = line.partition("==")[0]
        lines.append(f"{name}=={bounds[name]}.*" if name in bounds else line)
    return "\n".join(lines) + "\n"


def read(path):
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except OSError:
        return None


def write(path, text):
    """Write a file whole or not at all: half a mark would make somebody else's venv ours to delete."""
    try:
        with open(path + ".part", "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(path + ".part", path)
    finally:
        if os.path.exists(path + ".part"):
            os.remove(path + ".part")


def runs(venv, code):
    """Whether the venv's Python starts and `code` succeeds in it."""
    try:
        return subprocess.call([venv_python(venv), "-c", code], stderr=subprocess.DEVNULL) == 0
    except OSError:
        return False


def made_with(venv):
    """The version of the Python that a venv was made with, such as 3.11; None where it does not say."""
    found = re.search(
        r"^version(?:_info)? *= *(\d+\.\d+)", read(os.path.join(venv, "pyvenv.cfg")) or "", re.M
    )
    return found and found.group(1)


def check(root):
    """Refuse, in a sentence, what cannot end well."""
    if sys.version_info < OLDEST:
        fail(
            f"Python {dotted(OLDEST)} or newer is needed, and {sys.executable} is "
            f"{platform.python_version()}; name another one, as in `make book PYTHON=python{dotted(NEWEST)}`."
        )
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        fail(
            "this Python has no `venv`; on Debian and Ubuntu it comes with "
            f"`apt-get install python{dotted(sys.version_info)}-venv`."
        )
    free = shutil.disk_usage(root).free / 1e9
    if free < FREE_GB:
        fail(
            f"about {FREE_GB} GB of free disk are needed for PyTorch and the tools, "
            f"and {root} has {free:.1f} GB."
        )


def make(root, venv):
    check(root)
    print(f"Making {os.path.relpath(venv, root)} with Python {platform.python_version()}", flush=True)
    shutil.rmtree(venv, ignore_errors=True)
    os.makedirs(venv)
    write(os.path.join(venv, ".place"), venv)  # first, so that a half-made one is known as ours
    if subprocess.call([sys.executable, "-I", "-m", "venv", venv]):
        fail("the virtual environment could not be made; the reason stands above.")


def install(root, venv, constraints="constraints.txt", extras="book,export,test,tools"):
    print("Installing the pinned packages (PyTorch is large: some minutes the first time)", flush=True)
    command = [venv_python(venv), "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    if subprocess.call([*command, "-c", constraints, "-e", f".[{extras}]"], cwd=root):
        python = made_with(venv) or dotted(OLDEST)
        if tuple(map(int, python.split("."))) > NEWEST:
            fail(
                f"pip could not install the packages. The pins are for Python {dotted(OLDEST)} to "
                f"{dotted(NEWEST)}, and this is {python}: `make distclean`, and then name another one, as in "
                f"`make book PYTHON=python{dotted(NEWEST)}`."
            )
        fail("pip could not install the packages; the reason stands above. Is this machine online?")


def main(root=ROOT, low=False, named=False):
    venv = os.path.join(root, "_build", "lowest") if low else os.path.join(root, ".venv")
    stamp = os.path.join(venv, ".installed")
    place = read(os.path.join(venv, ".place"))
    alive = os.path.exists(venv_python(venv))
    if named and alive and made_with(venv) not in (None, dotted(sys.version_info)):
        fail(
            f"{os.path.relpath(venv, root)} was made with Python {made_with(venv)}, and Python "
            f"{dotted(sys.version_info)} is asked for; `make distclean` takes the old one away."
        )
    if alive and place == venv and read(stamp) == pins(root):
        return
    if place is None and alive:  # somebody else's: use it, never delete it
        if not runs(venv, f"import pip, sys; sys.exit(sys.version_info < {OLDEST})"):
            fail(
                f"{venv} was not made by this Makefile and has no pip, or a Python older than "
                f"{dotted(OLDEST)}; move it away."
            )
        write(os.path.join(venv, ".place"), venv)
    elif place != venv or not runs(venv, "import pip"):  # none yet, moved, or its Python is gone
        make(root, venv)
    if low:
        constraints = os.path.join(venv, "constraints.txt")
        write(constraints, lowest(root))
        install(root, venv, constraints, "export,test,tools")
    else:
        install(root, venv)
    write(stamp, pins(root))


if __name__ == "__main__":
    try:
        main(low="lowest" in sys.argv[1:], named="--named" in sys.argv[1:])
    except OSError as error:
        fail(f"{error.filename or 'a file'}: {error.strerror or error}.")
    except KeyboardInterrupt:
        fail("stopped; the next `make` goes on from here.")
