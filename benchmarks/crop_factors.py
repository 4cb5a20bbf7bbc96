"""The paper's test with 144 crops, factor by factor: what each factor adds to one crop, and to the others.

    python benchmarks/crop_factors.py --weights bvlc --photos FOLDER_OR_TAR --record crop_factors
    python benchmarks/crop_factors.py --quick

The factors are the scales (4), the squares (3), the positions in a square (four corners, the center, and the
whole square resized) and the mirror image. Each is added alone to the center crop of the center square at the
first scale, and each is taken alone from the 144. The gain from 1 to 144 crops is also divided among the four
factors: a factor's share is its gain averaged over the 24 orders in which they can be added (Shapley's
value). All 420 combinations of levels give accuracy against cost, which is the number of views that go
through the network.

All tests see the same photographs. What the network answers to each view is kept in the folder `--work`, part
by part (0.6 MB a photograph). If interrupted, the same command goes on where it was. The photographs come in
random order, so that the record, which is written anew every 100 photographs, is always of a random sample.
`--ready` computes nothing and only reads what is in the folder.

There are three measures: top-1, top-5, and `nats`, the mean logarithm of the probability of the right class
(the log loss with its sign reversed). The last changes with every photograph, so it shows smaller effects,
but it is not accuracy: it also falls where views disagree and their mean is less confident.

The claims and their directions were committed before this script had read any answer to a photograph. One
thing was changed after 40 photographs: the best test of a budget is chosen by top-1 and no longer by nats.
"""

from __future__ import annotations

import math
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import tyro
from crop_tests import BUDGETS, GROUPS, Claim, CropTest, answers_of, combinations_of, declared, name_of
from crop_views import kept_parts, logits_of
from photographs import label, photographs, recorder, subject
from PIL import Image
from taken_apart import LEVEL, Answers, compared, points, verdict
from torch import Tensor
from tqdm import tqdm

from inception_lib.book import results
from inception_lib.console import run
from inception_lib.errors import InceptionError
from inception_lib.evaluation.plan import Scheme, scheme
from inception_lib.weights.info import Loaded
from inception_lib.weights.states import digest

FACTORS = ("scales", "squares", "positions", "mirror")
FOLDS = 10
EVERY = 100  #: images after which the record is written anew
MEASURES = ("top1", "top5", "nats")


def score(found: Answers, test: str, measure: str) -> np.ndarray:
    """(images,), whose mean is the measure."""
    if measure == "nats":
        return np.log(found.of_true(test))
    return found.right(test, int(measure.removeprefix("top"))).astype(float)


def with_chosen(found: Answers, every: Mapping[str, CropTest]) -> tuple[Answers, dict[str, str]]:
    """And the best test of each budget: chosen for every tenth of the images on the other nine tenths.

    Best is what has most right answers, and of equal ones the most nats. Also which is chosen most often.
    """
    names = list(every)
    right, nats = (np.array([score(found, name, m) for name in names]) for m in ("top1", "nats"))
    passes = np.array([test.passes for test in every.values()])
    fold = np.arange(right.shape[1]) % FOLDS
    rank, true, most = [found.rank], [found.true], {}
    for budget in BUDGETS:
        affordable = np.flatnonzero(passes <= budget)
        best = []
        for others in (fold != k for k in range(FOLDS)):
            by = np.lexsort((nats[affordable][:, others].sum(1), right[affordable][:, others].sum(1)))
            best.append(affordable[by[-1]])
        chosen = [found.variants.index(names[best[k]]) for k in fold]
        for part, of in ((rank, found.rank), (true, found.true)):
            part.append(of[chosen, np.arange(len(fold))][None])
        most[f"best of {budget}"] = names[Counter(best).most_common(1)[0][0]]
    return Answers((*found.variants, *most), np.concatenate(rank), np.concatenate(true)), most


def moved(scores: np.ndarray, together: int, digits: int = 5) -> dict[str, float]:
    """The mean of differences (images,) and its normal intervals: alone, and for all comparisons at once."""
    value, error = scores.mean(), scores.std(ddof=1) / math.sqrt(len(scores))
    found = {"value": value}
    for end, level in (("", LEVEL), ("_together", 1 - (1 - LEVEL) / together)):
        reach = NormalDist().inv_cdf((1 + level) / 2) * error
        found |= {f"low{end}": value - reach, f"high{end}": value + reach}
    return {key: round(float(x), digits) for key, x in found.items()}


def verdict_of(change: Mapping[str, float], better: bool) -> str:
    """Of the claim that a change is a gain, or else a loss."""
    low, high = change["low_together"], change["high_together"]
    return verdict(-high, -low) if better else verdict(low, high)


def tried(claim: Claim, found: Answers, together: int) -> dict[str, Any]:
    """What is recorded of a claim: how each measure changes, positive where it is better, and its verdict."""
    row: dict[str, Any] = {"group": claim.group, "what": claim.what}
    row |= {"before": claim.before, "after": claim.after, "claimed": "better" if claim.better else "worse"}
    for measure in MEASURES:
        if measure == "nats":
            change = moved(score(found, claim.after, measure) - score(found, claim.before, measure), together)
        else:
            change = compared(found, claim.before, claim.after, together, int(measure[-1]))
        row[measure] = change | {"verdict": verdict_of(change, claim.better)}
    return row


def shares(found: Answers, full: Scheme, together: int) -> list[dict[str, Any]]:
    """How the gain from 1 to 144 views is divided among the factors (Shapley's value, image by image)."""
    first = {"scales": full.scales[:1], "squares": ("center",), "crops": ("center",), "mirror": False}

    def value(added: frozenset[str], measure: str) -> np.ndarray:
        kept = {k: v for k, v in first.items() if k.replace("crops", "positions") not in added}
        return score(found, name_of(replace(full, **kept)), measure)

    rows = []
    for factor in FACTORS:
        rest = [f for f in FACTORS if f != factor]
        row: dict[str, Any] = {"factor": factor}
        for measure in MEASURES:
            gain = np.zeros(found.rank.shape[1])
            for n in range(len(FACTORS)):
                for before in map(frozenset, combinations(rest, n)):
                    step = value(before | {factor}, measure) - value(before, measure)
                    gain += step / (len(FACTORS) * math.comb(len(rest), n))
            change = moved(gain, together)
            row[measure] = change | {"verdict": verdict_of(change, better=True)}
        rows.append(row)
    return rows


def front(table: Sequence[Mapping[str, Any]], measure: str) -> list[str]:
    """The tests that no other one of as few views or fewer surpasses, from the fewest views to the most."""
    kept: list[Mapping[str, Any]] = []
    for row in sorted(table, key=lambda row: (row["views"], -row[measure])):
        if not kept or row[measure] > kept[-1][measure]:
            kept.append(row)
    return [row["test"] for row in kept]


def table_of(found: Answers, tests: Mapping[str, CropTest]) -> list[dict[str, Any]]:
    return [
        {"test": name, "views": test.passes}
        | {measure: round(float(score(found, name, measure).mean()), 5) for measure in MEASURES}
        for name, test in tests.items()
    ]


def outcome_of(found: Answers, full: Scheme, sides: Sequence[int]) -> dict[str, Any]:
    """What is recorded: the tests, claims, shares of the factors, combinations, fronts, and the findings.

    `sides` are the shorter sides of the photographs in pixels.
    """
    tests, claims = declared(full)
    every = combinations_of(full)
    together = len(MEASURES) * (len(claims) + len(FACTORS))
    found, chosen = with_chosen(found, every)
    combined = table_of(found, every)
    outcome = {
        "images": found.rank.shape[1],
        "enlarged": {
            "about": "the share of the photographs whose shorter side is below a scale",
            **{str(scale): round(float(np.mean(np.array(sides) < scale)), 5) for scale in full.scales},
        },
        "comparisons": together,
        "intervals": "two-sided, paired, at 95 %; `together`: at 95 % for all comparisons at once "
        "(Bonferroni), by which the verdicts are given; top-1 and top-5: Newcombe 1998, method 10; nats and "
        "the factors' shares: normal",
        "measures": "top1, top5: share of right answers; nats: mean natural logarithm of the probability of "
        "the right class, which also falls where views disagree and their mean is less confident, be it "
        "right or wrong",
        "tests": table_of(found, tests),
        "claims": [tried(claim, found, together) for claim in claims],
        "shares": shares(found, full, together),
        "most_often_chosen": chosen,
        "combinations": {
            "columns": list(combined[0]),
            "factors": "scales | squares | positions | mirror images",
            "rows": [list(row.values()) for row in combined],
        },
        "fronts": {
            "about": "tests that no other of as few views surpasses; chosen on these same photographs, so "
            "that their figures are too good",
            **{measure: front(combined, measure) for measure in MEASURES},
        },
    }
    return outcome | {
        "finding": finding(outcome, "top1"),
        "finding_top5": finding(outcome, "top5"),
        "finding_nats": finding(outcome, "nats"),
    }


def measured(change: Mapping[str, Any], measure: str) -> str:
    """The verdict, the change and its interval."""
    if measure != "nats":
        return f"{change['verdict']}, {points(change)}"
    value, low, high = (change[key] for key in ("value", "low_together", "high_together"))
    return f"{change['verdict']}, {value:+.3f} ({low:+.3f} to {high:+.3f})"


def finding(outcome: Mapping[str, Any], measure: str) -> str:
    """One paragraph on one measure, which goes no further than the verdicts."""
    name = {"top1": "top-1", "top5": "top-5", "nats": "the mean log probability"}[measure]
    largest = list(outcome["enlarged"])[-1]
    tests = {row["test"]: row[measure] for row in outcome["tests"]}
    usual = (f"{tests[n]:.3f}" if measure == "nats" else f"{tests[n]:.1%}" for n in ("1", "10", "144"))
    said = [
        f"On {outcome['images']:,} photographs {name} is {', '.join(usual)} with 1, 10 and 144 crops (they "
        f"may be training images: no error rate of ImageNet; {outcome['enlarged'][largest]:.0%} of them are "
        f"smaller than {largest} pixels, the largest scale). Changes of {name} follow with two-sided paired "
        f"intervals, 95 % for all {outcome['comparisons']} comparisons at once."
    ]
    for group, (says, _) in GROUPS.items():
        own = [row for row in outcome["claims"] if row["group"] == group]
        parts = [f"{row['what']} ({measured(row[measure], measure)})" for row in own]
        said.append(f"{says}: {'; '.join(parts)}.")
    parts = [f"{row['factor']} ({measured(row[measure], measure)})" for row in outcome["shares"]]
    said.append(
        f"Of the change from 1 to 144, averaged over the orders in which the factors can be added, each of "
        f"these has a positive share: {'; '.join(parts)}."
    )
    return " ".join(said)


def collected(
    loaded: Loaded,
    readers: Mapping[str, Callable[[], Image.Image]],
    work: Path,
    *,
    count: int | None,
    part: int,
    batch: int,
    seed: int,
    ready: bool,
) -> Iterator[tuple[np.ndarray, np.ndarray, list[int]]]:
    """Of the photographs, part by part: logits (images, views, classes), labels, shorter sides in pixels."""
    network, info = loaded
    names = list(readers)
    random.Random(seed).shuffle(names)
    names = names[:count]
    labels = np.array([label(name) for name in names])
    full, whole = scheme(144, info.preprocess), network.eval().fused()
    stamp = f"{digest(network.state_dict())} {info.preprocess} {full}"

    def compute(name: str) -> Tensor:
        return logits_of(whole, info.preprocess, readers[name](), full, batch)

    parts = kept_parts(work, stamp, names, part, None if ready else compute)
    with tqdm(total=len(names), unit="image", disable=ready) as bar:
        for own, logits in parts:
            bar.update(len(logits))
            yield logits, labels[own], [min(readers[name]().size) for name in names[own]]


def measure(
    loaded: Loaded, photos: Path, work: Path, *, each: Callable[[dict], None], **how: Any
) -> dict[str, Any]:
    """Run all tests; `each` gets the outcome every 100 images, and at the end.

    Args:
        how: as `collected` takes it.

    Raises:
        InceptionError: there are fewer than 2 photographs, or as `kept_parts`.
    """
    full = scheme(144, loaded.info.preprocess)
    tests = declared(full)[0] | combinations_of(full)
    readers = photographs(photos)
    told = 0
    parts: list[Answers] = []
    sides: list[int] = []

    def outcome() -> dict[str, Any]:
        together = Answers(
            tuple(tests),
            np.concatenate([p.rank for p in parts], 1),
            np.concatenate([p.true for p in parts], 1),
        )
        return {
            "of": len(readers),
            "preprocess": loaded.info.preprocess.describe(),
            **outcome_of(together, full, sides),
        }

    for logits, labels, shorter in collected(loaded, readers, work, **how):
        parts.append(answers_of(logits, labels, tests, full))
        sides += shorter
        if len(sides) >= told + EVERY and not how["ready"]:  # else all is there in a moment
            told = len(sides)
            each(outcome())
    if len(sides) < 2:
        raise InceptionError(
            f"{work}: an interval takes at least 2 photographs, and there are {len(sides)}; a larger "
            f"--count, or leaving out --ready, gives more."
        )
    found = outcome()
    each(found)
    return found


def main(
    weights: str | None = None,
    photos: Path | None = None,
    count: int | None = None,
    quick: bool = False,
    ready: bool = False,
    work: Path = Path("runs/crop_factors"),
    part: int = 10,
    batch: int = 36,
    seed: int = 0,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        weights: A published name, or a file.
        photos: Folder or tar archive of images that are named by the WordNet ids of their classes.
        count: How many of them, chosen at random; all by default.
        quick: A small random network and images made on the spot, to see that all of it runs.
        ready: Only what is in the work folder already; no view goes through the network.
        work: Folder of what the network says of each view, part by part.
        part: Images in a part.
        batch: Views that go through the network at once.
        seed: Of the order of the images.
        record: Write the outcome to data/results under this name.
    """
    if record:
        results.check_name(record)
    with subject(weights, photos, work, quick=quick) as it:

        def data(outcome: dict[str, Any]) -> str:
            return (
                f"{outcome['images']:,} of {outcome['of']:,} photographs of {it.photos.name}, chosen by seed "
                f"{seed}, 144 crops each"
            )

        about = "The test with 144 crops, factor by factor, and ways to pool what the crops say"
        keep = recorder(record, it, seed, about, data)
        how = {"count": count, "part": part, "batch": batch, "seed": seed, "ready": ready}
        outcome = measure(*it, each=keep, **how)
    print(f"{'views':>5}{'top-1':>8}{'top-5':>8}{'nats':>8}  test")
    for row in outcome["tests"]:
        print(f"{row['views']:>5}{row['top1']:>8.1%}{row['top5']:>8.1%}{row['nats']:>8.3f}  {row['test']}")
    print(outcome["finding"])
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "crop_factors"))
