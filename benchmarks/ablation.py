"""The paper's Table 3 for other networks: each number of models with 1, 10 and 144 crops.

    python benchmarks/ablation.py
    python benchmarks/ablation.py --weights bvlc --data FOLDER --record ablation_photographs

Without options these are the bundled networks on the bundled pictures' split `test`, which neither training
nor validation has seen; the pictures are of 80x80 pixels, and the scales in proportion to the networks' input
(91, 103, 114, 126). Pictures without class folders are taken as one of each class, in the order of their
names: photographs named by synset, say. If interrupted, the same command goes on where it was.
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import tyro

from inception_lib.book import results
from inception_lib.book.ablation import grid
from inception_lib.book.bundled import bundled
from inception_lib.console import run
from inception_lib.data.datasets import Data
from inception_lib.evaluation.data import evenly, open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate
from inception_lib.evaluation.plan import COUNTS
from inception_lib.weights.loading import load_weights


def one_of_each(data: Data) -> Data:
    """Pictures without classes as one of each class, in the order of their names."""
    names = [Path(data.label_of(i)).stem for i in range(len(data))]
    return replace(data, classes=tuple(names), labels=np.arange(len(names)))


def main(
    weights: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    data: str = "shapes",
    split: str = "test",
    pictures: int | None = None,
    out: Path | None = None,
    device: str | None = None,
    record: str = "ablation_shapes",
) -> int:
    """Test, print the table and record it.

    Args:
        weights: As for `inception evaluate`; the bundled networks where none is given.
        data: As for `inception evaluate`.
        split: Of the data.
        pictures: Only so many, spread evenly over the data.
        out: Folder of the probabilities; runs/RECORD by default.
        device: cpu or cuda; the GPU if there is one.
        record: Name of the result in data/results.
    """
    results.check_name(record)
    networks = [load_weights(w, heads=False) for w in weights] or list(bundled())
    found = open_test_data(data, split)
    found = relabeled(one_of_each(found) if found.labels[0] < 0 else found, networks[0].info)
    if pictures is not None and pictures < len(found):
        found = evenly(found, pictures)
    folder, start = out or Path("runs") / record, time.perf_counter()
    resumed = folder.is_dir()
    done = evaluate(networks, found, folder, crops=COUNTS, resume=resumed, device=device)
    seconds = None if resumed else round(time.perf_counter() - start)
    models, tables = range(1, len(networks) + 1), []
    for pool in ("mean", "max"):
        kept = {n: done.stacked(n, pool) for n in COUNTS}
        tables.append(grid(kept, done.labels, COUNTS, models).assign(pool=pool))
    table = pd.concat(tables, ignore_index=True)
    print(
        table[
            ["pool", "models", "crops", "top1", "top1_mean", "change1", "change1_low", "change1_high", "top5"]
        ]
        .round(4)
        .to_string(index=False)
    )
    outcome = {
        "networks": [loaded.info.name for loaded in networks],
        "pictures": len(done.read),
        "skipped": len(done.skipped),
        "seconds": seconds,
        "rows": table.to_dict("records"),
    }
    print(
        results.record(
            record,
            outcome,
            data=f"{done.data}, {split}: {len(done.read):,} pictures",
            about="Numbers of models and crops: shares of right answers, and paired changes",
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "ablation"))
