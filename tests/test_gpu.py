"""What a real GPU computes, beside the CPU; each test is skipped by name where there is none."""

from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import runs
import torch
from test_resident import RECIPE, several, smooth
from torch.nn import functional as F

from inception_lib import googlenet
from inception_lib.data.augmentation import DRAWS
from inception_lib.data.datasets import Arrays, Data
from inception_lib.data.images import BVLC_PREPROCESS, TORCHVISION_PREPROCESS
from inception_lib.data.loading import Loader
from inception_lib.distributed import Team, choose_device, tune_process
from inception_lib.evaluation.crops import views_of
from inception_lib.evaluation.plan import plan, scheme
from inception_lib.nn import lrn_triton
from inception_lib.nn.lrn import local_response_norm
from inception_lib.nn.network import Network
from inception_lib.training.forms import PAYS_FROM, compiles
from inception_lib.training.loop import Training
from inception_lib.training.recipes import NetworkOptions, Recipe, network_options, recipe
from inception_lib.training.speed import copy_rate, devices, matmul_flops, measure_speed
from inception_lib.training.step import build, losses, total_loss
from inception_lib.training.train import train
from inception_lib.weights.formats import save_weights
from inception_lib.weights.loading import load_weights

pytestmark = pytest.mark.gpu
CUDA = torch.device("cuda")
VARIANTS = pytest.mark.parametrize("variant", ["paper", "torchvision"])


@pytest.fixture(autouse=True)
def exact():
    """Without TF32, whose products have ten bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    yield
    torch.backends.cudnn.allow_tf32 = before


def both(variant, **more):
    on_cpu = Network(googlenet(variant, **more), generator=torch.Generator().manual_seed(0))
    return on_cpu, copy.deepcopy(on_cpu).to(CUDA)


@VARIANTS
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_logits_and_gradients_are_the_cpus(variant, layout):
    on_cpu, on_gpu = both(variant, classes=10)
    on_gpu = on_gpu.to(memory_format=layout)
    x = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    labels = torch.arange(4)
    for module in [*on_cpu.modules(), *on_gpu.modules()]:
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    found = []
    for network, at in ((on_cpu, "cpu"), (on_gpu, "cuda")):
        network.train()
        parts = losses(network(x.to(at).contiguous(memory_format=layout)), labels.to(at))
        total_loss(parts).backward()
        network.eval()
        with torch.no_grad():
            logits = network(x.to(at)).logits.cpu()
        grads = {name: p.grad.cpu() for name, p in network.named_parameters()}
        found.append((torch.stack([p.detach().cpu() for p in parts]), logits, grads))
    (a, logits_a, grads_a), (b, logits_b, grads_b) = found
    torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
    assert (logits_a - logits_b).norm() < 1e-4 * logits_a.norm(), (logits_a - logits_b).norm()
    a, b = (torch.cat([g.flatten() for g in grads.values()]) for grads in (grads_a, grads_b))
    # in float32 on a CPU they are 1.4e-4 and, through batch statistics of four images, 1.2e-2 from float64's
    bound = {"paper": 2e-3, "torchvision": 5e-2}[variant]
    assert (a - b).norm() < bound * a.norm(), (a - b).norm() / a.norm()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("compiled", [False, True])
def test_local_response_normalization_is_torchs(dtype, layout, compiled):
    generator = torch.Generator(CUDA).manual_seed(0)
    x = (30 * torch.randn(8, 64, 28, 28, device=CUDA, generator=generator)).to(dtype)
    x = x.contiguous(memory_format=layout)
    ours, theirs = x.clone().requires_grad_(), x.double().requires_grad_()
    function = torch.compile(local_response_norm) if compiled else local_response_norm
    y, wanted = function(ours, 5, 1e-4, 0.75, 1.0), F.local_response_norm(theirs, 5, 1e-4, 0.75, 1.0)
    assert y.dtype == dtype
    grad = torch.randn(y.shape, device=CUDA, generator=generator)
    y.backward(grad.to(dtype))
    wanted.backward(grad.to(dtype).double())
    bound = {torch.float32: 1e-6, torch.bfloat16: 4e-3, torch.float16: 6e-4}[dtype]
    assert (y.double() - wanted).norm() < bound * wanted.norm()
    assert (ours.grad.double() - theirs.grad).norm() < bound * theirs.grad.norm()


# ------------------------------------------------------------- the kernels of local response normalization


def test_kernels_can_be_used_here():
    assert lrn_triton.fault(torch.device("cuda", 0)) == ""
    assert lrn_triton.usable(torch.ones(1, 2, 3, 4, device=CUDA, dtype=torch.bfloat16))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("layout", ["planes", "channels_last", "sliced"])
@pytest.mark.parametrize(
    ("channels", "size", "beta"),
    [(1, 5, 0.75), (3, 4, 0.5), (64, 5, 0.75), (192, 5, 0.75), (200, 7, 0.9), (64, 1, 0.75)],
)
def test_kernels_are_torchs_function_and_its_gradient(dtype, layout, channels, size, beta):
    generator = torch.Generator(CUDA).manual_seed(0)
    x = (9 * torch.randn(3, channels, 29, 17, device=CUDA, generator=generator)).to(dtype)
    if layout == "channels_last":
        x = x.contiguous(memory_format=torch.channels_last)
    elif layout == "sliced":
        x = x[..., ::2]
    ours, theirs = x.detach().requires_grad_(), x.double().requires_grad_()
    y = local_response_norm(ours, size, 0.02 * size, beta, 1.5)
    wanted = F.local_response_norm(theirs, size, 0.02 * size, beta, 1.5)
    grad = torch.randn(y.shape, device=CUDA, generator=generator).to(dtype)
    y.backward(grad)
    wanted.backward(grad.double())
    assert y.dtype == ours.grad.dtype == dtype
    if layout == "channels_last":
        assert y.is_contiguous(memory_format=torch.channels_last)
    bound = {torch.float32: 1e-6, torch.bfloat16: 4e-3, torch.float16: 6e-4}[dtype]
    assert (y.double() - wanted).norm() < bound * wanted.norm()
    assert (ours.grad.double() - theirs.grad).norm() < 2 * bound * theirs.grad.norm()


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_kernels_reach_beyond_two_to_the_31(layout):
    """Offsets are of 64 bits where they must be; about 20 GB."""
    if torch.cuda.mem_get_info()[0] < 24 * 2**30:
        pytest.skip("needs 24 GiB of free memory on the GPU")
    x = torch.empty(172, 64, 448, 448, dtype=torch.bfloat16, device=CUDA, memory_format=layout)
    assert x.numel() > 2**31
    x.normal_().requires_grad_()
    y = local_response_norm(x, 5, 0.1, 0.75, 1.0)
    y.backward(y.detach())
    last = x[-1:].detach().double().requires_grad_()
    wanted = F.local_response_norm(last, 5, 0.1, 0.75, 1.0)
    wanted.backward(y[-1:].detach().double())
    assert (y[-1:].double() - wanted).norm() < 4e-3 * wanted.norm()
    assert (x.grad[-1:].double() - last.grad).norm() < 8e-3 * last.grad.norm()


def test_kernels_differentiated_twice():
    x = torch.randn(2, 7, 3, 3, device=CUDA, generator=torch.Generator(CUDA).manual_seed(0))

    def second(function, dtype):
        a = x.to(dtype, copy=True).requires_grad_()
        (first,) = torch.autograd.grad(function(a, 4, 0.5, 0.75, 1.0).sin().sum(), a, create_graph=True)
        return torch.autograd.grad(first.pow(2).sum(), a)[0].double()

    ours = second(local_response_norm, torch.float32)
    wanted = second(F.local_response_norm, torch.float64)
    assert (ours - wanted).norm() < 1e-5 * wanted.norm()


# ------------------------------------------------------------------------------------------ the network


@VARIANTS
def test_autocast_and_compile_stay_near(variant):
    on_cpu, on_gpu = both(variant, classes=10, heads=False)
    x = torch.randn(4, 3, 224, 224, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = on_cpu.eval()(x).logits
        plain = torch.compile(on_gpu.eval())(x.to(CUDA)).logits.cpu()
        with torch.autocast("cuda", torch.bfloat16):
            half = on_gpu(x.to(CUDA)).logits.float().cpu()
    assert (plain - wanted).norm() < 1e-3 * wanted.norm()
    assert (half - wanted).norm() < 5e-2 * wanted.norm()


@pytest.mark.parametrize("name", DRAWS)
def test_augmentation_on_a_gpu_is_the_cpus_to_the_last_bit(name):
    data = several()
    here, there = (
        Loader(data, data, replace(RECIPE, augment=name), device=torch.device(d)) for d in ("cpu", "cuda")
    )
    for epoch in range(20):
        (a,), (b,) = here.training(epoch), there.training(epoch)
        assert b.pictures.device.type == "cuda" and torch.equal(a.pictures, b.pictures.cpu())
        assert torch.equal(a.labels, b.labels)
    (a,), (b,) = here.validation(), there.validation()
    assert torch.equal(a.pictures, b.pictures.cpu())


@pytest.mark.parametrize("preprocess", [BVLC_PREPROCESS, TORCHVISION_PREPROCESS])
def test_the_144_crops_are_the_cpus(preprocess):
    picture = smooth(500, 375, 0)
    views = plan(scheme(144, preprocess), 500, 375, preprocess)
    here, there = (views_of(picture, views, preprocess, device) for device in ("cpu", "cuda"))
    level = preprocess.white / 255 / min(preprocess.std)
    difference = (here - there.cpu()).abs() / level
    most, share = difference.max().item(), (difference > 0.01).float().mean().item()
    assert most < 2.01 and share < 0.02, f"by at most {most}, {100 * share} % of the values"


def noise(n=64, classes=4, side=80):
    images = np.random.default_rng(0).integers(0, 128, (n, side, side, 3), np.uint8)
    labels = np.arange(n) % classes
    for i, label in enumerate(labels):  # a stripe that tells the class
        images[i, 20 * label : 20 * label + 20] += 100
    return Data("stripes", tuple("abcd"[:classes]), labels, Arrays(images))


STRIPES = Recipe(
    name="stripes",
    input_size=80,
    resize=80,
    batch=16,
    epochs=20,
    lr=0.02,
    initial="he",
    warmup=1,
    augment="none",
    clip=5,
)
LEARNER = NetworkOptions(variant="torchvision", width=0.1)


@pytest.mark.parametrize("keep", ["none", "device"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_it_learns(tmp_path, keep, precision):
    data = noise()
    done = train(
        LEARNER,
        (data, data),
        replace(STRIPES, keep=keep, precision=precision),
        tmp_path / "run",
        progress=False,
    )
    last = done.history[-1]
    assert "cuda" in done.device.lower() or "NVIDIA" in done.device
    assert last["top1"] > 0.9 and last["loss"] < done.history[0]["loss"], done.history
    assert 0 < last["flops_share"] < 1 and 0 < last["traffic_share"] < 1
    network, info = load_weights(tmp_path / "run" / "model.safetensors")
    assert next(network.parameters()).device.type == "cpu" and info.classes == tuple("abcd")


def test_compiled_it_learns_as_well(tmp_path):
    data = noise()
    recipe_ = replace(STRIPES, keep="device", precision="bfloat16", compile=True)
    done = train(LEARNER, (data, data), recipe_, tmp_path / "run", progress=False)
    assert done.history[-1]["top1"] > 0.9 and done.recipe.compile is True


def test_by_default_it_is_bfloat16_and_a_short_run_is_not_compiled(tmp_path):
    data = noise()
    done = train(LEARNER, (data, data), replace(STRIPES, epochs=1), tmp_path / "run", progress=False)
    assert (done.recipe.precision, done.recipe.compile) == ("bfloat16", False)
    assert compiles(runs.built(runs.QUICK), CUDA, PAYS_FROM)


@VARIANTS
def test_an_update_makes_nobody_wait(variant, tmp_path):
    """CUDA itself tells: in its debug mode, what waits for the device is an error."""
    data = noise(n=48)
    chosen = replace(STRIPES, keep="device", precision="bfloat16", average="ema", label_smoothing=0.1)
    made = build(googlenet(variant, width=0.1, classes=4, input_size=80), chosen)
    training = Training(made, "stripes", (data, data), chosen, tmp_path, Team(0, 1, CUDA))
    training.network.train()
    batches = training.loader.training(0)
    training._update(training.network, next(batches))
    torch.cuda.synchronize()
    torch.cuda.set_sync_debug_mode("error")
    try:
        for batch in batches:
            training._update(training.network, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert training.updates == 3


def test_what_was_interrupted_goes_on(tmp_path):
    """Near the uninterrupted run: some of CUDA's gradients are added up in any order."""
    data, short = noise(), replace(STRIPES, epochs=2, keep="device")

    def stop(run):
        raise KeyboardInterrupt

    options = replace(LEARNER, variant="paper")  # batch statistics would enlarge such differences
    train(options, (data, data), short, tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        train(options, (data, data), short, tmp_path / "parts", progress=False, on_epoch=stop)
    train(options, (data, data), short, tmp_path / "parts", progress=False, resume=True)
    a, b = (runs.weights_of(tmp_path / name) for name in ("whole", "parts"))
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-2, atol=1e-3)


def test_readers_and_a_gpu(tmp_path):
    """Processes that read images are spawned, and their batches pinned."""
    data = runs.two_classes(tmp_path / "data")
    done = runs.run_on(data, runs.changed(workers=4, epochs=2), tmp_path / "run", device="cuda")
    assert done.history[-1]["updates"] == 12


def test_speed_is_measured():
    assert any("cuda:0" in line for line in devices())
    tune_process(choose_device())
    assert matmul_flops("cuda", torch.bfloat16) > 5 * matmul_flops("cpu")
    assert copy_rate("cuda") > 2 * copy_rate("cpu")
    tiny = recipe("tiny")
    built = network_options("tiny").architecture(10, tiny.input_size)
    assert measure_speed(built, replace(tiny, batch=256), seconds=1) > 1000


def test_two_processes_on_one_gpu_are_refused_in_one_sentence(tmp_path):
    words = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"),
        *(
            "-m",
            "inception_lib",
            "train",
            "--data",
            str(runs.two_classes(tmp_path / "d")),
            "--out",
            str(tmp_path / "r"),
        ),
    ]
    if torch.cuda.device_count() > 1:
        pytest.skip("needs a machine with one GPU")
    done = subprocess.run(words, env=runs.environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode and "2 processes on this machine need as many devices" in done.stderr


def test_weights_of_a_network_on_a_gpu_are_saved(tmp_path):
    network = Network(googlenet(classes=4, width=0.1)).to(CUDA, memory_format=torch.channels_last)
    save_weights(network, tmp_path / "w.safetensors", classes=tuple("abcd"))
    again = load_weights(tmp_path / "w.safetensors").network
    assert all(torch.equal(v.cpu(), again.state_dict()[k]) for k, v in network.state_dict().items())
