"""Two heads for the bundled network, and what each of three losses sends down a network that is trained.

    python benchmarks/three_losses.py

The record `three_losses` for the widget of chapter 8. `heads`: the bundled networks are kept without the
heads that trained with them, so two with the paper's layers are fitted again on the finished trunk of the
first, as pages run it. `gradients`: the recipe `tiny`, with heads of weight 0.3; before the training and
after each epoch, over the same validation images, the inner products of the gradients of the three losses,
each with weight 1, by layer or module. From them follows the norm of any weighted sum of the three. If
interrupted, the same command goes on where it was, but for the heads.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path

import torch
import tyro
from torch import Tensor, nn
from torch.nn import functional as F
from votes import in_the_page

from inception_lib.book import results
from inception_lib.book.bundled import bundled
from inception_lib.book.gradients import PARTS, gradients
from inception_lib.book.live.packing import pack
from inception_lib.console import run
from inception_lib.data.datasets import open_data
from inception_lib.data.loading import Loader
from inception_lib.data.shapes import CLASSES, shapes
from inception_lib.files import replacing
from inception_lib.nn.network import Network, activations
from inception_lib.training import checkpoint
from inception_lib.training.logs import Run
from inception_lib.training.recipes import Recipe, network_options, recipe
from inception_lib.training.step import build
from inception_lib.training.train import train

BATCHES = 8  # of validation images, for the gradients
UPDATES, BATCH, RATE = 1500, 128, 2e-3  # of the heads, by Adam with a cosine schedule


@torch.inference_mode()
def seen(split: str, paths: list[str]) -> tuple[list[Tensor], Tensor]:
    """Outputs of layers of the bundled network on the images of a split, and the labels."""
    network, preprocess = in_the_page(), next(bundled(1)).info.preprocess
    pictures, labels = shapes(split)
    found: list[list[Tensor]] = [[] for _ in paths]
    for some in torch.from_numpy(pictures).split(100):
        outputs = activations(network, preprocess.batch(some), paths)
        for into, path in zip(found, paths, strict=True):
            into.append(outputs[path].output.clone())
    return [torch.cat(each) for each in found], torch.from_numpy(labels)


def fit(head: nn.Module, maps: Tensor, labels: Tensor) -> None:
    """Train a head on maps that stay as they are; dropout as the paper has it."""
    search = torch.optim.AdamW(head.parameters(), RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(search, UPDATES)
    random = torch.Generator().manual_seed(0)
    head.train()
    for _ in range(UPDATES):
        some = torch.randint(len(maps), (BATCH,), generator=random)
        search.zero_grad()
        F.cross_entropy(head(maps[some]).flatten(1), labels[some]).backward()
        search.step()
        schedule.step()
    head.eval()


def heads() -> dict:
    """Both heads, packed as the live networks are, and how often each classifier is right in the test."""
    torch.manual_seed(0)  # of dropout
    options = replace(network_options("tiny"), dropout=True)
    network = build(options.architecture(len(CLASSES), recipe("tiny").input_size), recipe("tiny"))
    paths = [head.after for head in network.architecture.heads]
    maps, labels = seen("train", paths)
    for head, x in zip(network.architecture.heads, maps, strict=True):
        fit(getattr(network, head.name), x, labels)
    state = {k: v.numpy() for k, v in network.state_dict().items() if k.partition(".")[0].startswith("aux")}
    packed = pack(state, "int8")
    maps, labels = seen("test", [*paths, "classifier"])
    with torch.inference_mode():
        logits = [
            getattr(network, h.name)(x) for h, x in zip(network.architecture.heads, maps[:2], strict=True)
        ]
    accuracies = [float((z.flatten(1).argmax(1) == labels).float().mean()) for z in (maps[2], *logits)]
    return {
        "after": paths,
        "right": dict(zip(PARTS, accuracies, strict=True)),
        "tensors": packed.tensors,
        "data": base64.b64encode(packed.data).decode(),
    }


def products(network: Network, chosen: Recipe) -> dict[str, list[list[float]]]:
    """By layer or module a matrix: the inner products of the three losses' gradients in its convolutions."""
    batches = list(islice(Loader(None, open_data("shapes", "val"), chosen).validation(), BATCHES))
    images = torch.cat([chosen.preprocess().batch(b.pictures) for b in batches])
    by_part = gradients(network, images, torch.cat([b.labels for b in batches]), 1.0)
    found: dict[str, Tensor] = {}
    for conv in by_part["main"]:
        module = conv.partition(".")[0].removeprefix("inception_")
        whole = by_part["main"][conv]
        rows = torch.stack([by_part[part].get(conv, torch.zeros_like(whole)).flatten() for part in PARTS])
        found[module] = (
            found.get(module, torch.zeros(3, 3, dtype=torch.float64)) + rows.double() @ rows.double().T
        )
    return {module: matrix.tolist() for module, matrix in found.items()}


def trained(folder: Path) -> list[dict]:
    """The products before the training and after each epoch; they lie beside its checkpoints."""
    options, chosen = network_options("tiny"), recipe("tiny")
    path = folder / "products.json"
    architecture = options.architecture(len(CLASSES), chosen.input_size)
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps([{"epoch": 0, "products": products(build(architecture, chosen), chosen)}]))

    def look(done: Run) -> None:
        network = build(architecture, chosen)
        network.load_state_dict(checkpoint.load_last(folder)["network"])
        record = done.history[-1]
        known = [one for one in json.loads(path.read_text()) if one["epoch"] < record["epoch"]]
        losses = {name: record[name] for name in ("loss", "aux1", "aux2", "top1")}
        known.append({"epoch": int(record["epoch"]), **losses, "products": products(network, chosen)})
        with replacing(path) as new:
            new.write_text(json.dumps(known))

    train(options, "shapes", chosen, folder, resume=bool(checkpoint.saved(folder)), on_epoch=look)
    return json.loads(path.read_text())


def main(work: Path = Path("runs/three_losses")) -> int:
    """Fit the heads, train and record.

    Args:
        work: folder of the run.
    """
    fitted = heads()
    print(", ".join(f"{part} {share:.1%}" for part, share in fitted["right"].items()), flush=True)
    outcome = {"heads": fitted, "images": BATCHES * recipe("tiny").batch, "gradients": trained(work)}
    about = "Heads fitted on a bundled network, and inner products of three losses' gradients by module"
    data = "shapes: 8,000 training pictures, 10 classes"
    print(results.record("three_losses", outcome, about=about, data=data, seed=0))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "three_losses"))
