"""`benchmarks/experiment.py` and its tables: arms that are what they say, fair rates, intervals, findings."""

from __future__ import annotations

import json
import os
import pickle
import time
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import asdict, replace

import experiment
import intervals
import numpy as np
import pytest
import torch
import tyro
from experiments import exchanges as ex
from experiments import jobs as jobs_of
from experiments import probes, sharing
from experiments.arms import EXPERIMENTS, RECIPE, Claim, Scale, Term, arms_by_name, headed, more, plain, shots
from experiments.data import Settings, every, opened, trial
from experiments.found import CHOICE_SEED, Found, next_rates, take_up
from experiments.jobs import Job, network_of, one, told_of_updates, trained
from experiments.record import decided
from scipy import stats

from inception_lib import count, load_weights
from inception_lib.architecture import LRN, Architecture, Branches, Conv, Linear, Pool, walk
from inception_lib.book import results
from inception_lib.errors import InceptionError
from inception_lib.evaluation.metrics import rate
from inception_lib.nn.network import Network
from inception_lib.training.average import Average
from inception_lib.training.step import build
from inception_lib.training.train import train

SCALE = Scale()
ARMS = [(name, arm) for name, found in EXPERIMENTS.items() for arm in found.arms]
BUILT = {
    (name, arm.name): made
    for name, arm in ARMS
    if isinstance(made := arm.network(SCALE._replace(**arm.at)), Architecture)
}
OF = {name: made for (_, name), made in BUILT.items()}
#: By what is in the place of modules.
MODULES = {name.removesuffix(" (BN)"): made for (which, name), made in BUILT.items() if which == "modules"}
PLAIN = plain(SCALE)


def modules(network):
    return [layer for layer in network.layers if isinstance(layer, Branches)]


# ---- the arms


@pytest.mark.parametrize("which", BUILT, ids=" / ".join)
def test_an_arm_is_a_network_of_its_cost(which):
    made = BUILT[which]
    if count(made).parameters < 2e6:
        network = Network(made).eval()
        assert network(torch.zeros(1, 3, 112, 112)).logits.shape == (1, made.classes)
        assert sum(p.numel() for p in network.parameters()) == count(made).parameters


def test_the_maps_of_stage_4_are_7x7_where_modules_are_compared():
    for made in MODULES.values():
        assert count(made).groups["inception_4e"].out_shape[1:] == (7, 7)
    for arm in EXPERIMENTS["pooling"].arms:
        assert count(OF[arm.name]).groups["inception_5b"].out_shape[1:] == (7, 7)


@pytest.mark.parametrize("which", MODULES)
def test_modules_of_another_kind_cost_as_much_and_no_more(which):
    assert 0.97 * count(PLAIN).macs < count(MODULES[which]).macs <= count(PLAIN).macs


def depths(module):
    """Of the paths through a module, in convolutions."""
    return [sum(isinstance(layer, Conv) for layer in branch.layers) for branch in module.branches]


def test_paths_are_as_long_as_an_arm_says():
    wanted = {
        "inception": [1, 2, 2, 1],
        "naive": [1, 1, 1, 0],
        "no short paths": [2, 2, 2, 2],
        "3x3": [2],
        "3x3, short path": [1, 2],
        "without 1x1": [2, 2, 1],
        "without pool": [1, 2, 2],
    }
    for arm, paths in wanted.items():
        assert [depths(module) for module in modules(MODULES[arm])] == 9 * [paths], arm


@pytest.mark.parametrize("name", ["1x1", "3x3", "5x5", "pool"])
def test_one_branch_is_left_out_and_no_other(name):
    for module in modules(MODULES[f"without {name}"]):
        assert {b.name for b in module.branches} == {"1x1", "3x3", "5x5", "pool"} - {name}


def test_normalization_alone_is_exchanged():
    def norms(network):
        found = [step.layer for step in walk(network)]
        normed = [layer for layer in found if isinstance(layer, Conv) and layer.batch_norm]
        return sum(isinstance(layer, LRN) for layer in found), len(normed)

    convolutions = {"": 57, ", both heads": 59}
    for more_, n in convolutions.items():
        assert norms(OF[f"batch norm{more_}"]) == (0, n)
        assert norms(OF[f"no norm{more_}"]) == (0, 0)
    assert norms(OF["inception"]) == norms(OF["both heads"]) == (2, 0)

    def rest(network):
        """All but normalization and biases, which batch normalization makes useless."""
        bare = [step.layer for step in walk(network) if not isinstance(step.layer, LRN | Branches)]
        return [replace(x, batch_norm=False, bias=True) if isinstance(x, Conv) else x for x in bare]

    for arm in ("no norm", "batch norm"):
        assert rest(OF[arm]) == rest(OF["inception"])
        assert rest(OF[f"{arm}, both heads"]) == rest(OF["both heads"])


def test_heads_and_their_weights():
    heads = {arm: [(h.name, h.loss_weight) for h in OF[arm].heads] for arm in OF}
    assert heads["inception"] == [] and heads["lower head"] == [("aux1", 0.3)]
    assert heads["upper head"] == [("aux2", 0.3)] and heads["both heads"] == [("aux1", 0.3), ("aux2", 0.3)]
    assert heads["weight 1"] == [("aux1", 1.0), ("aux2", 1.0)]
    assert heads["weight 0"] == [("aux1", 0.0), ("aux2", 0.0)]


def test_pooled_and_connected_differ_in_that_layer_alone():
    pooled, connected = OF["average"], OF["connected"]
    assert len(pooled.layers) == len(connected.layers)
    different = [(a, b) for a, b in zip(pooled.layers, connected.layers, strict=True) if a != b]
    assert len(different) == 1 and isinstance(different[0][1], Linear) and different[0][1].relu
    assert not any(isinstance(layer, Pool) and layer.name == "pool4" for layer in pooled.layers)


def test_every_claim_is_of_arms_that_there_are():
    for name, found in EXPERIMENTS.items():
        arms = arms_by_name(found)
        assert len(arms) == len(found.arms), name
        assert {term.arm for claim in found.claims for term in claim.terms} <= set(arms), name
        assert all(sum(t.factor for t in claim.terms) == 0 for claim in found.claims), name
        assert all(arm.rate_of is None or arms[arm.rate_of].rate_of is None for arm in found.arms), name


# ---- rates


def climbed(loss, first=0.02, most=8):
    """The rates tried, in order."""
    tried = {}
    while wanted := next_rates(tried, first, most):
        tried |= {lr: loss(lr) for lr in wanted}
    return tried


@pytest.mark.parametrize("best", [0.005, 0.01, 0.02, 0.04, 0.08, 0.32])
def test_the_best_rate_has_a_worse_one_above_and_two_below(best):
    tried = climbed(lambda lr: abs(np.log2(lr / best)))
    assert min(tried, key=tried.get) == pytest.approx(best)
    assert all(any(lr == pytest.approx(best * n) for lr in tried) for n in (2, 1 / 2, 1 / 4))
    assert len(tried) <= 7


def test_a_best_rate_by_chance_among_too_high_ones_is_left():
    """As it went: at 0.08 by chance a little better than at 0.04, and at 0.02 far better."""
    losses = {0.01: 1.73, 0.02: 1.67, 0.04: 1.884, 0.08: 1.875, 0.16: 1.903}
    tried = climbed(lambda lr: losses.get(lr, 2.0), first=0.04)
    assert min(tried, key=tried.get) == 0.02


def test_rates_that_end_in_an_infinite_loss_are_left():
    tried = climbed(lambda lr: np.inf if lr > 0.008 else -lr)
    assert min(tried, key=tried.get) == pytest.approx(0.005)
    assert len(climbed(lambda lr: np.inf)) < 8 and len(climbed(lambda lr: lr, most=2)) == 2


# ---- intervals


def test_student():
    for freedom in (1, 2, 3, 6, 40):
        for share in (0.5, 0.9, 0.975, 0.9995):
            wanted = stats.t.ppf(share, freedom)
            assert intervals.student(share, freedom) == pytest.approx(wanted, rel=1e-5, abs=1e-9)


def test_intervals_are_student_s():
    before, after = np.random.default_rng(0).normal(size=(2, 5))
    test = stats.ttest_rel(after, before)
    for level in (0.95, 0.99):
        ends = test.confidence_interval(level)
        assert intervals.mean_of(after - before, level) == pytest.approx(((after - before).mean(), *ends))
    together = intervals.answered(after - before, together=5)
    ends = test.confidence_interval(0.99)
    assert (together["low_together"], together["high_together"]) == pytest.approx(tuple(ends), abs=1e-5)


@pytest.mark.parametrize(
    ("values", "verdict"),
    [
        ([1, 1.1, 0.9], "shown"),
        ([-1, -1.1, -0.9], "refuted"),
        ([1, -1, 0.2], "not shown"),
        ([5], "not shown"),
    ],
)
def test_verdicts(values, verdict):
    found = intervals.answered(values)
    assert found["verdict"] == verdict
    assert "one seed" in intervals.points(found) or "seeds)" in intervals.points(found)
    json.dumps(found, allow_nan=False)


def test_more_claims_make_a_verdict_harder():
    values = [1.0, 1.5, 0.7]
    assert intervals.answered(values)["verdict"] == "shown"
    assert intervals.answered(values, together=10)["verdict"] == "not shown"


# ---- a small experiment


@pytest.fixture(scope="module")
def settings(tmp_path_factory):
    scale = Scale(size=80, resize=80, width=0.05, epochs=1, batch=32, seeds=2, choice_epochs=1, rates=2)
    return trial(tmp_path_factory.mktemp("experiments"), scale)


@pytest.fixture(scope="module")
def found(settings):
    """Of the ensembles, all done."""
    (settings.work / "jobs").mkdir()
    done = Found("ensemble", settings)
    while job := next(done.jobs(), None):
        one(job, settings)
    return done


def test_rates_are_chosen_on_images_that_no_result_uses(settings):
    train_data, val_data = opened("imagenette", settings, chooses=False)
    fits, chooses = opened("imagenette", settings, chooses=True)
    assert fits.source.images.filename == chooses.source.images.filename == train_data.source.images.filename
    assert not set(fits.chosen) & set(chooses.chosen)
    assert set(fits.chosen) | set(chooses.chosen) == set(range(len(train_data)))
    assert val_data.source.images.filename != train_data.source.images.filename
    assert CHOICE_SEED not in range(100)
    few, _ = opened("caltech101:5", settings, chooses=False)
    fits, chooses = opened("caltech101:5", settings, chooses=True)
    assert np.bincount(few.labels).tolist() == [5] * 12 and np.bincount(chooses.labels).tolist() == [1] * 12
    assert not set(fits.chosen) & set(chooses.chosen)


def test_every_third_class_is_kept_under_its_name(settings):
    whole, _ = opened("caltech101:5", settings, chooses=False)
    third = every(whole, 3)
    assert third.classes == whole.classes[::3] and set(third.labels) == set(range(len(third.classes)))
    names = [whole.classes[whole.labels[list(whole.chosen).index(at)]] for at in third.chosen]
    assert names == [third.classes[label] for label in third.labels]


@pytest.mark.slow
def test_what_is_done_is_not_done_again(found, settings):
    again = Found("ensemble", settings)
    assert list(again.jobs()) == [] and again.seeds("cosine schedule", "same start") == [0, 1]
    more_seeds = Found("ensemble", replace(settings, scale=settings.scale._replace(seeds=3)))
    assert {job.seed for job in more_seeds.jobs()} >= {2} and all(job.seed >= 2 for job in more_seeds.jobs())


@pytest.mark.slow
def test_arms_of_one_kind_are_trained_once(found, settings):
    shared = [job for job in Found("averages", settings).jobs() if job.arm == "cosine schedule"]
    assert shared == []


@pytest.mark.slow
def test_networks_with_the_same_start_differ_after_it(found):
    def first(arm, seed):
        job = Job("ensemble", arm, 0.01, seed, False)
        return next(network_of(job, found.settings, ("a", "b", "c")).parameters())

    assert torch.equal(first("same start", 0), first("same start", 1))
    assert not torch.equal(first("cosine schedule", 0), first("cosine schedule", 1))
    assert torch.equal(first("cosine schedule", 0), first("same start", 1))
    answers = [found.probabilities("same start", seed)[0] for seed in (0, 1)]
    assert not np.array_equal(*answers)


@pytest.mark.slow
def test_a_result_says_what_its_weights_say(found):
    run_ = found.run("cosine schedule", 1)
    job = Job("ensemble", "cosine schedule", run_["lr"], 1, False)
    _, val = found.open("imagenette")
    recipe = job.recipe(found.settings)
    probabilities, labels = probes.answers(
        trained(job, found.settings), probes.Batches(val, recipe, torch.device("cpu"))
    )
    kept, kept_labels = found.probabilities("cosine schedule", 1)
    assert np.array_equal(kept_labels, labels) and np.allclose(kept, probabilities, atol=1e-5)
    assert run_["top1"] == pytest.approx(rate(kept.argmax(1) == labels).value, abs=1e-5)
    assert run_["gap"] == pytest.approx(run_["train_top1"] - run_["top1"], abs=2e-5)


@pytest.mark.slow
def test_claims_are_decided_by_differences_of_the_same_seed(found):
    claim = Claim(
        "x", (Term(1, "cosine schedule"), Term(-2, "same start", "train_top1"), Term(1, "same start"))
    )
    answer = decided(claim, found, 4)
    runs = [[found.run(arm, seed) for arm in ("cosine schedule", "same start")] for seed in (0, 1)]
    values = [a["top1"] - 2 * b["train_top1"] + b["top1"] for a, b in runs]
    assert answer["values"] == pytest.approx(values, abs=1e-5)
    assert answer["mean"] == pytest.approx(np.mean(values), abs=1e-5)


def test_a_claim_of_what_is_not_run_has_no_verdict(settings):
    nothing = Found("heads", replace(settings, work=settings.work / "empty"))
    assert decided(more("x", "both heads", "inception"), nothing, 1) == {"claim": "x", "verdict": None}


# one of each kind; the others differ in their arms only, and each of those is built above
@pytest.mark.slow
@pytest.mark.parametrize("name", ("heads", "start", "averages", "ensemble", "fine_tuning"))
def test_quick_runs_an_experiment_to_its_record(name, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("INCEPTION_RESULTS", str(tmp_path))
    if name == "fine_tuning":  # networks of the paper's width: for one number of images of the four
        shortened = replace(EXPERIMENTS[name], arms=shots(10), claims=EXPERIMENTS[name].claims[2:4])
        monkeypatch.setitem(EXPERIMENTS, name, shortened)
    assert experiment.main(experiments=(name,), quick=True) == 0
    made = results.load(f"experiment_{name}")
    outcome = made.outcome
    assert {row["arm"] for row in outcome["arms"]} == set(arms_by_name(EXPERIMENTS[name]))
    assert all(row["seeds"] == 2 and row["top1"]["n"] == 2 for row in outcome["arms"])
    assert all(claim["verdict"] in ("shown", "not shown", "refuted") for claim in outcome["claims"])
    assert all(claim["claim"] in outcome["finding"] for claim in outcome["claims"])
    assert outcome["finding"] in capsys.readouterr().out and "80x80" in outcome["finding"]


def test_an_unknown_experiment_is_refused():
    with pytest.raises(InceptionError, match=r"no experiment nonsense; there are heads, heads_long, norms"):
        experiment.main(experiments=("nonsense",))


def test_keys_tell_apart_what_differs_and_nothing_else(tmp_path):
    def key(name="heads", arm="both heads", lr=0.02, seed=0, chooses=False, **scale):
        settings = Settings(Scale()._replace(**scale), "", "", "", tmp_path)
        return Job(name, arm, lr, seed, chooses).key(settings)

    assert key() == key("norms") == key(seeds=9) == key(rates=3) == key(choice_epochs=1)
    others = [key(arm="inception"), key(lr=0.04), key(seed=1), key(chooses=True), key(size=128, resize=140)]
    others += [key(width=0.5), key(epochs=9), key(batch=64)]
    assert len({key(), *others}) == 9


def test_a_record_is_continued_on_another_machine(tmp_path):
    (tmp_path / "jobs").mkdir()
    settings = Settings(Scale(), "", "", "", tmp_path)

    def done(name, arm, lr, seed, chooses=False):
        job = Job(name, arm, lr, seed, chooses)
        ended = {"failed": None, "top1": 0.5, "history": [{"val_loss": 1 / lr}]}
        return {**asdict(job), "key": job.key(settings), **ended}

    choices = [done("pooling", "average", lr, CHOICE_SEED, True) for lr in (0.01, 0.02)]
    runs = [done("pooling", "average", 0.02, seed) for seed in range(2)]
    other = runs[0] | {"seed": 2}  # the key is that of another seed
    recorded = {"choices": choices, "runs": [*runs, other, runs[0] | {"arm": "gone"}]}
    assert take_up("pooling", settings, recorded) == 4
    assert take_up("pooling", settings, recorded) == 0
    found = Found("pooling", settings)
    assert found.tried(found.experiment.arms[0]) == {0.01: 100, 0.02: 50}
    assert found.read(Job("pooling", "average", 0.02, 1, False))["top1"] == 0.5
    assert found.read(Job("pooling", "average", 0.02, 2, False)) is None
    elsewhere = replace(settings, work=tmp_path / "elsewhere", scale=Scale(width=0.5))
    assert take_up("pooling", elsewhere, recorded) == 0  # other trainings than those of the record
    assert take_up("ensemble", settings, {"runs": [done("ensemble", "cosine schedule", 0.01, 0)]}) == 0


# ---- probes


def test_processes_do_the_jobs_that_the_command_waits_for(tmp_path, monkeypatch, capsys):
    done = {"failed": None, "wall": 0.0, "history": [{"loss": 1.0, "val_loss": 1.0, "top1": 0.5}]}

    class Now:
        def submit(self, function, *given):
            future = Future()
            future.set_result(function(*given))
            return future

    def trains(job, settings):
        (settings.work / "jobs" / f"{job.key(settings)}.json").write_text(json.dumps(done))

    monkeypatch.setattr(experiment, "_pool", lambda together: nullcontext(Now()))
    monkeypatch.setattr(experiment, "prepare", lambda data, settings: None)
    monkeypatch.setattr(experiment, "one", trains)
    words = ["averages", "fine_tuning", "--data", "a", "--record", "None", "--work", str(tmp_path)]
    assert tyro.cli(experiment.main, args=words) == 0
    said = capsys.readouterr().out
    assert "no result" not in said and "cosine schedule, rate 0.01, seed 2" in said


def test_the_scale_is_as_the_command_has_it(monkeypatch, tmp_path):
    seen = []
    monkeypatch.setattr(experiment, "_all", lambda chosen, settings, *_: seen.append(settings) or 0)
    given = {"seeds": 5, "epochs": 16, "batch": 64, "size": 96, "resize": 100, "width": 0.5}
    words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
    assert tyro.cli(experiment.main, args=["heads", "--work", str(tmp_path), *words]) == 0
    assert seen[0].scale == Scale(**given, choice_epochs=6)
    recipe = Job("heads", "inception", 0.02, 0, False).recipe(seen[0])
    assert (recipe.batch, recipe.epochs, recipe.input_size, recipe.resize) == (64, 16, 96, 100)


def test_a_job_is_sent_to_another_process(tmp_path):
    job = Job("heads", "lower head", 0.02, 0, False)
    assert job.made.name == "lower head" and pickle.loads(pickle.dumps(job)) == job


@pytest.mark.slow
def test_processes_that_still_work_at_the_end_are_stopped():
    with experiment._pool(2) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()
        assert pool.submit(os.getenv, "OMP_NUM_THREADS").result() == "1"
        late, begun = pool.submit(time.sleep, 600), time.monotonic()
    assert late.done() and time.monotonic() - begun < 30


def test_a_gpu_without_the_service_is_shared_by_turns(monkeypatch, tmp_path):
    before = dict(os.environ)
    monkeypatch.setenv("PATH", str(tmp_path))
    with sharing.multi_process_service() as said:
        assert "take turns" in said
    control = tmp_path / "nvidia-cuda-mps-control"
    control.write_text("#!/bin/sh\necho no such device >&2; exit 1\n")
    control.chmod(0o755)
    with sharing.multi_process_service() as said:
        assert "no such device" in said and "CUDA_MPS_PIPE_DIRECTORY" not in os.environ
    assert dict(os.environ) == before | {"PATH": str(tmp_path)}


def test_an_average_watched_is_the_average_trained(settings, tmp_path):
    """The watcher sees from outside what `train` does with `average` inside."""

    train_data, val_data = opened("imagenette", settings, chooses=False)
    made = plain(settings.scale).with_classes(3)
    for kind, name in (("polyak", "polyak 0.5"), ("ema", "ema")):
        recipe = replace(RECIPE, input_size=80, resize=80, lr=0.05, epochs=2, average=kind)
        recipe = replace(recipe, batch=32, average_from=0.5)
        network = build(made, recipe)
        val = probes.Batches(val_data, recipe, torch.device("cpu"))
        watch = probes.WatchAverages(network, recipe, len(train_data), val)
        with told_of_updates([watch]):
            done = train(network, (train_data, val_data), recipe, tmp_path / kind, progress=False)
        kept = load_weights(done.weights).network.state_dict()
        seen = watch.averages[name].network.state_dict()
        assert all(torch.allclose(kept[k], seen[k], atol=1e-6) for k in seen)
        assert isinstance(watch.averages[name], Average) and watch.epoch().keys() >= {"raw", name}


@pytest.mark.slow
def test_what_was_watched_of_a_seed_is_kept_from_the_others(settings, tmp_path, monkeypatch):
    """Both are interrupted when they have trained, and go on."""
    apart = replace(settings, work=tmp_path)
    (tmp_path / "jobs").mkdir()
    jobs = [Job("heads", "both heads", 0.01, seed, False) for seed in (0, 1)]
    before = []

    def interrupted(found, *_):
        before.append(found["history"])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(jobs_of, "finish", interrupted)
        for job in jobs:
            with pytest.raises(KeyboardInterrupt):
                one(job, apart)
    for job, history in zip(jobs, before, strict=True):
        one(job, apart)
        kept = tmp_path / "jobs" / f"{job.key(apart)}.json"
        assert json.loads(kept.read_text())["history"] == history and "heads" in history[0]
    assert not list((tmp_path / "going").iterdir())


def test_heads_are_judged_without_their_dropout(settings):
    network = Network(headed(settings.scale).with_classes(3)).eval()
    _, val = opened("imagenette", settings, chooses=False)
    recipe = replace(RECIPE, input_size=80, resize=80)
    watch = probes.WatchHeads(network, recipe, 9, probes.Batches(val, recipe, torch.device("cpu")))
    seen = watch.epoch()
    network.train()
    for module in network.modules():
        if isinstance(module, torch.nn.Dropout):
            module.eval()
    with torch.no_grad():
        right = [
            [(out.argmax(1) == y).sum().item() for out in network(x)[1:]]
            for x, y in probes.Batches(val, recipe, torch.device("cpu"))
        ]
    assert list(seen.values()) == pytest.approx((np.sum(right, 0) / len(val)).tolist())


@pytest.mark.parametrize(("variance", "bias"), [(1, 0.0), (1, 0.2), (2, 0.2)])
def test_start(variance, bias):
    network = Network(headed(Scale(width=0.5)))
    probes.start(network, variance, bias, 0)
    conv = network.inception_4e.get_submodule("3x3").conv
    assert conv.weight.var().item() * conv.weight[0].numel() == pytest.approx(variance, rel=0.05)
    assert (conv.bias == bias).all() and (network.classifier.linear.bias == 0).all()
    assert network.classifier.linear.weight.std().item() == pytest.approx(0.01, rel=0.05)
    hidden = network.aux1.fc.linear.weight
    assert hidden.var().item() * hidden[0].numel() == pytest.approx(variance, rel=0.05)


def test_without_biases_the_variance_decides_no_share():
    """Without biases and LRN, ReLU networks whose paths all have as many convolutions are homogeneous."""
    x = torch.randn(6, 3, 80, 80, generator=torch.Generator().manual_seed(0))
    batch = x, torch.arange(6)
    made = ex.single(ex.without_lrn(plain(Scale(size=80, width=0.1))), short_path=False)
    rows = []
    for variance in (1, 2):
        network = Network(made)
        probes.start(network, variance, 0.0, 3)
        rows.append(probes.magnitudes(network, batch))
    for name in probes.DEPTHS:
        one_, two = (row[name] for row in rows)
        assert two["varies"] == pytest.approx(one_["varies"], rel=1e-3), name
    assert rows[1]["conv1"]["forward"] / rows[0]["conv1"]["forward"] == pytest.approx(2**0.5, rel=1e-4)
    assert rows[1]["conv2"]["forward"] / rows[0]["conv2"]["forward"] == pytest.approx(2**1.5, rel=1e-4)


def test_a_probe_finds_what_is_linear():
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(300, 5, generator=generator)
    y = (x @ torch.randn(5, 3, generator=generator)).argmax(1)
    weight, bias = probes.fit(x, y)
    assert ((x @ weight.T + bias).argmax(1) == y).float().mean() > 0.98
    heavy, _ = probes.fit(x, y, decay=1.0)
    assert heavy.norm() < 0.1 * weight.norm()


def test_numbers_of_networks():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(4), (3, 50))
    labels = np.random.default_rng(1).integers(0, 4, 50)
    single = [(p.argmax(1) == labels).mean() for p in probabilities]
    found = probes.by_number(probabilities, labels)
    two = [probabilities[i] + probabilities[j] for i, j in ((0, 1), (0, 2), (1, 2))]
    pairs = [(p.argmax(1) == labels).mean() for p in two]
    whole = (probabilities.sum(0).argmax(1) == labels).mean()
    assert found == pytest.approx([np.mean(single), np.mean(pairs), whole], abs=1e-5)
