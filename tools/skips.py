"""Refuse test skips that this machine has no reason for.

usage: python tools/skips.py _build/junit.xml

A test may be skipped for want of a GPU, and for want of the shared folder beside the repository where
there is none. Any other skip is a test that was not run, and counts as a failure. Silent when all is well.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ET
from pathlib import Path

SHARED = Path(__file__).resolve().parents[2] / "shared"


def allowed(reason: str, shared_present: bool) -> bool:
    """Whether a skip with this reason is one that this machine cannot help."""
    reason = reason.lower()
    return "gpu" in reason or "cuda" in reason or ("shared" in reason and not shared_present)


def unexplained(junit: Path, shared_present: bool) -> list[str]:
    """`test: reason` for each skip in the pytest report that is not allowed, and a line if nothing ran."""
    cases = list(ET.parse(junit).iter("testcase"))
    found = [] if cases else ["no test ran at all"]
    for case in cases:
        for skip in case.iter("skipped"):
            reason = skip.get("message") or ""
            if skip.get("type") == "pytest.skip" and not allowed(reason, shared_present):
                found.append(f"{case.get('classname')}::{case.get('name')}: {reason}")
    return found


if __name__ == "__main__":
    if found := unexplained(Path(sys.argv[1]), SHARED.is_dir()):
        sys.exit("error: tests were skipped that could have run here:\n  " + "\n  ".join(found))
