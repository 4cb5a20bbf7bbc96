"""Which output of a network stands for a class: by its name, its WordNet id, its number, or by order."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from inception_lib.data.imagenet import imagenet_classes, imagenet_outputs
from inception_lib.errors import DataError
from inception_lib.weights.info import Weights

#: A WordNet id, alone or before a name: `n02085620-Chihuahua`, `n01440764 tench, Tinca tinca`.
_ID = re.compile(r"n[0-9]{8}(?![0-9A-Za-z])")
#: What the first column of a list is called where a line of headings stands above it.
_HEADINGS = ("file", "filename", "name", "image", "imageid", "image_id", "path", "picture", "id")


@dataclass(frozen=True)
class Outputs:
    """The outputs of a network by what a class may be called in data."""

    by_name: Mapping[str, int]
    by_id: Mapping[str, int]

    def of(self, name: str) -> int | None:
        """The output that stands for a class: by its name, else by its WordNet id."""
        found = self.by_name.get(name)
        return self.by_id.get(wordnet_id(name)) if found is None else found


def outputs_of(info: Weights) -> Outputs:
    """The outputs of a network by the names and WordNet ids of its classes."""
    names = info.classes or ()
    if is_imagenet(names) or (not names and info.architecture.classes == len(imagenet_classes())):
        by_id: Mapping[str, int] = imagenet_outputs()
    else:
        by_id = {wordnet_id(name): output for output, name in enumerate(names) if wordnet_id(name)}
    return Outputs({name: output for output, name in enumerate(names)}, by_id)


def wordnet_id(name: str) -> str:
    """The WordNet id that a name is, or begins with, or has as a class of ImageNet; empty if it has none."""
    found = _ID.match(name)
    return found[0] if found else _ids_of_imagenets_names().get(name, "")


@cache
def _ids_of_imagenets_names() -> dict[str, str]:
    return dict(zip(imagenet_classes(), imagenet_outputs(), strict=True))


def is_imagenet(classes: Sequence[str]) -> bool:
    """Whether these are ImageNet's classes in its order, whatever list of their names was used.

    Published lists differ in the names of a few: "crane bird" is "crane" in some, as the machine is.
    """
    if len(classes) != len(imagenet_classes()):
        return False
    return any(
        sum(a == b for a, b in zip(classes, theirs, strict=True)) >= 900
        for theirs in (imagenet_classes(), tuple(imagenet_outputs()))
    )


def twice(names: Sequence[str]) -> list[str]:
    """Names that more than one class has."""
    return [name for name, n in Counter(names).items() if n > 1]


def read_list(path: Path) -> Iterator[tuple[int, str, str]]:
    """The lines of a list of labels: the line's number, the picture's name, and what its class is called.

    In a line stand the picture and its class, with a tab or a comma between them (where a name with a comma
    is in quotes), else with spaces. A first line of headings is passed over.

    Raises:
        DataError: the list cannot be read, is empty, or has a line of which one of the two is missing.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig", errors="surrogateescape").splitlines()
    except OSError as error:
        raise DataError(f"{path}: the list of labels cannot be read ({error.strerror or error}).") from None
    filled = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if filled and _fields(filled[0][1])[0].lower() in _HEADINGS:
        del filled[0]
    if not filled:
        raise DataError(f"{path}: the list of labels is empty.")
    for number, line in filled:
        fields = _fields(line)
        if len(fields) != 2 or not all(fields):
            raise DataError(
                f"{path}: line {number} is not a picture and its class, such as 'a.jpg 65', "
                f"'a.jpg,n01440764' or 'a.jpg,\"great white shark\"': {line.strip()[:80]!r}."
            )
        yield number, fields[0], fields[1]


def _fields(line: str) -> list[str]:
    separator = next((s for s in "\t," if s in line), None)
    if separator is None:
        return line.rsplit(maxsplit=1)
    return [f.strip() for f in next(csv.reader([line], delimiter=separator, skipinitialspace=True))]


def output_of(said: str, outputs: Outputs, info: Weights) -> int:
    """The output that a list means by a number (which is the output's own, from 0), a WordNet id or a name.

    Raises:
        DataError: there is none; or the number is the name of another output, so that it may mean either. The
            sentence has no beginning: it belongs behind that of a line.
    """
    found, count = outputs.of(said), info.architecture.classes
    if said.isascii() and said.isdigit():
        number = int(said)
        if found not in (None, number):
            raise DataError(f"{said} may be output {number} of {info.name} or the class named {said!r}.")
        if number >= count:
            raise DataError(f"there is no output {number}: those of {info.name} go from 0 to {count - 1}.")
        return number
    if found is None:
        raise DataError(f"{said!r} is not among the {count} classes of {info.name}.")
    return found
