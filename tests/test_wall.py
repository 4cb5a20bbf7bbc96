"""The wall of images: its counts against what was recorded in another way, and against the networks."""

from __future__ import annotations

import base64
import io
import itertools
import random

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib.book import results
from inception_lib.book.agreement import ambiguity
from inception_lib.book.bundled import bundled
from inception_lib.book.widgets import EnsembleWidget, WallWidget
from inception_lib.book.widgets import wall as walls
from inception_lib.data.shapes import CLASSES, shapes

ASKED = [f"net{n}" for n in range(1, 8)]


def only(*numbers: int) -> dict[str, bool]:
    """Settings that ask these networks, from 1, and no other."""
    return {name: n in numbers for n, name in enumerate(ASKED, 1)}


@pytest.mark.parametrize("k", range(1, 8))
def test_the_means_errors_are_those_that_the_ablation_recorded(k):
    """Another run, which kept no single answer: first k networks, and all choices of k of them."""
    recorded = EnsembleWidget(models=k, crops=1, data="shapes").result()

    def error(choice) -> int:
        return 1000 - WallWidget(**only(*choice)).result()["ensemble_right"]

    assert 10 * error(range(1, k + 1)) == recorded["error1"]
    every = [error(choice) for choice in itertools.combinations(range(1, 8), k)]
    assert (10 * min(every), 10 * max(every)) == (recorded["error1_least"], recorded["error1_most"])
    assert round(10 * np.mean(every)) == recorded["error1_mean"]


def test_counts_are_those_of_asking_one_image_after_the_other():
    answers, labels = walls.wall_answers()
    rng = random.Random("wall")
    for _ in range(20):
        asked = sorted(rng.sample(range(7), rng.randint(1, 7)))
        right = [sum(int(answers[n, i].argmax()) == labels[i] for n in asked) for i in range(1000)]
        found = WallWidget(**only(*(n + 1 for n in asked))).result()
        assert found["asked"] == len(asked)
        assert found["every_right"] == right.count(len(asked)) and found["every_wrong"] == right.count(0)
        assert found["every_right"] + found["split"] + found["every_wrong"] == 1000
        assert found["worst_alone"] <= sum(right) / len(asked) <= found["best_alone"]


def test_one_network_alone_has_nothing_to_be_independent_of():
    found = WallWidget(**only(3)).result()
    assert found["split"] == found["independent_split"] == 0
    assert (found["every_right"], found["every_wrong"]) == (
        found["independent_right"],
        found["independent_wrong"],
    )
    assert found["ensemble_right"] == found["every_right"] == found["best_alone"]


def test_errors_that_agree_leave_more_images_every_right_and_every_wrong_than_chance():
    found = WallWidget().result()
    assert found["every_right"] > found["independent_right"] + 100
    assert found["every_wrong"] > found["independent_wrong"] and found["split"] < found["independent_split"]


def test_nobody_asked_is_nothing_counted():
    found = WallWidget(**only(), guess1=5).result()
    assert all(
        found[name] == 0 for name in ("asked", "every_right", "split", "every_wrong", "guessed", "hardest")
    )
    assert found["mean_class"] == -1


def test_the_opinions_of_an_image_and_their_mean():
    answers, labels = walls.wall_answers()
    for image in (1, 500, 1000):
        found = WallWidget(**only(2, 5), image=image).result()
        two = answers[[1, 4], image - 1]
        assert [found["p2"], found["p5"]] == two.max(1).tolist() and found["label"] == labels[image - 1]
        assert found["answer5"] == two[1].argmax()
        assert found["mean_part"] == pytest.approx(two.mean(0).max(), abs=0.5)
        assert found["mean_class"] == two.mean(0).argmax()


def test_guesses_are_counted_once_and_can_be_as_hard_as_any():
    answers, labels = walls.wall_answers()
    wrong = (answers.argmax(2) != labels).sum(0)
    hardest = np.argsort(-wrong, kind="stable")[:3] + 1
    best = dict(zip(("guess1", "guess2", "guess3"), hardest.tolist(), strict=True))
    found = WallWidget(**best).result()
    assert found["guessed"] == found["hardest"] == wrong[hardest - 1].sum()
    twice = WallWidget(guess1=int(hardest[0]), guess2=int(hardest[0])).result()
    assert twice["guessed"] == wrong[hardest[0] - 1]


def test_the_sprite_shows_each_image_at_its_place():
    table = WallWidget().table
    kind, _, data = table["sprite"].partition(";base64,")
    sprite = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB"), float)
    assert kind == "data:image/webp" and sprite.shape == (25 * walls.THUMB, 40 * walls.THUMB, 3)
    images, labels = shapes("test")
    assert table["labels"] == "".join(map(str, labels)) and table["classes"] == list(CLASSES)
    side = table["thumb"]
    for i in (0, 39, 40, 617, 999):
        down, across = divmod(i, table["across"])
        part = sprite[down * side : (down + 1) * side, across * side : (across + 1) * side]
        whole, other = (
            np.asarray(Image.fromarray(images[n]).resize((side, side), Image.Resampling.BOX), float)
            for n in (i, (i + 1) % 1000)
        )
        assert abs(part - whole).mean() < 12  # it is compressed
        assert abs(part - other).mean() > 24


def test_the_table_unpacks_to_the_answers():
    table, (answers, _) = WallWidget().table, walls.wall_answers()
    for text, one in zip(table["answers"], answers, strict=True):
        for pairs, row in zip(text.split(","), one, strict=True):
            numbers = list(map(int, pairs.split()))
            assert dict(zip(numbers[::2], numbers[1::2], strict=True)) == {
                k: n for k, n in enumerate(row) if n
            }
    assert abs(answers.sum(2) - walls.UNIT).max() <= 5


def test_the_record_is_what_the_networks_say_now():
    """Of some images, which takes a moment: the mean squared error's identity holds for these answers too."""
    images, labels = shapes("test", 24)
    recorded = results.load("answers_shapes").outcome
    kept, right = walls.wall_answers()
    for n, (network, info) in enumerate(bundled()):
        assert info.name == recorded["networks"][n]
        said = (
            network.eval()(torch.stack([info.preprocess(image) for image in images]))
            .logits.softmax(1)
            .detach()
            .numpy()
        )
        np.testing.assert_allclose(said, kept[n, :24] / walls.UNIT, atol=2e-3)  # kept in half precision
    assert labels.tolist() == right[:24].tolist()
    found = ambiguity(kept / walls.UNIT, right)
    assert found.ensemble == pytest.approx(found.members - found.spread)
