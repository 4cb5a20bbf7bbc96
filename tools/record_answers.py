"""Record what each of the bundled networks says of each bundled test image, for the book's static pages.

python tools/record_answers.py          about a minute on two CPU cores
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import tyro

from inception_lib.book import results
from inception_lib.book.bundled import bundled
from inception_lib.console import run
from inception_lib.evaluation.data import open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate

MILLION = 10**6


def sparse(row: np.ndarray) -> str:
    """Classes and their millionths, without those that have none: "3 999871 5 120"."""
    return " ".join(f"{k} {n}" for k, n in enumerate(row) if n)


def main() -> int:
    """Record the probabilities of one crop, the whole image, in millionths, in the order of the images."""
    networks = list(bundled())
    images = relabeled(open_test_data("shapes", "test"), networks[0].info)
    with tempfile.TemporaryDirectory() as folder:
        done = evaluate(networks, images, Path(folder) / "test", crops=(1,), progress=False)
        softmax, labels = done.stacked(1).astype(float), done.labels  # networks, images, classes
    millionths = np.rint(softmax * MILLION).astype(int)
    outcome = {
        "classes": list(networks[0].info.classes),
        "networks": [loaded.info.name for loaded in networks],
        "labels": " ".join(map(str, labels)),
        "millionths": [[sparse(row) for row in one] for one in millionths],
    }
    print(
        results.record(
            "answers_shapes",
            outcome,
            about="Probabilities of every class, of each bundled network on each bundled test image",
            data=f"shapes, test: {len(labels):,} images, one crop each",
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "record_answers"))
