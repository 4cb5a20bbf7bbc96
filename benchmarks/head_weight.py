"""What do the auxiliary heads, and the weight of their losses, do to a training without batch normalization?

    python benchmarks/head_weight.py --record head_weight

The recipe `tiny` without the heads and with several weights of their losses, all else the same, on the
bundled pictures. Before the training and after each epoch the gradients are taken of the main loss and of
each head's weighted loss, over the same validation pictures, and their norms kept for each convolution. If
interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
import tyro

from inception_lib.book import results
from inception_lib.book.gradients import gradients, norms
from inception_lib.console import run
from inception_lib.data.datasets import open_data
from inception_lib.data.loading import Loader
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.training import checkpoint
from inception_lib.training.logs import Run
from inception_lib.training.recipes import NetworkOptions, Recipe, network_options, recipe
from inception_lib.training.step import build
from inception_lib.training.train import train

BATCHES = 8


def gradient_norms(network: Network, chosen: Recipe) -> dict[str, dict[str, float]]:
    """By part and convolution, over the first images of the validation."""
    batches = list(islice(Loader(None, open_data("shapes", "val"), chosen).validation(), BATCHES))
    images = torch.cat([chosen.preprocess().batch(b.pictures) for b in batches])
    labels = torch.cat([b.labels for b in batches])
    weights = [head.loss_weight for head in network.architecture.heads]
    return norms(gradients(network, images, labels, weights[0] if weights else 0.0))


def train_one(options: NetworkOptions, chosen: Recipe, folder: Path) -> dict:
    """One run; the norms lie beside its checkpoints until it has ended."""
    path = folder / "gradients.json"
    architecture = options.architecture(10, chosen.input_size)
    if not path.exists():
        first = [{"epoch": 0.0, **gradient_norms(build(architecture, chosen), chosen)}]
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(first))

    def look(done: Run) -> None:
        network = build(architecture, chosen)
        network.load_state_dict(checkpoint.load_last(folder)["network"])
        known = [g for g in json.loads(path.read_text()) if g["epoch"] < done.history[-1]["epoch"]]
        known.append({"epoch": done.history[-1]["epoch"], **gradient_norms(network, chosen)})
        with replacing(path) as new:
            new.write_text(json.dumps(known))

    done = train(options, "shapes", chosen, folder, resume=bool(checkpoint.saved(folder)), on_epoch=look)
    return {
        "heads": options.heads,
        "aux_weight": options.aux_weight if options.heads else 0.0,
        "seed": chosen.seed,
        "history": done.history,
        "gradients": json.loads(path.read_text()),
    }


def main(
    weights: tuple[float, ...] = (0.0, 0.3, 1.0, 0.1),
    seeds: int = 2,
    work: Path = Path("runs/head_weight"),
    record: str | None = None,
) -> int:
    """Train and print.

    Args:
        weights: Of each head's loss; 0 is a network without heads.
        seeds: How many runs of each, from seed 0.
        work: Folder of the runs.
        record: Write them to data/results under this name.
    """
    runs = []
    for seed in range(seeds):
        for weight in weights:
            options = replace(network_options("tiny"), heads=weight > 0, aux_weight=weight)
            chosen = replace(recipe("tiny"), seed=seed)
            runs.append(train_one(options, chosen, work / f"{weight:g}-{seed}"))
            last = runs[-1]["history"][-1]
            print(
                f"weight {weight:g}, seed {seed}: top-1 {last['top1']:.1%}, loss {last['loss']:.3f}",
                flush=True,
            )
    if record:
        print(
            results.record(
                record,
                {"recipe": "tiny", "pictures_of_gradients": BATCHES * recipe("tiny").batch, "runs": runs},
                about="Training with several weights of the heads' losses: a record per epoch, and gradients",
                data="shapes: 8,000 training pictures, 10 classes",
                seed=0,
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "head_weight"))
