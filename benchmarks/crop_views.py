"""What a network answers to each view of each photograph, kept so that any of them can be pooled afterwards.

For `crop_factors.py`; see there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from measured import Arrays, kept, other_run
from PIL import Image
from torch import Tensor

from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.plan import Scheme, distinct, plan
from inception_lib.nn.network import Network


@torch.inference_mode()
def logits_of(
    network: Network, preprocess: Preprocess, picture: Image.Image, scheme: Scheme, batch: int
) -> Tensor:
    """What the network answers to all views of one picture: float32 (views, classes), in the plan's order.

    Views of the same pixels go through the network once.

    Raises:
        InceptionError: an answer is not a number.
    """
    views = plan(scheme, *picture.size, preprocess)
    different = distinct(views)
    row = {view.pixels: n for n, view in enumerate(different)}
    x = views_of(picture, different, preprocess)
    answers = torch.cat([network(part).logits for part in x.split(batch)])
    if not answers.isfinite().all():
        raise InceptionError(
            "What the network answers to a photograph is not a number; are its weights whole?"
        )
    return answers[[row[view.pixels] for view in views]]


def kept_parts(
    work: Path,
    stamp: str,
    names: Sequence[str],
    size: int,
    compute: Callable[[str], Tensor] | None,
) -> Iterator[tuple[slice, np.ndarray]]:
    """Which of the images, and their logits (images, views, classes) in float32, part by part.

    Each part of `size` images is read from its file in the folder `work`, or computed and written there.
    Without `compute` it ends at the first part that is not there.

    Args:
        stamp: of all that decides the logits but the image; it is kept in the files.
        compute: gives the logits of the image of that name.

    Raises:
        InceptionError: a file is of another run, or cannot be read.
    """
    for start in range(0, len(names), size):
        own = list(names[start : start + size])
        path = work / f"{start:06d}.npz"
        if compute is None and not path.exists():
            return

        def part(own: list[str] = own) -> Arrays:
            assert compute is not None  # or the file was there
            return {"names": np.array(own), "logits": torch.stack([compute(name) for name in own]).numpy()}

        found = kept(path, stamp, part)
        if found["names"].tolist() != own:
            raise other_run(path)
        yield slice(start, start + len(own)), found["logits"]
