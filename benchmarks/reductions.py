"""What the 1x1 reductions of trained weights keep of their input (see `inception_lib.book.reductions`).

python benchmarks/reductions.py --record
"""

from __future__ import annotations

import sys

from inception_lib.book import results
from inception_lib.book.reductions import GRID, RESULT, SIDES, measure, photographs, rounded


def main(weights: str = "bvlc", record: bool = False, seed: int = 0) -> int:
    """Measure what the 1x1 reductions of trained weights keep, on the photographs of scikit-image.

    Args:
        weights: a published name, or a file.
        record: write it to data/results as well.
        seed: of the random maps.
    """
    from inception_lib.weights.loading import load_weights

    network, info = load_weights(weights)
    pictures = photographs()
    measured = measure(network, info.preprocess, pictures.values(), seed=seed)
    print(
        f"{'reduction':<24}{'from':>5}{'to':>5}{'PCA':>8}{'linear':>8}{'ReLU':>8}{'random':>8}{'equivalent':>12}"
        f"{'carried:':>10}{'PCA':>6}{'linear':>8}"
    )
    for k in measured.kept:
        print(
            f"{k.path:<24}{k.in_channels:>5}{k.width:>5}{k.pca:>8.1%}{k.linear:>8.1%}{k.relu:>8.1%}{k.random:>8.1%}"
            f"{k.equivalent:>12}{k.pca_carried:>16.1%}{k.linear_carried:>8.1%}"
        )
    if record:
        views_each = len(SIDES) * GRID**2
        path = results.record(
            RESULT,
            {"photographs": list(pictures), "views": views_each, **rounded(measured)},
            about="Share of its input's variance that each 1x1 reduction keeps, beside PCA and random maps",
            data=f"{len(pictures)} photographs of scikit-image, {views_each} views of each; "
            f"weights: {info.source}",
            seed=seed,
        )
        print(f"recorded in {path}")
    return 0


if __name__ == "__main__":
    import tyro

    from inception_lib.console import run

    sys.exit(run(lambda: tyro.cli(main), "reductions"))
