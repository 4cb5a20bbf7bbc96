"""The page's engine, run by deno for the tests."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import deno
import numpy as np
import torch

from inception_lib.book.live import parts
from inception_lib.book.live.parts import Live, network
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.nn.network import Network
from inception_lib.weights.info import Loaded, Weights

RUNNER = Path(__file__).with_name("live_engine.js")


def live(made: Network, form: str = "float32") -> Live:
    """A network of torch for the page."""
    info = Weights(name="test", architecture=made.architecture, preprocess=BVLC_PREPROCESS)
    return network(Loaded(made, info), form)


class Ran:
    """What the engine gave: `outputs` by path, each (inputs, ...), and what else it said."""

    def __init__(self, said: Mapping[str, Any], out: Path) -> None:
        self.said = said
        values = np.fromfile(out, np.float32)
        sizes = [int(np.prod(shape)) for _, shape in said["places"]]
        rows = values.reshape(-1, sum(sizes))
        parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
        self.outputs = {
            path: part.reshape(-1, *shape) for (path, shape), part in zip(said["places"], parts, strict=True)
        }


def run_engine(
    folder: Path,
    what: Live | Path,
    x: torch.Tensor,
    *,
    keep: Sequence[str] | str = (),
    heads: bool = False,
    off: Sequence[Mapping[str, Any]] = (),
    wasm: bool = True,
) -> Ran | str:
    """Run a network, or that of a file, on inputs (n, channels, height, width); an error is its sentence."""
    job = {
        "inputs": folder / "inputs.bin",
        "out": folder / "out.bin",
        "shape": list(x.shape[1:]),
        "keep": keep,
        "heads": heads,
        "off": off,
        "known": parts.known(),
    }
    job["inputs"].write_bytes(x.contiguous().numpy().astype("<f4").tobytes())
    if isinstance(what, Path):
        job["file"] = what
    else:
        job |= {"about": what.about, "data": folder / "weights.bin"}
        job["data"].write_bytes(what.data)
    if wasm:
        job["wasm"] = folder / "kernels.wasm"
        job["wasm"].write_bytes(parts.module())
    said = asked(folder, job)
    return said["error"] if "error" in said else Ran(said, job["out"])


def cuts(folder: Path, name: str, whole: bytes) -> list[str]:
    """What is said of each beginning of a file, the whole file last."""
    (folder / name).write_bytes(whole)
    return asked(folder, {"cuts": folder / name, "known": parts.known()})


def asked(folder: Path, job: Mapping[str, Any], runner: Path = RUNNER) -> Any:
    path = folder / "job.json"
    path.write_text(json.dumps(job, default=str), encoding="utf-8")
    environment = os.environ | {"DENO_DIR": str(folder / "deno"), "DENO_NO_UPDATE_CHECK": "1"}
    allowed = ("--no-remote", "--no-config", "--allow-read", "--allow-write")
    command = [deno.find_deno_bin(), "run", *allowed, str(runner), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
