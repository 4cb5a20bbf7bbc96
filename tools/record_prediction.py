"""Record what trained weights see in scikit-image's photograph of a cat, for the book's static pages.

    python tools/record_prediction.py            BVLC's weights, fetched once and kept
    python tools/record_prediction.py --weights FILE
"""

from __future__ import annotations

import sys

import torch
import tyro

from inception_lib import results
from inception_lib.cli import run
from inception_lib.network import load_weights
from inception_lib.reductions import photographs

PHOTOGRAPH, BEST = "chelsea", 5


def main(weights: str = "bvlc") -> int:
    """Record the five most probable classes.

    Args:
        weights: a published name, or a file.
    """
    network, info = load_weights(weights, heads=False)
    picture = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    with torch.inference_mode():
        best = network(info.preprocess(picture)[None]).logits[0].softmax(0).topk(BEST)
    outcome = [{"class": info.classes[i], "probability": round(p, 4)}
               for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)]
    print(results.record(f"predict_{PHOTOGRAPH}", outcome,
                         about=f"The {BEST} most probable classes of one photograph",
                         data=f"{PHOTOGRAPH}, a photograph of scikit-image; weights: {info.source}"))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "record_prediction"))
