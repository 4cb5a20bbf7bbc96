"""The command `inception evaluate`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from inception_lib.cli.options import PreprocessName, load
from inception_lib.errors import InceptionError, printable

if TYPE_CHECKING:
    from inception_lib.data.datasets import Data
    from inception_lib.evaluation.metrics import Array
    from inception_lib.evaluation.store import Tested
    from inception_lib.weights.info import Loaded


def evaluate(
    weights: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    data: str | None = None,
    crops: Literal[1, 10, 144] = 144,
    pool: Literal["mean", "max"] = "mean",
    split: str = "val",
    val_share: float | None = None,
    labels: Path | None = None,
    restrict: bool = False,
    preprocess: PreprocessName | None = None,
    classes: Path | None = None,
    warp: bool = False,
    out: Path | None = None,
    resume: bool = False,
    device: str | None = None,
    batch: int | None = None,
    workers: Annotated[int, tyro.conf.arg(metavar="INT")] = 4,
    download: bool = False,
    table: Path | None = None,
    record: str | None = None,
) -> int:
    """Test networks, alone or together: top-1 and top-5 over 1, 10 or 144 crops, with 95 % intervals.

    Softmax is averaged over the crops, then over the networks. Under torchrun, all its processes share the
    pictures.

    Args:
        weights: `bvlc` or `torchvision` (fetched once and kept), or the path of a weights file; give the
            option once for every network. Where none is given: the bundled networks for shapes, else BVLC's.
        data: shapes, imagenette, caltech101, cifar10, imagenet; or a folder with SPLIT/CLASS or CLASS in it,
            where CLASS is a name or a WordNet id (n01440764); or a folder of pictures without classes, for
            which the most probable class is printed. Networks that know the classes of shapes are tested on
            shapes where nothing is given.
        crops: 1: the center. 10: corners, center and mirror images at one scale. 144: the paper's.
        pool: Over crops: the mean, or the maximum, which the paper tried as well.
        split: Of the data.
        val_share: As it was given to train: tests the images that were held out then. Weights that were
            trained here know it themselves, for the folder that they were trained on.
        labels: A text file with a picture of the folder and its class in each line: `a.jpg 65` (the number of
            the output, from 0), `a.jpg n01751748` or `a.jpg,sea snake`.
        restrict: Where the data has some of the networks' classes only, choose among these.
        preprocess: Whose normalization the weights want, where their file does not say or is wrong: BVLC's,
            that of torchvision's published GoogLeNet (and of what was fine-tuned from it), or torchvision's
            usual one.
        classes: A text file with the names of the networks' outputs, one per line.
        warp: Resize pictures to a square whatever their shape, as Caffe's tutorial prepares ImageNet.
        out: Folder in which probabilities are kept, of each network apart; without it nothing is kept.
        resume: Go on with the test in that folder.
        device: cpu, cuda, cuda:1, mps, xpu; the accelerator if there is one.
        batch: Crops that go through a network at once; 32, or 256 on an accelerator.
        workers: Threads that read pictures.
        download: Fetch the data set if it is not there.
        table: Write one row for every class to this CSV file.
        record: Write what came of it to data/results under this name.
    """
    _refuse(weights, data, out, resume, table, record)
    if data == "shapes" and not weights and (preprocess or classes or warp):
        raise InceptionError("--preprocess, --classes and --warp are for networks that --weights names.")

    import numpy as np

    from inception_lib.distributed import device_name, team, tune_process
    from inception_lib.evaluation import ensemble, metrics

    with team(device) as members, _folder(out) as folder:
        tune_process(members.device)
        with members.leader_first():  # what it fetches, the others find
            networks = _networks(weights, data, lambda path: load(path, preprocess, classes, warp))
            pictures = _pictures(data, split, val_share, labels, download, networks)
        unlabeled = pictures.labels[0] < 0
        if unlabeled and (table or record or restrict):
            raise InceptionError(
                f"{data}: its pictures have no classes, so that nothing can be "
                f"{'restricted' if restrict else 'written'}; --labels names a list of them."
            )
        done = ensemble.evaluate(
            networks,
            pictures,
            folder,
            crops=(crops,),
            resume=resume,
            device=members,
            batch=batch,
            workers=workers,
        )
        if not members.leads:
            return 0
        for why in done.skipped.values():
            print(f"inception: skipped: {printable(why)}", file=sys.stderr)
        found = done.probabilities(crops, pool)
        if unlabeled:
            print(
                f"inception: {printable(str(data))}: its pictures have no classes (--labels names a list of "
                f"them); what follows is the most probable class of each.",
                file=sys.stderr,
            )
            for i, p in zip(done.read, found, strict=True):
                best = p.argmax()
                said = f"{done.classes[best]}  {pictures.label_of(int(i))}"
                print(f"{100 * p[best]:5.1f} %  {printable(said)}")
            return 0
        its_classes = np.unique(pictures.labels)
        part = len(its_classes) < len(done.classes)
        if part and restrict:
            found, numbers = metrics.among(found, done.labels, its_classes)
            done = replace(done, labels=numbers, classes=tuple(done.classes[i] for i in its_classes))
        said, outcome = _report(done, found, crops, pool, len(its_classes) if part else None)
        try:  # nothing is lost where one of these cannot be written
            if record:
                from inception_lib.book import results

                path = results.record(
                    record,
                    outcome,
                    about="Shares of right answers, with 95 % intervals (Wilson)",
                    data=f"{done.data}, {split}: {len(done.read):,} pictures",
                    device=None if members.device.type == "cpu" else device_name(members.device),
                )
                said += f"\n{printable(str(path))}"
            if table:
                _write_table(table, done, found)
        finally:
            print(said)
    return 0


def _refuse(
    weights: tuple[str, ...],
    data: str | None,
    out: Path | None,
    resume: bool,
    table: Path | None,
    record: str | None,
) -> None:
    """Refuse what can be known to go wrong, before anything is fetched or tested."""
    from inception_lib.book import results

    if out is None and resume:
        raise InceptionError("--resume needs --out, the folder of the test to go on with.")
    if out is None and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise InceptionError("Several processes need --out, a folder that all of them can write to.")
    if data is None and any(w in ("bvlc", "torchvision") for w in weights or ("bvlc",)):
        which = " and ".join(weights) or "--weights (bvlc, torchvision or a file) and on"
        raise InceptionError(
            f"What to test {which} on must be said: --data names a data set or a folder "
            f"(--data shapes tests the networks that come with the repository)."
        )
    if table is not None and (table.is_dir() or not table.parent.is_dir()):
        raise InceptionError(f"{table}: cannot be written; --table names a file in a folder that is there.")
    if record is not None:
        results.check_name(record)


@contextmanager
def _folder(out: Path | None) -> Iterator[Path]:
    if out is not None:
        yield out
        return
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "test"


def _networks(weights: tuple[str, ...], data: str | None, opened: Callable[[str], Loaded]) -> list[Loaded]:
    from inception_lib.book.bundled import bundled

    if data == "shapes" and not weights:
        return list(bundled())
    return [opened(w) for w in weights or ("bvlc",)]


def _pictures(
    data: str | None,
    split: str,
    val_share: float | None,
    labels: Path | None,
    download: bool,
    networks: list[Loaded],
) -> Data:
    """The pictures of the test, labeled with the networks' outputs, which must be the same for all."""
    from inception_lib.data.shapes import CLASSES
    from inception_lib.evaluation.data import (
        held_out_share,
        listed_data,
        open_test_data,
        relabeled,
        warn_of_trained,
    )

    infos = [loaded.info for loaded in networks]
    if data is None and infos[0].classes != CLASSES:
        raise InceptionError(
            f"What to test {infos[0].name} on must be said: --data names a data set or a folder."
        )
    if labels is not None and val_share is not None:
        raise InceptionError("--labels lists the pictures, and --val-share divides folders; leave out one.")
    name = data or "shapes"
    if labels is not None:
        found = [listed_data(name, split, labels, info) for info in infos]
        opened = found[0]
    else:
        if val_share is None:
            val_share = held_out_share(name, split, infos)
        opened = open_test_data(name, split, download=download, val_share=val_share)
        found = [relabeled(opened, info) for info in infos]
    warn_of_trained(opened, name, split, infos)
    for info, other in zip(infos, found, strict=True):
        mine, theirs = infos[0].classes or (), info.classes or ()
        permuted = mine != theirs and sorted(mine) == sorted(theirs)
        if permuted or (other.labels != found[0].labels).any():
            raise InceptionError(
                f"{infos[0].name} and {info.name} have the classes of {found[0].name} in another order, and "
                f"cannot be tested together."
            )
    return found[0]


def _report(
    done: Tested, found: Array, crops: int, pool: str, its_classes: int | None
) -> tuple[str, dict[str, Any]]:
    """The shares of right answers: as lines, and as what is recorded of them.

    `its_classes` is how many classes the data has, if these are only a part of the networks'.
    """
    from inception_lib.evaluation import metrics

    def several(n: int, what: str, more: str = "s") -> str:
        return f"{n:,} {what}{more * (n != 1)}"

    places = metrics.ranks(found, done.labels)
    top1, top5 = metrics.rate(places < 1), metrics.rate(places < 5)
    skipped = f" ({len(done.skipped):,} skipped)" if done.skipped else ""
    over = "1 crop" if crops == 1 else f"the {pool} over {crops} crops"
    said = (
        f"{printable(done.data)}: {several(len(done.read), 'picture')}{skipped}, "
        f"{several(len(done.networks), 'network')}, {over}\n"
    )
    if its_classes is not None:
        among = "these alone" if its_classes == len(done.classes) else f"all {len(done.classes):,}"
        said += f"{several(its_classes, 'class', 'es')} of the network's; answers are chosen among {among}\n"
    said += f"top-1  {top1}\ntop-5  {top5}"
    return said, {
        "networks": list(done.networks),
        "crops": crops,
        "pool": pool,
        "pictures": len(done.read),
        "skipped": len(done.skipped),
        "chosen_among": len(done.classes),
        "top1": top1._asdict(),
        "top5": top5._asdict(),
    }


def _write_table(path: Path, done: Tested, found: Array) -> None:
    """Write a row for every class, whole or not at all; what of a name is not text is escaped."""
    from inception_lib.evaluation import metrics
    from inception_lib.files import replacing

    rows = metrics.per_class(found, done.labels, done.classes)
    try:
        with replacing(path) as new:
            rows.to_csv(new, index=False, errors="backslashreplace")
    except OSError as error:
        raise InceptionError(f"{path}: cannot be written ({error.strerror or error}).") from None
