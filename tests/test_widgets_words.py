"""Every text that a widget shows, in full, beside the one that Python makes of the library's own numbers."""

from __future__ import annotations

import random
import re

import evidence_words
import pytest
import widget_words
from test_widgets import drawn
from widget_page import MOVE, TEXTS, write_page

from inception_lib import history
from inception_lib.book.widgets import (
    ComparisonWidget,
    CropWidget,
    EnsembleWidget,
    FactorsWidget,
    HeadsWidget,
    InceptionWidget,
    LineageWidget,
    MorphWidget,
    NetworkWidget,
    PoolingWidget,
    ReductionWidget,
    TrainingWidget,
    WallWidget,
    morph,
)

WORDS = widget_words.WORDS | evidence_words.WORDS

#: Settings that random ones seldom meet, so that each form of each sentence is met.
CHOSEN = {
    ReductionWidget: [
        {},
        {"reduce": 481},
        {"reduce": 400},
        {"kernel": 1, "c_in": 1, "c_out": 1},
        {"kernel": 1, "c_in": 2, "c_out": 2, "reduce": 1},
    ],
    InceptionWidget: [
        {},
        {"n5x5": 33},
        {"reduce3x3": 95},
        {"reduce3x3": 95, "n1x1": 65},
        {"reduce3x3": 95, "n1x1": 63},
        {"reduce5x5": 500},
        {"reduce3x3": 200, "reduce5x5": 192},
        {"n1x1": 32, "pool_proj": 64},
        {"n3x3": 120, "n1x1": 72},
        {"grid": 14},
        {"form": "naive"},
        {"stack": 9},
    ],
    PoolingWidget: [{}, {"grid": 1}],
    NetworkWidget: [
        {},
        {"heads": True},
        {"size": 64, "heads": True},
        {"size": 32},
        {"variant": "torchvision", "width": 0.35},
    ],
    TrainingWidget: [
        {},
        {"rate": 100_000, "epochs": 1, "data": "shapes", "recipe": "tiny"},
        {"rate": 1, "recipe": "paper", "data": "imagenet", "epochs": 300, "price": 10_000},
        {"price": 250},
    ],
    CropWidget: [
        {},
        {"averaged": 1},
        {"mirror": True, "averaged": 144, "square": "left"},
        {"averaged": 1, "column": 1, "row": 1},
        {"averaged": 1, "column": 200, "row": 150},
        {"averaged": 60, "column": 200, "row": 150},
    ],
    FactorsWidget: [
        {},
        *(
            {"start": start, "measure": measure, "row": row}
            for start in ("1", "144")
            for measure in ("top1", "nats")
            for row in (3, 4, 11)
        ),
    ],
    WallWidget: [
        {},
        {"guess1": 3, "guess2": 3},
        {"view": "sorted"},
        {"view": "sorted", "guess1": 7, "guess2": 1000, "guess3": 7, "image": 1000},
        {"view": "sorted", **{f"net{n}": False for n in range(1, 7)}, "guess2": 27},
        {"view": "sorted", **{f"net{n}": False for n in range(1, 8)}},
    ],
    HeadsWidget: [{"weight": weight, "epoch": epoch} for weight in ("0", "0.3", "1") for epoch in (0, 1, 5)],
    EnsembleWidget: [
        {},
        {"models": 7, "crops": 144},
        {"data": "paper", "models": 7},
        {"data": "paper", "models": 3},
        {"data": "paper", "pool": "max"},
        {"data": "photographs", "models": 2},
        {"data": "photographs", "crops": 10},
        {"data": "caltech", "models": 7, "crops": 10, "pool": "max"},
    ],
    LineageWidget: [
        {"network": n, "axis": axis, "procedure": procedure}
        for n in range(1, 1 + len(history.NETWORKS))
        for axis in ("year", "macs")
        for procedure in history.PROCEDURES
    ],
    ComparisonWidget: [
        {},
        {"right": "googlenet"},
        {"left": "lenet5"},
        {"right": "lenet5", "what": "parameters"},
        {"left": "vgg16", "right": "resnet50", "what": "depth", "stage": 1},
    ],
    MorphWidget: [{"depth": depth, "stop": stop} for depth in morph.DEPTHS for stop in (1, 2, 3, 4)],
}

#: Parts of the sentences that have to be met, so that the settings are not too tame.
MET = {
    ReductionWidget: [
        "times fewer",
        "times more",
        "as much as it saves",
        "No reduction saves",
        "reduces nothing",
    ],
    InceptionWidget: [
        "Can you keep",
        "exactly that, with as many",
        "under it, with",
        "over it",
        "channels more. The price: the 3x3 can see",
        "as many channels. Beaten.",
        "But the budget is for another input.",
        "times the budget of",
        "9 modules in a row.",
        "channels fewer.",
        "The 3x3 and the 5x5 reduction",
    ],
    PoolingWidget: ["Averaged, all share one", "nothing to pool"],
    NetworkWidget: ["There is no such network. aux1", "another network than this one", "batch normalization"],
    TrainingWidget: ["1 second at", "minutes", "hours", "days"],
    CropWidget: ["The first crop alone", "Average of 144", "Average of", "is in none of", "They say:"],
    FactorsWidget: [
        "One crop and",
        "144 crops less",
        "which may be chance",
        "better than chance would",
        "worse than chance would",
        "nats",
    ],
    WallWidget: [
        "Guess three",
        "Switch a network on",
        "One network is wrong",
        "The mean of 7 networks",
        "Your guesses:",
        "wrong answers of",
        "not asked",
    ],
    HeadsWidget: ["Without heads, before", "Without heads, after", "With weight 0.3, after"],
    EnsembleWidget: [
        "may be chance",
        "more than chance",
        "falls by",
        "rises by",
        "only the mean was published",
        "1 and 7 networks were tested",
        "Here 1 network was tested",
        "changes are counted from",
        "1 forward pass.",
    ],
    LineageWidget: [
        "None of the other",
        "has no published",
        "it belongs to",
        "all of those have more",
        "of those",
    ],
    ComparisonWidget: [
        "beside itself",
        "times as many",
        "% of that",
        "after the last feature map",
        "layers deep",
        "thousand",
    ],
    MorphWidget: ["2014, GoogLeNet, 3b. Four", "Two 3x3", "2015, Inception v3, Mixed_6e. Sq", "2016, Incep"],
}


@pytest.fixture(scope="module", params=WORDS, ids=lambda cls: cls.__name__)
def cls(request):
    return request.param


@pytest.fixture(scope="module")
def shown(cls, chromium, tmp_path_factory):
    """Some settings, and what the widget shows of each."""
    rng = random.Random(f"words of {cls.key}")
    settings = [cls(**chosen).settings for chosen in CHOSEN[cls]] + [drawn(cls, rng) for _ in range(40)]
    labels = {f["name"]: f["label"] for f in cls().fields}
    typed = [[[labels[name], value] for name, value in one.items()] for one in settings]
    page = chromium.new_page()
    page.goto(write_page(tmp_path_factory.mktemp("words") / "page.html", [cls()]))
    page.wait_for_function("document.documentElement.dataset.widgetsReady === '1'")
    root = page.query_selector(f'[data-widget="{cls.key}"]')
    found = page.evaluate(MOVE, [root, typed, f"({TEXTS})"])
    page.close()
    return list(zip(settings, found, strict=True))


def test_every_text_is_the_one_that_python_makes(shown, cls):
    for settings, found in shown:
        texts, said = WORDS[cls](cls(**settings))
        assert found["shown"] == texts, settings
        assert found["said"] == said, settings


def test_every_form_of_the_sentences_was_met(shown, cls):
    said = " | ".join(" | ".join([*found["shown"], found["said"]]) for _, found in shown)
    assert [part for part in MET[cls] if part not in said] == []
    assert not re.search(r"undefined|NaN|\[object|Infinity", said)
