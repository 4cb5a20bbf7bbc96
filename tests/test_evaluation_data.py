"""The images of a test: where they are found, and which output of a network each label stands for."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from small import CLASSES, class_folder, network, odd_folder, some_data
from torchvision.datasets import Imagenette

from inception_lib import DataError
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.imagenet import imagenet_classes, imagenet_outputs
from inception_lib.errors import InceptionWarning
from inception_lib.evaluation.data import evenly, listed_data, open_test_data, relabeled, stamp
from inception_lib.evaluation.labels import wordnet_id
from inception_lib.weights.published import published

SYNSETS = (Path(__file__).parents[1] / ".." / "shared" / "weights" / "synset_words.txt").resolve()


def data_of(classes, labels=(0,)):
    return Data("d", tuple(classes), np.asarray(labels), None)


def test_labels_become_outputs():
    info = network(0).info
    data = relabeled(data_of(("cat", "ant"), [0, 1, 1]), info)
    assert data.labels.tolist() == [2, 0, 0] and data.classes == CLASSES
    with pytest.warns(InceptionWarning, match="matched by order, 'n01' as 'ant'"):
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
    data = data_of(classes, range(len(classes)))
    with pytest.raises(DataError, match=wrong):
        relabeled(data, network(0).info)
    # unless it has no picture, as a folder that holds something else
    known = [i for i, name in enumerate(classes) if name in CLASSES]
    if known:
        found = relabeled(data_of(classes, known), network(0).info)
        assert [CLASSES[i] for i in found.labels] == [classes[i] for i in known]


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


# ----------------------------------------------------------------------------- WordNet ids, and subsets


def test_the_ids_are_imagenets_in_the_order_of_the_outputs():
    """Their order is the alphabet's; ten of them and their names torchvision's Imagenette has, too."""
    outputs = imagenet_outputs()
    assert list(outputs) == sorted(outputs) and len(outputs) == 1000
    assert list(outputs.values()) == list(range(1000))
    assert all(wordnet_id(wnid) == wnid for wnid in outputs)
    for wnid, names in Imagenette._WNID_TO_CLASS.items():
        assert imagenet_classes()[outputs[wnid]] == names[0] and wordnet_id(names[0]) == wnid


@pytest.mark.skipif(not SYNSETS.exists(), reason="no ../shared/weights/synset_words.txt")
def test_the_ids_and_names_are_those_of_caffes_list():
    lines = SYNSETS.read_text().splitlines()
    assert [line.split()[0] for line in lines] == list(imagenet_outputs())
    named = sum(
        ours == theirs.split(" ", 1)[1].split(",")[0]
        for ours, theirs in zip(imagenet_classes(), lines, strict=True)
    )
    assert named > 950


SOME = ("n01440764", "n02102040", "n03888257")  # tench, English springer, parachute
OUTPUTS = [0, 217, 701]


@pytest.mark.parametrize(
    "classes",
    [
        SOME,
        ("n01440764-tench", "n02102040-English_springer", "n03888257_parachute"),
        ("tench", "English springer", "parachute"),
        ("n01440764 tench, Tinca tinca", "English springer", "n03888257"),
    ],
)
@pytest.mark.parametrize("kind", ["bvlc", "torchvision", "ids", "synset_words", "nameless"])
def test_any_subset_of_imagenet_is_known_by_ids_or_names(classes, kind):
    info = published("torchvision" if kind == "torchvision" else "bvlc")
    pairs = zip(imagenet_outputs(), imagenet_classes(), strict=True)
    names = {
        "ids": tuple(imagenet_outputs()),
        "synset_words": tuple(f"{wnid} {name}, Latin" for wnid, name in pairs),
        "nameless": None,
    }
    info = replace(info, classes=names.get(kind, info.classes))
    found = relabeled(data_of(classes, [2, 0, 1, 1]), info)
    assert found.labels.tolist() == [OUTPUTS[i] for i in (2, 0, 1, 1)]
    assert len(found.classes) == 1000 and found.classes == (info.classes or imagenet_classes())


@pytest.mark.parametrize("theirs", [("parachute", "tench", "English springer"), (SOME[2], SOME[0], SOME[1])])
def test_a_network_of_a_subset_knows_ids_too(theirs):
    info = replace(network(0).info, classes=theirs)
    for classes in (SOME, ("tench", "English springer", "parachute")):
        assert relabeled(data_of(classes, [0, 1, 2]), info).labels.tolist() == [1, 2, 0]


def test_what_ids_do_not_say():
    info = published("bvlc")
    with pytest.raises(DataError, match="'n99999999' is not among them"):
        relabeled(data_of(("n01440764", "n99999999"), [0, 1]), info)
    with pytest.raises(DataError, match="'n01440764' and 'tench' are the same class of bvlc"):
        relabeled(data_of(("n01440764", "tench"), [0, 1]), info)
    assert wordnet_id("n014407640") == wordnet_id("xn01440764") == wordnet_id("") == ""


# ------------------------------------------------------------------------------------ a list of labels


@pytest.fixture
def pictures(tmp_path):
    """Six pictures without class folders: 000.png to 005.png, one of them in a folder below."""
    files = class_folder(tmp_path / "made", 6)
    (tmp_path / "data" / "val" / "deep er").mkdir(parents=True)
    for file in files[:5]:
        file.rename(tmp_path / "data" / "val" / file.name)
    files[5].rename(tmp_path / "data" / "val" / "deep er" / files[5].name)
    return tmp_path / "data"


def listed(pictures, text, info=None, split="val"):
    path = pictures.parent / "list.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return listed_data(str(pictures), split, path, info or network(0).info)


@pytest.mark.parametrize(
    "text",
    [
        "000.png 2\n003.png 0\ndeep er/005.png 1\n",
        "000.png cat\r\n003.png ant\r\ndeep er/005.png bee\r\n",
        "\ufefffilename,label\n000.png,cat\n\n003.png, ant\ndeep er/005.png,bee",
        "Image\tClass\n000.png\tcat\n003.png\t0\ndeep er/005.png\tbee\n",
        "val/000.png 2\n/003.png 0\nval/deep er/005.png 1\n",
        "000 2\n003 0\n005 1\n",
    ],
)
def test_a_list_labels_the_pictures_of_a_folder(pictures, text):
    with pytest.warns(InceptionWarning, match="3 of its 6 pictures are not in .*list.txt"):
        data = listed(pictures, text)
    assert data.labels.tolist() == [2, 0, 1] and data.classes == CLASSES and data.name == "data"
    names = ["000.png", "003.png", os.path.join("deep er", "005.png")]
    assert [data.label_of(i) for i in range(3)] == [str(pictures / "val" / name) for name in names]
    assert data.picture(2).size == (56, 50)


def test_lists_of_imagenet(pictures, recwarn):
    """Caffe's val.txt, Kaggle's LOC_val_solution.csv, and names with commas in quotes."""
    rest = "".join(f"00{i}.png 7\n" for i in (1, 2, 4)) + "deep er/005.png 7\n"
    for first in (
        "000.png 65\n003.png 970\n" + rest,
        "000.png n01751748\n003.png n09193705\n" + rest,
        "ImageId,PredictionString\n000,n01751748 1 2 3 4\n003,n09193705 5 6 7 8 n09193705 1 2 3 4\n"
        + rest.replace(" 7", ",7"),
        '000.png,sea snake\n003.png,"n09193705 alp, Alp"\n' + rest.replace(" 7", ",7"),
    ):
        data = listed(pictures, first, published("bvlc"))
        assert data.labels.tolist() == [65, 970, 7, 7, 7, 7] and len(data.classes) == 1000
    assert not recwarn.list


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("000.png 0\n009.png 1\n", "line 2: there is no picture '009.png' in .*val"),
        ("000.png 0\n\n000.png 1\n", "line 3: '000.png' was listed before"),
        ("000.png 3\n", "line 1: there is no output 3: those of net0 go from 0 to 2"),
        ("000.png dog\n", "line 1: 'dog' is not among the 3 classes of net0"),
        ("000.png -1\n", "line 1: '-1' is not among"),
        ("000.png\n", "line 1 is not a picture and its class"),
        ("000.png,\n", "line 1 is not a picture and its class"),
        ("000.png,ant,1\n", "line 1 is not a picture and its class"),
        (b"\x89PNG\r\n\x1a\n\0\0\0", "line 1 is not a picture and its class"),
        ("", "the list of labels is empty"),
        ("file,label\n", "the list of labels is empty"),
    ],
)
def test_a_list_that_does_not_fit_is_one_sentence_with_its_line(pictures, text, sentence):
    with pytest.raises(DataError, match=sentence) as error:
        listed(pictures, text)
    said = str(error.value)
    assert said.startswith(f"{pictures.parent / 'list.txt'}: ") and said.endswith(".") and said.isprintable()


def test_a_number_that_is_a_name_elsewhere_decides_nothing(pictures):
    digits = replace(network(0).info, classes=("2", "1", "x"))
    with pytest.raises(DataError, match="line 1: 2 may be output 2 of net0 or the class named '2'"):
        listed(pictures, "000.png 2\n", digits)
    with pytest.warns(InceptionWarning):
        assert listed(pictures, "000.png 1\n", digits).labels.tolist() == [1]


def test_a_list_or_its_folder_that_is_not_there(pictures, tmp_path):
    with pytest.raises(DataError, match=r"none.txt: the list of labels cannot be read \(No such file"):
        listed_data(str(pictures), "val", tmp_path / "none.txt", network(0).info)
    with pytest.raises(DataError, match="cifar10: there is no such folder; a list of labels is for"):
        listed_data("cifar10", "val", tmp_path / "none.txt", network(0).info)


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
