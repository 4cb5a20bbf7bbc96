"""Recipes: everything that decides how a network is trained, and which network is trained by default.

`RECIPES` holds functions that make them. What the paper does not say is taken from BVLC's Caffe
definition and marked so in the function's docstring; what neither says is marked as ours.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from functools import cache
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from inception_lib.architecture import Architecture
from inception_lib.data.augmentation import Augment
from inception_lib.data.images import BVLC_PREPROCESS, IMAGENET_PREPROCESS, Preprocess
from inception_lib.errors import TrainingError
from inception_lib.training.networks import NetworkOptions

_LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a network is trained; which network, it does not say.

    Epochs count passes over the training images, updates the steps of the optimizer.
    """

    name: str
    """Of the recipe."""
    input_size: int = 224
    """Pixels a side that the network sees. 0: as the weights have it that the training starts from."""
    resize: int = 256
    """Pixels of the shorter side, of which validation sees the middle and `bvlc` a random part. 0: in the
    same proportion to input_size as the weights have it."""
    initial: Literal["xavier", "he"] = "xavier"
    """Initial weights. xavier: BVLC's. he: normal with variance 2 / fan_in, biases 0, small classifiers."""
    normalize: Literal["bvlc", "imagenet", "weights"] = "imagenet"
    """Pixel values. bvlc: BGR, 0 to 255, mean subtracted. imagenet: RGB, mean and deviation of ImageNet.
    weights: as the weights have it that the training starts from; these take nothing else."""
    augment: Augment = "paper"
    """What is done to a training picture."""

    epochs: float = 90
    """Passes over the training pictures."""
    batch: int = 256
    """Pictures per update, over all processes."""
    accumulate: int = 1
    """Parts into which a process divides its share of a batch, to save memory."""
    lr: float = 0.01
    """Base learning rate, for `batch`; nothing is scaled in silence."""
    schedule: Literal["step", "poly", "cosine", "constant"] = "step"
    """step: times 0.96 every 8 epochs. poly: times the root of what is left. cosine: down to 0."""
    warmup: float = 0
    """Epochs in which the learning rate rises from 0."""
    momentum: float = 0.9
    """Of SGD."""
    nesterov: bool = False
    """Nesterov's form of momentum."""
    weight_decay: float = 2e-4
    """On weights; never on biases and normalization."""
    bias_lr: float = 1.0
    """Multiplies the learning rate of biases."""
    classifier_lr: float = 1.0
    """Multiplies the learning rate of the layers that give the classes, in the trunk and in the heads."""
    freeze: str | None = None
    """The last layer of the trunk whose weights stay as they are, with all before it; none if not given."""
    clip: float | None = None
    """Largest norm of the gradient; a larger one is scaled down to it. None: it is left as it is."""
    label_smoothing: float = 0.0
    """Share of the target that is spread over all classes."""
    average: Literal["none", "polyak", "ema"] = "none"
    """Which average of the weights is the result: of all updates of the last part, or a moving one."""
    average_from: float = 0.5
    """polyak: the share of the training after which averaging begins."""
    ema_decay: float = 0.999
    """ema: the share that the old average keeps at each update, at most; in a short run it keeps less."""

    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """bfloat16, float16: autocast; normalization across channels stays in float32. float16 scales its losses,
    and stands in for bfloat16 on a T4 or V100. auto: bfloat16 on CUDA, float32 elsewhere."""
    channels_last: bool = True
    """Memory order of pictures and weights; the same numbers, usually faster."""
    compile: bool | None = None
    """torch.compile: a minute at the start, faster steps. None: in a long run of ours on CUDA."""
    workers: int = 0
    """Processes that read pictures, for each training process, but no more than it has cores; 0 reads in the
    training process."""
    keep: Literal["none", "device"] = "none"
    """Where images stay once they are decoded. none: they are read each time. device: all at once on the
    device, which augments them as Pillow does, to the last bit."""
    bad_pictures: int = 100
    """More unreadable pictures than this in one epoch end the run."""
    seed: int = 0
    """Of initial weights, order, augmentation and dropout."""
    init_seed: int | None = None
    """Of the initial weights alone, where they shall differ from the rest; `seed` if not given."""

    def __post_init__(self) -> None:
        for name, allowed in _choices().items():
            if getattr(self, name) not in allowed:
                self._refuse(name, f"is one of {', '.join(allowed)}")
        for name in ("epochs", "batch", "accumulate", "lr"):
            if not 0 < getattr(self, name) < math.inf:
                self._refuse(name, "must be a finite number above 0")
        for name in ("input_size", "resize"):
            if not (0 if self.normalize == "weights" else 1) <= getattr(self, name) < math.inf:
                self._refuse(name, "must be a finite number above 0 (or 0, where normalize is weights)")
        if self.clip is not None and not 0 < self.clip < math.inf:
            self._refuse("clip", "must be a finite number above 0, or none")
        for name in ("warmup", "weight_decay", "bias_lr", "classifier_lr", "workers", "bad_pictures"):
            if not 0 <= getattr(self, name) < math.inf:
                self._refuse(name, "must be a finite number of at least 0")
        for name in ("momentum", "label_smoothing", "average_from", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                self._refuse(name, "must be at least 0 and below 1")
        for name in ("seed", "init_seed"):
            if not 0 <= (getattr(self, name) or 0) <= _LARGEST_SEED:
                self._refuse(name, f"must be a whole number from 0 to {_LARGEST_SEED:,}")
        if 0 < self.resize < self.input_size:
            raise TrainingError(
                f"{self.name}: a part of {self.input_size} pixels cannot be cut out of a side of "
                f"{self.resize}; raise resize."
            )

    def _refuse(self, name: str, wanted: str) -> None:
        raise TrainingError(f"{self.name}: {name} {wanted}, not {getattr(self, name)!r}.")

    def after(self, weights: Preprocess) -> Self:
        """The recipe with the sizes that these weights want, where it leaves them open.

        Raises:
            TrainingError: it normalizes images in its own way, which trained weights do not take.
        """
        if self.normalize != "weights":
            raise TrainingError(
                f"{self.name}: normalize is {self.normalize}, and trained weights take images as they did "
                f"before: set it to weights (--normalize weights)."
            )
        size = self.input_size or weights.crop
        return replace(
            self, input_size=size, resize=self.resize or round(size * weights.resize / weights.crop)
        )

    def preprocess(self, weights: Preprocess | None = None) -> Preprocess:
        """What validation, and later prediction, does to a picture.

        Args:
            weights: what the weights that the training starts from want, if there are any.

        Raises:
            TrainingError: the recipe is for trained weights, and there are none; or the other way round.
        """
        if weights is not None:
            sized = self.after(weights)
            return replace(weights, resize=sized.resize, crop=sized.input_size)
        if self.normalize == "weights":
            raise TrainingError(
                f"{self.name}: starts from trained weights, and none are given; --weights names them (bvlc, "
                f"torchvision or a file), or --normalize and --input-size do without."
            )
        base = {"bvlc": BVLC_PREPROCESS, "imagenet": IMAGENET_PREPROCESS}[self.normalize]
        return Preprocess(
            resize=self.resize,
            crop=self.input_size,
            interpolation=base.interpolation,
            channels=base.channels,
            white=base.white,
            mean=base.mean,
            std=base.std,
            warp=self.augment == "bvlc",  # which trains on squashed pictures: so they are tested
        )

    def lr_at(self, epoch: float, update: float = 0.0) -> float:
        """The learning rate after `epoch` epochs, which need not be whole.

        `update` is the length of one update in epochs: a warm-up rises to the update's middle, so that the
        first one is not at rate 0.
        """
        factor = {
            "step": lambda: 0.96 ** (epoch // 8),
            "poly": lambda: max(0.0, 1 - epoch / self.epochs) ** 0.5,
            "cosine": lambda: 0.5 * (1 + math.cos(math.pi * min(1.0, epoch / self.epochs))),
            "constant": lambda: 1.0,
        }[self.schedule]()
        return self.lr * factor * (min(1.0, (epoch + update / 2) / self.warmup) if self.warmup else 1.0)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written beside a run."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The recipe of which `to_dict` gave `values`."""
        unknown = set(values) - {f.name for f in fields(cls)}
        if unknown:
            raise TrainingError(
                f"This recipe has fields that this library does not know: {', '.join(sorted(unknown))}."
            )
        return cls(**values)


@cache
def _choices() -> dict[str, tuple[str, ...]]:
    """The fields that take one of some words, with the words."""
    return {
        name: get_args(kind) for name, kind in get_type_hints(Recipe).items() if get_origin(kind) is Literal
    }


def paper() -> Recipe:
    """What the paper says of its training, and BVLC's values where it is silent.

    The paper: momentum 0.9, -4 % every 8 epochs, Polyak averaging, patches of 8 to 100 % of the area
    with aspect ratio 3/4 to 4/3 and photometric distortions, heads with weight 0.3. It gives no batch
    size, base learning rate, weight decay, initial weights or number of epochs. BVLC's
    `solver.prototxt`: batch 32, learning rate 0.01, weight decay 2e-4, biases with twice the learning
    rate and no decay, xavier. Its 10 million updates are 250 epochs. The start of the averaging is
    ours.
    """
    return Recipe(
        name="paper",
        epochs=250,
        batch=32,
        lr=0.01,
        schedule="step",
        bias_lr=2,
        normalize="bvlc",
        augment="paper",
        average="polyak",
        average_from=0.9,
        workers=8,
    )


def bvlc_quick() -> Recipe:
    """BVLC's `quick_solver.prototxt`, which trained the released weights: 60 epochs, polynomial decay.

    2,400,000 updates of 32 pictures, squashed to 256x256 pixels as Caffe's ImageNet example does it; random
    crops of 224 out of them and their mirror images; validation on the middle. Their readme reports 68.7 %
    top-1. Not as BVLC had it: Pillow smooths where it shrinks a picture.
    """
    return Recipe(
        name="bvlc_quick",
        epochs=60,
        batch=32,
        lr=0.01,
        schedule="poly",
        bias_lr=2,
        normalize="bvlc",
        augment="bvlc",
        workers=8,
    )


def modern() -> Recipe:
    """GoogLeNet as one would train it today: torchvision's variant, which has batch normalization.

    torchvision's reference for such networks: batch 256 (8 GPUs of 32), rate 0.1, momentum 0.9, weight decay
    1e-4, 90 epochs. Goyal et al. 2017: the rate grows with the batch, after a warm-up of 5
    epochs. Szegedy et al. 2016: label smoothing 0.1. The paper: its augmentation and heads. Ours: cosine,
    Nesterov, the moving average, which forgets the start in a short run, too.

    Without batch normalization (`--variant paper`) this rate is too high: torchvision takes 0.01 there
    (`--lr 0.01`), and at 0.0075 for 32 pictures the weights of Ioffe and Szegedy 2015 overflowed.
    """
    return Recipe(
        name="modern",
        epochs=90,
        batch=256,
        lr=0.1,
        schedule="cosine",
        warmup=5,
        nesterov=True,
        initial="he",
        label_smoothing=0.1,
        average="ema",
        ema_decay=0.9998,
        weight_decay=1e-4,
        workers=8,
    )


def tiny() -> Recipe:
    """A narrow network on small pictures, for two CPU cores and the bundled data; all of it ours.

    A quarter of the width on 80x80 pixels, still without batch normalization and with both heads. No
    dropout, since so small a network on so many pictures underfits and dropout only makes it slower;
    Nesterov's momentum and small batches, with which it learns in fewer epochs.
    """
    return Recipe(
        name="tiny",
        input_size=80,
        resize=80,
        epochs=5,
        batch=24,
        lr=0.02,
        nesterov=True,
        schedule="cosine",
        warmup=0.5,
        initial="he",
        clip=5,
        augment="mirror",
    )


def finetune() -> Recipe:
    """Trained weights on other classes; from Caffe's example of fine-tuning, and ours where marked.

    Caffe's `models/finetune_flickr_style`: a tenth of the learning rate of a training from scratch, ten
    times that for the new classifier, biases at twice the rate of their weights, weight decay 5e-4, random
    crops of squashed pictures and their mirror images. Ours: batches of 32, cosine, ten epochs, and no heads:
    no published file has trained ones, and a trunk that is trained already does without. Sizes and
    normalization are those of the weights.
    """
    return Recipe(
        name="finetune",
        input_size=0,
        resize=0,
        normalize="weights",
        augment="bvlc",
        epochs=10,
        batch=32,
        lr=0.001,
        schedule="cosine",
        bias_lr=2,
        classifier_lr=10,
        weight_decay=5e-4,
        workers=4,
    )


#: Changes of `tiny` to what it was when the bundled networks and the small experiments were made: with
#: larger batches and plain momentum it needs more epochs.
SLOWER: dict[str, Any] = {"batch": 32, "lr": 0.025, "nesterov": False}

#: Makers of recipes, by name.
RECIPES: dict[str, Callable[[], Recipe]] = {
    f.__name__: f for f in (tiny, paper, bvlc_quick, modern, finetune)
}
#: Of these the ones that need no trained weights.
FROM_SCRATCH = tuple(name for name in RECIPES if name != "finetune")

#: The networks that recipes are made for, where it is not the paper's GoogLeNet as it is.
_NETWORKS = {
    "tiny": NetworkOptions(width=0.25, dropout=False),
    "modern": NetworkOptions(variant="torchvision"),
    "finetune": NetworkOptions(heads=False),
}


def recipe(name: str) -> Recipe:
    """The recipe of that name.

    Raises:
        TrainingError: there is none.
    """
    if name not in RECIPES:
        raise TrainingError(f"There is no recipe {name!r}; there are {', '.join(RECIPES)}.")
    return RECIPES[name]()


def network_options(name: str) -> NetworkOptions:
    """The network that the recipe of that name is made for.

    Raises:
        TrainingError: there is no such recipe.
    """
    recipe(name)
    return _NETWORKS.get(name, NetworkOptions())


def architecture(name: str, classes: int) -> Architecture:
    """The network that the recipe of that name trains by default, for that many classes.

    Raises:
        TrainingError: there is no such recipe.
    """
    input_size = recipe(name).input_size or Recipe.input_size
    return network_options(name).architecture(classes, input_size)
