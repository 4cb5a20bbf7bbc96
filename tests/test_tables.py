"""Tables as the book shows them."""

import numpy as np
import pandas
import pytest
from bs4 import BeautifulSoup
from IPython.core.interactiveshell import InteractiveShell

from inception_lib.book import figures, results


def cells(data, **more):
    """Rows of the table: text and alignment."""
    soup = BeautifulSoup(figures.table(data, **more), "html.parser")
    return [
        [(cell.get_text(), cell["style"].removeprefix("text-align:")) for cell in row(["th", "td"])]
        for row in soup("tr")
    ]


def texts(data, **more):
    return [[text for text, _ in row] for row in cells(data, **more)]


@pytest.mark.parametrize(
    "frame",
    [
        pandas.DataFrame({"MACs": [16384, 2], "kind": ["conv", "pool"]}, index=["3x3", "pool"]),
        pandas.DataFrame({("out", "naive"): [1, 2], ("out", "reduced"): [3, 4]}, index=["3a", "3b"]),
        pandas.DataFrame(
            {"x": [1.5]}, index=pandas.MultiIndex.from_tuples([(1, 10)], names=["models", "crops"])
        ),
        pandas.DataFrame({"x": [1.5]}, index=pandas.Index([7], name="networks")),
        pandas.DataFrame({5: [1], 8: [2]}, index=pandas.Index(["0.8"], name="factor")),
    ],
)
def test_a_table_has_one_header_row_and_no_head_is_empty(frame):
    soup = BeautifulSoup(figures.table(frame), "html.parser")
    assert len(soup.thead("tr")) == 1 and len(soup.tbody("tr")) == len(frame)
    assert all(head.get_text().strip() and head["scope"] in ("col", "row") for head in soup("th"))
    assert {len(row(["th", "td"])) for row in soup("tr")} == {frame.index.nlevels + frame.shape[1]}


def test_numbers_are_to_the_right_with_thousands_apart_and_words_to_the_left():
    frame = pandas.DataFrame(
        {
            "n": [16384, -2],
            "share": ["5.1%", "12%"],
            "loss": [0.25, 10],
            "what": ["784 × 64", "3"],
            "ok": [True, False],
        },
        index=["a", "b"],
    )
    assert cells(frame) == [
        [
            ("", "left"),
            ("n", "right"),
            ("share", "right"),
            ("loss", "right"),
            ("what", "left"),
            ("ok", "left"),
        ],
        [
            ("a", "left"),
            ("16,384", "right"),
            ("5.1%", "right"),
            ("0.25", "right"),
            ("784 × 64", "left"),
            ("yes", "left"),
        ],
        [("b", "left"), ("-2", "right"), ("12%", "right"), ("10.00", "right"), ("3", "left"), ("no", "left")],
    ]


def test_a_single_row_is_written_alike():
    frame = pandas.DataFrame({"a": [4.5], "b": [3.0], "n": [7]}, index=["error"])
    assert texts(frame)[1] == ["error", "4.5", "3.0", "7"]


def test_a_number_may_have_its_unit():
    assert [a for _, a in cells(pandas.DataFrame({"x": ["2.7K", "1,018.0K"], "y": ["34M", "56x56"]}))[1]] == [
        "right",
        "left",
    ]


def test_a_year_is_no_number_of_things():
    frame = pandas.DataFrame({"year": [2014], "error": [6.67]}, index=pandas.Index([2014], name="year"))
    assert texts(frame) == [["year", "year", "error"], ["2014", "2014", "6.67"]]


def test_rows_that_are_only_numbered_have_no_head():
    assert texts(pandas.DataFrame({"x": ["a", "b"]})) == [["x"], ["a"], ["b"]]
    assert texts(pandas.DataFrame({"x": ["a", "b"]}, index=[0, 2])) == [["", "x"], ["0", "a"], ["2", "b"]]


def test_columns_have_names_for_readers():
    frame = pandas.DataFrame({"pca_carried": [1], "external_data": ["no"], "top1": [0.5]})
    assert texts(frame)[0] == [figures.NAMES["pca_carried"], "external data", "top-1"]


def test_what_is_missing_is_a_dash_and_what_is_not_written_is_not_lost():
    frame = pandas.DataFrame({"x": [1.5, np.nan], "y": [None, "<b>"], "z": [np.float32(0.5), 7]})
    assert texts(frame)[1:] == [["1.5", "–", "0.5"], ["–", "<b>", "7.0"]]
    assert "&lt;b&gt;" in figures.table(frame)


def test_the_name_of_the_columns_is_in_the_corner_or_above():
    frame = pandas.DataFrame({"a": [1]}, index=["r"])
    assert texts(frame.rename_axis(columns="hours"))[0][0] == "hours"
    both = figures.table(frame.rename_axis(index="GPUs", columns="hours"))
    assert "<figcaption>hours</figcaption>" in both and "GPUs" in both
    assert "<figcaption>said</figcaption>" in figures.table(frame, caption="said")


def test_an_outer_level_is_said_once():
    index = pandas.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", 2)], names=["x", "y"])
    assert [row[:2] for row in texts(pandas.DataFrame({"v": [1, 2, 3]}, index=index))] == [
        ["x", "y"],
        ["a", "1"],
        ["", "2"],
        ["b", "2"],
    ]


def test_in_a_chapter_a_frame_and_a_series_are_shown_so():
    shell = InteractiveShell.instance()
    try:
        figures.use_style()
        for data in (pandas.DataFrame({"x": [16384]}, index=["a"]), pandas.Series({"a": 16384}, name="x")):
            shown, _ = shell.display_formatter.format(data)
            assert shown["text/html"] == figures.table(data) and "16,384" in shown["text/html"]
    finally:
        InteractiveShell.clear_instance()


def test_a_record_is_noted_in_one_line_that_unfolds():
    recorded = results.load("tiny_xavier")
    note = recorded.note("The others are beside it.")
    fold = BeautifulSoup(note, "html.parser").details
    assert fold["class"] == ["recorded"] and recorded.provenance["date"][:10] in fold.summary.get_text()
    assert note.split("\n\n")[1] == f"{recorded.source()} The others are beside it."


def test_a_range_stands_right_as_a_number_does():
    frame = pandas.DataFrame({"a": ["2.29 to 2.30", "27.80"], "b": ["2 to be", "27.80"]}, index=["x", "y"])
    assert [where for _, where in cells(frame)[1][1:]] == ["right", "left"]
