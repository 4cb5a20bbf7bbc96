"""The errors that a user can cause. Each message is one sentence that says what is wrong and where."""

import sys
import warnings


def printable(text: object, most: int | None = None) -> str:
    """`text` in one line that a terminal shows as it is.

    What is not printable (control characters, line breaks, bytes of a file name that are no text) is written
    as Python escapes it. Of more than `most` characters, the middle is left out.
    """
    text = str(text)
    if most is not None and len(text) > most:
        text = f"{text[: most // 2]}...{text[len(text) - most // 2 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


class InceptionError(Exception):
    """Base of all errors meant for the user; the command line prints it without a traceback.

    The message may quote names from files that nobody checked: it is made `printable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class InceptionWarning(UserWarning):
    """Something that the user should know of, and that is no error."""


def warn(sentence: str) -> None:
    """An `InceptionWarning` that points to the line from which this library was called."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == __package__:
        level, frame = level + 1, frame.f_back
    warnings.warn(printable(sentence), InceptionWarning, stacklevel=level)


class ArchitectureError(InceptionError, ValueError):
    """A network that cannot exist; the sentence begins with the path of the offending layer."""


class WeightsError(InceptionError, ValueError):
    """A weights file that is missing, damaged, or that belongs to another network."""


class PictureError(InceptionError, ValueError):
    """A picture that cannot be read."""


class TrainingError(InceptionError, ValueError):
    """A training run that cannot begin or cannot go on."""


class DataError(InceptionError, ValueError):
    """A data set that is missing, empty, or damaged beyond the limit."""


class TeamError(TrainingError):
    """Another process of a run with several has ended."""
