"""What every command shares: what goes wrong becomes one sentence and an exit status."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from inception_lib.errors import InceptionError


def run(command: Callable[[], int], name: str = "inception") -> int:
    """Run a command and turn what goes wrong into one sentence on stderr; returns the exit status.

    0: done. 1: something was wrong with the input. 2: the command line was not understood. 130:
    interrupted.
    """
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files need not be text
    try:
        status = command()
        sys.stdout.flush()  # here, where a closed pipe is still caught
        return status
    except SystemExit as stop:  # --help, or an argument that is not understood
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except InceptionError as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # the reader (`| head`) has what it wanted; Python must not complain again at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
