"""The library's rooms: imports go one way, no file is too long to read, and light modules stay light."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import inception_lib

HOME = Path(inception_lib.__file__).parent

#: From the ground up: what stands later may use what stands earlier, never the other way round.
ROOMS = (
    *("errors", "progress", "files", "console"),
    *("architecture", "networks", "counting", "paper", "history"),
    *("distributed", "data", "nn", "weights", "visualization"),
    *("training", "evaluation", "book", "cli", "__main__"),
)
#: The only arrows back, taken when called: `Network.from_pretrained` and `Network.fused` are where everybody
#: looks for them.
UPWARD = {("nn.network", "weights.loading"), ("nn.network", "weights.info"), ("nn.network", "nn.fused")}
#: Files of which most is a table or prose, and not code.
TABLES: tuple[str, ...] = ()
LONGEST = 450


def sources():
    """Every module but the package's own face, whose names are resolved when they are used."""
    return sorted(path for path in HOME.rglob("*.py") if path != HOME / "__init__.py")


def module(path):
    parts = path.relative_to(HOME).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


NAMES = {module(path) for path in sources()}


@cache
def imports(path):
    """The library's modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "inception_lib":
            base = (node.module or "").removeprefix("inception_lib").removeprefix(".")
            for alias in node.names:
                deeper = f"{base}.{alias.name}".removeprefix(".")
                found.add(deeper if deeper in NAMES else base)
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names if a.name.startswith("inception_lib.")]
            found |= {name.removeprefix("inception_lib.") for name in names}
    return {name for name in found - {"", module(path)} if (module(path), name) not in UPWARD}


@pytest.mark.parametrize("path", sources(), ids=module)
def test_imports_go_to_lower_rooms_only(path):
    own = ROOMS.index(module(path).split(".")[0])
    for name in imports(path):
        room = name.split(".")[0]
        assert room in ROOMS, f"{name}: which room is that?"
        assert ROOMS.index(room) <= own, f"{module(path)} imports {name}, which stands above it"


def test_no_file_needs_itself():
    """No circle of imports: the modules can be laid in a row."""
    left = {module(path): set(imports(path)) for path in sources()}
    while left:
        free = [name for name, needs in left.items() if not needs & left.keys()]
        # a package stands for its modules: they do not need its __init__
        assert free, f"a circle of imports among {sorted(left)}"
        for name in free:
            del left[name]


@pytest.mark.parametrize("path", sources(), ids=module)
def test_a_file_can_be_read_in_one_sitting(path):
    assert module(path) in TABLES or len(path.read_text().splitlines()) <= LONGEST


LIGHT = (
    *("architecture", "counting", "paper", "history", "networks", "console"),
    *("data.images", "data.shapes", "data.augmentation", "data.datasets", "evaluation.plan"),
    *("training.recipes", "book.widgets", "book.quizzes", "book.results", "cli"),
)


@pytest.mark.book
def test_torch_is_not_imported_where_it_is_not_needed():
    """One process imports them all; torch and pandas take a second each, and a widget needs neither."""
    code = "; ".join(
        ["import sys, inception_lib"]
        + [f"import inception_lib.{name}" for name in LIGHT]
        + ["print([m for m in ('torch', 'pandas') if m in sys.modules])"]
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_public_names_are_there_and_come_when_asked():
    code = (
        "import sys, inception_lib as i; assert 'torch' not in sys.modules; "
        "[getattr(i, name) for name in i.__all__]; assert 'torch' in sys.modules; "
        "print(set(i.__all__) <= set(dir(i)), hasattr(i, 'nothing'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True False"
