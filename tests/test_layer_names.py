"""Names that others give to GoogLeNet's layers: each leads to the layer with the same output."""

import re

import pytest
import torch
import torchvision

from inception_lib import InceptionError, googlenet
from inception_lib.architecture import walk
from inception_lib.networks import alexnet
from inception_lib.networks.googlenet import PAPER_WIDTHS
from inception_lib.networks.names import layer_path
from inception_lib.nn.network import Network, activations
from inception_lib.weights.names import from_torchvision

NET = googlenet()


@pytest.mark.parametrize(
    ("name", "path"),
    [
        # BVLC's deploy.prototxt
        ("conv1/7x7_s2", "conv1"),
        ("pool1/3x3_s2", "pool1"),
        ("pool1/norm1", "norm1"),
        ("conv2/3x3_reduce", "conv2_reduce"),
        ("conv2/norm2", "norm2"),
        ("inception_3b/5x5_reduce", "inception_3b/5x5_reduce"),
        ("inception_3b/relu_5x5_reduce", "inception_3b/5x5_reduce"),
        ("inception_4c/output", "inception_4c"),
        ("pool4/3x3_s2", "pool4"),
        ("pool5/7x7_s1", "pool5"),
        ("pool5/drop_7x7_s1", "dropout"),
        ("loss3/classifier", "classifier"),
        ("loss1/ave_pool", "aux1/pool"),
        ("loss2/classifier", "aux2/classifier"),
        # Inception5h, Lucid, Distill
        ("conv2d2", "conv2"),
        ("localresponsenorm1", "norm2"),
        ("maxpool0", "pool1"),
        ("maxpool10", "pool4"),
        ("mixed4c", "inception_4c"),
        ("mixed4c_3x3_bottleneck", "inception_4c/3x3_reduce"),
        ("mixed4c_pool_reduce", "inception_4c/pool_proj"),
        ("import/mixed4c:0", "inception_4c"),
        ("head1_bottleneck", "aux2/conv"),
        ("softmax2_pre_activation", "classifier"),
        # TF-Slim, whose letters begin with the layer before the modules
        ("Mixed_3b", "inception_3a"),
        ("InceptionV1/InceptionV1/Mixed_4f", "inception_4e"),
        ("Mixed_5c", "inception_5b"),
        # torch's way to write a path
        ("inception_4c.5x5", "inception_4c/5x5"),
        ("inception4c.branch2.1", "inception_4c/3x3"),
    ],
)
def test_others_names(name, path):
    assert layer_path(NET, name) == path


def test_each_path_is_its_own_name():
    for architecture in (NET, googlenet("torchvision"), alexnet()):
        for step in walk(architecture):
            assert layer_path(architecture, step.path) == step.path
            assert layer_path(architecture, step.path.replace("/", ".")) == step.path


def test_torchvisions_modules_give_what_the_layers_give_to_which_their_names_lead():
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(init_weights=False, aux_logits=False).eval()
    ours = Network(googlenet("torchvision", heads=False)).eval()
    ours.load_state_dict(from_torchvision(theirs.state_dict()))
    modules = [f"inception{m}" for m in PAPER_WIDTHS]
    names = ["conv1", "conv3", "maxpool2", "maxpool3", *modules, "avgpool", "fc"]
    names += [f"inception4d.{part}" for part in ("branch1", "branch2.0", "branch3.1", "branch4.1")]
    seen = {}
    for name in names:
        theirs.get_submodule(name).register_forward_hook(
            lambda m, i, out, name=name: seen.update({name: out})
        )
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        theirs(x)
        kept = activations(ours, x, names)
    for name in names:
        torch.testing.assert_close(kept[name].output, seen[name], atol=1e-5, rtol=1e-4)
    # the one name that means another layer here
    assert layer_path(ours.architecture, "conv2") == "conv2"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("incepton_4c", "did you mean inception_4c"),
        ("mixed4", "did you mean inception_4"),
        ("loss3/classifier_flowers", "did you mean classifier"),
        (
            "mixed4c_3x3_pre_relu/conv",
            "as before_relu of inception_4c/3x3, and after the ReLU it is inception_4c/3x3",
        ),
        (
            "mixed4c_pre_relu",
            "of inception_4c/1x1, inception_4c/3x3, inception_4c/5x5, inception_4c/pool_proj, and",
        ),
        ("prob", "the softmax is left to the caller"),
        ("layer4", "its layers are conv1, pool1, norm1"),
        ("", "its layers are conv1"),
    ],
)
def test_a_name_that_leads_nowhere_gets_one_sentence_with_a_way_on(name, sentence):
    with pytest.raises(InceptionError, match=re.escape(sentence)) as error:
        layer_path(NET, name)
    assert str(error.value).startswith(f"googlenet-paper: has no layer {name!r}") and "\n" not in str(
        error.value
    )


def test_a_layer_that_a_variant_does_not_have_is_not_found_by_another_name():
    for name in ("norm1", "pool1/norm1", "localresponsenorm0"):
        with pytest.raises(InceptionError, match="has no layer"):
            layer_path(googlenet("torchvision"), name)
    with pytest.raises(InceptionError, match="that is aux1/fc, which this network is built without"):
        layer_path(googlenet(heads=False), "loss1/fc")
