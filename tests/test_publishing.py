"""What makes the book public: links to the repository, Binder and Colab, the workflows, the citation."""

from __future__ import annotations

import copy
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from sphinx.errors import ConfigError

import inception_lib
from tools import colab, environments, local_ext, notebooks, pins, release

ROOT = Path(__file__).resolve().parents[1]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
ADDRESS = "https://github.com/someone/inception-book"
PUBLIC = {"BOOK_REPOSITORY_URL": ADDRESS, "BOOK_REPOSITORY_BRANCH": "trunk", "BOOK_COLAB_BRANCH": "for-colab"}


# -- links that need a public address -------------------------------------------------------------


@pytest.mark.parametrize("environment", [{}, {"BOOK_REPOSITORY_URL": " "}, {"BOOK_COLAB_BRANCH": "colab"}])
def test_without_an_address_there_are_no_links(environment):
    assert local_ext.publishing(environment) == {}


@pytest.mark.parametrize("address", [ADDRESS, ADDRESS + "/", ADDRESS + ".git"])
def test_with_an_address_there_is_binder(address):
    options = local_ext.publishing({"BOOK_REPOSITORY_URL": address})
    assert (options["repository_url"], options["repository_branch"]) == (ADDRESS, "main")
    assert options["launch_buttons"]["binderhub_url"] and not options["launch_buttons"]["colab_url"]
    assert local_ext.publishing(PUBLIC)["launch_buttons"]["colab_url"]


@pytest.mark.parametrize(
    "address",
    [
        "github.com/a/b",
        "https://github.com/a",
        "https://example.org/a/b",
        "https://github.com/a/b/tree/main",
        "javascript:alert(1)",
    ],
)
def test_an_address_that_cannot_be_linked_is_refused(address):
    with pytest.raises(ConfigError, match="must be like"):
        local_ext.publishing({"BOOK_REPOSITORY_URL": address})


@pytest.fixture(scope="module")
def published(tmp_path_factory) -> Path:
    """The folder of a small book, built with an address: a notebook, and a page in Markdown."""
    root = tmp_path_factory.mktemp("published")
    for name in ("_config.yml", "constraints.txt"):
        shutil.copy(ROOT / name, root)
    for folder in ("tools", "book/_static", "inception_lib", "data/networks"):
        shutil.copytree(ROOT / folder, root / folder)
    book = root / "book"
    (book / "references.bib").write_text("")
    (book / "_toc.yml").write_text("format: jb-book\nroot: intro\nchapters:\n  - file: one\n")
    (book / "intro.md").write_text("# Title\n\nA page that nobody can run.\n")
    cells = [nbformat.v4.new_markdown_cell("# One", id="t"), nbformat.v4.new_code_cell("1 + 1", id="a")]
    page = nbformat.v4.new_notebook(cells=cells)
    page.metadata = nbformat.from_dict({"kernelspec": notebooks.KERNEL})
    nbformat.write(page, book / "one.ipynb")
    run = subprocess.run(
        [sys.executable, root / "tools" / "build.py"], capture_output=True, text=True, env=os.environ | PUBLIC
    )
    assert run.returncode == 0, run.stderr
    return root / "_build" / "html"


def addresses(page: Path) -> list[str]:
    soup = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    return [a["href"] for a in soup.select("a[href^=http]")]


@pytest.mark.slow
def test_a_published_chapter_opens_in_binder_and_colab(published):
    found = addresses(published / "one.html")
    assert ADDRESS in found
    assert "https://mybinder.org/v2/gh/someone/inception-book/trunk?urlpath=lab/tree/book/one.ipynb" in found
    assert "https://colab.research.google.com/github/someone/inception-book/blob/for-colab/one.ipynb" in found


@pytest.mark.slow
def test_a_page_that_is_no_notebook_has_the_repository_only(published):
    found = addresses(published / "intro.html")
    assert ADDRESS in found and not [a for a in found if "binder" in a or "colab" in a]


@pytest.mark.slow
def test_a_notebook_can_be_downloaded(published):
    soup = BeautifulSoup((published / "one.html").read_text(encoding="utf-8"), "html.parser")
    (link,) = {a["href"] for a in soup.select("a[href$='.ipynb']") if "://" not in a["href"]}
    assert nbformat.read(published / link, as_version=4).cells[1].source == "1 + 1"


@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "book").glob("*.ipynb"))])
def test_the_books_own_pages_have_links_only_where_they_work(pages, name):
    found = [a for a in addresses(pages / f"{name}.html") if "mybinder.org" in a or "colab." in a]
    expected = bool(os.environ.get("BOOK_REPOSITORY_URL")) + bool(os.environ.get("BOOK_COLAB_BRANCH"))
    assert len(set(found)) == (expected if os.environ.get("BOOK_REPOSITORY_URL") else 0)
    assert (pages / "_sources" / f"{name}.ipynb").is_file()


# -- the places they lead to ----------------------------------------------------------------------


def test_notebooks_for_colab_fetch_the_library_first(tmp_path):
    colab.main(tmp_path, ADDRESS, "abc123")
    written = sorted(tmp_path.glob("*.ipynb"))
    assert [path.name for path in written] == [path.name for path in sorted((ROOT / "book").glob("*.ipynb"))]
    for path in written:
        first, *others = nbformat.read(path, as_version=4).cells
        assert f"git clone --quiet {ADDRESS} " in first.source and "checkout --quiet abc123" in first.source
        assert len(others) == len(nbformat.read(ROOT / "book" / path.name, as_version=4).cells)
        nbformat.validate(nbformat.read(path, as_version=4))


def test_conda_binder_and_colab_get_what_pyproject_says():
    for path, text in environments.written(PYPROJECT).items():
        assert path.read_text() == text, "run `python tools/environments.py`"
    conda = yaml.safe_load((ROOT / "binder" / "environment.yml").read_text())["dependencies"]
    assert {"pytorch-cpu>=2.11", "torchvision>=0.26", "python=3.11", "jupyterlab-myst"} <= set(conda)
    lacking = set(environments.for_colab(PYPROJECT))
    assert {"anywidget", "safetensors", "scikit-image", "tyro"} <= lacking
    assert not lacking & {"jupyter-book", "jupyterlab", "torch", "torchvision"}
    script = ROOT / "binder" / "postBuild"
    assert os.access(script, os.X_OK) and subprocess.run(["bash", "-n", script]).returncode == 0


def test_a_new_dependency_reaches_everybody():
    more = copy.deepcopy(PYPROJECT)
    more["project"]["dependencies"].append("a-new-one>=2")
    assert "  - a-new-one>=2\n" in environments.written(more)[ROOT / "binder" / "environment.yml"]
    assert "a-new-one>=2" in environments.for_colab(more)


GITHUB = ROOT / ".github"
WORKFLOWS = {path.stem: yaml.safe_load(path.read_text()) for path in (GITHUB / "workflows").glob("*.yml")}
TARGETS = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.M)
TRIGGERS = {
    "tests": {"push": {"branches": ["main"]}, "pull_request": None},
    "pages": {"push": {"branches": ["main"]}, "workflow_dispatch": None},
    "release": {"push": {"tags": ["v*"]}},
}


def scripts(workflow: dict) -> list[str]:
    """What a workflow runs in a shell."""
    return [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]


@pytest.mark.parametrize("name", TRIGGERS)
def test_workflows_are_in_order(name):
    workflow = WORKFLOWS[name]
    assert workflow["name"] == name and workflow["permissions"] == {"contents": "read"}
    assert workflow[True] == TRIGGERS[name]  # YAML takes `on` for true
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step)
            assert re.fullmatch(
                r"(actions/[a-z-]+@|pypa/[a-z-]+@release/)v\d+", step.get("uses", "actions/x@v1")
            )
    for script in scripts(workflow):
        assert subprocess.run(["bash", "-n"], input=script, text=True).returncode == 0, script
        assert set(re.findall(r"^make ([\w-]+)", script, flags=re.M)) <= set(TARGETS)
        for program in re.findall(r"(?:^|\s)(tools/\w+\.py|\.ci/\w+)", script):
            assert (ROOT / program).is_file()


def test_every_workflow_is_known():
    assert WORKFLOWS.keys() == TRIGGERS.keys()


def test_the_oldest_and_the_newest_python_are_tested_everywhere():
    promised = pins.pythons(PYPROJECT)
    jobs = WORKFLOWS["tests"]["jobs"]
    for name, machine, script in (
        ("everything", "ubuntu-latest", ".ci/run"),
        ("macos", "macos-latest", "make test-fast"),
    ):
        assert jobs[name]["runs-on"] == machine and jobs[name]["steps"][-1] == {"run": script}
        assert jobs[name]["strategy"]["matrix"] == {"python": [promised[0], promised[-1]]}
        assert jobs[name]["steps"][1]["with"]["python-version"] == "${{ matrix.python }}"
    assert jobs["lowest"]["steps"][-1] == {"run": "make test-lowest"}
    assert jobs["lowest"]["steps"][1]["with"]["python-version"] == promised[0]


def test_the_workflows_tell_the_build_and_the_release_their_address():
    told = WORKFLOWS["pages"]["env"]
    assert set(told) == set(PUBLIC)
    assert WORKFLOWS["release"]["env"].items() <= told.items()
    real = {
        name: value.replace("${{ github.server_url }}/${{ github.repository }}", ADDRESS).replace(
            "${{ github.ref_name }}", "main"
        )
        for name, value in told.items()
    }
    assert local_ext.publishing(real)["launch_buttons"]["colab_url"]
    assert any(
        'release.py "$GITHUB_REF_NAME" "$BOOK_REPOSITORY_URL"' in s for s in scripts(WORKFLOWS["release"])
    )


def test_dependabot_and_the_forms_for_issues_are_in_order():
    dependabot = yaml.safe_load((GITHUB / "dependabot.yml").read_text())
    assert [update["package-ecosystem"] for update in dependabot["updates"]] == ["github-actions", "pip"]
    forms = sorted((GITHUB / "ISSUE_TEMPLATE").glob("[!c]*.yml"))
    assert [path.stem for path in forms] == ["bug", "erratum"]
    for form in (yaml.safe_load(path.read_text()) for path in forms):
        assert {"name", "description", "body"} <= set(form)
        for field in form["body"]:
            assert field["type"] in ("input", "textarea") and field["id"] and field["attributes"]["label"]


def test_the_citation_agrees_with_the_package_and_the_references():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= set(cited)
    package = PYPROJECT["project"]
    assert (cited["version"], cited["license"]) == (inception_lib.__version__, package["license"])
    assert [a["name"] for a in cited["authors"]] == [a["name"] for a in package["authors"]]
    assert package["urls"]["Paper"] == cited["references"][0]["url"]
    (paper,) = cited["references"]
    bib = (ROOT / "book" / "references.bib").read_text()
    entry = bib[bib.index("{szegedy2015going,") :].partition("\n}")[0]
    assert paper["doi"] in entry and f"{paper['start']}--{paper['end']}" in entry
    authors = " ".join(re.search(r"author\s*= \{(.*?)\},\n", entry, flags=re.S)[1].split()).split(" and ")
    assert [f"{a['family-names']}, {a['given-names']}" for a in paper["authors"]] == authors


# -- releases -------------------------------------------------------------------------------------


@pytest.fixture
def checkout(tmp_path) -> Path:
    """The files that a release looks at."""
    (tmp_path / "inception_lib").mkdir()
    for name in ("pyproject.toml", "CITATION.cff", "CHANGELOG.md", "inception_lib/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_the_version_stands_in_one_place():
    assert PYPROJECT["project"]["dynamic"] == ["version"] and "version" not in PYPROJECT["project"]
    assert PYPROJECT["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "inception_lib.__version__"}
    # read as the build reads it, without an import
    assert release.found("inception_lib/__init__.py", release.VERSION, ROOT) == inception_lib.__version__


def test_a_release_has_its_notes(checkout):
    text = release.notes("0.1.0", checkout)
    assert text.startswith("The first version") and "[" not in text.partition("\n")[0]
    (checkout / "CHANGELOG.md").write_text("## [0.1.0] - 2026-01-31\n\n## [0.0.1] - 2025-01-31\n\nOlder.\n")
    with pytest.raises(SystemExit, match=r"nothing under a heading like `## \[0\.1\.0\] - "):
        release.notes("0.1.0", checkout)


@pytest.mark.parametrize("name", ["inception_lib/__init__.py", "CITATION.cff"])
def test_a_tag_that_disagrees_is_refused(checkout, name):
    path = checkout / name
    path.write_text(path.read_text().replace("0.1.0", "0.2.0"))
    with pytest.raises(SystemExit, match=rf"for version 0\.1\.0, and {re.escape(name)} says 0\.2\.0"):
        release.notes("0.1.0", checkout)


def test_a_release_names_the_repository(checkout):
    for path, text in release.addressed(ADDRESS, checkout).items():
        path.write_text(text)
    urls = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]["urls"]
    assert urls["Repository"] == ADDRESS and urls["Issues"] == f"{ADDRESS}/issues"
    assert urls["Paper"] == PYPROJECT["project"]["urls"]["Paper"]
    assert yaml.safe_load((checkout / "CITATION.cff").read_text())["repository-code"] == ADDRESS
    assert release.addressed(ADDRESS, checkout) == {}, "twice is once"
    with pytest.raises(SystemExit, match="must be like"):
        release.addressed("somewhere", checkout)
