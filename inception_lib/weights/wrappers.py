"""A network's state dict in what training code writes: under keys, behind prefixes, classifiers renamed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from torch import Tensor

from inception_lib.errors import WeightsError, warn
from inception_lib.weights.names import State, from_torchvision
from inception_lib.weights.states import quoted

#: Tensors that each GoogLeNet has, under our name and under torchvision's.
_ANCHORS = ("inception_3a.1x1.conv.weight", "inception3a.branch1.conv.weight")
#: Where state dicts of other networks are looked for, and the prefixes that their tensors may have.
_KEYS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")
_PREFIXES = ("module.", "_orig_mod.", "model.", "network.")
#: In the names of a moving average of the weights, which is meant for use.
_AVERAGED = re.compile(r"(^|[._])(ema|averaged?|swa)([._]|$)")
_DEEPEST = 5


def find_states(path: Path, found: object) -> State:
    """The state dict in what `torch.save` wrote; of GoogLeNet, wherever it is.

    The keys of the dictionaries around it are left out, and so are other things beside it.

    Raises:
        WeightsError: there is none, or there are several networks.
    """
    states = _dictionaries(found)
    networks = [(keys, prefix) for keys, state in states.items() for prefix in _prefixes(state)]
    if networks:
        keys, prefix = _one_of(path, networks)
        state = states[keys]
        others = tuple(p for k, p in networks if k == keys and p != prefix and p)
        return {key: value for key, value in state.items() if not (others and key.startswith(others))}
    while isinstance(found, Mapping):
        inner = next((found[key] for key in _KEYS if isinstance(found.get(key), Mapping)), None)
        if inner is None:
            break
        found = inner
    if (
        not isinstance(found, Mapping)
        or not found
        or not all(isinstance(key, str) and isinstance(value, Tensor) for key, value in found.items())
    ):
        raise WeightsError(f"{path}: holds no state dict, that is a dictionary of names and tensors.")
    return dict(found)


def _dictionaries(found: object) -> dict[tuple[str, ...], State]:
    """Dictionaries with tensors under names, by the keys that lead there; each is looked into once."""
    states: dict[tuple[str, ...], State] = {}
    seen: set[int] = set()

    def look(inner: object, keys: tuple[str, ...]) -> None:
        if not isinstance(inner, Mapping) or id(inner) in seen or len(keys) > _DEEPEST:
            return
        seen.add(id(inner))
        tensors = {k: v for k, v in inner.items() if isinstance(k, str) and isinstance(v, Tensor)}
        if tensors:
            states[keys] = tensors
        for key, value in inner.items():
            look(value, (*keys, str(key)))

    look(found, ())
    return states


def _prefixes(state: Mapping[str, Tensor]) -> list[str]:
    """What stands before the names of each GoogLeNet in a state."""
    return [key.removesuffix(a) for key in state for a in _ANCHORS if key == a or key.endswith("." + a)]


def _one_of(path: Path, networks: list[tuple[tuple[str, ...], str]]) -> tuple[tuple[str, ...], str]:
    """The only network, or the only moving average, of which a warning tells."""
    if len(networks) == 1:
        return networks[0]
    names = {
        ".".join((*keys, prefix)).rstrip(".") or "the bare names": (keys, prefix) for keys, prefix in networks
    }
    averaged = [name for name in names if _AVERAGED.search(name)]
    if len(averaged) != 1:
        raise WeightsError(
            f"{path}: holds {len(networks)} networks ({', '.join(map(quoted, names))}); save the one that is "
            f"meant by itself."
        )
    warn(f"{path}: of {' and '.join(map(quoted, names))} the moving average is taken, {quoted(averaged[0])}.")
    return names[averaged[0]]


def under_our_names(path: Path, state: State) -> tuple[State, str]:
    """A state dict without prefixes and under our names, and the name of a classifier that was renamed.

    What stands beside the network, and is no part of it, is left out with a warning.
    """
    prefixes = _prefixes(state)
    if not prefixes:
        while prefix := next((p for p in _PREFIXES if all(key.startswith(p) for key in state)), None):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
        return state, ""
    if len(prefixes) > 1:  # in a .safetensors file, which has no dictionaries
        state, prefixes = find_states(path, state), []
        return under_our_names(path, state)
    prefix = prefixes[0]
    inside = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    outside = {key: value for key, value in state.items() if not key.startswith(prefix)}
    outside.pop("n_averaged", None)  # of torch.optim.swa_utils.AveragedModel
    if _ANCHORS[1] in inside:
        inside = from_torchvision(inside)
    ours, classifier = with_classifiers(inside | outside)
    left = sorted(outside.keys() & ours.keys())
    if left and "classifier.linear.weight" in ours:
        warn(
            f"{path}: {', '.join(map(quoted, left[:3]))}{' and others' * (len(left) > 3)} beside the network "
            f"in {quoted(prefix.rstrip('.'))} is left out."
        )
        ours = {key: value for key, value in ours.items() if key not in outside}
    return ours, classifier


def with_classifiers(state: State) -> tuple[State, str]:
    """The state with classifiers that were renamed under their usual names, and the main one's own name.

    Whoever fine-tunes in Caffe renames them. A classifier is the only matrix of weights that has no place, if
    it takes what GoogLeNet's takes; in heads it has their name before it.
    """
    renamed = ""
    for ours, theirs in (("aux1.", ("aux1.", "loss1/")), ("aux2.", ("aux2.", "loss2/")), ("", ())):
        slot = f"{ours}classifier.linear"
        features = _features(state, ours)
        if f"{slot}.weight" in state or features is None:
            continue
        strange = [key for key in unplaced(state) if not theirs or key.startswith(theirs)]
        if len(strange) == 1 and _squeezed(state[strange[0]], 2).shape[1] == features:
            name = strange[0].removesuffix(".weight")
            state = dict(state)
            for part, axes in (("weight", 2), ("bias", 1)):
                if f"{name}.{part}" in state:
                    state[f"{slot}.{part}"] = _squeezed(state.pop(f"{name}.{part}"), axes)
            renamed = name if not ours else renamed
    return state, renamed


def unplaced(state: State) -> list[str]:
    """Matrices of weights, as of fully connected layers, that have no place in GoogLeNet."""
    placed = (".conv.weight", ".fc.linear.weight", ".classifier.linear.weight")
    return [
        key
        for key, value in state.items()
        if key.endswith(".weight") and not f".{key}".endswith(placed) and _squeezed(value, 2).dim() == 2
    ]


def _features(state: State, head: str) -> int | None:
    """How many values a classifier takes, by the layer before it; None where that is not there."""
    module = [f"inception_5b.{part}.conv.weight" for part in ("1x1", "3x3", "5x5", "pool_proj")]
    before = [f"{head}fc.linear.weight"] if head else module
    return sum(len(state[key]) for key in before) if all(key in state for key in before) else None


def _squeezed(value: Tensor, axes: int) -> Tensor:
    """Without the ones before its last axes, as Caffe's older form has them."""
    extra = value.dim() - axes
    return value.reshape(value.shape[extra:]) if extra > 0 and set(value.shape[:extra]) == {1} else value
