"""Recipes: what the paper and BVLC's solvers say, and what is refused."""

import math

import pytest

from inception_lib import TrainingError
from inception_lib.training.recipes import RECIPES, Recipe, recipe

IMAGENET = 1_281_167  # training pictures of ILSVRC 2012


def test_the_paper_recipe_lowers_the_rate_as_bvlcs_solver_does():
    paper = recipe("paper")
    for update in (0, 319_999, 320_100, 640_200, 5_000_000):
        epoch = update * paper.batch / IMAGENET
        expected = 0.01 * 0.96 ** (update * 32 // (8 * IMAGENET))
        assert paper.lr_at(epoch) == pytest.approx(expected)
    assert 320_000 * paper.batch / IMAGENET == pytest.approx(8, rel=2e-3)
    assert (paper.momentum, paper.weight_decay, paper.bias_lr, paper.aux_weight) == (0.9, 2e-4, 2, 0.3)
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
    architecture = recipe(name).architecture(10)
    assert architecture.classes == 10 and len(architecture.heads) == 2
    assert recipe(name).preprocess().crop == recipe(name).input_size


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("lr", 0, "lr must be above 0"),
        ("lr", math.nan, "lr must be above 0"),
        ("epochs", -1, "epochs must be above"),
        ("schedule", "linear", "schedule is one of step, poly"),
        ("momentum", 1.0, "momentum must be below 1"),
        ("warmup", -1, "warmup must not be below 0"),
        ("resize", 60, "raise resize"),
        ("variant", "v3", "variant is one of"),
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
