"""What is kept of a test: read back whole, made anew where it is damaged or out of date, by one alone."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from small import Noise, class_folder, network, noise, some_data

from inception_lib import DataError
from inception_lib.evaluation.data import open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate
from inception_lib.evaluation.store import open_test, part_paths, read_part, why_anew, write_part


def test(networks, data, folder, **options):
    return evaluate(networks, data, folder, crops=(1,), device="cpu", progress=False, **options)


test.__test__ = False


def test_a_part_is_read_back_as_it_was_written(tmp_path):
    tensors = {"1.mean": torch.rand(3, 4), "index": torch.tensor([0, 1, 3])}
    path = tmp_path / "part.safetensors"
    write_part(path, tensors, {2: "it was \udce9"}, "stamp")
    found, skipped = read_part(path, check=True)
    assert found.keys() == tensors.keys() and all(torch.equal(found[k], v) for k, v in tensors.items())
    assert skipped == {2: "it was \udce9"}
    assert why_anew(path, "stamp") is None
    assert "changed" in why_anew(path, "another")


@pytest.mark.parametrize("damage", ["empty", "cut", "header", "bit", "foreign"])
def test_a_damaged_part_is_made_anew_and_said(tmp_path, damage, capsys):
    one, data = network(0), some_data(70)
    whole = test([one], data, tmp_path)
    expected = whole.probabilities(1)
    path = part_paths(tmp_path / whole.networks[0], 70)[1]
    content = bytearray(path.read_bytes())
    if damage == "bit":  # of the last answer
        content[-2] ^= 1
    elif damage == "header":
        content[20] ^= 0xFF
    path.write_bytes({"empty": b"", "cut": content[:200]}.get(damage, content))
    if damage == "foreign":
        from safetensors.torch import save_file

        save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(DataError, match=path.name):
        open_test(tmp_path)
    again = some_data(70)
    done = evaluate([one], again, tmp_path, crops=(1,), device="cpu", resume=True)
    assert sorted(again.source.asked) == list(range(32, 64))
    assert np.array_equal(done.probabilities(1), expected) and done.skipped == whole.skipped
    assert str(path) in capsys.readouterr().err


def test_images_that_changed_are_answered_anew_and_the_others_are_not(tmp_path, monkeypatch):
    files = class_folder(tmp_path / "data", 70)
    files[40].write_bytes(b"damaged")
    one, other = network(0), network(1)
    data = relabeled(open_test_data(str(tmp_path / "data")), one.info)
    first = test([one], data, tmp_path / "test")
    before = first.probabilities(1)
    assert list(first.skipped) == [40]
    noise(56, 50, 1000).save(files[3])  # another image
    noise(56, 50, 40).save(files[40])  # repaired
    asked = []
    real = type(data.source).read
    monkeypatch.setattr(type(data.source), "read", lambda self, i: asked.append(i) or real(self, i))
    resumed = test([one], data, tmp_path / "test", resume=True)
    assert sorted(asked) == list(range(64)), "the parts that hold images 3 and 40, and no other"
    fresh = test([one], data, tmp_path / "fresh")
    assert np.array_equal(resumed.probabilities(1), fresh.probabilities(1)) and not resumed.skipped
    assert not np.array_equal(resumed.probabilities(1)[3], before[3])
    # another network that joins later has seen the same
    noise(56, 50, 2000).save(files[69])
    both = test([one, other], data, tmp_path / "test", resume=True)
    assert np.array_equal(both.stacked(1), test([one, other], data, tmp_path / "both").stacked(1))


def test_two_tests_cannot_write_in_one_folder_at_once(tmp_path):
    one, data = network(0), some_data(4)
    with FileLock(tmp_path / ".lock"), pytest.raises(DataError, match="another test"):
        test([one], data, tmp_path)
    assert not (tmp_path / "test.json").exists()
    assert len(test([one], data, tmp_path).read) == 4


def test_another_test_is_refused_and_the_one_that_is_there_stays(tmp_path):
    one, data = network(0), some_data(40)
    test([one], data, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    for changed, options, word in (
        (data, {}, "--resume"),
        (replace(data, labels=np.zeros(40, np.int64)), {"resume": True}, "labels"),
        (replace(data, classes=("ant", "bee", "dog")), {"resume": True}, "classes"),
        (some_data(39, data.source), {"resume": True}, "labels"),
    ):
        with pytest.raises(DataError, match=word):
            test([one], changed, tmp_path, **options)
    with pytest.raises(DataError, match="crops"):
        evaluate([one], data, tmp_path, crops=(10,), resume=True, device="cpu", progress=False)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 99}'])
def test_a_folder_that_holds_no_test_is_said(tmp_path, content):
    (tmp_path / "test.json").write_text(content)
    with pytest.raises(DataError, match=tmp_path.name):
        open_test(tmp_path)
    with pytest.raises(DataError, match="--out"):
        test([network(0)], some_data(4), tmp_path, resume=True)
    with pytest.raises(DataError, match="holds no test"):
        open_test(tmp_path / "none")


def test_a_test_that_is_not_finished_is_not_opened(tmp_path):
    one = network(0)
    with pytest.raises(KeyboardInterrupt):
        test([one], some_data(70, Noise(stop_at=40)), tmp_path)
    with pytest.raises(DataError, match="not finished"):
        open_test(tmp_path)
    (part,) = tmp_path.rglob("*.safetensors")
    assert part.name == "00000000.safetensors" and len(
        json.loads((tmp_path / "test.json").read_text())["labels"]
    )


def test_what_a_test_does_not_hold_is_refused(tmp_path):
    done = test([network(0)], some_data(4), tmp_path)
    (key,) = done.networks
    for network_name, crops, pool in (("none", 1, "mean"), (key, 144, "mean"), (key, 1, "median")):
        with pytest.raises(DataError):
            done.of_network(network_name, crops, pool)


def test_a_folder_whose_name_is_not_text(tmp_path):
    folder = Path(str(tmp_path / "t\udce9st"))
    done = test([network(0)], some_data(4), folder)
    assert len(open_test(folder).read) == len(done.read) == 4
