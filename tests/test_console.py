"""What every command shares: one sentence, the right status, and streams that cannot be written."""

import ast
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from runs import torchrun

from inception_lib.console import run
from inception_lib.errors import InceptionError, InceptionWarning

LIBRARY = Path(__file__).parents[1] / "inception_lib"

#: A command that writes some on both streams, a progress bar too, and leaves a file at its end.
COMMAND = """
import os, sys
from tqdm import tqdm
from inception_lib.console import run
def command():
    for _ in tqdm(range(3)):
        print("working", file=sys.stderr, flush=True)
    with open("done", "w") as file:
        try:
            os.write(2, b"a library in C that warns\\n")
        except OSError:
            pass
        file.write("done")
    print("result" * int(sys.argv[1]))
    return 0
sys.exit(run(command))
"""


def fail(error):
    raise error


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (InceptionError("x.png: is odd."), 1, "name: x.png: is odd.\n"),
        (InceptionError("a\x1b[31m\nb\udce9."), 1, "name: a\\x1b[31m\\nb\\udce9.\n"),
        (PermissionError(13, "Permission denied", "DATA/train"), 1, "DATA/train"),
        (FileNotFoundError(2, "No such file", b"\xe9"), 1, "\\udce9"),
        (OSError(28, "No space left on device"), 1, "No space left on device"),
        (OSError("odd"), 1, "odd"),
        (BrokenPipeError(), 1, ""),
        (KeyboardInterrupt(), 130, ""),
        (SystemExit(2), 2, ""),
        (SystemExit(None), 0, ""),
        (SystemExit("x"), 1, ""),
    ],
)
def test_what_goes_wrong_is_one_sentence_and_a_status(capsys, raised, status, said):
    before = sys.stdout, sys.stderr
    assert run(lambda: fail(raised), "name") == status
    assert before == (sys.stdout, sys.stderr)
    err = capsys.readouterr().err
    assert said in err and err.count("\n") == bool(said) and "Traceback" not in err


def test_an_error_of_ours_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 // 0)


def in_shell(redirection, folder, size=1):
    """Run `COMMAND` under a redirection of a shell: its status, and what it said on both streams."""
    (folder / "command.py").write_text(COMMAND)
    return subprocess.run(
        ["bash", "-c", f"{sys.executable} command.py {size} {redirection}"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(LIBRARY.parent)},
    )


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def buffering(request, monkeypatch):
    """What is printed fails at once, or when Python flushes it: at its exit at the latest."""
    monkeypatch.setenv("PYTHONUNBUFFERED", request.param)


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize("redirection", ["2>&-", "2>/dev/full", "2> >(true)", "<&-", "<&- 2>&-"])
@pytest.mark.parametrize("size", [1, 100_000])
def test_work_does_not_end_because_stderr_cannot_be_written(tmp_path, redirection, size):
    done = in_shell(redirection, tmp_path, size)
    assert done.returncode == 0 and done.stdout == "result" * size + "\n"
    assert (tmp_path / "done").read_text() == "done", "what is printed must not get into another file"
    assert "Traceback" not in done.stderr and "Exception" not in done.stderr


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize("size", [1, 100_000])
@pytest.mark.parametrize("redirection", [">&-", ">/dev/full", ">&- <&-"])
def test_a_result_that_cannot_be_printed_is_an_error(tmp_path, redirection, size):
    done = in_shell(redirection, tmp_path, size)
    assert done.returncode == 1 and (tmp_path / "done").read_text() == "done"
    (sentence,) = (line for line in done.stderr.splitlines() if line.startswith("inception: "))
    assert "stdout" in sentence and "Traceback" not in done.stderr and "Exception" not in done.stderr
    silent = in_shell(redirection + " 2>&-", tmp_path, size)
    assert (silent.returncode, silent.stdout, silent.stderr) == (1, "", "")


def test_no_json_is_written_with_what_json_has_not():
    """NaN and Infinity: each call says `allow_nan=False`."""
    found, wrong = 0, []
    for path in LIBRARY.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("json.dump", "json.dumps"):
                found += 1
                if "allow_nan=False" not in ast.unparse(node):
                    wrong.append(f"{path.relative_to(LIBRARY)}:{node.lineno}")
    assert found > 5 and not wrong


def test_what_the_library_warns_of_is_a_sentence(capsys):
    def command():
        warnings.warn("w.pth: does not say.", InceptionWarning, stacklevel=1)
        return 0

    usual = warnings.showwarning
    assert run(command) == 0
    assert capsys.readouterr().err == "inception: w.pth: does not say.\n" and warnings.showwarning is usual


TEAM = """
import os, sys, time
from inception_lib.console import run
from inception_lib.errors import DataError, TeamError
first = os.environ["RANK"] == "0"
def alike():
    raise DataError("No such folder.")
def second():
    raise TeamError("Another has ended.") if first else DataError("This one alone.")
def leader():
    raise DataError("The leader's.") if first else TeamError("The first could not prepare.")
sys.exit(run(globals()[sys.argv[1]]))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "said", "cause"),
    [
        ("alike", {"No such folder."}, "No such folder."),
        ("second", {"This one alone.", "Another has ended."}, "This one alone."),
        ("leader", {"The leader's."}, "The leader's."),
    ],
)
def test_several_processes_say_a_thing_once_and_torchrun_repeats_it_last(tmp_path, case, said, cause):
    (tmp_path / "team.py").write_text(TEAM)
    process = torchrun([str(tmp_path / "team.py")], 2, case)
    err = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    told = [line.removeprefix("inception: ") for line in err.splitlines() if line.startswith("inception: ")]
    assert cause in told and set(told) <= said and len(set(told)) == len(told)
    assert f"traceback : inception: {cause}" in err.rpartition("Root Cause")[2]
