"""`benchmarks/gpu.py`, the one command for a GPU machine, in its small form on this one."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path

import gpu
import numpy as np
import pytest
import warm
from PIL import Image

ROOT = Path(gpu.__file__).resolve().parents[1]


def images(root):
    """Enough of them to fill a batch of the experiments."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 64), ("val", 4)):
        for name, low in (("dark", 0), ("light", 128)):
            (root / split / name).mkdir(parents=True)
            for i in range(n):
                noise = rng.integers(low, low + 128, (80, 80, 3), np.uint8)
                Image.fromarray(noise).save(root / split / name / f"{i}.png")
    return root


@pytest.mark.slow
def test_it_runs_from_end_to_end(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(gpu, "subprocess", warm)
    found = tmp_path / "found"
    status = gpu.main(
        data=str(images(tmp_path / "data")),
        about_data="noise",
        results=found,
        where="here",
        together=2,
        compiled=False,
        small=True,
        only=("tests, kernels", "timed", "training"),
        minutes=30,
    )
    said = capfd.readouterr().out
    print(said)
    assert status == 0 and said.endswith("all in order\n"), said
    wanted = {
        "lrn_speed",
        "train_speed",
        "inference_speed",
        "kept_speed",
        "experiment_ensemble",
        "seconds_per_mac",
    }
    wanted |= {p.stem for p in (ROOT / "benchmarks").glob("loader_speed.py")}
    assert {p.stem.removesuffix("_here") for p in found.glob("*.json")} == wanted
    speed = json.loads((found / "train_speed_here.json").read_text())["outcome"]
    assert all(row["traffic_share"] > 0 and row["flops_share"] > 0 for row in speed["rows"])


def test_a_part_that_takes_too_long_is_cut_off_and_the_next_one_told(capfd, monkeypatch):
    part = gpu.Part("sleeps", ["-c", "import time; print('begun LEFT', flush=True); time.sleep(60)"], 11)
    start = time.monotonic()
    monkeypatch.setattr(gpu.subprocess.Popen, "wait", quickly(gpu.subprocess.Popen.wait))
    assert not part.done(start + 100, {})
    assert not part.done(start, {})
    said = capfd.readouterr().out
    assert "cut off" in said and "begun" in said and "no time is left" in said
    assert time.monotonic() - start < 10


def quickly(wait):
    """Of all the time that is left, three seconds."""
    return lambda process, timeout=None: wait(process, timeout and 3)


def test_every_test_of_the_gpu_is_in_just_one_group():
    """As `pytest -k` chooses them, by the words in their names."""
    from _pytest.mark.expression import Expression

    source = (ROOT / "tests" / "test_gpu.py").read_text(encoding="utf-8")
    names = [
        line.split("(")[0].removeprefix("def ")
        for line in source.splitlines()
        if line.startswith("def test_")
    ]
    names = [f"{name}[{case}]" for name in names for case in ("float16-device", "float32-none")]
    for name in names:
        chosen = [which for which in gpu.TESTS if Expression.compile(which).evaluate(partial(has, name))]
        assert len(chosen) == 1, (name, chosen)


def has(name, word, **more):
    return word in name
