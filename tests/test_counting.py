"""The counts, held against the worked examples and totals that were computed elsewhere."""

import json
import sys
import timeit

import pytest
import torch

from inception_lib import Architecture, count, googlenet
from inception_lib.architecture import LRN, Conv, Linear, Pool
from inception_lib.counting import Policy
from inception_lib.networks.googlenet import VARIANTS
from inception_lib.nn.network import Network


@pytest.fixture(scope="module")
def paper():
    return count(googlenet())


def one(layer, input=(480, 14, 14), policy=None):
    return count(Architecture(name="one", input=input, layers=(layer,)), policy)[layer.name]


def test_the_worked_examples(paper):
    direct = one(Conv(name="5x5", out_channels=48, kernel=5, padding=2))
    assert direct.macs.value == 112_896_000
    reduce, after = paper["inception_4a/5x5_reduce"], paper["inception_4a/5x5"]
    assert reduce.macs.value == 1_505_280
    assert after.macs.value == 3_763_200
    assert reduce.macs.value + after.macs.value == 5_268_480
    assert round(direct.macs.value / (reduce.macs.value + after.macs.value), 1) == 21.4
    full = one(Linear(name="fc", out_features=1024), input=(1024, 7, 7))
    assert full.weights.value == 51_380_224
    assert paper["pool5"].weights.value == 0


def test_totals_of_the_paper_network(paper):
    assert paper.trunk.weights == 6_990_272
    assert paper.trunk.parameters == 6_998_552
    assert paper.trunk.macs == 1_582_671_872
    assert paper.parameters == 13_378_280
    assert paper.groups["aux1"].macs == 4_169_728
    assert paper.groups["aux2"].macs == 4_202_496


def test_totals_of_the_other_networks():
    theirs = count(googlenet("torchvision", heads=False))
    assert (theirs.parameters, theirs.macs) == (6_624_904, 1_498_376_192)
    assert count(googlenet("inception5h", stem="separable", heads=False)).macs == 1_500_878_720
    stem = count(googlenet(stem="separable"))
    first = ("conv1_depthwise", "conv1")
    assert sum(stem[p].weights.value for p in first) == 2_712
    assert sum(stem[p].macs.value for p in first) == 34_019_328


def test_other_counters_formulas_give_their_figures():
    """What fvcore, thop and torchinfo print for this network, by their own formulas, from our rows."""
    net = count(googlenet(heads=False))
    pool5 = net["pool5"]
    assert net.macs + 50_176 == 1_582_722_048  # fvcore adds the inputs of the adaptive average pool
    assert 2 * net.macs == 3_165_343_744  # torch.utils.flop_counter
    assert pool5.other == 50_176
    biases = sum(r.out_shape[1] * r.out_shape[2] * r.biases for r in net.rows if r.kind == "conv")
    assert net.macs + biases + 1000 == 1_585_899_032  # torchinfo counts a bias as one more MAC per output


def test_rows_formulas_and_numbers_agree(paper):
    for row in paper.rows:
        for product in (row.macs, row.weights):
            if product.factors:
                spelled = product.numbers.replace(" × ", "·").split("·")
                value = 1
                for n in spelled:
                    value *= int(n)
                assert value == product.value
    row = paper["inception_4a/5x5"]
    assert row.macs.formula == "H·W·D × k·k·C"
    assert row.macs.numbers == "14·14·48 × 5·5·16"
    assert one(Linear(name="f", out_features=10), input=(8, 2, 3)).macs.numbers == "10 × 2·3·8"


def test_groups_are_the_rows_of_table_1(paper):
    names = list(paper.trunk.groups)
    assert names[:6] == ["conv1", "pool1", "norm1", "conv2_reduce", "conv2", "norm2"]
    assert sum(g.macs for g in paper.trunk.groups.values()) == paper.trunk.macs
    assert sum(g.parameters for g in paper.groups.values()) == paper.parameters
    assert paper.groups["inception_4e"].out_shape == (832, 14, 14)


def test_policy_is_stated_and_nothing_is_a_silent_zero():
    conv = Conv(name="c", out_channels=2, kernel=1)
    assert one(conv, input=(1, 4, 4)).other == 2 * 16 + 2 * 16  # a bias and a ReLU per output
    without_relu = one(conv, input=(1, 4, 4), policy=Policy(relu=False))
    assert (without_relu.other, without_relu.not_counted) == (32, ("relu",))
    neither = one(conv, input=(1, 4, 4), policy=Policy(relu=False, bias=False))
    assert neither.other is None and set(neither.not_counted) == {"relu", "bias"}
    assert neither.flops == 2 * neither.macs.value
    assert one(LRN(name="n"), input=(8, 2, 2)).other == 32 * 13
    assert one(Pool(name="p", op="max", kernel=3, stride=2), input=(8, 7, 7)).other == 8 * 9 * 9
    policy = Policy(pool=False)
    text = count(googlenet(), policy).to_text()
    assert "not counted: pool." in text and "not counted" in text.splitlines()[3]
    assert "plus bias, relu, lrn, batch_norm" in policy.describe()


def test_batch_norm_is_counted_as_parameters_and_operations():
    row = one(Conv(name="c", out_channels=4, kernel=1, bias=False, batch_norm=True), input=(3, 2, 2))
    assert (row.weights.value, row.biases, row.norm_parameters, row.parameters) == (12, 0, 8, 20)
    assert row.other == 2 * 16 + 16


def test_table_text_and_json_say_the_same(paper):
    table = paper.table()
    assert table["MACs"].sum() == paper.macs
    assert int(table.loc["inception_4a/5x5", "MACs"]) == 3_763_200
    text = paper.to_text(formulas=True)
    assert "14·14·48 × 5·5·16" in text and f"{paper.macs:,}" in text and str(paper) == paper.to_text()
    data = json.loads(paper.to_json())
    assert data["total"]["MACs"] == paper.macs == sum(layer["MACs"] for layer in data["layers"])
    assert data["policy"] == paper.policy.describe()


def test_both_totals_are_printed_with_the_heads_and_without(paper):
    lines = paper.to_text().splitlines()
    assert lines[-3].startswith("With the auxiliary heads: 1,591,044,096 MACs, 13,378,280 parameters, ")
    assert lines[-2].startswith("Without: 1,582,671,872 MACs, 6,998,552 parameters, ")
    data = json.loads(paper.to_json())
    alone = count(googlenet(heads=False))
    assert data["total"]["parameters"] == 13_378_280
    assert data["total_without_heads"] == json.loads(alone.to_json())["total"]
    assert alone.to_text().splitlines()[-2].startswith("1,582,671,872 MACs, 6,998,552 parameters, ")
    assert "Without" not in alone.to_text()


@pytest.mark.parametrize("variant", VARIANTS)
def test_sums_over_rows_are_the_totals(variant):
    counts = count(googlenet(variant, width=0.5, classes=10))
    assert counts.parameters == counts.weights + counts.biases + sum(r.norm_parameters for r in counts.rows)
    assert counts.flops == 2 * counts.macs + sum(r.other or 0 for r in counts.rows)


def test_an_unknown_layer_is_named(paper):
    with pytest.raises(KeyError, match="no layer 'conv9'"):
        paper["conv9"]


def test_activations_with_the_copies_of_concatenations_are_what_torch_keeps_for_the_backward_pass():
    network, held = Network(googlenet(heads=False)).eval(), {}

    def keep(saved):
        held.setdefault(saved.untyped_storage().data_ptr(), saved)
        return saved

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
        network(torch.zeros(1, 3, 224, 224))
    weights = {p.untyped_storage().data_ptr() for p in network.parameters()}
    kept = {torch.float32: 0, torch.int64: 0}
    for place, saved in held.items():
        if place not in weights:
            kept[saved.dtype] += saved.untyped_storage().nbytes() // saved.itemsize
    rows = count(network.architecture).rows
    # a mean needs no input on the way back, a dropout at test time is nothing, and nobody reads the logits
    read = [r for r in rows if r.path not in ("inception_5b", "dropout", "classifier")]
    assert kept[torch.float32] == 3 * 224 * 224 + sum(r.activations for r in read)
    assert kept[torch.int64] == sum(r.activations for r in rows if r.kind == "max pool")


def python_calls(function):
    """How many functions of Python it calls: unlike seconds, the same on a busy machine."""
    calls = 0

    def seen(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        function()
    finally:
        sys.setprofile(before)
    return calls


def test_counting_is_quick_enough_to_be_done_at_each_movement_of_a_slider(paper):
    # 35 calls a layer: the architecture is walked twice, when it is built and when it is counted
    assert python_calls(lambda: count(googlenet())) < 40 * len(paper.rows)
    # about a millisecond
    assert min(timeit.repeat(lambda: count(googlenet()), number=1, repeat=20)) < 0.02
