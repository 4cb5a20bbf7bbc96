"""What a training run costs."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

from inception_lib.architecture import Architecture
from inception_lib.book.widgets.base import Widget, choice, number
from inception_lib.counting import count
from inception_lib.data.shapes import SIZES
from inception_lib.training.recipes import FROM_SCRATCH, RECIPES, Recipe, architecture

DEVICES = ("any", "cpu", "cuda")  #: on which a training can be asked for

#: Training pictures and classes of the data sets that `inception train` knows by name.
DATA_SETS = {
    "shapes": (SIZES["train"], 10),
    "cifar10": (50_000, 10),
    "imagenette": (9_469, 10),
    "caltech101": (101 * 30, 101),
    "imagenet": (1_281_167, 1000),
}


class TrainingWidget(Widget):
    """What a training run costs: updates, arithmetic, time and money, before it is begun.

    Settings: `recipe`, `data`, `device`, `epochs`, `rate` (training images per second) and `price` (of an
    hour, in hundredths). It opens on BVLC's run on ImageNet. `chosen()` gives the recipe that is
    set, `network()` the architecture and `where()` the device, as `train` takes them.
    """

    script = "training.js"
    key = "training"
    title = "A training run, before it is begun"

    recipe = choice(FROM_SCRATCH, "bvlc_quick", "Recipe")
    data = choice(tuple(DATA_SETS), "imagenet", "Data")
    device = choice(DEVICES, "any", "Device", ("the GPU if there is one", "CPU", "GPU"))
    epochs = number(60, 1, 300, "Epochs")
    rate = number(500, 1, 100_000, "Images per second")
    price = number(0, 0, 10_000, "Price of an hour, in cents")

    def __init__(self, **settings: Any) -> None:
        super().__init__(training_table(), **settings)

    def chosen(self) -> Recipe:
        """The recipe, with the epochs that are set."""
        return replace(RECIPES[self.recipe](), epochs=self.epochs)

    def network(self) -> Architecture:
        """The network that the recipe trains, for the classes of the data that is set."""
        return architecture(self.recipe, DATA_SETS[self.data][1])

    def where(self) -> str | None:
        """The device that is set; None for the GPU if there is one."""
        return None if self.device == "any" else self.device

    def result(self) -> dict[str, int]:
        """Updates, pictures seen, TFLOP, seconds and cents of the whole run, in whole numbers."""
        chosen, (pictures, _) = self.chosen(), DATA_SETS[self.data]
        updates = self.epochs * (pictures // chosen.batch)
        images = updates * chosen.batch
        mflops = 6 * count(self.network()).macs // 10**6
        seconds = -(-images // self.rate)
        return {
            "updates": updates,
            "images": images,
            "tflops": images * mflops // 10**6,
            "seconds": seconds,
            "cents": seconds * self.price // 3600,
        }


@cache
def training_table() -> dict:
    """What the browser needs to say what a training run costs.

    `mflops` is the arithmetic of one picture in millions of FLOPs, by recipe and data set: two per MAC, and
    the way back costs twice the way there.
    """
    recipes = {name: RECIPES[name]() for name in FROM_SCRATCH}
    mflops = {
        name: {
            data: 6 * count(architecture(name, classes)).macs // 10**6
            for data, (_, classes) in DATA_SETS.items()
        }
        for name in recipes
    }
    return {
        "mflops": mflops,
        "pictures": {data: pictures for data, (pictures, _) in DATA_SETS.items()},
        "batch": {name: recipe.batch for name, recipe in recipes.items()},
        "epochs": {name: int(recipe.epochs) for name, recipe in recipes.items()},
    }
