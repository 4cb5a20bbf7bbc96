"""The command `inception audit`."""

from __future__ import annotations

from typing import Literal


def audit(format: Literal["text", "json", "csv"] = "text") -> int:
    """Compare each figure that the paper prints with exact arithmetic.

    Args:
        format: How to print it.
    """
    from inception_lib import paper

    result = paper.audit()
    match format:
        case "text":
            print(result.to_text())
        case "json":
            print(result.to_json())
        case "csv":
            print(result.table().to_csv(index=False), end="")
    return 0
