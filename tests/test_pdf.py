"""The book on paper: two of its pages, printed from the built ones."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from pypdf import PdfReader
from test_site import PAGE_NAMES

from inception_lib.book.widgets import ReductionWidget
from tools import pdf

pytestmark = pytest.mark.browser

CHAPTER = "02_one_by_one_convolution"


@pytest.fixture(scope="module")
def reader(pages, tmp_path_factory) -> PdfReader:
    target = tmp_path_factory.mktemp("pdf") / "book.pdf"
    with ThreadPoolExecutor(1) as apart:  # Playwright runs once in a thread; other tests may hold it here
        apart.submit(pdf.book, [CHAPTER, "references"], target).result()
    return PdfReader(target)


def test_the_chapters_are_those_of_the_book_in_its_order():
    assert [f"{name}.html" for name in pdf.chapters()] == PAGE_NAMES


def test_the_outline_leads_to_each_chapter(reader):
    first, second = reader.outline
    assert "1x1" in first.title and second.title == "References"
    assert reader.get_destination_page_number(first) == 0 < reader.get_destination_page_number(second)
    assert first.title.partition(" ")[0] in reader.pages[0].extract_text()


def test_a_widget_is_a_still_with_its_settings_and_its_result(reader):
    text = " ".join(" ".join(page.extract_text() for page in reader.pages).split())
    widget = ReductionWidget()
    labels = [field["label"] for field in widget.fields]
    stills = [still[:1500] for still in text.split("Settings ")[1:]]
    settings = next(still for still in stills if labels[0] in still)  # a page has several widgets
    assert [label for label in labels if label not in settings] == []
    assert f"{widget.result()['direct_macs']:,}" in text
    assert "Reset" not in settings


def test_no_link_leads_into_the_machine_that_printed_it(reader):
    actions = [note.get_object().get("/A", {}) for page in reader.pages for note in page.get("/Annots") or ()]
    addresses = [action["/URI"] for action in actions if "/URI" in action]
    assert addresses and all(address.startswith(("https://", "http://", "mailto:")) for address in addresses)
