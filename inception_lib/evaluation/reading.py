"""Pictures on their way to networks: read ahead by threads, their views cut once, and answered in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch
from PIL import Image
from torch import Tensor

from inception_lib.data.images import Preprocess
from inception_lib.data.sources import opened_or_why_not
from inception_lib.evaluation.crops import cut, levels, pixels
from inception_lib.evaluation.plan import Scheme, View, distinct, plan
from inception_lib.nn.layers import watched
from inception_lib.nn.network import Network
from inception_lib.weights.info import Loaded

_LARGE = 8_000_000  # pixels; a larger picture is resized by the thread that reads it, and not kept whole

Item = TypeVar("Item")
Result = TypeVar("Result")


class Read(NamedTuple):
    """A picture as it was read: its size, and its pixels, or if it is large its levels, by pre-processing."""

    name: str
    width: int
    height: int
    pixels: Tensor | None
    levels: dict[Preprocess, dict[int, Tensor]]


class Cut(NamedTuple):
    """The different views of a picture, and which of them each test takes, with weights (tests, views).

    The pixels are on the device, the weights on the CPU, where the crops' answers are averaged.
    """

    name: str
    pixels: Tensor
    weights: Tensor


def in_order(
    function: Callable[[Item], Result], items: Iterable[Item], workers: int
) -> Generator[Result, None, None]:
    """What a function gives for each item, in their order.

    It is made ahead by so many threads, three for each; by none, when it is asked for.
    """
    if not workers:
        yield from map(function, items)
        return
    pool = ThreadPoolExecutor(workers)
    ahead: deque[Future[Result]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(function, item))
            if len(ahead) >= 3 * workers:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def read(
    opened: Callable[[], Image.Image], name: str, schemes: Mapping[Preprocess, Mapping[str, Scheme]]
) -> Read | str:
    """A picture, ready for its views to be cut; or the reason why it could not be read."""
    picture = opened_or_why_not(opened, name)
    if isinstance(picture, str):
        return picture
    found, (width, height) = pixels(picture), picture.size
    if width * height <= _LARGE:
        return Read(name, width, height, found, {})
    resized = {p: levels(found, _scales(s), p) for p, s in schemes.items()}
    return Read(name, width, height, None, resized)


def _scales(schemes: Mapping[str, Scheme]) -> list[int]:
    return sorted({scale for scheme in schemes.values() for scale in scheme.scales})


def cut_views(
    found: Read, schemes: Mapping[str, Scheme], preprocess: Preprocess, device: torch.device
) -> Cut:
    """All views that any of the tests takes of this picture, each once."""
    plans: list[list[View]] = [plan(s, found.width, found.height, preprocess) for s in schemes.values()]
    views = distinct([view for views in plans for view in views])
    row = {view.pixels: n for n, view in enumerate(views)}
    weights = torch.zeros(len(plans), len(views))
    for test, its in enumerate(plans):
        for view in distinct(its):
            weights[test, row[view.pixels]] = view.weight
    if found.pixels is None:
        resized = {scale: x.to(device) for scale, x in found.levels[preprocess].items()}
    else:
        resized = levels(found.pixels.to(device), _scales(schemes), preprocess)
    return Cut(found.name, cut(resized, views, preprocess), weights)


def softmax(networks: Sequence[Loaded], views: Tensor, batch: int) -> list[Tensor]:
    """What networks of one pre-processing answer to views (n, crop, crop, 3) in uint8.

    For each (n, classes) in float32, on the device of the views.
    """
    found: list[list[Tensor]] = [[] for _ in networks]
    for some in views.split(batch):
        x = networks[0].info.preprocess.batch(some)
        for own, (network, _) in zip(found, networks, strict=True):
            kind = next(network.parameters()).dtype  # the network may be of another precision
            own.append(network(x.to(kind)).logits.float().softmax(1))
    return [torch.cat(own) for own in found]


#: Views of all pictures from which on a network's inference form is worth the time that it takes to make.
_MANY = 64


def fused(loaded: Loaded, views: int) -> Loaded:
    """The network in its inference form, if it has one that does the same, for so many views in all.

    A network that somebody watches or has changed runs as it is.
    """
    network = loaded.network
    changed = type(network) is not Network or any(map(watched, network.modules()))
    if views < _MANY or changed:
        return loaded
    return Loaded(network.fused(), loaded.info)


def usual_batch(device: torch.device) -> int:
    """Views that go through a network at once where nobody says how many."""
    return 32 if device.type == "cpu" else 256
