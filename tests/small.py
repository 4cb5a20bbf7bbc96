"""A small network, folders and data sets of small images, and the command, for tests that run either."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from inception_lib import googlenet
from inception_lib.cli import main
from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess, read_picture
from inception_lib.nn.network import Network
from inception_lib.weights.info import Loaded, Weights

ROOT = Path(__file__).parents[1]
CLASSES = ("ant", "bee", "cat")


def network(seed, preprocess=None, classes=CLASSES, architecture=None):
    """A small network; what it says depends on the picture, but means nothing."""
    torch.manual_seed(seed)
    made = Network(architecture or googlenet(width=0.1, classes=len(classes), heads=False)).eval()
    torch.nn.init.normal_(made.classifier.linear.weight, 0, 0.2)
    info = Weights(
        name=f"net{seed}",
        architecture=made.architecture,
        classes=tuple(classes),
        preprocess=preprocess or Preprocess(resize=54, crop=48),
    )
    return Loaded(made, info)


def shortened(architecture, keeps=("3a", "4a")):
    """The same network with fewer of its Inception modules: all kinds of its layers, in a part of the time.

    Of its heads stay those on a module that stays.
    """

    def stays(name):
        return not name.startswith("inception_") or name.removeprefix("inception_") in keeps

    return replace(
        architecture,
        layers=tuple(layer for layer in architecture.layers if stays(layer.name)),
        heads=tuple(head for head in architecture.heads if stays(head.after)),
    )


def noise(width, height, seed=0):
    """An image of random pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return Image.fromarray(pixels)


@dataclass(frozen=True)
class Noise:
    """Images that are made when they are asked for, of which every tenth cannot be read; which were asked."""

    asked: list[int] = field(default_factory=list)
    stop_at: int = -1

    def name(self, index):
        return f"image {index}"

    def read(self, index):
        if index == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append(index)
        if index % 10 == 9:
            return read_picture(Path("none") / f"{index}.png")
        return noise(56, 50, index)


def some_data(count=70, source=None):
    """Data of the three classes, made by `Noise`."""
    return Data("some", CLASSES, np.arange(count) % 3, source or Noise())


def class_folder(root, count):
    """A folder with so many images in folders of the three classes, and its files in their order."""
    for i in range(count):
        path = root / CLASSES[i * len(CLASSES) // count] / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise(56, 50, i).save(path)
    return sorted(root.rglob("*.png"))


def odd_folder(root):
    """A folder of every kind of picture, eight that can be read and three that cannot; gives `root`."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (root / "val" / name).mkdir(parents=True)

    def random(height, width, *channels):
        return Image.fromarray(rng.integers(0, 256, (height, width, *channels), dtype=np.uint8))

    ant, bee, cat = (root / "val" / name for name in CLASSES)
    random(8, 8, 3).save(ant / "tiny.png")
    Image.new("RGB", (10_000, 60), "orange").save(ant / "wide.png")
    Image.new("RGB", (10_000, 900), "purple").save(ant / "huge.jpg")
    random(70, 90).save(bee / "gray.png")
    random(70, 90, 4).save(bee / "alpha.png")
    random(90, 71, 3).convert("CMYK").save(bee / "cmyk.jpg")
    random(1, 1, 3).save(bee / "one.png")
    (cat / "text.jpg").write_text("not a picture")
    (cat / "empty.png").write_bytes(b"")
    random(99, 99, 3).save(cat / "whole.png")
    (cat / "cut.png").write_bytes((cat / "whole.png").read_bytes()[:9000])
    return root


def command(*arguments, **options):
    """The real command `inception`, in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "inception_lib", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        **options,
    )


def refused(capsys, *arguments):
    """What main() says on stderr when it refuses: one sentence, and nothing on stdout."""
    assert main(list(map(str, arguments))) == 1
    said = capsys.readouterr()
    assert not said.out and "Traceback" not in said.err and said.err.count("\n") == 1
    assert said.err.startswith("inception: ") and said.err.endswith(".\n")
    return said.err
