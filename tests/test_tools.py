"""The Makefile, the pins and the small programs behind them."""

from __future__ import annotations

import base64
import copy
import gzip
import importlib.metadata
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from PIL import Image

from tools import browser, build, install, local_ext, notebooks, pins, skips
from tools.saving import save
from tools.serve import serve

ROOT = Path(__file__).resolve().parents[1]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, flags=re.M))

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
CONSTRAINTS = (ROOT / "constraints.txt").read_text()
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
PROMISED = pins.pythons(PYPROJECT)
# what only another system or another Python needs may be installed there without a pin
ELSEWHERE = {"appnope", "colorama", "exceptiongroup", "pywinpty", "tomli"}


# -- versions -------------------------------------------------------------------------------------


def test_everything_installed_for_the_project_is_pinned():
    installed = pins.closure(pins.wanted(PYPROJECT))
    missing = {name for name in installed if not pins.NOT_PINNED.match(name)} - set(pins.pinned(CONSTRAINTS))
    assert missing <= ELSEWHERE


def test_what_is_installed_is_what_is_pinned():
    def installed(name: str) -> str | None:
        try:
            return importlib.metadata.version(name).split("+")[0]
        except importlib.metadata.PackageNotFoundError:
            return None

    differing = {
        name: (version, installed(name))
        for name, version in pins.pinned(CONSTRAINTS).items()
        if installed(name) not in (None, version)
    }
    assert differing == {}


def test_the_promise_is_the_same_everywhere():
    assert PROMISED == ["3.11", "3.12", "3.13", "3.14"]
    oldest = install.dotted(install.OLDEST)
    assert PROMISED[0] == oldest == PYPROJECT["tool"]["mypy"]["python_version"] == pins.TESTED
    assert PROMISED[-1] == install.dotted(install.NEWEST)
    assert PYPROJECT["project"]["requires-python"] == f">={oldest}"
    assert PYPROJECT["tool"]["ruff"]["target-version"] == f"py{oldest.replace('.', '')}"
    assert f"CPython {PROMISED[0]} to {PROMISED[-1]}" in " ".join(CONSTRAINTS.replace("\n# ", " ").split())


@pytest.mark.parametrize("system", pins.SYSTEMS)
@pytest.mark.parametrize("python", PROMISED)
def test_the_pins_fit_every_promised_python(python, system):
    there = pins.target(python, system)
    pinned = pins.pinned(CONSTRAINTS, there)
    needed = pins.closure(pins.wanted(PYPROJECT), there)
    assert {name for name in needed if not pins.NOT_PINNED.match(name)} - set(pinned) <= ELSEWHERE
    for name, version in pinned.items():
        if needed.get(name) != version:
            continue  # not needed there, or another version than here: its metadata is not at hand
        metadata = importlib.metadata.metadata(name)
        # the first release of a Python is the one that leaves out most
        assert there["python_full_version"] in SpecifierSet(metadata.get("Requires-Python", "")), name
        for other in map(Requirement, metadata.get_all("Requires-Dist") or ()):
            applies = other.marker is None or other.marker.evaluate({**there, "extra": ""})
            if applies and (pin := pinned.get(canonicalize_name(other.name))):
                assert pin in other.specifier, f"{name} needs {other}, and {pin} is pinned"


def test_an_older_python_gets_an_older_pin():
    assert list(pins.lines_for("numpy", "2.4.6")) == ["numpy==2.4.6"]
    lines = list(pins.lines_for("soupsieve", "4.1.2"))
    for python, version in (("3.11", "2.10"), ("3.12", "4.1.2")):
        assert pins.pinned("\n".join(lines), pins.target(python, "Linux")) == {"soupsieve": version}
    assert list(pins.lines_for("soupsieve", "2.10")) == ["soupsieve==2.10"]


def test_writing_the_pins_keeps_those_that_other_pythons_need(monkeypatch):
    elsewhere = {"installed": "2", "other-python": None}
    monkeypatch.setattr(pins, "closure", lambda names, there=None: elsewhere if there else {"installed": "2"})
    text = pins.constraints(PYPROJECT, "installed==1\nother-python==3\ngone==4\n")
    assert pins.pinned(text) == {"installed": "2", "other-python": "3"}


def test_conda_users_get_the_same_versions():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    conda = [d for d in environment["dependencies"] if isinstance(d, str)]
    (pip,) = [d["pip"] for d in environment["dependencies"] if isinstance(d, dict)]
    assert "--constraint constraints.txt" in pip and "--editable .[book,export,test,tools]" in pip
    for line in [*conda, *pip]:
        name, _, version = line.replace("==", "=").partition("=")
        pin = pins.pinned(CONSTRAINTS).get(name.lower())
        assert name.lower() in ("python", "pip") or line.startswith("--") or pin == version
    assert "python=3.11" in conda


# -- the Makefile and the README ------------------------------------------------------------------


def make(*arguments: str) -> subprocess.CompletedProcess:
    # as from a shell, also where make itself runs these tests
    own = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON")}
    return subprocess.run(["make", *arguments], cwd=ROOT, env=own, capture_output=True, text=True)


def test_help_is_the_default_and_names_every_target():
    shown = make().stdout
    assert shown == make("help").stdout
    told = set(re.findall(r"\bmake ([a-z-]+)", shown))
    assert TARGETS - {"help"} == told


def test_the_tiers_are_marked(request):
    for item in request.session.items:
        fixtures = getattr(item, "fixturenames", ())
        assert bool(item.get_closest_marker("browser")) >= ("chromium" in fixtures)
        assert bool(item.get_closest_marker("built")) >= ("pages" in fixtures)


def test_every_make_command_that_is_told_can_be_run():
    assert {"book", "serve", "test"} <= set(re.findall(r"\bmake ([a-z-]+)", "\n".join(fenced("sh"))))
    told = {
        target for name in DOCUMENTS for target in re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text())
    }
    told |= {
        target
        for name in DOCUMENTS
        for target in re.findall(r"^make ([a-z-]+)", (ROOT / name).read_text(), re.M)
    }
    assert {"book", "lint", "test-fast", "test-lowest"} <= told <= TARGETS
    for target in told:
        assert make("--dry-run", target).returncode == 0


def fenced(language: str) -> list[str]:
    """Code blocks of the README in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / "README.md").read_text(), flags=re.S | re.M)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_and_paths_lead_somewhere(document):
    text = (ROOT / document).read_text()
    local = [link for link in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in link]
    local += [name for name in re.findall(r"`([\w./]+(?:\.\w+|/))`", text) if name.count("/")]
    local = [name for name in local if name != "_build/html" and not name.startswith(".venv")]
    assert len(local) > (5 if document == "README.md" else 0)
    assert [link for link in local if not (ROOT / link).exists()] == []


def test_no_source_names_somebodys_machine():
    folders = (".ci", ".github", "book", "data", "inception_lib", "tests", "tools")
    paths = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    paths = [path for path in [*paths, *ROOT.glob("[!.]*.*")] if path.is_file()]
    paths = [path for path in paths if ".ruff_cache" not in path.parts]
    private = re.compile(rb"(?<![\w.~])/(?:work|root|opt|home|Users)/[a-z]")
    text = [path for path in paths if path.suffix in (".ipynb", ".json", ".md", ".py", ".toml", ".yml", "")]
    assert len(text) > 30
    assert [str(path) for path in text if private.search(path.read_bytes())] == []


BVLC = ROOT.parent / "shared" / "weights" / "bvlc_googlenet.caffemodel"
needs_bvlc = pytest.mark.skipif(not BVLC.is_file(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")


def in_a_project(folder, monkeypatch):
    """A folder with two photographs and a small data set, and BVLC's weights where downloads are kept."""
    photos = Path(importlib.util.find_spec("skimage").origin).parent / "data"
    for name in ("chelsea.png", "coffee.png"):
        shutil.copy(photos / name, folder)
        kind = folder / "zoo" / name.removesuffix(".png")
        kind.mkdir(parents=True)
        for i in range(20):
            Image.open(photos / name).crop((i, i, i + 250, i + 250)).save(kind / f"{i}.jpg")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("INCEPTION_CACHE", str(BVLC.parent))


def runs_as_shown(blocks, capsys):
    names: dict = {}
    for block in blocks:
        exec(compile(block, "README.md", "exec"), names)
        told = re.findall(r"^#> (.*)$", block, flags=re.M)
        assert capsys.readouterr().out.splitlines() == told


def of_bvlc(block):
    return "bvlc" in block or "network.as_classifier()" in block


@pytest.mark.slow
def test_the_python_of_the_readme_runs(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # it trains, and so leaves a run
    runs_as_shown([block for block in fenced("python") if not of_bvlc(block)], capsys)


@pytest.mark.slow
@needs_bvlc
def test_the_python_of_the_readme_that_starts_from_trained_weights_runs(capsys, tmp_path, monkeypatch):
    in_a_project(tmp_path, monkeypatch)
    blocks = [block for block in fenced("python") if of_bvlc(block)]
    assert len(blocks) > 4
    runs_as_shown(blocks, capsys)


@pytest.mark.slow
@needs_bvlc
def test_the_commands_of_the_readme_print_what_it_shows(tmp_path, monkeypatch):
    in_a_project(tmp_path, monkeypatch)
    (block,) = fenced("console")
    (command,) = re.findall(r"^\$ inception (.*)$", block, flags=re.M)
    run = subprocess.run(
        [sys.executable, "-m", "inception_lib", *command.split()], text=True, capture_output=True
    )
    assert run.stdout == block.partition("\n")[2] and run.returncode == 0


# -- the library's first import -------------------------------------------------------------------


def test_importing_the_library_loads_no_torch_and_no_pandas():
    code = "import sys, inception_lib; print([m for m in ('torch', 'pandas', 'numpy') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd="/")
    assert shown.stdout.strip() == "[]"


# -- the browser ----------------------------------------------------------------------------------


@pytest.fixture
def bare_machine(monkeypatch, tmp_path):
    """A machine with an empty PATH, no browser and no Playwright download; add programs to the folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in browser.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(browser, "APPLICATIONS", ())
    monkeypatch.setattr(browser, "playwrights_own", lambda: None)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(browser, "install_playwright", lambda: False)
    return tmp_path


def program(path: Path, script: str = "exit 0") -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.parametrize("name", browser.COMMANDS)
def test_a_browser_on_the_path_is_found(bare_machine, name):
    path = program(bare_machine / name)
    assert browser.find_browser() == browser.obtain_browser() == str(path)


@pytest.mark.parametrize("variable", browser.VARIABLES)
def test_the_environment_names_the_browser(bare_machine, monkeypatch, variable):
    program(bare_machine / "chromium")
    mine = program(bare_machine / "mine")
    monkeypatch.setenv(variable, str(mine))
    assert browser.find_browser() == str(mine)
    monkeypatch.setenv(variable, str(bare_machine / "none"))
    assert browser.find_browser() is None
    with pytest.raises(SystemExit, match="none is no program"):
        browser.main()


@pytest.mark.parametrize("package", ["chromium-headless-shell", "chromium"])
def test_root_gets_debians_chromium(bare_machine, package):
    """The one without windows; where an older Debian lacks it, the whole one."""
    log = bare_machine / "log"
    chmod = shutil.which("chmod", path=os.defpath)
    program(
        bare_machine / "apt-get",
        f"""cd {bare_machine}; echo "$@" >> {log}
for name; do :; done
[ "$1" = update ] && exit 0
[ "$name" = {package} ] && echo '#!/bin/sh' > $name && {chmod} +x $name""",
    )
    assert browser.obtain_browser() == str(bare_machine / package)
    tried = [line.split()[-1] for line in log.read_text().splitlines()]
    assert tried == ["-qq", "chromium-headless-shell", "chromium"][: 2 + (package == "chromium")]


def test_sudo_is_used_only_where_it_asks_nothing(bare_machine, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert browser.as_root() is None
    program(bare_machine / "sudo", "exit 1")
    assert browser.as_root() is None
    program(bare_machine / "sudo")
    assert browser.as_root() == ["sudo", "-n"]


def test_playwrights_own_is_the_last_resort(bare_machine, monkeypatch):
    program(bare_machine / "apt-get", "exit 1")
    fetched = []

    def fetch() -> bool:
        fetched.append("playwright")
        monkeypatch.setattr(browser, "playwrights_own", lambda: "/cache/chromium")
        return True

    monkeypatch.setattr(browser, "install_playwright", fetch)
    assert browser.obtain_browser() == "/cache/chromium" and fetched == ["playwright"]


def test_no_browser_is_one_clear_sentence(bare_machine):
    with pytest.raises(SystemExit, match=r"^error: the browser tests need Chromium, .*\.$"):
        browser.main()


# -- .venv ----------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path):
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return str(tmp_path)


def test_an_old_python_is_refused(project, monkeypatch):
    monkeypatch.setattr(install, "OLDEST", (9, 9))
    with pytest.raises(SystemExit, match=r"Python 9\.9 or newer is needed.*PYTHON="):
        install.main(project)


def test_a_full_disk_is_refused(project, monkeypatch):
    monkeypatch.setattr(install, "FREE_GB", 10**9)
    with pytest.raises(SystemExit, match="GB of free disk are needed"):
        install.main(project)


@pytest.mark.parametrize("module", ["ensurepip", "venv"])
def test_debian_without_python3_venv_is_told(project, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SystemExit, match=rf"apt-get install python3\.{sys.version_info.minor}-venv"):
        install.main(project)


def test_the_venv_is_installed_again_only_when_a_pin_changed(project, monkeypatch, capfd):
    done = []
    monkeypatch.setattr(
        install,
        "make",
        lambda root, path: (
            os.makedirs(os.path.join(path, "bin")),
            os.symlink(sys.executable, install.venv_python(path)),
            install.write(os.path.join(path, ".place"), path),
            done.append("make"),
        ),
    )
    monkeypatch.setattr(install, "install", lambda root, path: done.append("install"))
    install.main(project)
    install.main(project)
    assert done == ["make", "install"]
    os.utime(os.path.join(project, "pyproject.toml"))
    install.main(project)
    assert done == ["make", "install"]
    with open(os.path.join(project, "constraints.txt"), "a") as file:
        file.write("a-new-pin==1\n")
    monkeypatch.setattr(install, "runs", lambda path, code: True)
    install.main(project)
    assert done == ["make", "install", "install"]


def made_by(monkeypatch, version: str, root: str, folder: str = ".venv") -> Path:
    """A venv that says which Python it was made with, and has pip."""
    monkeypatch.setattr(install, "runs", lambda *_: True)
    venv = Path(root) / folder
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to(sys.executable)
    (venv / "pyvenv.cfg").write_text(f"home = /usr/bin\nversion = {version}.4\n")
    install.write(str(venv / ".place"), str(venv))
    return venv


def test_a_venv_of_another_python_is_used_unless_a_python_is_named(project, monkeypatch):
    monkeypatch.setattr(install, "install", lambda *_: None)
    venv = made_by(monkeypatch, "3.99", project)
    install.main(project)
    install.main(project)
    with pytest.raises(
        SystemExit, match=r"\.venv was made with Python 3\.99, and Python 3\.\d+ is asked for"
    ):
        install.main(project, named=True)
    assert (venv / "bin" / "python").exists()
    assert "--named" in make("--dry-run", "lab", "PYTHON=python3").stdout
    assert "--named" not in make("--dry-run", "lab").stdout


@pytest.mark.parametrize(
    ("version", "says"), [("3.12", "Is this machine online"), ("3.99", "3.11 to 3.14, and")]
)
def test_what_pip_cannot_install_is_said(project, monkeypatch, version, says):
    venv = made_by(monkeypatch, version, project)
    monkeypatch.setattr(subprocess, "call", lambda *_, **__: 1)
    with pytest.raises(SystemExit, match=says):
        install.install(project, str(venv))


def test_a_full_disk_leaves_no_half_a_mark(project, monkeypatch):
    mark = Path(project) / ".place"
    install.write(str(mark), "whole")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space"):
        install.write(str(mark), "another")
    assert mark.read_text() == "whole" and not list(Path(project).glob("*.part"))


def test_the_lowest_versions_are_those_of_pyproject(project, monkeypatch):
    done = []
    monkeypatch.setattr(subprocess, "call", lambda command, **_: done.append(command) or 0)
    venv = made_by(monkeypatch, "3.11", project, "_build/lowest")
    install.main(project, low=True)
    text = (venv / "constraints.txt").read_text()
    low = {"torch": "2.11.*", "torchvision": "0.26.*", "setuptools": "77.*"}
    assert pins.pinned(text) == pins.pinned(CONSTRAINTS) | low
    assert done[-1][-4:] == ["-c", str(venv / "constraints.txt"), "-e", ".[export,test,tools]"]
    assert not (Path(project) / ".venv").exists()


def test_somebody_elses_venv_is_not_deleted(project):
    bin_ = Path(project) / ".venv" / "bin"
    bin_.mkdir(parents=True)
    program(bin_ / "python", "exit 1")
    with pytest.raises(SystemExit, match="move it away"):
        install.main(project)
    assert (bin_ / "python").exists()


# -- notebooks ------------------------------------------------------------------------------------


def executed() -> nbformat.NotebookNode:
    """A notebook as Jupyter leaves it, with all that does not belong in git."""
    v4 = nbformat.v4
    both = {"image/png": "iVBOR", "text/plain": "a picture"}
    image = v4.new_output("display_data", both, metadata={"x": 1})
    only_image = v4.new_output("display_data", {"image/png": "iVBOR"})
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Widget()"}
    widget = v4.new_output("execute_result", view, execution_count=2)
    warning = v4.new_output("stream", name="stderr", text="/somewhere/x.py: UserWarning")
    notebook = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# Title", id="a"),
            v4.new_code_cell(
                "1 + 1",
                id="b",
                execution_count=1,
                outputs=[image, only_image, warning],
                metadata={"execution": {"iopub.status.busy": "2026"}, "collapsed": True},
            ),
            v4.new_code_cell(
                "widget",
                id="c",
                execution_count=2,
                outputs=[widget],
                metadata={"tags": ["nbval-ignore-output"]},
            ),
        ]
    )
    notebook.metadata = nbformat.from_dict(
        {
            "widgets": {"state": {}},
            "kernelspec": {"name": "mine"},
            "language_info": {"name": "python", "version": "3.12.1"},
        }
    )
    return notebook


def test_cleaning_keeps_counts_and_text_and_drops_the_rest():
    clean = notebooks.clean(executed())
    _, first, second = clean.cells
    assert [first.execution_count, second.execution_count] == [1, 2]
    assert [output.data for output in first.outputs] == [{"text/plain": "a picture"}]
    assert first.outputs[0].metadata == {} and first.metadata == {}
    assert second.outputs == [] and second.metadata == {"tags": ["nbval-ignore-output"]}
    assert clean.metadata == {"kernelspec": notebooks.KERNEL, "language_info": {"name": "python"}}
    nbformat.validate(clean)


def test_cleaning_twice_changes_nothing():
    once = notebooks.text(notebooks.clean(executed()))
    assert notebooks.text(notebooks.clean(nbformat.reads(once, 4))) == once


def test_check_names_what_is_not_clean(tmp_path):
    dirty, clean, unrun, broken = (tmp_path / f"{n}.ipynb" for n in ("dirty", "clean", "unrun", "broken"))
    nbformat.write(executed(), dirty)
    good = notebooks.clean(executed())
    clean.write_text(notebooks.text(good))
    changed = copy.deepcopy(good)
    changed.cells[1].execution_count = None
    unrun.write_text(notebooks.text(changed))
    changed = copy.deepcopy(good)
    changed.cells[1].outputs = [nbformat.v4.new_output("error", ename="E", evalue="", traceback=[])]
    broken.write_text(notebooks.text(changed))
    assert notebooks.problems(clean) == []
    assert any("widget state" in problem for problem in notebooks.problems(dirty))
    assert notebooks.problems(unrun) == ["cell 1 was not executed"]
    assert notebooks.problems(broken) == ["cell 1 holds an error"]


@pytest.mark.book
def test_a_figure_is_kept_where_it_is_not_compared_small_and_named(tmp_path):
    """So a notebook shows it on GitHub; JupyterLab folds the code that draws it, and solutions."""
    path = tmp_path / "n.ipynb"
    code = (
        "from inception_lib.book import figures\nfig, ax = figures.plt.subplots()\n"
        "ax.plot([1, 2])\nfigures.show(fig, alt='A line that rises.')"
    )
    ignored = {"tags": ["nbval-ignore-output", "hide-input"]}
    v4 = nbformat.v4
    cells = [v4.new_code_cell(code, id="a", metadata=ignored), v4.new_code_cell("'text'", id="b")]
    cells.append(v4.new_code_cell("1", id="c", metadata={"tags": ["solution"]}))
    nbformat.write(v4.new_notebook(cells=cells), path)
    first = notebooks.execute(path)
    path.write_text(first)
    assert notebooks.execute(path) == first and notebooks.problems(path) == []
    shown, compared, solution = nbformat.reads(first, 4).cells
    (figure,) = shown.outputs
    image = Image.open(io.BytesIO(base64.b64decode(figure.data["image/png"])))
    assert (
        image.width == 800
        and image.mode == "P"
        and notebooks.figure_bytes(nbformat.reads(first, 4))[0] < 20_000
    )
    assert figure.data["text/plain"] == "Figure: A line that rises."
    assert [output.data for output in compared.outputs] == [{"text/plain": "'text'"}]
    hidden = [cell.metadata.get("jupyter") for cell in (shown, compared, solution)]
    assert hidden == [{"source_hidden": True}, None, {"source_hidden": True}]
    monster = nbformat.reads(first, 4)
    monster.cells[0].outputs[0].data["image/png"] = base64.b64encode(bytes(200_000)).decode()
    path.write_text(notebooks.text(monster))
    assert notebooks.problems(path) == ["its figures are too large: 200,001 bytes, one of 200,001"]


def test_executing_gives_the_same_bytes_each_time(tmp_path):
    path = tmp_path / "n.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("print(6 * 7)", id="a")]), path)
    first = notebooks.execute(path)
    path.write_text(first)
    assert notebooks.execute(path) == first and '"42\\n"' in first
    assert notebooks.problems(path) == []


# -- the build ------------------------------------------------------------------------------------


def test_a_failed_build_tells_the_chapters_error_and_no_more():
    log = [
        "reading 02_x\n",
        "[IPKernelApp] WARNING | Kernel is running over TCP without ...\n",
        "02_x.ipynb: WARNING: Executing notebook failed\n",
        "ValueError: seven\n",
        "\n",
        "\x1b[91mException occurred:\n",
        "Traceback of Sphinx\n",
    ]
    assert build.news(log) == log[2:5]


@pytest.mark.slow
def test_a_failing_chapter_fails_the_build(tmp_path):
    for name in ("_config.yml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    for folder in ("tools", "book/_static", "inception_lib/book/widgets"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    (tmp_path / "book" / "references.bib").write_text("")
    (tmp_path / "book" / "_toc.yml").write_text("format: jb-book\nroot: one\n")
    cell = nbformat.v4.new_code_cell("raise ValueError('the seventh seal')", id="a")
    page = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# One", id="t"), cell])
    page.metadata = nbformat.from_dict({"kernelspec": notebooks.KERNEL})
    nbformat.write(page, tmp_path / "book" / "one.ipynb")
    run = subprocess.run([sys.executable, tmp_path / "tools" / "build.py"], capture_output=True, text=True)
    assert run.returncode != 0
    assert run.stdout == "  reading one\n"
    assert "the seventh seal" in run.stderr and run.stderr.rstrip().endswith("in _build/build.log")


# -- what the tools leave behind -------------------------------------------------------------------


def test_a_file_that_cannot_be_written_is_one_sentence_and_the_old_one_stays(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "file"
    save(path, "old")
    monkeypatch.setattr(
        os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(SystemExit, match=r"file was not written \(No space left on device\)\.$"):
        save(path, b"new")
    assert path.read_text() == "old" and [path] == list(path.parent.iterdir())
    with pytest.raises(SystemExit, match="was not written"):
        save(path / "below a file", "new")


def test_a_notebook_that_cannot_be_written_stays_as_it_was(tmp_path):
    path = tmp_path / "n.ipynb"
    path.write_text("before")
    code = (
        "import resource, sys; from tools import notebooks; notebooks.execute = lambda path: 'y' * 9000; "
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000)); sys.argv[1:] = [{str(path)!r}]; "
        "sys.exit(notebooks.main())"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 1 and run.stderr.startswith("error: ") and path.read_text() == "before"


# -- the hooks of pre-commit -----------------------------------------------------------------------


def test_the_hooks_are_what_make_lint_runs():
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local", "versions stand in constraints.txt alone"
    hooks = {hook["id"]: hook["entry"] for hook in repository["hooks"]}
    programs = {re.search(r"\.venv/bin/(\w+)", entry)[1] for entry in hooks.values()}
    lint = make("--dry-run", "lint").stdout
    assert (
        programs
        == {"ruff", "deno", "codespell", "mypy"}
        == set(re.findall(r"\.venv/bin/(?!python)(\w+)", lint))
    )
    environment = "DENO_DIR=_build/deno DENO_NO_UPDATE_CHECK=1"
    assert all(environment in entry for name, entry in hooks.items() if name.startswith("deno"))
    assert f"{environment} .venv/bin/deno" in lint


# -- the rest -------------------------------------------------------------------------------------


def test_the_cache_is_keyed_on_the_library_its_data_and_the_pins(tmp_path):
    (tmp_path / "inception_lib" / "__pycache__").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    module, data, pin = (tmp_path / name for name in ("inception_lib/a.py", "data/r.json", "constraints.txt"))
    for path in (module, data, pin):
        path.write_text("1")
    keys = [local_ext.key(local_ext.EXECUTED, tmp_path)]
    (tmp_path / "inception_lib" / "__pycache__" / "a.pyc").write_text("2")
    assert local_ext.key(local_ext.EXECUTED, tmp_path) == keys[0]
    for path in (module, data, pin):
        path.write_text("2")
        keys.append(local_ext.key(local_ext.EXECUTED, tmp_path))
    module.rename(module.with_name("b.py"))
    keys.append(local_ext.key(local_ext.EXECUTED, tmp_path))
    assert len(set(keys)) == len(keys)


def test_the_book_is_served_to_this_machine_only(tmp_path):
    (tmp_path / "index.html").write_text("hello")
    first = serve(str(tmp_path), 0)
    second = serve(str(tmp_path), first.server_port)  # the port is taken: another one is found
    try:
        assert {first.server_address[0], second.server_address[0]} == {"127.0.0.1"}
        assert first.server_port != second.server_port
        threading.Thread(target=second.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{second.server_port}/", timeout=10) as answer:
            assert answer.read() == b"hello"
        second.shutdown()
    finally:
        first.server_close()
        second.server_close()


@pytest.mark.parametrize(
    ("reason", "with_shared", "without"),
    [
        ("needs a GPU", True, True),
        ("CUDA is not available", True, True),
        ("../shared/weights is not here", False, True),
        ("could not import 'pandas'", False, False),
    ],
)
def test_only_skips_that_cannot_be_helped_are_allowed(tmp_path, reason, with_shared, without):
    report = tmp_path / "junit.xml"
    skip = f'<skipped type="pytest.skip" message="{reason}"/>'
    case = f'<testcase classname="tests.test_x" name="test_y">{skip}</testcase>'
    report.write_text(f"<testsuites><testsuite>{case}</testsuite></testsuites>")
    expected = [f"tests.test_x::test_y: {reason}"]
    assert skips.unexplained(report, shared_present=True) == ([] if with_shared else expected)
    assert skips.unexplained(report, shared_present=False) == ([] if without else expected)


def test_a_report_without_tests_is_refused(tmp_path):
    (tmp_path / "junit.xml").write_text("<testsuites><testsuite/></testsuites>")
    assert skips.unexplained(tmp_path / "junit.xml", shared_present=True) == ["no test ran at all"]


def test_ci_is_a_strict_script():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0
    lines = script.read_text().splitlines()
    assert lines[0] == "#!/usr/bin/env bash" and "set -euo pipefail" in lines


# ---- tools/serve.py


def test_pages_are_sent_compressed_to_those_who_take_it(tmp_path):
    text = "<p>Inception</p>" * 500
    (tmp_path / "page.html").write_text(text)
    (tmp_path / "picture.webp").write_bytes(b"RIFF" * 100)
    server = serve(str(tmp_path), 0)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def asked(name, **headers):
        request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}/{name}", headers=headers)
        with urllib.request.urlopen(request) as answer:
            return answer.headers, answer.read()

    try:
        headers, body = asked("page.html", **{"Accept-Encoding": "gzip, br"})
        assert headers["Content-Encoding"] == "gzip" and headers["Content-Type"].startswith("text/html")
        assert len(body) == int(headers["Content-Length"]) < len(text) / 20
        assert gzip.decompress(body).decode() == text
        (tmp_path / "page.html").write_text("new")
        os.utime(tmp_path / "page.html", (0, 0))
        assert gzip.decompress(asked("page.html", **{"Accept-Encoding": "gzip"})[1]) == b"new"
        assert asked("page.html")[1] == b"new"
        headers, body = asked("picture.webp", **{"Accept-Encoding": "gzip"})
        assert headers["Content-Encoding"] is None and body == b"RIFF" * 100
        with pytest.raises(urllib.error.HTTPError, match="404"):
            asked("none.html", **{"Accept-Encoding": "gzip"})
    finally:
        server.shutdown()
        server.server_close()
