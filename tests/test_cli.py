"""The command line: what it prints, and how it fails."""

import json
import os
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from small import refused

from inception_lib import cli, count, googlenet, networks, paper
from inception_lib.cli import main

ROOT = Path(__file__).parents[1]
BUNDLED = ROOT / "data" / "networks" / "shapes-1.safetensors"


# ---------------------------------------------------------------------------------------- count, audit


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--no-heads"], {"heads": False}),
        (["--variant", "torchvision"], {"variant": "torchvision"}),
        (
            ["--width", "0.5", "--classes", "10", "--stem", "separable", "--input-size", "192"],
            {"width": 0.5, "classes": 10, "stem": "separable", "input_size": 192},
        ),
    ],
)
def test_count_prints_the_counts(capsys, arguments, options):
    expected = count(googlenet(**options))
    assert main(["count", *arguments]) == 0
    assert capsys.readouterr().out == expected.to_text() + "\n"
    assert main(["count", *arguments, "--formulas"]) == 0
    assert capsys.readouterr().out == expected.to_text(formulas=True) + "\n"
    assert main(["count", *arguments, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["total"]["MACs"] == expected.macs
    assert main(["count", *arguments, "--format", "csv"]) == 0
    assert capsys.readouterr().out == expected.table().to_csv()


@pytest.mark.parametrize(
    ("arguments", "architecture"),
    [
        (["--network", "googlenet"], googlenet()),
        (["--network", "vgg16"], networks.vgg(16)),
        (["--network", "lenet5", "--classes", "26"], networks.lenet5(classes=26)),
        (
            ["--network", "resnet50", "--variant", "torchvision", "--input-size", "160"],
            networks.resnet(50, "torchvision", input_size=160),
        ),
        (["--network", "bn_inception", "--stem", "plain"], networks.bn_inception(stem="plain")),
        (["--network", "inception_v3", "--no-heads"], networks.inception_v3(heads=False)),
        (["--network", "resnet34", "--no-heads"], networks.resnet(34)),
    ],
)
def test_count_takes_the_other_networks(capsys, arguments, architecture):
    assert main(["count", *arguments]) == 0
    assert capsys.readouterr().out == count(architecture).to_text() + "\n"


def test_another_network_takes_nothing_that_a_recipe_says_of_googlenets(capsys):
    assert main(["train", "--network", "resnet50", "--dry-run"]) == 0
    assert "resnet50" in capsys.readouterr().out
    assert "width is not an option" in refused(
        capsys, "train", "--network", "resnet50", "--width", 0.5, "--dry-run"
    )


def test_count_refuses_what_a_network_does_not_have(capsys):
    said = refused(capsys, "count", "--network", "vgg16", "--width", 0.5)
    assert "width is not an option of VGG-16" in said
    assert "stem is not an option of ResNet-50" in refused(
        capsys, "count", "--network", "resnet50", "--stem", "plain"
    )
    assert "There is no variant 'inception5h'" in refused(
        capsys, "count", "--network", "alexnet", "--variant", "inception5h"
    )
    assert "pool5: a 2x2 kernel is larger" in refused(
        capsys, "count", "--network", "vgg19", "--input-size", 31
    )


def test_audit_prints_the_audit(capsys):
    expected = paper.audit()
    assert main(["audit"]) == 0
    assert capsys.readouterr().out == expected.to_text() + "\n"
    assert main(["audit", "--format", "json"]) == 0
    assert len(json.loads(capsys.readouterr().out)) == len(expected)
    assert main(["audit", "--format", "csv"]) == 0
    assert capsys.readouterr().out.count("\n") == len(expected) + 1


def test_impossible_networks_are_refused(capsys):
    assert "pool3: a 3x3 kernel is larger than its padded input" in refused(
        capsys, "count", "--no-heads", "--input-size", 20
    )
    assert "width multiplier" in refused(capsys, "count", "--width", 0)
    assert "classifier: the number of outputs" in refused(capsys, "count", "--classes", 0, "--no-heads")


@pytest.mark.parametrize("width", ["1e308", "1e9", "1001", "nan", "inf", "-1", "0"])
def test_no_network_is_so_wide(capsys, width):
    assert "width multiplier" in refused(capsys, "count", "--width", width)


def test_what_is_not_understood_is_status_2(capsys):
    for arguments in (
        [],
        ["fly"],
        ["count", "--variant", "vgg"],
        ["count", "--width", "wide"],
        ["count", "--network", "vgg11"],
    ):
        assert main(arguments) == 2
        captured = capsys.readouterr()
        assert captured.err and not captured.out
    assert main(["predict", "--help"]) == 0
    assert "PHOTO" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "never"),
    [
        (["count", "--format", "text"], ("torch", "pandas", "numpy", "PIL")),
        (["count", "--format", "json"], ("torch", "pandas", "numpy", "PIL")),
        (["count", "--network", "inception_v4"], ("torch", "pandas", "numpy", "PIL")),
        (["audit"], ("torch", "pandas")),
    ],
)
def test_counting_waits_for_nothing_it_does_not_need(arguments, never):
    code = (
        f"import sys; from inception_lib.cli import main; status = main({arguments}); "
        f"assert not set({never}) & set(sys.modules); sys.exit(status)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("columns", [1, 5, 6, 7, 20, 80])
def test_help_ends_on_any_terminal(columns):
    code = (
        "import io, contextlib; from inception_lib.cli import main\n"
        "for words, status in (['--help'], 0), (['count', '--help'], 0), (['count', '--widht', '1'], 2):\n"
        "    said = io.StringIO()\n"
        "    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):\n"
        "        assert main(words) == status\n"
        "    assert said.getvalue()\n"
    )
    environment = os.environ | {"COLUMNS": str(columns)}
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT, env=environment, timeout=60)


def test_the_width_of_the_terminal_stays_what_it_was(monkeypatch, capsys):
    for value in ("3", None):
        monkeypatch.delenv("COLUMNS", raising=False)
        if value:
            monkeypatch.setenv("COLUMNS", value)
        assert main(["count"]) == 0 and os.environ.get("COLUMNS") == value


@pytest.mark.parametrize("words", ["count", "audit --format csv", "count --help"])
@pytest.mark.parametrize(
    ("redirection", "status"), [(">&-", 1), (">/dev/full", 1), ("2>&-", 0), ("2>/dev/full", 0), ("<&-", 0)]
)
def test_streams_that_cannot_be_written(words, redirection, status):
    line = f"PYTHONUNBUFFERED= {sys.executable} -m inception_lib {words} {redirection}"
    done = subprocess.run(["bash", "-c", line], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == status and "Traceback" not in done.stderr
    if status:
        assert done.stderr.startswith("inception: stdout") and done.stderr.count("\n") == 1
    else:
        assert done.stdout and not done.stderr


def test_importing_loads_nothing_that_is_not_needed():
    code = "import sys, inception_lib.cli; print({'torch', 'pandas', 'numpy', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(
    ("variable", "arguments"),
    [
        ("INCEPTION_CACHE", ["predict", "x.png"]),
        ("INCEPTION_CACHE", ["evaluate", "--data", "cifar10"]),
        ("INCEPTION_DATA", ["evaluate", "--data", "cifar10", "--weights", BUNDLED]),
        ("INCEPTION_RESULTS", ["evaluate", "--data", "shapes", "--record", "x"]),
    ],
)
def test_a_home_that_is_not_known_is_one_sentence(capsys, monkeypatch, variable, arguments):
    monkeypatch.setenv(variable, "~nobody-of-that-name/x")
    assert "~nobody-of-that-name" in refused(capsys, *arguments)


# --------------------------------------------------------------------------------------- how it ends


def test_a_reader_that_stops_reading_is_no_error():
    command = f"set -o pipefail; {sys.executable} -m inception_lib count --formulas --format json | head -n 1"
    done = subprocess.run(["bash", "-c", command], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout == "{\n" and not done.stderr


def test_an_interrupt_is_status_130(monkeypatch, capsys):
    def interrupted() -> int:
        """Stop."""
        raise KeyboardInterrupt

    monkeypatch.setitem(cli.COMMANDS, "audit", interrupted)
    assert main(["audit"]) == 130
    assert not capsys.readouterr().err


def test_the_installed_command_is_this_one():
    (installed,) = entry_points(group="console_scripts", name="inception")
    assert installed.load() is main
