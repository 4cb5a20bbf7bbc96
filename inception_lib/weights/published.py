"""The weights that others published: where they are, and how to fetch them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.errors import WeightsError
from inception_lib.files import cache_folder, download
from inception_lib.networks.googlenet import googlenet
from inception_lib.weights.info import NAMES, Weights


@cache
def published(name: str) -> Weights:
    """What is known of the published weights `bvlc` or `torchvision`; nothing is fetched.

    Raises:
        WeightsError: there are none of that name.
    """
    if name == "bvlc":
        return Weights(
            name=name,
            architecture=googlenet("paper"),
            preprocess=BVLC_PREPROCESS,
            classes=imagenet_classes(),
            source="BVLC's Caffe model zoo, models/bvlc_googlenet, trained by Sergio Guadarrama",
            license="released for unrestricted use",
            # its publisher's only address; the checksums make up for http
            urls=("http://dl.caffe.berkeleyvision.org/bvlc_googlenet.caffemodel",),
            # the first as OpenVINO's Open Model Zoo has it for the file at this address
            # (models/public/googlenet-v1/model.yml), the second as BVLC's readme has it
            checksums=(
                "sha256:6f7101e3a2183738a7125a0c5021ba82a1feb4228c5ca0924d991b6daf6f6fad",
                "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204",
            ),
            # of its numbers without the heads, by `states.digest`, whatever container they come in
            tensors="sha256:c71527893d3e10ad2ba6dd3fef0725484de46a5554a3dc664bcdb69b7571468e",
        )
    if name == "torchvision":
        from torchvision.models import GoogLeNet_Weights

        url = GoogLeNet_Weights.IMAGENET1K_V1.url
        # the heads in the file were never trained, so the network comes without them
        return Weights(
            name=name,
            architecture=googlenet("torchvision", heads=False),
            preprocess=TORCHVISION_PREPROCESS,
            classes=imagenet_classes(),
            source="torchvision, GoogLeNet_Weights.IMAGENET1K_V1",
            license="none stated for the weights; torchvision is BSD 3-Clause",
            urls=(url,),
            # torch.hub's convention: the name ends in the beginning of the digest
            checksums=("sha256:" + url.rpartition("-")[2].removesuffix(".pth"),),
        )
    raise WeightsError(f"There are no published weights named {name!r}; there are {' and '.join(NAMES)}.")


def cached(name: str) -> Path | None:
    """The file of published weights if it is on this machine already, else None; nothing is fetched.

    It is looked for in `INCEPTION_CACHE` (else `~/.cache/inception_lib`) under the name that its
    publisher gave it, and for `torchvision` in torch.hub's folder too. Checksums are verified when
    a file is fetched, not here.
    """
    file = _file(name)
    folders = [cache_folder()]
    if name == "torchvision":
        folders.append(Path(torch.hub.get_dir()) / "checkpoints")
    return next((folder / file for folder in folders if (folder / file).is_file()), None)


def fetch(name: str, *, progress: bool = True) -> Path:
    """The file of published weights, downloaded and its checksum verified if it is not there yet.

    Raises:
        WeightsError: no such name, no connection, or another file than the published one came.
    """
    info = published(name)
    return cached(name) or download(
        info.urls, cache_folder() / _file(name), info.checksums, progress=progress
    )


def _file(name: str) -> str:
    return published(name).urls[0].rpartition("/")[2]
