"""The quizzes: their questions here, their numbers against exact arithmetic, and a quiz in a browser."""

from __future__ import annotations

import json
import math
import re

import pytest
from conftest import open_page

from inception_lib import count, googlenet, networks
from inception_lib.book.quizzes import QUIZZES, quiz
from inception_lib.book.widgets import Quiz
from inception_lib.networks.googlenet import PAPER_WIDTHS
from inception_lib.paper import TABLE2

every_quiz = pytest.mark.parametrize("key", QUIZZES)
PAGES = {
    "lineage": "01_from_lenet_to_googlenet.html",
    "reduction": "02_one_by_one_convolution.html",
    "module": "03_inception_module.html",
    "pooling": "04_global_average_pooling.html",
    "network": "05_whole_network.html",
    "seeing": "06_what_it_sees.html",
    "audit": "07_audit.html",
    "heads": "08_auxiliary_classifiers.html",
    "crops": "09_scales_squares_crops.html",
    "ensemble": "10_ensembles_ablation.html",
    "after": "11_in_its_time_and_after.html",
    "training": "12_train.html",
}


def answers(key: str, words: str) -> dict[str, str]:
    """The answers, with their feedback, of the question that holds `words`; the right one first."""
    question = next(q for q in QUIZZES[key][1]() if words in q.text)
    return dict(question.answers)


def right(key: str, words: str) -> str:
    return next(iter(answers(key, words)))


def test_there_is_one_for_each_chapter():
    assert len(QUIZZES) == 12


@every_quiz
def test_questions_are_whole(key):
    questions = quiz(key)
    assert 3 <= len(questions) <= 5
    for question in questions:
        assert question["text"].endswith("?")
        assert sum(answer["right"] for answer in question["answers"]) == 1
        assert len(question["answers"]) >= 3
        for what in ("text", "feedback"):
            said = [answer[what] for answer in question["answers"]]
            assert all(said) and len(set(said)) == len(said)
        for answer in question["answers"]:
            assert answer["feedback"][-1] in ".?" and answer["text"][-1] != "."
    assert questions == quiz(key), "the order of the answers changes"


@pytest.mark.parametrize("key", ["lineage", "reduction", "module", "pooling", "network"])
def test_the_right_answer_is_not_the_longest(key):
    for question in QUIZZES[key][1]():
        lengths = [len(answer.text) for answer in question.answers]
        assert lengths[0] <= max(lengths[1:]), question.text


def test_the_right_answer_has_no_fixed_place():
    places = {[a["right"] for a in q["answers"]].index(True) for key in QUIZZES for q in quiz(key)}
    assert places == {0, 1, 2}


def test_the_widget_holds_its_questions():
    widget = Quiz("pooling")
    assert repr(widget) == "Quiz('pooling')" and widget.questions == quiz("pooling")
    source = str(widget._esm)
    assert source.count("export default") == 1
    assert not re.search(r"^\s*import\s|import\(|fetch\(|https?://(?!www\.w3\.org)", source, re.M)
    assert len(json.dumps(widget.questions)) < 10_000
    with pytest.raises(ValueError, match="no quiz 'poling'"):
        Quiz("poling")


def test_numbers_of_the_worked_examples():
    left = 40 + 60 * 5_268_480 / 112_896_000
    assert right("reduction", "In a profile") == f"About {left:.0f}%"
    assert "5,268,480" in answers("reduction", "In a profile")[f"About {left:.0f}%"]
    flattened = answers("pooling", "add one fully connected layer")
    assert "= 51,380,224 weights" in flattened["About 8 times as large"]
    assert "416 channels instead of 256" in next(q.text for q in QUIZZES["module"][1]() if "3a" in q.text)
    assert "368 channels" in " ".join(answers("module", "module 3a").values())
    rows = count(googlenet(heads=False)).table().query("branch != ''")
    work = rows.groupby(["module", "branch"])["MACs"].sum().unstack()
    assert (work["3x3"] / work.sum(axis=1) > 0.5).all() and len(PAPER_WIDTHS) == len(work)
    assert right("crops", "run it once on 288x288") == str(3 * 3)
    assert "0.6 points" in " ".join(answers("crops", "What do you report"))
    spent = answers("ensemble", "forward passes")
    assert spent["7 networks x 10 crops"] == "70 passes and 7.62%; one network with 144 has 7.89%."
    assert right("ensemble", "-3.45") == "-3.40"


def test_numbers_of_the_networks():
    ours = count(googlenet(heads=False))
    assert ours.parameters == 6_998_552 and ours.macs == 1_582_671_872
    alexnet = count(networks.alexnet())
    assert "37.8 million of the 61.0 million" in answers("lineage", "storage")[right("lineage", "storage")]
    assert max(alexnet.rows, key=lambda row: row.macs.value).path == "conv2"
    assert "223.9 million of 724.4 million" in next(iter(answers("lineage", "too long").values()))
    convolutions = [row for row in alexnet.rows if row.path.startswith("conv")]
    assert f"{sum(row.parameters for row in convolutions) / alexnet.parameters:.0%}" == "4%"
    ratio = count(networks.resnet(50)).macs / ours.macs
    (question,) = [q for q in QUIZZES["after"][1]() if "ResNet-50" in q.text]
    assert f"has {ratio:.1f} times the MACs" in question.text and 30 * ratio > 60
    assert f"Reject it, because it will take {30 * ratio:.0f} ms" in answers("after", "ResNet-50")
    assert "12,544 positions" in next(iter(answers("network", "faster").values()))
    assert ours["conv1"].out_shape == (64, 112, 112)
    assert "finds 58 layers" in next(q.text for q in QUIZZES["network"][1]() if "22 layers" in q.text)
    assert "6.91" in answers("heads", "With 1,000 classes")["The first head itself"]
    saved = answers("heads", "too much memory")
    assert "1.6 million weights" in saved["512 units in place of 1,024"]
    assert "1.1 million weights" in saved["64 channels in the 1x1 convolution in place of 128"]
    assert (
        "0.5% of the MACs" in answers("heads", "three outputs")["Set the weight of the heads' losses to zero"]
    )
    assert (4_169_728 + 4_202_496) / ours.macs == pytest.approx(0.005, abs=5e-4)
    layers = [path for path, row in ours.by_path.items() if row.weights.value]
    longest = [path for path in layers if not re.search(r"inception_\w+/(1x1|5x5|pool)|3x3_dummy", path)]
    assert len(longest) == 22  # through the 3x3 branches


def test_numbers_of_the_papers_tables():
    errors = {(row.team, row.year, row.external_data): str(row.error) for row in TABLE2}
    assert f"reports {errors['GoogLeNet', 2014, 'no']}%" in QUIZZES["lineage"][1]()[-1].text
    assert "10.07%" in next(iter(answers("lineage", "winner of 2014").values()))


def test_numbers_of_training():
    first = next(q.text for q in QUIZZES["training"][1]())
    assert first.count(f"{math.log(1000):.2f}") == 2
    assert right("training", "eight GPUs").endswith(
        f"times {'eight' if 8 * 32 == 256 else '?'}, after a warm-up"
    )


@pytest.fixture(scope="module", params=PAGES)
def key(request):
    return request.param


@pytest.fixture(scope="module")
def name(key):
    return PAGES[key]


# Of each question the answers in their order, and what is said to each of them once it is checked.
ANSWERED = """root => [...root.querySelectorAll("fieldset")].map((box) => {
  const check = [...box.querySelectorAll("button")].find(({ textContent }) => textContent === "Check");
  const status = box.querySelector('[role="status"]');
  return [...box.querySelectorAll("label")].map((label) => {
    label.control.click();
    const before = status.innerText;
    check.click();
    return [label.innerText, before, status.innerText];
  });
})"""


@pytest.fixture(scope="module")
def served(chromium, site_url, name):
    """The page of a quiz, opened once for all its tests."""
    seen = open_page(chromium, f"{site_url}/{name}", math=False)
    yield seen
    seen.page.context.close()


@pytest.fixture
def shown(served):
    """The page of a quiz, one for all its tests, and the quiz, which is begun anew for each."""
    root = served.look().page.locator('.inception-widget[data-widget="quiz"]')
    root.get_by_role("button", name="Start again").click()
    return served, root


def test_each_answer_gets_its_feedback(shown, key):
    seen, root = shown
    questions = quiz(key)
    boxes = root.get_by_role("group").all()
    assert len(boxes) == len(questions)
    assert root.locator(".iw-title").inner_text() == f"Quiz: {QUIZZES[key][0]}"
    legends = root.locator("legend").all_inner_texts()
    assert legends == [f"{number}. {question['text']}" for number, question in enumerate(questions, 1)]
    for box in boxes:
        box.get_by_role("button", name="Check").click()
    assert root.get_by_role("status").all_inner_texts()[: len(boxes)] == ["Choose an answer first."] * len(
        boxes
    )
    said = {right: "✓ Right. " if right else "✗ No. " for right in (True, False)}
    assert root.evaluate(ANSWERED) == [
        [[a["text"], "", said[a["right"]] + a["feedback"]] for a in question["answers"]]
        for question in questions
    ]
    for box, question in zip(boxes, questions, strict=True):  # and by the mouse
        (answer,) = [answer for answer in question["answers"] if answer["right"]]
        box.get_by_label(answer["text"], exact=True).check()
        box.get_by_role("button", name="Check").click()
        assert box.get_by_role("status").inner_text() == said[True] + answer["feedback"]
    total = len(questions)
    assert f"{total} of {total} right" in root.inner_text()
    root.get_by_role("button", name="Start again").click()
    assert f"0 of {total} right" in root.inner_text() and root.locator("input:checked").count() == 0
    assert seen.errors == []


def test_the_keyboard_alone_answers(shown, key):
    seen, root = shown
    question = quiz(key)[0]
    wanted = [answer["right"] for answer in question["answers"]].index(True)
    root.locator("input").first.focus()
    seen.page.keyboard.press("Space")
    for _ in range(wanted):
        seen.page.keyboard.press("ArrowDown")
    seen.page.keyboard.press("Tab")
    seen.page.keyboard.press("Enter")
    assert root.get_by_role("status").first.inner_text().startswith("✓ Right.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(shown, scheme):
    seen, root = shown
    seen.look(width=390, scheme=scheme)
    box = root.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
