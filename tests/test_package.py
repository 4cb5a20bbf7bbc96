"""The library as others get it: the wheel that `pip install .` builds, installed beside nothing of ours."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import inception_lib
from inception_lib import count, googlenet

# each starts processes of its own
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[1]


def start(*command: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """A command that finds no checkout through the environment."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "MYPYPATH")}
    return subprocess.run(
        [str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True
    )


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = start(*command, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built from a copy, since setuptools leaves its traces in the folder it builds from."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(
        ROOT / "inception_lib", source / "inception_lib", ignore=shutil.ignore_patterns("__pycache__")
    )
    run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
        "--wheel-dir",
        source / "dist",
        source,
    )
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """The bin folder of an environment that has the wheel, and the tests' packages for its dependencies."""
    place = tmp_path_factory.mktemp("elsewhere") / "venv"
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # .pth files of those folders, such as the one of an editable install, are not followed
    (site / "dependencies.pth").write_text("\n".join(p for p in sys.path if p.endswith("-packages")))
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--disable-pip-version-check",
        "--no-deps",
        "--no-index",
        wheel,
    )
    return place / "bin"


def test_the_wheel_holds_all_of_the_library_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
        licenses = [name for name in file.namelist() if name.endswith(".dist-info/licenses/LICENSE")]
    ours = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "inception_lib").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == ours and len(licenses) == 1
    assert {
        "inception_lib/py.typed",
        "inception_lib/book/widgets/common.js",
        "inception_lib/book/widgets/widgets.css",
    } <= names


def test_the_wheel_says_its_version_its_pythons_and_its_paper(wheel):
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = file.read(name).decode()
    said = metadata.partition("\n\n")[0].splitlines()
    assert f"Version: {inception_lib.__version__}" in said
    assert "Project-URL: Paper, https://arxiv.org/abs/1409.4842" in said
    assert {f"Classifier: Programming Language :: Python :: 3.{n}" for n in (11, 12, 13, 14)} <= set(said)


def test_the_installed_command_counts(installed, tmp_path):
    shown = run(installed / "inception", "count", cwd=tmp_path)
    assert f"{count(googlenet()).macs:,}" in shown
    code = "import inception_lib; print(inception_lib.__file__)"
    where = run(installed / "python", "-c", code, cwd=tmp_path)
    assert Path(where.strip()).is_relative_to(installed.parent)


@pytest.mark.book
def test_the_installed_widgets_have_their_scripts(installed, tmp_path):
    code = (
        "from inception_lib.book.widgets import InceptionWidget; w = InceptionWidget(); "
        "print(len(w._esm) > 1000, len(w._css) > 1000)"
    )
    assert run(installed / "python", "-c", code, cwd=tmp_path).split() == ["True", "True"]


def test_what_does_not_ship_is_said_and_not_missed_silently(installed, tmp_path):
    code = """
from inception_lib import InceptionError
from inception_lib.book import results
from inception_lib.book.bundled import bundled
for ask in (lambda: results.load("tiny"), lambda: next(bundled())):
    try:
        ask()
    except InceptionError as error:
        print(error)
"""
    missing, networks = run(installed / "python", "-c", code, cwd=tmp_path).splitlines()
    assert "INCEPTION_RESULTS" in missing and "come with the repository" in networks


@pytest.mark.slow
def test_users_of_the_library_get_its_types(installed, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(
        "from inception_lib import count, googlenet\n"
        "total: int = count(googlenet()).macs\n"
        "googlenet(width='wide')\n"
    )
    done = start(
        sys.executable,
        "-m",
        "mypy",
        "--python-executable",
        installed / "python",
        "--config-file",
        os.devnull,
        "--cache-dir",
        tmp_path / "cache",
        program,
        cwd=tmp_path,
    )
    (error, _) = done.stdout.splitlines()
    assert error.startswith('program.py:3: error: Argument "width"') and done.returncode == 1
