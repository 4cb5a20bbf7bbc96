"""The inference form: the same answers in fewer steps."""

import copy
import pickle
import shutil
import subprocess
import sys
from functools import partial

import pytest
import torch
from small import network as small_network
from small import noise
from torch import nn

from inception_lib import InceptionError, activations, googlenet, predict_many
from inception_lib.architecture import LRN, Architecture, Branch, Branches, Conv, GlobalPool, Linear
from inception_lib.errors import WeightsError
from inception_lib.evaluation.reading import fused
from inception_lib.history import build
from inception_lib.nn.fused import Fused
from inception_lib.nn.network import Network
from inception_lib.weights.formats import save_weights


def trained(architecture, seed=0):
    """A network whose batch normalization, if any, does something."""
    torch.manual_seed(seed)
    network = Network(architecture).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.1)
    return network


def noise_for(network, batch=2):
    return torch.randn(batch, *network.architecture.input, generator=torch.Generator().manual_seed(1))


NETWORKS = {
    "paper": lambda: googlenet(),
    "torchvision": lambda: googlenet("torchvision"),
    "narrow, 80 pixels": lambda: googlenet(width=0.25, input_size=80),
    **{name: partial(build, name) for name in ("lenet5", "nin", "bn_inception", "inception_v3", "resnet50")},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_the_answers_are_the_networks(name):
    network = trained(NETWORKS[name]())
    before, x = copy.deepcopy(network.state_dict()), noise_for(network)
    with torch.no_grad():
        expected, got = network(x).logits, network.fused()(x)
    assert (got.logits - expected).abs().max() <= 1e-5 * expected.abs().max()
    assert got.aux1 is None
    assert not expected.isclose(expected[:1]).all(1)[1]  # they depend on the input
    after = network.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def convolutions(network):
    return [module for module in network.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("variant", ["paper", "torchvision"])
def test_57_convolutions_are_39_and_batch_normalization_is_gone(variant):
    network = Network(googlenet(variant)).fused()
    assert len(convolutions(network)) == 39
    assert len(convolutions(Network(googlenet(variant, heads=False)))) == 57
    assert not any(isinstance(module, nn.BatchNorm2d | nn.Dropout2d) for module in network.modules())
    assert not any(p.requires_grad for p in network.parameters())
    assert convolutions(network)[1].weight.is_contiguous(memory_format=torch.channels_last)
    assert network.architecture == googlenet(variant, heads=False)


@pytest.fixture
def small():
    return trained(googlenet("torchvision", width=0.1, classes=5, heads=False, input_size=64))


def test_it_is_for_inference_alone(small, tmp_path):
    network = small.fused()
    assert network.eval() is network and not network.training
    with pytest.raises(InceptionError, match="is for inference alone and cannot be trained"):
        network.train()
    with pytest.raises(InceptionError, match="takes no untrained classifier"):
        network.reset_classifier(3)
    with pytest.raises(InceptionError, match="not a layer of its own in a fused network"):
        activations(network, noise_for(small), ["inception_3a/5x5_reduce"])
    with pytest.raises(WeightsError):
        save_weights(network, tmp_path / "w.safetensors", small_network(0).info)
    assert not list(tmp_path.iterdir())


def test_features_paths_that_are_left_copies_and_other_types_work(small):
    x, network = noise_for(small), small.fused()
    with torch.no_grad():
        torch.testing.assert_close(network.features(x), small.features(x))
        path = "inception_3a"
        torch.testing.assert_close(network.features(x, [path])[path], small.features(x, [path])[path])
        expected = network(x).logits
        for other in (copy.deepcopy(network), pickle.loads(pickle.dumps(network)), network.fused()):
            torch.testing.assert_close(other(x).logits, expected)
        assert torch.equal(network.as_classifier()(x), expected)
        torch.testing.assert_close(network.double()(x.double()).logits.float(), small(x).logits)
    with pytest.raises(InceptionError, match="takes 3 input channels"):
        network(x[:, :1])


def test_layers_that_are_not_the_librarys_stay_as_they_are(small):
    """A convolution that another library has changed cannot be folded or joined."""

    class Doubled(nn.Conv2d):
        def forward(self, x):
            return 2 * super().forward(x)

    x = noise_for(small)
    for path in ("inception_3a.1x1", "conv1"):
        small.get_submodule(path).conv.__class__ = Doubled
    small.set_submodule(
        "inception_4a.5x5_reduce", nn.Sequential(small.get_submodule("inception_4a.5x5_reduce"))
    )
    with torch.no_grad():
        torch.testing.assert_close(small.fused()(x).logits, small(x).logits)


def test_the_compiler_is_not_loaded_for_nothing():
    """It takes seconds, and `predict` fuses by itself."""
    code = (
        "import sys; from inception_lib import Network, googlenet; Network(googlenet(width=0.1)).fused();"
        "assert 'torch._inductor.config' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_it_is_exported(small):
    x = noise_for(small, 4)
    batch = torch.export.Dim("batch", min=1, max=64)
    program = torch.export.export(small.fused().as_classifier(), (x,), dynamic_shapes=({0: batch},))
    with torch.no_grad():
        torch.testing.assert_close(program.module()(x[:3]), small(x[:3]).logits)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_compiled_it_answers_the_same():
    reduced = (
        Conv(name="3x3_reduce", out_channels=8, kernel=1),
        Conv(name="3x3", out_channels=8, kernel=3, padding=1),
    )
    layers = (
        Conv(name="conv1", out_channels=16, kernel=3, batch_norm=True, bias=False),
        LRN(name="norm1"),
        Branches(
            name="module",
            branches=(
                Branch(name="1x1", layers=(Conv(name="1x1", out_channels=8, kernel=1),)),
                Branch(name="3x3", layers=reduced),
            ),
        ),
        GlobalPool(name="pool"),
        Linear(name="classifier", out_features=5),
    )
    small = trained(Architecture(name="small", input=(3, 12, 12), layers=layers))
    network, x = small.fused(compile=True), noise_for(small, 3)
    torch.testing.assert_close(network(x).logits, small(x).logits.detach())
    assert network._compiled_call_impl is not None and not network(x).logits.requires_grad
    with pytest.raises(InceptionError, match="takes 3 input channels"):
        network(x[:, :1])


def test_many_pictures_are_answered_by_it_unless_somebody_watches(monkeypatch):
    loaded, made = small_network(0), []
    monkeypatch.setattr(Network, "fused", lambda self: made.append(self) or Fused(self))
    pictures = [noise(60, 60, seed) for seed in range(7)]

    def answers():
        return [[guess.probability for guess in p] for p in predict_many(pictures, loaded, crops=10)]

    few = [[g.probability for g in p] for p in predict_many(pictures[:6], loaded, crops=10)]
    assert not made  # 60 views
    many = answers()
    assert made == [loaded.network]
    torch.testing.assert_close(torch.tensor(many)[:6], torch.tensor(few))
    seen = []
    loaded.network.inception_3a.register_forward_hook(lambda *_: seen.append(1))
    torch.testing.assert_close(torch.tensor(answers()), torch.tensor(many))
    assert seen and len(made) == 1
    assert fused(loaded, 10**6) is loaded
