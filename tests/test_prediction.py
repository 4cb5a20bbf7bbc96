"""From any picture to named classes: the answer is the network's own, whatever the picture comes as."""

import tarfile
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small import CLASSES, network, noise, odd_folder
from torchvision.transforms import functional as tv

from inception_lib import InceptionError, Network, PictureError, WeightsError, predict, predict_many
from inception_lib.data.images import Preprocess
from inception_lib.evaluation import prediction
from inception_lib.evaluation.data import open_test_data, relabeled
from inception_lib.evaluation.ensemble import evaluate
from inception_lib.weights.formats import save_weights


@pytest.fixture(scope="module")
def loaded():
    return network(0)


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photo") / "photo.png"
    noise(75, 60).save(path)
    return path


def by_hand(loaded, picture):
    """The probabilities (classes,) by the loaded network and its own pre-processing."""
    with torch.no_grad():
        return loaded.network(loaded.info.preprocess(picture)[None]).logits.softmax(1)[0]


def probabilities(found):
    return torch.tensor([p for _, p, _ in sorted(found, key=lambda guess: guess.output)])


def same(found, expected, most=1e-5):
    assert [guess.output for guess in found] == [guess.output for guess in expected]
    assert [g.probability for g in found] == pytest.approx([g.probability for g in expected], abs=most)


def test_a_picture_of_any_kind_gets_the_answer_that_the_network_gives(loaded, photo):
    expected = by_hand(loaded, photo)
    pixels = np.asarray(Image.open(photo))
    tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)
    bgr = np.ascontiguousarray(pixels[..., ::-1])
    pictures = [
        photo,
        str(photo),
        Image.open(photo),
        pixels,
        pixels / 255,
        bgr[..., ::-1],
        tensor,
        tensor / 255,
    ]
    for picture in pictures:
        found = predict(picture, loaded)
        assert torch.allclose(probabilities(found), expected, atol=1e-6)
        assert [guess.output for guess in found] == expected.argsort(descending=True).tolist()
        assert all(guess.name == CLASSES[guess.output] for guess in found)
    assert not torch.allclose(probabilities(predict(bgr, loaded)), expected, atol=1e-3)
    for found in predict_many(pictures, loaded):
        same(found, predict(pictures[0], loaded))


def test_what_it_shows(loaded, photo):
    found = predict(photo, loaded, top=2)
    assert len(found) == 2 and found[0] == found.guesses[0] and list(found) == list(found.guesses)
    name, probability, output = found[0]
    assert found[0].name == name == CLASSES[output]
    lines = repr(found).splitlines()
    assert lines[0] == str(photo) and lines[1] == f"  {100 * probability:5.1f} %  {name}" and len(lines) == 3
    assert predict(noise(60, 60), loaded).picture == "the picture"
    assert [f.picture for f in predict_many([noise(60, 60), photo], loaded)] == ["picture 1", str(photo)]


@pytest.mark.parametrize(("crops", "batch"), [(1, None), (1, 1), (1, 2), (10, 7), (144, None)])
def test_many_get_the_answers_of_the_test_whatever_the_batch(tmp_path, loaded, crops, batch):
    """In their order, those that cannot be read among them."""
    folder = odd_folder(tmp_path / "odd") / "val"
    data = relabeled(open_test_data(str(folder)), loaded.info)
    tested = evaluate([loaded], data, tmp_path / "out", crops=(crops,), progress=False, device="cpu")
    found = list(predict_many(folder, loaded, crops=crops, batch=batch, workers=2, device="cpu"))
    assert [f.picture for f in found] == [data.label_of(i) for i in range(len(data))]
    assert [i for i, f in enumerate(found) if not f.error] == tested.read.tolist()
    assert {i: f.error for i, f in enumerate(found) if f.error} == tested.skipped and len(tested.skipped) == 3
    for one, p in zip([f for f in found if not f.error], tested.probabilities(crops), strict=True):
        # one crop is Pillow's to the pixel; evaluate resizes where the network is
        assert np.allclose(probabilities(one), p, atol=2e-3 if crops == 1 else 1e-5)


def test_ten_crops_are_torchvisions():
    loaded = network(1, Preprocess(resize=55, crop=48, rounding="torchvision"))
    picture = noise(55, 55)
    ten = torch.stack([loaded.info.preprocess.tensor(p) for p in tv.ten_crop(picture, 48)])
    with torch.no_grad():
        expected = loaded.network(ten).logits.softmax(1).mean(0)
    # 55 - 48 is odd, so that the mirrored center is one pixel off
    assert torch.allclose(probabilities(predict(picture, loaded, crops=10)), expected, atol=5e-3)


SHARED = (Path(__file__).parents[1] / ".." / "shared").resolve()
NEEDED = [SHARED / "weights" / name for name in ("bvlc_googlenet.caffemodel", "expected_bvlc_logits.npz")]
NEEDED.append(SHARED / "datasets" / "imagenet-samples-384.tar")


@pytest.mark.slow
@pytest.mark.skipif(not all(p.exists() for p in NEEDED), reason="no ../shared with weights and samples")
def test_bvlcs_network_says_of_62_photographs_what_another_program_computed():
    weights, logits, photos = NEEDED
    known = np.load(logits)
    expected = torch.from_numpy(known["logits"]).double().softmax(1)
    with tarfile.open(photos) as tar:
        pictures = [Image.open(tar.extractfile(f"imagenet-samples-384/{name}")) for name in known["photo"]]
        found = list(predict_many(pictures, weights, top=1000, device="cpu"))
    ours = torch.stack([probabilities(f) for f in found])
    assert (ours - expected).abs().max() < 1e-5
    assert sum(f[0].output == label for f, label in zip(found, known["label"], strict=True)) == 43


def test_a_network_in_training_answers_as_in_evaluation(photo):
    expected = predict(photo, network(0))
    training = network(0)
    training.network.train()
    same(predict(photo, training), expected)
    assert not training.network.training


def test_weights_may_be_a_path_or_a_network(tmp_path, loaded, photo):
    path = save_weights(loaded.network, tmp_path / "w.safetensors", loaded.info)
    named = Network.from_pretrained(path)
    for weights in (path, str(path), named, named.as_classifier(), tuple(loaded)):
        same(predict(photo, weights), predict(photo, loaded))
    with pytest.raises(WeightsError, match="not a Identity"):
        predict(photo, torch.nn.Identity())
    with pytest.raises(WeightsError, match="does not say how pictures become its input"):
        predict(photo, Network(loaded.info.architecture))


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_of_another_precision_answers_too(photo, kind):
    own = network(0)
    expected = predict(photo, own)
    own.network.to(kind)
    same(predict(photo, own), expected, 1e-2)


def test_a_warp_is_saved_with_the_weights(tmp_path, loaded):
    wide = noise(200, 50)
    warped = replace(loaded.info, preprocess=replace(loaded.info.preprocess, warp=True))
    path = save_weights(loaded.network, tmp_path / "w.safetensors", warped)
    square = wide.resize((54, 54), Image.Resampling.BILINEAR)
    same(predict(wide, path), predict(square, loaded), 2e-3)
    assert predict(wide, path)[0].probability != pytest.approx(predict(wide, loaded)[0].probability, abs=2e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("crops", [1, 144])
def test_a_gpu_says_the_same(photo, crops):
    expected = list(predict_many([photo, noise(60, 90)], network(0), crops=crops, device="cpu"))
    for found, other in zip(
        predict_many([photo, noise(60, 90)], network(0), crops=crops, device="cuda"), expected, strict=True
    ):
        same(found, other, 2e-3)


def test_a_batch_is_its_pictures(loaded):
    pixels = np.stack([np.asarray(noise(60, 55, seed)) for seed in range(3)])
    each = [predict(one, loaded) for one in pixels]
    batches = (pixels, torch.from_numpy(pixels).permute(0, 3, 1, 2), list(pixels), iter(pixels))
    for batch in batches:
        for found, expected in zip(predict_many(batch, loaded), each, strict=True):
            same(found, expected)


def test_folders_are_read_to_their_ground_but_for_what_is_hidden(tmp_path, loaded, photo):
    for name in ("b/c/1.png", "a.png", ".hidden.png", ".git/2.png", "b/.x/3.png", "b/notes.txt"):
        (tmp_path / "in" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "in" / name).write_bytes(photo.read_bytes())
    (tmp_path / "in" / "empty").mkdir()
    found = list(predict_many([tmp_path / "in", photo], loaded))
    assert [f.picture for f in found] == [
        str(tmp_path / "in" / "a.png"),
        str(tmp_path / "in" / "b" / "c" / "1.png"),
        str(photo),
    ]
    empty, one = predict_many([tmp_path / "in" / "empty", photo], loaded)
    assert empty.error == f"{tmp_path / 'in' / 'empty'}: there is no picture in this folder." and one


def test_what_cannot_be_read_has_a_sentence_and_no_guess(tmp_path, loaded):
    for wrong in (tmp_path / "none.png", np.zeros((4, 4, 3), np.int64), torch.full((3, 5, 5), 9.0), 7):
        with pytest.raises(PictureError) as error:
            predict(wrong, loaded)
        bad, good = predict_many([wrong, noise(50, 50)], loaded)
        assert bad.error == str(error.value) and bad.error.endswith(".") and bad.guesses == () and good[0]
        assert bad.error in repr(bad)
        for ask in (lambda bad=bad: bad[0], lambda bad=bad: bad[:1]):
            with pytest.raises(PictureError):
                ask()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_an_answer_that_is_no_number_is_none(value, photo):
    broken = network(0)
    broken.network.classifier.linear.bias.data[1] = value
    with pytest.raises(PictureError, match="net0 answers is not a number"):
        predict(photo, broken)


@pytest.mark.parametrize(
    ("pictures", "options", "sentence"),
    [
        ([], {}, "There is no picture"),
        (np.zeros((9, 9, 3), np.uint8), {}, "One picture alone is for predict"),
        (torch.zeros(3, 9, 9), {}, "One picture alone is for predict"),
        (Image.new("RGB", (9, 9)), {}, "One picture alone is for predict"),
        (["x.png"], {"top": 0}, "top must be at least 1, not 0"),
        (["x.png"], {"batch": 0}, "batch must be at least 1"),
        (["x.png"], {"workers": 0}, "workers must be at least 1"),
        (["x.png"], {"crops": 12}, "There are tests with 1, 10, 144 crops, not with 12"),
        (["x.png"], {"device": "abacus"}, "'abacus'"),
    ],
)
def test_bad_input_is_refused_before_anything_is_done(monkeypatch, pictures, options, sentence):
    monkeypatch.setattr(prediction, "load_weights", lambda *_, **__: pytest.fail("weights were opened"))
    with pytest.raises(InceptionError, match=sentence):
        predict_many(pictures, **options)


def test_the_filters_of_warnings_stay_as_they_were(tmp_path, loaded):
    folder = odd_folder(tmp_path) / "val"
    before = list(warnings.filters)
    assert len(list(predict_many(folder, loaded))) == 11
    assert warnings.filters == before
