"""The parts of a network that a training treats each in its own way: frozen layers, and classifiers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.modules.batchnorm import _NormBase

from inception_lib.architecture import size_of
from inception_lib.counting import count
from inception_lib.errors import TrainingError
from inception_lib.networks.names import layer_path
from inception_lib.nn.network import Network


def frozen_names(network: nn.Module, last: str | None) -> tuple[str, ...]:
    """The layers up to and including `last`, in the order in which they run; none where it is None.

    Args:
        network: whose layers they are: of a `Network` those of its trunk, of another module its children, in
            the order in which it has them.
        last: the name of one of them; of a `Network`, any name that `layer_path` knows it by.

    Raises:
        InceptionError: there is no such layer, or it is a part of another.
    """
    if last is None:
        return ()
    if isinstance(network, Network):
        names = [layer.name for layer in network.architecture.layers]
        last = layer_path(network.architecture, last)
    else:
        names = [name for name, _ in network.named_children()]
    if last not in names:
        outer = last.split("/")[0]
        why = f"is a part of {outer}" if "/" in last else f"is no layer of {type(network).__name__}"
        raise TrainingError(f"{last}: {why}; what can be frozen ends with one of {', '.join(names)}.")
    return tuple(names[: names.index(last) + 1])


def has_batch_normalization(network: nn.Module) -> bool:
    """Whether any of its layers normalizes with the statistics of a batch."""
    return any(isinstance(layer, _NormBase) for layer in network.modules())


@contextmanager
def frozen(network: nn.Module, last: str | None) -> Iterator[None]:
    """Keep the layers up to `last` from learning, until the end of the block.

    Raises:
        InceptionError: there is no such layer, or nothing would be left to train.
    """
    kept = [p for name in frozen_names(network, last) for p in network.get_submodule(name).parameters()]
    before = [p.requires_grad for p in kept]
    for p in kept:
        p.requires_grad_(False)
    try:
        heads = [h.name + "." for h in network.architecture.heads] if isinstance(network, Network) else []
        trunk = [p for name, p in network.named_parameters() if not name.startswith(tuple(heads))]
        if not any(p.requires_grad for p in trunk):
            up_to = f" up to {last}" if last else ""
            raise TrainingError(f"All layers{up_to} are frozen, so that nothing is left to train.")
        yield
    finally:
        for p, needed in zip(kept, before, strict=True):
            p.requires_grad_(needed)


def training_mode(network: nn.Module, last: str | None) -> None:
    """Training mode, but for the normalization of frozen layers: their running statistics stay."""
    network.train()
    for name in frozen_names(network, last):
        for module in network.get_submodule(name).modules():
            if isinstance(module, _NormBase):
                module.eval()


def classifiers(network: nn.Module) -> Sequence[nn.Module]:
    """The layers that give the classes: the trunk's, and each head's.

    Of a module that is no `Network`, the last `nn.Linear` that it has.

    Raises:
        ArchitectureError: the `Network` does not end in such a layer.
    """
    if not isinstance(network, Network):
        return [m for m in network.modules() if isinstance(m, nn.Linear)][-1:]
    return [network.get_submodule(path.replace("/", ".")) for path in network.architecture.classifiers]


def update_flops(network: Network, last: str | None) -> int:
    """Floating-point operations of one image's part in an update: 2 per MAC, and 4 on the way back.

    A frozen layer has no way back.
    """
    counts = count(network.architecture)
    still = set(frozen_names(network, last))
    return sum((2 if row.path.split("/")[0] in still else 6) * row.macs.value for row in counts.rows)


def update_traffic(network: Network, last: str | None, size: int, parts: int = 1, value: int = 4) -> float:
    """Bytes that go through memory for one image's part in an update, if every layer is a single pass.

    An estimate from below: a layer reads its input and writes its output, and back it reads the output's
    gradient and its input again and writes the input's gradient; normalization and ReLU count as a part of
    their convolution. Weights are in float32: each part of a batch reads them twice and writes their
    gradients, and the optimizer reads gradients, momentum and weights and writes the last two. A frozen
    layer has no way back.

    Args:
        network: that trains.
        last: the last frozen layer, or None.
        size: images of one process in an update.
        parts: into which these are divided.
        value: bytes of a value between layers: 4 in float32, 2 in the halves.
    """
    still, images, weights = set(frozen_names(network, last)), 0, 0
    for row in count(network.architecture).rows:
        fixed = row.path.split("/")[0] in still
        read, written = size_of(row.in_shape), size_of(row.out_shape)
        images += read + written if fixed else 3 * read + 2 * written
        weights += row.parameters * (parts if fixed else 3 * parts + 5)
    return value * images + 4 * weights / size
