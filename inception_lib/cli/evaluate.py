"""The command `inception evaluate`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from inception_lib.errors import InceptionError

if TYPE_CHECKING:
    from inception_lib.evaluation.store import Tested


def evaluate(
    weights: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
    data: str = "shapes",
    crops: Literal[1, 10, 144] = 144,
    pool: Literal["mean", "max"] = "mean",
    split: str = "val",
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
            option once for every network. BVLC's where none is given.
        data: shapes, imagenette, caltech101, cifar10, imagenet; or a folder with SPLIT/CLASS or CLASS in it;
            or a folder of pictures without classes, for which the most probable class is printed.
        crops: 1: the center. 10: corners, center and mirror images at one scale. 144: the paper's.
        pool: Over crops: the mean, or the maximum, which the paper tried as well.
        split: Of the data.
        out: Folder in which probabilities are kept, of each network apart; without it nothing is kept.
        resume: Go on with the test in that folder.
        device: cpu, cuda, cuda:1; the GPU if there is one.
        batch: Crops that go through a network at once; 32, or 256 on a GPU.
        workers: Threads that read pictures.
        download: Fetch the data set if it is not there.
        table: Write one row for every class to this CSV file.
        record: Write what came of it to data/results under this name.
    """
    if out is None:
        if resume:
            raise InceptionError("--resume needs --out, the folder of the test to go on with.")
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            raise InceptionError("Several processes need --out, a folder that all of them can write to.")
        with tempfile.TemporaryDirectory() as folder:
            return evaluate(
                weights,
                data,
                crops,
                pool,
                split,
                Path(folder) / "test",
                False,
                device,
                batch,
                workers,
                download,
                table,
                record,
            )

    from inception_lib.book import results
    from inception_lib.distributed import choose_device
    from inception_lib.evaluation import ensemble, metrics
    from inception_lib.evaluation.data import open_test_data, relabeled
    from inception_lib.weights.loading import load_weights

    chosen = choose_device(device)
    networks = [load_weights(w, heads=False) for w in weights or ("bvlc",)]
    pictures = relabeled(open_test_data(data, split, download=download), networks[0].info)
    done = ensemble.evaluate(
        networks, pictures, out, crops=(crops,), resume=resume, device=device, batch=batch, workers=workers
    )
    if int(os.environ.get("RANK", "0")):
        return 0
    for why in done.skipped.values():
        print(f"inception: skipped: {why}", file=sys.stderr)
    found = done.probabilities(crops, pool)
    if done.labels[0] < 0:
        if table or record:
            raise InceptionError(f"{data}: its pictures have no classes, so that there is nothing to write.")
        for i, p in zip(done.read, found, strict=True):
            print(f"{100 * p.max():5.1f} %  {done.classes[p.argmax()]}  {pictures.label_of(int(i))}")
        return 0
    places = metrics.ranks(found, done.labels)
    top1, top5 = metrics.rate(places == 0), metrics.rate(places < 5)
    print(_summary(done, crops, pool))
    print(f"top-1  {top1}\ntop-5  {top5}")
    if table:
        try:
            metrics.per_class(found, done.labels, done.classes).to_csv(table, index=False)
        except OSError as error:
            raise InceptionError(f"{table}: cannot be written ({error.strerror or error}).") from None
    if record:
        import torch

        gpu = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else None
        outcome = {
            "networks": list(done.networks),
            "crops": crops,
            "pool": pool,
            "pictures": len(done.read),
            "skipped": len(done.skipped),
            "top1": top1._asdict(),
            "top5": top5._asdict(),
        }
        print(
            results.record(
                record,
                outcome,
                about="Shares of right answers, with 95 % intervals (Wilson)",
                data=f"{done.data}, {split}: {len(done.read):,} pictures",
                device=gpu,
            )
        )
    return 0


def _summary(done: Tested, crops: int, pool: str) -> str:
    def several(n: int, what: str) -> str:
        return f"{n:,} {what}{'s' * (n != 1)}"

    skipped = f" ({len(done.skipped):,} skipped)" if done.skipped else ""
    over = "1 crop" if crops == 1 else f"the {pool} over {crops} crops"
    return (
        f"{done.data}: {several(len(done.read), 'picture')}{skipped}, "
        f"{several(len(done.networks), 'network')}, {over}"
    )
