"""The entry points of torch.hub, through torch.hub."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from weights_helpers import as_caffe, same, tiny

from inception_lib import googlenet, load_weights, save_weights
from inception_lib.nn.network import Network

ROOT = Path(__file__).parents[1]


def hub(entry="googlenet", *arguments, **more):
    return torch.hub.load(str(ROOT), entry, *arguments, source="local", **more)


@pytest.fixture
def trained(tmp_path):
    return save_weights(tiny(googlenet(width=0.05, classes=7), seed=3), tmp_path / "x.safetensors")


def test_the_entry_points_are_these_with_help():
    hubconf = torch.hub._import_module("hubconf", str(ROOT / "hubconf.py"))
    # as torch.hub.list has it, for repositories on GitHub alone
    public = [name for name, value in vars(hubconf).items() if callable(value) and name[0] != "_"]
    assert public == ["googlenet", "googlenet_classifier"]
    assert all("logits" in getattr(hubconf, name).__doc__ for name in public)


def test_each_package_that_a_network_needs_is_named_as_a_dependency():
    """Before it loads anything, torch.hub says which of them are missing."""
    code = (
        "import sys, torch, torchvision\n"
        "before = set(sys.modules)\n"
        "import hubconf, inception_lib.weights.loading\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        "ours = {'hubconf', 'inception_lib', *sys.stdlib_module_names, *hubconf.dependencies}\n"
        "print(sorted(new - ours))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert ast.literal_eval(done.stdout) == []


def test_new_networks():
    generator = torch.Generator().manual_seed(5)
    network = hub(pretrained=False, classes=3, variant="torchvision", heads=False, generator=generator)
    expected = Network(
        googlenet("torchvision", classes=3, heads=False), generator=torch.Generator().manual_seed(5)
    )
    assert network.architecture == expected.architecture and same(network.state_dict(), expected.state_dict())
    assert hub(pretrained=False).architecture == googlenet()


def test_networks_of_files(trained):
    network = hub("googlenet", str(trained))
    assert same(network.state_dict(), load_weights(trained).network.state_dict())
    other = hub(pretrained=trained, classes=["a", "b"])
    assert other.architecture.classes == 2 and other.info.classes == ("a", "b")
    classifier = hub("googlenet_classifier", trained, classes=4)
    assert classifier(torch.randn(2, 3, 64, 64)).shape == (2, 4) and not classifier.network.architecture.heads


def test_published_weights_by_name(tmp_path, monkeypatch):
    """From the cache, where another file stands in for the published one."""
    from caffemodel import caffemodel

    monkeypatch.setenv("INCEPTION_CACHE", str(tmp_path))
    state = tiny(googlenet(heads=False)).state_dict()
    (tmp_path / "bvlc_googlenet.caffemodel").write_bytes(caffemodel(as_caffe(state), "old"))
    for network in (hub(), hub("googlenet", True), hub("googlenet", "bvlc")):
        assert same(network.state_dict(), state) and not network.training
