"""The printed tables, and what the audit finds in them."""

import json

import pytest

from inception_lib import paper
from inception_lib.counting import count

UNEXPLAINED = {
    ("inception_4c", "params"),
    ("inception_4d", "params"),
    ("inception_4e", "params"),
    ("inception_5a", "params"),
    ("inception_5b", "params"),
    ("inception_3b", "params"),
    ("7 models, 144 crops", "change"),
}
EXPLAINED = {
    ("inception_4b", "params"): "436.6K with the Inception5h widths",
    ("conv1", "params"): "2.65K with the separable stem",
    ("conv1", "ops"): "34.0M with the separable stem",
    ("inception_4a", "params"): "363.4K with the Inception5h widths",
    ("inception_5a", "ops"): "54.2M with the Inception5h widths",
    ("network", "multiply-adds"): "1.50B with the separable stem and the Inception5h widths",
}


@pytest.fixture(scope="module")
def audit():
    return paper.audit()


def test_every_printed_cell_of_table_1_is_audited(audit):
    for row in paper.TABLE1:
        for column in ("output", "depth", "params", "ops"):
            if getattr(row, column) is not None:
                assert audit.find(row.name, column).printed == str(getattr(row, column))


def test_widths_of_table_1_add_up_to_its_outputs():
    for row in paper.TABLE1:
        if row.widths:
            assert row.output.endswith(f"x{row.widths.out_channels}")


def test_what_is_unexplained_and_what_is_explained(audit):
    assert {(f.row, f.column) for f in audit.by_verdict("unexplained")} == UNEXPLAINED
    explained = {(f.row, f.column): f.note for f in audit.by_verdict("explained")}
    assert explained.keys() == EXPLAINED.keys()
    for cell, note in EXPLAINED.items():
        assert explained[cell] == f"{note}: an inference"


@pytest.mark.parametrize(
    ("row", "column", "exact"),
    [
        ("conv2", "params", "112.0K"),
        ("conv2", "ops", "359.7M"),
        ("inception_3a", "params", "159.5K"),
        ("inception_3b", "params", "379.0K"),
        ("inception_3b", "ops", "304.3M"),
        ("inception_4a", "ops", "73.6M"),
        ("inception_4b", "params", "438.0K"),
        ("inception_4c", "params", "497.5K"),
        ("inception_4c", "ops", "99.9M"),
        ("inception_4d", "params", "590.5K"),
        ("inception_4e", "params", "847.0K"),
        ("inception_5a", "params", "1,018.0K"),
        ("inception_5b", "params", "1,409.0K"),
        ("inception_5b", "ops", "70.7M"),
    ],
)
def test_exact_figures(audit, row, column, exact):
    assert audit.find(row, column).exact == exact


def test_ops_determine_params_within_a_module():
    implied = {i.row: i for i in paper.implied_params()}
    counts = count(paper.architecture_of_table1())
    for name, group in counts.groups.items():
        if name in implied:
            assert group.macs == group.weights * group.out_shape[1] * group.out_shape[2]
    assert [n for n, i in implied.items() if i.contradicts] == [
        "inception_4c",
        "inception_4d",
        "inception_4e",
        "inception_5b",
    ]
    assert implied["inception_4c"].low < 498 < implied["inception_4c"].high


def test_the_misprint_of_table_3(audit):
    finding = audit.find("7 models, 144 crops", "change")
    assert (finding.printed, finding.exact) == ("-3.45", "-3.40")
    assert "10.07" in finding.note


def test_depth_of_the_network(audit):
    assert audit.find("network", "layers with parameters").exact == "22"
    assert audit.find("network", "layers with pooling").exact == "27"


def test_sums_of_the_printed_columns():
    assert paper.printed_total("params") == 6797.7
    assert paper.printed_total("ops") == 1502


def test_the_rows_of_table_1_cover_the_network():
    counts = count(paper.architecture_of_table1())
    assert sum(paper.row_sum(counts, row, "ops") for row in paper.TABLE1) == counts.macs
    assert sum(paper.row_sum(counts, row, "params") for row in paper.TABLE1) == counts.weights


def test_three_ways_to_write_it(audit):
    assert len(audit.table()) == len(audit) == len(json.loads(audit.to_json()))
    assert audit.to_text().endswith("7 unexplained.")
    with pytest.raises(KeyError, match="no printed cell"):
        audit.find("conv9", "ops")
