"""The command line: `inception count`, `audit`, `predict`, `evaluate`, `export` and `train`.

Each subcommand imports what it needs when it runs, so that counting never waits for torch.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Sequence

import tyro

from inception_lib.cli.audit import audit
from inception_lib.cli.count import count
from inception_lib.cli.evaluate import evaluate
from inception_lib.cli.export import export
from inception_lib.cli.predict import predict
from inception_lib.console import run

#: A subcommand returns the exit status.
Command = Callable[..., int]

#: The subcommands by name, but for `train`, which is made for the recipe that the command line names.
COMMANDS: dict[str, Command] = {
    "count": count,
    "audit": audit,
    "predict": predict,
    "evaluate": evaluate,
    "export": export,
}

_NARROWEST = 20  # columns; in fewer than 7 tyro does not end


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status, as `run` does."""
    args = sys.argv[1:] if argv is None else list(argv)
    return run(lambda: _command(args))


def _command(args: list[str]) -> int:
    commands = COMMANDS
    if args[:1] not in ([name] for name in COMMANDS):  # the others need not wait for torch
        from inception_lib.cli.train import train_command, with_values

        args = with_values(args)
        commands = COMMANDS | {"train": train_command(args)}
    columns = os.environ.get("COLUMNS")
    if shutil.get_terminal_size().columns < _NARROWEST:
        os.environ["COLUMNS"] = str(_NARROWEST)
    try:
        return tyro.extras.subcommand_cli_from_dict(
            commands,
            prog="inception",
            args=args,
            description="GoogLeNet (Inception v1): count, audit the paper, predict, evaluate, export, train.",
        )
    finally:
        if columns is not None:
            os.environ["COLUMNS"] = columns
        else:
            os.environ.pop("COLUMNS", None)
