"""Training images per second and core, from JPEG files to normalized batches: ours beside torchvision's.

    python benchmarks/loader_speed.py                              photographs of 500 x 375, made on the spot
    python benchmarks/loader_speed.py --data FOLDER --workers 2    class folders of your own, two processes

`torchvision` is its ImageFolder with the transforms of its training reference (references/classification,
`--use-v2`), by Pillow and on tensors: crop, resize, mirror. `ours` is the loader of trainings with the
augmentation of that name; `paper` adds photometric distortion to torchvision's, `bvlc` and `mirror` resize
whole images. `before` is the same with Pillow alone, as it was up to commit c969df7; the pixels are the same.
All end with float32 batches on the CPU, from one process with one thread, or from `--workers` processes.
Rounds alternate between the contenders, so that a machine that slows down slows all; the figures are medians,
and the ratios medians of the rounds' ratios. `part` says how long the steps of `paper` take for an image,
`decode` the whole by Pillow, `decode the part` what counts of it, where that can be done.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import tyro
from PIL import Image
from rounds import in_turn
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from inception_lib.book import results
from inception_lib.book.photographs import photographs
from inception_lib.console import run
from inception_lib.data.augmentation import Augment, apply
from inception_lib.data.compiled import augmented, augmented_file, compiled
from inception_lib.data.images import IMAGENET_PREPROCESS, Preprocess, read_picture
from inception_lib.data.loading import Loader, drawn
from inception_lib.data.sources import Data, class_pictures
from inception_lib.distributed import device_name, tune_process
from inception_lib.training.recipes import Recipe

SIZE = (500, 375)  # most of ImageNet's pictures are of this size
AUGMENTS: tuple[Augment, ...] = ("paper", "bvlc", "mirror")
TORCHVISION = ("torchvision, PIL", "torchvision, tensor")


def make_pictures(folder: Path, count: int) -> None:
    """Random parts of photographs as JPEGs of `SIZE`, quality 90, color at half the resolution."""
    rng = np.random.default_rng(0)
    sources = list(photographs().values())
    for n in range(count):
        source = sources[n % len(sources)]
        scale = rng.uniform(0.6, 1) * min(source.width / SIZE[0], source.height / SIZE[1])
        width, height = (int(side * scale) for side in SIZE)
        left, top = rng.integers(source.width - width + 1), rng.integers(source.height - height + 1)
        part = source.resize(SIZE, Image.Resampling.BICUBIC, (left, top, left + width, top + height))
        path = folder / f"class_{n % 2}" / f"{n:04d}.jpg"
        path.parent.mkdir(exist_ok=True)
        part.save(path, quality=90, subsampling="4:2:0")


def reference(size: int, tensors: bool) -> v2.Compose:
    """torchvision's training transforms, as its references make them with `use_v2`."""
    crop = [v2.RandomResizedCrop(size, interpolation=v2.InterpolationMode.BILINEAR, antialias=True)]
    crop.append(v2.RandomHorizontalFlip(0.5))
    turned = [v2.PILToTensor(), *crop] if tensors else [*crop, v2.PILToTensor()]
    normal = v2.Normalize(mean=IMAGENET_PREPROCESS.mean, std=IMAGENET_PREPROCESS.std)
    return v2.Compose([*turned, v2.ToDtype(torch.float, scale=True), normal, v2.ToPureTensor()])


class Before(Dataset):
    """What a worker did up to commit c969df7: everything by Pillow."""

    def __init__(self, data: Data, recipe: Recipe) -> None:
        self.data, self.recipe = data, recipe

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        picture = read_picture(self.data.label_of(index))
        how = drawn(self.recipe, 0, index, picture.size)
        return np.asarray(apply(picture, how, self.recipe.input_size)), int(self.data.labels[index])


def stacked(samples: list[tuple[np.ndarray, int]]) -> tuple[Tensor, Tensor]:
    return torch.from_numpy(np.stack([x for x, _ in samples])), torch.tensor([y for _, y in samples])


def normalized_before(preprocess: Preprocess, images: Tensor) -> Tensor:
    n, height, width, channels = images.shape
    mean, std = (torch.tensor(v).repeat(width) for v in (preprocess.mean, preprocess.std))
    values = (images.flatten(2).float() * (preprocess.white / 255) - mean) / std
    return values.view(n, height, width, channels).permute(0, 3, 1, 2)


def contenders(
    folder: Path, data: Data, size: int, batch: int, workers: int
) -> dict[str, Callable[[], Iterator[Tensor]]]:
    """Functions that give all batches of an epoch."""
    how = {"num_workers": workers, "persistent_workers": workers > 0, "shuffle": True, "drop_last": True}
    found: dict[str, Callable[[], Iterator[Tensor]]] = {}
    for name in TORCHVISION:
        images = ImageFolder(folder, transform=reference(size, tensors="tensor" in name))
        loader = DataLoader(images, batch, **how)
        found[name] = lambda loader=loader: (x for x, _ in loader)
    for augment in AUGMENTS:
        recipe = Recipe(
            name=augment,
            augment=augment,
            input_size=size,
            resize=round(size * 256 / 224),
            batch=batch,
            workers=workers,
        )
        preprocess = recipe.preprocess()
        ours = Loader(data, None, recipe)
        before = DataLoader(Before(data, recipe), batch, collate_fn=stacked, **how)
        found[f"ours, {augment}"] = lambda ours=ours, p=preprocess: (
            p.batch(part.pictures) for part in ours.training(0)
        )
        found[f"before, {augment}"] = lambda before=before, p=preprocess: (
            normalized_before(p, x) for x, _ in before
        )
    return found


def seconds(batches: Callable[[], Iterator[Tensor]]) -> float:
    """For one image, in an epoch."""
    start, images = time.perf_counter(), 0
    for x in batches():
        images += len(x)
    return (time.perf_counter() - start) / images


def parts(data: Data, size: int, batch: int) -> dict[str, Callable[[], float]]:
    """The steps of our `paper`, alone; each gives the seconds for an image."""
    recipe = Recipe(name="paper", input_size=size, resize=round(size * 256 / 224))
    pictures = [data.picture(i) for i in range(min(batch, len(data)))]
    draws = [drawn(recipe, 0, i, picture.size) for i, picture in enumerate(pictures)]
    plain = [how._replace(changes=()) for how in draws]
    made = torch.from_numpy(np.stack([augmented(*each, size) for each in zip(pictures, draws, strict=True)]))

    def timed(step: Callable[[], object]) -> float:
        start = time.perf_counter()
        step()
        return (time.perf_counter() - start) / len(pictures)

    def all_of(how: list) -> list[np.ndarray]:
        return [augmented(picture, its, size) for picture, its in zip(pictures, how, strict=True)]

    files = [(str(data.path(i)), lambda full, how=how: how) for i, how in enumerate(plain)]
    return {
        "decode": partial(timed, lambda: [data.picture(i) for i in range(len(pictures))]),
        "decode the part, resize": partial(timed, lambda: [augmented_file(*file, size) for file in files]),
        "resize, mirror": partial(timed, lambda: all_of(plain)),
        "and photometry": partial(timed, lambda: all_of(draws)),
        "normalize": partial(timed, lambda: recipe.preprocess().batch(made)),
    }


def main(
    data: Path | None = None,
    count: int = 128,
    size: int = 224,
    batch: int = 32,
    workers: int = 0,
    rounds: int = 7,
    record: str | None = None,
) -> int:
    """Measure and print.

    Args:
        data: A folder of class folders of images; photographs made on the spot if not given.
        count: How many photographs are made.
        size: Pixels a side of what the network sees.
        batch: Images of a batch.
        workers: Processes that read; 0 reads in this one.
        rounds: Of which the median counts.
        record: Write the table to data/results under this name.
    """
    tune_process(torch.device("cpu"))
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as made:
        folder = data or Path(made)
        if data is None:
            make_pictures(folder, max(batch, count))
        images = class_pictures(folder)
        runs = contenders(folder, images, size, batch, workers)
        for batches in runs.values():  # warm up, and start the workers
            seconds(batches)
        took = in_turn({name: partial(seconds, batches) for name, batches in runs.items()}, rounds)
        steps = in_turn(parts(images, size, batch), rounds)

    def ratio(base: str, name: str) -> float:
        return round(statistics.median(a / b for a, b in zip(took[base], took[name], strict=True)), 3)

    rows = [
        {
            "loader": name,
            "images_per_s": round(1 / statistics.median(found), 1),
            **{f"of_{base.replace(', ', '_')}": ratio(base, name) for base in TORCHVISION},
            "of_before": ratio(name.replace("ours", "before"), name) if "ours" in name else None,
        }
        for name, found in took.items()
    ]
    part_rows = [
        {"part": name, "ms": round(1e3 * statistics.median(found), 3)} for name, found in steps.items()
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    print(pd.DataFrame(part_rows).to_string(index=False))
    print("compiled" if compiled() else "not compiled: there is no C compiler")
    if record:
        outcome = {
            "size": size,
            "batch": batch,
            "workers": workers,
            "rounds": rounds,
            "compiled": compiled() is not None,
            "rows": rows,
            "parts": part_rows,
        }
        print(
            results.record(
                record,
                outcome,
                about="Training images per second from JPEG files, ours beside torchvision's reference",
                data=f"{len(images)} images" if data else f"scikit-image's photographs, JPEGs of {SIZE}",
                seed=0,
                device=device_name(torch.device("cpu")),
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "loader_speed"))
