"""Optimized images: waves and colors against numpy, scores against autograd, one layer against algebra."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from inception_lib import googlenet
from inception_lib.architecture import Architecture, Branch, Branches, Conv, Linear, Pool
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS, Preprocess
from inception_lib.errors import InceptionError, WeightsError
from inception_lib.nn.network import Network, activations
from inception_lib.visualization import dream, excitation, filters, visualize
from inception_lib.visualization import optimized as made

SIDE = 64
STILL = {"jitter": 0, "turn": 0, "zoom": 0}
close = torch.testing.assert_close


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.fixture(scope="module", params=["paper", "torchvision"])
def network(request):
    architecture = googlenet(request.param, width=0.1, classes=5, input_size=SIDE, heads=False)
    return Network(architecture, generator=generator()).eval()


def linear(*layers, side=12):
    """A network of these layers, without ReLU, and its random weights."""
    return Network(
        Architecture(name="linear", input=(3, side, side), layers=layers), generator=generator()
    ).eval()


# ------------------------------------------------------------------------------------------ the image itself


@pytest.mark.parametrize("size", [(12, 16), (11, 15), (1, 9), (16, 16)])
def test_an_image_is_the_sum_of_its_waves_each_divided_by_its_frequency(size):
    height, width = size
    spectrum = torch.randn(2, 3, height, width // 2 + 1, dtype=torch.complex64, generator=generator())
    down, right = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)
    scale = 1 / np.maximum(np.sqrt(down**2 + right**2), 1 / max(size))
    # Lucid: unitary, and a quarter
    waves = np.fft.irfft2(scale * spectrum.numpy() * np.sqrt(height * width), size) / 4
    root = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])
    root /= np.linalg.norm(root, axis=0).max()
    expected = 1 / (1 + np.exp(-np.moveaxis(np.moveaxis(waves, 1, -1) @ root.T, -1, 1)))
    close(made.image_of(spectrum, width).numpy(), expected.astype("f4"), rtol=0, atol=1e-5)


@pytest.mark.parametrize("size", [(12, 16), (11, 15), (7, 8)])
def test_the_coefficients_of_an_image_give_it_back(size):
    images = torch.rand(2, 3, *size, generator=generator()) * 0.98 + 0.01
    close(made.image_of(made.spectrum_of(images), size[1]), images, rtol=0, atol=2e-6)
    black_and_white = (images > 0.5).float()
    found = made.image_of(made.spectrum_of(black_and_white), size[1])
    assert (255 * found).round().equal(255 * black_and_white)


def test_noise_has_the_spectrum_and_the_colors_of_photographs():
    images = torch.cat([made.image_of(made.noise((64, 64), generator(i)), 64) for i in range(200)])
    waves = images.logit().double()
    power = torch.fft.rfft2(waves).abs().square().mean((0, 1))
    low, high = power[0, 2:6].log(), power[0, 16:24].log()
    frequencies = torch.arange(33).log()
    slope = (high.mean() - low.mean()) / (frequencies[16:24].mean() - frequencies[2:6].mean())
    assert slope == pytest.approx(-2, abs=0.1)  # of power: that of amplitude is -1
    colors = torch.cov(waves.transpose(0, 1).flatten(1))
    expected = torch.tensor(made.COLORS).double()
    expected = expected @ expected.T
    close(colors / colors.trace(), expected / expected.trace(), rtol=0, atol=0.01)


def test_colors_are_those_of_lucid():
    root = made.color_root()
    assert root.norm(dim=0).max() == pytest.approx(1)
    close(root / root[0, 0], torch.tensor(made.COLORS) / 0.26)


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_the_input_is_what_pre_processing_makes_of_the_picture(preprocess):
    pixels = torch.randint(0, 256, (2, 9, 7, 3), dtype=torch.uint8, generator=generator())
    images = pixels.permute(0, 3, 1, 2) / 255
    close(made.as_input(images, preprocess), preprocess.batch(pixels).contiguous(), rtol=1e-5, atol=1e-4)


# ------------------------------------------------------------------------------------------- the movements


def test_jitter_is_a_shift_by_whole_pixels():
    images = torch.rand(40, 3, 20, 24, generator=generator())
    found = made.moved(images, generator(1), jitter=3, turn=0, zoom=0)
    shifts = set()
    for image, shifted in zip(images, found, strict=True):
        fits = [
            (down, right)
            for down in range(-3, 4)
            for right in range(-3, 4)
            if torch.allclose(
                shifted[:, 3:-3, 3:-3], image.roll((down, right), (1, 2))[:, 3:-3, 3:-3], atol=1e-4
            )
        ]
        assert len(fits) == 1
        shifts.add(fits[0])
    assert {abs(a) for shift in shifts for a in shift} == {0, 1, 2, 3}
    assert min(shifts)[0] == -3 and max(shifts)[0] == 3


def test_an_image_is_turned_about_its_middle_and_not_sheared():
    """A disk stays a disk, and a bar through the middle turns by as much as was allowed."""
    y, x = torch.meshgrid(torch.arange(61.0) - 30, torch.arange(91.0) - 45, indexing="ij")
    disk = ((20 - x.hypot(y)) / 5).clamp(0, 1).expand(8, 1, -1, -1)
    turned = made.moved(disk, generator(), jitter=0, turn=180, zoom=0)
    close(turned[..., x.hypot(y) < 30], disk[..., x.hypot(y) < 30], rtol=0, atol=0.06)
    bar = ((y.abs() < 2) & (x.abs() < 20)).float().expand(50, 1, -1, -1)
    turned = made.moved(bar, generator(), jitter=0, turn=30, zoom=0)[:, 0]
    along = torch.stack([(turned * a * b).sum((1, 2)) for a, b in ((x, x), (y, y), (x, y))])
    angles = torch.rad2deg(0.5 * torch.atan2(2 * along[2], along[0] - along[1]))
    assert 20 < angles.abs().max() <= 30.5 and angles.min() < -15 and angles.max() > 15


def test_an_image_grows_and_shrinks():
    y, x = torch.meshgrid(torch.arange(61.0) - 30, torch.arange(91.0) - 45, indexing="ij")
    disk = (x.hypot(y) < 20).float().expand(60, 1, -1, -1)
    radius = (made.moved(disk, generator(), jitter=0, turn=0, zoom=0.2).sum((1, 2, 3)) / torch.pi).sqrt()
    assert 20 / 1.21 < radius.min() < 18 and 22 < radius.max() < 20 / 0.79


def test_without_movement_nothing_changes():
    images = torch.rand(2, 3, 20, 24, generator=generator())
    close(made.moved(images, generator(), **STILL), images, rtol=0, atol=1e-5)


# ------------------------------------------------------------------------------------------- what is excited


@pytest.mark.parametrize("path", ["conv1", "inception_3b/5x5", "inception_4b/3x3_reduce", "classifier"])
def test_a_channel_is_excited_by_its_mean_before_the_relu(network, path):
    x = 50 * torch.randn(2, 3, SIDE, SIDE, generator=generator())
    x.requires_grad_()
    kept = activations(network, x, [path])[path].before_relu
    expected = kept[:, 2].reshape(2, -1).mean(1)
    found = excitation(network, x, path, 2)
    close(found, expected)
    close(
        torch.autograd.grad(found.sum(), x)[0],
        torch.autograd.grad(expected.sum(), x)[0],
        rtol=1e-4,
        atol=1e-6,
    )


def test_a_channel_of_a_module_is_its_branchs(network):
    shapes = network.feature_info
    x = 50 * torch.randn(1, 3, SIDE, SIDE, generator=generator())
    output = activations(network, x, ["inception_4a"])["inception_4a"].output
    number = 0
    for branch in ("1x1", "3x3", "5x5", "pool_proj"):
        path = f"inception_4a/{branch}"
        for channel in range(shapes[path].channels):
            assert made.source(network, "inception_4a", number) == (path, channel)
            kept = activations(network, x, [path])[path]
            close(output[:, number], kept.output[:, channel])
            number += 1
    assert number == shapes["inception_4a"].channels


def test_channels_of_modules_in_modules_and_of_branches_that_only_pool_have_their_source():
    def conv(name, channels):
        return Conv(name=name, out_channels=channels, kernel=1)

    def branches(name, *each, **more):
        return Branches(
            name=name,
            branches=tuple(Branch(name=str(i), layers=own) for i, own in enumerate(each)),
            **more,
        )

    pool = Pool(name="pool", op="max", kernel=3, stride=1, padding=1)
    network = linear(
        branches(
            "mix", (conv("a", 2),), (conv("b", 4), branches("in", (conv("c", 1),), (conv("d", 3),))), (pool,)
        ),
        branches("sum", (conv("e", 5),), (conv("f", 5),), join="add", relu=True),
        branches("kept", (conv("g", 2),), ()),
    )
    found = [made.source(network, "mix", channel) for channel in range(9)]
    wanted = {"mix/a": 2, "mix/in/c": 1, "mix/in/d": 3, "mix/pool": 3}
    assert found == [(path, channel) for path, channels in wanted.items() for channel in range(channels)]
    x = torch.randn(1, 3, 12, 12, generator=generator())
    output = activations(network, x, ["mix"])["mix"].output
    for number, (path, channel) in enumerate(found):
        close(activations(network, x, [path])[path].output[:, channel], output[:, number])
    assert made.source(network, "sum", 3) == ("sum", 3)
    before = activations(network, x, ["sum"])["sum"].before_relu
    close(excitation(network, x, "sum", 3), before[:, 3].mean((1, 2)))
    assert made.source(network, "kept", 1) == ("kept/g", 1) and made.source(network, "kept", 4) == ("kept", 4)


def test_a_layer_is_excited_as_in_deepdream(network):
    """Google's notebook sets the gradient of the layer's output to the output itself."""
    x = 50 * torch.randn(1, 3, SIDE, SIDE, generator=generator())
    x.requires_grad_()
    output = activations(network, x, ["inception_3a"])["inception_3a"].output
    (expected,) = torch.autograd.grad(output, x, grad_outputs=output.detach() / output.numel())
    (found,) = torch.autograd.grad(excitation(network, x, "inception_3a"), x)
    close(found, expected, rtol=1e-4, atol=1e-6)


def test_nothing_runs_behind_the_layer(network):
    ran = []
    hooks = [
        module.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, module in network.named_children()
    ]
    excitation(network, torch.zeros(1, 3, SIDE, SIDE), "inception_3a/3x3", 0)
    for hook in hooks:
        hook.remove()
    assert (
        ran[0] == "conv1"
        and ran[-1] == "inception_3a"
        and not any(h for h in network.inception_3a._forward_hooks)
    )


# ------------------------------------------------------------------------------------------ the optimization


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_an_image_for_a_linear_layer_comes_near_the_best_one(preprocess):
    """The best is white where the weight is positive and black elsewhere; a random image has a share of 0."""
    network = linear(Linear(name="classifier", out_features=4))
    picture = visualize(network, "classifier", 2, preprocess=preprocess, steps=400, rate=0.5, **STILL)
    weight = network.classifier.linear.weight[2].detach().view(3, 12, 12).numpy()
    weight = weight[::-1] if preprocess.channels == "BGR" else weight
    from_gray = np.array(picture).transpose(2, 0, 1) / 255 - 0.5
    assert (weight * from_gray).sum() > 0.9 * (np.abs(weight) / 2).sum()


def test_the_first_step_follows_the_gradient_that_algebra_gives():
    """From gray, a score that is linear in x pulls each coefficient by its wave's sum over the weights."""
    network = linear(Linear(name="classifier", out_features=2), side=8)
    weight = network.classifier.linear.weight[1].detach().double().view(3, 8, 8).numpy()
    start = torch.zeros(1, 3, 8, 5, dtype=torch.complex64)
    rate = 1e-3
    options = {"width": 8, "steps": 1, "rate": rate, **STILL}
    images = made.ascend(network, start, "classifier", 1, Preprocess(white=1.0), generator(), **options)
    root = made.color_root().double().numpy()
    pull = np.einsum("rc,rhw->chw", root, weight)  # times 1/4, the sigmoid's slope, on all alike
    down, right = np.meshgrid(np.arange(8), np.arange(5), indexing="ij")
    y, x = np.meshgrid(np.arange(8), np.arange(8), indexing="ij")
    angle = 2 * np.pi * (down[..., None, None] * y + right[..., None, None] * x) / 8
    cosines, sines = (np.einsum("chw,jkhw->cjk", pull, f(angle)) for f in (np.cos, lambda a: -np.sin(a)))
    # Adam's first step is the sign of the gradient; what has none (the sine of frequency 0) stays
    signs = [np.where(np.abs(part) < 1e-6, 0, np.sign(part)) for part in (cosines, sines)]
    expected = made.image_of(torch.complex(*map(torch.from_numpy, signs))[None].cfloat() * rate, 8)
    close(images, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path,channel", [("inception_3a/3x3", 3), ("inception_4a", 7), ("classifier", 1)])
def test_an_optimized_image_excites_more_than_random_ones_of_the_same_spectrum(network, path, channel):
    picture = visualize(network, path, channel, preprocess=BVLC_PREPROCESS, steps=40, jitter=4)
    image = torch.from_numpy(np.array(picture)).permute(2, 0, 1) / 255
    phases = torch.randn(300, 1, SIDE, SIDE, generator=generator(5))
    angles = torch.fft.rfft2(phases).angle()
    angles[..., 0, 0] = 0  # the mean stays
    others = torch.fft.irfft2(torch.fft.rfft2(image) * torch.exp(1j * angles), s=image.shape[1:])
    close(others.var((2, 3)), image.var((1, 2)).expand(300, 3), rtol=1e-3, atol=0)
    with torch.no_grad():
        own, rest = (
            excitation(network, made.as_input(i, BVLC_PREPROCESS), path, channel)
            for i in (image[None], others)
        )
    assert (own > rest).float().mean() > 0.99


def test_a_seed_gives_the_same_image_and_weights_stay(network):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    options = {"preprocess": BVLC_PREPROCESS, "steps": 2, "size": (48, 56)}
    with torch.no_grad():  # the caller's gradient mode does not matter
        one, two = (visualize(network.train(), "inception_3a", 1, seed=3, **options) for _ in range(2))
    other = visualize(network, "inception_3a", 1, seed=4, **options)
    assert one.size == (56, 48) and one == two and one != other and not network.training
    assert all(value.equal(before[name]) for name, value in network.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in network.parameters())


# --------------------------------------------------------------------------------------- dreams and filters


def test_a_dream_is_the_picture_with_more_of_what_the_layer_sees(network):
    rough = np.random.default_rng(0).integers(0, 256, (6, 7, 3), np.uint8)
    picture = Image.fromarray(rough).resize((90, 75), Image.Resampling.BICUBIC)
    dreamt = dream(network, picture, "inception_3b", preprocess=BVLC_PREPROCESS, steps=4, octaves=2, jitter=4)
    assert dreamt.size == picture.size
    with torch.no_grad():
        before, after = (
            excitation(network, BVLC_PREPROCESS.tensor(p)[None], "inception_3b") for p in (picture, dreamt)
        )
    assert after > 1.05 * before
    same = np.corrcoef(np.array(picture).ravel(), np.array(dreamt).ravel())[0, 1]
    assert 0.6 < same < 0.999


def test_a_dream_of_no_steps_is_the_picture(network):
    rough = np.random.default_rng(0).integers(0, 256, (70, 61, 3), np.uint8)
    dreamt = dream(network, Image.fromarray(rough), preprocess=BVLC_PREPROCESS, steps=0)
    np.testing.assert_allclose(np.array(dreamt).astype(int), rough.astype(int), atol=1)


@pytest.mark.parametrize(
    "preprocess", [BVLC_PREPROCESS, replace(TORCHVISION_PREPROCESS, std=(0.1, 0.2, 0.4))]
)
def test_a_filter_is_shown_in_the_colors_that_it_weighs(preprocess):
    """What the convolution answers to one bright pixel of one color is the weight of that color."""
    network = linear(Conv(name="conv1", out_channels=5, kernel=3, bias=False, relu=False), side=3)
    shown = filters(network, preprocess)
    assert shown.shape == (5, 3, 3, 3) and shown.dtype == np.uint8
    dark = preprocess.batch(torch.zeros(1, 3, 3, 3, dtype=torch.uint8))
    weighs = np.empty((5, 3, 3, 3))
    for index in np.ndindex(3, 3, 3):
        pixels = torch.zeros(1, 3, 3, 3, dtype=torch.uint8)
        pixels[0][index] = 255
        with torch.no_grad():
            answers = network.conv1(preprocess.batch(pixels)) - network.conv1(dark)
        weighs[(slice(None), *index)] = answers[0, :, 0, 0]
    largest = np.abs(weighs).max((1, 2, 3), keepdims=True)
    np.testing.assert_allclose(shown, 127.5 + 127.5 * weighs / largest, atol=0.51)


# -------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    "arguments, options, says",
    [
        (("inception_9z", 0), {}, "no layer 'inception_9z'"),
        (("conv1", 64), {}, "conv1: has no channel 64; they are numbered from 0 to 5"),
        (("classifier", -1), {}, "classifier: has no channel -1"),
        (("conv1", 0), {"size": 20}, "a 20x20 input does not fit"),
        (("conv1", 0), {"preprocess": None}, "preprocess="),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(network, arguments, options, says):
    with pytest.raises(InceptionError, match=says):
        visualize(network, *arguments, **{"preprocess": BVLC_PREPROCESS, "steps": 1} | options)


def test_who_does_not_say_how_images_become_its_input_is_asked(network):
    with pytest.raises(WeightsError, match="does not say how images"):
        filters(network)


def test_a_network_that_does_not_begin_with_colors_has_no_filters():
    with pytest.raises(InceptionError, match="does not begin"):
        filters(linear(Linear(name="classifier", out_features=2)), BVLC_PREPROCESS)
    gray = Network(replace(linear(Linear(name="classifier", out_features=2)).architecture, input=(1, 8, 8)))
    with pytest.raises(InceptionError, match="three colors"):
        visualize(gray, "classifier", 0, preprocess=BVLC_PREPROCESS)


def test_a_head_does_not_run():
    network = Network(googlenet(width=0.1, classes=5, input_size=96)).eval()
    with pytest.raises(InceptionError, match="auxiliary head"):
        excitation(network, torch.zeros(1, 3, 96, 96), "aux1/conv", 0)
