"""The large network on the reader's photograph: its images against Pillow, its answers against torch."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from playwright.sync_api import expect
from test_accessibility import serious_problems
from widget_page import write_page

from inception_lib import load_weights, save_weights
from inception_lib.book.bundled import bundled
from inception_lib.book.live import page
from inception_lib.book.photographs import photographs
from inception_lib.book.scripts import joined
from inception_lib.book.widgets import PhotoWidget
from inception_lib.book.widgets.base import FOLDER
from inception_lib.data.images import BVLC_PREPROCESS, Preprocess
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.visualization import class_map

pytestmark = pytest.mark.book
HEAD = "<style>:root { color-scheme: light dark; }</style>"
BVLC = (Path(__file__).parents[1] / ".." / "shared" / "weights" / "bvlc_googlenet.caffemodel").resolve()
SETTLED = "root => root.dataset.answered && root.dataset.answered === root.dataset.settings"
#: Runs one of photo_image.js's functions on an image that is given as RGBA numbers.
IMAGES = """async ([source, pixels, width, height, call]) => {
  const own = await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })));
  const image = new ImageData(new Uint8ClampedArray(pixels), width, height);
  const rgb = ({ data }) => [...data].filter((_, i) => i % 4 < 3);
  if (call.filter) return rgb(own.resized(image, call.width, call.height, call.filter));
  return own.viewsOf(image, call.count, call.preprocess).map((v) => ({ pixels: rgb(v.image), box: v.box }));
}"""


def png(picture: Image.Image, name: str = "photo.png") -> dict:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return {"name": name, "mimeType": "image/png", "buffer": file.getvalue()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pages are written here, with the engine beside them and a "large" network that is offered."""
    made = tmp_path_factory.mktemp("photo")
    page.write_scripts(made / "_static", next(bundled(2)))
    save_weights(next(bundled(1)).network, made / "mine.safetensors", next(bundled(1)).info)
    return made


@pytest.fixture
def shown(visit, folder):
    def show(**settings):
        seen = visit(write_page(folder / "page.html", [PhotoWidget(**settings)], head=HEAD))
        return seen, seen.page.locator(".inception-widget")

    return show


@pytest.fixture
def opened(shown, folder):
    """The widget with the first bundled network, chosen from disk."""

    def open_one(**settings):
        seen, root = shown(**settings)
        chosen(root, "Choose weights", folder / "mine.safetensors")
        settle(seen, root)
        return seen, root

    return open_one


def chosen(root, label: str, file) -> None:
    root.locator(f'input[aria-label="{label}"]').set_input_files(file)


def settle(seen, root, before: str | None = None) -> None:
    """Wait for an answer, and one that is not that of `before`."""
    handle = root.element_handle()
    seen.page.wait_for_function("([root, old]) => root.dataset.best !== old", arg=[handle, before])
    seen.page.wait_for_function(SETTLED, arg=handle)


def best_of(root) -> dict[int, float]:
    return {one["k"]: one["p"] for one in json.loads(root.get_attribute("data-best"))}


def called(seen, picture: Image.Image, **call):
    data = list(picture.convert("RGBA").tobytes())
    source = joined(FOLDER / "photo_image.js")
    return seen.page.evaluate(IMAGES, [source, data, *picture.size, call])


@pytest.mark.parametrize("filter", ["box", "bilinear", "hamming", "bicubic", "lanczos"])
def test_a_picture_is_resized_as_pillow_does_it(shown, filter):
    seen, _ = shown()
    pixels = np.random.default_rng(0).integers(0, 256, (45, 70, 3), np.uint8)
    picture = Image.fromarray(pixels)
    for size in ((31, 20), (90, 113), (70, 20)):
        found = np.array(called(seen, picture, width=size[0], height=size[1], filter=filter))
        want = np.array(picture.resize(size, Image.Resampling[filter.upper()])).ravel()
        assert np.abs(found - want).max() <= 1 and (found != want).mean() < 0.01


@pytest.mark.parametrize("rounding", ["nearest", "torchvision"])
@pytest.mark.parametrize("size", [(70, 45), (51, 80), (60, 60)])
def test_crops_are_those_of_the_library(shown, size, rounding):
    seen, _ = shown()
    preprocess = Preprocess(resize=40, crop=35, rounding=rounding)
    width, height = size
    picture = Image.fromarray(np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8))
    given = {name: getattr(preprocess, name) for name in vars(preprocess)}
    (single,) = called(seen, picture, count=1, preprocess=given)
    want = np.array(preprocess.frame(picture)).ravel()
    assert np.abs(np.array(single["pixels"]) - want).max() <= 1

    views = plan(scheme(10, preprocess), width, height, preprocess)
    found = called(seen, picture, count=10, preprocess=given)
    small = picture.resize(replace(preprocess, resize=40).resized(width, height), Image.Resampling.BILINEAR)
    wanted = []
    for view in views:
        left, top, side = view.place
        crop = small.crop((left, top, left + side, top + side))
        wanted.append(
            np.array(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if view.mirror else crop).ravel()
        )
    assert len(found) == len(wanted) == 10
    for own in found:  # in another order
        assert min(np.abs(np.array(own["pixels"]) - one).max() for one in wanted) <= 1
    boxes = sorted((round(b[0], 6), round(b[1], 6)) for b in (own["box"] for own in found))
    assert boxes == sorted((round(v.box[0], 6), round(v.box[1], 6)) for v in views)


def test_a_chosen_photograph_gets_torchs_answer_class_map_and_maps(opened):
    seen, root = opened(layer="inception_3a")
    loaded = next(bundled(1))
    picture = photographs(["coffee"])["coffee"]
    before = root.get_attribute("data-best")
    chosen(root, "Choose a photograph", png(picture))
    seen.page.wait_for_function(
        "([root, old]) => root.dataset.best !== old", arg=[root.element_handle(), before]
    )
    settle(seen, root)
    x = loaded.info.preprocess(picture)[None]
    with torch.no_grad():
        logits = loaded.network(x).logits[0]
    wanted = logits.softmax(0)
    found = best_of(root)
    assert list(found) == wanted.topk(5).indices.tolist()
    np.testing.assert_allclose(list(found.values()), wanted.topk(5).values, atol=2e-3)
    np.testing.assert_allclose(json.loads(root.get_attribute("data-logits")), logits, atol=0.05)

    target = list(found)[2]
    root.locator(".iw-answers button").nth(2).click()
    bias = loaded.network.classifier.linear.bias[target].item()
    want = (class_map(loaded.network, x, target) - bias).flatten()
    got = json.loads(root.get_attribute("data-map"))
    np.testing.assert_allclose(got, want, atol=0.03 * want.abs().max().item())
    assert root.locator(".iw-answers [aria-pressed=true]").count() == 1
    assert loaded.info.classes[target] in root.locator(".iw-small").first.inner_text()

    sheet = root.get_by_role("application")
    sheet.focus()
    sheet.press("Home")
    sheet.press("ArrowRight")
    assert json.loads(root.get_attribute("data-settings"))["channel"] == 2
    maps = {}
    hook = loaded.network.inception_3a.register_forward_hook(lambda m, i, o: maps.update(seen=o))
    with torch.no_grad():
        loaded.network(x)
    hook.remove()
    got = json.loads(root.get_attribute("data-map"))
    np.testing.assert_allclose(got, maps["seen"][0, 1].flatten(), rtol=0.05, atol=0.5)
    assert seen.errors == [] and seen.off_machine == []


def test_ten_crops_are_averaged_over_several_workers(opened):
    seen, root = opened()
    loaded = next(bundled(1))
    preprocess = loaded.info.preprocess
    picture = photographs(["chelsea"])["chelsea"].resize((160, 106))
    chosen(root, "Choose a photograph", png(picture))
    root.get_by_label("Crops averaged").select_option("10")
    settle(seen, root)
    crops = scheme(10, preprocess)
    small = picture.resize(replace(preprocess, resize=crops.scales[0]).resized(*picture.size), 2)
    x = []
    for view in plan(crops, *picture.size, preprocess):
        left, top, side = view.place
        tensor = preprocess.tensor(small.crop((left, top, left + side, top + side)))
        x.append(tensor.flip(2) if view.mirror else tensor)
    with torch.no_grad():
        mean = loaded.network(torch.stack(x)).logits.softmax(1).mean(0)
    found = best_of(root)
    for k, p in found.items():
        assert p == pytest.approx(float(mean[k]), abs=0.01)
    assert next(iter(found)) == int(mean.argmax())


def test_the_offered_network_is_loaded_on_a_button_that_states_its_size(shown, folder):
    seen, root = shown()
    size = (folder / "_static" / "live-large.js").stat().st_size
    offer = root.get_by_role("button", name="Load ")
    expect(offer).to_have_text(f"Load shapes-2 ({size / 1e6:.1f} MB)")
    scripts = seen.page.locator('script[src*="live-large"]')
    assert scripts.count() == 0  # not before it is wished
    offer.click()
    settle(seen, root)
    assert scripts.count() == 1
    assert len(best_of(root)) == 5 and root.locator(".iw-door").is_hidden()


def test_files_that_are_none_are_refused_in_a_sentence_and_nothing_is_lost(opened, tmp_path):
    seen, root = opened()
    before = root.get_attribute("data-best")
    bad = {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": b"no picture"}
    chosen(root, "Choose a photograph", bad)
    expect(root.get_by_role("alert")).to_have_text("photo.jpg is no image that this browser can read.")
    # dropped: weights that are none
    drop = """([root, name, text]) => {
      const dataTransfer = new DataTransfer();
      dataTransfer.items.add(new File([text], name));
      root.querySelector(".iw-results").dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true }));
    }"""
    seen.page.evaluate(drop, [root.element_handle(), "x.caffemodel", "<html>"])
    expect(root.get_by_role("alert")).to_contain_text("x.caffemodel: this is a web page or markup")
    assert root.get_attribute("data-best") == before


def test_a_long_run_is_cancelled(opened):
    seen, root = opened()
    seen.page.evaluate("Worker.prototype.postMessage = function () {}")  # a worker that never answers
    before = root.get_attribute("data-best")
    root.get_by_label("Crops averaged").select_option("10")
    cancel = root.get_by_role("button", name="Cancel")
    cancel.click()
    expect(cancel).to_be_hidden()
    assert root.get_by_role("progressbar").count() == 0
    expect(root.get_by_role("alert")).to_have_text("Stopped. What is shown is from before.")
    assert root.get_attribute("data-best") == before and root.get_attribute("data-answered") == ""


def test_the_camera_shows_itself_and_then_gives_a_picture(opened):
    seen, root = opened()
    seen.page.evaluate(
        """() => {
          const canvas = document.createElement("canvas");
          canvas.width = canvas.height = 120;
          const paper = canvas.getContext("2d");
          setInterval(() => { paper.fillStyle = "#c33"; paper.fillRect(0, 0, 120, 120); }, 20);
          const stream = canvas.captureStream(30);
          globalThis.tracks = stream.getTracks();
          const media = { getUserMedia: async () => stream };
          Object.defineProperty(navigator, "mediaDevices", { value: media, configurable: true });
        }"""
    )
    before = root.get_attribute("data-best")
    root.get_by_role("button", name="Camera").click()
    expect(root.locator("video")).to_be_visible()
    seen.page.wait_for_function("document.querySelector('video').videoWidth > 0")
    root.get_by_role("button", name="Take the picture").click()
    seen.page.wait_for_function(
        "([root, old]) => root.dataset.best !== old", arg=[root.element_handle(), before]
    )
    settle(seen, root)
    assert seen.page.evaluate("tracks.every((t) => t.readyState === 'ended')")
    assert root.locator("video").is_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width, height", [(1280, 720), (390, 844)])
def test_photograph_answers_and_maps_are_seen_together(opened, width, height, scheme):
    seen, root = opened()
    seen.page.set_viewport_size({"width": width, "height": height})
    seen.page.emulate_media(color_scheme=scheme)
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= width
    for what in (".iw-picture", ".iw-answers", ".iw-inside > .iw-controls"):
        box = root.locator(what).bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height, what
    assert root.locator(".iw-sheet").bounding_box()["y"] < height - 60
    assert serious_problems(seen.page) == []


@pytest.mark.slow
@pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights")
@pytest.mark.parametrize("way", ["from disk", "offered"])
def test_bvlcs_network_answers_as_torch_does(visit, tmp_path, way):
    loaded = load_weights(BVLC)
    page.write_scripts(tmp_path / "_static", loaded if way == "offered" else None)
    seen = visit(write_page(tmp_path / "page.html", [PhotoWidget()], head=HEAD))
    root = seen.page.locator(".inception-widget")
    if way == "offered":
        offer = root.get_by_role("button", name="Load bvlc")
        expect(offer).to_contain_text("(13.8 MB)")
        offer.click()
    else:
        chosen(root, "Choose weights", BVLC)
    settle(seen, root)
    picture = photographs(["chelsea"])["chelsea"]
    before = root.get_attribute("data-best")
    chosen(root, "Choose a photograph", png(picture))
    settle(seen, root, before)
    with torch.no_grad():
        want = loaded.network(BVLC_PREPROCESS(picture)[None]).logits[0]
    # a pixel may be rounded the other way, and what is offered is in float16
    np.testing.assert_allclose(json.loads(root.get_attribute("data-logits")), want, atol=0.05)
    expect(root.locator(".iw-answers button").first).to_contain_text("Egyptian cat")
    assert float(root.get_attribute("data-ms")) < 10_000  # 1,500 on a machine with nothing else to do
