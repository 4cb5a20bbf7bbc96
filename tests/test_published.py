"""Published weights: BVLC's in full, what is known of them, and how they are fetched."""

import hashlib
import http.server
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from caffemodel import caffemodel
from weights_helpers import Site, as_caffe, one_sentence, same, serving, tiny

from inception_lib import InceptionError, WeightsError, googlenet
from inception_lib.data.decoding import read_picture
from inception_lib.data.imagenet import imagenet_classes
from inception_lib.data.images import (
    BVLC_PREPROCESS,
)
from inception_lib.weights import loading
from inception_lib.weights import published as published_weights
from inception_lib.weights.caffe import read_caffemodel
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights
from inception_lib.weights.published import cached, published

SHARED = (Path(__file__).parents[1] / ".." / "shared").resolve()


BVLC = SHARED / "weights" / "bvlc_googlenet.caffemodel"


PHOTOS = SHARED / "datasets" / "imagenet-samples-384.tar"


LOGITS = SHARED / "weights" / "expected_bvlc_logits.npz"


needs_bvlc = pytest.mark.skipif(not BVLC.exists(), reason="no ../shared/weights/bvlc_googlenet.caffemodel")


needs_logits = pytest.mark.skipif(
    not (BVLC.exists() and PHOTOS.exists() and LOGITS.exists()),
    reason="no ../shared/weights with imagenet-samples-384.tar",
)


@pytest.fixture(scope="module")
def bvlc():
    return load_weights(BVLC)


@pytest.mark.slow
@needs_logits
def test_the_62_expected_logits(bvlc):
    expected, preprocess = np.load(LOGITS), bvlc.info.preprocess
    with tarfile.open(PHOTOS) as tar:
        photos = [
            preprocess(read_picture(tar.extractfile(f"imagenet-samples-384/{name}")))
            for name in expected["photo"]
        ]
    with torch.inference_mode():
        logits = torch.cat([bvlc.network(torch.stack(photos[i : i + 8])).logits for i in range(0, 62, 8)])
    assert len(photos) == 62
    assert (logits - torch.from_numpy(expected["logits"])).abs().max() < 1e-3
    right = (logits.argmax(1) == torch.from_numpy(expected["label"].astype(np.int64))).sum()
    assert int(right) == round(0.6935 * 62)


@needs_bvlc
def test_bvlcs_weights_carry_what_belongs_to_them(bvlc):
    network, info = bvlc
    assert sum(p.numel() for p in network.parameters()) == 6_998_552
    assert info.architecture == googlenet("paper", heads=False) and not network.training
    assert info.preprocess == BVLC_PREPROCESS and info.classes[281] == "tabby"
    assert all(p.requires_grad for p in network.parameters())


@needs_bvlc
@pytest.mark.parametrize("packed", [True, False])
def test_bvlcs_weights_in_the_older_container_are_the_same_tensors(bvlc, tmp_path, packed):
    layers = read_caffemodel(BVLC)
    assert len(layers) == 58
    if not packed:  # a few layers will do for the slow writer
        layers = {name: layers[name] for name in ("conv1/7x7_s2", "inception_3a/5x5", "inception_5b/1x1")}
    path = tmp_path / "old.caffemodel"
    path.write_bytes(caffemodel(layers, "old", packed=packed))
    if packed:
        assert same(load_weights(path).network.state_dict(), bvlc.network.state_dict())
    else:
        again = read_caffemodel(path)
        assert all(
            np.array_equal(a.ravel(), b.ravel())
            for name in layers
            for a, b in zip(layers[name], again[name], strict=True)
        )


@needs_bvlc
@pytest.mark.parametrize("part", [0.1, 0.9999])
def test_a_truncated_caffemodel_gets_one_sentence(tmp_path, part):
    path = tmp_path / "cut.caffemodel"
    data = BVLC.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(WeightsError) as error:
        load_weights(path)
    assert "cut.caffemodel: this is no .caffemodel, or it is damaged or cut short" in one_sentence(error)


@needs_bvlc
def test_the_class_names_are_in_the_order_of_the_outputs():
    synsets = (BVLC.parent / "synset_words.txt").read_text().splitlines()
    lists = [{word.strip().lower() for word in line.split(" ", 1)[1].split(",")} for line in synsets]
    agree = sum(name.lower() in words for name, words in zip(imagenet_classes(), lists, strict=True))
    assert agree > 980  # torchvision tells a few namesakes apart in its own words


site = pytest.fixture(serving)
SHA1 = "sha1:" + hashlib.sha1(Site.content).hexdigest()


def serve_bvlc(monkeypatch, url, sha=SHA1):
    """Make `bvlc` a small network from our own site; all else is the real path."""
    real = published
    info = replace(
        real("bvlc"),
        architecture=googlenet(width=0.05),
        urls=(f"{url}/model.caffemodel",),
        checksums=(sha,),
    )
    for module in (published_weights, loading):
        monkeypatch.setattr(module, "published", lambda name: info if name == "bvlc" else real(name))


def test_a_name_is_fetched_once_verified_and_kept(site, monkeypatch, tmp_path, capfd):
    serve_bvlc(monkeypatch, site)
    assert cached("bvlc") is None and not Site.asked
    network, info = load_weights("bvlc")
    assert "model.caffemodel" in capfd.readouterr().err  # the bar
    assert cached("bvlc") == tmp_path / "cache" / "model.caffemodel"
    assert info.name == "bvlc" and info.architecture == googlenet(width=0.05, heads=False)
    assert same(network.state_dict(), tiny(googlenet(width=0.05, heads=False)).state_dict())
    load_weights("bvlc", progress=False)
    assert Site.asked == ["/model.caffemodel"] and not capfd.readouterr().err
    assert [p.name for p in (tmp_path / "cache").iterdir()] == ["model.caffemodel"]


def test_torch_hubs_own_copy_is_used(site, tmp_path):
    assert cached("torchvision") is None
    file = tmp_path / "torch" / "hub" / "checkpoints" / "googlenet-1378be20.pth"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert cached("torchvision") == file


def test_offline_gets_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = http.server.HTTPServer(("127.0.0.1", 0), Site)
    server.server_close()  # a port where nobody listens
    serve_bvlc(monkeypatch, f"http://127.0.0.1:{server.server_port}")
    with pytest.raises(WeightsError) as error:
        load_weights("bvlc")
    assert "the download failed (" in one_sentence(error) and "refused" in str(error.value)
    assert str(tmp_path / "cache" / "model.caffemodel") in str(error.value)
    assert not list((tmp_path / "cache").iterdir())


def test_published_weights_are_described_without_being_fetched():
    bvlc, theirs = published("bvlc"), published("torchvision")
    assert bvlc.checksums[-1] == "sha1:405fc5acd08a3bb12de8ee5e23a96bec22f08204"
    assert theirs.checksums == ("sha256:1378be20",) and theirs.urls[0].endswith("googlenet-1378be20.pth")
    assert len(bvlc.classes) == len(theirs.classes) == 1000
    assert bvlc.license and bvlc.source and theirs.license and theirs.source
    with pytest.raises(InceptionError, match=r"no published weights named 'vgg'; there are bvlc and "):
        published("vgg")


def test_another_file_in_the_place_of_the_published_one_does_not_get_its_name(site, monkeypatch, tmp_path):
    serve_bvlc(monkeypatch, site)
    load_weights("bvlc", progress=False)
    path = cached("bvlc")
    other = caffemodel(as_caffe(tiny(googlenet(width=0.05, heads=False), seed=1).state_dict()), "old")
    path.write_bytes(other)
    info = load_weights("bvlc", progress=False).info
    assert info.name == "model" and info.source == "model.caffemodel, which is not the published file"
    assert info.urls == info.checksums == () and info.license == "not stated in the file"


@needs_bvlc
def test_bvlcs_numbers_are_known_in_any_container(monkeypatch, tmp_path, bvlc):
    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path))
    (tmp_path / "bvlc_googlenet.caffemodel").symlink_to(BVLC)
    info = load_weights("bvlc").info
    assert info.name == "bvlc" and info.urls == published("bvlc").urls
    fine_tuned = load_weights(BVLC).network
    fine_tuned.classifier.linear.bias.data[0] += 1e-4
    read = load_weights(save_weights(fine_tuned, tmp_path / "x.safetensors", info)).info
    assert read.name == "fine-tuned from bvlc" and read.urls == read.checksums == ()
    read = load_weights(save_weights(bvlc.network, tmp_path / "y.safetensors", info)).info
    assert read == info


def test_classes_that_everybody_knows_are_where_they_are():
    # from ILSVRC-2012's list of synsets, in the order of WordNet's ids
    classes = imagenet_classes()
    known = {0: "tench", 1: "goldfish", 207: "golden retriever", 281: "tabby", 388: "giant panda"}
    known |= {134: "crane bird", 517: "crane", 954: "banana", 985: "daisy", 999: "toilet tissue"}
    assert len(classes) == 1000 and {i: classes[i] for i in known} == known
