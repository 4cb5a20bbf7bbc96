"""Data sets: folders, the published ones' layouts, and pictures that cannot be read."""

import random
import re
import urllib.error

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import DataError
from inception_lib.data import datasets, loading
from inception_lib.data.datasets import open_data
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.data.loading import training_batches, validation_batches
from inception_lib.training.recipes import Recipe

SMALL = Recipe(name="test", width=0.25, input_size=80, resize=80, batch=4, epochs=2)


def paint(path, color, size=(90, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


@pytest.fixture
def folder(tmp_path):
    for split, n in (("train", 6), ("val", 3)):
        for name, color in (("cats", "red"), ("dogs", "blue")):
            for i in range(n):
                paint(tmp_path / "pets" / split / name / f"{i}.png", color)
    return tmp_path / "pets"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_DATA", str(tmp_path))
    return tmp_path


def test_a_folder_of_class_folders(folder):
    train, val = (open_data(str(folder), split) for split in ("train", "val"))
    assert train.classes == val.classes == ("cats", "dogs")
    assert list(train.labels) == [0] * 6 + [1] * 6 and len(val) == 6
    assert train.picture(7).getpixel((0, 0)) == (0, 0, 255)


def test_every_picture_is_seen_once_an_epoch_in_an_order_of_its_own(folder):
    data = open_data(str(folder), "train")
    orders = [loading.training_order(len(data), SMALL, epoch).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1] and sorted(orders[0]) == list(range(12))
    labels = torch.cat([b.labels for b in training_batches(data, SMALL, 0)])
    assert labels.tolist() == [data.labels[i] for i in orders[0]]


@pytest.mark.parametrize("workers", [0, 2])
def test_the_pictures_do_not_depend_on_who_reads_them(folder, workers):
    data = open_data(str(folder), "train")
    recipe = Recipe.from_dict(SMALL.to_dict() | {"workers": workers})
    whole = [b.pictures for b in training_batches(data, SMALL, 3)]
    later = [b.pictures for b in training_batches(data, recipe, 3, skip=1)]
    assert len(whole) == 3 and all(torch.equal(a, b) for a, b in zip(whole[1:], later, strict=True))
    halves = [list(training_batches(data, recipe, 3, rank=rank, world=2)) for rank in (0, 1)]
    for both, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(both, torch.cat([p.pictures for p in parts]))


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_bytes_become_what_prediction_gives_the_network(preprocess):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    one_by_one = torch.stack([preprocess.tensor(Image.fromarray(p)) for p in pictures])
    batch = loading.normalized(torch.from_numpy(pictures), preprocess)
    torch.testing.assert_close(batch, one_by_one, atol=1e-5, rtol=1e-5)


def test_validation_sees_all_pictures_once(folder):
    data = open_data(str(folder), "val")
    parts = [torch.cat([b.labels for b in validation_batches(data, SMALL, rank=r, world=2)]) for r in (0, 1)]
    assert sorted(torch.cat(parts).tolist()) == list(data.labels)


def test_a_bad_picture_is_named_and_the_others_go_on(folder):
    (folder / "train/cats/0.png").write_bytes(b"not a picture")
    (folder / "train/cats/1.png").write_bytes((folder / "train/cats/2.png").read_bytes()[:60])
    data = open_data(str(folder), "train")
    batches = list(training_batches(data, SMALL, 0))
    bad = [sentence for b in batches for sentence in b.bad]
    assert len(bad) == 2 and all(re.search(r"train/cats/[01]\.png: ", s) for s in bad)
    assert sum(len(b.labels) for b in batches) == 10
    assert all(len(b.pictures) == len(b.labels) for b in batches)


def test_what_is_wrong_with_a_folder_is_said(folder, tmp_path):
    with pytest.raises(DataError, match="there is no such folder, and no data set of that name"):
        open_data(str(tmp_path / "nothing"), "train")
    (folder / "val/birds").mkdir()
    with pytest.raises(DataError, match="birds is in one only"):
        open_data(str(folder), "train")
    (folder / "train/birds").mkdir()
    assert len(open_data(str(folder), "train").classes) == 3  # an empty class is allowed
    with pytest.raises(DataError, match="there is no such folder; a data set has train and val"):
        open_data(str(folder / "train"), "train")
    for split in ("train", "val"):
        for c in ("a", "b"):
            (tmp_path / "empty" / split / c).mkdir(parents=True)
    with pytest.raises(DataError, match="there is no picture in it"):
        open_data(str(tmp_path / "empty"), "val")
    Image.new("RGB", (8, 8)).save(tmp_path / "empty/val/loose.png")
    with pytest.raises(DataError, match="there is no picture in its class folders"):
        open_data(str(tmp_path / "empty"), "val")


def test_too_few_pictures_for_a_batch(folder):
    large = Recipe.from_dict(SMALL.to_dict() | {"batch": 64})
    with pytest.raises(DataError, match="12 training pictures do not fill one batch of 64"):
        training_batches(open_data(str(folder), "train"), large, 0)


def test_imagenet_as_it_lies_on_a_disk(home):
    names = {"n01440764": ("tench", "Tinca tinca"), "n01443537": ("goldfish", "Carassius auratus")}
    torch.save((names, []), home / "meta.bin")
    for wnid, color in zip(names, ("red", "gold"), strict=True):
        for i in range(3):
            paint(home / "train" / wnid / f"{wnid}_{i}.JPEG", color, (500, 375))
        paint(home / "val" / wnid / "ILSVRC2012_val_00000001.JPEG", color, (375, 500))
    train, val = (open_data("imagenet", split) for split in ("train", "val"))
    assert train.classes == ("tench", "goldfish") and len(val) == 2
    assert list(train.labels) == [0, 0, 0, 1, 1, 1]
    batch = next(training_batches(train, SMALL, 0))
    assert batch.pictures.shape == (4, 80, 80, 3) and not batch.bad


def test_imagenette_as_torchvision_lays_it_out(home):
    from torchvision.datasets import Imagenette

    for split in ("train", "val"):
        for wnid in Imagenette._WNID_TO_CLASS:
            paint(home / "imagenette2" / split / wnid / f"{wnid}_1.JPEG", "green")
    data = open_data("imagenette", "val")
    assert data.classes[0] == "tench" and list(data.labels) == list(range(10))
    assert data.picture(3).size == (90, 100)


@pytest.mark.parametrize("name", ["imagenette", "caltech101", "cifar10", "imagenet"])
def test_a_data_set_that_is_not_there(home, name):
    how = "put the archives of ILSVRC 2012 there" if name == "imagenet" else "--download fetches it"
    with pytest.raises(DataError, match=rf"^{name}: not found in {home}; .*{how}"):
        open_data(name, "train")


def test_a_download_without_a_network_is_one_sentence(home, monkeypatch):
    def refused(*args, **more):
        raise urllib.error.URLError("Network is unreachable")

    monkeypatch.setattr("torchvision.datasets.utils.urllib.request.urlopen", refused)
    with pytest.raises(DataError, match=r"cifar10: .*Network is unreachable"):
        open_data("cifar10", "train", download=True)


def test_caltechs_split_is_fixed_and_apart():
    rng = random.Random(1)
    labels = [rng.randrange(4) for _ in range(300)]
    train, val = (datasets.caltech_split(labels, split) for split in ("train", "val"))
    assert sorted(train + val) == list(range(300))
    assert np.bincount([labels[i] for i in train]).tolist() == [30] * 4
    assert train == datasets.caltech_split(labels, "train")
