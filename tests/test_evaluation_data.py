"""The images of a test: where they are found, and which output of a network each label stands for."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from small import CLASSES, class_folder, network, odd_folder, some_data

from inception_lib import DataError
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.evaluation.data import evenly, open_test_data, relabeled, stamp
from inception_lib.weights.published import published


def data_of(classes, labels=(0,)):
    return Data("d", tuple(classes), np.asarray(labels), None)


def test_labels_become_outputs():
    info = network(0).info
    data = relabeled(data_of(("cat", "ant"), [0, 1, 1]), info)
    assert data.labels.tolist() == [2, 0, 0] and data.classes == CLASSES
    by_order = relabeled(data_of(("n01", "n02", "n03"), [2, 0]), info)
    assert by_order.labels.tolist() == [2, 0] and by_order.classes == CLASSES
    nameless = replace(info, classes=None)
    assert relabeled(data_of(("x", "y", "z"), [1]), nameless).classes == ("x", "y", "z")
    without = relabeled(data_of((), [-1, -1]), info)
    assert without.labels.tolist() == [-1, -1] and without.classes == CLASSES
    assert relabeled(data_of((), [-1]), nameless).classes == ("class 0", "class 1", "class 2")


@pytest.mark.parametrize(
    ("classes", "wrong"), [(("cat", "dog"), "'dog'"), (("x", "y"), "'x'"), (("cat", "ant", "x"), "'x'")]
)
def test_a_class_that_the_network_does_not_know_is_named(classes, wrong):
    with pytest.raises(DataError, match=wrong):
        relabeled(data_of(classes), network(0).info)


def test_a_name_that_two_classes_have_decides_nothing():
    info = replace(network(0).info, classes=("ant", "crane", "crane"))
    for classes, of in (
        (("crane", "ant"), info),
        (("crane",), info),
        (("ant", "ant", "cat"), network(0).info),
    ):
        with pytest.raises(DataError, match="'ant'" if of is not info else "'crane'"):
            relabeled(data_of(classes), of)
    # the others are found, and so are all where the data has the network's own list
    assert relabeled(data_of(("ant",), [0]), info).labels.tolist() == [0]
    assert relabeled(data_of(info.classes, [0, 1, 2]), info).labels.tolist() == [0, 1, 2]


def short_names():
    """ImageNet's classes by the first name of each, as torchvision's data set has it."""
    names = list(imagenet_classes())
    assert names[134] == "crane bird" and names[639] == "maillot tank suit"
    names[134], names[639] = names[517], names[638] = "crane", "maillot"
    return tuple(names)


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A folder in which torchvision's `ImageNet` finds 1000 classes, with an image of each to validate on."""
    root, names = tmp_path_factory.mktemp("imagenet"), short_names()
    tuples = {f"n{i:08d}": (name,) for i, name in enumerate(names)}
    tuples["n00000639"] = ("maillot", "tank suit")
    for wnid in tuples:
        (root / "val" / wnid).mkdir(parents=True)
        (root / "val" / wnid / f"{wnid}.JPEG").touch()
    torch.save((tuples, []), root / "meta.bin")
    return root


@pytest.mark.parametrize("names", [imagenet_classes(), short_names()], ids=["torchvision's", "short"])
def test_imagenets_classes_go_to_themselves(imagenet, monkeypatch, names):
    from torchvision.datasets import ImageNet

    monkeypatch.setenv("INCEPTION_DATA", str(imagenet))
    data = open_test_data("imagenet")
    theirs = ImageNet(imagenet, "val")
    assert theirs.classes[134] == theirs.classes[517] == ("crane",)
    info = replace(published("bvlc"), classes=names)  # short, as of a network trained on those
    for classes in (data.classes, tuple(first for first, *_ in theirs.classes)):
        labels = relabeled(replace(data, classes=classes), info).labels
        assert labels[[134, 517, 638, 639]].tolist() == [134, 517, 638, 639]
        assert labels.tolist() == theirs.targets


def test_a_thousand_other_classes_are_not_imagenets():
    others = data_of(sorted(imagenet_classes()), range(1000))
    by_name = [imagenet_classes().index(name) for name in others.classes]
    assert relabeled(others, published("bvlc")).labels.tolist() == by_name


def test_where_the_data_is(tmp_path):
    odd = odd_folder(tmp_path / "odd")
    (tmp_path / "empty").mkdir()
    assert open_test_data(str(odd)).name == "odd"
    assert open_test_data(str(odd / "val")).classes == CLASSES
    flat = open_test_data(str(odd / "val" / "ant"))
    assert flat.classes == () and set(flat.labels) == {-1}
    assert len(open_test_data("shapes", "test")) == 1000
    for name, split, wrong in (
        ("shapes", "x", "'x'"),
        ("cifar10", "test", "'test'"),
        ("nowhere", "val", "nowhere"),
        (str(tmp_path / "empty"), "val", "empty"),
    ):
        with pytest.raises(DataError, match=wrong):
            open_test_data(name, split)


def test_a_folder_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    root = odd_folder(tmp_path / "odd")
    real = os.scandir

    def forbidden(path="."):
        if str(path).endswith("bee"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(DataError, match="bee"):
        open_test_data(str(root))


def test_some_pictures_are_spread_over_the_data():
    data = open_test_data("shapes", "test")
    some = evenly(data, 4)
    quarter = len(data) // 4
    assert [some.label_of(i) for i in range(4)] == [data.label_of(i * quarter) for i in range(4)]
    assert list(some.labels) == [data.labels[i * quarter] for i in range(4)] and len(some) == 4
    assert np.array_equal(np.asarray(some.picture(3)), np.asarray(data.picture(3 * quarter)))
    for count in (0, len(data) + 1):
        with pytest.raises(DataError):
            evenly(data, count)


def test_the_stamp_of_images_changes_when_they_do(tmp_path):
    files = class_folder(tmp_path, 6)
    data = open_test_data(str(tmp_path))
    before = stamp(data, range(3)), stamp(data, range(3, 6))
    assert before == (stamp(data, range(3)), stamp(data, range(3, 6)))
    files[4].write_bytes(files[5].read_bytes())
    assert stamp(data, range(3)) == before[0] and stamp(data, range(3, 6)) != before[1]
    files[0].unlink()
    assert stamp(data, range(3)) != before[0]
    pixels = np.zeros((4, 5, 5, 3), np.uint8)
    arrays = replace(some_data(4), source=Arrays(pixels))
    black = stamp(arrays, range(4))
    pixels[2] += 1
    assert stamp(arrays, range(4)) != black and stamp(arrays, range(2)) == stamp(arrays, range(2))
