"""Networks over data: softmax averaged over the crops of each picture, then over the networks.

That is the paper's way (section 7); it tried the maximum over crops as well, and found it worse. Both are
kept for every network, so that any subset of the networks can be looked at without running one again.
"""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, closing, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess
from inception_lib.distributed import Team, team
from inception_lib.errors import DataError, TeamError, printable
from inception_lib.evaluation.data import stamp
from inception_lib.evaluation.plan import POOLS, Scheme, plan, scheme
from inception_lib.evaluation.reading import Cut, cut_views, fused, in_order, read, softmax, usual_batch
from inception_lib.evaluation.store import (
    FORMAT,
    PART,
    Tested,
    claimed,
    open_test,
    part_paths,
    why_anew,
    write_part,
)
from inception_lib.progress import progress_bar
from inception_lib.weights.info import Loaded


def _key(loaded: Loaded) -> str:
    """A name that two sets of weights share only if they are the same."""
    digest = hashlib.sha256(repr(loaded.info.preprocess).encode())
    for name, value in loaded.network.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    safe = "".join(c if c.isalnum() or c in "-_." else "_" for c in loaded.info.name)
    return f"{safe}-{digest.hexdigest()[:8]}"


def evaluate(
    networks: Sequence[Loaded],
    data: Data,
    folder: Path,
    *,
    crops: Sequence[int] | Mapping[str, Scheme] = (144,),
    resume: bool = False,
    device: str | Team | None = None,
    batch: int | None = None,
    workers: int = 4,
    progress: bool = True,
) -> Tested:
    """Run networks over all pictures, and keep what they answer in a folder.

    Each picture is read once, by a pool of threads, and each of its crops is cut once, whatever number of
    tests and networks it is for. A picture that cannot be read is noted and left out. Memory does not grow
    with the number of pictures: of those being read or waiting, at most three for each thread, only the ones
    being read may be whole if they are large.

    Under torchrun each process takes every world-th part of 32 pictures, and the folder is shared.

    Args:
        networks: which must have the same classes; they are moved to the device.
        data: its labels are outputs of the networks (see `relabeled`), or -1.
        folder: where to.
        crops: numbers of crops (see `scheme`), or schemes by name.
        resume: go on in a folder that holds a part of the same test, or the same with other networks. What
            was answered for images that have changed since, or is damaged, is answered anew.
        device: cpu, cuda, cuda:1, mps, xpu; the accelerator if there is one. Or the team of processes that
            this one has joined.
        batch: crops that go through a network at once; 32, or 256 on an accelerator.
        workers: threads that read pictures.
        progress: show a bar and sentences on stderr.

    Raises:
        DataError: the folder holds a test, and `resume` is not asked for or it is another test; the networks
            do not go together; there is no picture, or none could be read; a network's answer is no number.
        TrainingError: the device cannot be used.
    """
    if not networks or not len(data):
        raise DataError(f"{data.name}: a test needs at least one network and one picture.")
    if workers < 1 or (batch is not None and batch < 1):
        raise DataError(
            f"A test needs at least one thread and one crop in a batch, not {workers} and {batch}."
        )
    keys = [_key(loaded) for loaded in networks]
    if len(set(keys)) < len(keys):
        raise DataError(f"{next(k for k in keys if keys.count(k) > 1)}: this network is there twice.")
    if len({loaded.info.architecture.classes for loaded in networks}) > 1:
        raise DataError(
            "The networks of one test must have the same classes, and these have "
            + " and ".join(str(w.info.architecture.classes) for w in networks)
            + "."
        )
    about = _about(networks, keys, data, crops)
    try:
        with (
            nullcontext(device) if isinstance(device, Team) else team(device) as members,
            ExitStack() as stack,
        ):
            with members.leader_first() as leads:
                if leads:
                    stack.enter_context(claimed(folder, about, resume))
            todo = _todo(data, folder, keys, progress and leads)
            members.wait()  # until every process has looked: what is written now must not change the shares
            _run(
                dict(zip(keys, networks, strict=True)),
                data,
                folder,
                crops,
                members.device,
                todo[members.rank :: members.world],
                workers,
                batch or usual_batch(members.device),
                progress and leads,
            )
            members.wait()
    except TeamError as error:
        raise TeamError(f"{str(error).rstrip('.')}; --resume goes on with the test in {folder}.") from error
    done = open_test(folder)
    if not len(done.read):
        first = next(iter(done.skipped.values()))
        raise DataError(f"{data.name}: no picture could be read; the first: {first}")
    return done


def _about(networks: Sequence[Loaded], keys: list[str], data: Data, crops: Any) -> dict[str, Any]:
    """What the folder says of the test; all but the networks must be the same for going on with it."""
    schemes: dict[str, str | None] = {}
    if isinstance(crops, Mapping):
        schemes.update((name, repr(value)) for name, value in crops.items())
    else:
        schemes.update((str(n), None) for n in crops)
    if not schemes:
        raise DataError("A test needs at least one number of crops.")
    for loaded in networks:
        _schemes(crops, loaded.info.preprocess)  # refuse here what cannot be cut
    return {
        "format": FORMAT,
        "data": data.name,
        "fingerprint": data.fingerprint(),
        "classes": list(data.classes),
        "labels": [int(n) for n in data.labels],
        "crops": schemes,
        "networks": keys,
    }


def _schemes(crops: Sequence[int] | Mapping[str, Scheme], preprocess: Preprocess) -> dict[str, Scheme]:
    found = dict(crops) if isinstance(crops, Mapping) else {str(n): scheme(n, preprocess) for n in crops}
    for value in found.values():
        plan(value, 1, 1, preprocess)
    return found


class _Part(NamedTuple):
    """Images whose answers go into one file for each network: of which networks, and the images' stamp."""

    which: range
    networks: list[str]
    stamp: str


def _todo(data: Data, folder: Path, keys: Sequence[str], say: bool) -> list[_Part]:
    """The parts that are not there, and those that must be made anew, which `say` tells on stderr."""
    found, anew = [], []
    paths = {key: part_paths(folder / key, len(data)) for key in keys}
    for number, start in enumerate(range(0, len(data), PART)):
        which = range(start, min(start + PART, len(data)))
        now, missing = stamp(data, which), []
        for key in keys:
            path = paths[key][number]
            why = why_anew(path, now) if path.exists() else ""
            if why is not None:
                missing.append(key)
            if why:
                anew.append(f"{path}: {why}")
        if missing:
            found.append(_Part(which, missing, now))
    if say and anew:
        others = f"; so are {len(anew) - 1:,} more" if len(anew) > 1 else ""
        print(f"inception: {printable(anew[0])}, and is made anew{others}.", file=sys.stderr)
    return found


@torch.inference_mode()
def _run(
    networks: dict[str, Loaded],
    data: Data,
    folder: Path,
    crops: Any,
    device: torch.device,
    parts: Sequence[_Part],
    workers: int,
    batch: int,
    progress: bool,
) -> None:
    by_preprocess: dict[Preprocess, list[str]] = {}
    for key, (network, info) in networks.items():
        network.to(device).to(memory_format=torch.channels_last).eval()
        by_preprocess.setdefault(info.preprocess, []).append(key)
    schemes = {p: _schemes(crops, p) for p in by_preprocess}
    wanted = [i for part in parts for i in part.which]
    # the same for all processes, and after an interruption
    views = len(data) * max(len(plan(s, 1, 1, p)) for p, some in schemes.items() for s in some.values())
    networks = {key: fused(loaded, views) for key, loaded in networks.items()}
    with (
        progress_bar(progress, total=len(wanted), desc=printable(data.name), unit="picture") as bar,
        warnings.catch_warnings(),  # the threads that read change the filters; here they are put back
        closing(
            in_order(lambda i: read(partial(data.picture, i), data.label_of(i), schemes), wanted, workers)
        ) as pictures,
    ):
        for part in parts:
            skipped: dict[int, str] = {}
            answers: dict[str, list[Tensor]] = {key: [] for key in part.networks}
            waiting: dict[Preprocess, list[Cut]] = {
                p: [] for p, keys in by_preprocess.items() if set(keys) & set(part.networks)
            }
            for i in part.which:
                found = next(pictures)
                bar.update()
                if isinstance(found, str):
                    skipped[i] = found
                    continue
                for preprocess, cuts in waiting.items():
                    cuts.append(cut_views(found, schemes[preprocess], preprocess, device))
                    if sum(len(c.pixels) for c in cuts) >= batch:
                        _answer(networks, answers, by_preprocess[preprocess], cuts, batch)
            for preprocess, cuts in waiting.items():
                _answer(networks, answers, by_preprocess[preprocess], cuts, batch)
            index = torch.tensor([i for i in part.which if i not in skipped], dtype=torch.int64)
            for key, got in answers.items():
                classes = networks[key].info.architecture.classes
                names = list(next(iter(schemes.values())))
                # (pictures, tests, pools, classes)
                each = torch.stack(got) if got else torch.empty(0, len(names), len(POOLS), classes)
                tensors = {
                    f"{name}.{pool}": each[:, a, b].contiguous()
                    for a, name in enumerate(names)
                    for b, pool in enumerate(POOLS)
                }
                path = part_paths(folder / key, len(data))[part.which.start // PART]
                write_part(path, tensors | {"index": index}, skipped, part.stamp)


def _answer(
    networks: Mapping[str, Loaded],
    answers: dict[str, list[Tensor]],
    keys: Sequence[str],
    cuts: list[Cut],
    batch: int,
) -> None:
    """Run the networks on the views of some pictures, and add (tests, pools, classes) for each picture."""
    if not cuts:
        return
    mine = [key for key in keys if key in answers]
    views = torch.cat([c.pixels for c in cuts])
    for key, found in zip(mine, softmax([networks[key] for key in mine], views, batch), strict=True):
        # the device is waited for here, once for all these pictures
        for p, c in zip(found.cpu().split([len(c.pixels) for c in cuts]), cuts, strict=True):
            if not p.isfinite().all():
                raise DataError(f"{key}: its answer for {c.name} is not a number.")
            best = torch.stack([p[w > 0].amax(0) for w in c.weights])
            answers[key].append(torch.stack([c.weights @ p, best], 1))
    cuts.clear()
