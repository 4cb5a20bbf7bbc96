"""`inception evaluate`: what it asks for, prints, writes and refuses."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from small import class_folder, network, noise, odd_folder, refused

from inception_lib import WeightsError, distributed
from inception_lib.book import bundled, results
from inception_lib.cli import main
from inception_lib.data.imagenet import imagenet_classes, imagenet_outputs
from inception_lib.data.images import TORCHVISION_PREPROCESS, Preprocess
from inception_lib.data.shapes import CLASSES as SHAPES
from inception_lib.data.shapes import labels, picture_at
from inception_lib.distributed import Team
from inception_lib.evaluation import data as test_data
from inception_lib.evaluation.metrics import rate
from inception_lib.evaluation.store import open_test
from inception_lib.weights import loading
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights

ROOT = Path(__file__).parents[1]
BUNDLED = bundled.FOLDER / "shapes-1.safetensors"


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return save_weights(
        network(0).network, tmp_path_factory.mktemp("w") / "small.safetensors", network(0).info
    )


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """36 pictures of nine of the bundled classes, and one that is none."""
    root = tmp_path_factory.mktemp("data")
    for i, label in enumerate(labels("test", 40)):
        if SHAPES[label] != "ring":
            folder = root / SHAPES[label]
            folder.mkdir(exist_ok=True)
            Image.fromarray(picture_at("test", i)).save(folder / f"{i:03d}.png")
    (root / "cross" / "bad.png").write_text("no picture")
    return root


def test_what_it_prints_writes_and_records(capsys, tmp_path, monkeypatch, pictures):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    given = [w for n in (1, 2) for w in ("--weights", str(bundled.FOLDER / f"shapes-{n}.safetensors"))]
    table, out = tmp_path / "table.csv", tmp_path / "out"
    table.write_text("an older one")
    options = ["--data", pictures, "--crops", "10", "--device", "cpu", "--table", table, "--out", out]
    assert main(["evaluate", *given, *map(str, options), "--record", "here"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == f"{pictures.name}: 36 pictures (1 skipped), 2 networks, the mean over 10 crops"
    assert f"{pictures / 'cross' / 'bad.png'}: " in captured.err
    # what was kept says the same, counted another way
    done = open_test(out)
    p, right = torch.from_numpy(done.stacked(10).mean(0)), torch.from_numpy(done.labels)[:, None]
    shares = [(p.topk(k).indices == right).any(1).double().mean().item() for k in (1, 5)]
    assert lines[1] == "9 classes of the network's; answers are chosen among all 10"
    assert [line[:13] for line in lines[2:4]] == [
        f"top-{k}  {100 * share:.2f} %"[:13] for k, share in zip((1, 5), shares, strict=True)
    ]
    outcome = results.load("here").outcome
    assert [outcome[f"top{k}"]["value"] for k in (1, 5)] == pytest.approx(shares)
    assert (outcome["pictures"], outcome["skipped"], outcome["networks"]) == (36, 1, list(done.networks))
    rows = pd.read_csv(table).set_index("class")
    assert rows.index.tolist() == list(SHAPES) and rows["pictures"].sum() == 36
    assert (rows["top1"] * rows["pictures"]).sum() == pytest.approx(36 * shares[0])


def test_top_5_counts_five(capsys, tmp_path):
    """Of ten classes; the sixth does not count."""
    classes = tuple("abcdefghij")
    loaded = network(0, classes=classes)
    path = save_weights(loaded.network, tmp_path / "ten.safetensors", loaded.info)
    for i, c in enumerate(classes):
        (tmp_path / "data" / c).mkdir(parents=True)
        pixels = np.random.default_rng(i).integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / c / "0.png")
    options = ["--weights", path, "--data", tmp_path / "data", "--crops", "1", "--out", tmp_path / "out"]
    assert main(["evaluate", *map(str, options), "--device", "cpu"]) == 0
    done = open_test(tmp_path / "out")
    five = (torch.from_numpy(done.probabilities(1)).topk(5).indices == torch.arange(10)[:, None]).any(1)
    six = (torch.from_numpy(done.probabilities(1)).topk(6).indices == torch.arange(10)[:, None]).any(1)
    assert five.sum() < six.sum()
    assert f"top-5  {10 * five.sum():.2f} %" in capsys.readouterr().out


def test_pictures_without_classes_are_named(capsys, tmp_path):
    folder = odd_folder(tmp_path) / "val" / "bee"
    (folder / "a\x1b[31m.png").write_bytes((folder / "gray.png").read_bytes())
    arguments = ["--weights", str(BUNDLED), "--data", str(folder), "--crops", "1"]
    assert main(["evaluate", *arguments]) == 0
    said = capsys.readouterr()
    out = said.out.splitlines()
    assert f"inception: {folder}: its pictures have no classes (--labels names a list" in said.err
    assert len(out) == 5 and all(" %  " in line for line in out) and out[0].endswith("a\\x1b[31m.png")
    assert str(folder) in refused(capsys, "evaluate", *arguments, "--record", "x")


# ------------------------------------------------------------------ a part of the classes, lists, options

SOME = {"n01440764": 0, "n02102040": 217, "n03888257": 701}


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    """A small network of ImageNet's classes, and six pictures of three of them in Imagenette's form."""
    root = tmp_path_factory.mktemp("thousand")
    loaded = network(0, Preprocess(resize=64, crop=48), classes=imagenet_classes())
    for n, wnid in enumerate(SOME):
        (root / "data" / "val" / wnid).mkdir(parents=True)
        for i in (2 * n, 2 * n + 1):
            noise(80, 56, i).save(root / "data" / "val" / wnid / f"{i}.png")
    (root / "data" / "val" / ".ipynb_checkpoints").mkdir()
    (root / "data" / "val" / "notes").mkdir()
    return save_weights(loaded.network, root / "net.safetensors", loaded.info), root / "data"


def tops(out):
    return [line for line in out.splitlines() if line.startswith("top-")]


@pytest.mark.parametrize("folder", ["", "val"])
@pytest.mark.parametrize("restrict", [False, True])
def test_a_part_of_imagenet_by_ids(capsys, tmp_path, thousand, restrict, folder):
    weights, data = thousand
    options = ["--weights", weights, "--data", data / folder, "--crops", "1", "--out", tmp_path / "out"]
    options += ["--table", tmp_path / "table.csv", *(["--restrict"] if restrict else [])]
    assert main(["evaluate", *map(str, options), "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    among = "these alone" if restrict else "all 1,000"
    assert said.splitlines()[1] == f"3 classes of the network's; answers are chosen among {among}"
    done = open_test(tmp_path / "out")
    assert done.labels.tolist() == [output for output in SOME.values() for _ in range(2)]
    p = torch.from_numpy(done.probabilities(1))
    if restrict:
        others = [i for i in range(1000) if i not in SOME.values()]
        p[:, others] = -1
    right = p.argmax(1).numpy() == done.labels
    assert tops(said)[0] == f"top-1  {rate(right)}"
    rows = pd.read_csv(tmp_path / "table.csv")
    assert len(rows) == (3 if restrict else 1000)
    assert rows.loc[rows["pictures"] > 0, "class"].tolist() == ["tench", "English springer", "parachute"]
    assert (rows["top1"] * rows["pictures"]).sum() == pytest.approx(right.sum())


def test_a_list_says_the_same_as_folders(capsys, tmp_path, thousand):
    weights, data = thousand
    flat, by_number, by_id = tmp_path / "flat", tmp_path / "number.txt", tmp_path / "id.csv"
    flat.mkdir()
    lines = []
    for path in sorted(data.rglob("*.png")):
        (flat / path.name).write_bytes(path.read_bytes())
        lines.append((path.name, path.parent.name))
    by_number.write_text("".join(f"{name} {SOME[wnid]}\n" for name, wnid in lines))
    by_id.write_text("".join(f"{name},{wnid}\n" for name, wnid in lines))
    said = []
    given = ["evaluate", "--weights", str(weights), "--crops", "1", "--restrict", "--data"]
    for options in ([data], [flat, "--labels", by_number], [flat, "--labels", by_id]):
        assert main([*given, *map(str, options)]) == 0
        said.append(capsys.readouterr().out.partition("\n")[2])
    assert said[0] == said[1] == said[2] and "top-1" in said[0]
    by_number.write_text("0.png 0\nnone.png 217\n")
    sentence = refused(capsys, *given, flat, "--labels", by_number)
    assert f"{by_number}: line 2: there is no picture 'none.png' in {flat}" in sentence
    assert "--labels names a list" in refused(capsys, *given, flat)
    assert "there is no such folder" in refused(capsys, *given, "cifar10", "--labels", by_number)


def test_what_is_said_of_weights_counts(capsys, tmp_path, thousand):
    """The pre-processing that is said is the one that is used, and so are names and the warp."""
    weights, data = thousand
    names = tmp_path / "names.txt"
    names.write_text("\n".join(imagenet_outputs()))
    table = tmp_path / "table.csv"
    options = ["--preprocess", "torchvision", "--classes", names, "--warp", "--table", table]
    given = ["--weights", weights, "--data", data, "--crops", "1", "--out", tmp_path / "out"]
    assert main(["evaluate", *map(str, given + options)]) == 0
    assert tuple(pd.read_csv(table)["class"]) == tuple(imagenet_outputs())
    loaded = load_weights(weights)
    size = loaded.info.architecture.input[1]
    preprocess = replace(TORCHVISION_PREPROCESS, crop=size, resize=round(size * 256 / 224), warp=True)
    with torch.no_grad():
        x = torch.stack([preprocess(path) for path in sorted(data.rglob("*.png"))])
        expected = loaded.network(x).logits.softmax(1)
    assert np.allclose(open_test(tmp_path / "out").probabilities(1), expected, atol=2e-3)
    capsys.readouterr()
    assert "--weights names" in refused(capsys, "evaluate", "--data", "shapes", "--warp")


def test_networks_whose_classes_are_in_another_order_are_not_averaged(capsys, tmp_path):
    class_folder(tmp_path / "data", 3)
    (tmp_path / "list.txt").write_text("ant/000.png 0\nbee/001.png 1\ncat/002.png 2\n")
    paths = []
    for seed, classes in ((0, ("ant", "bee", "cat")), (1, ("cat", "ant", "bee"))):
        loaded = network(seed, classes=classes)
        paths += ["--weights", save_weights(loaded.network, tmp_path / f"{seed}.safetensors", loaded.info)]
    for options in ([], ["--labels", tmp_path / "list.txt"]):
        said = refused(capsys, "evaluate", *paths, "--data", tmp_path / "data", "--crops", 1, *options)
        assert "net0 and net1 have the classes of data in another order" in said


# ------------------------------------------------------------------------- before anything is done


@pytest.fixture
def untouched(monkeypatch):
    """Nothing may be opened, fetched or tested."""

    def never(*args, **more):
        raise AssertionError("this was not to be done")

    for module, name in ((loading, "load_weights"), (test_data, "open_test_data"), (distributed, "team")):
        monkeypatch.setattr(module, name, never)
    monkeypatch.setattr(bundled, "load_weights", never)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ([], "--data"),
        (["--weights", "bvlc"], "--data"),
        (["--weights", "torchvision", "--crops", "1"], "--data"),
        (["--resume"], "--out"),
        (["--data", "shapes", "--record", "a/b"], "'a/b'"),
        (["--data", "shapes", "--record", ""], "''"),
        (["--data", "shapes", "--table", "no/such/table.csv"], "no/such/table.csv"),
        (["--data", "shapes", "--table", "."], "--table"),
    ],
)
def test_what_is_known_to_go_wrong_is_said_first(capsys, untouched, arguments, word):
    assert word in refused(capsys, "evaluate", *arguments)


def test_several_processes_need_a_folder(capsys, untouched, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "--out" in refused(capsys, "evaluate", "--data", "shapes")


def test_what_is_tested_where_little_is_said(capsys, tmp_path, monkeypatch, weights):
    """On shapes the networks that know them, by default those of the repository; else BVLC's network."""
    seen = []

    def stop(networks, pictures, *args, **more):
        seen.append(([loaded.info.name for loaded in networks], pictures.name))
        raise WeightsError("Enough.")

    monkeypatch.setattr("inception_lib.evaluation.ensemble.evaluate", stop)
    refused(capsys, "evaluate", "--data", "shapes")
    refused(capsys, "evaluate", "--weights", BUNDLED)
    assert seen == [([f"shapes-{n}" for n in range(1, 8)], "shapes"), (["shapes-1"], "shapes")]
    assert "--data" in refused(capsys, "evaluate", "--weights", weights) and len(seen) == 2
    asked = []
    monkeypatch.setattr(
        loading, "load_weights", lambda name, **more: asked.append(name) or stop([], network(0).info)
    )
    class_folder(tmp_path, 3)
    refused(capsys, "evaluate", "--data", tmp_path)
    assert asked == ["bvlc"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--weights", "none.pth", "--data", "shapes"], "none.pth"),
        (["--device", "abacus"], "'abacus'"),
        (["--device", "meta"], "'meta'"),
        (["--workers", "0"], "0"),
        (["--batch", "0"], "0"),
        (["--split", "x"], "'x'"),
        (["--out", "/dev/null/x"], "/dev/null/x"),
    ],
)
def test_bad_input_is_one_sentence(capsys, arguments, word):
    given = [] if "--weights" in arguments else ["--weights", BUNDLED]
    assert word in refused(capsys, "evaluate", *given, *arguments)


def test_what_is_not_understood_is_status_2(capsys):
    assert main(["evaluate", "--crops", "12"]) == 2
    assert "--crops" in capsys.readouterr().err


def test_the_first_process_opens_weights_and_data_before_the_others(monkeypatch, weights, tmp_path):
    """What it fetches, the others find: both are opened in the block in which it is first."""
    events = []

    class Watched(Team):
        @contextmanager
        def leader_first(self):
            events.append("first")
            with super().leader_first() as leads:
                yield leads
            events.append("others")

    @contextmanager
    def team(device=None):
        yield Watched(0, 1, torch.device("cpu"))

    def noting(name, function):
        return lambda *args, **more: events.append(name) or function(*args, **more)

    class_folder(tmp_path / "data", 3)
    monkeypatch.setattr(distributed, "team", team)
    monkeypatch.setattr(loading, "load_weights", noting("weights", loading.load_weights))
    monkeypatch.setattr(test_data, "open_test_data", noting("data", test_data.open_test_data))
    options = ["--weights", weights, "--data", tmp_path / "data", "--crops", "1"]
    assert main(["evaluate", *map(str, options)]) == 0
    assert events[:4] == ["first", "weights", "data", "others"]


# ------------------------------------------------------------------------------- what it writes, whole


def test_a_table_that_cannot_be_written_leaves_the_old_one(capsys, tmp_path, monkeypatch, weights):
    class_folder(tmp_path / "data", 3)
    table = tmp_path / "table.csv"
    table.write_text("an older one")

    def full(self, path, **more):
        Path(path).write_text("clas")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    options = ["--weights", weights, "--data", tmp_path / "data", "--crops", "1", "--table", table]
    assert main(["evaluate", *map(str, options)]) == 1
    said = capsys.readouterr()
    assert said.err.splitlines()[-1].startswith(f"inception: {table}: ") and "Traceback" not in said.err
    assert "top-1" in said.out, "what came out is not lost"
    assert table.read_text() == "an older one"
    assert {path.name for path in tmp_path.iterdir()} == {"data", "table.csv"}


def test_names_of_classes_that_are_not_text(capsys, tmp_path):
    """In a table as in what is printed, they are escaped; so is the name of the data."""
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9ta"))
    class_folder(root, 6)
    (root / "cat").rename(root / os.fsdecode(b"c\xe9t"))
    loaded = network(0)
    nameless = replace(loaded.info, classes=None)
    path = save_weights(loaded.network, tmp_path / "w.safetensors", nameless)
    table, out = tmp_path / "table.csv", tmp_path / "out"
    options = ["--weights", path, "--data", root, "--crops", "1", "--table", table, "--out", out]
    assert main(["evaluate", *map(str, options)]) == 0
    assert pd.read_csv(table)["class"].tolist() == ["ant", "bee", "c\\udce9t"]
    assert capsys.readouterr().out.startswith("d\\udce9ta: 6 pictures")
    assert json.loads((out / "test.json").read_text())["classes"][2] == "c\udce9t"
    assert main(["evaluate", *map(str, options), "--resume"]) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("redirection", "status"), [("2>/dev/full", 0), (">&-", 1)])
def test_streams_that_cannot_be_written(tmp_path, weights, redirection, status):
    """The work is done to its end, table and all, whatever can be said of it."""
    class_folder(tmp_path / "data", 3)
    (tmp_path / "data" / "cat" / "bad.png").touch()
    line = (
        f"PYTHONUNBUFFERED= {sys.executable} -m inception_lib evaluate --weights {weights} --data data "
        f"--crops 1 --table table.csv --out out {redirection}"
    )
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == status and "Traceback" not in done.stderr
    assert len(open_test(tmp_path / "out").read) == 3
    assert pd.read_csv(tmp_path / "table.csv")["pictures"].sum() == 3
    if status:
        assert "inception: stdout" in done.stderr and not done.stdout
    else:
        assert "top-1" in done.stdout
