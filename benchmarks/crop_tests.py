"""Tests that pool some of a photograph's 144 views, what is claimed of them, and what they answer.

For `crop_factors.py`; see there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Literal

import numpy as np
from taken_apart import Answers

from inception_lib.evaluation import metrics
from inception_lib.evaluation.plan import CROPS, SQUARES, Scheme

CORNERS = CROPS[:4]
BUDGETS = (2, 4, 8, 16, 32, 64)  #: views


@dataclass(frozen=True)
class CropTest:
    """Some of the views, those of one or more schemes, and how what the network says of them is pooled.

    `softmax` and `logits`: their means. `maximum`: of the softmax, divided by its sum.
    """

    schemes: tuple[Scheme, ...]
    pool: Literal["softmax", "logits", "maximum"] = "softmax"

    @property
    def passes(self) -> int:
        """How many views go through the network."""
        return sum(map(len, self.schemes))


@dataclass(frozen=True)
class Claim:
    """That the test `after` is better than the test `before`, or worse.

    `group` and `what` say it: what is added, taken out or put in place of something else.
    """

    group: str
    what: str
    before: str
    after: str
    better: bool


#: How the claims of a group read in the finding, and whether they are of a gain.
GROUPS = {
    "added": ("Added to one crop, each of these is a gain", True),
    "usual": ("In each of these pairs the first is better", True),
    "taken": ("Taken from the 144, each of these is a loss", False),
    "repeated": (
        "The whole squares show the same regions at every scale: taking those at all but the first scale out "
        "of each of these is a loss",
        False,
    ),
    "pooled": ("In place of the mean of the softmax, each of these is a loss", False),
    "budget": (
        "Compared with the 144, the test with the best top-1 within each of these budgets (chosen on nine "
        "tenths of the photographs, tested on the last tenth, ten times) is a loss",
        False,
    ),
}


def declared(full: Scheme) -> tuple[dict[str, CropTest], list[Claim]]:
    """The tests by name, and what is claimed of them; `full` is the scheme of the 144."""
    first, *others = full.scales
    one = Scheme(scales=(first,), squares=("center",), crops=("center",), mirror=False)
    ten = Scheme(scales=(first,), squares=("center",), crops=CROPS[:5])
    eight = Scheme(scales=full.scales, squares=("center",), crops=("center",))
    without_whole = replace(full, crops=CROPS[:5])
    whole_once = Scheme(scales=(first,), crops=("whole",))
    tests = {name: CropTest((its,)) for name, its in (("1", one), ("10", ten), ("144", full))}
    claims = []

    def claim(group: str, what: str, before: str, after: str, *schemes: Scheme) -> None:
        if schemes:
            tests[after] = CropTest(schemes)
        claims.append(Claim(group, what, before, after, GROUPS[group][1]))

    for what, its in (
        ("the mirror image", replace(one, mirror=True)),
        ("the left and right squares", replace(one, squares=SQUARES)),
        ("the four corners", replace(one, crops=CROPS[:5])),
        ("the whole square", replace(one, crops=("center", "whole"))),
        ("all positions", replace(one, crops=CROPS)),
        ("the other scales", replace(one, scales=full.scales)),
    ):
        claim("added", what, "1", f"1 and {what}", its)
    claim("usual", "10 crops than 1", "1", "10")
    claim("usual", "144 crops than 10", "10", "144")
    claim("usual", "144 crops than 1", "1", "144")
    claim("usual", "8 crops, the center at four scales and mirrored, than 10", "10", "8", eight)
    for what, its in (
        ("the mirror images", replace(full, mirror=False)),
        ("the left and right squares", replace(full, squares=("center",))),
        *((f"all scales but {scale}", replace(full, scales=(scale,))) for scale in full.scales),
        ("the corners", replace(full, crops=("center", "whole"))),
        ("the center crops", replace(full, crops=(*CORNERS, "whole"))),
        ("the whole squares", without_whole),
        ("all but the center crops", replace(full, crops=("center",))),
        ("all but the whole squares", replace(full, crops=("whole",))),
    ):
        claim("taken", what, "144", f"144 less {what}", its)
    once = f"the whole squares at {', '.join(map(str, others))}"
    claim("repeated", "the 144", "144", f"144 less {once}", without_whole, whole_once)
    claim(
        "repeated",
        "the 24 whole squares alone",
        "144 less all but the whole squares",
        f"24 less {once}",
        whole_once,
    )
    for name in ("10", "144"):
        for pool, what in (("logits", "mean of the logits"), ("maximum", "maximum of the softmax")):
            tests[f"{name}, {pool}"] = CropTest(tests[name].schemes, pool)
            claim("pooled", f"the {what} of {name}", name, f"{name}, {pool}")
    for budget in BUDGETS:
        claim("budget", f"{budget} views", "144", f"best of {budget}")
    return tests, claims


def combinations_of(full: Scheme) -> dict[str, CropTest]:
    """Every set of scales, with one square or three, positions of one or more kinds, mirrored or not."""
    scales = [own for n in range(1, 5) for own in combinations(full.scales, n)]
    kinds = (CORNERS, ("center",), ("whole",))
    positions = [sum(own, ()) for n in (1, 2, 3) for own in combinations(kinds, n)]
    every = product(scales, (("center",), SQUARES), positions, (False, True))
    found = [Scheme(scales=a, squares=b, crops=c, mirror=d) for a, b, c, d in every]
    return {name_of(its): CropTest((its,)) for its in found}


def name_of(its: Scheme) -> str:
    """The levels of the four factors, in their order."""
    kinds = ["corners"] * (CORNERS[0] in its.crops) + [c for c in its.crops if c not in CORNERS]
    parts = ("+".join(map(str, its.scales)), f"{len(its.squares)}", "+".join(kinds))
    return " | ".join((*parts, "mirrored" if its.mirror else "straight"))


def rows_of(test: CropTest, full: Scheme) -> np.ndarray:
    """Which of the views of `full`, in the order of its plan, the test pools: (views,) of bool."""
    axes = (full.scales, full.squares, (False, True), full.crops)
    found = np.zeros(tuple(map(len, axes)), bool)
    for its in test.schemes:
        levels = (its.scales, its.squares, (False, True)[: 1 + its.mirror], its.crops)
        places = [[a.index(v) for v in own] for a, own in zip(axes, levels, strict=True)]
        found[np.ix_(*places)] = True
    return found.ravel()


def answers_of(
    logits: np.ndarray, labels: np.ndarray, tests: Mapping[str, CropTest], full: Scheme
) -> Answers:
    """What the tests answer to some images.

    Args:
        logits: (images, views, classes), what the network answers to all views of `full`.
        labels: (images,), the right classes.
        tests: by name.
        full: the scheme of all views.
    """
    rows = np.array([rows_of(test, full) for test in tests.values()])
    pools = np.array([test.pool for test in tests.values()])
    rank = np.empty((len(tests), len(labels)), np.int64)
    true = np.empty(rank.shape)
    for n, (own, right) in enumerate(zip(logits.astype(float), labels, strict=True)):
        pooled = np.empty((len(tests), own.shape[1]))
        each = softmax(own)
        for pool, kind in (("softmax", each), ("logits", own)):
            its = rows[pools == pool]
            pooled[pools == pool] = its @ kind / its.sum(1, keepdims=True)
        pooled[pools == "logits"] = softmax(pooled[pools == "logits"])
        for test in np.flatnonzero(pools == "maximum"):
            most = each[rows[test]].max(0)
            pooled[test] = most / most.sum()
        rank[:, n] = metrics.ranks(pooled, np.full(len(tests), right))
        true[:, n] = pooled[:, right]
    return Answers(tuple(tests), rank, true)


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)
