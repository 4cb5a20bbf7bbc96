"""Images kept on a device: next to Pillow, image by image, and in a training."""

import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import InceptionError
from inception_lib.data.augmentation import DRAWS, apply, draw
from inception_lib.data.datasets import Arrays, Data, Files
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.data.loading import Loader
from inception_lib.data.resident import Resident, as_numbers
from inception_lib.training.recipes import Recipe
from tests import runs

CPU = torch.device("cpu")
RECIPE = Recipe(name="kept", input_size=40, resize=48, batch=8, augment="paper", keep="device")


class Pictures:
    """A source of images of several sizes."""

    def __init__(self, images):
        self.images = images

    def read(self, index):
        return self.images[index]

    def name(self, index):
        return f"image {index}"


def smooth(width, height, seed):
    rng = np.random.default_rng(seed)
    few = Image.fromarray(rng.integers(0, 256, (5, 7, 3), np.uint8))
    noise = rng.integers(-20, 20, (height, width, 3))
    return Image.fromarray(
        (np.asarray(few.resize((width, height), 3), np.int16) + noise).clip(0, 255).astype(np.uint8)
    )


def several():
    sizes = [(64, 48), (48, 64), (40, 40), (200, 61), (7, 90), (131, 97), (1, 1), (33, 32)]
    images = [smooth(*size, seed) for seed, size in enumerate(sizes)]
    return Data("several", ("a", "b"), np.arange(8) % 2, Pictures(images))


@pytest.mark.parametrize("name", DRAWS)
def test_augmentation_on_the_device_is_pillows_to_the_last_bit(name):
    data = several()
    kept = Resident(data, CPU)
    for seed in range(40):
        draws = [draw(name, data.picture(i).size, 40, 48, random.Random(f"{seed} {i}")) for i in range(8)]
        made = kept.augmented(torch.from_numpy(np.stack([as_numbers(i, d) for i, d in enumerate(draws)])), 40)
        for i, how in enumerate(draws):
            wanted = np.asarray(apply(data.picture(i), how, 40))
            np.testing.assert_array_equal(made[i].numpy(), wanted, err_msg=f"{seed} {i} {how}")


def test_images_in_memory_are_kept_as_they_are():
    images = np.stack([np.asarray(smooth(48, 36, seed)) for seed in range(9)])
    data = Data("squares", ("a", "b"), np.arange(9) % 2, Arrays(images))
    for which in (data, data.subset([7, 1, 8, 3])):
        kept = Resident(which, CPU)
        wanted = images if which is data else images[[7, 1, 8, 3]]
        assert torch.equal(kept.pixels.view(-1, 36, 48, 3), torch.from_numpy(wanted))
        assert (kept.sizes == (48, 36)).all() and len(kept.sizes) == len(which)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_a_loader_gives_the_same_batches_from_what_is_kept(workers):
    data = several()
    recipe = replace(RECIPE, batch=4, workers=workers)
    read = Loader(data, data, replace(recipe, keep="none", workers=0))
    kept = Loader(data, data, recipe)
    for split in ("training", "validation"):
        args = (3,) if split == "training" else ()
        ours, theirs = list(getattr(kept, split)(*args)), list(getattr(read, split)(*args))
        assert len(ours) == len(theirs) == 2
        for a, b in zip(ours, theirs, strict=True):
            assert a.labels.tolist() == b.labels.tolist() and a.bad == b.bad == []
            assert a.pictures.shape == b.pictures.shape == (4, 40, 40, 3)
            assert torch.equal(a.pictures, b.pictures)
    assert len(list(kept.training(3, skip=1))) == 1


def test_unreadable_images_are_told_in_every_epoch(tmp_path):
    for i in range(8):
        smooth(50, 50, i).save(tmp_path / f"{i}.png")
    (tmp_path / "3.png").write_bytes(b"not a picture")
    paths = np.asarray([f"{i}.png".encode() for i in range(8)])
    data = Data("files", ("a", "b"), np.arange(8) % 2, Files(str(tmp_path), paths))
    loader = Loader(data, data, RECIPE)
    for _ in range(2):
        for (batch,) in (list(loader.training(0)), list(loader.validation())):
            assert len(batch.labels) == len(batch.pictures) == 7
            assert len(batch.bad) == 1 and "3.png" in batch.bad[0]


def test_where_there_is_no_room_one_sentence_says_so(monkeypatch):
    def refuse(self, *args, **more):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.Tensor, "to", refuse)
    with pytest.raises(InceptionError, match=r"several: its decoded images take .* GiB, .*--keep none"):
        Resident(several(), CPU)


def test_frames_are_what_validation_sees():
    data = several()
    frames = Resident(data, CPU, frames=replace(BVLC_PREPROCESS, crop=24, resize=32))
    shown = frames.frames(range(1, 8, 3))
    for n, i in enumerate(range(1, 8, 3)):
        wanted = replace(BVLC_PREPROCESS, crop=24, resize=32).frame(data.picture(i))
        np.testing.assert_array_equal(shown[n].numpy(), np.asarray(wanted))


def test_a_run_with_kept_images_is_the_same_run(tmp_path):
    """Bit for bit on a CPU; and so it is after an interruption."""
    data = runs.two_classes(tmp_path / "data")
    runs.run_on(data, runs.QUICK, tmp_path / "read")
    runs.run_on(data, runs.changed(keep="device"), tmp_path / "kept")
    assert runs.same(runs.weights_of(tmp_path / "read"), runs.weights_of(tmp_path / "kept"))
    stopped, case = tmp_path / "stopped", runs.changed(keep="device")

    def stop(run):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.run_on(data, case, stopped, on_epoch=stop)
    runs.run_on(data, case, stopped, resume=True)
    assert runs.same(runs.weights_of(stopped), runs.weights_of(tmp_path / "kept"))
