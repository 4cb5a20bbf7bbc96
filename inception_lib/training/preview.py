"""What a training is going to do, in words, before its first batch."""

from __future__ import annotations

from collections.abc import Iterator

from inception_lib.data.loading import updates_per_epoch
from inception_lib.errors import DataError
from inception_lib.training.loop import Training


def preview(training: Training) -> str:
    """The network, data, updates, device and folder of a training, and its recipe's settings, resolved."""
    settings = {name: value for name, value in training.recipe.to_dict().items() if name != "name"}
    wide = max(map(len, settings))
    return "\n".join(
        [
            *(f"{name:<9}{said}" for name, said in _facts(training)),
            *(f"  {name:<{wide}}  {value}" for name, value in settings.items()),
            "dry run: nothing was trained, and nothing was written",
        ]
    )


def _facts(training: Training) -> Iterator[tuple[str, str]]:
    record, recipe, members = training.run_record, training.recipe, training.members
    parameters = sum(p.numel() for p in training.network.parameters())
    heads = len(training.aux_weights or ())
    yield (
        "network",
        f"{record.network['name']}, {parameters:,} parameters, {heads or 'no'} auxiliary heads",
    )
    train, val, classes = (len(part) for part in (training.data, training.val_data, training.data.classes))
    yield "data", f"{training.data_name}: {train:,} images train, {val:,} validate, {classes:,} classes"
    try:
        updates_per_epoch(train, recipe.batch)
        said = f"{training.per_epoch:,} in an epoch, {training.last_update:,} in {recipe.epochs:g} epochs"
    except DataError as error:
        said = f"none, and the training itself would end here: {error}"
    yield "updates", said
    each = recipe.batch // members.world // recipe.accumulate
    yield "device", f"{record.device}, {recipe.precision}, {each:,} images at a time on each"
    done = f"goes on after {training.updates:,} updates" if training.updates else "a new run"
    yield "folder", f"{record.folder}: {done}"
    yield "recipe", recipe.name
