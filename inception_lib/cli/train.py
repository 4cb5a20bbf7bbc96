"""The command `inception train`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import tyro

from inception_lib.errors import InceptionError
from inception_lib.training.recipes import RECIPES, Recipe


def train_command(argv: Sequence[str]) -> Callable[..., int]:
    """The subcommand `train`; its options begin as the recipe has them that the command line names."""
    recipe_name = _recipe_named(argv)

    def train(
        recipe: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(RECIPES) + "}")] = recipe_name,
        data: str = "shapes",
        out: Path | None = None,
        resume: bool = False,
        device: str | None = None,
        download: bool = False,
        record: str | None = None,
        settings: Annotated[Recipe, tyro.conf.arg(name="")] = RECIPES[recipe_name](),  # noqa: B008
    ) -> int:
        """Train GoogLeNet: with no options, a small one on the bundled data in some minutes.

        Every field of the recipe is an option. Under torchrun, all its processes train together.

        Args:
            recipe: From which the other options take their defaults.
            data: shapes, imagenette, caltech101, cifar10, imagenet, or a folder with train/CLASS and
                val/CLASS.
            out: Folder of the run; runs/RECIPE-DATA by default.
            resume: Go on from the run's last checkpoint.
            device: cpu, cuda, cuda:1; the GPU if there is one.
            download: Fetch the data set if it is not there.
            record: Write what came of it to data/results under this name.
            settings: The recipe.
        """
        from inception_lib.book.results import record_run
        from inception_lib.training.loop import train as run_training

        if recipe not in RECIPES:
            raise InceptionError(f"--recipe is one of {', '.join(RECIPES)}, not {recipe!r}.")
        folder = out or Path("runs") / f"{recipe}-{Path(data).name}"
        done = run_training(settings, data, folder, resume=resume, device=device, download=download)
        if record and done.leads:
            print(record_run(record, done))
        return 0

    return train


def _recipe_named(argv: Sequence[str]) -> str:
    """The recipe that a command line asks for, needed before it can be parsed."""
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    scan.add_argument("--recipe", default=next(iter(RECIPES)))
    name = scan.parse_known_args(list(argv))[0].recipe
    return name if name in RECIPES else next(iter(RECIPES))  # the command itself refuses it
