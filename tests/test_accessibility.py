"""axe-core's automated accessibility check on every built page, in light and in dark.

It finds what a program can find: contrast, names, roles, structure. What it calls serious or critical fails.
"""

from __future__ import annotations

from pathlib import Path

import axe_playwright_python
import pytest
from test_site import PAGE_NAMES

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
SERIOUS = ("serious", "critical")

# Folded text is opened, so that it is looked at too, and does not fade in, since axe would see it half faded.
# To keep the check short, the inside of a drawing with a name goes, which no reader of the screen is given,
# and of all colored pieces of code one of each class stays, since equal classes have equal colors.
PREPARE = """() => {
  document.head.insertAdjacentHTML("beforeend", "<style>* { animation: none !important; }</style>");
  for (const fold of document.querySelectorAll("details")) fold.open = true;
  for (const drawing of document.querySelectorAll("svg[role=img][aria-label]")) drawing.replaceChildren();
  const seen = new Set();
  for (const piece of document.querySelectorAll(".highlight span")) {
    if (seen.has(piece.className)) piece.replaceWith(...piece.childNodes);
    seen.add(piece.className);
  }
}"""


def serious_problems(page, rules: list[str] | None = None) -> list[str]:
    """What axe-core finds on the page, a line for each element; only by `rules`, if given."""
    page.evaluate(PREPARE)
    page.evaluate(AXE)
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = page.evaluate("options => axe.run(document, options)", options)
    return [
        f"{v['id']} ({v['impact']}): {node['target']} {node['html'][:120]}"
        for v in found["violations"]
        if v["impact"] in SERIOUS
        for node in v["nodes"]
    ]


@pytest.fixture(scope="module", params=[*PAGE_NAMES, "search.html?q=inception"])
def name(request):
    return request.param


def test_no_serious_problem_in_light(served):
    assert serious_problems(served.page) == []


def test_contrast_in_dark(served):
    # all else is the same page as in light
    assert serious_problems(served.look(scheme="dark").page, ["color-contrast"]) == []


def test_the_check_finds_problems_that_are_there(visit, site_url):
    page = visit(f"{site_url}/references.html").page
    page.evaluate("""() => document.querySelector("article").insertAdjacentHTML("beforeend",
      '<img src="_static/favicon.svg"><p style="color: #aaa; background: #fff">faint</p><input>')""")
    kinds = {problem.partition(" ")[0] for problem in serious_problems(page)}
    assert kinds == {"image-alt", "color-contrast", "label"}
