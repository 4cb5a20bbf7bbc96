"""Drawings come from the data, carry their alt text, and take the color of the page."""

import ast
import base64
import io
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pytest
from matplotlib.patches import FancyArrow
from PIL import Image
from skimage import data
from skimage.color import deltaE_ciede2000, rgb2lab

from inception_lib import googlenet, history, paper
from inception_lib.architecture import Branch, Pool
from inception_lib.book import figures
from inception_lib.book.figures import style as styles
from inception_lib.book.widgets import HeadsWidget
from inception_lib.book.widgets.base import FOLDER
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.networks.googlenet import PAPER_WIDTHS, inception_module, naive_module
from tests.test_book_experiments import experiment

pytestmark = pytest.mark.usefixtures("style")


SVG = "{http://www.w3.org/2000/svg}"


def words(fig):
    svg = figures.to_svg(fig, "alt")
    return {
        "".join(t.itertext()).strip()
        for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    }


def test_a_shown_figure_has_its_alt_text_and_the_pages_color():
    fig = figures.bars(["a", "b"], {"1x1": [1, 2], "5x5": [2, 1]}, ylabel="MACs", title="t")
    picture = figures.show(fig, alt='two "bars" & more')
    data, metadata = picture._repr_mimebundle_()
    root = ElementTree.fromstring(data["text/html"]).find("{http://www.w3.org/2000/svg}svg")
    assert root.get("role") == "img" and root.get("aria-label") == 'two "bars" & more'
    assert "currentColor" in data["text/html"] and figures.INK not in data["text/html"]
    assert metadata["image/png"]["alt"] == picture.alt
    assert not plt.get_fignums()


@pytest.mark.parametrize(("drawn", "shown"), [(3, 7.2), (7.2, 7.2), (8, 9.75), (12, 9.75)])
def test_a_figure_is_as_wide_as_the_column_or_as_wide_as_a_figure_gets(drawn, shown):
    fig, ax = plt.subplots(figsize=(drawn, 3))
    ax.set_ylabel("a label that needs room\nof two lines")
    html = figures.show(fig, alt="x")._repr_mimebundle_()[0]["text/html"]
    width, height = map(float, re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', html).groups())
    assert (width, height) == pytest.approx((72 * shown, 72 * 3))
    assert f"max-width:{96 * shown:.0f}px" in html
    assert f"--drawn:{96 * shown:.0f}px" in html  # three quarters of it are shown on a phone


def test_a_text_keeps_the_spaces_at_its_ends_and_a_ground_is_the_pages():
    fig, ax = plt.subplots()
    ax.text(0, 0, "  behind a bar", in_layout=False)
    ax.text(0, 0.5, "before a line ", ha="right", in_layout=False)
    ax.plot(0, 0, "o", color=figures.COLORS["violet"], markerfacecolor=figures.PAPER)
    svg = figures.to_svg(fig, "alt")
    found = {
        "".join(t.itertext()) for t in ElementTree.fromstring(svg).iter("{http://www.w3.org/2000/svg}text")
    }
    assert {"\xa0\xa0behind a bar", "before a line\xa0"} <= found
    assert "fill: var(--pst-color-background" in svg and figures.PAPER not in svg


def of_the_training():
    photograph = Image.fromarray(np.full((30, 45, 3), 200, np.uint8))
    return (
        figures.plot_stuck({"aux1": 1.8, "aux2": 6.91, "loss": 6.91}, 1000),
        figures.plot_three_losses([[2.3, 2.3, 2.3]] * 20 + [[2.0, 2.1, 2.2]] * 20, 10, [0.1, 0.4]),
        figures.plot_samples(photograph, [(0, 0, 20, 20), (5, 5, 45, 30)], [photograph] * 2),
    )


def test_a_stuck_loss_is_called_that():
    fig = of_the_training()[0]
    said = [text.get_text() for text in fig.axes[0].texts]
    assert said == [
        "1.80: has learned",
        "6.91: has learned nothing",
        "6.91: has learned nothing",
        "chance level, ln 1,000 = 6.91 ",
    ]


def test_nothing_of_a_figure_is_cut_off():
    history = [{"epoch": e, "loss": 2 / e, "aux1": 2.1 / e, "aux2": 2.2 / e, "top1": 0.1 * e} for e in (1, 2)]
    figs = [
        figures.plot_audit(paper.audit()),
        figures.plot_training(history, 10),
        figures.draw_module(inception_module("m", PAPER_WIDTHS["3a"]), title="m"),
        figures.draw_network(googlenet()),
        *of_the_training(),
        figures.draw_head(googlenet()),
        figures.draw_losses(googlenet()),
    ]
    for fig in figs:
        fig.draw_without_rendering()
        inside, page = fig.get_tightbbox(), fig.get_size_inches()
        assert inside.x0 > -0.01 and inside.y0 > -0.01, fig
        assert inside.x1 < page[0] + 0.01 and inside.y1 < page[1] + 0.01, fig


def test_lines_are_named_at_their_ends_and_no_name_covers_another():
    fig, ax = plt.subplots()
    for label, end in (("first", 1.0), ("second", 1.001), ("third", 1.002), ("low", 0.1)):
        ax.plot([0, 1], [0, end], label=label)
    ax.plot([0, 1], [0.5, 0.5])
    figures.name_lines(ax)
    fig.draw_without_rendering()
    names = {text.get_text(): text.get_window_extent() for text in ax.texts if text.get_text() != "━"}
    assert set(names) == {"first", "second", "third", "low"}
    assert [n for n in sorted(names, key=lambda n: names[n].y0)] == ["low", "first", "second", "third"]
    assert not [1 for a, b in combinations(names.values(), 2) if a.overlaps(b)]
    dashes = [text.get_color() for text in ax.texts if text.get_text() == "━"]
    assert dashes == [line.get_color() for line in ax.lines[:4]]


def test_a_photograph_in_a_figure_is_light_and_a_small_map_stays_as_it_is():
    fig, (left, right) = figures.plt.subplots(1, 2, figsize=(figures.WIDE, 3))
    photo, small = data.chelsea(), np.arange(49).reshape(7, 7)
    left.imshow(photo, interpolation="none")
    right.imshow(small, interpolation="none")
    svg = figures.to_svg(fig, "a")
    images = re.findall(r"data:image/(\w+);base64,([A-Za-z0-9+/=\s]+)", svg)
    assert [kind for kind, _ in images] == ["webp", "png"]
    with Image.open(io.BytesIO(base64.b64decode(images[0][1]))) as shown:
        assert len(base64.b64decode(images[0][1])) < 40_000
        pixels = np.asarray(shown.convert("RGB").resize(photo.shape[1::-1]), np.float32)
    assert np.abs(np.flipud(pixels) - photo).mean() < 8 or np.abs(pixels - photo).mean() < 8


def test_a_figure_without_alt_text_is_refused():
    with pytest.raises(ValueError, match="needs a text"):
        figures.show(plt.figure(), alt=" ")


def test_the_same_figure_is_the_same_svg():
    first, second = (figures.to_svg(figures.draw_network(googlenet()), "a") for _ in range(2))
    assert first == second


def test_module_drawings_show_the_widths():
    assert {"1x1 conv, 96", "3x3 conv, 128", "3x3 max pool", "concatenate: 256 channels"} <= words(
        figures.draw_module(inception_module("m", PAPER_WIDTHS["3a"]))
    )
    assert "concatenate: 224 + the input's channels" in words(
        figures.draw_module(naive_module("m", PAPER_WIDTHS["3a"]))
    )


def test_the_text_of_a_module_fits_its_boxes():
    pooled = inception_module("m", PAPER_WIDTHS["3a"])
    pool = Pool(name="pool", op="average", kernel=3, padding=1)
    pooled = replace(pooled, branches=(*pooled.branches[:3], Branch(name="pool", layers=(pool,))))
    fig = figures.draw_module(pooled)
    fig.draw_without_rendering()
    (ax,) = fig.axes
    assert "3x3 avg pool" in {text.get_text() for text in ax.texts}
    for patch, text in zip(ax.patches, [t for t in ax.texts if t.get_text()], strict=True):
        box, inside = patch.get_window_extent(), text.get_window_extent()
        assert box.x0 + 2 < inside.x0 and inside.x1 < box.x1 - 2, text.get_text()
        assert patch.get_alpha() is None  # the branch's own color


def test_network_drawing_shows_every_shape_and_where_the_heads_stand():
    texts = words(figures.draw_network(googlenet()))
    assert {"7x7x1024", "1000"} <= texts
    assert {t for t in texts if "←" in t} == {"14x14x512  ← aux1", "14x14x528  ← aux2"}


def test_a_head_is_drawn_with_its_tensors_and_weights():
    first, second = (words(figures.draw_head(googlenet(), name)) for name in ("aux1", "aux2"))
    assert {"14x14x512", "4x4x128", "1024", "1000", "3b", "4a", "4b"} <= first
    assert {"14x14x528", "4c", "4d", "4e"} <= second
    assert {"65,536", "2,097,152", "1,024,000", "no weights"} <= first


def test_the_gradient_of_each_loss_begins_where_its_classifier_is_attached():
    fig = figures.draw_losses(googlenet())
    arrows = [patch for patch in fig.axes[0].patches if isinstance(patch, FancyArrow)]
    where = {text.get_text(): text.get_position()[0] for text in fig.axes[0].texts}
    for arrow, module in zip(arrows, ("5b", "4d", "4a"), strict=True):
        assert arrow.get_xy()[:, 0].max() == pytest.approx(where[module], abs=0.5)
        assert arrow.get_xy()[:, 0].min() < where["3a"]


def test_audit_plot_has_a_mark_for_every_number_of_table_1():
    fig = figures.plot_audit(paper.audit())
    marks = sum(len(c.get_offsets()) for ax in fig.axes for c in ax.collections)
    assert marks == sum(f.table == "1" and f.column in ("params", "ops") for f in paper.audit())
    widest = max(x for ax in fig.axes for c in ax.collections for x, _ in c.get_offsets())
    stem = paper.audit().find("conv1", "ops")  # more than is printed, so its mark is right of zero
    assert stem.difference > 0 and 65 < widest < 75


def test_the_training_plot_shows_each_head_and_what_guessing_gives():
    history = [
        {"epoch": e, "loss": 2 - e / 2, "aux1": 2.1 - e / 2, "aux2": 2.2 - e / 2, "top1": e / 4}
        for e in (1, 2)
    ]
    fig = figures.plot_training(history, 10, epochs=4)
    left, right = fig.axes
    assert [line.get_label() for line in left.lines[:3]] == ["classifier", "first head", "second head"]
    assert list(left.lines[1].get_ydata()) == [1.6, 1.1]
    assert left.lines[3].get_ydata()[0] == pytest.approx(2.302585)
    assert list(right.lines[0].get_ydata()) == [0.25, 0.5]
    assert right.get_xlim()[0] == 0 and 4 < right.get_xlim()[1] < 4.5  # the last marker is whole
    assert all(tick == int(tick) for ax in fig.axes for tick in ax.get_xticks())
    without = figures.plot_training([{"epoch": 1, "loss": 1.0, "top1": 0.5}], 2)
    assert len(without.axes[0].lines) == 2


def test_the_gradient_plot_puts_each_norm_over_its_layer():
    fig = figures.plot_gradients(
        {"main": {"conv1": 1.0, "3a": 2.0, "5b": 4.0}, "aux1": {"conv1": 8.0, "3a": 16.0}}
    )
    (ax,) = fig.axes
    assert ax.get_yscale() == "log" and [t.get_text() for t in ax.get_xticklabels()] == ["conv1", "3a", "5b"]
    lines = {line.get_label(): line for line in ax.lines}
    assert set(lines) == {"main loss's", "first head's"}
    assert list(lines["first head's"].get_xdata()) == [0, 1]
    assert list(lines["first head's"].get_ydata()) == [8, 16]
    fig.canvas.draw()
    assert {"1", "2", "5", "10"} <= {t.get_text() for t in ax.get_yticklabels()}


def test_a_wrong_prediction_has_a_cross_both_answers_and_a_frame():
    fig = figures.picture_grid([[[0]], [[1]], [[2]]], ["a", "b", "c"], truth=["a", "d", "c"], columns=2)
    assert [ax.get_title() for ax in fig.axes[:3]] == ["a", "✗ says b,\nis d", "c"]
    assert [len(ax.patches) for ax in fig.axes[:3]] == [0, 1, 0]
    assert {ax.title.get_color() for ax in fig.axes} == {figures.INK}  # no answer by its color alone
    plain = figures.picture_grid([[[0]], [[1]]], ["a", "b"])
    assert [ax.get_title() for ax in plain.axes[:2]] == ["a", "b"] and not plain.axes[0].patches


def test_errors_of_different_tests_are_in_different_panels_and_not_joined():
    rows = history.table()
    fig = figures.plot_errors(rows, "parameters", list(history.PROCEDURES), xlabel="parameters")
    assert len(fig.axes) == len(history.PROCEDURES) and not any(ax.lines for ax in fig.axes)
    for ax, procedure in zip(fig.axes, history.PROCEDURES, strict=True):
        shown = rows[rows[procedure].notna()]
        (dots,) = ax.collections
        assert dots.get_offsets().tolist() == shown[["parameters", procedure]].astype(float).values.tolist()
        assert [text.get_text() for text in ax.texts] == list(shown["title"])
    fig.draw_without_rendering()
    for ax in fig.axes:  # no title covers another
        boxes = [text.get_window_extent() for text in ax.texts]
        assert not [1 for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_a_later_branch_has_the_color_of_the_one_it_stands_for():
    assert figures.branch_color("double3x3") == figures.branch_color("5x5") == figures.COLORS["5x5"]
    assert figures.branch_color("7x7") == figures.COLORS["3x3"]
    assert figures.branch_color("shortcut") == figures.COLORS["muted"]


FAMILY = "'DejaVu Sans', 'Bitstream Vera Sans', 'Computer Modern Sans Serif', sans-serif"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        # as matplotlib 3.9 and older write it
        (f"font: 10px {FAMILY}; text-anchor: end", "font-size: 10px; text-anchor: end"),
        (
            f"font: 700 12px {FAMILY}; text-anchor: start",
            "font-weight: 700; font-size: 12px; text-anchor: start",
        ),
        (f"font: italic 9.5px {FAMILY}", "font-style: italic; font-size: 9.5px"),
        # as 3.10 and later do
        (f"font-size: 10px; font-family: {FAMILY}; text-anchor: end", "font-size: 10px; text-anchor: end"),
        (
            f"font-weight: 700; font-size: 12px; font-family: {FAMILY}; text-anchor: start",
            "font-weight: 700; font-size: 12px; text-anchor: start",
        ),
        (
            f"font-style: italic; font-size: 9.5px; font-family: {FAMILY}",
            "font-style: italic; font-size: 9.5px;",
        ),
    ],
)
def test_text_takes_the_pages_typeface_whichever_matplotlib_wrote_it(written, kept):
    assert styles.without_family(f'<text style="{written}" x="1">') == f'<text style="{kept}" x="1">'


def test_no_figure_names_a_typeface():
    fig, ax = plt.subplots()
    ax.set_title("bold", weight="bold")
    ax.set_xlabel("slanted $x^2$", style="italic")
    svg = figures.to_svg(fig, "alt")
    assert "font-family" not in svg and "DejaVu" not in svg and not re.search(r"font: ", svg)
    texts = {"".join(t.itertext()).strip(): t for t in ElementTree.fromstring(svg).iter(f"{SVG}text")}
    assert re.search(r"font-weight: (700|bold); font-size: 12px", texts["bold"].get("style"))
    assert texts["0.2"].get("style").startswith("font-size: 11px")


# Machado, Oliveira and Fernandes 2009, severity 1: what eyes without one of the three cones see of linear RGB
BLIND = {
    "none": np.eye(3),
    "protan": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deutan": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.01182, 0.04294, 0.968881],
    ],
    "tritan": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.3039],
    ],
}
BRANCHES = ("1x1", "3x3", "5x5", "pool")
OTHERS = ("violet", "olive", "berry")


def linear(color):
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def distance(first, second, kind):
    """CIEDE2000 of two colors as eyes of this kind see them."""
    seen = []
    for color in (first, second):
        rgb = np.clip(np.asarray(BLIND[kind]) @ linear(color), 0, 1)
        seen.append(rgb2lab(np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)))
    return float(deltaE_ciede2000(*seen))


def contrast(first, second):
    """As WCAG 2 has it; it wants 3 of graphics."""
    light = sorted(float(linear(color) @ [0.2126, 0.7152, 0.0722]) for color in (first, second))
    return (light[1] + 0.05) / (light[0] + 0.05)


@pytest.mark.parametrize("kind", BLIND)
def test_the_colors_of_the_losses_are_told_apart_by_all_eyes(kind):
    for first, second in combinations([figures.COLORS[name] for name in OTHERS], 2):
        assert distance(first, second, kind) > 20


@pytest.mark.parametrize("ground", ["#FFFFFF", "#14181E", "#111111"])
def test_the_colors_of_the_losses_are_clear_in_light_and_dark(ground):
    for name in OTHERS:
        assert contrast(figures.COLORS[name], ground) >= 3, name


def test_the_colors_of_the_branches_belong_to_the_branches_alone():
    for name in OTHERS:
        assert min(distance(figures.COLORS[name], figures.COLORS[b], "none") for b in BRANCHES) > 15
    branches = {figures.COLORS[b] for b in BRANCHES}
    record = {"epoch": 1, "loss": 1.0, "aux1": 1.1, "aux2": 1.2, "top1": 0.5}
    norms = {part: {"conv1": 1.0, "3a": 2.0} for part in ("main", "aux1", "aux2", "total")}
    plots = [
        figures.plot_training([record, record | {"epoch": 2}], 10),
        figures.plot_gradients(norms),
        figures.plot_experiment(experiment(), {"a": "first", "b": "second"}, {"b is better": "b − a"}),
        figures.plot_lead({"b − a": [{"epoch": 1, "lead": 0.2, "low": 0.1, "high": 0.3}]}, title="lead"),
        figures.plot_audit(paper.audit()),
        figures.plot_errors(history.table(), "depth", ["ensemble"], xlabel="depth", log=False),
        *of_the_training(),
        figures.plot_crops(Image.new("RGB", (451, 300)), plan(scheme(144), 451, 300)),
    ]
    for fig in plots:
        svg = figures.to_svg(fig, "alt").upper()
        assert not {color for color in branches if color in svg}
    assert not {entry["color"] for entry in plt.rcParams["axes.prop_cycle"]} & branches


def test_a_loss_has_one_color_in_plots_of_losses_and_of_gradients_and_in_the_widget():
    record = {"epoch": 1, "loss": 1.0, "aux1": 1.1, "aux2": 1.2, "top1": 0.5}
    losses = {
        line.get_label(): line.get_color() for line in figures.plot_training([record], 10).axes[0].lines[:3]
    }
    norms = {part: {"conv1": 1.0} for part in ("main", "aux1", "aux2")}
    parts = {line.get_label(): line.get_color() for line in figures.plot_gradients(norms).axes[0].lines}
    assert list(losses.values()) == list(parts.values()) == [color for color, _ in figures.LOSSES.values()]
    shades = re.findall(r'"(classifier|first head|second head)", "(\w+)"', HeadsWidget()._esm)
    assert {name: figures.COLORS[shade] for name, shade in shades} == losses


def test_the_widgets_have_the_colors_of_the_figures():
    css = (FOLDER / "widgets.css").read_text()
    found = {name: color.upper() for name, color in re.findall(r"--iw-(\w+): (#\w{6});", css)}
    assert found == figures.COLORS
    # and no script but those of modules and of one convolution uses a branch's
    users = {
        path.name for path in FOLDER.glob("*.js") if re.search(r'"(1x1|3x3|5x5|pool)"', path.read_text())
    }
    about_modules = ("inception", "reduction", "xray", "morph", "map", "module", "convolution", "seeing")
    assert not {name for name in users if not name.startswith(about_modules)}


def test_lines_are_clear_on_white():
    for name in (*BRANCHES, *OTHERS, "accent", "muted"):
        assert contrast(figures.line_color(name), "#FFFFFF") >= 3, name
    for name in BRANCHES:  # and still the branch's own
        assert distance(figures.line_color(name), figures.COLORS[name], "none") < 25
    assert "#E69F00" not in re.findall(
        r"stroke: (#\w+)", figures.to_svg(figures.draw_module(inception_module("m", PAPER_WIDTHS["3a"])), "a")
    )


BOOK = Path(__file__).parents[1] / "book"
# cells that draw kernels and branches; the drawings of the library do the others
ABOUT_BRANCHES = {"c09-e5b361", "c02-seconds-figure", "c02-kept", "c02-savings", "c03-matter-figure"}


@pytest.mark.parametrize("path", sorted(BOOK.glob("*.ipynb")), ids=lambda path: path.stem)
def test_a_chapter_has_the_branches_colors_for_branches_only(path):
    for cell in nbformat.read(path, 4).cells:
        if "COLORS" in cell.source and cell.id not in ABOUT_BRANCHES:
            assert not colors_named(ast.parse(cell.source)) & set(BRANCHES), cell.id


def colors_named(tree):
    """Names of kernels anywhere; other colors in `COLORS[...]`, and in a tuple that has no other words."""
    words = {node: node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    found = {word for word in words.values() if word in ("1x1", "3x3", "5x5")}
    for node in ast.walk(tree):
        inside = {words[n] for n in ast.walk(node) if isinstance(words.get(n), str)}
        taken = isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("COLORS")
        if taken or (isinstance(node, ast.Tuple | ast.List) and inside <= {*figures.COLORS, "ink"}):
            found |= inside
    return found


def test_a_panel_for_each_scale_and_square_shows_its_crops():
    fig = figures.plot_crops(Image.new("RGB", (451, 300)), plan(scheme(144), 451, 300))
    assert len(fig.axes) == 4 * 3 and {len(ax.patches) for ax in fig.axes} == {6}
    boxes = [[patch.get_bbox().extents.tolist() for patch in ax.patches] for ax in fig.axes]
    assert [0, 0, 256, 256] in boxes[0] and [529 - 352, 0, 529, 352] in boxes[-1]


def test_the_first_answer_of_each_picture_stands_out():
    pictures = {"one": Image.new("RGB", (9, 9)), "two": Image.new("RGB", (9, 9))}
    fig = figures.plot_answers(pictures, np.array([[0.7, 0.3], [0.2, 0.8]]), ["cat", "dog"])
    bars = [[bar.get_facecolor() for bar in ax.patches] for ax in fig.axes[2:]]
    accent = matplotlib.colors.to_rgba(figures.COLORS["accent"])
    assert [[color == accent for color in row] for row in bars] == [[True, False], [False, True]]


def test_a_dot_is_filled_where_the_wide_interval_leaves_out_zero():
    change = {"value": 0.02, "low": 0.01, "high": 0.03, "low_together": -0.01, "high_together": 0.05}
    ax = plt.subplots()[1]
    figures.plot_changes({"not shown": change, "shown": change | {"low_together": 0.005}}, ax)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert [dot.get_markerfacecolor() == dot.get_color() for dot in dots] == [False, True]
    assert [dot.get_xdata()[0] for dot in dots] == [2, 2]
