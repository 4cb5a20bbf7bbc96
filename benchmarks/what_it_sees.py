"""What a trained network's channels see: conv1's filters, and an optimized image for some of each branch.

    python benchmarks/what_it_sees.py --weights bvlc --record what_it_sees
    python benchmarks/what_it_sees.py --quick

The channels are drawn by the seed and not chosen by eye. Each image is optimized by
`inception_lib.visualization.visualize`, from the same noise, and kept in the folder `--work` with what it was
made with: if interrupted, the same command goes on where it was. How strongly an image excites its channel is
measured once more on the finished image, and on random images that have the same spectrum (each wave's
amplitude, its position drawn anew, the same for the three colors).

The record is a JSON file and two pictures beside it: NAME.webp has the tiles, one row for a module, and
NAME_filters.png has conv1's filters, a pixel for a weight.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import tyro
from PIL import Image, PngImagePlugin
from torch import Tensor
from tqdm import tqdm

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.book.seeing import Tile, tiles_of
from inception_lib.console import run
from inception_lib.data.images import BVLC_PREPROCESS, Preprocess
from inception_lib.errors import InceptionError
from inception_lib.files import replacing
from inception_lib.nn.network import Network
from inception_lib.visualization import as_input, excitation, filters, visualize
from inception_lib.weights.info import Loaded, Weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.states import digest

TILE = 72  #: pixels of a tile in the sheet
RANDOM = 100  #: images of the same spectrum, with which one is compared
QUALITY = 80  #: of the sheet, as WebP counts


def same_spectrum(image: Tensor, count: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Random images (1, 3, height, width) whose waves have the amplitudes and the colors of an image's.

    Args:
        image: (3, height, width), RGB from 0 to 1, a range that random ones may leave.
    """
    size = image.shape[1:]
    waves = torch.fft.rfft2(image)
    for _ in range(count):
        phases = torch.fft.rfft2(torch.randn(size, generator=generator)).angle()
        phases[0, 0] = 0  # the mean stays
        yield torch.fft.irfft2(waves * torch.exp(1j * phases), s=size)[None]


@torch.inference_mode()
def measured(network: Network, preprocess: Preprocess, tile: Tile, picture: Image.Image) -> dict[str, Any]:
    """How strongly the finished image excites its channel, and how random ones of its spectrum do."""
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    generator = torch.Generator().manual_seed(0)

    def excites(one: Tensor) -> float:
        return float(excitation(network, as_input(one, preprocess), tile.path, tile.channel))

    own, others = excites(image[None]), [excites(one) for one in same_spectrum(image, RANDOM, generator)]
    return {
        "excitation": round(own, 4),
        "random_mean": round(float(np.mean(others)), 4),
        "random_most": round(max(others), 4),
        "more_than": sum(own > other for other in others),
    }


def kept_tile(path: Path, made_with: dict[str, Any]) -> tuple[Image.Image, dict[str, Any]] | None:
    """A finished image and what was measured on it, if it is there.

    Raises:
        InceptionError: it was made otherwise, or cannot be read.
    """
    if not path.exists():
        return None
    try:
        with Image.open(path) as picture:
            told = json.loads(picture.info["made_with"])  # type: ignore[attr-defined]
            found = picture.convert("RGB"), json.loads(picture.info["measured"])
    except (OSError, ValueError, KeyError) as error:
        raise InceptionError(f"{path}: cannot be read ({error!r}); delete it and it is made anew.") from None
    if told != made_with:
        raise InceptionError(f"{path}: is of another run; --work names another folder.")
    return found


def keep(path: Path, picture: Image.Image, made_with: dict[str, Any], found: dict[str, Any]) -> None:
    told = PngImagePlugin.PngInfo()
    told.add_text("made_with", json.dumps(made_with))
    told.add_text("measured", json.dumps(found))
    with replacing(path) as new, new.open("wb") as file:
        picture.save(file, "PNG", pnginfo=told)


def sheet_of(tiles: list[Tile], pictures: list[Image.Image]) -> tuple[Image.Image, list[tuple[int, int]]]:
    """All tiles on one picture, a row for each module; and the left and upper corner of each."""
    modules = list(dict.fromkeys(tile.module for tile in tiles))
    columns = dict.fromkeys(modules, 0)
    corners = []
    for tile in tiles:
        corners.append((TILE * columns[tile.module], TILE * modules.index(tile.module)))
        columns[tile.module] += 1
    sheet = Image.new("RGB", (TILE * max(columns.values()), TILE * len(modules)), "gray")
    for picture, corner in zip(pictures, corners, strict=True):
        sheet.paste(picture.resize((TILE, TILE), Image.Resampling.LANCZOS), corner)
    return sheet, corners


def filter_sheet(shown: np.ndarray) -> Image.Image:
    """Filters (n, height, width, 3) in rows of eight, without gaps."""
    n, height, width, _ = shown.shape
    columns = min(8, n)
    padded = np.full((-(-n // columns) * columns, height, width, 3), 128, np.uint8)
    padded[:n] = shown
    rows = padded.reshape(-1, columns, height, width, 3).swapaxes(1, 2)
    return Image.fromarray(rows.reshape(-1, columns * width, 3))


def write(path: Path, picture: Image.Image, form: str, **options: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as new, new.open("wb") as file:
        picture.save(file, form, **options)


def made_on_the_spot() -> Loaded:
    """A small random network, for a quick run."""
    architecture = googlenet(width=0.05, heads=False, input_size=64, classes=10)
    network = Network(architecture, generator=torch.Generator().manual_seed(0)).eval()
    preprocess = replace(BVLC_PREPROCESS, resize=64, crop=64)
    return Loaded(network, Weights(name="random", architecture=architecture, preprocess=preprocess))


def main(
    weights: str | None = None,
    channels: int = 4,
    size: int = 128,
    steps: int = 256,
    seed: int = 0,
    quick: bool = False,
    work: Path = Path("runs/what_it_sees"),
    record: str | None = None,
) -> int:
    """Optimize an image for some channels of each branch of each module, and print how they excite them.

    Args:
        weights: A published name, or a file.
        channels: Of each branch, drawn by the seed.
        size: Height and width in pixels of an image while it is optimized.
        steps: Of each optimization.
        seed: Of the channels, and of the noise that the images start from.
        quick: A small random network, small images and few steps, to see that all of it runs.
        work: Folder of the finished images.
        record: Write the outcome to data/results under this name, anew after each module.
    """
    if record:
        results.check_name(record)
    if channels < 1 or steps < 1:
        raise InceptionError(f"--channels and --steps are at least 1, not {channels} and {steps}.")
    with tempfile.TemporaryDirectory() as folder:
        if quick:
            loaded, channels, size, steps, work = made_on_the_spot(), 1, 64, 4, Path(folder)
        elif weights is None:
            raise InceptionError("--weights is needed (--quick runs without).")
        else:
            loaded = load_weights(weights, heads=False)
        outcome = measure(loaded, channels, size, steps, seed, work, record)
    print(f"{'channel':<26}{'excitation':>12}{'random':>10}{'most':>10}{'more than':>11}")
    for row in outcome["tiles"]:
        print(
            f"{row['path'] + ' ' + str(row['channel']):<26}{row['excitation']:>12.2f}"
            f"{row['random_mean']:>10.2f}{row['random_most']:>10.2f}{row['more_than']:>7} of {RANDOM}"
        )
    print(outcome["finding"])
    return 0


def measure(
    loaded: Loaded, channels: int, size: int, steps: int, seed: int, work: Path, record: str | None
) -> dict[str, Any]:
    """Make what is missing of the tiles, one by one, and record after each module."""
    network, info = loaded
    work.mkdir(parents=True, exist_ok=True)
    tiles = tiles_of(network.architecture, channels, seed)
    if not tiles:
        raise InceptionError(f"{network.architecture.name}: has no Inception modules.")
    stamp = {"weights": digest(network.state_dict()), "size": size, "steps": steps, "seed": seed}
    pictures, rows = [], []
    for number, tile in enumerate(tqdm(tiles, unit="tile"), 1):
        path = work / f"{tile.path.replace('/', '-')}-{tile.channel}.png"
        found = kept_tile(path, stamp)
        if found is None:
            begun = time.perf_counter()
            picture = visualize(
                network,
                tile.path,
                tile.channel,
                preprocess=info.preprocess,
                size=size,
                steps=steps,
                seed=seed,
            )
            seconds = round(time.perf_counter() - begun, 1)
            found = picture, measured(network, info.preprocess, tile, picture) | {"seconds": seconds}
            keep(path, found[0], stamp, found[1])
        pictures.append(found[0])
        rows.append(tile._asdict() | found[1])
        if number == len(tiles) or tiles[number].module != tile.module:
            outcome = outcome_of(loaded, tiles, pictures, rows, stamp, record, seed)
    return outcome


def outcome_of(
    loaded: Loaded,
    tiles: list[Tile],
    pictures: list[Image.Image],
    rows: list[dict[str, Any]],
    stamp: dict[str, Any],
    record: str | None,
    seed: int,
) -> dict[str, Any]:
    """What there is so far, which is written if it is to be recorded."""
    sheet, corners = sheet_of(tiles[: len(pictures)], pictures)
    shown = filters(loaded.network, loaded.info.preprocess)
    outcome = {
        "of": len(tiles),
        "made_with": stamp,
        "tile_pixels": TILE,
        "filter_pixels": shown.shape[1],
        "filters": len(shown),
        "tiles": [row | {"left": x, "top": y} for row, (x, y) in zip(rows, corners, strict=True)],
        "finding": finding(rows, len(tiles)),
    }
    if record:
        folder = results.folder()
        write(folder / f"{record}.webp", sheet, "WEBP", quality=QUALITY, method=6)
        write(folder / f"{record}_filters.png", filter_sheet(shown), "PNG", optimize=True)
        outcome |= {"sheet": f"{record}.webp", "filter_sheet": f"{record}_filters.png"}
        results.record(
            record,
            outcome,
            about="Images optimized to excite single channels, and the filters of the first convolution",
            data=f"none but the weights: {loaded.info.source or loaded.info.name}",
            seed=seed,
        )
    return outcome


def finding(rows: list[dict[str, Any]], of: int) -> str:
    """One paragraph, which goes no further than what was measured."""
    clear = sum(row["more_than"] == RANDOM for row in rows)
    least = min(rows, key=lambda row: row["more_than"])
    return (
        f"{len(rows)} of {of} channels, drawn by the seed. {clear} of the {len(rows)} images excite their "
        f"channel more than each of {RANDOM} random images of the same spectrum; the fewest are "
        f"{least['more_than']} of {RANDOM}, for channel {least['channel']} of {least['path']}. An image is "
        "one of many that excite a channel, and not all that it responds to."
    )


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "what_it_sees"))
