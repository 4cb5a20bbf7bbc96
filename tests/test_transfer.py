"""Starting from trained weights: other classes, features, and a tensor where one is wanted."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from weights_helpers import TINY, one_sentence, same, tiny

from inception_lib import ArchitectureError, WeightsError, googlenet, load_weights, save_weights
from inception_lib.architecture import Architecture, Branch, Branches, Conv, GlobalPool
from inception_lib.data.images import BVLC_PREPROCESS
from inception_lib.networks import inception_v3, lenet5, nin, resnet, vgg
from inception_lib.nn.network import Network, activations
from inception_lib.weights.info import Weights

SIDE = 64


def pictures(count=2, side=SIDE):
    return torch.randn(count, 3, side, side, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    "architecture",
    [
        *(googlenet(v, width=0.05, classes=7) for v in ("paper", "inception5h", "torchvision")),
        lenet5(),
        nin(),
        resnet(34),
        inception_v3(),
    ],
    ids=lambda architecture: architecture.name,
)
def test_a_reset_network_is_the_one_of_the_architecture_for_other_classes(architecture):
    with torch.device("meta"):
        network, expected = Network(architecture), Network(architecture.with_classes(3))
    before = {key: id(value) for key, value in network.named_parameters()}
    network.reset_classifier(3)
    assert network.architecture == expected.architecture and network.architecture.classes == 3
    shapes = {key: value.shape for key, value in network.state_dict().items()}
    assert shapes == {key: value.shape for key, value in expected.state_dict().items()}
    changed = {key for key, value in network.named_parameters() if id(value) != before[key]}
    paths = tuple(path.replace("/", ".") + "." for path in architecture.classifiers)
    assert changed == {key for key in before if key.startswith(paths)}


def test_classes_are_changed_as_by_the_functions_that_make_the_networks():
    for make in (googlenet, inception_v3, lenet5, nin, vgg):
        assert make().with_classes(5) == make(classes=5)


def test_new_classifiers_are_drawn_from_the_generator_on_the_old_ones_device_and_type():
    network = tiny().double().train()
    network.requires_grad_(False)
    network.reset_classifier(5, torch.Generator().manual_seed(3))
    weight = network.aux1.classifier.linear.weight
    assert weight.dtype == torch.float64 and weight.requires_grad and network.aux1.classifier.training
    bound = (3 / weight.shape[1]) ** 0.5
    assert 0.8 * bound < weight.abs().max() <= bound and weight.unique().numel() > 100
    again = tiny().double()
    again.reset_classifier(5, torch.Generator().manual_seed(3))
    assert same(again.state_dict(), network.state_dict())
    again.reset_classifier(5)
    assert not torch.equal(again.classifier.linear.weight, network.classifier.linear.weight)
    output = network(pictures(side=224).double())
    assert [tuple(part.shape) for part in output] == [(2, 5)] * 3


def test_a_number_of_classes_that_cannot_be_changes_nothing():
    network = tiny()
    before = dict(network.state_dict())
    for classes in (0, -1, 2.5, None):
        with pytest.raises(ArchitectureError, match="number of outputs must be a whole number"):
            network.reset_classifier(classes)
    assert network.architecture == TINY and same(network.state_dict(), before)


# ------------------------------------------------------------------------------------- from_pretrained


@pytest.fixture
def trained(tmp_path):
    """A file of a trained network with heads, its seven classes named."""
    names = tuple("abcdefg")
    info = Weights(name="seven", architecture=TINY, preprocess=BVLC_PREPROCESS, classes=names, license="MIT")
    return save_weights(tiny(seed=4), tmp_path / "seven.safetensors", info)


def kept(network, path):
    """Whether all but the classifiers is what is in the file."""
    state, file = network.state_dict(), load_weights(path).network.state_dict()
    trunk = [key for key in state if "classifier" not in key]
    return bool(trunk) and all(torch.equal(state[key], file[key]) for key in trunk)


def test_as_many_classes_as_in_the_file_leave_it_as_it_is(trained):
    expected, info = load_weights(trained)
    for classes in (None, 7, list("abcdefg")):
        network = Network.from_pretrained(trained, classes=classes)
        assert same(network.state_dict(), expected.state_dict()) and network.info == info
        assert not network.training


@pytest.mark.parametrize("classes", [3, ("ant", "bee", "cat")])
@pytest.mark.parametrize("heads", [None, False])
def test_other_classes_keep_all_but_the_classifiers(trained, classes, heads):
    network = Network.from_pretrained(trained, classes=classes, heads=heads)
    assert network.architecture == googlenet(width=0.05, classes=3, heads=heads is None)
    assert kept(network, trained) and not any(p.is_meta for p in network.parameters())
    assert network.info.classes == (None if classes == 3 else classes)
    assert network.info.name == "seven with a new classifier"
    assert network.info.preprocess == BVLC_PREPROCESS and network.info.architecture == network.architecture


def test_other_names_of_as_many_classes_are_taken_and_said(trained):
    with pytest.warns(UserWarning, match="output 1 was trained as 'b' and now has the name 'x'") as warned:
        network = Network.from_pretrained(trained, classes=list("axcdefg"))
    assert len(warned) == 1 and warned[0].filename == __file__
    assert network.info.classes == tuple("axcdefg") and kept(network, trained)


@pytest.mark.parametrize("weight", [torch.zeros(()), torch.zeros(0, 50), torch.zeros(7)])
def test_a_damaged_classifier_is_refused_and_replaced_when_asked(tmp_path, weight):
    torch.save(tiny().state_dict() | {"classifier.linear.weight": weight}, tmp_path / "x.pth")
    more = {"architecture": TINY, "preprocess": BVLC_PREPROCESS}
    with pytest.raises(WeightsError, match="classes=7") as error:
        load_weights(tmp_path / "x.pth", **more)
    one_sentence(error)
    assert load_weights(tmp_path / "x.pth", classes=7, **more).info.name == "x with a new classifier"


@pytest.mark.parametrize("classes", ["cat", (), 2.5, [1, 2], {"a": 1}.items()])
def test_classes_that_are_none_get_one_sentence(trained, classes):
    with pytest.raises(
        WeightsError, match="classes is how many there are, or a list of their names"
    ) as error:
        load_weights(trained, classes=classes)
    one_sentence(error)


# ----------------------------------------------------------------------------------------- as_classifier


def test_the_logits_alone_go_into_a_loss_in_training_too():
    network = Network(TINY.without_dropout(), generator=torch.Generator().manual_seed(0))
    classifier = network.as_classifier()
    for mode in (True, False):
        classifier.train(mode)
        assert network.training == mode
        # the heads, which want one size, never run
        assert classifier(pictures()).shape == (2, 7)
        logits = classifier(pictures(side=224))
        assert type(logits) is torch.Tensor and torch.equal(logits, network(pictures(side=224)).logits)
        nn.CrossEntropyLoss()(logits, torch.tensor([0, 3])).backward()
    assert network.conv1.conv.weight.grad is not None
    assert network.aux1.fc.linear.weight.grad is None
    assert set(classifier.state_dict()) == {f"network.{key}" for key in network.state_dict()}
    network.reset_classifier(3)
    assert classifier(pictures()).shape == (2, 3)


def test_a_classifier_is_saved_as_its_network(tmp_path):
    network = tiny()
    path = save_weights(network.as_classifier(), tmp_path / "x.safetensors")
    assert same(load_weights(path).network.state_dict(), network.state_dict())


# ------------------------------------------------------------------------------- the usual idioms by hand


def fc(network):
    network.fc = nn.Linear(50, 10)


def added(network):
    network.add_module("fc", nn.Linear(50, 10))


def classifier(network):
    network.classifier = nn.Linear(50, 10)


def inner(network):
    network.classifier.linear = nn.Linear(50, 10)


def sequence(network):
    network.classifier = nn.Sequential(nn.Flatten(), nn.Linear(50, 10))


def head(network):
    network.head = nn.Sequential(nn.Dropout(), nn.Linear(50, 10))


def identity(network):
    network.classifier = nn.Identity()


@pytest.mark.parametrize("idiom", [fc, added, classifier, inner, sequence, head, identity])
@pytest.mark.parametrize("form", ["network", "classifier", pytest.param("compiled", marks=pytest.mark.slow)])
def test_a_classifier_exchanged_by_hand_is_refused_before_any_training(idiom, form):
    network = tiny()
    # how torch.compile passes an error on differs among versions
    words = r"reset_classifier\(classes\) .* network\.features\(x\)" if form != "compiled" else None
    with pytest.raises(Exception, match=words):
        idiom(network)
        forms = {"network": lambda: network, "classifier": network.as_classifier}
        forms["compiled"] = lambda: torch.compile(network, backend="eager")
        forms[form]()(pictures())


@pytest.mark.parametrize("idiom", [inner, sequence, identity])
def test_reset_classifier_helps_whoever_was_refused(idiom):
    network = tiny()
    idiom(network)
    network.reset_classifier(10)
    assert network(pictures()).logits.shape == (2, 10)
    assert network.state_dict().keys() == Network(TINY.with_classes(10)).state_dict().keys()


def test_other_layers_are_exchanged_and_added_freely():
    network = tiny()
    expected = network(pictures()).logits
    network.dropout = network.norm1 = nn.Identity()
    network.loss = nn.CrossEntropyLoss()
    network.classifier.linear = nn.Sequential(network.classifier.linear)
    assert network(pictures()).logits.shape == expected.shape

    class Extended(Network):
        """Another forward pass, in which another child takes part."""

        def __init__(self, architecture):
            super().__init__(architecture)
            self.projection = nn.Linear(50, 3)

        def forward(self, x):
            return self.projection(self.features(x))

    assert Extended(TINY)(pictures()).shape == (2, 3)


# ------------------------------------------------------------------------------------------------ features


def test_features_are_what_the_classifier_receives():
    network = tiny()
    x = pictures().requires_grad_()
    found = network.features(x)
    torch.testing.assert_close(network.classifier(found), network(x).logits)
    torch.testing.assert_close(found, network.features(x, ["pool5"])["pool5"].flatten(1))
    found.sum().backward()
    assert x.grad.abs().max() > 0
    assert network.train().features(pictures()).shape == found.shape  # heads, of another size, do not run


def test_features_by_path_are_the_outputs_of_those_layers():
    network = tiny()
    kept = activations(network, pictures(), ["conv1", "inception_4c"])
    found = network.features(pictures(), ["conv1", "inception_4c/output"])
    assert list(found) == ["conv1", "inception_4c/output"]
    for (_, ours), expected in zip(found.items(), kept.values(), strict=True):
        assert torch.equal(ours, expected.output)
    assert list(network.features(pictures(), "mixed4c")) == ["mixed4c"]


@pytest.mark.parametrize(
    "architecture",
    [googlenet(width=0.1), googlenet("torchvision", width=0.1), inception_v3(), resnet(34), nin()],
    ids=lambda architecture: architecture.name,
)
def test_feature_info_is_the_shape_of_what_comes(architecture):
    with torch.device("meta"):
        network = Network(architecture).train()
        found = network.features(torch.empty(2, *architecture.input), network.feature_info)
    side = architecture.input[1]
    for path, (channels, reduction, size) in network.feature_info.items():
        assert tuple(found[path].shape) == (2, channels, *size)
        if reduction is not None:
            # a convolution without padding takes some positions off at the edges
            assert abs(side / reduction - size[0]) <= 4 or path.startswith("aux"), path
        else:
            assert size in ((), (1, 1)) or path.startswith("aux"), path


def test_reductions_are_the_strides_of_the_paper():
    info = Network(googlenet(width=0.05)).feature_info
    paths = (
        "conv1",
        "pool1",
        "conv2",
        "inception_3b/5x5",
        "inception_4c",
        "inception_5b",
        "pool5",
        "aux1/pool",
    )
    assert [info[path].reduction for path in paths] == [2, 4, 4, 8, 16, 32, None, 48]


def test_torchvisions_idiom_is_told_the_way_on():
    network = tiny()
    with pytest.raises(AttributeError, match=r"no attribute 'fc'.*`classifier`.*reset_classifier\(classes\)"):
        network.fc = nn.Linear(network.fc.in_features, 10)
    assert not hasattr(network, "fc") and not hasattr(network, "nothing")


def test_a_network_without_a_classifier_has_none_to_reset(tmp_path):
    pool = Architecture(name="net", input=(3, 8, 8), layers=(GlobalPool(name="pool"),))
    with pytest.raises(ArchitectureError, match="net: it does not end in a classifier"):
        Network(pool).reset_classifier(3)
    module = Branches(
        name="m", branches=(Branch(name="a", layers=(Conv(name="a", out_channels=2, kernel=1),)),)
    )
    save_file({"x": torch.zeros(1)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x \(1\) in the file is not in net\.$"):
        load_weights(tmp_path / "x.safetensors", architecture=pool, preprocess=BVLC_PREPROCESS)
    with pytest.raises(ArchitectureError, match="net: it does not end in a classifier"):
        replace(pool, layers=(module, *pool.layers)).with_classes(3)
