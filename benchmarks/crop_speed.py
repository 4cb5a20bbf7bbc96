"""The 144-crop test of one photograph: ours beside Pillow's crop by crop and beside the network alone.

    python benchmarks/crop_speed.py                                  this machine, its GPU if it has one
    python benchmarks/crop_speed.py --batch 144 --record crop_speed_h200

All begin with a JPEG file and end with the mean of 144 answers; `network alone` begins with 144 crops that
are ready on the device, so that it is the time nothing can go below. `from the file each time` is the usual
pipeline, which opens, decodes, resizes, cuts and normalizes for every crop; `decoded once` resizes once for
every scale. Rounds alternate between the contenders, so that a machine that slows down slows all. `seconds`
are medians of the rounds, and so is `of_network`, the time as a multiple of what the network alone took.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd
import skimage
import torch
import tyro
from PIL import Image
from rounds import in_turn
from torch import Tensor

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.console import run
from inception_lib.data.images import BVLC_PREPROCESS, Preprocess, read_picture
from inception_lib.distributed import choose_device, device_name
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.plan import View, distinct, plan, scheme
from inception_lib.nn.network import Network

SIZE = (500, 375)  # most of ImageNet's pictures are of this size


def pillow_crop(resized: Image.Image, view: View, preprocess: Preprocess) -> Tensor:
    """One view out of the resized picture, as the network takes it."""
    left, top, side = view.place
    crop = resized.crop((left, top, left + side, top + side))
    if side != preprocess.crop:
        filter = Image.Resampling[preprocess.interpolation.upper()]
        crop = crop.resize((preprocess.crop, preprocess.crop), filter)
    if view.mirror:
        crop = crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return preprocess.tensor(crop)


def pillow_resize(picture: Image.Image, scale: int, preprocess: Preprocess) -> Image.Image:
    size = Preprocess(resize=scale, crop=preprocess.crop).resized(*picture.size)
    return picture.resize(size, Image.Resampling[preprocess.interpolation.upper()])


def contenders(
    photo: Path, network: Network, device: torch.device, batch: int
) -> dict[str, Callable[[], Tensor]]:
    """Functions that give the mean probabilities of the photograph."""
    preprocess = BVLC_PREPROCESS
    chosen = scheme(144, preprocess)
    views = plan(chosen, *SIZE, preprocess)

    @torch.inference_mode()
    def answer(x: Tensor) -> Tensor:
        found = [
            network(part.to(device, memory_format=torch.channels_last)).logits.softmax(1)
            for part in x.split(batch)
        ]
        return torch.cat(found).mean(0).cpu()

    def ours() -> Tensor:
        picture = read_picture(photo)
        different = distinct(plan(chosen, *picture.size, preprocess))  # all 144, of equal weight
        return answer(views_of(picture, different, preprocess, device))

    def each() -> Tensor:
        return answer(
            torch.stack(
                [
                    pillow_crop(pillow_resize(read_picture(photo), v.scale, preprocess), v, preprocess)
                    for v in views
                ]
            )
        )

    def once() -> Tensor:
        picture = read_picture(photo)
        resized = {scale: pillow_resize(picture, scale, preprocess) for scale in chosen.scales}
        return answer(torch.stack([pillow_crop(resized[v.scale], v, preprocess) for v in views]))

    ready = views_of(read_picture(photo), views, preprocess, device)
    return {
        "network alone": lambda: answer(ready),
        "ours": ours,
        "pillow, decoded once": once,
        "pillow, from the file each time": each,
    }


def seconds(function: Callable[[], Tensor]) -> float:
    """Of one call, whose answer is on the CPU: nothing is left to wait for."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def main(rounds: int = 7, batch: int = 144, device: str | None = None, record: str | None = None) -> int:
    """Measure and print.

    Args:
        rounds: Of which the median counts.
        batch: Crops that go through the network at once.
        device: cpu or cuda; the GPU if there is one.
        record: Write the table to data/results under this name.
    """
    chosen = choose_device(device)
    torch.manual_seed(0)
    network = Network(googlenet(heads=False)).eval().to(chosen, memory_format=torch.channels_last)
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.jpg"
        chelsea = Image.open(Path(skimage.__file__).parent / "data" / "chelsea.png")
        chelsea.resize(SIZE).save(photo, quality=90)
        runs = contenders(photo, network, chosen, batch)
        answers = {name: function() for name, function in runs.items()}  # and warm up
        took = in_turn({name: partial(seconds, function) for name, function in runs.items()}, rounds)
    base = took["network alone"]
    rows = [
        {
            "how": name,
            "seconds": round(statistics.median(found), 4),
            "of_network": round(statistics.median(a / b for a, b in zip(found, base, strict=True)), 3),
            "differs_by": float(f"{(answers[name] - answers['network alone']).abs().max():.1e}"),
        }
        for name, found in took.items()
    ]
    print(pd.DataFrame(rows).to_string(index=False))
    if record:
        print(
            results.record(
                record,
                {"rounds": rounds, "batch": batch, "rows": rows},
                seed=0,
                device=device_name(chosen),
                about="Time of the 144-crop test of one photograph, ours beside Pillow's",
                data=f"scikit-image's chelsea as a JPEG of {SIZE[0]} x {SIZE[1]}",
            )
        )
    return 0


if __name__ == "__main__":
    sys.exit(run(lambda: tyro.cli(main), "crop_speed"))
