"""Record what trained weights see in each of the 144 crops of one photograph, for the book's static pages.

python tools/record_crops.py            BVLC's weights, fetched once and kept
python tools/record_crops.py --weights FILE
"""

from __future__ import annotations

import sys

import torch
import tyro

from inception_lib.book import results
from inception_lib.book.reductions import photographs
from inception_lib.console import run
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.weights.loading import load_weights

PHOTOGRAPH, BEST, BATCH, MILLION = "chelsea", 5, 16, 10**6


@torch.inference_mode()
def main(weights: str = "bvlc") -> int:
    """Record the probabilities of each crop, in millionths, in the order of the plan.

    Of the thousand classes those are kept that are among the best five of some crop or of the average.

    Args:
        weights: a published name, or a file.
    """
    network, info = load_weights(weights, heads=False)
    picture = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    views = plan(scheme(144, info.preprocess), *picture.size, info.preprocess)
    inputs = views_of(picture, views, info.preprocess)
    softmax = torch.cat([network(part).logits.double().softmax(1) for part in inputs.split(BATCH)])
    mean = softmax.mean(0)
    best = torch.cat([softmax.topk(BEST).indices.flatten(), mean.topk(BEST).indices]).unique()
    kept = best[mean[best].argsort(descending=True)]
    outcome = {
        "photograph": PHOTOGRAPH,
        "width": picture.width,
        "height": picture.height,
        "classes": [info.classes[i] for i in kept.tolist()],
        "views": [
            {
                "scale": view.scale,
                "square": view.square,
                "crop": view.crop,
                "mirror": view.mirror,
                "millionths": " ".join(map(str, row)),
            }
            for view, row in zip(views, (softmax[:, kept] * MILLION).round().long().tolist(), strict=True)
        ],
    }
    print(
        results.record(
            f"crops_{PHOTOGRAPH}",
            outcome,
            about=f"Probabilities of {len(kept)} classes in each of the {len(views)} crops of a photograph",
            data=f"{PHOTOGRAPH}, a photograph of scikit-image, {picture.width}x{picture.height}; "
            f"weights: {info.source}",
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "record_crops"))
