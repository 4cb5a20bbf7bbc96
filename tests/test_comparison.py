"""Units, stages and differences: that nothing is lost between the counts and what stands side by side."""

import subprocess
import sys

import pytest

from inception_lib import count, googlenet, history, networks
from inception_lib.architecture import Branch
from inception_lib.book.comparison import (
    STAGES,
    branch_text,
    describe,
    stages,
    units,
)
from inception_lib.networks.googlenet import PAPER_WIDTHS, inception_module

every_network = pytest.mark.parametrize("name", history.NETWORKS)


@every_network
def test_units_add_up_to_the_network_at_test_time(name):
    architecture = history.NETWORKS[name].make()
    counts, found = count(architecture).trunk, units(architecture)
    assert [unit.name for unit in found] == [layer.name for layer in architecture.layers]
    assert sum(unit.macs for unit in found) == counts.macs
    assert sum(unit.parameters for unit in found) == counts.parameters
    assert sum(unit.depth for unit in found) == architecture.depth
    assert sum(unit.activations for unit in found) == sum(
        row.activations for row in counts.rows if row.kind not in ("concat", "dropout", "select")
    )
    assert all(unit.text and unit.output for unit in found)


@every_network
def test_stages_hold_every_unit_once_and_in_order(name):
    architecture = history.NETWORKS[name].make()
    found = stages(architecture)
    assert [stage.name for stage in found] == list(STAGES)
    assert [unit for stage in found for unit in stage.units] == list(units(architecture))
    assert found[-1].output == str(architecture.classes) or name == "nin"
    assert sum(stage.macs for stage in found) == count(architecture).trunk.macs


def test_stages_of_different_inputs_stand_beside_each_other():
    grids = {
        name: [stage.output.partition("x")[0] for stage in stages(history.NETWORKS[name].make())]
        for name in ("googlenet", "inception_v3", "vgg16", "lenet5")
    }
    assert grids["googlenet"] == ["", "112", "56", "28", "14", "7", "1000"]
    assert grids["inception_v3"] == ["", "147", "71", "35", "17", "8", "1000"]
    assert grids["vgg16"] == ["224", "112", "56", "28", "14", "7", "1000"]
    assert grids["lenet5"] == ["28", "14", "10", "5", "", "", "10"]


def test_layers_and_branches_are_described():
    network = {layer.name: layer for layer in networks.alexnet().layers}
    assert describe(network["conv1"]) == "11x11/4 conv 96"
    assert describe(network["conv2"]) == "5x5 conv in 2 groups 256"
    assert describe(network["pool1"]) == "3x3/2 max pool"
    assert describe(network["fc6"]) == "fully connected 4096"
    assert describe(googlenet().layers[-3]) == "global average pool"
    assert describe(networks.resnet(34).layers[2]) == "3x3 64, 3x3 64 + input"
    assert describe(inception_module("m", PAPER_WIDTHS["3a"])) == (
        "1x1 64 | 1x1 96, 3x3 128 | 1x1 16, 5x5 32 | 3x3 max pool, 1x1 32"
    )
    assert branch_text(Branch(name="shortcut", layers=())) == "input"


def test_the_comparison_needs_no_torch():
    code = (
        "import sys, inception_lib.book.comparison as c, inception_lib.networks as l; c.stages(l.vgg()); "
        "assert not {'torch', 'pandas', 'numpy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
