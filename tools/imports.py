"""The imports of a chapter, which stand in a cell that no page shows, in a fold above its exercises."""

from __future__ import annotations

import ast
import json

SUMMARY = "Typing along? These are the imports."
_NOT_CODE = ("os.chdir", "tempfile", "JPY_SESSION_NAME")  # of a build alone


def imports(notebook: dict) -> str:
    """The imports and the names that the first code cell makes; nothing where it shows itself."""
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    if "remove-cell" not in cell["metadata"].get("tags", ()):
        return ""
    source = "".join(cell["source"])
    lines, shown, last = source.splitlines(), [], 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.Expr | ast.Import | ast.ImportFrom | ast.Assign):
            own = lines[node.lineno - 1 : node.end_lineno]
            if any(word in line for line in own for word in _NOT_CODE):
                continue
            shown += [""] * (last > 0 and node.lineno > last + 1) + own
            last = node.end_lineno or node.lineno
    return "\n".join(shown)


def with_imports(text: str) -> str:
    """A notebook with its imports in a fold at the head of its exercises, and as it is where it has none."""
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown" and source.startswith("## Exercises"):
            if code := imports(notebook):
                head, mark, first = source.partition("\n**1. ")
                fold = f"\n<details>\n<summary>{SUMMARY}</summary>\n\n```python\n{code}\n```\n\n</details>\n"
                cell["source"] = f"{head}{fold}{mark}{first}"
            break
    return json.dumps(notebook)
