"""Python processes that need not import torch, which takes seconds: forks of one that has.

This module has what its users want of `subprocess`, for `python -m MODULE ...` and `python FILE ...`. What
they start is a process of its own, with its own environment, folder, streams, signals and exit status. For
tests of what processes do; tests of how a command starts start it cold.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from subprocess import DEVNULL, PIPE, TimeoutExpired

ROOT = Path(__file__).parents[1]
ONE = "1"  # thread: threads do not outlive a fork
#: What commands and benchmarks import, some of it late.
IMPORTED = (
    "pandas",
    "torch._dynamo",
    "torch.distributed.run",
    "torchvision.transforms.v2",
    "inception_lib.book.results",
    "inception_lib.cli.train",
    "inception_lib.training.train",
)


class Popen:
    """As much of `subprocess.Popen` as tests ask for; what a pipe would carry is there after the end."""

    def __init__(self, words, *, env=None, cwd=None, stdout=None, stderr=None, start_new_session=False, **_):
        assert words[0] == sys.executable, words
        self.args, self.returncode = words, None
        pipes = [tempfile.TemporaryFile("w+") if way == PIPE else None for way in (stdout, stderr)]  # noqa: SIM115
        self.stdout, self.stderr = pipes
        with open(os.devnull, "w") as nothing:
            files = [
                pipe or (nothing if way == DEVNULL else way or own)
                for pipe, way, own in zip(pipes, (stdout, stderr), (1, 2), strict=True)
            ]
            asked = {
                "words": list(map(os.fspath, words[1:])),
                "environment": dict(os.environ if env is None else env),
                "folder": os.fspath(cwd or Path.cwd()),
                "session": start_new_session,
            }
            self.pid = ask(asked, [file if isinstance(file, int) else file.fileno() for file in files])

    def poll(self):
        if self.returncode is None:
            self.returncode = ask(self.pid)
            if self.returncode is not None:
                for pipe in filter(None, (self.stdout, self.stderr)):
                    pipe.seek(0)
        return self.returncode

    def wait(self, timeout=None):
        start = time.monotonic()
        while self.poll() is None:
            if timeout is not None and time.monotonic() > start + timeout:
                raise TimeoutExpired(self.args, timeout)
            time.sleep(0.05)
        return self.returncode

    def communicate(self, timeout=None):
        self.wait(timeout)
        return tuple(pipe and pipe.read() for pipe in (self.stdout, self.stderr))

    def send_signal(self, number):
        if self.poll() is None:
            os.kill(self.pid, number)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.wait()


@cache
def server():
    """The connection to the process that forks, which ends when the connection does."""
    ours, its = socket.socketpair()
    environment = os.environ | {
        "OMP_NUM_THREADS": ONE,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with its:
        subprocess.Popen(
            [sys.executable, __file__, str(its.fileno())],
            pass_fds=[its.fileno()],
            env=environment,
            start_new_session=True,  # Ctrl-C is for the tests
        ).returncode = 0  # nobody waits for it
    return ours


def ask(asked, fds=()):
    line = json.dumps(asked).encode() + b"\n"
    server().sendall(line[socket.send_fds(server(), [line], fds) :])
    answer = server().recv(100)
    assert answer, "the process that forks has ended"
    return json.loads(answer)


def serve(connection):
    """Fork as often as that is asked, and say who has ended; gives, in a fork, what it is to be."""
    while True:
        content, fds, _, _ = socket.recv_fds(connection, 2**20, 2)
        while content and not content.endswith(b"\n"):
            content += connection.recv(2**20)
        if not content:
            os._exit(0)
        asked = json.loads(content)
        if isinstance(asked, int):
            pid, status = os.waitpid(asked, os.WNOHANG)
            answer = os.waitstatus_to_exitcode(status) if pid else None
        else:
            answer = os.fork()
            if not answer:
                connection.close()
                for own, fd in zip((1, 2), fds, strict=True):
                    os.dup2(fd, own)
                    os.close(fd)
                return asked
            for fd in fds:
                os.close(fd)
        connection.send(json.dumps(answer).encode())


def become(asked):
    """Run the module or the file."""
    if asked["session"]:
        os.setsid()
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    words = asked["words"]
    if words[0] == "-m":
        sys.path[0], sys.argv = asked["folder"], words[1:]
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        sys.path[0], sys.argv = str(Path(words[0]).resolve().parent), words
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    for name in IMPORTED:
        importlib.import_module(name)
    from inception_lib.training import speed

    # every training compares itself with this machine, measured once in a process
    speed.matmul_flops("cpu", None), speed.copy_rate("cpu")
    gc.collect()
    gc.freeze()  # nothing of this is garbage in a fork, which would look for seconds
    become(serve(socket.socket(fileno=int(sys.argv[1]))))
