"""`benchmarks/what_it_sees.py`: which tiles, how they are kept, and what is recorded of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import what_it_sees
from PIL import Image
from what_it_sees import TILE

from inception_lib import googlenet
from inception_lib.book import results
from inception_lib.book.seeing import Tile, tiles_of
from inception_lib.errors import InceptionError
from inception_lib.nn.network import Network


@pytest.fixture(scope="module")
def loaded():
    return what_it_sees.made_on_the_spot()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path / "results"))
    return tmp_path / "results"


@pytest.fixture
def quick(loaded, folder, tmp_path, monkeypatch):
    """Records tiles of two modules' branches, made in no time; how often one was made."""
    made = []

    def draw(network, path, channel, *, size, seed, **options):
        made.append((path, channel))
        pixels = np.random.default_rng(channel).integers(0, 256, (size, size, 3), np.uint8)
        return Image.fromarray(pixels)

    monkeypatch.setattr(what_it_sees, "visualize", draw)
    monkeypatch.setattr(what_it_sees, "RANDOM", 2)
    some = tiles_of(loaded.network.architecture, 2, 0)[:12]
    monkeypatch.setattr(what_it_sees, "tiles_of", lambda *_: some)

    def measure(steps=1):
        return what_it_sees.measure(loaded, 2, 64, steps, 0, tmp_path / "work", "tried")

    measure.made, measure.tiles, measure.work = made, some, tmp_path / "work"
    return measure


def test_tiles_are_drawn_from_each_branch_of_each_module():
    network = Network(googlenet(width=0.2, heads=False))
    tiles = tiles_of(network.architecture, 3, 0)
    assert len(tiles) == 9 * 4 * 3 == len(set(tiles))
    assert all(tile.channel < network.feature_info[tile.path].channels for tile in tiles)
    assert {tile.path for tile in tiles if tile.module == "inception_4c"} == {
        f"inception_4c/{layer}" for layer in ("1x1", "3x3", "5x5", "pool_proj")
    }
    assert tiles == tiles_of(network.architecture, 3, 0) != tiles_of(network.architecture, 3, 1)
    assert max(tile.channel for tile in tiles) > 30  # not the first ones
    every = tiles_of(network.architecture, 10_000, 0)
    assert len(every) == sum(network.feature_info[m].channels for m in {t.module for t in tiles})


def test_random_images_have_the_spectrum_the_mean_and_the_colors_of_the_image():
    image = torch.rand(3, 20, 15, generator=torch.Generator().manual_seed(0))
    image[1] = 0.3 * image[1] + 0.7 * image[0]
    others = torch.cat(list(what_it_sees.same_spectrum(image, 5, torch.Generator().manual_seed(1))))
    assert others.shape == (5, 3, 20, 15) and len({float(i[0, 0, 0]) for i in others}) == 5
    for other in others:
        np.testing.assert_allclose(
            np.abs(np.fft.fft2(other)), np.abs(np.fft.fft2(image)), rtol=1e-3, atol=1e-3
        )
        np.testing.assert_allclose(other.mean((1, 2)), image.mean((1, 2)), rtol=1e-4)
        np.testing.assert_allclose(
            np.cov(other.reshape(3, -1)), np.cov(image.reshape(3, -1)), rtol=1e-3, atol=1e-6
        )


def test_each_tile_is_in_the_sheet_where_the_record_says(quick, folder):
    outcome = quick()
    assert quick.made == [(tile.path, tile.channel) for tile in quick.tiles]
    recorded = results.load("tried").outcome
    assert recorded == outcome and len(recorded["tiles"]) == recorded["of"] == 12
    sheet = Image.open(folder / recorded["sheet"])
    assert sheet.size == (8 * TILE, 2 * TILE)
    for row in recorded["tiles"]:
        own = Image.open(quick.work / f"{row['path'].replace('/', '-')}-{row['channel']}.png").convert("RGB")
        own = np.array(own.resize((TILE, TILE), Image.Resampling.LANCZOS)).astype(float)
        box = (row["left"], row["top"], row["left"] + TILE, row["top"] + TILE)
        seen = np.array(sheet.crop(box)).astype(float)
        assert np.corrcoef(own.ravel(), seen.ravel())[0, 1] > 0.5
    assert len({(row["left"], row["top"]) for row in recorded["tiles"]}) == 12


def test_what_is_finished_is_not_made_again(quick):
    outcome = quick()
    gone = quick.tiles[5]
    (quick.work / f"{gone.path.replace('/', '-')}-{gone.channel}.png").unlink()
    quick.made.clear()
    again = quick()
    assert quick.made == [(gone.path, gone.channel)]
    without = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in o["tiles"]] for o in (outcome, again)
    ]
    assert without[0] == without[1]


def test_a_tile_of_another_run_or_a_damaged_one_is_refused(quick):
    quick()
    with pytest.raises(InceptionError, match=r"is of another run; --work names another folder"):
        quick(steps=2)
    first = quick.tiles[0]
    path = quick.work / f"{first.path.replace('/', '-')}-{first.channel}.png"
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(InceptionError, match=r"cannot be read .* delete it and it is made anew"):
        quick()


def test_an_interrupted_run_has_recorded_the_modules_that_it_finished(quick, monkeypatch):
    draw = what_it_sees.visualize

    def stop(network, path, channel, **options):
        if path == "inception_3b/3x3":
            raise KeyboardInterrupt
        return draw(network, path, channel, **options)

    monkeypatch.setattr(what_it_sees, "visualize", stop)
    with pytest.raises(KeyboardInterrupt):
        quick()
    recorded = results.load("tried").outcome
    assert len(recorded["tiles"]) == 8 and recorded["of"] == 12
    assert recorded["finding"].startswith("8 of 12 channels")


def test_filters_lie_in_rows_of_eight():
    shown = np.random.default_rng(0).integers(0, 256, (10, 7, 5, 3), np.uint8)
    sheet = np.array(what_it_sees.filter_sheet(shown))
    assert sheet.shape == (14, 40, 3)
    np.testing.assert_array_equal(sheet[:7, 10:15], shown[2])
    np.testing.assert_array_equal(sheet[7:, 5:10], shown[9])
    assert (sheet[7:, 10:] == 128).all()


def test_the_finding_says_for_how_many():
    rows = [
        {"path": "a", "channel": 0, "more_than": what_it_sees.RANDOM},
        {"path": "b", "channel": 7, "more_than": 12},
    ]
    said = what_it_sees.finding(rows, 3)
    assert said.startswith("2 of 3 channels, drawn by the seed. 1 of the 2 images") and "12 of 100" in said
    assert "channel 7 of b" in said


def test_a_tile_is_measured_by_what_excites_its_channel(loaded):
    tile = Tile("inception_3a", "3x3", "inception_3a/3x3", 2)
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8))
    found = what_it_sees.measured(loaded.network, loaded.info.preprocess, tile, picture)
    kept = {}
    relu = loaded.network.get_submodule("inception_3a.3x3").relu
    hook = relu.register_forward_hook(lambda _, inputs, output: kept.update(before=inputs[0].detach()))
    loaded.network(loaded.info.preprocess(picture)[None])
    hook.remove()
    assert found["excitation"] == pytest.approx(float(kept["before"][0, 2].mean()), abs=1e-3)
    assert 0 <= found["more_than"] <= what_it_sees.RANDOM and found["random_most"] >= found["random_mean"]


@pytest.mark.parametrize(
    "options, says",
    [
        ({}, "--weights is needed"),
        ({"quick": True, "channels": 0}, "at least 1"),
        ({"record": "a/b"}, "'a/b'"),
    ],
)
def test_what_cannot_be_is_refused_before_the_work(options, says):
    with pytest.raises(InceptionError, match=says):
        what_it_sees.main(**options)


@pytest.mark.slow
def test_a_quick_run_needs_nothing_and_records(folder, monkeypatch, capsys):
    monkeypatch.setattr(what_it_sees, "RANDOM", 3)  # each is a pass of its own, for each of 36 tiles
    assert what_it_sees.main(quick=True, record="tried") == 0
    assert "36 of 36 channels" in capsys.readouterr().out
    recorded = results.load("tried").outcome
    assert len(recorded["tiles"]) == 36 and recorded["sheet"] == "tried.webp"
    assert Image.open(folder / "tried.webp").size == (4 * TILE, 9 * TILE)
    assert Image.open(folder / "tried_filters.png").size == (3 * 7, 7)
