"""What excites a channel, a class or a layer: images that are optimized from a network's own gradients.

`visualize` optimizes an image from noise until it excites a channel, a class or a whole layer, as in Olah,
Mordvintsev and Schubert 2017, "Feature Visualization" (Distill, doi:10.23915/distill.00007), and `dream` does
so from a photograph (Mordvintsev, Olah and Tyka 2015). Pixels alone would give noise that excites the channel
and shows nothing; three things of that article prevent it:

- the image is a sum of waves, each scaled by 1 / frequency, so that a step changes coarse and fine structure
  as a photograph has them;
- colors are decorrelated: a step changes the three directions in which the colors of photographs vary;
- before each step the image is shifted, turned and scaled a little at random.

Rate and movements are those of the article's own images (a footnote gives them, and 2560 steps), the other
constants those of its authors' code, tensorflow/lucid (`optvis/param/spatial.py` and `color.py`).
"""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from inception_lib.architecture import Branches, Conv, walk
from inception_lib.data.decoding import Picture, as_rgb
from inception_lib.data.images import Preprocess
from inception_lib.errors import InceptionError, WeightsError
from inception_lib.networks.names import layer_path
from inception_lib.nn.network import Network
from inception_lib.progress import progress_bar

#: Lucid's `color_correlation_svd_sqrt`, by its authors the square root of the measured correlation of
#: ImageNet's colors: rows are R, G, B; columns are light, red against blue, green against the two others.
COLORS = ((0.26, 0.09, 0.02), (0.27, 0.00, -0.05), (0.27, -0.09, 0.03))
_NOISE = 0.01  #: Lucid's standard deviation of the first coefficients
_CONTRAST = 0.25  #: Lucid's constant factor of the image before its colors
_DARKEST = 1 / 512  #: half a step of 8 bits: black and white would be waves of infinite height


def color_root() -> Tensor:
    """(3, 3), decorrelated colors to RGB: `COLORS`, so scaled that its longest column has length 1."""
    root = torch.tensor(COLORS)
    return root / root.norm(dim=0).max()


def wave_scale(height: int, width: int) -> Tensor:
    """(height, width // 2 + 1), by what the coefficient of each wave is multiplied.

    That is 1 / frequency in cycles per pixel; the mean, of frequency 0, counts as one cycle per longer side.
    """
    frequency = torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])
    return _CONTRAST / frequency.clamp(min=1 / max(height, width))


def image_of(spectrum: Tensor, width: int) -> Tensor:
    """The image of some coefficients.

    Args:
        spectrum: (n, 3, height, width // 2 + 1), complex: waves of the three decorrelated colors.
        width: of the image, in pixels.

    Returns:
        (n, 3, height, width) in RGB, above 0 (black) and below 1 (white).
    """
    height = spectrum.shape[2]
    scale = wave_scale(height, width).to(spectrum.device)
    waves = torch.fft.irfft2(spectrum * scale, s=(height, width), norm="ortho")
    return torch.einsum("rc,nchw->nrhw", color_root().to(waves), waves).sigmoid()


def spectrum_of(images: Tensor) -> Tensor:
    """The coefficients of images (n, 3, height, width) in RGB from 0 to 1: `image_of`, turned round."""
    logits = images.clamp(_DARKEST, 1 - _DARKEST).logit()
    waves = torch.einsum("cr,nrhw->nchw", color_root().inverse().to(images), logits)
    return torch.fft.rfft2(waves, norm="ortho") / wave_scale(*images.shape[2:]).to(images.device)


def noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """(1, 3, height, width // 2 + 1), complex: the coefficients of an almost gray image."""
    shape = (1, 3, size[0], size[1] // 2 + 1)
    return _NOISE * torch.complex(*(torch.randn(shape, generator=generator) for _ in range(2)))


def moved(
    images: Tensor, generator: torch.Generator, *, jitter: int = 16, turn: float = 5, zoom: float = 0.05
) -> Tensor:
    """Each image shifted, turned and scaled a little at random; what is missing is mirrored at the edges.

    Args:
        images: (n, 3, height, width).
        generator: of the random numbers, on the CPU.
        jitter: whole pixels that it is shifted by, at most, along each side.
        turn: degrees that it is turned by, at most, either way.
        zoom: share of its size by which it grows or shrinks, at most.
    """
    n, _, height, width = images.shape

    def either_way(most: float) -> Tensor:
        return most * (2 * torch.rand(n, generator=generator) - 1)

    angle, size = either_way(math.radians(turn)), 1 + either_way(zoom)
    right, down = torch.randint(-jitter, jitter + 1, (2, n), generator=generator)
    cos, sin = size * angle.cos(), size * angle.sin()
    rows = [cos, -sin * height / width, 2 * right / width, sin * width / height, cos, 2 * down / height]
    where = F.affine_grid(torch.stack(rows, 1).view(n, 2, 3).to(images), list(images.shape), False)
    return F.grid_sample(images, where, padding_mode="reflection", align_corners=False)


def as_input(images: Tensor, preprocess: Preprocess) -> Tensor:
    """Images (n, 3, height, width) in RGB from 0 to 1 as the network takes them, with a gradient."""
    mean, std = (torch.tensor(three).view(3, 1, 1).to(images) for three in (preprocess.mean, preprocess.std))
    images = images.flip(1) if preprocess.channels == "BGR" else images
    return (images * preprocess.white - mean) / std


def excitation(network: Network, x: Tensor, path: str, channel: int | None = None) -> Tensor:
    """How strongly each image excites a channel, a class, or a layer: what is optimized.

    Args:
        network: in evaluation mode, unless dropout is wanted.
        x: (n, 3, height, width), as the network takes it.
        path: a layer, as `activations` takes it; a channel of a module belongs to the branch that gives it.
        channel: of the layer's output, or the class if the layer is the classifier.

    Returns:
        (n,): the mean of the channel over all positions, before a ReLU (after it, a channel that is off has
        no gradient); without a channel half the mean square of the layer's output, as in DeepDream.

    Raises:
        InceptionError: there is no such layer or channel, or x does not fit.
    """
    path = layer_path(network.architecture, path)
    if channel is None:
        return _until(network, x, path, before_relu=False).square().flatten(1).mean(1) / 2
    path, channel = source(network, path, channel)
    return _until(network, x, path, before_relu=True)[:, [channel]].flatten(1).mean(1)


def source(network: Network, path: str, channel: int) -> tuple[str, int]:
    """The layer that a channel comes from, of a module the last one of a branch; and its number there.

    Raises:
        InceptionError: there is no such layer, or it has fewer channels.
    """
    steps = {step.path: step for step in walk(network.architecture)}
    path = layer_path(network.architecture, path)
    channels = steps[path].out_shape[0]
    if not 0 <= channel < channels:
        raise InceptionError(f"{path}: has no channel {channel}; they are numbered from 0 to {channels - 1}.")
    layer = steps[path].layer
    if not isinstance(layer, Branches) or layer.join != "concatenate" or layer.relu:
        return path, channel
    left = channel
    for branch in layer.branches:
        if not branch.layers:  # what passes unchanged has no layer of its own
            break
        last = f"{path}/{branch.layers[-1].name}"
        if left < steps[last].out_shape[0]:
            return source(network, last, left)
        left -= steps[last].out_shape[0]
    return path, channel


def _until(network: Network, x: Tensor, path: str, before_relu: bool) -> Tensor:
    """The output of a layer of the trunk, or what its ReLU receives; no module behind it runs."""
    first = path.partition("/")[0]
    trunk = [layer.name for layer in network.architecture.layers]
    if first not in trunk:
        raise InceptionError(f"{path}: is part of an auxiliary head, which runs only in training.")
    network._check(x, with_heads=False)
    layer = network.get_submodule(path.replace("/", "."))
    relu = getattr(layer, "relu", None) if before_relu else None
    kept: list[Tensor] = []
    hook = (relu or layer).register_forward_hook(
        lambda _, inputs, output: kept.append(inputs[0] if relu else output)
    )
    try:
        for name in trunk[: trunk.index(first) + 1]:
            x = getattr(network, name)(x)
    finally:
        hook.remove()
    return kept[0]


@torch.enable_grad()
def ascend(
    network: Network,
    spectrum: Tensor,
    path: str,
    channel: int | None,
    preprocess: Preprocess,
    generator: torch.Generator,
    *,
    width: int,
    steps: int,
    rate: float,
    progress: bool = False,
    **movement: float,
) -> Tensor:
    """Images (n, 3, height, width) in RGB from 0 to 1 that excite more, by Adam on their coefficients.

    The other arguments are those of `visualize`; the network is in evaluation mode.

    Args:
        spectrum: (n, 3, height, width // 2 + 1), complex: where to start.
        generator: of the movements, on the CPU.
        width: of the images, in pixels.
        rate: of Adam.
        movement: as `moved` takes it.
    """
    spectrum = spectrum.detach().clone().requires_grad_()
    optimizer = torch.optim.Adam([spectrum], rate)
    for _ in progress_bar(progress, range(steps), unit="step"):
        x = as_input(moved(image_of(spectrum, width), generator, **movement), preprocess)  # type: ignore[arg-type]
        (spectrum.grad,) = torch.autograd.grad(-excitation(network, x, path, channel).sum(), spectrum)
        optimizer.step()
    return image_of(spectrum, width).detach()


def visualize(
    network: Network,
    path: str,
    channel: int | None = None,
    *,
    preprocess: Preprocess | None = None,
    size: int | tuple[int, int] | None = None,
    steps: int = 256,
    rate: float = 0.05,
    jitter: int = 16,
    turn: float = 5,
    zoom: float = 0.05,
    seed: int = 0,
    progress: bool = False,
) -> Image.Image:
    """An image that excites a channel, a class, or a whole layer: `visualize(network, "inception_4b", 17)`.

    Args:
        network: is put into evaluation mode, and its weights stay as they are.
        path: a layer, as `activations` takes it.
        channel: of the layer's output, or the class if the layer is the classifier; the whole layer if None.
        preprocess: what its weights were trained with; as `network.info` says where None.
        size: height and width in pixels, or both in one number; the architecture's input where None.
        steps: of the optimization.
        rate: its learning rate.
        jitter: pixels by which the image is shifted at random before each step, at most.
        turn: degrees by which it is turned, at most.
        zoom: share of its size by which it grows or shrinks, at most.
        seed: of the noise it starts from and of the movements.
        progress: show a bar on stderr.

    Raises:
        InceptionError: there is no such layer or channel, the size does not fit the network, or nobody says
            how images become its input.
    """
    preprocess = _preprocess(network, preprocess)
    height, width = (size, size) if isinstance(size, int) else size or network.architecture.input[1:]
    generator = torch.Generator().manual_seed(seed)
    start = noise((height, width), generator).to(_device(network))
    images = ascend(
        network.eval(),
        start,
        path,
        channel,
        preprocess,
        generator,
        width=width,
        steps=steps,
        rate=rate,
        progress=progress,
        jitter=jitter,
        turn=turn,
        zoom=zoom,
    )
    return _picture(images)


def dream(
    network: Network,
    picture: Picture,
    path: str = "inception_4c",
    channel: int | None = None,
    *,
    preprocess: Preprocess | None = None,
    octaves: int = 3,
    octave_scale: float = 1.4,
    steps: int = 16,
    rate: float = 0.05,
    jitter: int = 16,
    seed: int = 0,
) -> Image.Image:
    """DeepDream: a picture with more of what a layer sees in it, from coarse to fine.

    Each octave starts from the picture at that size and the details that the octave before has added.

    Args:
        network: is put into evaluation mode, and its weights stay as they are.
        picture: as `predict` takes it; the dream has its size.
        path: a layer, as `activations` takes it.
        channel: one of its channels, if not the whole layer.
        preprocess: what its weights were trained with; as `network.info` says where None.
        octaves: how many sizes.
        octave_scale: of one size to the next smaller one.
        steps: of the optimization, at each size.
        rate: its learning rate.
        jitter: pixels by which the picture is shifted at random before each step, at most.
        seed: of the movements.

    Raises:
        InceptionError: as `visualize`; the picture cannot be read.
    """
    preprocess, generator = _preprocess(network, preprocess), torch.Generator().manual_seed(seed)
    pixels = torch.from_numpy(np.array(as_rgb(picture))).to(_device(network))
    whole = pixels.permute(2, 0, 1)[None] / 255
    details = torch.zeros_like(whole)
    for octave in reversed(range(octaves)):
        size = [round(side / octave_scale**octave) for side in whole.shape[2:]]
        base = F.interpolate(whole, size, mode="bilinear", antialias=True)
        start = spectrum_of(base + F.interpolate(details, size, mode="bilinear", antialias=True))
        dreamt = ascend(
            network.eval(), start, path, channel, preprocess, generator,
            width=size[1], steps=steps, rate=rate, jitter=jitter, turn=0, zoom=0,
        )  # fmt: skip
        details = dreamt - base
    return _picture(dreamt)


def filters(network: Network, preprocess: Preprocess | None = None) -> np.ndarray:
    """The first convolution's filters as they would look: what each weighs, in RGB.

    Each filter is scaled by its largest weight; zero is gray. Weights are those of the image's own colors,
    before normalization divides them by their deviation.

    Args:
        network: its first layer is a convolution of the three colors.
        preprocess: what its weights were trained with; as `network.info` says where None.

    Returns:
        (filters, height, width, 3) in uint8.

    Raises:
        InceptionError: the first layer is no such convolution, or nobody says what the colors are.
    """
    preprocess = _preprocess(network, preprocess)
    first = network.architecture.layers[0]
    if not isinstance(first, Conv) or network.architecture.input[0] != 3 or first.groups != 1:
        raise InceptionError(f"{network.architecture.name}: does not begin with a convolution of colors.")
    weight = network.get_parameter(f"{first.name}.conv.weight").detach().cpu().float()
    weight = weight / torch.tensor(preprocess.std).view(3, 1, 1)
    weight = weight.flip(1) if preprocess.channels == "BGR" else weight
    largest = weight.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-30)
    return (127.5 + 127.5 * weight / largest).round().byte().permute(0, 2, 3, 1).numpy()


def _preprocess(network: Network, preprocess: Preprocess | None) -> Preprocess:
    if network.architecture.input[0] != 3:
        raise InceptionError(f"{network.architecture.name}: does not take images of three colors.")
    if preprocess is None and network.info is None:
        raise WeightsError(
            "The network does not say how images become its input; give preprocess=, or load its weights "
            "with load_weights or from_pretrained."
        )
    return preprocess or network.info.preprocess  # type: ignore[union-attr]


def _device(network: Network) -> torch.device:
    return next(network.parameters()).device


def _picture(images: Tensor) -> Image.Image:
    return Image.fromarray((255 * images[0]).round().byte().permute(1, 2, 0).cpu().numpy())
