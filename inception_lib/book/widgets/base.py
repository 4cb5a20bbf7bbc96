"""What the widgets have in common: settings with labels and limits, their script, their recorded data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import anywidget
import traitlets as t

from inception_lib.book import results
from inception_lib.book.scripts import joined
from inception_lib.errors import InceptionError

FOLDER = Path(__file__).parent  #: of the scripts and styles


def source(name: str) -> str:
    """One self-contained module out of a widget's own script and what that imports."""
    return joined(FOLDER / name)


def number(default: int, low: int, high: int | None, label: str, **more: Any) -> t.Int:
    """A setting that is a whole number from `low` to `high`; None where only the widget's table knows.

    With `scale="log"` equal ways of its slider are equal factors, in steps of 8 from 64 on; `ticks`, a tuple
    of numbers, are marked under it, and it snaps to them. Arrow keys, and Shift, make steps of 1.
    """
    return t.Int(default, min=low, max=high).tag(sync=True, label=label, min=low, max=high, step=1, **more)


def choice(options: tuple, default: Any, label: str, names: tuple[str, ...] | None = None) -> t.Enum:
    """A setting that is one of `options`, which the reader sees by their `names`."""
    pairs = [list(pair) for pair in zip(options, names or options, strict=True)]
    return t.Enum(options, default).tag(sync=True, label=label, options=pairs)


def steps(options: tuple, default: Any, label: str, step: float) -> t.Enum:
    """A setting that is a number in equal steps, from the first of `options` to the last."""
    return t.Enum(options, default).tag(sync=True, label=label, min=options[0], max=options[-1], step=step)


def recorded(name: str) -> Any:
    """The outcome of a recorded result.

    Raises:
        InceptionError: it is not there, as in an installed library, or its file is damaged.
    """
    folder = results.folder()
    if not (folder / f"{name}.json").exists():
        raise InceptionError(
            f"{folder}: does not hold {name}.json, the record that this widget shows; records come with a "
            f"checkout of the repository, in data/results, and INCEPTION_RESULTS names that folder."
        )
    return results.load(name).outcome


class Scripted(anywidget.AnyWidget):
    """A widget whose script and style lie beside this file, and are read anew for each one that is made."""

    script: ClassVar[str]
    styles: ClassVar[tuple[str, ...]] = ("widgets.css", "parts.css")  #: a widget with its own adds it

    @property
    def _esm(self) -> str:
        return source(self.script)

    @property
    def _css(self) -> str:
        return "".join((FOLDER / name).read_text(encoding="utf-8") for name in self.styles)


class Widget(Scripted):
    """A widget with settings and a table to multiply.

    `fields` describes the settings to the browser; "Reset" goes back to their defaults, which are the
    settings that the widget was made with.
    """

    key: ClassVar[str]
    title: ClassVar[str]

    fields = t.List(t.Dict()).tag(sync=True)
    table = t.Dict().tag(sync=True)
    about = t.Dict().tag(sync=True)

    def __init__(self, table: Mapping[str, Any], **settings: Any) -> None:
        unknown = settings.keys() - self._settings().keys()
        if unknown:
            raise TypeError(f"{type(self).__name__} has no setting {', '.join(sorted(unknown))}")
        fields = [
            {**field, "default": settings.get(field["name"], field["default"])} for field in self.described()
        ]
        super().__init__(table=table, fields=fields, about={"key": self.key, "title": self.title}, **settings)

    @classmethod
    def _settings(cls) -> dict[str, t.TraitType]:
        """The reader's settings, in the order in which the class names them."""
        own = {name: trait for name, trait in cls.class_traits().items() if "label" in trait.metadata}
        order = [name for base in cls.__mro__ for name in vars(base)]  # anywidget subclasses on the fly
        return dict(sorted(own.items(), key=lambda item: order.index(item[0])))

    @classmethod
    def described(cls) -> list[dict[str, Any]]:
        """Of each setting its name, default and label, and its options or limits."""
        return [
            {
                "name": name,
                "default": trait.default_value,
                **{key: value for key, value in trait.metadata.items() if key != "sync"},
            }
            for name, trait in cls._settings().items()
        ]

    @property
    def settings(self) -> dict[str, Any]:
        """The settings as they stand."""
        return {name: getattr(self, name) for name in self._settings()}

    def __repr__(self) -> str:
        settings = ", ".join(f"{name}={value!r}" for name, value in self.settings.items())
        return f"{type(self).__name__}({settings})"
