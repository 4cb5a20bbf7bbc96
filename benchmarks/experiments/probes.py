"""What experiments measure beside the accuracy: while a network trains, and on what was trained.

A watcher is made before a training begins. `update` is called after each step of the optimizer, `epoch` after
each epoch, and gives numbers that the epoch's record keeps. The functions `of_...` look at all runs of an
experiment at its end, and give what is recorded of it and sentences for the finding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import cached_property
from itertools import combinations, islice
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import torch
from intervals import answered, mean_of, points, spread, verdict
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib.book.agreement import error_correlation, pairs_mean
from inception_lib.data.datasets import Data
from inception_lib.data.loading import Loader, updates_per_epoch
from inception_lib.evaluation import metrics
from inception_lib.nn import layers
from inception_lib.nn.network import Network
from inception_lib.training.average import Average
from inception_lib.training.recipes import Recipe

if TYPE_CHECKING:
    from experiments.found import Found

AVERAGES = ("polyak 0.5", "polyak 0.9", "ema")
PROBED = ("inception_4a", "inception_4d")
START_IMAGES, START_SEEDS = 64, 5
DEPTHS = (
    "conv1",
    "conv2",
    *(f"inception_{key}" for key in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")),
)


# ---- answers of a network


class Batches:
    """What validation sees, as pairs of the network's input and labels, on the device; as often as wanted.

    A network that was loaded from a file has its own pre-processing.
    """

    def __init__(
        self, data: Data, recipe: Recipe, device: torch.device, network: nn.Module | None = None
    ) -> None:
        info = getattr(network, "info", None)
        if info is not None:
            recipe = recipe.after(info.preprocess)
        self.preprocess = recipe.preprocess(info.preprocess if info is not None else None)
        self.data, self.reads, self.device = data, replace(recipe, keep="none", workers=0), device

    @cached_property
    def pictures(self) -> list[tuple[Tensor, Tensor]]:
        """In bytes, and labels."""
        loader = Loader(None, self.data, self.reads, preprocess=self.preprocess)
        return [(batch.pictures.to(self.device), batch.labels) for batch in loader.validation()]

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for pictures, labels in self.pictures:
            yield self.preprocess.batch(pictures).contiguous(memory_format=torch.channels_last), labels


@torch.inference_mode()
def answers(network: nn.Module, inputs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (images, classes) and labels (images,) of a network in evaluation mode."""
    network.eval()
    found = [(network(x).logits.float().softmax(1).cpu(), y) for x, y in inputs]
    return torch.cat([p for p, _ in found]).numpy(), torch.cat([y for _, y in found]).numpy()


def accuracy(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Top-1."""
    return float((probabilities.argmax(1) == labels).mean())


# ---- while a network trains


class Watcher(Protocol):
    """What is told of a training as it goes."""

    lasts: bool
    """Whether it can go on after an interruption."""

    def update(self) -> None: ...
    def epoch(self) -> dict[str, float]: ...


class WatchAverages:
    """Accuracy of the raw weights and of averages that follow them; the training knows nothing of these."""

    lasts = False

    def __init__(self, network: Network, recipe: Recipe, images: int, val: Iterable) -> None:
        self.network, self.val, self.updates = network, val, 0
        self.last = recipe.epochs * updates_per_epoch(images, recipe.batch)
        self.averages: dict[str, Average] = {}

    def update(self) -> None:
        self.updates += 1
        for name in AVERAGES:
            kind, _, start = name.partition(" ")
            if self.updates > (float(start) if start else 0) * self.last:
                if name not in self.averages:
                    self.averages[name] = Average(self.network, "ema" if kind == "ema" else "polyak")
                self.averages[name].update(self.network)

    def epoch(self) -> dict[str, float]:
        whole = {"raw": self.network} | {name: a.network for name, a in self.averages.items()}
        return {name: accuracy(*answers(network, self.val)) for name, network in whole.items()}


class WatchHeads:
    """Accuracy of each auxiliary head on validation, where it does not drop out."""

    lasts = True

    def __init__(self, network: Network, recipe: Recipe, images: int, val: Iterable) -> None:
        self.network, self.val = network, val

    def update(self) -> None:
        pass

    @torch.inference_mode()
    def epoch(self) -> dict[str, float]:
        self.network.eval()
        heads = self.network.architecture.heads
        right, images = dict.fromkeys((head.name for head in heads), 0), 0
        for x, labels in self.val:
            maps = self.network.features(x, [head.after for head in heads])
            for head in heads:
                logits = getattr(self.network, head.name)(maps[head.after]).flatten(1)
                right[head.name] += int((logits.argmax(1).cpu() == labels).sum())
            images += len(labels)
        return {name: n / images for name, n in right.items()}


WATCHERS: dict[str, type] = {"averages": WatchAverages, "heads": WatchHeads}


def start(network: nn.Module, variance: float, bias: float, seed: int) -> None:
    """Initial weights of one kind but for two numbers: normal with variance / fan_in, and these biases.

    Classifiers are the same in all: deviation 0.01 and biases 0, as in `he`.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, layers.Conv | layers.Linear):
            part = module.conv if isinstance(module, layers.Conv) else module.linear
            hidden = module.relu is not None
            deviation = (variance / part.weight[0].numel()) ** 0.5 if hidden else 0.01
            nn.init.normal_(part.weight, 0, deviation, generator=generator)
            if part.bias is not None:
                nn.init.constant_(part.bias, bias if hidden else 0.0)


# ---- on what was trained


def of_heads(found: Found) -> tuple[dict[str, Any], list[str]]:
    """The lead of the heads over time, the heads' own accuracy, and linear probes."""
    seeds = found.seeds("inception", "both heads")
    if not seeds:
        return {}, []
    plain, both = ([found.run(arm, s) for s in seeds] for arm in ("inception", "both heads"))
    curve = []
    for rows in zip(*(run["history"] for run in (*plain, *both)), strict=True):
        lead = [b["top1"] - a["top1"] for a, b in zip(rows[: len(seeds)], rows[len(seeds) :], strict=True)]
        mean, low, high = (round(v, 5) if np.isfinite(v) else None for v in mean_of(lead))
        curve.append({"epoch": rows[0]["epoch"], "lead": mean, "low": low, "high": high})
    half = len(curve) // 2
    shrinks = answered([_early_lead(a, b, half) for a, b in zip(plain, both, strict=True)]) if half else None
    probed = {
        arm: [found.kept(arm, s, "probe", linear_probes) for s in seeds]
        for arm in ("inception", "both heads")
    }
    duels = {
        name: answered(
            [b[name] - a[name] for a, b in zip(probed["inception"], probed["both heads"], strict=True)], 2
        )
        for name in PROBED
    }
    own = {name: spread([run["history"][-1]["heads"][name] for run in both]) for name in ("aux1", "aux2")}
    main = spread([run["top1"] for run in both])
    said = [
        f"With both heads, at the end of training, the lower head is right on {own['aux1']['mean']:.1%}, the "
        f"upper one on {own['aux2']['mean']:.1%} and the main classifier on {main['mean']:.1%}."
    ]
    if shrinks is not None:
        said.append(
            f"The lead of both heads is larger in the first half of the epochs than at the end: "
            f"{shrinks['verdict']}, {points(shrinks)}."
        )
    for name, answer in duels.items():
        accuracies = [np.mean([p[name] for p in probed[arm]]) for arm in ("inception", "both heads")]
        said.append(
            f"A linear probe on {name.removeprefix('inception_')} is better after training with heads "
            f"({accuracies[1]:.1%}) than without ({accuracies[0]:.1%}): {answer['verdict']}, "
            f"{points(answer)}."
        )
    return {"lead": curve, "lead_shrinks": shrinks, "probes": probed, "probe_claims": duels}, said


def _early_lead(plain: dict[str, Any], both: dict[str, Any], epochs: int) -> float:
    """By how much the lead of the heads in the first epochs is larger than at the end."""
    early = zip(plain["history"][:epochs], both["history"][:epochs], strict=True)
    return float(np.mean([b["top1"] - a["top1"] for a, b in early])) - (both["top1"] - plain["top1"])


@torch.no_grad()
def pooled(network: Network, inputs: Any) -> tuple[dict[str, Tensor], Tensor]:
    """Means over positions of the maps to probe, (images, channels), and labels."""
    network.eval()
    parts: dict[str, list[Tensor]] = {name: [] for name in PROBED}
    labels = []
    for x, y in inputs:
        for name, maps in network.features(x, list(PROBED)).items():
            parts[name].append(maps.float().mean((2, 3)).cpu())
        labels.append(y)
    return {name: torch.cat(found) for name, found in parts.items()}, torch.cat(labels)


def linear_probes(network: Network, train: Any, val: Any) -> dict[str, float]:
    """Accuracy on validation of a linear classifier on the mean of a map, fitted to the training images."""
    (x, y), (x_val, y_val) = pooled(network, train), pooled(network, val)
    found = {}
    for name in PROBED:
        center, scale = x[name].mean(0), x[name].std(0).clamp_min(1e-6)
        fitted = fit((x[name] - center) / scale, y)
        scores = F.linear((x_val[name] - center) / scale, *fitted)
        found[name] = float((scores.argmax(1) == y_val).float().mean())
    return found


def fit(x: Tensor, y: Tensor, decay: float = 1e-4) -> tuple[Tensor, Tensor]:
    """Weights and biases of a logistic regression with a small penalty, by L-BFGS."""
    classes = int(y.max()) + 1
    weight = torch.zeros(classes, x.shape[1], requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = F.cross_entropy(F.linear(x, weight, bias), y) + decay * weight.square().sum()
        loss.backward()
        return loss

    with torch.enable_grad():
        optimizer.step(closure)
    return weight.detach(), bias.detach()


def of_start(found: Found) -> tuple[dict[str, Any], list[str]]:
    """Magnitudes of signals and gradients by depth, before any training, and which runs did not learn."""
    rows, said = [], []
    arms = found.experiment.arms
    train, _ = found.open(arms[0].data)
    few = train.subset(np.linspace(0, len(train) - 1, min(START_IMAGES, len(train))).astype(int))
    for arm in arms:
        assert arm.start is not None
        each = []
        for seed in range(START_SEEDS):
            network = Network(arm.network(found.scale).with_classes(len(train.classes)))
            start(network, *arm.start, seed)
            each.append(
                magnitudes(
                    network, next(iter(Batches(few, found.recipe(batch=len(few)), torch.device("cpu"))))
                )
            )
        for depth in DEPTHS:
            row: dict[str, Any] = {"arm": arm.name, "layer": depth}
            for name in ("forward", "varies", "gradient"):
                values = [m[depth][name] for m in each]
                row[name] = [float(f"{v:.4g}") for v in (np.mean(values), min(values), max(values))]
            rows.append(row)
        last, first = rows[-1], rows[-len(DEPTHS)]
        mean, least, most = last["forward"]
        back = first["gradient"][0] / last["gradient"][0]
        said.append(
            f"Before training, at {arm.name}, the root mean square of 5b's output is {mean:.3g} "
            f"({least:.3g} to {most:.3g} over {START_SEEDS} seeds), and {last['varies'][0]:.1%} of its power "
            f"varies with the image; the gradient of the main loss at conv1 is {back:.3g} times that at 5b."
        )
    return {"magnitudes": rows, "images": len(few)}, said


def magnitudes(network: Network, batch: tuple[Tensor, Tensor]) -> dict[str, dict[str, float]]:
    """By layer: root mean square of its output; the share of its power that varies with the image; root mean
    square of the main loss's gradient at its output."""
    x, labels = batch
    network.eval()
    kept: dict[str, Tensor] = {}

    def keep(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, inputs: Any, output: Tensor) -> None:
            output.retain_grad()
            kept[name] = output

        return hook

    hooks = [network.get_submodule(name).register_forward_hook(keep(name)) for name in DEPTHS]
    F.cross_entropy(network(x).logits, labels).backward()
    for hook in hooks:
        hook.remove()
    found = {}
    for name, output in kept.items():
        assert output.grad is not None
        power, maps = output.detach().square().mean(), output.detach()
        varies = maps.var(0, correction=0).mean() / power
        found[name] = {
            "forward": float(power.sqrt()),
            "varies": float(varies),
            "gradient": float(output.grad.square().mean().sqrt()),
        }
    return found


def of_averages(found: Found) -> tuple[dict[str, Any], list[str]]:
    """Accuracy of raw and averaged weights through training."""
    curves = {}
    for arm in found.arms():
        runs = [found.run(arm, seed) for seed in found.seeds(arm)]
        if runs:
            curves[arm] = [
                {"epoch": rows[0]["epoch"]}
                | {
                    name: spread([row["averages"][name] for row in rows])
                    for name in ("raw", *AVERAGES)
                    if name in rows[0]["averages"]
                }
                for rows in zip(*(run["history"] for run in runs), strict=True)
            ]
    return {"curves": curves}, []


def of_ensembles(found: Found) -> tuple[dict[str, Any], list[str]]:
    """The mean of each family's networks, how alike their errors are, and both compared on all images."""
    families = {"different": "cosine schedule", "same": "same start"}
    rows, right = {}, {}
    seeds = found.seeds(*families.values())  # as many of each, also where not all are done
    if len(seeds) < 2:
        return {}, []
    for family, arm in families.items():
        kept = [found.probabilities(arm, seed) for seed in seeds]
        stacked, labels = np.stack([p for p, _ in kept]), kept[0][1]
        wrong = stacked.argmax(2) != labels
        right[family] = stacked.mean(0).argmax(1) == labels
        rows[family] = {
            "networks": len(seeds),
            "single": spread((~wrong).mean(1).tolist()),
            "error_correlation": round(pairs_mean(error_correlation(wrong)), 5),
            "by_number": by_number(stacked, labels),
            "together": metrics.rate(right[family])._asdict(),
        }
    gain = metrics.change(right["same"], right["different"])
    correlation = [rows[family]["error_correlation"] for family in ("different", "same")]
    said = [
        f"{len(seeds)} networks from different initial weights are together better than {len(seeds)} from "
        f"the same: "
        f"{verdict(gain.low, gain.high)}, {gain} (paired over the images, for these networks alone). "
        f"Their errors correlate by {correlation[0]:.3f} and {correlation[1]:.3f} (means over all pairs). "
        f"One network, that of seed 0, is in both families."
    ]
    for family in families:
        row = rows[family]
        said.append(
            f"From {family} initial weights one network is right on {row['single']['mean']:.1%} on average, "
            f"and {row['networks']} together on {row['together']['value']:.1%}."
        )
    return {"families": rows, "different_minus_same": gain._asdict()}, said


def by_number(stacked: np.ndarray, labels: np.ndarray, most: int = 35) -> list[float]:
    """The mean accuracy of 1, 2, ... networks together, over at most `most` choices of them."""
    means = []
    for k in range(1, len(stacked) + 1):
        choices = islice(combinations(range(len(stacked)), k), most)
        means.append(float(np.mean([accuracy(stacked[list(c)].mean(0), labels) for c in choices])))
    return [round(m, 5) for m in means]
