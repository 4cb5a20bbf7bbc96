"""What each position of the last map says, on a photograph; and a fully connected layer to compare with.

    python benchmarks/votes.py

Two records for the widget of chapter 4. `votes_chelsea`: BVLC's network on scikit-image's photograph of a
cat, the logits of some classes at each position of its last map, at its usual input and at twice that. And
`votes_connected`: a fully connected layer on the flattened last map of the first bundled network, as pages
run it, on images of 160x160 in which the object has as many pixels as in training. It is fitted by softmax
regression; its weight decay is chosen on validation images.
"""

from __future__ import annotations

import base64
import sys
from dataclasses import replace
from typing import Literal

import numpy as np
import torch
import tyro
from torch import Tensor
from torch.nn import functional as F

from inception_lib.book import results
from inception_lib.book.bundled import bundled
from inception_lib.book.live import parts
from inception_lib.book.live.packing import Packed, unpack
from inception_lib.book.reductions import photographs
from inception_lib.console import run
from inception_lib.data.shapes import CLASSES, SIDE, picture
from inception_lib.nn.network import Network, activations
from inception_lib.weights.loading import load_weights

LAST = "inception_5b"
WIDE = 160  #: pixels of the images, in which the last map has 5x5 positions
COUNTS = {"train": 8000, "val": 1000, "test": 1000}
DECAYS = (1e-4, 1e-3, 1e-2)  #: of the weights, per image
PHOTOGRAPH, SHOWN = "chelsea", 12


def in_the_page() -> Network:
    """The bundled network with the weights that pages run."""
    about, data = parts.bundled_network()
    network = next(bundled(1)).network
    tensors = unpack(Packed(about["weights"]["tensors"], data))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    return network.eval()


def images(split: str, start: int, end: int) -> tuple[np.ndarray, Tensor]:
    """Images (n, side, side, 3), each with an object of a training image's size, and their labels (n,)."""
    labels = torch.arange(start, end) % len(CLASSES)
    rngs = (np.random.default_rng([list(COUNTS).index(split), i]) for i in range(start, end))
    drawn = [picture(int(k), rng, WIDE, SIDE / WIDE) for k, rng in zip(labels, rngs, strict=True)]
    return np.stack(drawn), labels


@torch.no_grad()
def last_maps(network: Network, split: str) -> tuple[Tensor, Tensor]:
    """The last maps (n, channels, rows, columns) of a split's images, and their labels (n,)."""
    preprocess = replace(next(bundled(1)).info.preprocess, resize=WIDE, crop=WIDE)
    maps, labels = [], []
    for start in range(0, COUNTS[split], 50):
        pictures, given = images(split, start, start + 50)
        x = preprocess.batch(torch.from_numpy(pictures))
        maps.append(activations(network, x, [LAST])[LAST].output)
        labels.append(given)
    return torch.cat(maps), torch.cat(labels)


def fit(x: Tensor, y: Tensor, decay: float) -> tuple[Tensor, Tensor]:
    """Weights (classes, features) and biases (classes,) of softmax regression with weight decay."""
    weight = torch.zeros(len(CLASSES), x.shape[1], requires_grad=True)
    bias = torch.zeros(len(CLASSES), requires_grad=True)
    search = torch.optim.LBFGS((weight, bias), max_iter=200, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        search.zero_grad()
        found = F.cross_entropy(x @ weight.T + bias, y) + decay * weight.square().sum()
        found.backward()
        return found

    search.step(loss)
    return weight.detach(), bias.detach()


def right(logits: Tensor, y: Tensor) -> float:
    return float((logits.argmax(1) == y).float().mean())


def connected() -> dict:
    """The fitted layer, its weights in int8, and how often it and the pooled classifier are right."""
    network = in_the_page()
    maps, labels = zip(*(last_maps(network, split) for split in COUNTS), strict=True)
    flat = [each.flatten(1) for each in maps]
    scale = flat[0].std()  # decay means the same whatever the scale of the maps
    fits = {}
    for decay in DECAYS:
        weight, bias = fit(flat[0] / scale, labels[0], decay)
        fits[decay] = (weight / scale, bias)
        print(f"decay {decay:g}: {right(flat[1] @ fits[decay][0].T + bias, labels[1]):.1%}", flush=True)
    best = max(DECAYS, key=lambda decay: right(flat[1] @ fits[decay][0].T + fits[decay][1], labels[1]))
    weight, bias = fits[best]
    scales = weight.abs().amax(1) / 127
    stored = (weight / scales[:, None]).round()
    weight = stored * scales[:, None]

    test, y = maps[2], labels[2]
    order = torch.stack(
        [torch.randperm(test[0, 0].numel(), generator=torch.manual_seed(i)) for i in range(len(y))]
    )
    shuffled = test.flatten(2).gather(2, order[:, None].expand(-1, test.shape[1], -1))
    with torch.inference_mode():
        pooled = network.classifier(test.mean((2, 3)))
        pooled_shuffled = network.classifier(shuffled.mean(2))
    return {
        "shape": list(test.shape[1:]),
        "images": COUNTS,
        "decay": best,
        "right": {
            "pooled": right(pooled, y),
            "connected": right(test.flatten(1) @ weight.T + bias, y),
            "pooled, shuffled": right(pooled_shuffled, y),
            "connected, shuffled": right(shuffled.flatten(1) @ weight.T + bias, y),
        },
        "weights": base64.b64encode(stored.to(torch.int8).numpy().tobytes()).decode(),
        "scales": scales.tolist(),
        "biases": bias.tolist(),
    }


@torch.inference_mode()
def votes(weights: str) -> tuple[dict, str]:
    """By input size the logits of some classes at each position, and what the softmax needs for all; the
    source of the weights.

    The classes: the most probable at either size, and all that are best at a position of the smaller.
    """
    network, info = load_weights(weights, heads=False)
    classifier = network.classifier.linear
    photograph = photographs([PHOTOGRAPH])[PHOTOGRAPH]
    all_votes, logits = {}, {}
    for size in (1, 2):
        preprocess = replace(
            info.preprocess, resize=size * info.preprocess.resize, crop=size * info.preprocess.crop
        )
        seen = activations(network, preprocess(photograph)[None], [LAST, "classifier"])
        by_place = torch.einsum("chw,kc->khw", seen[LAST].output[0], classifier.weight)
        key = str(preprocess.crop)
        all_votes[key] = by_place + classifier.bias[:, None, None]
        logits[key] = seen["classifier"].output[0]
        torch.testing.assert_close(all_votes[key].mean((1, 2)), logits[key], atol=1e-3, rtol=1e-4)
    small = next(iter(all_votes.values()))
    winners = set(small.flatten(1).argmax(0).tolist())
    for one in logits.values():
        winners |= set(one.topk(SHOWN // 2).indices.tolist())
    first = next(iter(logits.values()))
    chosen = sorted(winners, key=lambda k: -float(first[k]))
    return {
        "classes": [info.classes[k] for k in chosen],
        "sizes": {
            size: {
                "votes": [[[round(v, 2) for v in row] for row in each[k].tolist()] for k in chosen],
                "logits": [round(float(logits[size][k]), 4) for k in chosen],
                "log_sum": round(float(logits[size].logsumexp(0)), 4),
            }
            for size, each in all_votes.items()
        },
    }, info.source


def main(weights: str = "bvlc", only: Literal["", "chelsea", "connected"] = "") -> int:
    """Make both records.

    Args:
        weights: BVLC's, a published name or a file.
        only: the name of one of them.
    """
    if only != "connected":
        found, source = votes(weights)
        about = "Logits of some classes at each position of the last map, by input size"
        data = f"{PHOTOGRAPH}, a photograph of scikit-image; weights: {source}"
        print(results.record("votes_chelsea", found, about=about, data=data))
    if only != "chelsea":
        about = "A fully connected layer on the flattened last map of a bundled network, beside its own end"
        data = f"shapes of {WIDE}x{WIDE} pixels: {COUNTS['train']:,} training images, 10 classes"
        print(results.record("votes_connected", connected(), about=about, data=data, seed=0))
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "votes"))
