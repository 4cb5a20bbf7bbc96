"""`inception train --dry-run`: it says what a training would do, and leaves nothing behind."""

from __future__ import annotations

import pytest
from runs import QUICK, changed, command, run_on, two_classes
from small import refused

from inception_lib.cli import main
from inception_lib.training.recipes import network_options, recipe
from inception_lib.training.train import plan


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return two_classes(tmp_path_factory.mktemp("data"))


def words(data, folder, **fields):
    return [*command(data, folder, **fields)[3:], "--dry-run"]


def test_it_says_what_would_be_done_and_writes_nothing(data, tmp_path, capsys):
    folder = tmp_path / "run"
    assert main(words(data, folder)) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("network  googlenet-paper, ") and said[0].endswith(", 2 auxiliary heads")
    assert "24 images train, 8 validate, 2 classes" in said[1]
    assert said[2] == "updates  6 in an epoch, 18 in 3 epochs"
    assert "float32, 4 images at a time" in said[3]
    assert said[4] == f"folder   {folder}: a new run" and said[5] == "recipe   quick"
    assert {line.split()[0] for line in said[6:-1]} == set(QUICK.recipe.to_dict()) - {"name"}
    assert "  ema_decay        0.5" in said
    assert said[-1] == "dry run: nothing was trained, and nothing was written"
    assert not folder.exists()


def test_it_says_where_a_run_would_go_on_and_leaves_its_files_alone(data, tmp_path):
    folder = tmp_path / "run"
    run_on(data, QUICK, folder)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    said = plan(QUICK.network, str(data), QUICK.recipe, folder, resume=True, device="cpu")
    assert f"{folder}: goes on after 18 updates" in said
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_it_fails_as_the_run_would(data, tmp_path, capsys):
    assert "no such folder" in refused(capsys, *words(tmp_path / "none", tmp_path / "run"))
    assert "no run to resume" in refused(capsys, *words(data, tmp_path / "run"), "--resume")
    run_on(data, changed(epochs=1 / 6), tmp_path / "run")
    assert "holds a run already" in refused(capsys, *words(data, tmp_path / "run"))
    other = words(data, tmp_path / "run", lr=0.5, epochs=1 / 6)
    assert "begun with other settings (lr 0.01)" in refused(capsys, *other, "--resume")


def test_a_batch_larger_than_the_data_is_rehearsed_and_refused(data, tmp_path, capsys):
    """Commands for large data can be rehearsed on a few images; a training of them ends at once."""
    rehearsed = words(data, tmp_path / "run", batch=256)
    assert main(rehearsed) == 0
    said = capsys.readouterr().out.splitlines()
    sentence = "24 training images do not fill one batch of 256; use a smaller one (--batch 8;"
    assert said[2].startswith(f"updates  none, and the training itself would end here: {sentence}")
    assert "  batch            256" in said and said[-1].startswith("dry run: ")
    assert sentence in refused(capsys, *rehearsed[:-1])
    assert not (tmp_path / "run").exists()


def test_modern_is_googlenet_with_batch_normalization_and_other_networks_as_they_are(data, tmp_path, capsys):
    assert network_options("modern").variant == "torchvision" and recipe("modern").clip is None
    sizes = ["--data", str(data), "--batch", "4", "--device", "cpu", "--dry-run", "--input-size", "80"]
    start = ["train", "--recipe", "modern", *sizes, "--resize", "80", "--out", str(tmp_path / "run")]
    for more, network in (
        ([], "googlenet-torchvision, "),
        (["--variant", "paper"], "googlenet-paper, "),
        (["--network", "resnet34"], "resnet34"),
    ):
        assert main([*start, *more]) == 0
        assert capsys.readouterr().out.startswith(f"network  {network}")
