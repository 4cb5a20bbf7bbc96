"""The network in a real page: opened from a file, the network refused; and what a notebook's kernel sends."""

from __future__ import annotations

import base64
import json
import re
from types import SimpleNamespace

import anywidget
import numpy as np
import pytest
import torch
from widget_page import write_page

from inception_lib.book.bundled import bundled
from inception_lib.book.live import page, parts
from inception_lib.book.live.widget import Living
from inception_lib.book.scripts import joined
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.data.shapes import picture_at
from inception_lib.nn.network import activations
from inception_lib.weights.header import KINDS, _decode, encoded
from tools import local_ext

pytestmark = pytest.mark.book


def test_a_script_holds_what_it_imports_once(tmp_path):
    (tmp_path / "a.js").write_text(
        'import { b } from "./in/b.js";\nimport { c } from "./c.js";\nexport default b + c;\n'
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "b.js").write_text('import {\n  c,\n} from "../c.js";\nexport const b = c;\n')
    (tmp_path / "c.js").write_text("export const c = 1;\n")
    assert joined(tmp_path / "a.js") == "const c = 1;\nconst b = c;\nexport default b + c;\n"


def test_the_workers_script_imports_and_exports_nothing():
    lines = parts.source().splitlines()
    assert not [line for line in lines if line.startswith(("import ", "export "))]
    assert len([line for line in lines if line.startswith("function serve(")]) == 1


def test_what_is_left_out_of_a_tree_is_what_the_page_fills_in():
    for one in parts.known()["networks"]:
        architecture = _decode(one["architecture"])  # Python fills the same in
        assert parts._sparse(encoded(architecture)) == one["architecture"]
    defaults = parts.known()["defaults"]
    assert set(defaults) == set(KINDS) and defaults["Conv"]["norm_eps"] == 1e-3
    assert defaults["Branches"]["join"] == "concatenate" and "out_channels" not in defaults["Conv"]


def test_the_pages_script_is_small_and_written_beside_the_pages(tmp_path):
    html = SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html"))
    local_ext.write_live_network(html, RuntimeError())
    local_ext.write_live_network(SimpleNamespace(builder=SimpleNamespace(format="latex")), None)
    assert not list(tmp_path.iterdir())
    local_ext.write_live_network(html, None)
    assert [path.name for path in (tmp_path / "_static").iterdir()] == ["live.js"]
    text = (tmp_path / "_static" / "live.js").read_text()
    assert 500_000 < len(text) < 700_000 and text.isascii()
    value = json.loads(text.removeprefix("globalThis.InceptionLive = ").removesuffix(";\n"))
    about, data = parts.bundled_network()
    assert value["networks"] == {"shapes-1": about | {"data": base64.b64encode(data).decode()}}
    assert len(data) < 400_000 and value["offered"] is None
    assert base64.b64decode(value["wasm"]) == parts.module()


class Notebook(Living, anywidget.AnyWidget):
    _esm = "export default {}"


def test_a_kernel_sends_the_network_once_it_is_wanted():
    widget = Notebook()
    assert (widget.live_parts, widget.live_weights) == ({}, b"")  # a built page holds no copy
    widget.live_wanted = "shapes-2"
    about, data = parts.bundled_network("shapes-2")
    assert widget.live_weights == data and data != parts.bundled_network()[1]
    assert widget.live_parts["networks"] == {"shapes-2": about}
    assert widget.live_parts["source"] == parts.source()
    widget.live_wanted = "shapes-9"
    assert widget.live_parts["error"].startswith(
        "There is no bundled network 'shapes-9'; there are shapes-1, "
    )


class Shown(Living, anywidget.AnyWidget):
    """A widget that only gives what a test asks the network for."""

    _esm = joined(parts.FOLDER / "client.js") + (
        "export default { async render({ model, el }) {"
        "  globalThis.client = { Live, large, normalized, parts: () => parts(model) }; el.className = 'live';"
        "} };"
    )


@pytest.fixture
def opened(visit, tmp_path):
    """A page with the network open, from a file."""
    page.write_scripts(tmp_path / "_static")

    def open_one(head: str = ""):
        seen = visit(write_page(tmp_path / "page.html", [Shown()], head=head))
        assert seen.page.evaluate("typeof globalThis.InceptionLive") == "undefined"  # only when asked for
        seen.about = seen.page.evaluate(
            """async () => {
              const all = await client.parts();
              globalThis.live = new client.Live(all);
              return live.open(all.networks["shapes-1"]);
            }"""
        )
        return seen

    return open_one


RUN = """async ([input, keep]) => {
  const found = await live.run({ input: Float32Array.from(input), keep });
  for (const path of keep) found.kept[path] = [...found.kept[path].values];
  return { ...found, logits: [...found.logits] };
}"""


def answer_of_torch(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The logits, and what inception_4a gives, of the network as it is packed."""
    from inception_lib.book.live.packing import Packed, unpack

    about, data = parts.bundled_network()
    network = next(bundled(1)).network
    tensors = unpack(Packed(about["weights"]["tensors"], data))
    network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    with torch.no_grad():
        map_4a = activations(network, x, ["inception_4a"])["inception_4a"].output
        return network(x).logits.numpy()[0], map_4a.numpy()


POLICIES = {
    "": ("blob:", False),  # any page
    # compiles no WebAssembly, and loads no script but its own
    "script-src 'self' 'unsafe-inline' blob: file:; worker-src blob:": ("blob:", True),
    "script-src 'self' 'unsafe-inline' blob: file:; worker-src 'none'": (None, True),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_a_page_from_a_file_gives_torchs_numbers_also_where_it_is_strict(opened, policy):
    address, plain = POLICIES[policy]
    head = f'<meta http-equiv="Content-Security-Policy" content="{policy}">' if policy else ""
    seen = opened(head)
    assert seen.off_machine == []
    assert seen.about["plain"] is plain and seen.about["heads"] == []
    assert [worker.url[:5] for worker in seen.page.workers] == ([address] if address else [])
    x = torch.randn(1, 3, 80, 80, generator=torch.Generator().manual_seed(3))
    found = seen.page.evaluate(RUN, [x.flatten().tolist(), ["inception_4a"]])
    logits, map_4a = answer_of_torch(x)
    np.testing.assert_allclose(found["logits"], logits, atol=1e-4)
    np.testing.assert_allclose(found["kept"]["inception_4a"], map_4a.ravel(), atol=1e-4 * map_4a.max())
    if not policy:
        assert seen.errors == []


def test_pixels_of_a_page_become_the_input_that_python_makes_of_them(opened):
    seen = opened()
    picture = picture_at("test", 4)
    found = seen.page.evaluate(
        """async ([rgb, bvlc]) => {
          const data = new Uint8ClampedArray(4 * 80 * 80).fill(255);
          rgb.forEach((value, i) => { data[4 * Math.floor(i / 3) + i % 3] = value; });
          const image = new ImageData(data, 80, 80), found = await live.run({ image, keep: ["input"] });
          return [[...found.kept.input.values], [...found.logits], [...client.normalized(image, bvlc)]];
        }""",
        [picture.ravel().tolist(), encoded(BVLC_PREPROCESS)],
    )
    np.testing.assert_allclose(found[2], BVLC_PREPROCESS.tensor(picture).flatten(), atol=1e-4)
    x = next(bundled(1)).info.preprocess(picture)
    np.testing.assert_allclose(found[0], x.flatten(), atol=1e-6)
    np.testing.assert_allclose(found[1], answer_of_torch(x[None])[0], atol=1e-4)


def test_a_newer_run_supersedes_older_ones_and_one_that_waits_does_not(opened):
    """The network is made slow by an input of many times its size, so that runs meet."""
    seen = opened()
    found = seen.page.evaluate(
        """async () => {
          const side = 640, shape = [3, side, side], small = new Float32Array(3 * 80 * 80).fill(0.5);
          const large = () => ({ input: new Float32Array(3 * side * side), shape });
          await live.run(large());
          const slow = (await live.run(large())).ms;
          const start = performance.now();
          const begun = live.run(large());
          await new Promise((done) => setTimeout(done, slow / 10));
          const between = live.run(large()), last = live.run({ input: small });
          const answers = await Promise.all([begun, between, last]);
          const passed = performance.now() - start;
          const patient = [live.run(large())];
          await new Promise((done) => setTimeout(done, slow / 10));
          patient.push(live.run({ ...large(), wait: true }), live.run({ input: small, wait: true }));
          const waited = await Promise.all(patient);
          const alone = await live.run({ input: small });
          return { answers: answers.map(Boolean), waited: waited.map(Boolean), slow, passed,
            same: [answers[2], waited[2]].every((a) => String(a.logits) === String(alone.logits)) };
        }"""
    )
    assert found["answers"] == [False, False, True]  # the one in progress, and the one that had not begun
    assert found["waited"] == [True, False, True]
    assert found["same"]
    assert found["slow"] > 50, "too fast for runs to meet"


def test_the_reader_can_look_further_after_a_run_and_at_the_filters(opened):
    seen = opened()
    found = seen.page.evaluate(
        """async () => {
          await live.run({ input: new Float32Array(3 * 80 * 80).fill(0.5) });
          const maps = await live.read(["conv1", "inception_5b"]);
          const filters = await live.filters("inception_3a/5x5");
          const again = await live.filters("inception_3a/5x5");
          const error = await live.read(["conv9"]).catch((error) => error.message);
          return [maps.conv1.shape, maps.inception_5b.shape, filters.shape, filters.bias.length, error,
            String(filters.values) === String(again.values)];
        }"""
    )
    same = found.pop()
    assert same and found == [
        [16, 40, 40],
        [256, 2, 2],
        [8, 4, 5, 5],
        8,
        "googlenet-paper: has no layer conv9 that was run.",
    ]


def test_a_file_from_disk_is_opened_and_a_wrong_one_is_named(opened, tmp_path):
    seen = opened()
    seen.page.evaluate("document.body.append(Object.assign(document.createElement('input'), {type: 'file'}))")
    box = seen.page.locator("input[type=file]")
    opening = "box => live.open(box.files[0]).then((about) => about.classes, (error) => error.message)"
    box.set_input_files(str(next(bundled_files())))
    assert box.evaluate(opening) == list(next(bundled(2)).info.classes)
    x = torch.zeros(1, 3, 80, 80)
    with torch.no_grad():
        want = next(bundled(2)).network(x).logits[0]
    np.testing.assert_allclose(seen.page.evaluate(RUN, [x.flatten().tolist(), []])["logits"], want, atol=1e-4)
    filters = "live.filters('conv1').then(({ values }) => values.length)"
    assert [seen.page.evaluate(filters) for _ in range(2)] == [16 * 3 * 7 * 7] * 2  # each time a copy
    (tmp_path / "notes.txt").write_text("hello\n")
    box.set_input_files(str(tmp_path / "notes.txt"))
    assert box.evaluate(opening).startswith("notes.txt: this is text, and not weights")
    assert seen.off_machine == [] and seen.errors == []


def bundled_files():
    from inception_lib.book.bundled import FOLDER

    yield FOLDER / "shapes-2.safetensors"


@pytest.mark.parametrize("length", [1, 2, 15, 16, 1000, (15 << 16) + 1])
def test_letters_hold_fifteen_bits(length):
    data = np.random.default_rng(length).integers(0, 256, length, np.uint8).tobytes()
    text = page.letters(data)
    assert len(text) == -(-length * 8 // 15)
    bits = "".join(f"{ord(letter) - 0x3400:015b}" for letter in text)
    assert int(bits[: 8 * length], 2) == int.from_bytes(data, "big") and not int(bits[8 * length :] or "0", 2)


def test_a_large_network_is_offered_and_fetched_on_the_readers_wish(visit, tmp_path, monkeypatch):
    html = SimpleNamespace(outdir=str(tmp_path), builder=SimpleNamespace(format="html"))
    monkeypatch.setenv("BOOK_WEIGHTS", str(next(bundled_files())))
    local_ext.write_live_network(html, None)
    size = (tmp_path / "_static" / "live-large.js").stat().st_size
    seen = visit(write_page(tmp_path / "page.html", [Shown()], head=""))
    x = torch.randn(1, 3, 80, 80, generator=torch.Generator().manual_seed(5))
    about = seen.page.evaluate(
        """async () => {
          const all = await client.parts();
          globalThis.live = new client.Live(all);
          const before = Object.keys(all.networks);
          return [all.offered, before, await live.open(await client.large())];
        }"""
    )
    assert about[0] == {"name": "shapes-2", "source": about[0]["source"], "bytes": size}
    assert about[1] == ["shapes-1"] and about[2]["name"] == "shapes-2"
    found = seen.page.evaluate(RUN, [x.flatten().tolist(), []])
    with torch.no_grad():
        want = next(bundled(2)).network(x).logits[0]  # the file itself is in float16: nothing is lost
    np.testing.assert_allclose(found["logits"], want, atol=1e-4)
    assert seen.off_machine == [] and seen.errors == []
    monkeypatch.delenv("BOOK_WEIGHTS")
    local_ext.write_live_network(html, None)
    assert [path.name for path in (tmp_path / "_static").glob("live*")] == ["live.js"]


def test_a_page_without_its_script_says_so(visit, tmp_path):
    seen = visit(write_page(tmp_path / "page.html", [Shown()], head=""))
    said = seen.page.evaluate("client.parts().catch((error) => error.message)")
    assert said == "The network's weights, _static/live.js, are not beside this page."


def test_the_script_is_beside_the_built_pages_and_on_none_of_them(pages):
    assert (pages / "_static" / "live.js").read_text().startswith("globalThis.InceptionLive = ")
    asks = re.compile(r"(src|href)=.[^ >]*live\.js")
    assert not [path.name for path in pages.glob("*.html") if asks.search(path.read_text(encoding="utf-8"))]
