"""What every command shares: what goes wrong becomes one sentence and an exit status."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from inception_lib.errors import InceptionError, InceptionWarning, TeamError, printable

#: Seconds in which torchrun ends a process after another has failed, and in which that one says why.
_PATIENCE = 5


def run(command: Callable[[], int], name: str = "inception") -> int:
    """Run a command and turn what goes wrong into one sentence on stderr; returns the exit status.

    0: done. 1: something was wrong with the input, or a file or stdout could not be read or written. 2: the
    command line was not understood. 130: interrupted. Where stderr cannot be written, nothing is said, and
    the work goes on. What several processes that torchrun started have to say alike is said by one of them.
    """
    consequence = False
    with _streams() as stdout, _warnings_in_a_line(name):
        try:
            status = _status(command)
            sys.stdout.flush()  # here, where what it raises is still caught
            return status
        except InceptionError as error:
            said, consequence = str(error), isinstance(error, TeamError)
        except KeyboardInterrupt:
            return 130
        except BrokenPipeError:  # the reader (`| head`) has what it wanted
            return 1
        except OSError as error:
            what = "stdout" if stdout.failed else os.fsdecode(error.filename or "a file")
            said = (
                f"{what}: cannot be {'' if stdout.failed else 'read or '}written ({error.strerror or error})."
            )
        _fail(f"{name}: {printable(said)}", consequence)
        return 1


def _fail(sentence: str, consequence: bool) -> None:
    """Say what went wrong; under torchrun once for all processes of a machine, and to torchrun too.

    torchrun ends the others as soon as one process has failed, so that who has nothing to add waits for that:
    its own end would come before the sentence. A mere `consequence` of another's failure is said at once only
    by the first process.
    """
    recorded = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if recorded is None:
        print(sentence, file=sys.stderr)
        return
    at, first = time.time(), os.environ.get("RANK") == "0"
    if consequence and not first:
        time.sleep(_PATIENCE)
    if _first_to_say(sentence):
        sys.stderr.write(f"{sentence}\n")  # at once, since another process may say something too
        sys.stderr.flush()
        if not consequence:  # else torchrun would name it as the cause
            _record(Path(recorded), sentence, at)
    elif not consequence:
        time.sleep(_PATIENCE)
    if consequence and first:
        time.sleep(_PATIENCE)


def _first_to_say(sentence: str) -> bool:
    """Whether no other process that the same torchrun started has said this; from now on one has."""
    recorded = os.environ.get("TORCHELASTIC_ERROR_FILE")
    if recorded is None:
        return True
    # torchrun gives each process a folder in one that is theirs together
    mark = Path(recorded).parents[1] / f"said-{hashlib.sha256(sentence.encode()).hexdigest()[:16]}"
    try:
        mark.open("x").close()
    except FileExistsError:
        return False
    except OSError:
        pass
    return True


def _record(path: Path, sentence: str, at: float) -> None:
    """Tell torchrun, in whose form, so that its last words are the sentence and not its own traceback."""
    told = {"message": {"message": sentence, "extraInfo": {"timestamp": str(int(at))}}}
    with suppress(OSError):
        path.write_text(json.dumps(told, allow_nan=False), encoding="utf-8")


@contextmanager
def _warnings_in_a_line(name: str) -> Iterator[None]:
    """Show what the library itself warns of as a sentence; the warnings of others as Python does."""

    def show(message: Warning | str, category: type[Warning], *more: Any, **others: Any) -> None:
        if category is InceptionWarning:
            if _first_to_say(sentence := f"{name}: {printable(message)}"):
                print(sentence, file=sys.stderr)
        else:
            usual(message, category, *more, **others)

    with warnings.catch_warnings():
        usual, warnings.showwarning = warnings.showwarning, show
        yield


def _status(command: Callable[[], int]) -> int:
    try:
        return command()
    except SystemExit as stop:  # --help, or an argument that is not understood
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)


class _Stream:
    """A stream that remembers whether it could be written, and that is silent about it if `patient`."""

    def __init__(self, stream: TextIO, patient: bool) -> None:
        self._stream, self._patient, self.failed = stream, patient, False

    def write(self, text: str) -> int:
        with self._watched():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._watched():
            self._stream.flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.failed = True
            if not self._patient:
                raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _streams() -> Iterator[_Stream]:
    """Give streams that a command can print to; stdout is given, and stderr never fails.

    In the end, what could not be written is thrown away: Python would complain of it again when it exits.
    """
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            # else the next file that is opened gets this number, and with it what is printed; printing to a
            # closed stdout must fail
            os.open(os.devnull, os.O_RDWR if number == 2 else os.O_RDONLY)
    before = sys.stdout, sys.stderr
    stdout = _Stream(before[0] or open(1, "w", encoding="utf-8", closefd=False), patient=False)  # noqa: SIM115
    stderr = _Stream(before[1] or open(2, "w", encoding="utf-8", closefd=False), patient=True)  # noqa: SIM115
    for stream in (stdout, stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be text
    sys.stdout, sys.stderr = stdout, stderr
    try:
        yield stdout
    finally:
        sys.stdout, sys.stderr = before
        for stream in (stdout, stderr):
            with suppress(OSError):
                stream.flush()
            if stream.failed:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
