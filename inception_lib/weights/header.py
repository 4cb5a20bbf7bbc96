"""What the header of our `.safetensors` files says: text under text, structures as JSON.

A structure is a JSON object that names its class under `is` and has the class's fields. The names of the
classes and of their fields are thereby part of the format: a file of any version can be read as long as they
keep their meaning. A field that a file lacks takes its default; one that is not known here is named.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from inception_lib import architecture as data
from inception_lib.architecture import Architecture, size_of, walk
from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError, WeightsError
from inception_lib.weights.info import Weights

#: Raised when what is known already changes its meaning; a new field or class needs no new number.
_FORMAT = "1"

#: The classes of structures, by the name under `is`.
KINDS = {
    kind.__name__: kind
    for kind in (
        data.Conv,
        data.Pool,
        data.GlobalPool,
        data.LRN,
        data.Dropout,
        data.Linear,
        data.Scale,
        data.Tanh,
        data.Select,
        data.Branch,
        data.Branches,
        data.Head,
        data.Architecture,
        Preprocess,
    )
}

#: No number in a header is larger, no network has more layers, and no layer gives more values for one image:
#: more would be a file that was made to exhaust the memory or the time of whoever reads it.
_LARGEST, _MOST_LAYERS, _MOST_VALUES = 1 << 24, 10_000, 1 << 28
_MOST_LRN = 4096


class _Unfit(Exception):
    """The header says what cannot be, or what only a newer version knows."""


def metadata(info: Weights) -> dict[str, str]:
    """The header for these weights. Names of files that are no text are written as Python escapes them."""
    header = {
        "inception_lib": _FORMAT,
        "name": info.name,
        "source": info.source,
        "license": info.license,
        "url": " ".join(info.urls),
        "sha": " ".join(info.checksums),
        "tensors": info.tensors,
        "classes": json.dumps(info.classes, allow_nan=False),
        "architecture": json.dumps(encoded(info.architecture), allow_nan=False),
        "preprocess": json.dumps(encoded(info.preprocess), allow_nan=False),
    }
    if info.trained_on:
        header["trained_on"] = json.dumps(info.trained_on, allow_nan=False)
    return {key: text.encode(errors="backslashreplace").decode() for key, text in header.items()}


def info_of(path: Path, header: Mapping[str, str]) -> Weights | None:
    """What a header says; None where the file is not one of ours.

    Raises:
        WeightsError: it is damaged, or was written by a newer version.
    """
    if "inception_lib" not in header:
        return None
    if header["inception_lib"] != _FORMAT:
        raise WeightsError(
            f"{path}: was written by a newer inception_lib (its format is "
            f"{header['inception_lib']}, and {_FORMAT} is read here)."
        )
    try:
        classes = json.loads(header.get("classes", "null"))
        if classes is not None and not (
            isinstance(classes, list) and all(isinstance(c, str) for c in classes)
        ):
            raise _Unfit("its classes are not a list of names")
        architecture = _decode(json.loads(header.get("architecture", "null")))
        preprocess = _decode(json.loads(header.get("preprocess", "null")))
        if not isinstance(architecture, Architecture) or not isinstance(preprocess, Preprocess):
            raise _Unfit("it does not say which network this is, or what its input is")
        _check_usable(architecture)
        trained_on = _decode(json.loads(header.get("trained_on", "[]")))
        if not _fits(trained_on, _types(Weights)["trained_on"]):
            raise _Unfit("what it was trained on is no list of fingerprints and shares")
        return Weights(
            name=header.get("name", path.stem),
            source=header.get("source", ""),
            # as the first files spell it
            license=header.get("license", header.get("licence", "")),
            urls=tuple(header.get("url", "").split()),
            checksums=tuple(header.get("sha", "").split()),
            tensors=header.get("tensors", ""),
            classes=None if classes is None else tuple(classes),
            architecture=architecture,
            preprocess=preprocess,
            trained_on=trained_on,
        )
    except _Newer as error:
        raise WeightsError(f"{path}: was written by a newer inception_lib ({error}).") from None
    # the dataclasses check values and not types, so that wrong ones raise what they happen to
    except (
        InceptionError,
        _Unfit,
        ArithmeticError,
        AttributeError,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        why = " ".join(str(error).split()).rstrip(".")
        raise WeightsError(f"{path}: its header is damaged ({why}).") from None
    except RecursionError:
        raise WeightsError(f"{path}: its header is damaged (it is nested too deeply).") from None


class _Newer(Exception):
    """Something that a later version added."""


def encoded(value: Any) -> Any:
    """Frozen dataclasses as dictionaries that name their class; all fields, so that none can drift."""
    if dataclasses.is_dataclass(value):
        fields = {f.name: encoded(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__} | fields
    return [encoded(item) for item in value] if isinstance(value, tuple) else value


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("is")
    if not isinstance(name, str):
        raise _Unfit("a structure in it does not name its class")
    if name not in KINDS:
        raise _Newer(f"what a {name!r} is, is not known here")
    kind, types_of = KINDS[name], _types(KINDS[name])
    fields = {key: _decode(item) for key, item in value.items() if key != "is"}
    for key, item in fields.items():
        if key not in types_of:
            raise _Newer(f"its {name} has a field {key!r}, which is not known here")
        if not _fits(item, types_of[key]):
            raise _Unfit(f"the {key} of its {name} cannot be {str(item)[:80]!r}")
    for field in dataclasses.fields(kind):
        if field.name not in fields and field.default is field.default_factory is dataclasses.MISSING:
            raise _Unfit(f"its {name} has no {field.name}")
    return kind(**fields)


@cache
def _types(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _fits(value: Any, wanted: Any) -> bool:
    """Whether a value is of a type, as the fields of the dataclasses are annotated."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin is typing.Literal:
        return any(type(value) is type(one) and value == one for one in inner)
    if origin is tuple:
        if not isinstance(value, tuple):
            return False
        each = inner[:1] * len(value) if inner[1:] == (Ellipsis,) else inner
        return len(each) == len(value) and all(map(_fits, value, each))
    if wanted in (int, float):
        kinds = (int,) if wanted is int else (int, float)
        return type(value) in kinds and abs(value) <= _LARGEST
    return type(value) is wanted


def _check_usable(architecture: Architecture) -> None:
    """Refuse a network that one would not want to run: too large, or without a defined result."""
    if not architecture.layers:
        raise _Unfit("its network has no layers")
    for number, step in enumerate(walk(architecture)):
        if number >= _MOST_LAYERS:
            raise _Unfit(f"its network has more than {_MOST_LAYERS:,} layers")
        if size_of(step.out_shape) > _MOST_VALUES:
            raise _Unfit(f"{step.path} gives more than {_MOST_VALUES:,} values for one image")
        match step.layer:
            case data.LRN(size=size) if size > _MOST_LRN:
                raise _Unfit(f"{step.path} normalizes over more than {_MOST_LRN:,} channels")
            case data.LRN(alpha=alpha, k=k) if alpha < 0 or k <= 0:
                raise _Unfit(f"{step.path} may divide by nothing, with an alpha of {alpha} and a k of {k}")
            case data.Conv(norm_eps=eps) if eps < 0:
                raise _Unfit(f"{step.path} adds {eps} to a variance, which must not become negative")
