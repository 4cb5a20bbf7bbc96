"""What other people's tools print when they count our network: by the rule that is stated for each.

The record is held against our own count and the rules; where a tool is installed it is run again.
"""

from __future__ import annotations

import pytest
import torch
import torchvision
from counting_tools import AS_MEAN, FORMS, TOOLS, TRAINING, measured, parts, printed, printed_by_rule

from inception_lib import count, googlenet
from inception_lib.book import results
from inception_lib.nn.network import Network

# of tools that call what torch is going to drop
pytestmark = pytest.mark.filterwarnings("ignore")

every_tool = pytest.mark.parametrize("tool", TOOLS)
every_form = pytest.mark.parametrize("form", FORMS)

MACS, PARAMETERS, WITH_HEADS = 1_582_671_872, 6_998_552, 13_378_280
PRINTED = {
    "FlopCounterMode": 2 * MACS,
    "fvcore": 1_582_722_048,
    "torchinfo": 1_585_899_032,
    "ptflops, aten": 1_585_899_032,
    "thop": 1_582_723_072,
    "ptflops, pytorch": 1_598_203_128,
}


def installed(tool):
    pytest.importorskip(TOOLS[tool].package)


def test_the_rules_give_these_numbers():
    assert {tool: printed_by_rule(tool) for tool in TOOLS} == PRINTED
    assert count(googlenet(heads=False)).macs == MACS
    assert parts(count(googlenet(heads=False))) == {
        "last pool": 7 * 7 * 1024,
        "its divisions": 1024,
        "biases": 3_226_160 + 1000,
        "ReLUs and pools, twice": 2 * (3_226_160 + 2_875_712 + 7 * 7 * 1024),
    }


@every_form
@every_tool
def test_what_is_recorded_follows_the_rule(tool, form):
    outcome = results.load("counting_tools").outcome
    assert outcome["parts"] == parts(count(googlenet(heads=False)))
    row = next(row for row in outcome["rows"] if row["tool"] == tool)
    assert row["printed"][form] == printed_by_rule(tool, form)
    assert (row["per_mac"], tuple(row["adds"])) == (TOOLS[tool].per_mac, TOOLS[tool].adds)


def test_who_counts_the_heads_is_recorded():
    """Only some when they run, but nearly all their parameters when they do not."""
    rows = results.load("counting_tools").outcome["rows"]
    counted = {row["tool"] for row in rows if row["printed"][TRAINING] != row["printed"]["with heads"]}
    assert counted == {name for name, tool in TOOLS.items() if tool.follows_mode}
    parameters = {row["tool"]: row["parameters"]["with heads"] for row in rows}
    others = set(TOOLS) - {"FlopCounterMode", "thop"}
    assert parameters == dict.fromkeys(others, WITH_HEADS) | {"FlopCounterMode": None, "thop": PARAMETERS}


@pytest.mark.slow
@every_form
@every_tool
def test_a_tool_prints_today_what_its_rule_says(tool, form):
    installed(tool)
    found, parameters = printed(tool, form)
    assert found == printed_by_rule(tool, form)
    if form in ("without heads", AS_MEAN):
        assert parameters in (PARAMETERS, None)


@pytest.mark.slow
@every_tool
def test_a_tool_prints_the_same_for_the_network_as_a_classifier(tool):
    installed(tool)
    classifier = Network(googlenet(heads=False)).eval().as_classifier()
    with torch.no_grad():
        assert TOOLS[tool].call(classifier, torch.zeros(1, 3, 224, 224))[0] == PRINTED[tool]


@pytest.mark.slow
@every_tool
def test_a_tool_gives_for_our_network_what_it_gives_for_torchvisions(tool):
    installed(tool)
    ours = Network(googlenet("torchvision", heads=False)).eval()
    theirs = torchvision.models.googlenet(init_weights=False, aux_logits=False).eval()
    x = torch.zeros(1, 3, 224, 224)
    found, parameters = TOOLS[tool].call(ours, x)
    if tool == "ptflops, pytorch":  # torchvision's ReLUs are functions alone, which it counts once
        found -= sum(row.activations for row in count(ours.architecture) if row.kind == "conv")
    assert (found, parameters) == TOOLS[tool].call(theirs, x)


def test_a_tool_that_is_not_installed_is_named_and_left_out(monkeypatch, capsys):
    def missing(network, x):
        import a_package_that_is_not_there  # noqa: F401

    monkeypatch.setitem(TOOLS, "fvcore", TOOLS["fvcore"]._replace(call=missing))
    for name in set(TOOLS) - {"FlopCounterMode", "fvcore"}:
        monkeypatch.delitem(TOOLS, name)
    assert [row["tool"] for row in measured()] == ["FlopCounterMode"]
    assert "fvcore: left out, since a_package_that_is_not_there" in capsys.readouterr().err
