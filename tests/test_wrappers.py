"""State dicts as common training code writes them, and classifiers that were renamed."""

from argparse import Namespace
from pathlib import Path, PurePosixPath

import numpy as np
import pytest
import torch
from caffemodel import caffemodel
from safetensors.torch import save_file
from torch import nn
from weights_helpers import as_caffe, one_sentence, same, tiny

from inception_lib import WeightsError, googlenet, load_weights
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.weights.names import to_torchvision

PAPER = googlenet(classes=5)
THEIRS = googlenet("torchvision", classes=5)
pytestmark = pytest.mark.filterwarnings("ignore:.*does not say how images")


@pytest.fixture(scope="module")
def nets():
    """The published widths, of which alone the variant is recognized; other weights under seed 1."""
    return {(a.name, seed): tiny(a, seed).state_dict() for a in (PAPER, THEIRS) for seed in (0, 1)}


def behind(prefix, state):
    return {prefix + key: value for key, value in state.items()}


OPTIMIZER = {
    "state": {0: {"step": torch.tensor(3.0), "exp_avg": torch.zeros(4)}},
    "param_groups": [{"lr": 0.1}],
}

WRAPPERS = {
    "bare": dict,
    "torchvision's references": lambda s: {
        "model": s,
        "optimizer": OPTIMIZER,
        "lr_scheduler": {"step_size": 30},
        "epoch": 3,
        "args": Namespace(model="googlenet", lr=0.1, device="cuda"),
    },
    "timm's CheckpointSaver": lambda s: {
        "epoch": 3,
        "arch": "googlenet",
        "optimizer": OPTIMIZER,
        "version": 2,
        "args": Namespace(output=PurePosixPath("out"), data=Path("data")),
        "state_dict": s,
        "metric": np.float64(71.5),
    },
    "numbers of NumPy": lambda s: {"state_dict": s, "best": [np.float32(0.1), np.int64(3), np.bool_(True)]},
    "the ImageNet example": lambda s: {"epoch": 1, "arch": "googlenet", "state_dict": behind("module.", s)},
    "torch's tutorial": lambda s: {
        "epoch": 1,
        "model_state_dict": s,
        "optimizer_state_dict": OPTIMIZER,
        "loss": 0.1,
    },
    "net": lambda s: {"net": s, "acc": 93.1},
    "BasicSR": lambda s: {"params": s},
    "nested": lambda s: {"checkpoint": {"model": {"state_dict": behind("module._orig_mod.", s)}}},
    "Lightning": lambda s: {
        "state_dict": behind("model.", s),
        "optimizer_states": [OPTIMIZER],
        "global_step": 1,
    },
    "Lightning, net": lambda s: {"state_dict": behind("net.", s), "pytorch-lightning_version": "2.0"},
    "a backbone": lambda s: behind("encoder.backbone.", s),
    "compiled, distributed": lambda s: behind("_orig_mod.module.", s),
    "distributed, compiled": lambda s: behind("module._orig_mod.", s),
    "as_classifier": lambda s: behind("network.", s),
    "AveragedModel": lambda s: {"n_averaged": torch.tensor(7), **behind("module.", s)},
    "with numbers beside": lambda s: {**s, "epoch": 3},
    "a sequence behind a normalization": lambda s: behind("1.", s),
}


@pytest.mark.parametrize("architecture", [PAPER, THEIRS], ids=lambda a: a.name)
@pytest.mark.parametrize("wrap", WRAPPERS.values(), ids=WRAPPERS)
def test_the_network_is_found_in_what_training_code_writes(nets, tmp_path, architecture, wrap):
    state = nets[architecture.name, 0]
    torch.save(wrap(to_torchvision(state) if architecture is THEIRS else state), tmp_path / "x.pth")
    network, info = load_weights(tmp_path / "x.pth")
    assert info.architecture == architecture and same(network.state_dict(), state)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda s, other: {"state_dict": other, "state_dict_ema": behind("module.", s)},
        lambda s, other: {"model": other, "model_ema": s},
        lambda s, other: {"params": other, "params_ema": s},
        lambda s, other: {"state_dict": {**behind("model.", other), **behind("ema_model.module.", s)}},
        lambda s, other: {"model": other, "ema": {"module": s}},
    ],
)
def test_of_two_the_moving_average_is_taken_and_said(nets, tmp_path, wrap):
    torch.save(wrap(nets[PAPER.name, 0], nets[PAPER.name, 1]), tmp_path / "x.pth")
    with pytest.warns(UserWarning, match="the moving average is taken") as warned:
        network = load_weights(tmp_path / "x.pth", preprocess=BVLC_PREPROCESS).network
    assert len(warned) == 1 and same(network.state_dict(), nets[PAPER.name, 0])


def test_of_two_networks_none_is_guessed(nets, tmp_path):
    state = {**behind("student.", nets[PAPER.name, 0]), **behind("teacher.", nets[PAPER.name, 1])}
    torch.save({"state_dict": state}, tmp_path / "x.pth")
    save_file(state, tmp_path / "x.safetensors")
    for ending in ("pth", "safetensors"):
        with pytest.raises(WeightsError, match=r"holds 2 networks \(.*student, .*teacher\)") as error:
            load_weights(tmp_path / f"x.{ending}")
        one_sentence(error)


def test_what_stands_beside_the_network_is_left_out_and_said(nets, tmp_path):
    state = {"criterion.weight": torch.ones(5), **behind("model.", nets[PAPER.name, 0])}
    torch.save({"state_dict": state}, tmp_path / "x.ckpt")
    with pytest.warns(UserWarning, match=r"criterion\.weight beside the network in model is left out"):
        network = load_weights(tmp_path / "x.ckpt").network
    assert same(network.state_dict(), nets[PAPER.name, 0])


# -------------------------------------------------------------------------------- a renamed classifier


def renamed(state, old, new):
    return {key.replace(old, new, 1) if key.startswith(old) else key: value for key, value in state.items()}


@pytest.mark.parametrize(
    ("prefix", "name"), [("", "fc.1"), ("", "last_linear"), ("", "classifier"), ("backbone.", "head")]
)
def test_the_one_matrix_without_a_place_is_the_classifier(nets, tmp_path, prefix, name):
    state = nets[THEIRS.name, 0]
    theirs = to_torchvision({key: value for key, value in state.items() if "aux" not in key})
    head = {key.replace("fc.", f"{name}.", 1): theirs.pop(key) for key in ("fc.weight", "fc.bias")}
    torch.save({**behind(prefix, theirs), **head}, tmp_path / "x.pth")
    network, info = load_weights(tmp_path / "x.pth")
    assert torch.equal(network.classifier.linear.weight, state["classifier.linear.weight"])
    assert torch.equal(network.classifier.linear.bias, state["classifier.linear.bias"])
    assert info.architecture == THEIRS.without_heads()
    assert info.source.startswith("x.pth, whose classifier is ")


@pytest.mark.parametrize("form", ["old", "new"])
@pytest.mark.parametrize("heads", [True, False])
def test_caffes_rule_for_fine_tuning(nets, tmp_path, form, heads):
    state = {key: value for key, value in nets[PAPER.name, 0].items() if heads or "aux" not in key}
    layers = {
        key.replace("classifier", "classifier_flowers"): value for key, value in as_caffe(state).items()
    }
    assert sum("flowers" in key for key in layers) == (3 if heads else 1)
    (tmp_path / "x.caffemodel").write_bytes(caffemodel(layers, form))
    network, info = load_weights(tmp_path / "x.caffemodel")
    assert same(network.state_dict(), state)
    assert info.source == "x.caffemodel, whose classifier is loss3/classifier_flowers"
    named = load_weights(tmp_path / "x.caffemodel", classes=list("abcde")).info
    assert named.classes == tuple("abcde")


def two_layers(state):
    state = {key: value for key, value in state.items() if "aux" not in key}
    del state["classifier.linear.weight"], state["classifier.linear.bias"]
    hidden = nn.Sequential(nn.Linear(1024, 8), nn.ReLU(), nn.Linear(8, 5)).state_dict()
    return {**state, **behind("head.", hidden)}


def test_a_head_that_googlenet_has_not_is_not_taken_for_its_classifier(nets, tmp_path):
    torch.save(two_layers(nets[PAPER.name, 0]), tmp_path / "x.pth")
    with pytest.raises(
        WeightsError, match=r"classifier is not in the file.*head\.0\.weight.*with classes="
    ) as error:
        load_weights(tmp_path / "x.pth")
    one_sentence(error)
    with pytest.warns(UserWarning, match=r"head\.0\.weight, head\.2\.weight is no classifier"):
        network, info = load_weights(tmp_path / "x.pth", classes=["a", "b"])
    assert info.classes == ("a", "b") and info.name == "x with a new classifier"
    assert torch.equal(network.conv1.conv.weight, nets[PAPER.name, 0]["conv1.conv.weight"])


def test_a_backbone_alone_gets_a_new_classifier_when_asked(nets, tmp_path):
    state = {key: value for key, value in nets[PAPER.name, 0].items() if key.split(".")[0] != "classifier"}
    state = {key: value for key, value in state.items() if "aux" not in key}
    torch.save(state, tmp_path / "x.pth")
    with pytest.raises(WeightsError, match="classifier is not in the file; with classes= all else is kept"):
        load_weights(tmp_path / "x.pth")
    network = load_weights(tmp_path / "x.pth", classes=5).network
    assert network.architecture == PAPER.without_heads()
    assert network.classifier.linear.weight.std() > 0.01  # drawn, not the zeros that held its place


def test_names_and_preprocessing_that_a_file_cannot_tell_are_given(nets, tmp_path, recwarn):
    torch.save(to_torchvision(nets[THEIRS.name, 0]), tmp_path / "x.pth")
    names = ("a", "b", "c", "d", "e")
    info = load_weights(tmp_path / "x.pth", classes=names, preprocess=TORCHVISION_PREPROCESS).info
    assert info.classes == names and info.preprocess == TORCHVISION_PREPROCESS and not recwarn.list
