"""What the engine is given: its script, its inner loops, what Python knows of files, and networks."""

from __future__ import annotations

import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from inception_lib.book.live.packing import Form, pack
from inception_lib.book.scripts import joined
from inception_lib.errors import InceptionError
from inception_lib.networks.googlenet import VARIANTS, googlenet

if TYPE_CHECKING:
    from inception_lib.weights.info import Loaded

FOLDER = Path(__file__).parent  #: of the scripts
BUNDLED = "shapes-1"  #: the network that the book's pages run


class Live(NamedTuple):
    """A network for the page: what the engine's `open` takes beside the bytes, and the bytes."""

    about: dict[str, Any]
    data: bytes


def source() -> str:
    """The worker's whole script. It defines `serve(port)`, which is yet to be called."""
    return joined(FOLDER / "worker.js").replace("\nexport function serve", "\nfunction serve")


@cache
def module() -> bytes:
    """The WebAssembly module of kernels.wat.

    Raises:
        InceptionError: wasmtime, which assembles it, is not installed.
    """
    try:
        from wasmtime import wat2wasm
    except ImportError:
        raise InceptionError(
            "Assembling kernels.wat needs wasmtime: pip install wasmtime, which the extra `book` has."
        ) from None
    return bytes(wat2wasm((FOLDER / "kernels.wat").read_text(encoding="utf-8")))


def network(loaded: Loaded, form: Form = "int8") -> Live:
    """A network and its weights, packed.

    Args:
        loaded: as `load_weights` gives it.
        form: of the weights.
    """
    from inception_lib.weights.header import encoded

    state = {name: value.detach().cpu().numpy() for name, value in loaded.network.state_dict().items()}
    packed = pack(state, form)
    about = {
        "name": loaded.info.name,
        "architecture": _sparse(encoded(loaded.network.architecture)),
        "preprocess": _sparse(encoded(loaded.info.preprocess)),
        "classes": loaded.info.classes and list(loaded.info.classes),
        "weights": {"tensors": packed.tensors},
    }
    return Live(about, packed.data)


@cache
def bundled_network(name: str = BUNDLED) -> Live:
    """A bundled network, in int8.

    Raises:
        InceptionError: none has this name, or they are not there.
    """
    from inception_lib.book.bundled import COUNT, bundled

    numbers = {f"shapes-{n}": n for n in range(1, COUNT + 1)}
    if name not in numbers:
        raise InceptionError(f"There is no bundled network {name!r}; there are {', '.join(numbers)}.")
    return network(next(bundled(numbers[name])))


@cache
def known() -> dict[str, Any]:
    """What the page must know to read a file that its reader chose, as Python knows it.

    `defaults` of each structure in a header, `networks` that a file without one may be, `preprocess` by name,
    what `caffe` and `torchvision` call our layers, the names of `imagenet`'s classes, and `kinds`: what
    files that are no weights begin with.
    """
    from inception_lib.data.imagenet import imagenet_classes
    from inception_lib.data.images import PREPROCESSES
    from inception_lib.weights import names
    from inception_lib.weights.formats import usual_preprocess
    from inception_lib.weights.header import encoded
    from inception_lib.weights.kinds import STARTS

    by_value = {value: name for name, value in PREPROCESSES.items()}
    architectures = [googlenet(variant) for variant in VARIANTS]
    return {
        "defaults": _defaults(),
        "networks": [
            {"architecture": _sparse(encoded(a)), "preprocess": by_value[usual_preprocess(a)]}
            for a in architectures
        ],
        "preprocess": {name: encoded(value) for name, value in PREPROCESSES.items()},
        "caffe": names.LAYERS_OF_CAFFE,
        "torchvision": names.LAYERS_OF_TORCHVISION,
        "imagenet": list(imagenet_classes()),
        "kinds": [{"start": list(start), "words": words} for start, words in (*STARTS, *_MORE_KINDS)],
    }


#: What Python reads and the page does not.
_MORE_KINDS = tuple(
    (start, "a file of torch.save (load_weights reads it, and save_weights writes a .safetensors file)")
    for start in (b"PK\x03\x04", b"\x80\x02")
)


@cache
def _defaults() -> dict[str, dict[str, Any]]:
    """Of each structure in a header the fields that may be left out, and what they then are."""
    from inception_lib.weights.header import KINDS, encoded

    return {
        name: {
            field.name: encoded(field.default)
            for field in dataclasses.fields(kind)
            if field.default is not dataclasses.MISSING
        }
        for name, kind in KINDS.items()
    }


def _sparse(value: Any) -> Any:
    """A structure without what is usual, which the page fills in."""
    if isinstance(value, list):
        return [_sparse(item) for item in value]
    if not isinstance(value, dict):
        return value
    usual = _defaults()[value["is"]]
    return {key: _sparse(item) for key, item in value.items() if key not in usual or usual[key] != item}


def text(value: Any) -> str:
    """JSON in as few letters as can be; it is JavaScript too."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False)
