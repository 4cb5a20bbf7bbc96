"""Data sets: folders, the published ones' layouts, and pictures that cannot be read."""

import itertools
import pickle
import random
import re
import urllib.error
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import DataError
from inception_lib.data import datasets
from inception_lib.data.datasets import open_data
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.data.loading import Loader, training_order, updates_per_epoch
from inception_lib.training.recipes import Recipe

SMALL = Recipe(name="test", input_size=80, resize=80, batch=4, epochs=2)


def paint(path, color, size=(90, 100)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)


def training(data, recipe, epoch, skip=0, **more):
    return Loader(data, None, recipe, **more).training(epoch, skip=skip)


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
    orders = [training_order(len(data), SMALL.seed, epoch).tolist() for epoch in (0, 1, 0)]
    assert orders[0] == orders[2] != orders[1] and sorted(orders[0]) == list(range(12))
    labels = torch.cat([b.labels for b in training(data, SMALL, 0)])
    assert labels.tolist() == [data.labels[i] for i in orders[0]]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_the_pictures_do_not_depend_on_who_reads_them(folder, workers):
    data = open_data(str(folder), "train")
    recipe = Recipe.from_dict(SMALL.to_dict() | {"workers": workers})
    whole = [b.pictures for b in training(data, SMALL, 3)]
    later = [b.pictures for b in training(data, recipe, 3, skip=1)]
    assert len(whole) == 3 and all(torch.equal(a, b) for a, b in zip(whole[1:], later, strict=True))
    halves = [list(training(data, recipe, 3, rank=rank, world=2, start="fork")) for rank in (0, 1)]
    for both, *parts in zip(whole, *halves, strict=True):
        assert torch.equal(both, torch.cat([p.pictures for p in parts]))


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_bytes_become_what_prediction_gives_the_network(preprocess):
    pictures = np.random.default_rng(0).integers(0, 256, (3, 20, 30, 3), np.uint8)
    one_by_one = torch.stack([preprocess.tensor(Image.fromarray(p)) for p in pictures])
    batch = preprocess.batch(torch.from_numpy(pictures))
    torch.testing.assert_close(batch, one_by_one, atol=1e-5, rtol=1e-5)


def test_validation_sees_all_pictures_once(folder):
    data = open_data(str(folder), "val")
    parts = [
        torch.cat([b.labels for b in Loader(None, data, SMALL, rank=r, world=2).validation()]) for r in (0, 1)
    ]
    assert sorted(torch.cat(parts).tolist()) == list(data.labels)


def test_a_bad_picture_is_named_and_the_others_go_on(folder):
    (folder / "train/cats/0.png").write_bytes(b"not a picture")
    (folder / "train/cats/1.png").write_bytes((folder / "train/cats/2.png").read_bytes()[:60])
    data = open_data(str(folder), "train")
    batches = list(training(data, SMALL, 0))
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
    with pytest.raises(DataError, match=r"train/birds: there is no image in it, so that its class cannot"):
        open_data(str(folder), "train")
    paint(folder / "train/birds/0.png", "green")
    assert len(open_data(str(folder), "val").classes) == 3  # it need not be validated
    with pytest.raises(DataError, match=r"has no train and val, each with .* --val-share 0\.1 holds"):
        open_data(str(folder / "train"), "train")
    (tmp_path / "half").mkdir()
    with pytest.raises(DataError, match="half/train: there is no such folder; a data set has train and val"):
        open_data(str(tmp_path / "half"), "train")
    (tmp_path / "half" / "train").mkdir()
    with pytest.raises(DataError, match=r"half/val: there is no such folder; .* --val-share 0\.1"):
        open_data(str(tmp_path / "half"), "val")
    for split in ("train", "val"):
        for c in ("a", "b"):
            (tmp_path / "empty" / split / c).mkdir(parents=True)
    with pytest.raises(DataError, match="there is no image in it"):
        open_data(str(tmp_path / "empty"), "val")
    Image.new("RGB", (8, 8)).save(tmp_path / "empty/val/loose.png")
    with pytest.raises(DataError, match="there is no image in its class folders"):
        open_data(str(tmp_path / "empty"), "val")


def test_too_few_pictures_for_a_batch(folder):
    with pytest.raises(DataError, match="12 training images do not fill one batch of 64"):
        updates_per_epoch(len(open_data(str(folder), "train")), 64)


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
    batch = next(training(train, SMALL, 0))
    assert batch.pictures.shape == (4, 80, 80, 3) and not batch.bad


def test_imagenette_as_torchvision_lays_it_out(home, monkeypatch):
    from torchvision.datasets import Imagenette

    monkeypatch.setattr(datasets, "_IMAGENETTE", {"train": 10, "val": 10})
    for split in ("train", "val"):
        for wnid in Imagenette._WNID_TO_CLASS:
            paint(home / "imagenette2" / split / wnid / f"{wnid}_1.JPEG", "green")
    data = open_data("imagenette", "val")
    assert data.classes[0] == "tench" and list(data.labels) == list(range(10))
    assert data.picture(3).size == (90, 100)
    monkeypatch.setattr(datasets, "_IMAGENETTE", {"train": 11, "val": 10})
    with pytest.raises(
        DataError, match="10 of 11 images, as if its archive had not been extracted to the end"
    ):
        open_data("imagenette", "train")


@pytest.mark.parametrize("name", ["imagenette", "caltech101", "cifar10", "imagenet"])
def test_a_data_set_that_is_not_there(home, name):
    how = "--download fetches it"
    if name == "imagenet":
        how = r"put the archives .*ILSVRC2012_img_train\.tar.* or let --data name a folder with train/CLASS"
    with pytest.raises(DataError, match=rf"^{name}: not found in {home}, .*INCEPTION_DATA.*; .*{how}"):
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


def test_imagenets_doubled_names_stay_apart(home):
    """Two classes have the short name crane and two maillot; torchvision's list tells them apart."""
    classes = imagenet_classes()
    wnids = {f"n{i:08d}": (name.partition(",")[0],) for i, name in enumerate(classes)}
    torch.save((wnids, []), home / "meta.bin")
    for split in ("train", "val"):
        for wnid in wnids:
            paint(home / split / wnid / "1.JPEG", "red", (8, 8))
    data = open_data("imagenet", "val")
    assert data.classes == classes and len(set(data.classes)) == 1000
    assert data.labels.tolist() == list(range(1000))


@pytest.mark.parametrize("name", ["shapes", "folder", "cifar10"])
def test_a_data_set_can_be_pickled_and_says_what_it_is(name, folder):
    if name == "cifar10":
        images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
        data = datasets.Data(name, ("a", "b"), np.asarray([0, 1, 0, 1]), datasets.Arrays(images))
    else:
        data = open_data(str(folder) if name == "folder" else name, "train")
    again = pickle.loads(pickle.dumps(data))
    for i in (0, len(data) - 1):
        assert again.picture(i).tobytes() == data.picture(i).tobytes() and again.label_of(i) == data.label_of(
            i
        )
    assert again.fingerprint() == data.fingerprint() != data.subset(range(1, len(data))).fingerprint()
    part = data.subset([2, 0]).subset([1])
    assert part.picture(0).tobytes() == data.picture(0).tobytes() and part.labels.tolist() == [data.labels[0]]


def test_a_million_files_cost_what_their_names_do(tmp_path):
    paths = [tmp_path / "n01440764" / f"n01440764_{i}.JPEG" for i in range(1000)]
    data = datasets.files_data("many", ("a",), tmp_path, paths, [0] * 1000)
    assert len(pickle.dumps(data)) < 60 * 1000


@pytest.mark.slow
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
def test_workers_started_in_any_way_give_the_same_batches(folder, start):
    """macOS and Windows spawn, as Linux does where several processes train; Python 3.14 uses forkservers."""
    train, val = (open_data(str(folder), split) for split in ("train", "val"))
    alone = Loader(train, val, SMALL)
    several = Loader(train, val, replace(SMALL, workers=2), start=start)
    for epoch in (0, 1):  # the same processes go on
        for batches in ("training", "validation"):
            theirs = several.training(epoch) if batches == "training" else several.validation()
            ours = alone.training(epoch) if batches == "training" else alone.validation()
            for a, b in zip(ours, theirs, strict=True):
                assert torch.equal(a.pictures, b.pictures) and torch.equal(a.labels, b.labels)


def test_where_several_processes_train_workers_are_spawned(folder):
    """Readers that are forked beside gloo's threads can wait for ever."""
    loader = Loader(open_data(str(folder), "train"), None, replace(SMALL, workers=1), world=2)
    assert loader._loader.multiprocessing_context.get_start_method() != "fork"


def test_an_epoch_that_was_left_early_does_not_spill_into_the_next(folder):
    loader = Loader(open_data(str(folder), "train"), None, replace(SMALL, workers=2))
    next(loader.training(0))
    whole = list(Loader(loader.train, None, SMALL).training(1))
    for a, b in zip(whole, loader.training(1), strict=True):
        assert torch.equal(a.pictures, b.pictures)


def test_all_processes_get_as_many_batches(folder):
    data = open_data(str(folder), "val").subset(range(5))
    counts = [len(list(Loader(None, data, SMALL, rank=r, world=4).validation())) for r in range(4)]
    assert len(set(counts)) == 1


def test_augmentation_changes_with_the_epoch_and_the_seed(folder):
    rng = np.random.default_rng(0)
    for path in (folder / "train").rglob("*.png"):
        Image.fromarray(rng.integers(0, 256, (90, 100, 3), np.uint8)).save(path)
    data = open_data(str(folder), "train")

    def first(seed, epoch):
        batches = Loader(data, None, replace(SMALL, seed=seed, batch=12)).training(epoch)
        (batch,) = batches
        order = training_order(12, seed, epoch).tolist()
        return batch.pictures[order.index(0)]  # of one and the same image

    seen = [first(0, 0), first(0, 1), first(1, 0)]
    assert torch.equal(seen[0], first(0, 0))
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(seen, 2))


def test_folders_that_hold_no_class_are_passed_over_and_unreadable_ones_named(folder, monkeypatch):
    (folder / "train" / ".ipynb_checkpoints").mkdir()
    paint(folder / "train" / "cats" / ".hidden.png", "red")
    assert len(open_data(str(folder), "train")) == 12

    def refused(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(folder), "iterdir", refused)
    with pytest.raises(DataError, match=r"train: the folder cannot be read \(Permission denied\)"):
        open_data(str(folder), "train")
