"""The network that the reader writes in chapter 5, with BVLC's weights, beside the reference logits."""

from __future__ import annotations

import tarfile
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from test_published import BVLC, LOGITS, PHOTOS, needs_logits

from inception_lib import count, googlenet, load_weights
from inception_lib.data.decoding import read_picture
from inception_lib.nn.network import Network

CHAPTER = Path(__file__).resolve().parents[1] / "book" / "05_whole_network.ipynb"
CELLS = ("c05-module", "c05-network", "c05-agree")


@pytest.fixture(scope="module")
def own():
    """What the chapter's cells define: `GoogLeNet`, and `load`, which fills it by the order of Table 1."""
    cells = {cell.id: cell.source for cell in nbformat.read(CHAPTER, 4).cells}
    lines = sum(len(cells[name].splitlines()) for name in CELLS[:2])
    scope: dict = {"torch": torch, "nn": torch.nn}
    scope |= {"count": count, "googlenet": googlenet, "Network": Network}
    for name in CELLS:
        exec(cells[name], scope)
    return scope | {"lines": lines}


def test_it_is_short(own):
    assert own["lines"] < 90  # with Table 1 and the module; the network's class alone is forty


@pytest.mark.slow
@needs_logits
def test_the_reference_logits(own):
    trained, info = load_weights(BVLC)
    network = own["GoogLeNet"]().eval()
    own["load"](network, trained)
    expected = np.load(LOGITS)
    with tarfile.open(PHOTOS) as tar:
        images = torch.stack(
            [
                info.preprocess(read_picture(tar.extractfile(f"imagenet-samples-384/{name}")))
                for name in expected["photo"]
            ]
        )
    with torch.inference_mode():
        logits = torch.cat([network(part) for part in images.split(8)])
    np.testing.assert_allclose(logits.numpy(), expected["logits"], atol=1e-3)
