"""Short trainings that several test modules start: 24 images, and a network of a tenth of the width."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import fields, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import warm
from PIL import Image

from inception_lib.training import checkpoint
from inception_lib.training.recipes import NetworkOptions, Recipe
from inception_lib.training.step import build
from inception_lib.training.train import train


class Case(NamedTuple):
    """A network and a recipe, and how both are changed by the names of their fields."""

    network: NetworkOptions
    recipe: Recipe


#: Three epochs of six updates on a folder of 24 images: a second or two.
QUICK = Case(
    NetworkOptions(width=0.1),
    Recipe(
        name="quick",
        input_size=80,
        resize=80,
        batch=4,
        epochs=3,
        lr=0.01,
        initial="he",
        schedule="cosine",
        augment="paper",
        average="ema",
        ema_decay=0.5,
    ),
)


def changed(base=QUICK, **more):
    own = {f.name for f in fields(NetworkOptions)}
    return Case(
        replace(base.network, **{k: v for k, v in more.items() if k in own}),
        replace(base.recipe, **{k: v for k, v in more.items() if k not in own}),
    )


def built(case, classes=2):
    return build(case.network.architecture(classes, case.recipe.input_size), case.recipe)


def two_classes(root: Path) -> Path:
    """A data set of dark and of light noise."""
    rng = np.random.default_rng(0)
    for split, n in (("train", 12), ("val", 4)):
        for name, low in (("dark", 0), ("light", 128)):
            for i in range(n):
                path = root / split / name / f"{i}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(rng.integers(low, low + 128, (84, 90, 3), np.uint8)).save(path)
    return root


def run_on(data, chosen, folder, **more):
    more = {"device": "cpu", "progress": False} | more
    return train(chosen.network, str(data), chosen.recipe, folder, **more)


def weights_of(run_folder):
    return checkpoint.load_last(run_folder)["network"]


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


COMMAND = [sys.executable, "-m", "inception_lib", "train"]


def options(fields):
    words = []
    for name, value in fields.items():
        dashed = name.replace("_", "-")
        words += (
            [f"--{dashed}" if value else f"--no-{dashed}"]
            if isinstance(value, bool)
            else [f"--{dashed}", str(value)]
        )
    return words


def command(data, folder, **fields):
    quick = {k: v for k, v in (QUICK.network.to_dict() | QUICK.recipe.to_dict()).items() if v is not None}
    return [
        *COMMAND,
        "--recipe",
        "modern",
        "--variant",
        "None",
        "--data",
        str(data),
        "--out",
        str(folder),
        "--device",
        "cpu",
        *options(quick | fields),
    ]


def environment():
    return os.environ | {"OMP_NUM_THREADS": "1"}


def finish(words):
    process = warm.Popen(words, env=environment(), stderr=subprocess.PIPE)
    assert process.wait(240) == 0, process.stderr.read()


def torchrun(script, processes, *args, start=subprocess.Popen):
    return start(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={processes}",
            *script,
            *args,
        ],
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def together(words, processes=2, timeout=240):
    """The exit status of each of some processes that work together, and what each said on stderr.

    They are told what torchrun tells those that it starts, and meet where torchrun lets them meet.
    """
    store = torch.distributed.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    told = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "WORLD_SIZE": str(processes),
        "LOCAL_WORLD_SIZE": str(processes),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
        "TORCHELASTIC_RESTART_COUNT": "0",
    }
    members = [
        warm.Popen(
            words, env=environment() | told | {"RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE
        )
        for rank in map(str, range(processes))
    ]
    try:
        end = time.monotonic() + timeout
        said = [member.communicate(end - time.monotonic())[1] for member in members]
    finally:
        for member in members:
            member.send_signal(signal.SIGKILL)
            member.wait()
    return [member.returncode for member in members], said
