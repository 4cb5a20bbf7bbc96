"""Networks over data: the same as picture by picture, to the end on odd pictures, and again after a stop."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from small import Noise, class_folder, network, odd_folder, some_data
from test_placement import Watch
from torch._subclasses.fake_tensor import FakeTensorMode

from inception_lib import DataError
from inception_lib.cli import main
from inception_lib.data.images import Preprocess
from inception_lib.distributed import Team
from inception_lib.evaluation import ensemble, reading
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.data import open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate
from inception_lib.evaluation.plan import Scheme, plan, scheme
from inception_lib.evaluation.store import open_test, part_paths
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights
from inception_lib.weights.info import Loaded

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def odd_pictures(tmp_path_factory):
    return odd_folder(tmp_path_factory.mktemp("odd"))


def by_hand(loaded, picture, chosen):
    """Probabilities of one picture over all crops of a scheme, coinciding ones too."""
    pre = loaded.info.preprocess
    views = plan(chosen, *picture.size, pre)
    with torch.inference_mode():
        return loaded.network(views_of(picture, views, pre)).logits.softmax(1)


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


def run(networks, data, folder, **options):
    return evaluate(networks, data, folder, **{"crops": (1,), "device": "cpu", "progress": False} | options)


def test_a_test_goes_on_where_it_stopped(tmp_path):
    one, data = network(0), some_data()
    whole = run([one], data, tmp_path / "whole")
    assert sorted(data.source.asked) == list(range(70)) and len(whole.skipped) == 7
    with pytest.raises(KeyboardInterrupt):
        run([one], some_data(source=Noise(stop_at=40)), tmp_path / "cut")
    rest = some_data()
    done = run([one], rest, tmp_path / "cut", resume=True)
    assert sorted(rest.source.asked) == list(range(32, 70))
    assert np.array_equal(done.probabilities(1), whole.probabilities(1)) and done.skipped == whole.skipped


def test_another_network_joins_without_the_first_running_again(tmp_path):
    one, other, data = network(0), network(1), some_data(40)
    p = run([one], data, tmp_path).probabilities(1)
    one.network.forward = None  # it would fail
    both = run([one, other], data, tmp_path, resume=True)
    assert len(both.networks) == 2 and np.array_equal(both.stacked(1)[0], p)


@pytest.mark.parametrize(
    ("networks", "options", "word"),
    [
        ([], {}, "network"),
        (["one"], {"count": 0}, "picture"),
        (["one", "one"], {}, "twice"),
        (["one"], {"crops": ()}, "crops"),
        (["one", "two classes"], {}, "classes"),
        (["one"], {"workers": 0}, "thread"),
        (["one"], {"batch": 0}, "batch"),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path, networks, options, word):
    known = {"one": network(0), "two classes": network(1, classes=("a", "b"))}
    data = some_data(options.pop("count", 4))
    with pytest.raises(DataError, match=word):
        run([known[name] for name in networks], data, tmp_path / "x", **options)
    assert not (tmp_path / "x").exists()


def test_data_of_which_nothing_can_be_read_is_refused_with_the_reason(tmp_path):
    with pytest.raises(DataError, match=r"9\.png"):
        run([network(0)], some_data(10).subset([9]), tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_not_a_number_ends_the_test(tmp_path, value):
    """A top-1 of 0 % would say that the network is bad, not that its numbers are."""
    one = network(0)
    one.network.classifier.linear.bias.data[1] = value
    with pytest.raises(DataError, match=r"net0.*image 0"):
        run([one], some_data(4), tmp_path)


# ------------------------------------------------------------------------------------ several processes


class Apart(Team):
    """One of several processes, alone: it waits for no other, and notes what was there when it would."""

    def total(self, values):
        return values

    def wait(self):
        at_each_wait.append(set(files_of_test.glob("*/*.safetensors")))


at_each_wait: list[set[Path]] = []
files_of_test = Path()


def test_processes_share_what_is_missing_and_look_before_any_of_them_writes(tmp_path, monkeypatch):
    one, data = network(0), some_data(160)
    (key,) = run([one], data, tmp_path / "0").networks
    # all of the first process if parts were dealt out by their numbers
    for number in (0, 2, 4):
        part_paths(tmp_path / "0" / key, 160)[number].unlink()
    shutil.copytree(tmp_path / "0", tmp_path / "1")
    written = []
    for rank in (0, 1):
        monkeypatch.setitem(globals(), "files_of_test", tmp_path / str(rank))
        before = set(files_of_test.glob("*/*.safetensors"))
        at_each_wait.clear()
        with pytest.raises(DataError, match="not finished"):  # the share of the other is missing
            run([one], data, files_of_test, resume=True, device=Apart(rank, 2, torch.device("cpu")))
        assert at_each_wait[0] == before and len(at_each_wait) == 2
        written.append(sorted(path.stem for path in at_each_wait[1] - before))
    assert written == [["00000000", "00000128"], ["00000064"]]


@pytest.mark.slow
def test_two_processes_share_the_pictures(tmp_path):
    class_folder(tmp_path / "data", 70)
    path = save_weights(network(0).network, tmp_path / "a.safetensors", network(0).info)
    command = ["--weights", path, "--data", tmp_path / "data", "--crops", "1", "--device", "cpu", "--out"]
    assert main(["evaluate", *map(str, command), str(tmp_path / "one")]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    # sums have other last bits with another number of threads
    done = subprocess.run(
        [*torchrun, "-m", "inception_lib", "evaluate", *command, tmp_path / "two"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=os.environ | {"OMP_NUM_THREADS": str(torch.get_num_threads())},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("top-1") == 1
    one, two = (open_test(tmp_path / name) for name in ("one", "two"))
    assert np.array_equal(one.probabilities(1), two.probabilities(1))


# ------------------------------------------------------------------------------------------ the device


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "nearest"])
def test_from_pixels_to_probabilities_on_a_pretended_gpu(interpolation):
    """An operation on tensors of two devices is an error; waits and float64 are noted."""
    preprocess = Preprocess(resize=54, crop=48, channels="BGR", interpolation=interpolation)
    schemes = {str(n): scheme(n, preprocess) for n in (1, 10, 144)}
    info = network(0, preprocess).info
    with FakeTensorMode(), Watch() as watch:
        read = reading.Read("noise", 75, 60, torch.empty(60, 75, 3, dtype=torch.uint8), {})
        with torch.device("cuda"):
            gpu = Loaded(Network(info.architecture).eval(), info)
        made = reading.cut_views(read, schemes, preprocess, torch.device("cuda"))
        (p,) = reading.softmax([gpu], made.pixels, 50)
    assert made.pixels.device.type == p.device.type == "cuda" and p.shape == (len(made.pixels), 3)
    assert made.pixels.dtype == torch.uint8 and p.dtype == torch.float32
    assert made.weights.shape == (3, len(made.pixels)) and len(made.pixels) > 100
    assert watch.waits == [] and watch.wide == []


@pytest.mark.parametrize(("device", "batch"), [("cpu", 32), ("cuda", 256), ("mps", 256)])
def test_an_accelerator_gets_larger_batches(tmp_path, monkeypatch, device, batch):
    seen = []
    monkeypatch.setattr(ensemble, "_run", lambda *args: seen.append(args[7]))
    monkeypatch.setattr(ensemble, "open_test", lambda folder: seen)
    with pytest.raises(AttributeError):  # nothing was done
        run([network(0)], some_data(4), tmp_path, device=Team(0, 1, torch.device(device)))
    assert seen == [batch]
