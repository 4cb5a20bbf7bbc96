"""The last hand on a page, and the bundles of what the theme asks for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tools import bundles, finishing

HEAD = """<link href="_static/styles/theme.css?digest=1" rel="stylesheet" />
<link rel="stylesheet" type="text/css" href="_static/book.css?v=2" />
<script defer src="_static/scripts/fontawesome.js?digest=1"></script>
<link rel="preload" as="script" href="_static/scripts/bootstrap.js?digest=1" />
<script src="_static/documentation_options.js?v=3"></script>
<script src="_static/doctools.js?v=4"></script>
<script data-sd-tabs-storage-prefix="t" src="_static/design-tabs.js?v=5"></script>
<script>window.MathJax = {}</script>
<script defer="defer" src="_static/mathjax/tex-chtml.js?v=6"></script>
<script>DOCUMENTATION_OPTIONS.pagename = 'one';</script>
<script src="_static/searchtools.js"></script><script src="searchindex.js"></script>"""
BODY = '<p>one</p><script defer src="_static/scripts/bootstrap.js?digest=1"></script>'


def page(body: str = BODY, root: str = "./", head: str = HEAD) -> str:
    head = head.replace("_static", f"{root}_static".removeprefix("./"))
    return f'<html data-content_root="{root}"><head>{head}</head><body>{body}</body></html>'


def test_a_page_asks_for_one_style_sheet_and_one_script_which_name_their_parts(tmp_path):
    done = finishing.finished(page(), tmp_path)
    assert [part.split() for _, part in bundles.BUNDLE.findall(done)] == [
        ["_static/styles/theme.css?digest=1", "_static/book.css?v=2"],
        [
            "_static/documentation_options.js?v=3",
            "_static/doctools.js?v=4",
            "_static/scripts/bootstrap.js?digest=1",
        ],
    ]
    assert re.findall(r'src="([^"]*)"', done) == [re.search(r'"(_static/bundles/\w+\.js)"', done)[1]]
    assert done.index("<p>one</p>") < done.index(".js")
    # another content, another address
    other = finishing.finished(page(head=HEAD.replace("v=2", "v=7")), tmp_path)
    assert re.findall(r"\w+\.css", done)[0] != re.findall(r"\w+\.css", other)[0]


@pytest.mark.parametrize(
    ("body", "loads"), [("<p>one</p>", 0), ('<span class="math notranslate">x</span>', 1)]
)
def test_mathematics_is_typeset_late_and_only_where_there_is_some(tmp_path, body, loads):
    done = finishing.finished(page(body + BODY), tmp_path)
    assert done.count("tex-chtml.js") == loads and '<script defer="defer"' not in done
    assert done.count('addEventListener("DOMContentLoaded"') == loads
    assert "window.MathJax = {}" in done


def test_tabs_have_their_script(tmp_path):
    assert "design-tabs" not in finishing.finished(page(), tmp_path)
    assert "design-tabs" in finishing.finished(page('<div class="sd-tab-set"></div>' + BODY), tmp_path)


def test_short_words_of_code_are_marked_so_that_they_do_not_break(tmp_path):
    code = f'<code><span class="pre">--dry-run</span> <span class="pre">{"long" * 10}</span></code>'
    done = finishing.finished(page(code + BODY), tmp_path)
    assert '<span class="pre short">--dry-run</span> <span class="pre">long' in done


def test_the_search_keeps_its_scripts_in_order(tmp_path):
    done = finishing.finished(page(), tmp_path, is_search=True)
    order = ("documentation_options.js?v=3", "doctools.js", "searchtools.js", "searchindex.js", "htmlToText")
    places = [done.index(part) for part in order]
    assert places == sorted(places) and "fontawesome" not in done


def test_a_page_in_a_folder_and_a_part_of_a_page(tmp_path):
    done = finishing.finished(page(root="../"), tmp_path)
    assert 'href="../_static/bundles/' in done and 'src="../_static/bundles/' in done
    assert "_static/styles/theme.css?digest=1 _static/book.css?v=2" in done
    assert finishing.finished("<i></i>", tmp_path) == "<i></i>"


def test_bundles_are_written_from_what_the_pages_say(tmp_path):
    static = tmp_path / "_static"
    for path, text in {
        "styles/theme.css": '@import "../basic.css";',
        "basic.css": "ul{background:url(file.png)}",
        "book.css": '@font-face{src:url("fonts/a.woff2")} b{mask:url("data:image/svg+xml,x")}'
        '.fa-bars:before,.fa-navicon:before{content:"\\f0c9"}.fa-bars{color:red}',
        "documentation_options.js": "const OPTIONS = 1",
        "doctools.js": '"use strict";\nvar a = OPTIONS // end',
        "scripts/bootstrap.js": "implicit = a\n//# sourceMappingURL=bootstrap.js.map",
    }.items():
        (static / path).parent.mkdir(parents=True, exist_ok=True)
        (static / path).write_text(text)
    (tmp_path / "one.html").write_text(finishing.finished(page(), tmp_path))
    bundles.write(tmp_path)
    (script,), (sheet,) = (list((static / "bundles").glob(kind)) for kind in ("*.js", "*.css"))
    assert sheet.read_text().split("\n") == [
        'ul{background:url("../file.png")}',
        "",
        '@font-face{src:url("../fonts/a.woff2")} b{mask:url("data:image/svg+xml,x")}.fa-bars{color:red}',
        "",
    ]
    text = script.read_text()
    assert "sourceMappingURL" not in text and not text.lstrip().startswith('"use strict"')
    # a later build in which no page is written, and one in which another is
    bundles.write(tmp_path)
    assert script.read_text() == text
    (tmp_path / "one.html").write_text(finishing.finished(page(head=HEAD.replace("v=2", "v=7")), tmp_path))
    bundles.write(tmp_path)
    assert not sheet.exists() and len(list((static / "bundles").iterdir())) == 2


def test_the_joined_script_runs_as_its_parts_did(chromium, tmp_path):
    parts = {"a.js": '"use strict";\nconst A = 1 // no end', "b.js": "implicit = A + 1"}
    for name, text in parts.items():
        (tmp_path / name).write_text(text)
    context = chromium.new_context()
    opened = context.new_page()
    opened.add_script_tag(content="".join(bundles.script(tmp_path, name) for name in parts))
    assert opened.evaluate("implicit") == 2
    context.close()


def test_our_typeface_has_its_license_beside_it():
    fonts = Path(__file__).resolve().parents[1] / "book" / "_static" / "fonts"
    words = (fonts / "LICENSE.txt").read_text()
    for font in fonts.glob("*.woff2"):
        assert font.name in words and font.read_bytes()[:4] == b"wOF2"
    assert "SIL OPEN FONT LICENSE Version 1.1" in words
    assert sum(font.stat().st_size for font in fonts.glob("*.woff2")) < 100_000
