"""Record what trained weights see in scikit-image's photograph of a cat, for the book's static pages.

python tools/record_prediction.py            BVLC's weights, fetched once and kept
python tools/record_prediction.py --weights FILE
"""

from __future__ import annotations

import sys
from dataclasses import replace

import torch
import tyro

from inception_lib.book import results
from inception_lib.book.reductions import photographs
from inception_lib.console import run
from inception_lib.nn.network import activations
from inception_lib.weights.loading import load_weights

PHOTOGRAPH, BEST = "chelsea", 5
SCALES = (1, 2)  # of the network's usual input


@torch.inference_mode()
def main(weights: str = "bvlc") -> int:
    """Record the most probable classes, and the score of the best one at each place of the last grid.

    The class is the best one at the network's usual input; the best ones at each size are recorded too.

    Args:
        weights: a published name, or a file.
    """
    network, info = load_weights(weights, heads=False)
    picture = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    about = {"data": f"{PHOTOGRAPH}, a photograph of scikit-image; weights: {info.source}"}

    def most_probable(logits: torch.Tensor) -> list[dict]:
        best = logits.softmax(0).topk(BEST)
        return [
            {"class": info.classes[i], "probability": round(p, 4)}
            for p, i in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]

    best = most_probable(network(info.preprocess(picture)[None]).logits[0])
    print(
        results.record(
            f"predict_{PHOTOGRAPH}",
            best,
            about=f"The {BEST} most probable classes of one photograph",
            **about,
        )
    )

    classifier, k = network.classifier.linear, info.classes.index(best[0]["class"])
    maps, best_at = {}, {}
    for scale in SCALES:
        preprocess = replace(
            info.preprocess, resize=scale * info.preprocess.resize, crop=scale * info.preprocess.crop
        )
        seen = activations(network, preprocess(picture)[None], ["inception_5b", "classifier"])
        best_at[str(preprocess.crop)] = most_probable(seen["classifier"].output[0])
        grid = seen["inception_5b"].output[0]
        scores = torch.einsum("chw,c->hw", grid, classifier.weight[k]) + classifier.bias[k]
        torch.testing.assert_close(scores.mean(), seen["classifier"].output[0, k], atol=1e-3, rtol=1e-4)
        maps[str(preprocess.crop)] = [[round(v, 3) for v in row] for row in scores.tolist()]
    print(
        results.record(
            f"class_map_{PHOTOGRAPH}",
            {"class": info.classes[k], "maps": maps, "best": best_at},
            about="The score of one class by place of the last grid, and the best classes, by input size",
            **about,
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "record_prediction"))
