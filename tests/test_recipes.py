"""Recipes: what the paper and BVLC's solvers say, and what is refused."""

import math
from dataclasses import replace

import pytest

from inception_lib import ArchitectureError, TrainingError, googlenet, networks
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.history import NETWORKS
from inception_lib.training.recipes import (
    FROM_SCRATCH,
    RECIPES,
    NetworkOptions,
    Recipe,
    architecture,
    network_options,
    recipe,
)

IMAGENET = 1_281_167  # training pictures of ILSVRC 2012


def test_the_paper_recipe_lowers_the_rate_as_bvlcs_solver_does():
    paper = recipe("paper")
    for update in (0, 319_999, 320_100, 640_200, 5_000_000):
        epoch = update * paper.batch / IMAGENET
        expected = 0.01 * 0.96 ** (update * 32 // (8 * IMAGENET))
        assert paper.lr_at(epoch) == pytest.approx(expected)
    assert 320_000 * paper.batch / IMAGENET == pytest.approx(8, rel=2e-3)
    assert (paper.momentum, paper.weight_decay, paper.bias_lr) == (0.9, 2e-4, 2)
    assert paper.epochs == pytest.approx(10_000_000 * 32 / IMAGENET, rel=2e-3)


def test_the_quick_recipe_is_bvlcs_polynomial():
    quick = recipe("bvlc_quick")
    last = 2_400_000
    for update in (0, 1_000_000, 2_399_999):
        assert quick.lr_at(update / last * quick.epochs) == pytest.approx(0.01 * (1 - update / last) ** 0.5)
    assert quick.epochs == pytest.approx(last * 32 / IMAGENET, rel=2e-3)


def test_warm_up_then_cosine():
    modern = recipe("modern")
    assert modern.lr_at(0) == 0
    assert modern.lr_at(modern.warmup / 2) == pytest.approx(modern.lr / 2, rel=0.01)
    assert modern.lr_at(modern.epochs / 2) == pytest.approx(modern.lr / 2)
    assert modern.lr_at(modern.epochs) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_being_written_down(name):
    assert Recipe.from_dict(recipe(name).to_dict()) == recipe(name)
    made = architecture(name, 10)
    heads = 2 if network_options(name).heads else 0
    assert made.classes == 10 and [head.loss_weight for head in made.heads] == [0.3] * heads
    if name in FROM_SCRATCH:
        assert made.input[1] == recipe(name).preprocess().crop == recipe(name).input_size
    else:
        with pytest.raises(TrainingError, match="starts from trained weights, and none are given"):
            recipe(name).preprocess()
        assert recipe(name).preprocess(BVLC_PREPROCESS) == BVLC_PREPROCESS


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("lr", 0, "lr must be a finite number above 0, not 0"),
        ("lr", math.nan, "lr must be a finite number above 0"),
        ("epochs", -1, "epochs must be"),
        ("epochs", math.inf, "epochs must be a finite number"),
        ("schedule", "linear", "schedule is one of step, poly"),
        ("momentum", 1.0, "momentum must be at least 0 and below 1"),
        ("warmup", -1, "warmup must be"),
        ("clip", math.inf, "clip must be"),
        ("seed", -1, "seed must be a whole number from 0"),
        ("seed", 10**23, "seed must be a whole number from 0"),
        ("init_seed", 10**26, "init_seed must be"),
        ("resize", 60, "raise resize"),
    ],
)
def test_impossible_recipes_are_refused_by_the_field(field, value, says):
    with pytest.raises(TrainingError, match=says):
        Recipe.from_dict(recipe("tiny").to_dict() | {field: value})


def test_unknown_names_are_told_what_there_is():
    with pytest.raises(TrainingError, match="there are tiny, paper"):
        recipe("big")
    with pytest.raises(TrainingError, match="does not know: speed"):
        Recipe.from_dict(recipe("tiny").to_dict() | {"speed": 1})


def test_network_options_become_the_network():
    narrow = NetworkOptions(width=0.5, heads=False, dropout=False).architecture(10, 96)
    assert narrow == googlenet(width=0.5, classes=10, heads=False, input_size=96).without_dropout()
    weighted = NetworkOptions(aux_weight=0.1).architecture(10, 224)
    assert [head.loss_weight for head in weighted.heads] == [0.1, 0.1]
    assert NetworkOptions(network="vgg16").architecture(7, 64) == networks.vgg(16, classes=7, input_size=64)
    with pytest.raises(ArchitectureError, match="width is not an option of VGG-16"):
        NetworkOptions(network="vgg16", width=0.5).architecture(10, 224)
    with pytest.raises(TrainingError, match="weight of a head's loss"):
        NetworkOptions(aux_weight=-1)


@pytest.mark.parametrize(("network", "size"), [("googlenet", 64), ("inception_v3", 75)])
def test_without_heads_images_may_be_as_small_as_the_trunk_takes(network, size):
    made = NetworkOptions(network=network, heads=False).architecture(10, size)
    assert (made.input[1], made.heads, made.classes) == (size, (), 10)
    with pytest.raises(ArchitectureError, match="aux"):
        NetworkOptions(network=network).architecture(10, size)


@pytest.mark.parametrize("network", NETWORKS)
def test_every_network_can_be_without_heads(network):
    options, size = NetworkOptions(network=network, heads=False), NETWORKS[network].make().input[1]
    whole = NetworkOptions(network=network).architecture(10, size)
    assert options.architecture(10, size) == whole.without_heads()


def test_warm_up_rises_within_an_update():
    """The first update is not at rate 0, and the rate of an update is that of its middle."""
    chosen = replace(recipe("tiny"), schedule="constant", lr=1, warmup=2)
    rates = [chosen.lr_at(update / 4, 1 / 4) for update in range(9)]
    assert rates == pytest.approx([*((2 * n + 1) / 16 for n in range(8)), 1])


def test_validation_sees_images_as_the_training_did():
    """BVLC squashed its pictures, for training and for the test whose 68.7 % it reports."""
    assert recipe("bvlc_quick").preprocess() == replace(BVLC_PREPROCESS, warp=True)
    assert not recipe("paper").preprocess().warp and not recipe("modern").preprocess().warp
    assert recipe("finetune").preprocess(BVLC_PREPROCESS) == BVLC_PREPROCESS


def test_modern_has_the_rate_of_torchvisions_reference_for_batch_normalization():
    modern = recipe("modern")
    assert (modern.batch, modern.lr, modern.weight_decay, modern.epochs) == (256, 0.1, 1e-4, 90)
    assert network_options("modern") == NetworkOptions(variant="torchvision")
