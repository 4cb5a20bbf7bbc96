"""The trained network taken apart: how many photographs it still gets right with one thing changed.

    python benchmarks/taken_apart.py --weights bvlc --photos FOLDER_OR_TAR --record taken_apart
    python benchmarks/taken_apart.py --quick

Changed are, one at a time: LRN (taken out, or constant factors in its place, since taking it out also changes
the magnitude of all that follows), the rounding of the pools' output size (down instead of up), the order of
the colors, the subtraction of the mean, each branch of each module and each branch of all modules at once
(its channels set to zero), and the 5x5 kernels (only their inner 3x3 is left, in all modules or in one, or
only the ring around it). Nothing is trained anew, so this says what the trained network uses, and not what a
network trained without it would lack.

All variants see the same photographs, one center crop of each, and are compared with the whole network by
paired intervals. The work goes batch by batch, all variants on one batch before the next, and each batch is
kept in the folder `--work`: if interrupted, the same command goes on where it was, and what is recorded after
each batch is a complete comparison on fewer photographs. A variant is computed from its first changed layer.

Of the record: a branch of all modules at once, and the inner 3x3 of one module, were added after the other
variants had been seen on 525 photographs; their own answers had not, and they count among the comparisons.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import intervals
import numpy as np
import torch
import tyro
from intervals import LEVEL
from measured import chosen
from photographs import label, photographs, recorder, subject
from torch import Tensor
from tqdm import tqdm
from variants import WHOLE, Variant, answers, inner_shares, trunk, variants_of

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.errors import InceptionError
from inception_lib.evaluation import metrics
from inception_lib.files import replacing
from inception_lib.weights.info import Loaded
from inception_lib.weights.states import digest

FITTED = 25  #: images, the first ones, to which the factors in place of LRN are fitted
VERDICTS = ("shown", "not shown", "refuted")


@dataclass(frozen=True)
class Answers:
    """What the variants said, of `variants`, the whole network first.

    `rank` (variants, images): how many classes came before the right one. `true` (variants, images): the
    probability of the right class.
    """

    variants: tuple[str, ...]
    rank: np.ndarray
    true: np.ndarray

    def right(self, variant: str, top: int = 1) -> np.ndarray:
        """(images,) of bool."""
        return self.rank[self.variants.index(variant)] < top

    def of_true(self, variant: str) -> np.ndarray:
        """(images,), the probability of the right class."""
        return self.true[self.variants.index(variant)]


def kept_batch(
    path: Path,
    stamp: str,
    names: Sequence[str],
    labels: np.ndarray,
    wanted: Sequence[str],
    compute: Callable[[Sequence[str]], Mapping[str, Tensor]],
) -> Answers:
    """The answers of the `wanted` variants to one batch of images: out of its file, and what it lacks anew.

    Raises:
        InceptionError: the file is of other weights or images, or cannot be read.
    """
    kept = read_batch(path, stamp, names) if path.exists() else {}
    missing = [name for name in wanted if name not in kept]
    if missing:
        for name, logits in compute(missing).items():
            of_true = logits.softmax(1).numpy()[np.arange(len(labels)), labels]
            kept.setdefault(name, (metrics.ranks(logits.numpy(), labels), of_true))
        rank, true = (np.stack(part) for part in zip(*kept.values(), strict=True))
        with replacing(path) as new, new.open("wb") as file:
            np.savez(file, stamp=stamp, names=list(names), variants=list(kept), rank=rank, true=true)
    rank, true = (np.stack(part) for part in zip(*(kept[name] for name in wanted), strict=True))
    return Answers(tuple(wanted), rank, true)


def read_batch(path: Path, stamp: str, names: Sequence[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Ranks and probabilities of the right class, each (images,), by variant."""
    try:
        with np.load(path) as kept:
            if str(kept["stamp"]) != stamp or kept["names"].tolist() != list(names):
                raise InceptionError(f"{path}: is of another run; --work names another folder.")
            rows = zip(kept["rank"], kept["true"], strict=True)
            return dict(zip(kept["variants"].tolist(), rows, strict=True))
    except (OSError, ValueError, KeyError) as error:
        raise InceptionError(f"{path}: cannot be read ({error}); delete it and it is made anew.") from None


def verdict(low: float, high: float) -> str:
    """Of the claim that a change costs accuracy."""
    return intervals.verdict(-high, -low)


def compared(found: Answers, before: str, after: str, together: int, top: int = 1) -> dict[str, Any]:
    """How the share of right answers (1 of `top`) differs in `after`, with its two-sided paired intervals.

    `low` and `high` are the ends at 95 %; `low_together` and `high_together` hold at 95 % for `together`
    comparisons at once (Bonferroni).
    """
    a, b = found.right(before, top), found.right(after, top)
    alone, strict = metrics.change(a, b, LEVEL), metrics.change(a, b, 1 - (1 - LEVEL) / together)
    return {
        **{key: round(getattr(alone, key), 5) for key in ("value", "low", "high")},
        "low_together": round(strict.low, 5),
        "high_together": round(strict.high, 5),
        "better": alone.better,
        "worse": alone.worse,
        "verdict": verdict(strict.low, strict.high),
    }


def rivals(variants: Sequence[Variant]) -> list[tuple[str, str]]:
    """Pairs of variants, of which the second is claimed to cost more than the first."""
    names = [v.name for v in variants]
    found = [("inner 3x3", "outer ring"), ("all 5x5", "inner 3x3")] if "inner 3x3" in names else []
    for name in names:
        module, _, branch = name.partition("/")
        if branch and branch != "3x3" and f"{module}/3x3" in names:
            found.append((name, f"{module}/3x3"))
    return found


def outcome_of(found: Answers, variants: Sequence[Variant]) -> dict[str, Any]:
    """What is recorded: a row for the whole network and for each variant, the pairs, and the finding."""
    pairs = rivals(variants)
    together = len(variants) + len(pairs)
    rows: list[dict[str, Any]] = []
    for variant in (Variant(WHOLE, "the whole network", {}), *variants):
        own = {"variant": variant.name, "what": variant.what, "channels": variant.channels}
        own |= {f"top{k}": round(float(found.right(variant.name, k).mean()), 5) for k in (1, 5)}
        if variant.name != WHOLE:
            own |= {f"top{k}_change": compared(found, WHOLE, variant.name, together, k) for k in (1, 5)}
        moved = found.of_true(variant.name) - found.of_true(WHOLE)
        rows.append(own | {"median_change_of_true": round(float(np.median(moved)), 5)})
    duels = [{"than": a, "claimed_to_cost_more": b, **compared(found, a, b, together)} for a, b in pairs]
    return {
        "images": found.rank.shape[1],
        "comparisons": together,
        "intervals": "two-sided, paired: Newcombe 1998, method 10, at 95 %; `together`: at 95 % for all "
        "comparisons at once (Bonferroni), by which the verdicts on top-1 in the finding are given",
        "rows": rows,
        "pairs": duels,
        "finding": finding(found.rank.shape[1], together, rows, duels),
    }


def points(change: Mapping[str, Any]) -> str:
    value, low, high = (100 * change[key] for key in ("value", "low_together", "high_together"))
    return f"{value:+.1f} points ({low:+.1f} to {high:+.1f})"


def capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def listed(names: Sequence[str]) -> str:
    return (
        ", ".join(name.removeprefix("inner 3x3 in ").removeprefix("inception_") for name in names) or "none"
    )


def finding(images: int, together: int, rows: Sequence[dict], duels: Sequence[dict]) -> str:
    """One paragraph, which goes no further than the verdicts."""
    whole, *changed = rows
    said = [
        f"On {images:,} photographs the whole network has {whole['top1']:.1%} top-1 and {whole['top5']:.1%} "
        f"top-5 (they may be training images: no error rate of ImageNet). Nothing was trained anew. Changes "
        f"of top-1 follow with two-sided paired intervals, 95 % for all {together} comparisons at once."
    ]
    row_of = {row["variant"]: row["what"] for row in changed}
    for row in changed:
        if "/" not in row["variant"] and " in " not in row["variant"]:
            what, change = row["what"], row["top1_change"]
            said.append(f"{capital(what)} costs accuracy: {change['verdict']}, {points(change)}.")
    said += [
        f"{capital(row_of[d['claimed_to_cost_more']])} costs more than {row_of[d['than']]}: {d['verdict']}, "
        f"{points(d)}."
        for d in duels
        if "/" not in d["than"]
    ]
    alone = {row["variant"]: row["top1_change"] for row in changed if " in " in row["variant"]}
    if alone:
        said.append(f"Keeping only the inner 3x3 in one module alone costs accuracy: {by_verdict(alone)}")
    branches = {row["variant"]: row["top1_change"] for row in changed if "/" in row["variant"]}
    if branches:
        said.append(f"Zeroing one branch costs accuracy: {by_verdict(branches)}")
    for other in sorted({d["than"].partition("/")[2] for d in duels} - {""}):
        own = [d for d in duels if d["than"].endswith(f"/{other}")]
        where = {v: [d["than"].partition("/")[0] for d in own if d["verdict"] == v] for v in VERDICTS}
        places = "; ".join(f"{v} in {listed(names)}" for v, names in where.items())
        said.append(f"Zeroing the 3x3 branch costs more than zeroing the {other} branch: {places}.")
    said.append("Branches differ in channels, so that this compares no kernel sizes at equal width.")
    return " ".join(said)


def by_verdict(changes: Mapping[str, Mapping[str, Any]]) -> str:
    """For which of the variants a change is shown, for which not, and the largest and smallest change."""
    by = {v: [name for name, change in changes.items() if change["verdict"] == v] for v in VERDICTS}
    ends = [choose(changes, key=lambda name: changes[name]["value"]) for choose in (min, max)]
    measured = " to ".join(f"{points(changes[name])} for {listed([name])}" for name in ends)
    return (
        f"shown for {len(by['shown'])} of {len(changes)}, not shown for {listed(by['not shown'])}, "
        f"refuted for {listed(by['refuted'])}; measured from {measured}."
    )


def measure(
    loaded: Loaded,
    photos: Path,
    work: Path,
    *,
    count: int | None,
    batch: int,
    seed: int,
    each: Callable[[dict], None],
) -> dict[str, Any]:
    """Run all variants, batch by batch; `each` gets the outcome after every batch."""
    network, info = loaded
    readers = photographs(photos)
    names = chosen(list(readers), count, seed)
    labels = np.array([label(name) for name in names])

    def inputs(some: Sequence[str]) -> Tensor:
        frames = [np.array(info.preprocess.frame(readers[name]())) for name in some]
        return info.preprocess.batch(torch.from_numpy(np.stack(frames)))

    variants = variants_of(network, info.preprocess, inputs(names[:FITTED]))
    whole = trunk(network.fused())
    stamp = f"{digest(network.state_dict())} {info.preprocess}"
    wanted = [WHOLE, *(variant.name for variant in variants)]
    work.mkdir(parents=True, exist_ok=True)
    parts: list[Answers] = []
    with tqdm(total=len(names), unit="image") as bar:
        for start in range(0, len(names), batch):
            own = names[start : start + batch]
            path = work / f"{start:06d}.npz"

            def compute(missing: Sequence[str], own: Sequence[str] = own) -> dict[str, Tensor]:
                return answers(whole, [v for v in variants if v.name in missing], inputs(own))

            parts.append(kept_batch(path, stamp, own, labels[start : start + batch], wanted, compute))
            bar.update(len(own))
            together = Answers(
                parts[0].variants,
                np.concatenate([p.rank for p in parts], 1),
                np.concatenate([p.true for p in parts], 1),
            )
            outcome = {
                "factors_fitted_to": min(FITTED, len(names)),
                "inner_share_of_squared_weights": inner_shares(network),
                "of": len(readers),
                "preprocess": info.preprocess.describe(),
                **outcome_of(together, variants),
            }
            each(outcome)
    return outcome


def main(
    weights: str | None = None,
    photos: Path | None = None,
    count: int | None = None,
    quick: bool = False,
    work: Path = Path("runs/taken_apart"),
    batch: int = 25,
    seed: int = 0,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        weights: A published name, or a file.
        photos: Folder or tar archive of images that are named by the WordNet ids of their classes.
        count: How many of them, chosen at random; all by default.
        quick: A small random network and images made on the spot, to see that all of it runs.
        work: Folder of the answers, batch by batch.
        batch: Images that go through the network at once.
        seed: Of the order of the images.
        record: Write the outcome to data/results under this name, anew after each batch.
    """
    if record:
        results.check_name(record)
    with subject(weights, photos, work, quick=quick) as it:

        def data(outcome: dict[str, Any]) -> str:
            return (
                f"{outcome['images']:,} of {outcome['of']:,} photographs of {it.photos.name}, chosen by seed "
                f"{seed}, one center crop each"
            )

        about = "The trained network with one thing changed: right answers, and paired changes"
        keep = recorder(record, it, seed, about, data)
        outcome = measure(*it, count=count, batch=batch, seed=seed, each=keep)
    print(f"{'variant':<24}{'top-1':>8}{'top-5':>8}  change of top-1")
    for row in outcome["rows"]:
        change = f"  {points(row['top1_change'])}" if "top1_change" in row else ""
        print(f"{row['variant']:<24}{row['top1']:>8.1%}{row['top5']:>8.1%}{change}")
    print(outcome["finding"])
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "taken_apart"))
