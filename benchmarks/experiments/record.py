"""What is recorded of an experiment: its arms, its claims with their answers, and the finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from intervals import answered, points, spread

from experiments.arms import RECIPE, Arm, Claim, Scale
from experiments.data import Settings, described, named
from experiments.found import Found
from inception_lib.book import results

INTERVALS = (
    "Student's t over seeds, paired by seed, two-sided; `together`: at 95 % for all claims of the experiment "
    "at once (Bonferroni), by which the verdicts are given"
)

#: Of a recipe, what an arm and the scale decide.
RATHER_OF_SCALE = ("lr", "epochs", "batch", "warmup", "seed")


def metric(run: dict[str, Any], path: str) -> float:
    """A number of a run, by its path."""
    value: Any = run
    names_of = path.split(".", 1)
    for name in names_of:
        value = value[name]
    return float(value)


def decided(claim: Claim, found: Found, together: int) -> dict[str, Any]:
    """A claim and its answer, of the seeds that all of its arms have."""
    seeds = found.seeds(*{term.arm for term in claim.terms})
    if not seeds:
        return {"claim": claim.text, "verdict": None}
    values = [
        sum(term.factor * metric(found.run(term.arm, seed), term.metric) for term in claim.terms)
        for seed in seeds
    ]
    terms = [f"{term.factor:+g} {term.arm}: {term.metric}" for term in claim.terms]
    return {"claim": claim.text, "terms": terms, **answered(values, together)}


def row_of(arm: Arm, found: Found) -> dict[str, Any]:
    """An arm: what it costs, its rates, its results."""
    runs = found.done(arm.name)
    right = [r for r in runs if not r["failed"]]
    tried = found.tried(arm) if arm.rate_of is None and arm.rate is None else {}
    row: dict[str, Any] = {
        "arm": arm.name,
        "lr": found.rate(arm),
        "rates": {f"{lr:g}": loss if np.isfinite(loss) else "failed" for lr, loss in sorted(tried.items())},
        "seeds": len(runs),
        "failed": sum(bool(r["failed"]) for r in runs),
        "alarms": sorted({sentence for r in runs for sentence in r["alarms"]}),
        "with_alarms": [r["seed"] for r in runs if r["alarms"]],
    }
    if right:
        row |= {name: right[0][name] for name in ("macs", "parameters", "images")}
        row |= {name: spread([r[name] for r in right]) for name in ("top1", "train_top1", "gap")}
    return row


def outcome_of(found: Found) -> dict[str, Any]:
    """What is recorded of an experiment."""
    experiment, scale = found.experiment, found.scale
    rows = [row_of(arm, found) for arm in experiment.arms]
    claims = [decided(claim, found, max(1, len(experiment.claims))) for claim in experiment.claims]
    more, said = experiment.also(found) if experiment.also else ({}, [])
    runs = [done for arm in experiment.arms for done in found.done(arm.name)]
    choices = [done for arm in experiment.arms for done in found.choices(arm)]
    return {
        "scale": scale._asdict(),
        "recipe": {k: v for k, v in RECIPE.to_dict().items() if k not in RATHER_OF_SCALE},
        "own": {
            a.name: {"changes": dict(a.changes), "at": dict(a.at), "data": a.data} for a in experiment.arms
        },
        "arms": rows,
        "claims": claims,
        **more,
        "finding": finding(found, rows, claims, said),
        "intervals": INTERVALS,
        "hours": round(sum(done["wall"] for done in (*runs, *choices)) / 3600, 2),
        "commits": sorted({done["commit"] for done in runs}),
        "devices": sorted({done["device"] for done in runs}),
        "runs": runs,
        "choices": choices,
    }


def finding(found: Found, rows: Sequence[dict], claims: Sequence[dict], said: Sequence[str]) -> str:
    """One paragraph, which goes no further than the verdicts."""
    scale, arms = found.scale, found.experiment.arms
    own = [found.settings.of(arm) for arm in arms]
    data = " and ".join(sorted({named(arm.data) for arm in arms}))
    wide = found.experiment.wide.format(width=scale.width)
    epochs = " or ".join(f"{e:g}" for e in sorted({s.epochs for s in own}))
    batches = " or ".join(str(b) for b in sorted({s.batch for s in own}))
    done = [row for row in rows if "top1" in row]
    missing = [row["arm"] for row in rows if "top1" not in row]
    sentences = [
        f"{data}, {scale.size}x{scale.size} pixels, {wide}, {epochs} epochs, updates of {batches} images, a "
        f"learning rate chosen for each arm on images that no result uses. Top-1 on validation, mean over "
        f"seeds: "
        + ", ".join(f"{row['arm']} {row['top1']['mean']:.1%} ({row['seeds']})" for row in done)
        + "."
    ]
    shared: dict[str, list[str]] = {}
    for arm in arms:
        if arm.rate_of:
            shared.setdefault(arm.rate_of, []).append(arm.name)
    sentences += [f"The rate of {of} is also that of {', '.join(these)}." for of, these in shared.items()]
    if missing:
        sentences.append(f"Not run yet: {', '.join(missing)}.")
    bad = [
        f"{row['arm']} (seed {', '.join(map(str, row['with_alarms']))})" for row in rows if row["with_alarms"]
    ]
    if bad:
        sentences.append(
            f"At the end of training an alarm is on (a part has learned nothing, or the loss is far above "
            f"chance): {'; '.join(bad)}."
        )
    sentences += [
        f"{row['arm']}: {row['failed']} of {row['seeds']} trainings ended in an infinite loss."
        for row in rows
        if row["failed"]
    ]
    sentences += [f"{c['claim']}: {c['verdict']}, {points(c)}." for c in claims if c["verdict"]]
    return " ".join([*sentences, *said])


def write(name: str, settings: Settings, record: str) -> Path | None:
    """The record of an experiment, of what is done of it; None if nothing is."""
    found = Found(name, settings)
    arms = {arm.data for arm in found.experiment.arms}
    if not any(found.done(arm) for arm in found.arms()):
        return None
    outcome = outcome_of(found)
    return results.record(
        record.format(name),
        outcome,
        about=found.experiment.about,
        data="; ".join(sorted(described(data, settings) for data in arms)),
        seed=0,
        device=", ".join(outcome["devices"]),
        command=command(name, settings),
    )


def command(name: str, settings: Settings) -> str:
    """What repeats an experiment."""
    words = ["python benchmarks/experiment.py", name]
    given = {f: getattr(settings, f) for f in ("data", "caltech", "weights")}
    given |= {f: getattr(settings.scale, f) for f in ("seeds", "epochs", "batch", "size", "resize", "width")}
    default = Settings(Scale(), "imagenette", "caltech101", "bvlc", Path())
    usual = {**asdict(default), **default.scale._asdict()}
    words += [f"--{f} {Path(str(v)).name}" for f, v in given.items() if v != usual[f]]
    return " ".join(words)
