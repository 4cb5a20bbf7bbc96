"""Effective receptive fields of the branches beside the theoretical ones, trained and at the start.

    python benchmarks/receptive_fields.py --weights bvlc --photos FOLDER_OR_TAR --record receptive_fields
    python benchmarks/receptive_fields.py --quick

The theoretical field of a unit is all of the input that it can depend on. How much it depends on each pixel
is its gradient with respect to the input (Luo et al. 2016). Here a unit is one channel of a branch at the
center of the map, before its ReLU (which would multiply all of the gradient by the same 0 or 1). On each
image some channels are drawn; each gradient is scaled to a sum of 1, so that all units count equally, since
the magnitude of a channel is arbitrary. Measured are

- `size`, as Luo et al. define it: the square root of the number of pixels at which the mean absolute
  gradient (over images and units, summed over colors) is above 4.55 % of its value at the center. It is
  counted in cells of a quarter of the unit's stride, since the pattern of the strides is finer than that;
- `side50`, `side90`: the sides of the centered squares that hold 50 % and 90 % of the squared gradient;
- `center`: the share of the squared gradient in the central square of half the input's side, which is a
  quarter of its area;
- `area90`: the smallest share of the input's area that holds 90 % of the squared gradient of one unit on one
  image. An average over images is wider than each of the fields that it averages; this is not.

A network with its initial weights (BVLC's filler) is measured on the same images, drawn anew for each.
At 224 pixels the image cuts off the fields from 4e on. So both networks are also measured in the middle of
the larger input `--large`, in which the image goes on mirrored, at its own scale, and no field is cut.

Of the record: that 90 % of the squared gradient is in half of the theoretical side was added to the claims
after the other ones had been seen on 10 photographs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from fields import Place, fields_of, grids, mirrored, profile_of, share_within, side_of, size_of
from measured import Arrays, chosen, interval, joined, kept, resampled, span
from photographs import photographs, recorder, subject
from taken_apart import VERDICTS, verdict
from torch import Tensor
from tqdm import tqdm

from inception_lib.architecture import Architecture
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.data.images import Preprocess
from inception_lib.nn.network import Network
from inception_lib.weights.info import Loaded
from inception_lib.weights.states import digest

MODULES = ("inception_3a", "inception_4a", "inception_4e", "inception_5b")
CUT = MODULES[2:]  #: those whose theoretical fields are larger than the usual input
PART = 10  #: images in a file
Replicates = dict[tuple[str, int, str], Arrays]  #: by network, input and branch: of each number measured


def replicates_of(arms: dict[tuple[str, int], Arrays], places: dict[tuple[int, str], Place]) -> Replicates:
    found: Replicates = {}
    for (network, pixels), arrays in arms.items():
        for name in (key.removesuffix(".rings") for key in arrays if key.endswith(".rings")):
            weights = resampled(len(arrays[f"{name}.rings"]))
            maps = np.tensordot(weights.astype(np.float32), arrays[f"{name}.absolute"], 1)
            ringed = weights @ arrays[f"{name}.rings"]
            module, _, branch = name.partition("/")
            place = places[pixels, module]
            found[network, pixels, name] = {
                # cells reach beyond the image, and beyond a small field
                "size": np.minimum(size_of(maps, place.cell), place.inside(branch, pixels)),
                "side50": side_of(ringed, 0.5),
                "side90": side_of(ringed, 0.9),
                "center": share_within(ringed, pixels // 2),
                "area90": weights @ arrays[f"{name}.area90"],
                "profile": maps[0],
            }
    return found


def claims_of(found: Replicates, places: dict[tuple[int, str], Place]) -> list[dict[str, Any]]:
    """What is to be decided: each claim says that `difference` is below 0."""
    claims = []
    for (network, pixels, name), own in found.items():
        module, _, branch = name.partition("/")

        def claim(what: str, difference: np.ndarray, *, name: str = name, pixels: int = pixels) -> None:
            claims.append({"claim": what, "branch": name, "input": pixels, "difference": difference})

        if network != "trained":
            continue
        half = places[pixels, module].inside(branch, pixels) / 2
        claim("size below half the theoretical", own["size"] - half)
        claim("90 % in half the theoretical", own["side90"] - half)
        for wider, what in (("3x3", "1x1 below 3x3"), ("5x5", "3x3 below 5x5"), ("3x3", "pool below 3x3")):
            if what.startswith(branch):
                claim(what, own["side90"] - found[network, pixels, f"{module}/{wider}"]["side90"])
        if ("random", pixels, name) in found:
            claim("larger after training", found["random", pixels, name]["side90"] - own["side90"])
        if module == MODULES[-1] and pixels == min(p for _, p, _ in found):
            claim("more at the center than evenly", 1 / 4 - own["center"])
    return claims


def outcome_of(arms: dict[tuple[str, int], Arrays], places: dict[tuple[int, str], Place]) -> dict[str, Any]:
    """What is recorded: a row for each network, input and branch, the claims, and the finding."""
    found = replicates_of(arms, places)
    claims = claims_of(found, places)
    for claim in claims:
        claim |= interval(claim.pop("difference"), len(claims), 4)
        claim["verdict"] = verdict(claim["low_together"], claim["high_together"])
    rows = []
    for (network, pixels, name), own in found.items():
        module, _, branch = name.partition("/")
        place = places[pixels, module]
        low, high = place.fields[branch]
        measured: dict[str, Any] = {
            key: interval(own[key], len(claims), 1) for key in ("size", "side50", "side90")
        } | {key: interval(own[key], len(claims), 4) for key in ("center", "area90")}
        rows.append(
            {"network": network, "input": pixels, "branch": name, "theoretical": high - low + 1}
            | {"theoretical_in_image": place.inside(branch, pixels), **measured}
            | {"profile_step": place.cell, "profile": profile_of(own["profile"])}
        )
    images = {f"{network} {pixels}": len(next(iter(a.values()))) for (network, pixels), a in arms.items()}
    return {
        "images": images,
        "comparisons": len(claims),
        "intervals": "two-sided, bootstrap over images (standard error): at 95 %; `together`: at 95 % for "
        "all comparisons at once (Bonferroni), by which the verdicts are given",
        "rows": rows,
        "claims": claims,
        "finding": finding(images, rows, claims),
    }


def decided(claims: Sequence[dict], what: str, pixels: int) -> str:
    """`at 224 shown for 13 of 16 branches (not shown: 4e/1x1; refuted: 3a/1x1, 3a/pool)`."""
    own = [c for c in claims if c["claim"] == what and c["input"] == pixels]
    by = {v: [short(c["branch"]) for c in own if c["verdict"] == v] for v in VERDICTS}
    every = next((v for v in VERDICTS if len(by[v]) == len(own)), None)
    if every:
        return f"at {pixels} {every} for all {len(own)} branches"
    rest = "; ".join(f"{v}: {', '.join(by[v])}" for v in VERDICTS[1:] if by[v])
    return f"at {pixels} shown for {len(by['shown'])} of {len(own)} branches ({rest})"


def short(branch: str) -> str:
    return branch.removeprefix("inception_")


def finding(images: dict[str, int], rows: Sequence[dict], claims: Sequence[dict]) -> str:
    """One paragraph, which goes no further than the verdicts."""
    usual, large = sorted({row["input"] for row in rows})
    trained = {(row["input"], row["branch"]): row for row in rows if row["network"] == "trained"}
    cut = sum(
        row["theoretical_in_image"] < row["theoretical"] for (n, _), row in trained.items() if n == large
    )
    told = partial(span, ending="_together")

    def sizes(pixels: int, modules: Sequence[str]) -> str:
        some = [trained[pixels, f"{module}/5x5"] for module in modules]
        return f"at {pixels} " + ", ".join(
            f"{short(row['branch'])} {told(row['size'], 'px')} and {told(row['side90'], 'px')} of "
            f"{row['theoretical']}"
            for row in some
        )

    def of_last(key: str) -> str:
        some = {b: trained[usual, f"{MODULES[-1]}/{b}"][key] for b in ("1x1", "3x3", "5x5", "pool")}
        return ", ".join(f"{b} {told(measured, '%')}" for b, measured in some.items())

    def both(what: str) -> str:
        return f"{decided(claims, what, usual)}; {decided(claims, what, large)}"

    return " ".join(
        [
            "Gradients of units at the center of the map, on "
            f"{images[f'trained {usual}']} photographs at {usual} pixels and on {images[f'trained {large}']} "
            f"at {large}, where the image goes on mirrored and {cut or 'none'} of the fields "
            f"{'are' if cut else 'is'} cut; intervals at 95 % for all {len(claims)} comparisons at once. The "
            "effective size (Luo et al. 2016) of the 5x5 branches, and the side of the square with 90 % of "
            f"the squared gradient, are {sizes(usual, MODULES)}; {sizes(large, CUT)}.",
            "The effective size is below half of the theoretical side in the image (below the whole it is by "
            f"definition): {both('size below half the theoretical')}. 90 % of the squared gradient is in a "
            f"square of half of it: {both('90 % in half the theoretical')}.",
            f"Units of {short(MODULES[-1])} draw more on the center than evenly on the image: "
            f"{decided(claims, 'more at the center than evenly', usual)}; a square of a quarter of the area "
            f"around their center holds of the squared gradient: {of_last('center')}. 90 % of one unit's "
            f"squared gradient on one image is in this share of the area: {of_last('area90')}.",
            "By the side of the square with 90 % of the squared gradient, 1x1 is smaller than 3x3: "
            f"{both('1x1 below 3x3')}; 3x3 smaller than 5x5: {both('3x3 below 5x5')}; pool smaller than 3x3, "
            f"whose theoretical field is the same: {both('pool below 3x3')}. Training makes it larger: "
            f"{both('larger after training')}.",
            "A gradient says what would change the unit a little, not what it needs; only units at the "
            "center were measured.",
        ]
    )


def measure(
    loaded: Loaded,
    photos: Path,
    work: Path,
    *,
    count: int,
    large: int,
    large_count: int,
    draws: int,
    seed: int,
    each: Callable[[dict], None],
) -> dict[str, Any]:
    """Run both networks at both sizes, part by part; `each` gets the outcome after every part."""
    network, info = loaded
    network.requires_grad_(False)
    readers = photographs(photos)
    names = chosen(list(readers), count, seed)
    sizes = {info.preprocess.crop: (MODULES, names), large: (CUT, names[:large_count])}
    arms: dict[tuple[str, int], list[Arrays]] = {
        (kind, n): [] for n in sizes for kind in ("trained", "random")
    }
    places = {
        (pixels, module): Place(network, module, pixels, grid)
        for pixels, (modules, _) in sizes.items()
        for module, grid in grids(network, pixels, modules).items()
    }

    def part(kind: str, pixels: int, numbers: Sequence[int]) -> Arrays:
        return joined(
            [
                fields_of(
                    network if kind == "trained" else initial(network.architecture, seed + number),
                    image(info.preprocess, readers[names[number]](), pixels),
                    sizes[pixels][0],
                    draws,
                    np.random.default_rng((seed, number)),
                )
                for number in numbers
            ]
        )

    with tqdm(total=2 * sum(len(some) for _, some in sizes.values()), unit="image") as bar:
        for begin in range(0, len(names), PART):
            for (kind, pixels), parts in arms.items():
                numbers = range(begin, min(begin + PART, len(sizes[pixels][1])))
                if numbers:
                    own = [names[number] for number in numbers]
                    stamp = f"{digest(network.state_dict())} {info.preprocess} {seed} {draws} {own}"
                    path = work / f"{kind}_{pixels}_{begin:05d}.npz"
                    parts.append(kept(path, stamp, partial(part, kind, pixels, numbers)))
                    bar.update(len(numbers))
            outcome = {
                "of": len(readers),
                "units": draws,
                "preprocess": info.preprocess.describe(),
                **outcome_of({arm: joined(parts) for arm, parts in arms.items()}, places),
            }
            each(outcome)
    return outcome


def image(preprocess: Preprocess, picture: Any, pixels: int) -> Tensor:
    """(1, 3, pixels, pixels), as the network takes it."""
    frame = mirrored(np.array(preprocess.frame(picture)), pixels)
    return preprocess.batch(torch.from_numpy(frame[None]))


def initial(architecture: Architecture, seed: int) -> Network:
    """The network before its training, with weights of its own for each seed."""
    return Network(architecture, generator=torch.Generator().manual_seed(seed)).eval().requires_grad_(False)


def main(
    weights: str | None = None,
    photos: Path | None = None,
    count: int = 300,
    large: int = 768,
    large_count: int = 40,
    draws: int = 1,
    quick: bool = False,
    work: Path = Path("runs/receptive_fields"),
    seed: int = 0,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        weights: A published name, or a file.
        photos: Folder or tar archive of images.
        count: How many of them, chosen at random.
        large: Side of the larger input in pixels.
        large_count: How many of the images are also measured at that size.
        draws: Units of each branch for an image.
        quick: A small random network and images made on the spot, to see that all of it runs.
        work: Folder of the fields, part by part; if interrupted, the same command goes on from there.
        seed: Of the images, the units and the initial weights.
        record: Write the outcome to data/results under this name, anew after each part.
    """
    if record:
        results.check_name(record)
    if quick:
        large, large_count = 160, 6
    with subject(weights, photos, work, quick=quick, width=0.3) as it:

        def data(outcome: dict[str, Any]) -> str:
            return (
                f"{max(outcome['images'].values())} of {outcome['of']:,} photographs of {it.photos.name}, "
                f"chosen by seed {seed}"
            )

        about = "Effective receptive fields beside the theoretical ones, by branch"
        keep = recorder(record, it, seed, about, data)
        outcome = measure(
            *it,
            count=count,
            large=large,
            large_count=large_count,
            draws=draws,
            seed=seed,
            each=keep,
        )
    print(f"{'network':<9}{'input':<7}{'branch':<20}{'field':>6}{'size':>20}{'side90':>20}{'center':>20}")
    for row in outcome["rows"]:
        said = [span(row["size"]), span(row["side90"]), span(row["center"], "%")]
        print(
            f"{row['network']:<9}{row['input']:<7}{row['branch']:<20}{row['theoretical']:>6}"
            + "".join(f"{text:>20}" for text in said)
        )
    print(outcome["finding"])
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "receptive_fields"))
