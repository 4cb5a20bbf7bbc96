"""Networks over data: the same as picture by picture, to the end on odd pictures, and again after a stop."""

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from inception_lib import DataError, googlenet
from inception_lib.book import bundled, results
from inception_lib.book.ablation import grid
from inception_lib.cli import main
from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess, read_picture
from inception_lib.evaluation import ensemble
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.data import evenly, open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate
from inception_lib.evaluation.metrics import change, rate
from inception_lib.evaluation.plan import Scheme, plan, scheme
from inception_lib.evaluation.store import open_test
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Weights

ROOT = Path(__file__).parents[1]
CLASSES = ("ant", "bee", "cat")


def network(seed, preprocess=None, classes=CLASSES):
    """A small network of three classes; what it says depends on the picture, but means nothing."""
    torch.manual_seed(seed)
    made = Network(googlenet(width=0.1, classes=len(classes), heads=False)).eval()
    torch.nn.init.normal_(made.classifier.linear.weight, 0, 0.2)
    info = Weights(
        name=f"net{seed}",
        architecture=made.architecture,
        classes=classes,
        preprocess=preprocess or Preprocess(resize=54, crop=48),
    )
    return ensemble.Loaded(made, info)


@pytest.fixture(scope="module")
def odd_pictures(tmp_path_factory):
    """A folder of every kind of picture, three of them unreadable."""
    root, rng = tmp_path_factory.mktemp("odd"), np.random.default_rng(0)
    for name in CLASSES:
        (root / "val" / name).mkdir(parents=True)

    def noise(height, width, *channels):
        return Image.fromarray(rng.integers(0, 256, (height, width, *channels), dtype=np.uint8))

    ant, bee, cat = (root / "val" / name for name in CLASSES)
    noise(8, 8, 3).save(ant / "tiny.png")
    Image.new("RGB", (10_000, 60), "orange").save(ant / "wide.png")
    Image.new("RGB", (10_000, 900), "purple").save(ant / "huge.jpg")
    noise(70, 90).save(bee / "gray.png")
    noise(70, 90, 4).save(bee / "alpha.png")
    noise(90, 71, 3).convert("CMYK").save(bee / "cmyk.jpg")
    noise(1, 1, 3).save(bee / "one.png")
    (cat / "text.jpg").write_text("not a picture")
    (cat / "empty.png").write_bytes(b"")
    noise(99, 99, 3).save(cat / "whole.png")
    (cat / "cut.png").write_bytes((cat / "whole.png").read_bytes()[:9000])
    return root


def by_hand(loaded, picture, chosen):
    """Probabilities of one picture over all crops of a scheme, coinciding ones too."""
    pre = loaded.info.preprocess
    views = plan(chosen, *picture.size, pre)
    with torch.inference_mode():
        return loaded.network(views_of(picture, views, pre)).logits.softmax(1)


# ------------------------------------------------------------------------------------------ the run


def test_a_folder_with_everything_in_it_is_tested_to_the_end(odd_pictures, tmp_path):
    one, other = network(0), network(1, Preprocess(resize=60, crop=54, white=1.0, channels="BGR"))
    data = relabeled(open_test_data(str(odd_pictures)), one.info)
    done = evaluate(
        [one, other], data, tmp_path / "out", crops=(1, 144), device="cpu", batch=50, progress=False
    )
    assert done.pictures == 11 and len(done.read) == 8 and done.data == odd_pictures.name
    said = {Path(data.label_of(i)).name: why for i, why in done.skipped.items()}
    assert said.keys() == {"text.jpg", "empty.png", "cut.png"}
    for name, sentence in (("text.jpg", "not a picture"), ("empty.png", "is empty"), ("cut.png", "damaged")):
        assert sentence in said[name]
    assert done.labels.tolist() == [data.labels[i] for i in done.read]
    for n, (loaded, key) in enumerate(zip((one, other), done.networks, strict=True)):
        assert key.startswith(f"net{n}-")
        for crops in (1, 144):
            mean, most = done.of_network(key, crops), done.of_network(key, crops, "max")
            for row, i in enumerate(done.read):
                p = by_hand(loaded, data.picture(int(i)), scheme(crops, loaded.info.preprocess))
                np.testing.assert_allclose(mean[row], p.mean(0), atol=2e-6)
                np.testing.assert_allclose(most[row], p.amax(0), atol=2e-6)
    both = done.probabilities(144)
    np.testing.assert_allclose(both, done.stacked(144).mean(0), atol=1e-7)
    np.testing.assert_allclose(both.sum(1), 1, atol=1e-5)
    assert open_test(tmp_path / "out").networks == done.networks


def test_any_scheme_by_name(odd_pictures, tmp_path):
    one = network(0)
    chosen = {"two": Scheme(scales=(50, 60), squares=("left",), crops=("whole",), mirror=False)}
    data = relabeled(open_test_data(str(odd_pictures)), one.info)
    done = evaluate([one], data, tmp_path, crops=chosen, device="cpu", progress=False)
    i = int(done.read[0])
    np.testing.assert_allclose(
        done.probabilities("two")[0], by_hand(one, data.picture(i), chosen["two"]).mean(0), atol=2e-6
    )
    with pytest.raises(DataError, match="holds no mean over 144 crops"):
        done.of_network(done.networks[0], 144)


def some_data(count=70):
    """Small pictures, of which every tenth cannot be read; and which were asked for."""
    asked = []

    def picture(i):
        asked.append(i)
        if i % 10 == 9:
            return read_picture(Path("none") / f"{i}.png")
        return Image.fromarray(np.random.default_rng(i).integers(0, 256, (50, 56, 3), dtype=np.uint8))

    return Data("some", CLASSES, [i % 3 for i in range(count)], picture), asked


def test_a_test_goes_on_where_it_stopped(tmp_path):
    one, (data, asked) = network(0), some_data()
    whole = evaluate([one], data, tmp_path / "whole", crops=(1,), device="cpu", progress=False)
    assert sorted(asked) == list(range(70)) and len(whole.skipped) == 7

    def stopping(i):
        if i == 40:
            raise KeyboardInterrupt
        return data.picture(i)

    with pytest.raises(KeyboardInterrupt):
        evaluate(
            [one], replace(data, picture=stopping), tmp_path / "cut", crops=(1,), device="cpu", progress=False
        )
    with pytest.raises(DataError, match="not finished"):
        open_test(tmp_path / "cut")
    with pytest.raises(DataError, match="holds a test already; --resume"):
        evaluate([one], data, tmp_path / "cut", crops=(1,), device="cpu", progress=False)
    asked.clear()
    done = evaluate([one], data, tmp_path / "cut", crops=(1,), resume=True, device="cpu", progress=False)
    assert sorted(asked) == list(range(32, 70))
    assert np.array_equal(done.probabilities(1), whole.probabilities(1)) and done.skipped == whole.skipped
    for changed, crops in ((replace(data, labels=[0] * 70), (1,)), (data, (10,))):
        with pytest.raises(DataError, match="of other data or with other crops"):
            evaluate([one], changed, tmp_path / "cut", crops=crops, resume=True, device="cpu", progress=False)


def test_another_network_joins_without_the_first_running_again(tmp_path):
    one, other, (data, _) = network(0), network(1), some_data(40)
    first = evaluate([one], data, tmp_path, crops=(1,), device="cpu", progress=False)
    p = first.probabilities(1)
    one.network.forward = None  # it would fail
    both = evaluate([one, other], data, tmp_path, crops=(1,), resume=True, device="cpu", progress=False)
    assert len(both.networks) == 2 and np.array_equal(both.stacked(1)[0], p)


def test_what_does_not_go_together_is_refused(tmp_path):
    one, (data, _) = network(0), some_data(4)
    for networks, changed, options, sentence in (
        ([], data, {}, "at least one network"),
        ([one], replace(data, labels=[]), {}, "one picture"),
        ([one, one], data, {}, "there twice"),
        ([one], data, {"crops": ()}, "at least one number of crops"),
        ([one, network(1, classes=("a", "b"))], data, {}, "same classes, and these have 3 and 2"),
        ([one], data, {"workers": 0}, "at least one thread"),
    ):
        with pytest.raises(DataError, match=sentence):
            evaluate(networks, changed, tmp_path / "x", device="cpu", progress=False, **options)
    bad = replace(data, picture=lambda i: read_picture(Path("none.png")))
    with pytest.raises(DataError, match=r"no picture could be read; the first: none\.png: there is no such"):
        evaluate([one], bad, tmp_path / "bad", device="cpu", progress=False)
    with pytest.raises(DataError, match="holds no test"):
        open_test(tmp_path / "none")


def test_labels_become_outputs(tmp_path):
    info = network(0).info
    data = Data("d", ("cat", "ant"), [0, 1, 1], None)
    assert relabeled(data, info).labels == [2, 0, 0] and relabeled(data, info).classes == CLASSES
    by_order = relabeled(Data("d", ("n01", "n02", "n03"), [2, 0], None), info)
    assert by_order.labels == [2, 0] and by_order.classes == CLASSES
    nameless = replace(info, classes=None)
    assert relabeled(Data("d", ("x", "y", "z"), [1], None), nameless).classes == ("x", "y", "z")
    for classes, sentence in (
        (("cat", "dog"), "'dog' is not among"),
        (("x", "y"), "'x' and 1 more of the data"),
    ):
        with pytest.raises(DataError, match=sentence):
            relabeled(Data("d", classes, [0], None), info)


def test_where_the_data_is(odd_pictures, tmp_path):
    assert open_test_data(str(odd_pictures / "val")).classes == CLASSES
    flat = open_test_data(str(odd_pictures / "val" / "ant"))
    assert flat.classes == () and set(flat.labels) == {-1}
    assert len(open_test_data("shapes", "test")) == 1000
    for name, split, sentence in (
        ("shapes", "x", "no split 'x'"),
        ("cifar10", "test", "no split 'test'"),
        ("nowhere", "val", "no such folder, and no data set of that name"),
        (str(tmp_path), "val", "no picture in it"),
    ):
        with pytest.raises(DataError, match=sentence):
            open_test_data(name, split)


def test_two_processes_share_the_pictures(odd_pictures, tmp_path):
    path = save_weights(network(0).network, tmp_path / "a.safetensors", network(0).info)
    command = ["--weights", path, "--data", odd_pictures, "--crops", "1", "--device", "cpu", "--out"]
    assert main(["evaluate", *map(str, command), str(tmp_path / "one")]) == 0
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            "-m",
            "inception_lib",
            "evaluate",
            *command,
            tmp_path / "two",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("top-1") == 1
    one, two = (open_test(tmp_path / name) for name in ("one", "two"))
    assert np.array_equal(one.probabilities(1), two.probabilities(1))


def test_some_pictures_are_spread_over_the_data():
    data = open_test_data("shapes", "test")
    some = evenly(data, 4)
    quarter = len(data) // 4
    assert [some.label_of(i) for i in range(4)] == [data.label_of(i * quarter) for i in range(4)]
    assert list(some.labels) == [data.labels[i * quarter] for i in range(4)] and len(some) == 4
    assert np.array_equal(np.asarray(some.picture(3)), np.asarray(data.picture(3 * quarter)))
    for count in (0, len(data) + 1):
        with pytest.raises(DataError, match=f"and {count} of them are wanted"):
            evenly(data, count)


# -------------------------------------------------------------------------------------- the ablation


def test_the_grid_is_what_one_gets_by_hand():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, 50)
    p = {n: rng.dirichlet(np.ones(6), (3, 50)) for n in (1, 10)}
    table = grid(p, labels, crops=(1, 10), models=(1, 2, 3)).set_index(["models", "crops"])
    first = p[1][0].argmax(1) == labels
    for k, n in itertools.product((1, 2, 3), (1, 10)):
        row, own = table.loc[k, n], p[n][:k].mean(0).argmax(1) == labels
        assert (row["top1"], row["top1_low"], row["top1_high"]) == rate(own)[:3]
        assert (row["change1"], row["change1_low"], row["change1_high"]) == change(first, own)[:3]
        every = [
            (p[n][list(c)].mean(0).argmax(1) == labels).mean() for c in itertools.combinations(range(3), k)
        ]
        assert row["choices"] == len(every) and row["top1_mean"] == pytest.approx(np.mean(every))
        assert (row["top1_least"], row["top1_most"]) == pytest.approx((min(every), max(every)))
        assert row["top5"] >= row["top1"]
    for options, sentence in (
        ({"crops": (144,)}, "no probabilities over 144"),
        ({"crops": (1,), "models": (4,)}, "There are 3 networks"),
    ):
        with pytest.raises(DataError, match=sentence):
            grid(p, labels, **options)


# ------------------------------------------------------------------------------------ the command line


def test_evaluate_on_the_command_line(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    for name in ("ring", "cross"):  # of the bundled classes two
        (tmp_path / "data" / name).mkdir(parents=True)
    from inception_lib.data.shapes import CLASSES as SHAPES
    from inception_lib.data.shapes import labels, picture_at

    for i, label in enumerate(labels("test", 40)):
        if (tmp_path / "data" / SHAPES[label]).is_dir():
            Image.fromarray(picture_at("test", i)).save(tmp_path / "data" / SHAPES[label] / f"{i}.png")
    bad = tmp_path / "data" / "ring" / "bad.png"
    bad.write_text("no picture")
    weights = [w for n in (1, 2) for w in ("--weights", str(bundled.FOLDER / f"shapes-{n}.safetensors"))]
    table = tmp_path / "table.csv"
    assert (
        main(
            [
                "evaluate",
                *weights,
                "--data",
                str(tmp_path / "data"),
                "--crops",
                "10",
                "--device",
                "cpu",
                "--table",
                str(table),
                "--record",
                "here",
            ]
        )
        == 0
    )
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "data: 8 pictures (1 skipped), 2 networks, the mean over 10 crops"
    assert lines[1].startswith("top-1  ") and lines[2] == "top-5  100.00 % (67.56 to 100.00)"
    assert f"inception: skipped: {bad}: this is not a picture" in captured.err
    outcome = results.load("here").outcome
    assert outcome["top5"]["value"] == 1 and (outcome["pictures"], outcome["skipped"]) == (8, 1)
    assert pd.read_csv(table).set_index("class")["pictures"].sum() == 8


def test_pictures_without_classes_are_named(capsys, odd_pictures):
    weights = bundled.FOLDER / "shapes-1.safetensors"
    folder = odd_pictures / "val" / "bee"
    arguments = ["evaluate", "--weights", str(weights), "--data", str(folder), "--crops", "1"]
    assert main(arguments) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 4 and all(" %  " in line for line in out) and out[0].endswith("alpha.png")
    assert main([*arguments, "--record", "x"]) == 1
    assert "have no classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nowhere"], "nowhere: there is no such folder, and no data set"),
        (["--weights", "none.pth"], "none.pth: there is no such file."),
        (["--resume"], "--resume needs --out"),
        (["--device", "abacus"], "The device 'abacus' cannot be used"),
        (["--workers", "0"], "at least one thread"),
        (["--split", "x"], "shapes: has no split 'x'."),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, sentence):
    weights = [] if "--weights" in arguments else ["--weights", str(bundled.FOLDER / "shapes-1.safetensors")]
    assert main(["evaluate", *weights, *arguments]) == 1
    said = capsys.readouterr()
    assert not said.out and said.err.startswith("inception: ") and sentence in said.err
    assert said.err.count("\n") == 1 and said.err.endswith(".\n")


def test_what_is_not_understood_is_status_2(capsys):
    assert main(["evaluate", "--crops", "12"]) == 2
    assert "invalid choice" in capsys.readouterr().err


def test_part_files_say_what_was_skipped(odd_pictures, tmp_path):
    one = network(0)
    data = relabeled(open_test_data(str(odd_pictures)), one.info)
    evaluate([one], data, tmp_path, crops=(1,), device="cpu", progress=False)
    assert len(json.loads((tmp_path / "test.json").read_text())["labels"]) == 11
    (part,) = tmp_path.glob("net0-*/*.safetensors")
    part.write_bytes(part.read_bytes()[:200])
    with pytest.raises(DataError, match="cannot be read"):
        open_test(tmp_path)
