"""Make the bundled networks: seven small GoogLeNets, trained as the paper trained its seven.

    python benchmarks/bundle.py

They start from the same initial weights and differ in the order and the mirroring of their pictures and
in dropout (the paper, section 6: "same initial weights", "differ only in sampling methodologies and the
randomized input image order"). Each is trained by the recipe `tiny`, with plain momentum and the paper's
dropout for ten epochs, on the bundled pictures, and kept without its heads, in float16, as
`data/networks/shapes-N.safetensors`. `data/results/bundle.json` records how the training went. If
interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from inception_lib.book.bundled import COUNT, FOLDER
from inception_lib.book.results import record_run
from inception_lib.console import run
from inception_lib.training.logs import Run
from inception_lib.training.recipes import SLOWER, NetworkOptions, Recipe, network_options, recipe
from inception_lib.training.train import train
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights

RECIPE = replace(recipe("tiny"), **SLOWER, epochs=10)
NETWORK = replace(network_options("tiny"), dropout=True)


def train_seven(
    network: NetworkOptions, chosen: Recipe, data: str, work: Path, count: int = COUNT
) -> list[Run]:
    """Train networks by one recipe as the paper trained its seven, each in a folder of `work` by its number.

    If interrupted, the same call goes on where it was.
    """
    runs = []
    for n in range(1, count + 1):
        folder = work / str(n)
        runs.append(
            train(network, data, replace(chosen, seed=n, init_seed=0), folder, resume=folder.is_dir())
        )
    return runs


def main(work: Path = Path("runs/bundle")) -> int:
    """Train the seven networks and record how it went.

    Args:
        work: folder of the seven runs.
    """
    runs = train_seven(NETWORK, RECIPE, "shapes", work)
    for n, done in enumerate(runs, 1):
        network, info = load_weights(done.weights, heads=False)
        info = replace(info, name=f"shapes-{n}", license="MIT, as the repository")
        FOLDER.mkdir(parents=True, exist_ok=True)
        save_weights(network, FOLDER / f"shapes-{n}.safetensors", info, half=True)
    print(record_run("bundle", *runs, about="Training of the bundled networks: a record per epoch of each"))
    return 0


if __name__ == "__main__":
    import tyro

    sys.exit(run(lambda: tyro.cli(main), "bundle"))
