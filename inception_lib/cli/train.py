"""The command `inception train`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from inception_lib.errors import InceptionError
from inception_lib.training.recipes import RECIPES, NetworkOptions, Recipe, network_options

#: Options of the recipe whose defaults are others where trained weights are given.
_FROM_WEIGHTS: dict[str, Any] = {"normalize": "weights", "input_size": 0, "resize": 0}


def train_command(argv: Sequence[str]) -> Callable[..., int]:
    """The subcommand `train`; its options begin as the recipe has them that the command line names."""
    recipe_name, from_weights, from_googlenet = _named(argv)
    made = RECIPES[recipe_name]()
    options = network_options(recipe_name)
    if not from_googlenet:
        options = replace(options, variant=None, width=None)  # a recipe names GoogLeNet's
    if from_weights:
        made, options = replace(made, **_FROM_WEIGHTS), NetworkOptions(heads=False)

    def train(
        recipe: Annotated[str, tyro.conf.arg(metavar="{" + ",".join(RECIPES) + "}")] = recipe_name,
        data: str = "shapes",
        val_share: float | None = None,
        out: Path | None = None,
        resume: bool = False,
        device: str | None = None,
        download: bool = False,
        keep_best: bool = False,
        record: str | None = None,
        dry_run: bool = False,
        network: Annotated[NetworkOptions, tyro.conf.arg(name="")] = options,
        settings: Annotated[Recipe, tyro.conf.arg(name="")] = made,
    ) -> int:
        """Train a network: with no options, a small GoogLeNet on the bundled data in some minutes.

        With --weights, fine-tune a trained one on other classes: --weights bvlc --data FOLDER.

        Every field of the network's options and of the recipe is an option here. Under torchrun, all its
        processes train together.

        Args:
            recipe: From which the other options take their defaults; finetune where --weights is given.
            data: shapes, imagenette, caltech101, cifar10, imagenet, or a folder with train/CLASS and
                val/CLASS, or with CLASS alone and --val-share.
            val_share: Share of each class that validates and does not train, for a folder without val.
            out: Folder of the run; runs/RECIPE-DATA by default.
            resume: Go on from the run's last checkpoint.
            device: cpu, cuda, cuda:1, mps, xpu; the accelerator if there is one.
            download: Fetch the data set if it is not there.
            keep_best: Keep the weights after the best epoch as well, in best.safetensors.
            record: Write what came of it to data/results under this name.
            dry_run: Prepare everything, say what would be done, and stop before the first batch.
            network: Which network.
            settings: The recipe.
        """
        from inception_lib.book import results
        from inception_lib.distributed import choose_device, tune_process
        from inception_lib.training.train import plan
        from inception_lib.training.train import train as run_training

        if recipe not in RECIPES:
            raise InceptionError(f"--recipe is one of {', '.join(RECIPES)}, not {recipe!r}.")
        if record:
            results.check_name(record)
        tune_process(choose_device(device))
        folder = out or Path("runs") / f"{recipe}-{Path(data).resolve().name}"
        how: dict[str, Any] = {
            "resume": resume,
            "device": device,
            "download": download,
            "val_share": val_share,
        }
        if dry_run:
            said = plan(network, data, settings, folder, **how)
            print(said, end="\n" if said else "")
            return 0
        done = run_training(network, data, settings, folder, keep_best=keep_best, **how)
        if record and done.leads:
            done = replace(done, network={**done.network, **network.to_dict()})
            print(results.record_run(record, done))
        if val_share is not None and done.leads:
            where = f"--weights {done.weights} --data {data} --val-share {val_share:g} --crops 1"
            print(f"to test it on the images that were held out: inception evaluate {where}", file=sys.stderr)
        return 0

    return train


def with_values(argv: Sequence[str]) -> list[str]:
    """The words with a value after `--compile`, which may also be left open, and so is no flag for tyro."""
    flags = {"--compile": ["--compile", "True"], "--no-compile": ["--compile", "False"]}
    found: list[str] = []
    for word, following in zip(argv, [*argv, ""][1:], strict=True):
        given = following in ("True", "False", "None")
        found += [word] if given else flags.get(word, [word])
    return found


def _named(argv: Sequence[str]) -> tuple[str, bool, bool]:
    """The recipe that a command line asks for, whether it names weights, and whether it trains GoogLeNet.

    Needed before it is parsed.
    """
    scan = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    for option in ("--recipe", "--weights", "--network"):
        scan.add_argument(option, nargs="?")
    try:
        found = scan.parse_known_args(list(argv))[0]
    except argparse.ArgumentError:
        return next(iter(RECIPES)), False, True
    name = found.recipe or ("finetune" if found.weights else None)
    known = name if name in RECIPES else next(iter(RECIPES))  # the command itself refuses another
    return known, found.weights is not None, found.network in (None, "googlenet")
