"""Class maps of two objects side by side, and why a class's score falls at twice the input size.

    python benchmarks/two_objects.py --weights bvlc --photos FOLDER_OR_TAR --record two_objects
    python benchmarks/two_objects.py --quick

Since the classifier is linear and follows an average over positions, a class's score (logit) is the mean of
its class map: the classifier applied at each position of the last feature map, bias included.

**Composites.** No photograph is known to hold two objects of two classes, so they are made: two photographs
of different classes side by side, each as the network sees it alone, so that the input is twice as wide as
high. It is measured where the map of each class is high (on its own half or on the other), and what the
average over both halves does to its score. (Position i of the last map is centered on pixel 32 i + 30, 14
pixels to the right of its own 32 pixels, so that the halves of the map reach into each other's photograph.)

**Why scores fall at twice the size.** The same photograph is shown in several ways, which separate what
changes when an image is enlarged:

- `enlarged`: all of it at another size: other scale of every structure, larger map;
- `tiled`: the usual frame at its own scale, repeated as a tile: larger map, same scale;
- `surrounded`: the usual frame at its own scale, in the mean color: larger map of which most is empty;
- `blurred`: the usual size with no more detail than `enlarged` has at twice the size.

Scores of all classes may fall or rise together, which changes no order: `spread` is the standard deviation
of all classes' scores, and `standard` the score above their mean in units of it.

The fall is exactly that of the map's size (usual to tiled) plus that of scale (tiled to enlarged). In
`tiled` and `surrounded` the frame begins at a multiple of the last map's stride, so that some positions
see just what those of the usual input see, but without zeros beyond the frame: their mean is `inside`.

Of scikit-image's photographs the maps themselves are recorded. The spread, and the claims on it, were added
after the other claims had been seen on 10 pairs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import tyro
from measured import Arrays, chosen, interval, joined, kept, resampled, span
from photographs import label, photographs, recorder, subject
from PIL import Image
from taken_apart import verdict
from tqdm import tqdm

from inception_lib.book import results
from inception_lib.book.photographs import photographs as of_scikit_image
from inception_lib.console import run
from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError
from inception_lib.evaluation import metrics
from inception_lib.nn.network import Network, activations
from inception_lib.weights.info import Loaded
from inception_lib.weights.states import digest

SHOWN = ("chelsea", "coffee")  #: photographs of scikit-image, side by side
FACTORS = (5 / 7, 1, 9 / 7, 11 / 7, 2)  #: sizes as shares of the usual input: 160, 224, 288, 352, 448
PART = 10  #: pairs in a file


class Seen(NamedTuple):
    """What the network makes of one image.

    `maps`: (classes asked for, height, width), their class maps. `logits`: (classes of the network,).
    """

    maps: np.ndarray
    logits: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        return self.maps.mean((1, 2))

    @property
    def standard(self) -> np.ndarray:
        """The scores above the mean of all classes, in units of their standard deviation."""
        return (self.scores - self.logits.mean()) / self.logits.std()

    def ranks(self, classes: Sequence[int]) -> np.ndarray:
        """How many classes come before each of these."""
        return metrics.ranks(np.tile(self.logits, (len(classes), 1)), np.asarray(classes))


@torch.inference_mode()
def see(network: Network, preprocess: Preprocess, frame: np.ndarray, classes: Sequence[int]) -> Seen:
    """Show the network a frame (height, width, 3), of any size."""
    x = preprocess.batch(torch.from_numpy(np.ascontiguousarray(frame))[None])
    last = network.architecture.classifiers[0]
    modules = [layer.name for layer in network.architecture.layers if layer.name.startswith("inception")]
    seen = activations(network, x, [modules[-1], last])
    linear = network.get_submodule(last).linear
    maps = torch.einsum("chw,kc->khw", seen[modules[-1]].output[0], linear.weight[list(classes)])
    return Seen((maps + linear.bias[list(classes), None, None]).numpy(), seen[last].output[0].numpy())


def at_size(preprocess: Preprocess, pixels: int) -> Preprocess:
    """The same part of a photograph at another size."""
    return replace(preprocess, resize=round(preprocess.resize * pixels / preprocess.crop), crop=pixels)


def sizes_of(preprocess: Preprocess) -> list[int]:
    return [round(preprocess.crop * factor) for factor in FACTORS]


def blurred(frame: np.ndarray, share: float) -> np.ndarray:
    """(height, width, 3) with the detail of an image of this share of its side."""
    image = Image.fromarray(frame)
    small = [max(1, round(side * share)) for side in image.size]
    return np.array(
        image.resize(small, Image.Resampling.BILINEAR).resize(image.size, Image.Resampling.BILINEAR)
    )


def tiled(frame: np.ndarray, side: int, before: int) -> np.ndarray:
    """(height, width, 3), a square, repeated in (side, side, 3), `before` pixels from its upper left."""
    around = (before, side - len(frame) - before)
    return np.pad(frame, (around, around, (0, 0)), mode="wrap")


def mean_color(preprocess: Preprocess) -> np.ndarray:
    """(3,) in uint8, RGB: what is 0 after the pre-processing, up to rounding."""
    mean = np.array(preprocess.mean) * 255 / preprocess.white
    return np.rint(mean[::-1] if preprocess.channels == "BGR" else mean).astype(np.uint8)


def ways(
    preprocess: Preprocess, picture: Image.Image, stride: int
) -> dict[str, tuple[np.ndarray, int | None]]:
    """A photograph shown in all ways: frames (height, width, 3), and at which position of the map the usual
    frame begins, where it is within a larger one."""
    usual = np.array(preprocess.frame(picture))
    side, sizes = preprocess.crop, sizes_of(preprocess)
    twice = sizes[-1]
    shown: dict[str, tuple[np.ndarray, int | None]] = {
        f"enlarged {n}": (np.array(at_size(preprocess, n).frame(picture)), None) for n in sizes
    }
    begin = (twice - side) // (2 * stride)
    corner = begin * stride
    shown[f"tiled {twice}"] = (tiled(usual, twice, corner), begin)
    around = np.tile(mean_color(preprocess), (twice, twice, 1))
    around[corner : corner + side, corner : corner + side] = usual
    shown[f"surrounded {twice}"] = (around, begin)
    detail = min(1.0, min(picture.size) / at_size(preprocess, twice).resize)
    shown[f"blurred {side}"] = (blurred(usual, detail), None)
    return shown


def alone(network: Network, preprocess: Preprocess, picture: Image.Image, target: int) -> Arrays:
    """The score of a class in all ways of showing one photograph: arrays of no axes."""
    found: dict[str, Any] = {}
    frames = ways(preprocess, picture, last_stride(network))
    all_seen = {way: see(network, preprocess, frame, [target]) for way, (frame, _) in frames.items()}
    grid = all_seen[f"enlarged {preprocess.crop}"].maps.shape[-1]
    for way, seen in all_seen.items():
        found |= {f"{way}.score": seen.scores[0], f"{way}.max": seen.maps.max()}
        found |= {f"{way}.spread": seen.logits.std(), f"{way}.standard": seen.standard[0]}
        found[f"{way}.rank"] = seen.ranks([target])[0]
        begin = frames[way][1]
        if begin is not None:
            found[f"{way}.inside"] = seen.maps[0, begin : begin + grid, begin : begin + grid].mean()
    return {name: np.asarray(value, np.float64) for name, value in found.items()}


def last_stride(network: Network) -> int:
    """Pixels between positions of the last feature map."""
    return max(info.reduction or 0 for info in network.feature_info.values())


def side_by_side(preprocess: Preprocess, pictures: Sequence[Image.Image], pixels: int) -> np.ndarray:
    """Frames of all photographs in one row, (pixels, n * pixels, 3)."""
    return np.concatenate([np.array(at_size(preprocess, pixels).frame(p)) for p in pictures], 1)


def together(seen: Seen, targets: Sequence[int], way: str) -> Arrays:
    """Of both classes of a composite, arrays (2,): where their maps are high, and what is made of them.

    `own` and `other` are the means over the halves. `points`: the map's largest value is on the own half.
    `wins`: the share of the own half's positions at which the map is above that of the other class.
    """
    half = seen.maps.shape[-1] // 2  # of an odd number, the middle column belongs to neither
    halves = [seen.maps[:, :, :half], seen.maps[:, :, seen.maps.shape[-1] - half :]]
    own = np.stack([halves[0][0], halves[1][1]])
    other = np.stack([halves[1][0], halves[0][1]])
    rivals = np.stack([halves[0][1], halves[1][0]])  # the other class on the same half
    return {
        f"{way}.score": seen.scores.astype(np.float64),
        f"{way}.own": own.mean((1, 2)),
        f"{way}.other": other.mean((1, 2)),
        f"{way}.points": (own.max((1, 2)) > other.max((1, 2))).astype(float),
        f"{way}.wins": (own > rivals).mean((1, 2)),
        f"{way}.max": seen.maps.max((1, 2)),
        f"{way}.rank": seen.ranks(targets).astype(float),
    }


def pair_of(loaded: Loaded, pictures: Sequence[Image.Image], targets: Sequence[int]) -> Arrays:
    """All that is measured on two photographs, each array (1, 2)."""
    network, info = loaded
    single = [alone(network, info.preprocess, p, t) for p, t in zip(pictures, targets, strict=True)]
    found = {name: np.stack([one[name] for one in single]) for name in single[0]}
    for pixels in (info.preprocess.crop, sizes_of(info.preprocess)[-1]):
        seen = see(network, info.preprocess, side_by_side(info.preprocess, pictures, pixels), targets)
        found |= together(seen, targets, f"pair {pixels}")
    return {name: values[None] for name, values in found.items()}


def replicates_of(arrays: Arrays) -> Arrays:
    """Means over the pairs and their bootstrap replicates, each (1 + RESAMPLES,)."""
    weights = resampled(len(next(iter(arrays.values()))))
    means = {name: weights @ values.mean(1) for name, values in arrays.items()}
    for name, values in arrays.items():
        if name.endswith(".rank"):
            way = name.removesuffix(".rank")
            means[f"{way}.top1"] = weights @ (values == 0).mean(1)
            means[f"{way}.top5"] = weights @ (values < 5).mean(1)
            if way.startswith("pair"):
                means[f"{way}.both_top5"] = weights @ (values < 5).all(1)
    return means


def claims_of(m: Arrays, usual: int, twice: int) -> dict[str, np.ndarray]:
    """What is to be decided: each claim says that its difference is below 0."""
    large, tiles, around = (f"{way} {twice}" for way in ("enlarged", "tiled", "surrounded"))
    one, less, small = f"enlarged {usual}", f"blurred {usual}", f"enlarged {round(usual * FACTORS[0])}"
    two, two_large = f"pair {usual}", f"pair {twice}"

    def change(key: str, way: str, than: str = one, than_key: str | None = None) -> np.ndarray:
        return m[f"{way}.{key}"] - m[f"{than}.{than_key or key}"]

    fall, of_scale = change("score", large), change("score", large, tiles)
    found = {
        "enlarging lowers the score": fall,
        "enlarging lowers the map's maximum": change("max", large),
        "enlarging lowers the spread of all scores": change("spread", large),
        "enlarging lowers the score in units of the spread": change("standard", large),
        "enlarging lowers top-1 (a share)": change("top1", large),
        "a larger map at the usual scale (tiled) lowers the score": change("score", tiles),
        "enlarging lowers the score of the tiled image (as large a map, other scale)": of_scale,
        "scale is more than half of the fall": of_scale - fall / 2,
        "less detail at the usual size (blurred) lowers the score": change("score", less),
        "a smaller scale lowers the score": change("score", small),
        "a smaller scale lowers the score in units of the spread": change("standard", small),
        "the mean color around lowers the score": change("score", around),
        "the mean color around lowers the map inside the frame": change("inside", around, one, "score"),
        "tiles around lower the map inside the frame": change("inside", tiles, one, "score"),
        "a second object lowers the score": change("score", two),
        "a second object lowers the map on the own half": change("own", two, one, "score"),
        "enlarging lowers the score of a composite": change("score", two_large, two),
        "enlarging leaves fewer composites with both classes in the top 5": change(
            "both_top5", two_large, two
        ),
        "enlarging puts more maxima on the own half": -change("points", two_large, two),
    }
    for n, way in ((usual, two), (twice, two_large)):
        found[f"more than half of the maxima are on the own half at {n}"] = 1 / 2 - m[f"{way}.points"]
        found[f"the own class is higher at more than half of its own half at {n}"] = 1 / 2 - m[f"{way}.wins"]
    return found


def outcome_of(arrays: Arrays, usual: int, twice: int) -> dict[str, Any]:
    """What is recorded of the photographs: a row for each way of showing them, the claims, the finding."""
    means = replicates_of(arrays)
    differences = claims_of(means, usual, twice)
    rows: dict[str, dict[str, Any]] = {}
    for name, values in means.items():
        way, _, key = name.rpartition(".")
        rows.setdefault(way, {"way": way})[key] = interval(values, len(differences), 4)
    claims = []
    for what, difference in differences.items():
        claim = {"claim": what, **interval(difference, len(differences), 4)}
        claims.append(claim | {"verdict": verdict(claim["low_together"], claim["high_together"])})
    pairs = len(next(iter(arrays.values())))
    return {
        "pairs": pairs,
        "comparisons": len(claims),
        "intervals": "two-sided, bootstrap over pairs of photographs (standard error): at 95 %; `together`: "
        "at 95 % for all comparisons at once (Bonferroni), by which the verdicts are given",
        "rows": list(rows.values()),
        "claims": claims,
        "finding": finding(pairs, usual, twice, rows, claims),
    }


def finding(pairs: int, usual: int, twice: int, rows: Mapping[str, dict], claims: Sequence[dict]) -> str:
    """One paragraph, which goes no further than the verdicts."""

    def score(way: str, key: str = "score") -> str:
        return f"{rows[way][key]['value']:.2f}"

    def share(key: str) -> str:
        two = (f"{100 * rows[f'pair {n}'][key]['value']:.1f} % at {n}" for n in (usual, twice))
        return " and ".join(two)

    here, there = f"pair {usual}", f"pair {twice}"
    decided = (f"{c['claim']}: {c['verdict']}, {span(c, '', 2, '_together')}" for c in claims)
    return (
        f"Of {2 * pairs} photographs the mean score of the right class is {score(f'enlarged {usual}')} at "
        f"{usual} pixels, {score(f'enlarged {twice}')} enlarged to {twice}, and {score(f'tiled {twice}')} "
        f"tiled (as large a map, the usual scale). In {pairs} composites of two (made side by side: no "
        f"photographs of two objects) it is {score(here)} at {usual}, the mean of {score(here, 'own')} over "
        f"the own half and {score(here, 'other')} over the other, and {score(there)} at {twice}. A map's "
        f"maximum is on its own half for {share('points')}, it is above the other class's map at "
        f"{share('wins')} of the own half, and both classes are in the top 5 for {share('both_top5')}. "
        f"Claims, with the difference that decides them and its interval, 95 % for all {len(claims)} at "
        f"once: {'; '.join(decided)}. Tiles also bring seams and copies, which were not told apart from "
        "the size of the map."
    )


def shown(loaded: Loaded) -> dict[str, Any]:
    """Two photographs of scikit-image side by side: the maps of both classes at both sizes.

    The classes are the most probable ones of each alone at the usual size; their ranks say whether they
    still are at the other.
    """
    network, info = loaded
    pictures = list(of_scikit_image(SHOWN).values())
    usual, twice = info.preprocess.crop, sizes_of(info.preprocess)[-1]
    targets = [
        int(see(network, info.preprocess, np.array(info.preprocess.frame(p)), [0]).logits.argmax())
        for p in pictures
    ]
    names = info.classes or tuple(map(str, range(network.architecture.classes)))
    found: dict[str, Any] = {"photographs": list(SHOWN), "classes": [names[t] for t in targets], "inputs": {}}
    for pixels in (usual, twice):
        seen = see(network, info.preprocess, side_by_side(info.preprocess, pictures, pixels), targets)
        single = [
            see(network, info.preprocess, np.array(at_size(info.preprocess, pixels).frame(p)), targets)
            for p in pictures
        ]
        found["inputs"][str(pixels)] = {
            "maps": np.round(seen.maps.astype(float), 2).tolist(),
            "scores": np.round(seen.scores.astype(float), 3).tolist(),
            "ranks": seen.ranks(targets).tolist(),
            "alone": [
                {
                    "score": round(float(one.scores[i]), 3),
                    "max": round(float(one.maps[i].max()), 3),
                    "rank": int(one.ranks([target])[0]),
                    "first": names[int(one.logits.argmax())],
                }
                for i, (one, target) in enumerate(zip(single, targets, strict=True))
            ],
        }
    return found


def measure(
    loaded: Loaded, photos: Path, work: Path, *, pairs: int | None, seed: int, each: Callable[[dict], None]
) -> dict[str, Any]:
    """Measure pair by pair; `each` gets the outcome after every part."""
    readers = photographs(photos)
    names = chosen(list(readers), None if pairs is None else 2 * pairs, seed)
    couples = [
        couple
        for couple in zip(names[::2], names[1::2], strict=False)
        if label(couple[0]) != label(couple[1])
    ]
    if not couples:
        raise InceptionError(f"{photos}: holds no two photographs of different classes.")
    info = loaded.info
    examples, parts = shown(loaded), []

    def part(own: Sequence[tuple[str, str]]) -> Arrays:
        return joined(
            [pair_of(loaded, [readers[n]() for n in couple], [label(n) for n in couple]) for couple in own]
        )

    with tqdm(total=len(couples), unit="pair") as bar:
        for begin in range(0, len(couples), PART):
            own = couples[begin : begin + PART]
            stamp = f"{digest(loaded.network.state_dict())} {info.preprocess} {own}"
            parts.append(kept(work / f"{begin:05d}.npz", stamp, partial(part, own)))
            bar.update(len(own))
            outcome = {
                "of": len(readers),
                "preprocess": info.preprocess.describe(),
                **outcome_of(joined(parts), info.preprocess.crop, sizes_of(info.preprocess)[-1]),
                "shown": examples,
            }
            each(outcome)
    return outcome


def main(
    weights: str | None = None,
    photos: Path | None = None,
    pairs: int = 150,
    quick: bool = False,
    work: Path = Path("runs/two_objects"),
    seed: int = 0,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        weights: A published name, or a file.
        photos: Folder or tar archive of images that are named by the WordNet ids of their classes.
        pairs: How many composites are made, of two photographs each, chosen at random.
        quick: A small random network and images made on the spot, to see that all of it runs.
        work: Folder of the measurements, part by part; if interrupted, the same command goes on from there.
        seed: Of the order of the images.
        record: Write the outcome to data/results under this name, anew after each part.
    """
    if record:
        results.check_name(record)
    with subject(weights, photos, work, quick=quick) as it:

        def data(outcome: dict[str, Any]) -> str:
            return (
                f"{2 * outcome['pairs']} of {outcome['of']:,} photographs of {it.photos.name}, chosen by "
                f"seed {seed}, alone and in pairs, and {' and '.join(SHOWN)} of scikit-image"
            )

        about = "Class maps of two objects side by side, and the score of a class by input size"
        keep = recorder(record, it, seed, about, data)
        outcome = measure(*it, pairs=pairs, seed=seed, each=keep)
    for row in outcome["rows"]:
        print(f"{row['way']:<16}" + "  ".join(f"{k} {span(v, '', 2)}" for k, v in row.items() if k != "way"))
    print(outcome["finding"])
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "two_objects"))
