"""One update in closed form: each field of a recipe does to the weights what its name says, and no more.

Every test trains through `train` for an update or two on noise, and computes the weights that must come out
by hand: from gradients that torch gives, the rule of SGD with momentum (Sutskever et al. 2013, as torch has
it), and nothing of the trainer.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from inception_lib import PictureError, googlenet
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.loading import Loader, training_order
from inception_lib.training import checkpoint
from inception_lib.training.average import Average
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import build, optimizer
from inception_lib.training.train import train

BATCH, SIDE = 4, 80
PLAIN = Recipe(
    name="plain",
    input_size=SIDE,
    resize=SIDE,
    batch=BATCH,
    epochs=1 / 3,  # one update of the three in an epoch
    lr=0.05,
    momentum=0,
    weight_decay=0,
    schedule="constant",
    augment="none",
    initial="he",
)
NARROW = googlenet(width=0.05, classes=3, input_size=SIDE)
SMOOTH = NARROW.without_dropout()


@pytest.fixture(scope="module")
def data():
    """Twelve images of noise in three classes."""
    images = np.random.default_rng(0).integers(0, 256, (12, SIDE, SIDE, 3), np.uint8)
    labels = np.arange(12) % 3
    return Data("noise", ("a", "b", "c"), labels, Arrays(images))


def batches(data, recipe, updates):
    """What the network sees in the first updates, and the labels."""
    found = []
    for batch in Loader(data, None, recipe).training(0):
        found.append((recipe.preprocess().batch(batch.pictures), batch.labels))
    return found[:updates]


def trained(data, recipe, folder, network=SMOOTH, **more):
    run = train(network, (data, data), recipe, folder, device="cpu", progress=False, **more)
    return run, checkpoint.load_last(run.folder)


def gradients(network, x, y, weights=(0.3, 0.3), smoothing=0.0):
    output = network.train()(x)
    parts = [F.cross_entropy(logits, y, label_smoothing=smoothing) for logits in output if logits is not None]
    loss = parts[0] + sum(w * part for w, part in zip(weights, parts[1:], strict=True))
    names, parameters = zip(*network.named_parameters(), strict=True)
    return dict(zip(names, torch.autograd.grad(loss, parameters), strict=True))


def expect(state, expected):
    """All weights agree to float32's rounding; and did move, so that the test can fail."""
    for name, value in expected.items():
        torch.testing.assert_close(state["network"][name], value, atol=2e-6, rtol=1e-4, msg=name)


def one_update(data, recipe, network=SMOOTH, **more):
    """The weights after one update, by hand: (start, gradients)."""
    start = build(network, recipe)
    ((x, y),) = batches(data, recipe, 1)
    return dict(start.named_parameters()), gradients(start, x, y, **more)


def test_the_rate_is_the_one_that_was_asked_for(data, tmp_path):
    run, state = trained(data, PLAIN, tmp_path / "run")
    start, g = one_update(data, PLAIN)
    expect(state, {name: p - 0.05 * g[name] for name, p in start.items()})
    assert run.history[0]["lr"] == 0.05
    assert max((0.05 * value).abs().max() for value in g.values()) > 1e-3


@pytest.mark.parametrize("schedule", ["step", "poly", "cosine"])
def test_the_schedule_is_followed_from_update_to_update(data, tmp_path, schedule):
    """Two updates with a rate that falls, within a warm-up of one and a half: each has its own rate."""
    recipe = replace(PLAIN, schedule=schedule, epochs=2 / 3, warmup=0.5)
    _, state = trained(data, recipe, tmp_path / "run")
    network = build(SMOOTH, recipe)
    for n, (x, y) in enumerate(batches(data, recipe, 2)):
        falls = {"step": 1, "poly": (1 - n / 2) ** 0.5, "cosine": 0.5 * (1 + np.cos(np.pi * n / 2))}[schedule]
        rate = 0.05 * falls * (n + 0.5) / 1.5
        g = gradients(network, x, y)
        with torch.no_grad():
            for name, p in network.named_parameters():
                p -= rate * g[name]
    expect(state, dict(network.named_parameters()))


def test_biases_have_their_own_rate(data, tmp_path):
    recipe = replace(PLAIN, bias_lr=2)
    _, state = trained(data, recipe, tmp_path / "run")
    start, g = one_update(data, recipe)
    expect(state, {n: p - 0.05 * (2 if n.endswith("bias") else 1) * g[n] for n, p in start.items()})


@pytest.mark.parametrize("bias_lr", [1, 2])
def test_the_classifiers_have_their_own_rate(data, tmp_path, bias_lr):
    recipe = replace(PLAIN, classifier_lr=10, bias_lr=bias_lr)
    _, state = trained(data, recipe, tmp_path / "run")
    start, g = one_update(data, recipe)
    own = {"classifier.linear", "aux1.classifier.linear", "aux2.classifier.linear"}
    assert {n.rpartition(".")[0] for n in start} > own
    rate = {n: 0.5 if n.rpartition(".")[0] in own else 0.05 for n in start}
    expect(state, {n: p - rate[n] * (bias_lr if n.endswith("bias") else 1) * g[n] for n, p in start.items()})


def test_the_classifier_of_another_module_is_its_last_linear_layer(data, tmp_path):
    def flat():
        torch.manual_seed(0)
        return nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE * SIDE, 8), nn.ReLU(), nn.Linear(8, 3))

    recipe = replace(PLAIN, classifier_lr=10, lr=1e-4)
    _, state = trained(data, recipe, tmp_path / "run", flat())
    network = flat()
    ((x, y),) = batches(data, recipe, 1)
    names, parameters = zip(*network.named_parameters(), strict=True)
    g = torch.autograd.grad(F.cross_entropy(network(x), y), parameters)
    rates = [1e-3 if name.startswith("3.") else 1e-4 for name in names]
    expect(state, {n: p - r * d for n, p, r, d in zip(names, parameters, rates, g, strict=True)})
    from inception_lib import TrainingError

    with pytest.raises(TrainingError, match="classifier_lr is 10, and Conv2d has no fully connected layer"):
        trained(data, recipe, tmp_path / "none", nn.Conv2d(3, 3, SIDE))


@pytest.mark.parametrize("variant", ["paper", "torchvision"])
@pytest.mark.parametrize("last", ["conv1", "inception_4a", "pool5"])
def test_frozen_layers_stay_and_the_others_move_as_without(data, tmp_path, variant, last):
    """Nothing of them: neither weights nor running statistics, by which their own output goes, too."""
    architecture = googlenet(variant, width=0.05, classes=3, input_size=SIDE).without_dropout()
    names = [layer.name for layer in architecture.layers]
    last = names[names.index("classifier") - 1] if last == "pool5" else last
    recipe = replace(PLAIN, freeze=last)
    network = build(architecture, recipe)
    _, state = trained(data, recipe, tmp_path / "run", network)
    assert all(p.requires_grad for p in network.parameters())  # as the caller had them
    begin = build(architecture, recipe)
    still = tuple(f"{name}." for name in names[: names.index(last) + 1])
    before = {n: v.clone() for n, v in begin.state_dict().items()}
    for module in begin.train().modules():
        if isinstance(module, nn.BatchNorm2d):
            name = next(n for n, m in begin.named_modules() if m is module)
            module.train(not name.startswith(still))
    ((x, y),) = batches(data, recipe, 1)
    output = begin(x)
    parts = [F.cross_entropy(logits, y) for logits in output if logits is not None]
    moved = {n: p for n, p in begin.named_parameters() if not n.startswith(still)}
    g = torch.autograd.grad(parts[0] + sum(0.3 * p for p in parts[1:]), list(moved.values()))
    expected = {n: p - 0.05 * d for (n, p), d in zip(moved.items(), g, strict=True)}
    expect(state, expected)
    kept = {n: v for n, v in before.items() if n.startswith(still)}
    assert kept and all(torch.equal(state["network"][n], v) for n, v in kept.items())
    assert any(not torch.equal(state["network"][n], before[n]) for n in expected)


def test_no_gradient_is_computed_for_frozen_layers(data, tmp_path, monkeypatch):
    from inception_lib.training.loop import Training

    seen, update = {}, Training._update

    def noted(self, *args):
        update(self, *args)
        seen.update({n: p.grad is not None for n, p in self.network.named_parameters()})

    monkeypatch.setattr(Training, "_update", noted)
    trained(data, replace(PLAIN, freeze="inception_4e"), tmp_path / "run")
    frozen = {n.split(".")[0] for n, has in seen.items() if not has}
    assert {"conv1", "inception_3a", "inception_4e"} <= frozen
    assert {n.split(".")[0] for n, has in seen.items() if has} == {
        *("inception_5a", "inception_5b", "classifier", "aux1", "aux2")
    }


def test_weights_decay_and_biases_do_not(data, tmp_path):
    recipe = replace(PLAIN, weight_decay=0.5, initial="xavier")  # whose biases are not 0
    _, state = trained(data, recipe, tmp_path / "run")
    start, g = one_update(data, recipe)
    decay = {n: 0.5 * p if p.dim() > 1 else torch.zeros_like(p) for n, p in start.items()}
    expect(state, {n: p - 0.05 * (g[n] + decay[n]) for n, p in start.items()})


@pytest.mark.parametrize("nesterov", [False, True])
def test_momentum_and_nesterovs_form_of_it(data, tmp_path, nesterov):
    recipe = replace(PLAIN, epochs=2 / 3, momentum=0.9, nesterov=nesterov)
    _, state = trained(data, recipe, tmp_path / "run")
    network, velocity = build(SMOOTH, recipe), {}
    for x, y in batches(data, recipe, 2):
        g = gradients(network, x, y)
        with torch.no_grad():
            for name, p in network.named_parameters():
                velocity[name] = 0.9 * velocity[name] + g[name] if name in velocity else g[name].clone()
                p -= 0.05 * (g[name] + 0.9 * velocity[name] if nesterov else velocity[name])
    expect(state, dict(network.named_parameters()))


@pytest.mark.parametrize("weights", [(0.3, 0.3), (1.0, 0.0), (0.0, 1.0)])
def test_each_heads_loss_has_the_weight_of_its_architecture(data, tmp_path, weights):
    heads = tuple(replace(h, loss_weight=w) for h, w in zip(SMOOTH.heads, weights, strict=True))
    network = replace(SMOOTH, heads=heads)
    run, state = trained(data, PLAIN, tmp_path / "run", network)
    start, g = one_update(data, PLAIN, network, weights=weights)
    expect(state, {name: p - 0.05 * g[name] for name, p in start.items()})
    ((x, y),) = batches(data, PLAIN, 1)
    output = build(network, PLAIN).train()(x)
    for name, logits in zip(("loss", "aux1", "aux2"), output, strict=True):
        assert run.history[0][name] == pytest.approx(F.cross_entropy(logits, y).item(), abs=1e-5)


def test_the_weights_of_the_heads_can_be_given(data, tmp_path):
    _, state = trained(data, PLAIN, tmp_path / "run", aux_weights=(0.7, 0.1))
    start, g = one_update(data, PLAIN, weights=(0.7, 0.1))
    expect(state, {name: p - 0.05 * g[name] for name, p in start.items()})


def test_labels_are_smoothed(data, tmp_path):
    recipe = replace(PLAIN, label_smoothing=0.4)
    _, state = trained(data, recipe, tmp_path / "run")
    start, g = one_update(data, recipe, smoothing=0.4)
    expect(state, {name: p - 0.05 * g[name] for name, p in start.items()})


def test_gradients_are_clipped_to_their_common_norm(data, tmp_path):
    start, g = one_update(data, PLAIN)
    norm = torch.stack([value.norm() for value in g.values()]).norm().item()
    recipe = replace(PLAIN, clip=norm / 3)
    _, state = trained(data, recipe, tmp_path / "run")
    expect(state, {name: p - 0.05 / 3 * g[name] for name, p in start.items()})


def test_parts_of_a_batch_add_up_to_the_whole(data, tmp_path):
    _, state = trained(data, replace(PLAIN, accumulate=4), tmp_path / "run")
    start, g = one_update(data, PLAIN)
    expect(state, {name: p - 0.05 * g[name] for name, p in start.items()})


def noted_weights(run, monkeypatch):
    """The weights after each update of a run."""
    from inception_lib.training.loop import Training

    seen, update = [], Training._update

    def noted(self, *args):
        update(self, *args)
        seen.append({k: v.clone() for k, v in self.network.state_dict().items()})

    monkeypatch.setattr(Training, "_update", noted)
    return run(), seen


@pytest.mark.parametrize("variant", ["paper", "torchvision"])
def test_a_moving_average_keeps_the_share_that_its_decay_says(data, tmp_path, monkeypatch, variant):
    """decay 0.2 is reached after three updates: (1 + n) / (10 + n) is 0.1, 2/11, 3/12 > 0.2."""
    network = googlenet(variant, width=0.05, classes=3, input_size=SIDE).without_dropout()
    recipe = replace(PLAIN, epochs=4 / 3, average="ema", ema_decay=0.2)
    (_, state), seen = noted_weights(lambda: trained(data, recipe, tmp_path / "run", network), monkeypatch)
    average = {k: v.clone() for k, v in build(network, recipe).state_dict().items()}
    for weights, keep in zip(seen, (1 / 10, 2 / 11, 0.2, 0.2), strict=True):
        for name, value in weights.items():
            mixed = keep * average[name] + (1 - keep) * value
            average[name] = mixed if value.is_floating_point() else value
    for name, value in average.items():
        torch.testing.assert_close(state["average"]["network"][name], value, atol=1e-6, rtol=1e-4, msg=name)


def test_a_short_run_forgets_its_start_in_the_moving_average():
    """With decay 0.9998, which `modern` has, 30 updates without a warm-up would be 99 % initial weights."""
    start, end = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        start.weight.fill_(1)
        end.weight.fill_(0)
    average = Average(start, "ema", 0.9998)
    for _ in range(30):
        average.update(end)
    assert average.network.weight.item() < 1e-6


def test_polyaks_average_is_the_mean_of_the_later_weights(data, tmp_path, monkeypatch):
    recipe = replace(PLAIN, epochs=4 / 3, average="polyak", average_from=0.5)
    (_, state), seen = noted_weights(lambda: trained(data, recipe, tmp_path / "run"), monkeypatch)
    assert len(seen) == 4
    for name, value in state["average"]["network"].items():
        mean = (seen[2][name] + seen[3][name]) / 2
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-4, msg=name)


def test_dropout_is_that_of_the_architecture_and_of_the_update(data, tmp_path):
    """The masks come from the seed, the update and the rank; here they are drawn again by hand."""
    recipe = replace(PLAIN, epochs=2 / 3)
    _, state = trained(data, recipe, tmp_path / "run", NARROW)
    network = build(NARROW, recipe)
    for n, (x, y) in enumerate(batches(data, recipe, 2)):
        torch.manual_seed(int(np.random.SeedSequence([recipe.seed, n, 0]).generate_state(1)[0]))
        g = gradients(network, x, y)
        with torch.no_grad():
            for name, p in network.named_parameters():
                p -= 0.05 * g[name]
    expect(state, dict(network.named_parameters()))


def test_the_order_of_an_epoch_is_a_permutation_by_its_seed():
    orders = [training_order(100, seed, epoch).tolist() for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    assert all(sorted(order) == list(range(100)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3


@pytest.mark.slow
def test_bfloat16_is_used_and_weights_stay_float32(data, tmp_path):
    """The products are rounded to 8 bits, so that the update is near to float32's and not equal to it."""
    recipe = replace(PLAIN, precision="bfloat16")
    _, state = trained(data, recipe, tmp_path / "run")
    start, g = one_update(data, PLAIN)
    moved = torch.cat([(state["network"][n] - p).flatten() for n, p in start.items()])
    exact = torch.cat([(-0.05 * g[n]).flatten() for n in start])
    off = (moved - exact).norm() / exact.norm()
    assert 1e-5 < off < 0.1
    assert all(value.dtype == torch.float32 for value in state["network"].values())


@pytest.mark.slow
def test_float16_scales_its_losses(data, tmp_path):
    """The scale begins too large, is halved at each update that it spoils, and then the weights move."""
    recipe = replace(PLAIN, precision="float16", epochs=8)
    _, state = trained(data, recipe, tmp_path / "run")
    assert 0 < state["scaler"]["scale"] < 2**16
    start = build(SMOOTH, recipe)
    assert not torch.equal(state["network"]["conv1.conv.weight"], start.conv1.conv.weight)


def test_a_value_that_is_not_finite_never_reaches_the_weights(data, tmp_path):
    from inception_lib import TrainingError

    recipe = replace(PLAIN, lr=1e20, epochs=2)
    network = build(SMOOTH, recipe)
    with pytest.raises(TrainingError, match="no longer finite in update"):
        train(network, (data, data), recipe, tmp_path / "run", device="cpu", progress=False)
    assert all(p.isfinite().all() for p in network.parameters())


class Unreadable(Arrays):
    """Images of which some cannot be read."""

    def read(self, index):
        if index in BAD:
            raise PictureError(f"{self.name(index)}: is damaged.")
        return super().read(index)


BAD = set(training_order(12, PLAIN.seed, 0)[:BATCH].tolist())


def test_a_batch_that_cannot_be_read_moves_nothing_and_counts_nothing(data, tmp_path):
    """It takes part in the sums of all processes, with a share of 0."""
    damaged = replace(data, source=Unreadable(data.source.images))
    recipe = replace(PLAIN, epochs=2 / 3)
    run = train(SMOOTH, (damaged, data), recipe, tmp_path / "run", device="cpu", progress=False)
    network = build(SMOOTH, recipe)
    x, y = batches(data, recipe, 2)[1]
    g = gradients(network, x, y)
    expected = {name: p - 0.05 * g[name] for name, p in network.named_parameters()}
    expect(checkpoint.load_last(run.folder), expected)
    loss = F.cross_entropy(network.train()(x).logits, y).item()
    assert run.history[0]["loss"] == pytest.approx(loss, abs=1e-5) and run.history[0]["bad"] == BATCH


def test_after_a_first_step_that_was_skipped_the_second_is_a_first_one():
    """As scaled losses of float16 begin: too large. torch's fused SGD kept a momentum of unwritten memory."""
    network = nn.Linear(3, 2)
    rule = optimizer(network, replace(PLAIN, momentum=0.9, nesterov=True))
    before = {name: p.detach().clone() for name, p in network.named_parameters()}
    for found in (1.0, 0.0):
        for p in network.parameters():
            p.grad = torch.ones_like(p)
        rule.found_inf = torch.tensor(found)
        rule.step()
        if found:
            assert all(torch.equal(p, before[name]) for name, p in network.named_parameters())
            assert not any(rule.state[p]["momentum_buffer"].any() for p in network.parameters())
    for name, p in network.named_parameters():
        torch.testing.assert_close(p.detach(), before[name] - 0.05 * 1.9)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_every_precision_trains(data, tmp_path, precision):
    network = googlenet(width=0.05, classes=3, input_size=80)
    noise = np.random.default_rng(0).integers(0, 256, (12, 80, 80, 3), np.uint8)
    images = Data("noise", ("a", "b", "c"), np.arange(12) % 3, Arrays(noise))
    recipe = Recipe(
        name="half", precision=precision, batch=4, epochs=2, input_size=80, resize=80, initial="he"
    )
    run = train(network, (images, images), recipe, tmp_path / "run", device="cpu", progress=False)
    assert 0.5 < run.history[-1]["loss"] < 2
