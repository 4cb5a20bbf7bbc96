"""Progress bars where somebody watches; a line now and then in a log."""

from __future__ import annotations

import sys
from typing import Any

from tqdm import tqdm

#: Seconds between two lines of a log, at least.
EVERY = 300


def progress_bar(show: bool, *args: Any, **options: Any) -> tqdm:
    """tqdm's bar on stderr, which is one in a terminal or a notebook, and else a line every few minutes.

    Args:
        show: whether anything is shown.
        args: tqdm's.
        options: tqdm's.
    """
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    if watched or not show:
        return tqdm(*args, disable=not show, **options)
    return _Lines(*args, delay=EVERY, mininterval=EVERY, miniters=1, **options | {"leave": False})


class _Lines(tqdm):
    """A bar of which each state is a line of its own, and which never goes back in what it wrote."""

    def display(self, msg: str | None = None, pos: int | None = None) -> None:
        """Write a line; nothing at the end, where tqdm would wipe the bar out."""
        if msg is None:
            text = self.format_meter(**self.format_dict | {"bar_format": "{l_bar}{r_bar}"})
            self.fp.write(text.replace("|| ", ", ") + "\n")  # between them would be the bar
            self.fp.flush()

    def clear(self, *args: Any, **options: Any) -> None:
        """There is nothing to wipe out."""

    def refresh(self, nolock: bool = False, lock_args: Any = None) -> None:
        """Write a line, but not after each sentence that tqdm writes between bars, as `nolock` asks for."""
        if not nolock:
            super().refresh(lock_args=lock_args)
