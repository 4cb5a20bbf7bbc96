"""Which images train and which validate: named folders, a share that is held out, and torch's datasets."""

import numpy as np
import pytest
from PIL import Image
from torch.utils.data import Subset, random_split
from torchvision import datasets as tv

from inception_lib import DataError, PictureError
from inception_lib.data.datasets import Arrays, Data, dataset_data, open_data
from inception_lib.data.splits import held_out


def paint(path, color="red"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (9, 8), color).save(path)


@pytest.fixture
def flat(tmp_path):
    """CLASS/ folders of 20, 7 and 2 images."""
    for name, n in (("ant", 20), ("bee", 7), ("cat", 2)):
        for i in range(n):
            paint(tmp_path / "own" / name / f"{i:02d}.png")
    return tmp_path / "own"


def names(data):
    return {data.label_of(i) for i in range(len(data))}


def counts(data):
    return np.bincount(data.labels, minlength=len(data.classes)).tolist()


@pytest.mark.parametrize("name", ["val", "valid", "validation", "test"])
def test_the_folder_that_validates_may_have_any_of_its_usual_names(tmp_path, name):
    for split, n in (("train", 3), (name, 2)):
        for c in "ab":
            for i in range(n):
                paint(tmp_path / split / c / f"{i}.png")
    train, val = (open_data(tmp_path, split) for split in ("train", "val"))
    assert (len(train), len(val)) == (6, 4)
    assert all(f"/{name}/" in path for path in names(val))


def test_val_goes_before_test(tmp_path):
    for split in ("train", "val", "test"):
        for c in "ab":
            paint(tmp_path / split / c / "0.png")
    assert all("/val/" in path for path in names(open_data(tmp_path, "val")))


def test_a_share_of_each_class_validates_and_the_rest_trains(flat):
    train, val = (open_data(flat, split, val_share=0.2) for split in ("train", "val"))
    assert train.classes == val.classes == ("ant", "bee", "cat")
    assert counts(val) == [4, 1, 1] and counts(train) == [16, 6, 1]
    assert not names(train) & names(val) and len(names(train) | names(val)) == 29
    assert counts(open_data(flat, "val", val_share=0.001)) == [1, 1, 1]
    assert counts(open_data(flat, "train", val_share=0.999)) == [1, 1, 1]


def test_the_split_is_a_draw_and_stays_the_same(flat, tmp_path):
    """In another place, too, and for nearly all images when others come."""
    first = {p.removeprefix(str(flat)) for p in names(open_data(flat, "val", val_share=0.5))}
    assert first != {f"/ant/{i:02d}.png" for i in range(10)} | {f"/bee/{i:02d}.png" for i in range(4)}
    moved = flat.rename(tmp_path / "moved")
    assert {p.removeprefix(str(moved)) for p in names(open_data(moved, "val", val_share=0.5))} == first
    for i in range(20, 24):
        paint(moved / "ant" / f"{i}.png")
    later = {p.removeprefix(str(moved)) for p in names(open_data(moved, "val", val_share=0.5))}
    assert len({p for p in first - later if "ant" in p}) <= 4


def test_train_alone_is_split_and_test_is_left_alone(flat, tmp_path):
    flat.rename(tmp_path / "train")
    paint(tmp_path / "test" / "ant" / "0.png")
    train, val = (open_data(tmp_path, split, val_share=0.2) for split in ("train", "val"))
    assert len(train) + len(val) == 29 and all("/train/" in path for path in names(val))


@pytest.mark.parametrize("share", [0, 1, -0.1, 1.5, float("nan")])
def test_what_is_no_share_is_refused(flat, share):
    with pytest.raises(DataError, match=r"\(--val-share\) is above 0 and below 1, not"):
        open_data(flat, "train", val_share=share)


def test_folders_that_cannot_be_split_are_refused_by_one_sentence(flat, tmp_path):
    with pytest.raises(DataError, match=r"own: has no train and val, .* --val-share 0\.1 holds"):
        open_data(flat, "train")
    with pytest.raises(DataError, match="imagenette: has validation images of its own; leave out"):
        open_data("imagenette", "train", val_share=0.1)
    (flat / "dog").mkdir()
    with pytest.raises(DataError, match="dog: there is no image in it, so that its class cannot be learned"):
        open_data(flat, "train", val_share=0.1)
    paint(flat / "dog" / "0.png")
    with pytest.raises(DataError, match=r"dog/0\.png: is the only image of its class, dog, and cannot both"):
        open_data(flat, "train", val_share=0.1)
    paint(tmp_path / "one" / "ant" / "0.png")
    with pytest.raises(DataError, match="one: has 1 class folder; at least two are needed"):
        open_data(tmp_path / "one", "train", val_share=0.1)
    paint(tmp_path / "loose" / "0.png")
    with pytest.raises(DataError, match="loose: has 0 class folders; at least two are needed"):
        open_data(tmp_path / "loose", "train", val_share=0.1)
    (flat / "train").mkdir()
    paint(flat / "val" / "ant" / "0.png")
    with pytest.raises(DataError, match="val: these images validate already; leave out --val-share"):
        open_data(flat, "train", val_share=0.1)


def test_images_in_memory_are_split_too():
    data = Data("some", ("a", "b"), np.arange(40) % 2, Arrays(np.zeros((40, 2, 2, 3), np.uint8)))
    train, val = (held_out(data, 0.25, split) for split in ("train", "val"))
    assert counts(train) == [15, 15] and counts(val) == [5, 5]
    assert not names(train) & names(val)
    again = held_out(data.subset(range(30)), 0.25, "val")  # image 35 is image 35 in a part as well
    assert len(names(again) & names(val)) >= len(again) // 2


# ------------------------------------------------------------------------- torch's datasets


def test_torchs_datasets_are_data(flat):
    """The same images and labels as torchvision's own ImageFolder gives them."""
    folder = tv.ImageFolder(flat)
    data = dataset_data(folder)
    assert data.name == "ImageFolder" and data.classes == tuple(folder.classes)
    assert data.labels.tolist() == folder.targets and len(data) == 29
    assert data.picture(25).tobytes() == folder[25][0].tobytes()
    part = dataset_data(Subset(folder, [28, 3]))
    assert part.labels.tolist() == [2, 0] and part.classes == data.classes


def test_labels_that_are_not_listed_are_read():
    fake = tv.FakeData(12, (3, 8, 8), num_classes=3, random_offset=1)
    data = dataset_data(fake)
    assert data.labels.tolist() == [int(fake[i][1]) for i in range(12)]
    assert data.classes == ("class 0", "class 1", "class 2")
    halves = random_split(fake, [6, 6])
    parts = [dataset_data(half, classes=data.classes) for half in halves]
    assert [p.labels.tolist() for p in parts] == [[data.labels[i] for i in half.indices] for half in halves]


def test_a_dataset_of_something_else_is_refused():
    from torchvision.transforms import Compose, Normalize, ToTensor

    normalized = Compose([ToTensor(), Normalize([0.5] * 3, [0.2] * 3)])
    with pytest.raises(DataError, match=r"FakeData item 0: .* give the dataset without its transform"):
        dataset_data(tv.FakeData(4, (3, 8, 8), transform=normalized))
    with pytest.raises(DataError, match="generator: does not say how many images it has"):
        dataset_data(item for item in [])
    with pytest.raises(DataError, match="list: there is no image in it"):
        dataset_data([])
    picture = Image.new("RGB", (4, 4))
    with pytest.raises(DataError, match="list: its items are not pairs of a picture and a class's number"):
        dataset_data([(picture, "cat")])
    with pytest.raises(DataError, match="list: its labels are not numbers from 0 to 1, one for each"):
        dataset_data([(picture, 2)], classes=("a", "b"))


def test_an_item_that_cannot_be_read_is_named():
    data = dataset_data([(Image.new("RGB", (4, 4)), 0), ("nowhere.png", 1)])
    with pytest.raises(PictureError, match=r"list item 1: nowhere\.png: "):
        data.picture(1)
