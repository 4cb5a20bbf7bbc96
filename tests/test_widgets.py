"""The widgets' tables and Python side; what they show in a browser is in test_widgets_browser.py."""

import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import traitlets

from inception_lib import InceptionError, count, history, paper
from inception_lib.book import ablation, results, widgets
from inception_lib.book.widgets import (
    Answer,
    ComparisonWidget,
    ConvolutionWidget,
    CropWidget,
    EnsembleWidget,
    FactorsWidget,
    Guess,
    HeadsWidget,
    InceptionWidget,
    LineageWidget,
    LowRankWidget,
    MapWidget,
    MorphWidget,
    NetworkWidget,
    PhotoWidget,
    PoolingWidget,
    Quiz,
    ReductionWidget,
    SeeingWidget,
    ThreeLossesWidget,
    TrainingWidget,
    VotesWidget,
    WallWidget,
    XrayWidget,
    base,
    heads,
    inception,
    morph,
    network,
    pooling,
    reduction,
)
from inception_lib.book.widgets import crops as crop_widget
from inception_lib.evaluation import plan as crops

ALL = (
    ReductionWidget,
    InceptionWidget,
    PoolingWidget,
    NetworkWidget,
    TrainingWidget,
    CropWidget,
    FactorsWidget,
    HeadsWidget,
    EnsembleWidget,
    WallWidget,
    LineageWidget,
    ComparisonWidget,
    MorphWidget,
)
#: Those that run a network in the page, or need no counts: each has tests of its own.
LIVE = (
    *(ConvolutionWidget, LowRankWidget, MapWidget, PhotoWidget),
    *(SeeingWidget, ThreeLossesWidget, VotesWidget, XrayWidget),
)


def total(rows, what, values):
    result = 0
    for row in rows:
        if not row[what]:
            continue
        product = 1
        for factor in row[what]:
            product *= values.get(factor, factor)
        result += product
    return result


@cache
def fields(cls):
    return cls().fields


def drawn(cls, rng):
    """Random settings within the limits of each field."""
    settings = {}
    for field in fields(cls):
        if "options" in field:
            settings[field["name"]] = rng.choice([value for value, _ in field["options"]])
        elif "min" not in field:
            settings[field["name"]] = rng.random() < 0.5
        else:
            steps = round((field["max"] - field["min"]) / field["step"])
            settings[field["name"]] = round(field["min"] + rng.randint(0, steps) * field["step"], 6)
    return settings


@pytest.mark.parametrize("seed", range(50))
def test_small_tables_multiply_to_what_the_library_counts(seed):
    rng = random.Random(seed)
    s = drawn(ReductionWidget, rng)
    result, table = ReductionWidget(**s).result(), reduction.reduction_table()
    for form in ("direct", "reduced"):
        for what in ("macs", "weights"):
            assert total(table[form], what, s) == result[f"{form}_{what}"]
    s = drawn(InceptionWidget, rng)
    result, table = InceptionWidget(**s).result(), inception.module_table()
    for form in ("reduced", "naive"):
        assert total(table[form], "macs", s) == result[f"{form}_macs"]
        assert sum(s[name] for name in table["channels"][form]) == result[f"{form}_channels"]
        row, macs = s, 0
        for _ in range(s["stack"]):
            macs += total(table[form], "macs", row)
            row = row | {"c_in": sum(row[name] for name in table["channels"][form])}
        assert (macs, row["c_in"]) == (result[f"{form}_stack_macs"], result[f"{form}_stack_channels"])
    s = drawn(PoolingWidget, rng)
    result, table = PoolingWidget(**s).result(), pooling.pooling_table()
    assert total(table["connected"], "weights", s) == result["connected_weights"]
    assert total(table["pooled"], "weights", s) == result["pooled_weights"]


def test_the_network_table_gives_every_total_of_a_network():
    table = network.network_table()
    widget = NetworkWidget(size=336, width=0.35, variant="torchvision", stem="separable", heads=True)
    counted = table["networks"]["torchvision separable"]
    size, width = table["sizes"].index(336), table["widths"].index(0.35)
    values = {f"s{i}": column[size] for i, column in enumerate(counted["size_columns"])}
    values |= {f"w{i}": column[width] for i, column in enumerate(counted["width_columns"])}
    result = widget.result()
    assert total(counted["rows"], "macs", values) == result["macs"]
    with_biases = sum(total(counted["rows"], what, values) for what in ("weights", "biases", "norm"))
    assert with_biases == result["parameters"]


def test_impossible_networks_come_with_their_sentence():
    why = network.network_table()["networks"]["paper plain"]["why"]
    assert why[network.SIZES.index(64)] == [
        "aux1/pool: a 5x5 kernel is larger than its padded input (4x4).",
        None,
    ]
    assert why[network.SIZES.index(32)][1].startswith("pool4: a 3x3 kernel")
    assert why[network.SIZES.index(224)] == [None, None]


def test_presets_are_the_modules_of_table_1():
    widget = InceptionWidget.of("4e")
    assert (widget.grid, widget.c_in, widget.n5x5) == (14, 528, 128)
    assert widget.result()["reduced_macs"] == widget.result()["budget"] == 169_996_288
    assert (
        PoolingWidget(**dict(zip(("grid", "channels", "outputs"), (7, 1024, 1024), strict=True))).result()[
            "connected_weights"
        ]
        == 51_380_224
    )


def test_what_a_reduction_keeps_is_what_was_recorded():
    recorded = {row["path"]: row["pca"] for row in results.load("reductions_pca").outcome["kept"]}
    for key in inception.PAPER_WIDTHS:
        reduced, naive = InceptionWidget.of(key), InceptionWidget.of(key)
        naive.form = "naive"
        for branch in ("3x3", "5x5"):
            kept = reduced.result()[f"kept_{branch}"]
            assert kept == round(1e4 * recorded[f"inception_{key}/{branch}_reduce"])
            assert naive.result()[f"kept_{branch}"] == 10_000
    narrow = InceptionWidget(reduce3x3=1, reduce5x5=1).result()
    assert narrow["reduced_macs"] < narrow["budget"] / 7 and narrow["kept_3x3"] < 2000  # it has its price
    assert "kept_3x3" not in InceptionWidget(c_in=200).result()


def test_in_a_row_only_the_naive_modules_swell():
    found = InceptionWidget(stack=9).result()
    assert found["reduced_stack_channels"] == 256 and found["naive_stack_channels"] == 192 + 9 * (
        64 + 128 + 32
    )
    assert InceptionWidget().result()["naive_stack_macs"] == InceptionWidget().result()["naive_macs"]


def test_the_module_is_there_without_records(tmp_path):
    code = """
from inception_lib.book.widgets import InceptionWidget
print(InceptionWidget().table["curves"], "kept_3x3" in InceptionWidget().result())
"""
    assert run_python(code, INCEPTION_RESULTS=str(tmp_path)) == "{} False\n"


def test_the_opening_example_is_the_papers_4a():
    assert ReductionWidget().result() == {
        "direct_macs": 112_896_000,
        "direct_weights": 576_000,
        "reduced_macs": 5_268_480,
        "reduced_weights": 26_880,
        "pays_up_to": 342,
    }


@pytest.mark.parametrize(
    ("cls", "settings"),
    [
        (ReductionWidget, {"kernel": 4}),
        (ReductionWidget, {"grid": 0}),
        (InceptionWidget, {"module": "6a"}),
        (PoolingWidget, {"outputs": 10**9}),
        (NetworkWidget, {"size": 225}),
        (NetworkWidget, {"width": 0.33}),
        (EnsembleWidget, {"crops": 12}),
        (EnsembleWidget, {"models": 8}),
    ],
)
def test_settings_out_of_range_are_refused(cls, settings):
    with pytest.raises(traitlets.TraitError, match=next(iter(settings))):
        cls(**settings)


def test_an_unknown_setting_is_named():
    with pytest.raises(TypeError, match="PoolingWidget has no setting kernel"):
        PoolingWidget(kernel=3)


@pytest.mark.parametrize("cls", ALL)
def test_each_widget_stands_alone(cls):
    widget = cls()
    source = str(widget._esm)
    network = r"^\s*import\s|import\(|fetch\(|XMLHttpRequest|https?://(?!www\.w3\.org)"
    assert not re.search(network, source, re.M)
    assert source.count("export ") == source.count("export default") == 1
    most = 350_000 if cls is WallWidget else 150_000  # a thousand images
    assert len(json.dumps(widget.table)) < most
    assert repr(widget) == repr(cls()) and repr(widget).startswith(f"{cls.__name__}(")
    labels = [field["label"] for field in widget.fields]
    assert labels and len(set(labels)) == len(labels)


@pytest.mark.parametrize("cls", ALL)
def test_no_count_within_the_limits_is_too_large_for_a_browser(cls):
    largest = {f["name"]: f["options"][0][0] if "options" in f else f.get("max", True) for f in cls().fields}
    for value in cls(**largest).result().values():
        assert not isinstance(value, int) or value < 2**53


def test_a_record_of_other_length_needs_no_other_widget(monkeypatch):
    recorded = results.load("head_weight")
    runs = [
        run | {"history": run["history"][:3], "gradients": run["gradients"][:4]}
        for run in recorded.outcome["runs"]
    ]
    outcome = recorded.outcome | {"runs": runs}
    monkeypatch.setattr(results, "load", lambda name: replace(recorded, outcome=outcome))
    heads.head_table.cache_clear()
    try:
        assert next(f for f in HeadsWidget().fields if f["name"] == "epoch")["max"] == 3
        assert HeadsWidget(epoch=3).result()["top1"] == round(1e4 * runs[1]["history"][2]["top1"])
        with pytest.raises(traitlets.TraitError, match="3 epochs were recorded, not 4"):
            HeadsWidget(epoch=4)
    finally:
        heads.head_table.cache_clear()


def run_python(code, **environment):
    """The output of a new Python that runs `code`."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | environment, check=True
    )
    return done.stdout


def test_importing_the_widgets_loads_no_torch():
    heavy = {"torch", "torchvision", "pandas", "matplotlib", "skimage"}
    code = f"import sys, inception_lib.book.widgets; print({heavy} & set(sys.modules))"
    assert run_python(code) == "set()\n"


def test_widgets_whose_records_are_not_installed_say_so_in_a_sentence(tmp_path):
    code = """
from inception_lib import InceptionError
from inception_lib.book import widgets
for name in widgets.__all__:
    try:
        if name not in ("Answer", "Guess", "Quiz"):
            getattr(widgets, name)()
    except InceptionError as error:
        print(name, error)
"""
    said = run_python(code, INCEPTION_RESULTS=str(tmp_path)).splitlines()
    records = {
        "CropWidget": "crops_chelsea",
        "EnsembleWidget": "ablation_shapes",
        "FactorsWidget": "crop_factors",
        "HeadsWidget": "head_weight",
        "SeeingWidget": "seeing_chelsea",
        "ThreeLossesWidget": "three_losses",
        "VotesWidget": "votes_connected",
        "WallWidget": "answers_shapes",
    }
    assert [line.partition(" ")[0] for line in said] == list(records)
    for line, record in zip(said, records.values(), strict=True):
        assert f"{tmp_path}: does not hold {record}.json, the record that this widget shows" in line
        assert "checkout of the repository" in line and line.endswith(".")


def test_an_edited_script_shows_when_a_widget_is_made_again(monkeypatch, tmp_path):
    for path in base.FOLDER.glob("*.[cj]s*"):
        shutil.copy(path, tmp_path)
    monkeypatch.setattr(base, "FOLDER", tmp_path)
    before = PoolingWidget()
    for name in ("pooling.js", "common.js", "parts.css"):
        with (tmp_path / name).open("a") as file:
            file.write(f"/* edited: {name} */")
    after = PoolingWidget()
    for name, text in (("pooling.js", "_esm"), ("common.js", "_esm"), ("parts.css", "_css")):
        assert f"/* edited: {name} */" in getattr(after, text)
        assert f"/* edited: {name} */" not in getattr(before, text)


def test_the_defaults_in_the_browser_are_what_a_widget_was_made_with():
    widget = ReductionWidget(kernel=3)
    widget.kernel = 9
    assert {f["name"]: f["default"] for f in widget.fields} == ReductionWidget(kernel=3).settings


def test_every_widget_is_exported():
    assert set(widgets.__all__) == {cls.__name__ for cls in (*ALL, *LIVE, Answer, Guess, Quiz)}


def test_the_training_widget_knows_the_recipes():
    widget = TrainingWidget(recipe="bvlc_quick", data="imagenet", epochs=60, rate=1000, price=250)
    result = widget.result()
    assert widget.chosen().lr == 0.01 and widget.chosen().epochs == 60
    assert widget.where() is None and TrainingWidget(device="cpu").where() == "cpu"
    assert result["updates"] == pytest.approx(2_400_000, rel=2e-3)  # as BVLC's solver has it
    assert result["images"] == 32 * result["updates"]
    assert result["seconds"] == -(-result["images"] // 1000)
    assert result["cents"] == result["seconds"] * 250 // 3600


def test_the_crops_are_added_in_the_order_of_table_3():
    views = CropWidget().table["views"]
    assert len({(v["scale"], v["square"], v["crop"], v["mirror"]) for v in views}) == len(views) == 144
    assert CropWidget(averaged=1).result()["number"] == 1  # it opens on the center crop
    assert all(v["square"] == "center" and v["scale"] == 256 and v["crop"] != "whole" for v in views[:10])
    assert len({(v["crop"], v["mirror"]) for v in views[:10]}) == 10


def test_the_crop_widget_shows_the_plan_and_what_was_recorded():
    recorded = results.load("crops_chelsea").outcome
    for view in crops.plan(crops.scheme(144), recorded["width"], recorded["height"]):
        widget = CropWidget(scale=view.scale, square=view.square, crop=view.crop, mirror=view.mirror)
        found = widget.result()
        shown = [found[edge] / 100 for edge in ("left", "top", "right", "bottom")]
        assert shown == pytest.approx(view.box, abs=0.006)
        assert found["p1"] >= found["p2"] >= found["p5"]
    everything = CropWidget(averaged=144).result()
    first = [int(v["millionths"].split()[0]) for v in recorded["views"]]
    assert everything["mean_class1"] == 0 and everything["mean_p1"] == round(sum(first) / 144)


def test_the_coverage_of_the_crops_is_that_of_counting_pixel_by_pixel():
    views = CropWidget().table["views"]
    for averaged in (1, 10, 77, 144):
        chosen = [(v["box"], int(np.argmax(v["p"]))) for v in views[:averaged]]
        counts = crop_widget.covered([box for box, _ in chosen], crop_widget.WIDTH, crop_widget.HEIGHT)
        found = CropWidget(averaged=averaged, column=300, row=250).result()
        assert (found["covered_most"], found["covered_least"]) == (counts.max(), counts.min())
        rng = random.Random(averaged)
        for column, row in [
            (1, 1),
            (451, 300),
            *((rng.randint(1, 451), rng.randint(1, 300)) for _ in range(20)),
        ]:
            held = [
                vote
                for (left, top, right, bottom), vote in chosen
                if left <= column - 0.5 < right and top <= row - 0.5 < bottom
            ]
            assert counts[row - 1, column - 1] == len(held)
            one = CropWidget(averaged=averaged, column=column, row=row).result()
            assert (one["held"], one["held_agree"]) == (len(held), held.count(one["mean_class1"]))
    assert CropWidget(averaged=144, column=0, row=7).result()["held"] == 0  # no pixel


def test_the_factors_are_those_of_the_record():
    record = results.load("crop_factors").outcome
    passes = {test["test"]: test["views"] for test in record["tests"]}
    for start, group in (("1", "added"), ("144", "taken")):
        claims = {claim["what"]: claim for claim in record["claims"] if claim["group"] == group}
        rows = FactorsWidget().table["starts"][start]
        assert {row["what"] for row in rows} == claims.keys()
        assert [row["views"] for row in rows] == sorted(row["views"] for row in rows)
        for measure in ("top1", "top5", "nats"):
            clear = 0
            for number, row in enumerate(rows, 1):
                claim = claims[row["what"]]
                found = FactorsWidget(start=start, measure=measure, row=number).result()
                assert (found["before"], found["after"]) == (int(start), passes[claim["after"]])
                for end in ("value", "low", "high", "low_together", "high_together"):
                    assert found[end] / 1e4 == pytest.approx(claim[measure][end], abs=5.1e-5)
                # the widget says better or worse where the record says that its claim is shown or refuted
                beyond = found["low_together"] > 0 or found["high_together"] < 0
                assert beyond == (claim[measure]["verdict"] != "not shown")
                clear += beyond
            assert found["better"] + found["worse"] == clear
        assert FactorsWidget(start=start, row=11).result()["rows_drawn"] == len(rows) <= 11
    assert len(FactorsWidget().table["starts"]["144"]) == 11


def test_the_one_crop_is_the_prediction_that_was_recorded():
    widget = CropWidget()
    for i, known in enumerate(results.load("predict_chelsea").outcome, 1):
        found = widget.result()
        assert widget.table["classes"][found[f"class{i}"]] == known["class"]
        assert found[f"p{i}"] / 1e6 == pytest.approx(known["probability"], abs=2e-2)


def test_the_heads_widget_shows_what_was_recorded():
    for run in results.load("head_weight").outcome["runs"]:
        if run["seed"]:
            continue
        for epoch in range(len(run["history"]) + 1):
            found = HeadsWidget(weight=f"{run['aux_weight']:g}", epoch=epoch).result()
            main, last = run["gradients"][epoch]["main"], found["main_12"] / 1e6
            inside = [norm for conv, norm in main.items() if conv.startswith("inception_5b.")]
            assert last == pytest.approx(math.hypot(*inside), abs=1e-6) and len(inside) == 6
            assert found["main_1"] / 1e6 == pytest.approx(main["conv1.conv"], abs=1e-6)
            # a head's gradient reaches the layers below it, and no other
            assert (
                len([k for k in found if k.startswith("aux1_")]),
                len([k for k in found if k.startswith("aux2_")]),
            ) == ((6, 9) if run["heads"] else (0, 0))
            assert ("top1" in found) == (epoch > 0)
            if epoch:
                record = run["history"][epoch - 1]
                assert found["top1"] == round(1e4 * record["top1"])
                assert found["loss"] == round(1e3 * record["loss"])
                assert found.get("aux2") == (round(1e3 * record["aux2"]) if run["heads"] else None)


def test_a_record_for_other_weights_is_refused(monkeypatch):
    recorded = results.load("head_weight")
    runs = recorded.outcome["runs"]
    fewer = [run for run in runs if run["aux_weight"] != 1]
    shorter = [run | {"history": run["history"][: 4 if run["aux_weight"] else 5]} for run in runs]
    for damaged in (fewer, shorter):
        outcome = recorded.outcome | {"runs": damaged}
        monkeypatch.setattr(results, "load", lambda name, outcome=outcome: replace(recorded, outcome=outcome))
        with pytest.raises(InceptionError, match=r"with the weights 0, 0\.1, 0\.3, 1, all of equally many"):
            heads.head_table.__wrapped__()


@pytest.mark.parametrize("name", history.NETWORKS)
def test_the_comparison_adds_up_to_what_the_library_counts(name):
    counts = count(history.NETWORKS[name].make()).trunk
    found = ComparisonWidget(left=name, right="lenet5").result()
    assert (found["left_macs"], found["left_parameters"]) == (counts.macs, counts.parameters)
    assert found["left_depth"] == counts.architecture.depth
    stages = [
        ComparisonWidget(left=name, right="lenet5", what="parameters", stage=stage).result()
        for stage in range(1, 8)
    ]
    assert sum(s["left_stage"] for s in stages) == counts.parameters
    layers = counts.architecture.without_heads().layers
    assert sum(s["left_units"] for s in stages) == len(layers)


def test_the_comparison_says_where_two_networks_differ_most():
    found = ComparisonWidget(left="googlenet", right="vgg16", what="parameters").result()
    assert found["apart"] == 7  # in the fully connected layers
    assert ComparisonWidget(left="googlenet", right="googlenet").result()["apart"] == 1


def test_the_lineage_widget_ranks_within_one_procedure():
    rows = history.table()
    for procedure in history.PROCEDURES:
        for number, name in enumerate(history.NETWORKS, 1):
            found = LineageWidget(procedure=procedure, network=number, axis="macs").result()
            errors = rows[procedure].dropna()
            assert found["shown"] == len(errors) and found["macs"] == rows.loc[name, "MACs"]
            if name not in errors:
                assert found["error"] == found["better"] == 0
                continue
            lower = rows.loc[errors.index[errors < errors[name]]]
            assert found["error"] == round(100 * errors[name]) and found["better"] == len(lower)
            assert found["smaller"] == (lower["MACs"] <= rows.loc[name, "MACs"]).sum()
    assert LineageWidget().result()["smaller"] == 0  # nothing smaller than GoogLeNet is better


def test_the_ensemble_widget_shows_what_was_recorded():
    for name, record in ablation.RECORDED.items():
        outcome = results.load(record).outcome
        for row in outcome["rows"]:
            widget = EnsembleWidget(data=name, **{key: row[key] for key in ("models", "crops", "pool")})
            found = widget.result()
            assert found["passes"] == row["models"] * row["crops"]
            for top in (1, 5):
                assert found[f"error{top}"] / 1e4 == pytest.approx(1 - row[f"top{top}"], abs=1e-4)
                assert found[f"error{top}_low"] / 1e4 == pytest.approx(1 - row[f"top{top}_high"], abs=1e-4)
                assert found[f"change{top}"] / 1e4 == pytest.approx(-row[f"change{top}"], abs=1e-4)
                assert found[f"change{top}_high"] / 1e4 == pytest.approx(-row[f"change{top}_low"], abs=1e-4)


def test_the_ensemble_widget_shows_the_papers_six_tests_and_says_what_is_not_there():
    for row in paper.TABLE3:
        found = EnsembleWidget(data="paper", models=row.models, crops=row.crops).result()
        assert found["error5"] == 100 * row.error and "error1" not in found and "change5_low" not in found
    assert EnsembleWidget(data="paper", models=7, crops=144).result()["change5"] == -340  # not -345
    for settings in (
        {"data": "paper", "models": 2},
        {"data": "paper", "pool": "max"},
        {"data": "photographs", "models": 7},
    ):
        found = EnsembleWidget(crops=10, **settings).result()
        assert found == {"passes": 10 * settings.get("models", 1), "measured": 0}
    assert EnsembleWidget().result()["change1"] == 0


def test_the_morphing_module_is_each_networks_own():
    for depth, stops in morph.STOPS.items():
        years = [history.NETWORKS[name].year for name, _ in stops]
        assert years == sorted(years) and len(set(stops)) == 4
        for stop, (name, module) in enumerate(stops, 1):
            counts = count(history.NETWORKS[name].make())
            widget = MorphWidget(depth=depth, stop=stop)
            found, drawn = widget.result(), widget.table["stops"][depth][stop - 1]
            assert found["macs"] == counts.groups[module].macs == sum(found[f"lane_{i}"] for i in range(1, 5))
            convs = [row for row in counts.rows if row.path.startswith(f"{module}/") and row.kernel]
            kernels = [gate["kernels"] for lane in drawn["lanes"] for gate in lane["gates"]]
            assert [tuple(k) for gate in kernels for k in gate] == [row.kernel for row in convs]
            outs = sum(lane["gates"][-1]["width"] for lane in drawn["lanes"])
            assert outs == found["channels_out"] == counts.groups[module].out_shape[0]


def test_what_is_said_of_the_morphing_modules_holds():
    stops = {depth: [stop for stop in stops] for depth, stops in morph.morph_table()["stops"].items()}
    texts = {
        depth: [[lane["text"] for lane in stop["lanes"]] for stop in all] for depth, all in stops.items()
    }
    googlenet, bn, v3, v4 = texts["early"]
    assert googlenet[2] == "1x1 32, 5x5 96" and bn[2] == "1x1 64, 3x3 96, 3x3 96"
    assert v3[1] == "1x1 48, 5x5 64" and [v3[i] for i in (0, 2, 3)] == [bn[i] for i in (0, 2, 3)]
    assert v4[1] == "1x1 64, 3x3 96" and all(text.endswith(" 96") for text in v4)
    assert "max" in googlenet[3] and "average" in bn[3]
    assert "18 weights" in stops["early"][1]["said"] and "with its 25" in stops["early"][1]["said"]
    assert "14 weights" in stops["middle"][2]["said"] and "13x13" in stops["middle"][2]["said"]
    shapes = [[re.findall(r"\d+x\d+", text) for text in stop] for stop in texts["middle"]]
    assert [sorted(one) for one in shapes[2]] == [sorted(one) for one in shapes[3]]  # the same kernels
    last = texts["late"]
    assert "average" in texts["middle"][1][3] and "max" in last[1][3]
    assert [stop["out"] for stop in stops["late"]] == [1024, 1024, 2048, 1536]
    assert last[2][2] == "1x1 448, 3x3 384, (1x3 384 | 3x1 384)"
    assert last[3][2] == "1x1 384, 3x1 448, 1x3 512, (1x3 256 | 3x1 256)"
    assert [MorphWidget(depth="middle", stop=stop).result()["sees"] for stop in (1, 2, 3, 4)] == [
        5,
        5,
        13,
        13,
    ]
