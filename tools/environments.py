"""Write what conda and Binder install, from pyproject.toml, where the dependencies have their one place.

usage: python tools/environments.py

`tools/colab.py` asks here, too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # as a script this is no part of a package

from tools import pins  # noqa: E402
from tools.saving import save  # noqa: E402

# of the extra `book`: what makes pages out of the chapters, and nobody needs who runs them
FOR_PAGES = {"jupyter-book", "nbclient", "sphinx-mathjax-offline"}
JUPYTERLAB = {"jupyterlab", "jupyterlab-myst"}
BROUGHT_BY_COLAB = {
    "ipykernel",
    "ipywidgets",
    "matplotlib",
    "numpy",
    "pandas",
    "pillow",
    "torch",
    "torchvision",
    "tqdm",
}
IN_CONDA = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}  # other names of the same
CONDA = """\
# Written by tools/environments.py.
# For conda users:  conda env create -f environment.yml && conda activate inception && jupyter lab book
# The packages come from PyPI at the versions in constraints.txt, as with `make`. On Linux they include
# CUDA; a machine without a GPU runs them too.
name: inception
channels: [conda-forge]
dependencies:
  - python={python}
  - pip
  - pip:
      - --constraint constraints.txt
      - --editable .[book,export,test,tools]
"""
BINDER = """\
# Written by tools/environments.py.
# What Binder installs to run the chapters. It has no GPU and little memory, so PyTorch comes without CUDA,
# from conda-forge; the versions are those of the day, not the pins in constraints.txt. The library itself is
# installed by postBuild.
channels: [conda-forge]
dependencies:
  - python={python}
  - pip
{packages}
"""


def for_chapters(pyproject: dict) -> list[Requirement]:
    """What running the chapters needs, in alphabetical order."""
    project = pyproject["project"]
    asked = map(Requirement, project["dependencies"] + project["optional-dependencies"]["book"])
    return sorted((one for one in asked if one.name not in FOR_PAGES), key=lambda one: one.name)


def for_colab(pyproject: dict) -> list[str]:
    """What Colab may lack."""
    return [str(one) for one in for_chapters(pyproject) if one.name not in BROUGHT_BY_COLAB | JUPYTERLAB]


def written(pyproject: dict) -> dict[Path, str]:
    """The files, with what they hold."""
    packages = sorted(f"{IN_CONDA.get(one.name, one.name)}{one.specifier}" for one in for_chapters(pyproject))
    return {
        ROOT / "environment.yml": CONDA.format(python=pins.TESTED),
        ROOT / "binder" / "environment.yml": BINDER.format(
            python=pins.TESTED, packages="\n".join(f"  - {package}" for package in packages)
        ),
    }


if __name__ == "__main__":
    for path, text in written(pins.project_file()).items():
        save(path, text)
