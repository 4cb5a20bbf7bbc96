"""The drawings of the first chapter: networks to scale, a bill of each layer, an image on its way."""

from __future__ import annotations

import numpy as np
import pytest

from inception_lib import count, history
from inception_lib.book import figures

pytestmark = pytest.mark.usefixtures("style")


def test_the_lineage_has_a_bar_for_each_layer_and_squares_as_large_as_the_costs():
    names = ["lenet5", "alexnet", "vgg16", "googlenet"]
    image = np.zeros((8, 8))
    fig = figures.draw_lineage(names, dict.fromkeys(names, image), "ten crops")
    rects = [patch for patch in fig.axes[0].patches if patch.get_width() > 0 and patch.get_height() > 0]
    layers = [rect for rect in rects if rect.get_x() < 700]
    assert len(layers) == 5 + 8 + 16 + (3 + 9 * 4 + 1)
    squares = [rect for rect in rects if rect.get_x() >= 700]
    of = {column: {} for column in {rect.get_x() for rect in squares}}
    for rect in squares:
        row = of[rect.get_x()].setdefault(rect.get_width(), 0)
        of[rect.get_x()][rect.get_width()] = row + rect.get_width() * rect.get_height()
    parameters = of[min(of)]
    vgg, alexnet = sorted(parameters.values())[-1:-3:-1]
    counts = [count(history.NETWORKS[name].make()).parameters for name in ("vgg16", "alexnet")]
    assert vgg / alexnet == pytest.approx(counts[0] / counts[1], rel=1e-6)
    said = {text.get_text() for text in fig.axes[0].texts}
    assert {"LeNet-5, 1998", "7.0 million", "15.5 billion", "9.15%", "reads digits"} <= said


def test_a_bill_names_each_layer_once_and_both_of_its_numbers():
    fig = figures.plot_bill([("conv1", 34_944, 105_415_200), ("fc6", 37_752_832, 37_748_736)])
    said = [text.get_text() for ax in fig.axes for text in ax.texts]
    assert said == ["0.03 million", "37.8 million", "105.4 million", "37.7 million"]
    assert [label.get_text() for label in fig.axes[1].get_yticklabels()] == ["conv1", "fc6"]
    assert not fig.axes[0].yaxis.get_tick_params()["labelleft"]


def test_what_layers_make_of_an_image_is_drawn_from_left_to_right():
    maps = [("image", np.zeros((1, 32, 32))), ("maps", np.zeros((6, 28, 28))), ("vector", np.zeros(84))]
    fig = figures.plot_flow(maps, [0.0] * 7 + [3.0, 1.0, -1.0])
    (ax,) = fig.axes
    assert len(ax.images) == 1 + 6 + 1
    lefts = [image.get_extent()[0] for image in ax.images]
    assert lefts[0] < min(lefts[1:7]) < lefts[7]
    bold = [text.get_text() for text in ax.texts if text.get_weight() == "bold"]
    assert bold == ["7"]
