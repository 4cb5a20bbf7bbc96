"""The training experiments, as tables of arms and of what is claimed of them; `experiment.py` runs them.

Each claim was written down before its runs were made, and is answered in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from experiments import exchanges as ex
from experiments import probes
from inception_lib.architecture import Architecture
from inception_lib.networks.googlenet import googlenet
from inception_lib.training.recipes import NetworkOptions, Recipe

HEADS = ("aux1", "aux2")
BRANCHES = ("1x1", "3x3", "5x5", "pool")
SHOTS = (5, 10, 20, 30)
CHOICE_SHOTS = 10


class Scale(NamedTuple):
    """How large an experiment is; the same for all of its arms."""

    size: int = 112
    """Height and width of the input, in pixels: at 112 the maps of stage 4 are 7x7."""
    resize: int = 128
    width: float = 0.25
    epochs: float = 8.0
    batch: int = 128
    """Images of an update."""
    seeds: int = 3
    choice_epochs: float = 3.0
    """Epochs of the trainings that choose a learning rate."""
    rates: int = 8
    """Learning rates that an arm tries, at most."""


@dataclass(frozen=True)
class Arm:
    """What is trained alike but for the seed.

    `rate_of` names the arm of the same experiment whose learning rate it takes, and `rate` is one that is
    given; by default it chooses its own, from `lr` on, which is meant for updates of 32 images. `start` are
    the variance, in 1 / fan_in, and the biases of the initial weights where they are not the recipe's.
    `watch` are names of what is measured while it trains.
    """

    name: str
    network: Callable[[Scale], Architecture | NetworkOptions]
    changes: Mapping[str, Any] = field(default_factory=dict)
    data: str = "imagenette"
    lr: float = 0.01
    rate_of: str | None = None
    rate: float | None = None
    start: tuple[float, float] | None = None
    watch: tuple[str, ...] = ()
    seeds: int | None = None
    at: Mapping[str, Any] = field(default_factory=dict)
    """Of the scale, where the arm has its own."""


class Term(NamedTuple):
    """An arm's result, times a factor; `metric` is the path of a number in the run."""

    factor: float
    arm: str
    metric: str = "top1"


@dataclass(frozen=True)
class Claim:
    """That a sum of results, seed by seed, is above 0."""

    text: str
    terms: tuple[Term, ...]


def more(text: str, arm: str, than: str, metric: str = "top1", other: str | None = None) -> Claim:
    """That one arm's result is above another's."""
    return Claim(text, (Term(1, arm, metric), Term(-1, than, other or metric)))


@dataclass(frozen=True)
class Experiment:
    """Arms and claims. `also` measures more on what was trained, `of_networks` if on weights and answers, and
    says it in sentences; `wide` says how wide the networks are."""

    about: str
    arms: tuple[Arm, ...]
    claims: tuple[Claim, ...]
    wide: str = "{width:g} of the paper's width"
    also: Callable[..., tuple[dict[str, Any], list[str]]] | None = None
    of_networks: bool = False


#: Of all arms; an arm changes it where its experiment is about that.
RECIPE = Recipe(
    name="experiment",
    schedule="cosine",
    nesterov=True,
    initial="he",
    clip=5,
    augment="mirror",
)


def plain(scale: Scale) -> Architecture:
    """The paper's network, without its heads."""
    return googlenet(width=scale.width, classes=10, heads=False, input_size=scale.size)


def headed(scale: Scale) -> Architecture:
    """The paper's network."""
    return googlenet(width=scale.width, classes=10, input_size=scale.size)


def large_map(scale: Scale) -> Architecture:
    """Without its last pool, so that the last map is as large as those of stage 4."""
    return ex.without_layer(plain(scale), "pool4")


#: For what shall be trained further: six times as many updates.
LONG: dict[str, Any] = {"at": {"epochs": 12.0, "choice_epochs": 4.5, "batch": 32}}

BASE = Arm("inception", plain)
BOTH = Arm("both heads", headed, watch=("heads",))

HEADS_EXPERIMENT = Experiment(
    about="Auxiliary heads: none, one, both, and the weight of their losses",
    arms=(
        BASE,
        BOTH,
        Arm("lower head", lambda s: ex.with_heads(headed(s), "aux1"), watch=("heads",)),
        Arm("upper head", lambda s: ex.with_heads(headed(s), "aux2"), watch=("heads",)),
        Arm("weight 0", lambda s: ex.with_heads(headed(s), *HEADS, weight=0.0), rate_of="inception"),
        Arm("weight 0.1", lambda s: ex.with_heads(headed(s), *HEADS, weight=0.1), watch=("heads",)),
        Arm("weight 1", lambda s: ex.with_heads(headed(s), *HEADS, weight=1.0), watch=("heads",)),
        # what a first search, which stopped too early, chose for the network without heads
        Arm("inception, rate 0.08", plain, rate=0.08),
    ),
    claims=(
        more("Both heads at weight 0.3 raise top-1", "both heads", "inception"),
        more("The lower head alone raises top-1", "lower head", "inception"),
        more("The upper head alone raises top-1", "upper head", "inception"),
        more("Heads whose losses weigh 0 raise top-1 (a control)", "weight 0", "inception"),
        more("Weight 0.3 is better than 0.1", "both heads", "weight 0.1"),
        more("Weight 0.3 is better than 1", "both heads", "weight 1"),
        more("Both heads lower the gap between training and validation", "inception", "both heads", "gap"),
        more("Without heads, the chosen rate is better than 0.08", "inception", "inception, rate 0.08"),
    ),
    also=probes.of_heads,
    of_networks=True,
)

LONG_HEADS_EXPERIMENT = Experiment(
    about="Auxiliary heads: none and both, trained for six times as many updates",
    arms=(replace(BASE, **LONG), replace(BOTH, **LONG)),
    claims=(
        more("Both heads at weight 0.3 raise top-1", "both heads", "inception"),
        more("Both heads lower the gap between training and validation", "inception", "both heads", "gap"),
    ),
    also=probes.of_heads,
    of_networks=True,
)

NORMS_EXPERIMENT = Experiment(
    about="Normalization: LRN, none, batch normalization, each with the heads and without",
    arms=(
        BASE,
        BOTH,
        Arm("no norm", lambda s: ex.without_lrn(plain(s))),
        Arm("no norm, both heads", lambda s: ex.without_lrn(headed(s))),
        Arm("batch norm", lambda s: ex.batch_norm(plain(s))),
        Arm("batch norm, both heads", lambda s: ex.batch_norm(headed(s))),
    ),
    claims=(
        more("LRN raises top-1, without heads", "inception", "no norm"),
        more("LRN raises top-1, with heads", "both heads", "no norm, both heads"),
        more("Batch normalization in place of LRN raises top-1, without heads", "batch norm", "inception"),
        more(
            "Batch normalization in place of LRN raises top-1, with heads",
            "batch norm, both heads",
            "both heads",
        ),
        more("With batch normalization, heads raise top-1", "batch norm, both heads", "batch norm"),
        Claim(
            "Heads raise top-1 more with LRN than with batch normalization",
            (
                Term(1, "both heads"),
                Term(-1, "inception"),
                Term(-1, "batch norm, both heads"),
                Term(1, "batch norm"),
            ),
        ),
    ),
)


def normed(name: str, network: Callable[[Scale], Architecture]) -> Arm:
    """An arm with batch normalization, so that networks of any depth get going, and soon."""
    at = {"epochs": 4.0, "choice_epochs": 1.5, "batch": 64}
    return Arm(f"{name} (BN)", lambda scale: ex.batch_norm(network(scale)), at=at)


MODULES_EXPERIMENT = Experiment(
    about="Modules of equal MACs, with batch normalization: Inception, naive, one 3x3, with short paths and "
    "without, less a branch",
    arms=(
        normed("inception", plain),
        normed("naive", lambda s: ex.naive(plain(s), s.width)),
        normed("no short paths", lambda s: ex.without_short_paths(plain(s), s.width)),
        normed("3x3", lambda s: ex.single(plain(s), short_path=False)),
        normed("3x3, short path", lambda s: ex.single(plain(s), short_path=True)),
        *(
            replace(
                normed(f"without {name}", lambda s, name=name: ex.without_branch(plain(s), s.width, name)),
                rate_of="inception (BN)",
            )
            for name in BRANCHES
        ),
    ),
    claims=(
        more("The Inception module is better than one 3x3", "inception (BN)", "3x3 (BN)"),
        more("So it is where both have a short path", "inception (BN)", "3x3, short path (BN)"),
        more("So it is where neither has one", "no short paths (BN)", "3x3 (BN)"),
        more("A short path beside one 3x3 raises top-1", "3x3, short path (BN)", "3x3 (BN)"),
        more(
            "Reductions raise top-1: Inception is better than naive modules", "inception (BN)", "naive (BN)"
        ),
        *(
            more(
                f"A module is better with its {name} branch than without",
                "inception (BN)",
                f"without {name} (BN)",
            )
            for name in BRANCHES
        ),
    ),
)

#: Fewer images, so that there is something to overfit.
FEW: dict[str, Any] = {"data": "imagenette:1000", "at": {"epochs": 30, "choice_epochs": 10, "batch": 32}}
POOLING_EXPERIMENT = Experiment(
    about="Global average pooling and a fully connected layer on the same 7x7 map, with dropout and without",
    arms=(
        Arm("average", large_map, **FEW),
        Arm("average, no dropout", lambda s: large_map(s).without_dropout(), **FEW),
        Arm("connected", lambda s: ex.connected(large_map(s)), **FEW),
        Arm("connected, no dropout", lambda s: ex.connected(large_map(s)).without_dropout(), **FEW),
    ),
    claims=(
        more("Average pooling is better than a fully connected layer, with dropout", "average", "connected"),
        more(
            "Average pooling is better than a fully connected layer, without dropout",
            "average, no dropout",
            "connected, no dropout",
        ),
        more(
            "A fully connected layer has a larger gap between training and validation, with dropout",
            "connected",
            "average",
            "gap",
        ),
        more(
            "A fully connected layer has a larger gap between training and validation, without dropout",
            "connected, no dropout",
            "average, no dropout",
            "gap",
        ),
        more("Dropout raises top-1 with average pooling", "average", "average, no dropout"),
        more(
            "Dropout raises top-1 with a fully connected layer",
            "connected",
            "connected, no dropout",
        ),
    ),
)


def started(name: str, variance: float, bias: float) -> Arm:
    """An arm of the experiment on initial weights."""
    return Arm(name, headed, start=(variance, bias), **LONG)


START_EXPERIMENT = Experiment(
    about="Initial weights: variance 1 or 2 over fan-in, and biases of 0 or 0.2; both heads, LRN",
    arms=(
        started("1/n, bias 0", 1, 0.0),
        started("1/n, bias 0.2", 1, 0.2),
        started("2/n, bias 0", 2, 0.0),
        started("2/n, bias 0.2", 2, 0.2),
    ),
    claims=(
        more("Variance 2/n is better than 1/n, with biases 0", "2/n, bias 0", "1/n, bias 0"),
        more("Variance 2/n is better than 1/n, with biases 0.2", "2/n, bias 0.2", "1/n, bias 0.2"),
        more("Biases of 0 are better than 0.2, at variance 1/n", "1/n, bias 0", "1/n, bias 0.2"),
        more("Biases of 0 are better than 0.2, at variance 2/n", "2/n, bias 0", "2/n, bias 0.2"),
    ),
    also=probes.of_start,
)

#: The paper's: nearly constant over so few epochs.
STEP = {"schedule": "step"}
FOLLOWED: dict[str, Any] = {
    "watch": ("averages",),
    "at": {"epochs": 6.0, "choice_epochs": 2.25, "batch": 32},
}
COSINE = Arm("cosine schedule", plain, **FOLLOWED)
AVERAGES_EXPERIMENT = Experiment(
    about="Averages of the weights: Polyak's from half or from nine tenths on, and a moving one",
    arms=(
        Arm("step schedule", plain, changes=STEP, **FOLLOWED),
        COSINE,
    ),
    claims=(
        *(
            more(
                f"{what} is better than the raw weights, with the {arm}",
                arm,
                arm,
                f"averages.{what}",
                "averages.raw",
            )
            for arm in ("step schedule", "cosine schedule")
            for what in probes.AVERAGES
        ),
        more(
            "The raw weights are better with the cosine schedule than with the step schedule",
            "cosine schedule",
            "step schedule",
        ),
    ),
    also=probes.of_averages,
)

#: The trainings with the cosine schedule are those of the averages, and more of them.
ENSEMBLE_EXPERIMENT = Experiment(
    about="Seven networks from the same initial weights, and seven from different ones",
    arms=(
        replace(COSINE, seeds=7),
        Arm("same start", plain, changes={"init_seed": 0}, rate_of=COSINE.name, seeds=7, at=FOLLOWED["at"]),
    ),
    claims=(),
    also=probes.of_ensembles,
    of_networks=True,
)


def shots(n: int) -> tuple[Arm, ...]:
    """Fine-tuning and from scratch, with so many images of each class of Caltech-101 to train on.

    Rates are chosen with `CHOICE_SHOTS` images of a class, for all numbers of them.
    """
    data = f"caltech101:{n}"
    epochs = {5: 16, 10: 10, 20: 6, 30: 4}[n]
    at = {"epochs": epochs, "choice_epochs": epochs / 2, "batch": 32, "seeds": 3}

    def rate_of(kind: str) -> str | None:
        return None if n == CHOICE_SHOTS else f"{kind}, {CHOICE_SHOTS} images"

    small = {"augment": "bvlc"}
    tuned = {"normalize": "weights", "classifier_lr": 10, "bias_lr": 2, "weight_decay": 5e-4, "clip": None}
    return (
        Arm(
            f"fine-tuned, {n} images",
            lambda s: NetworkOptions(weights="bvlc", heads=False),
            changes=small | tuned,
            data=data,
            lr=0.002,
            rate_of=rate_of("fine-tuned"),
            at=at,
        ),
        Arm(
            f"from scratch, {n} images",
            lambda s: googlenet(input_size=s.size),
            changes=small,
            data=data,
            rate_of=rate_of("from scratch"),
            at=at,
        ),
        Arm(
            f"narrow from scratch, {n} images",
            lambda s: googlenet(width=s.width, input_size=s.size),
            changes=small,
            data=data,
            rate_of=rate_of("narrow from scratch"),
            at=at | {"epochs": 6 * epochs, "choice_epochs": 3 * epochs},
        ),
    )


FINE_TUNING_EXPERIMENT = Experiment(
    about="BVLC's weights fine-tuned on 21 classes of Caltech-101, and training from scratch, for few images "
    "a class",
    wide="the paper's width, and {width:g} of it for the narrow network",
    arms=tuple(arm for n in SHOTS for arm in shots(n)),
    claims=tuple(
        more(
            f"With {n} images a class, fine-tuning is better than {rival} from scratch",
            f"fine-tuned, {n} images",
            f"{name}, {n} images",
        )
        for n in SHOTS
        for rival, name in (
            ("the same network for as many epochs", "from scratch"),
            ("a quarter as wide a network for six times as many epochs", "narrow from scratch"),
        )
    ),
)

#: By name, those first whose answers are wanted most.
EXPERIMENTS: dict[str, Experiment] = {
    "heads": HEADS_EXPERIMENT,
    "heads_long": LONG_HEADS_EXPERIMENT,
    "norms": NORMS_EXPERIMENT,
    "modules": MODULES_EXPERIMENT,
    "pooling": POOLING_EXPERIMENT,
    "start": START_EXPERIMENT,
    "averages": AVERAGES_EXPERIMENT,
    "ensemble": ENSEMBLE_EXPERIMENT,
    "fine_tuning": FINE_TUNING_EXPERIMENT,
}


def arms_by_name(experiment: Experiment) -> dict[str, Arm]:
    """The arms of an experiment."""
    return {arm.name: arm for arm in experiment.arms}


def names(chosen: Sequence[str]) -> list[str]:
    """The experiments that are named, in the order of their worth; all if none is."""
    return [name for name in EXPERIMENTS if not chosen or name in chosen]
