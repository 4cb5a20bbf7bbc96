"""Which run a checkpoint belongs to: what must be the same for going on with it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from inception_lib.data.datasets import Data
from inception_lib.data.images import Preprocess
from inception_lib.errors import TrainingError
from inception_lib.nn.network import Network
from inception_lib.training.recipes import Recipe
from inception_lib.weights.info import Weights

#: Settings that may change when a run is resumed, since they do not change what comes out.
FREE = {"name", "workers", "compile", "bad_pictures"}


def identity(
    network: nn.Module, data_name: str, data: Data, recipe: Recipe, start: Weights | None = None
) -> dict[str, Any]:
    """What a checkpoint says of its run, in plain values; `start` are the weights that it began from."""
    if isinstance(network, Network):
        described = repr(network.architecture)
    else:
        shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
        described = f"{type(network).__name__} {shapes}"
    return {
        "recipe": recipe.to_dict(),
        "network": described,
        "start": None if start is None else [start.name, start.tensors, asdict(start.preprocess)],
        "data": data_name,
        "classes": list(data.classes),
        "images": len(data),
        "fingerprint": data.fingerprint(),
    }


def can_be_longer(recipe: Recipe) -> bool:
    """Whether the number of epochs decides a run's end and nothing before it."""
    return recipe.schedule in ("step", "constant") and recipe.average != "polyak"


def compare(folder: Path, then: dict[str, Any], now: dict[str, Any], recipe: Recipe) -> None:
    """Refuse to go on with another run.

    Raises:
        TrainingError: the recipe, the network or the data is another; the sentence says which.
        KeyError: `then` is no identity.
    """
    free = FREE | ({"epochs"} if can_be_longer(recipe) else set())
    before = Recipe.from_dict(then["recipe"]).to_dict()  # with what older recipes did not have
    changed = sorted(k for k in now["recipe"] if k not in free and before.get(k) != now["recipe"][k])
    if changed:
        raise TrainingError(
            f"{folder}: this run was begun with other settings "
            f"({', '.join(f'{k} {before.get(k)}' for k in changed)}); resume it with the same, as "
            f"recipe.json there lists them, and with the same --weights and --data."
        )
    was, is_now = _weights(then.get("start")), _weights(now["start"])
    if was != is_now:
        other = is_now[0] if was[0] != is_now[0] else "others of that name, or with another pre-processing"
        raise TrainingError(
            f"{folder}: this run was begun from {was[0]}, not from {other}; resume it with the same weights."
        )
    if then["classes"] != now["classes"]:
        same = set(then["classes"]) == set(now["classes"])
        has = "the same in another order" if same else f"{len(now['classes'])} others"
        raise TrainingError(
            f"{folder}: this run was begun on {then['data']} with {len(then['classes'])} classes, and "
            f"{now['data']} has {has}."
        )
    if then["network"] != now["network"]:
        raise TrainingError(f"{folder}: this run was begun with another network; resume it with the same.")
    if (then["images"], then["fingerprint"]) != (now["images"], now["fingerprint"]):
        raise TrainingError(
            f"{folder}: this run was begun on {then['data']} with {then['images']:,} training images, and "
            f"{now['data']} with its {now['images']:,} is not the same data."
        )


def _weights(start: list[Any] | None) -> tuple[str, str, Preprocess | None]:
    """The weights that a run began from, as `identity` writes them; what they want may lack newer fields."""
    if start is None:
        return "random weights", "", None
    name, tensors, preprocess = start
    return name, tensors, Preprocess(**preprocess)
