"""What one update is made of: the network at its start, the optimizer, and the losses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib.architecture import Architecture
from inception_lib.counting import count
from inception_lib.errors import TrainingError
from inception_lib.nn.initial import initialize
from inception_lib.nn.network import Network
from inception_lib.training.parts import classifiers
from inception_lib.training.recipes import Recipe

#: Of a head whose architecture does not say (the paper, section 5).
HEAD_WEIGHT = 0.3
_MOST_PARAMETERS = 10**10


def build(architecture: Architecture, recipe: Recipe) -> Network:
    """The network with the initial weights of a recipe, on the CPU.

    Raises:
        TrainingError: the network does not fit into any memory.
    """
    parameters = count(architecture).parameters
    if parameters > _MOST_PARAMETERS:
        raise TrainingError(
            f"{architecture.name}: {parameters:,} parameters are too many for one machine; lower --width."
        )
    seed = recipe.seed if recipe.init_seed is None else recipe.init_seed
    generator = torch.Generator().manual_seed(seed)
    try:
        network = Network(architecture, generator=generator)
        initialize(network, generator, recipe.initial)
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "memory" not in str(error):
            raise
        raise TrainingError(
            f"{architecture.name}: there is not enough memory for its {parameters:,} parameters."
        ) from None
    return network


def optimizer(network: nn.Module, recipe: Recipe) -> torch.optim.SGD:
    """SGD with one group for the weights and one for biases and normalization, which do not decay.

    Where the classifiers have a rate of their own, they have two more groups. Parameters that need no
    gradient are left out. Each group's `lr_scale` multiplies the recipe's rate.

    Raises:
        TrainingError: the classifiers have a rate of their own, and the network has none.
    """
    trained = [p for p in network.parameters() if p.requires_grad]
    apart: set[Tensor] = set()
    if recipe.classifier_lr != 1:
        apart = {p for layer in classifiers(network) for p in layer.parameters()}
        if not apart:
            raise TrainingError(
                f"{recipe.name}: classifier_lr is {recipe.classifier_lr:g}, and {type(network).__name__} has "
                f"no fully connected layer that would be its classifier; set it to 1."
            )
    groups = []
    for some, scale in (
        ([p for p in trained if p not in apart], 1.0),
        ([p for p in trained if p in apart], recipe.classifier_lr),
    ):
        weights, others = [p for p in some if p.dim() > 1], [p for p in some if p.dim() <= 1]
        groups += [
            {"params": weights, "weight_decay": recipe.weight_decay, "lr_scale": scale},
            {"params": others, "weight_decay": 0.0, "lr_scale": scale * recipe.bias_lr},
        ]
    rule = torch.optim.SGD(
        [group for group in groups if group["params"]],
        lr=recipe.lr,
        momentum=recipe.momentum,
        nesterov=recipe.nesterov and recipe.momentum > 0,
        fused=True,
    )
    if recipe.momentum:
        # in a first step that is skipped, as float16 often does, torch leaves it uninitialized
        for p in trained:
            rule.state[p]["momentum_buffer"] = torch.zeros_like(p)
    return rule


def named_outputs(output: Any) -> dict[str, Tensor]:
    """What a network gave, by name: `logits` first, then the heads that ran.

    Args:
        output: a tensor of logits; or a named tuple, a mapping or an object with fields, of which one is
            `logits` and the others are tensors or None (as torchvision's networks give in training).

    Raises:
        TrainingError: it is none of these.
    """
    if isinstance(output, Tensor):
        return {"logits": output}
    if isinstance(output, Mapping):
        fields = dict(output)
    elif hasattr(output, "_asdict"):
        fields = output._asdict()
    else:
        fields = dict(getattr(output, "__dict__", {}))
    found = {name: value for name, value in fields.items() if isinstance(value, Tensor)}
    if "logits" not in found:
        raise TrainingError(
            f"A network must give its logits, as a tensor or in a field of that name; this one gave "
            f"{type(output).__name__}."
        )
    return {"logits": found.pop("logits")} | found


def losses(output: Any, labels: Tensor, smoothing: float = 0.0) -> list[Tensor]:
    """Cross-entropy of the classifier and of each head that ran, each a mean over the batch."""
    return [
        F.cross_entropy(logits.float(), labels, label_smoothing=smoothing)
        for logits in named_outputs(output).values()
    ]


def head_weights(network: nn.Module) -> tuple[float, ...] | None:
    """The weights of the heads' losses, as the architecture of a `Network` has them; else None."""
    if isinstance(network, Network):
        return tuple(head.loss_weight for head in network.architecture.heads)
    return None


def total_loss(parts: Sequence[Tensor], weights: Sequence[float] | float | None = None) -> Tensor:
    """Main loss + the sum over the heads of weight x loss: the paper, section 5.

    Args:
        parts: of `losses`.
        weights: of each head, or of all of them; 0.3 each where None.
    """
    main, *heads = parts
    if weights is None or isinstance(weights, int | float):
        weights = [HEAD_WEIGHT if weights is None else weights] * len(heads)
    total = main
    for weight, loss in zip(weights, heads, strict=True):
        total = total + weight * loss
    return total


def clip_gradients(network: nn.Module, most: float | None) -> Tensor | None:
    """Scale all gradients down so that their common norm is at most `most`; gives the norm before."""
    if most is None or math.isinf(most):
        return None
    return nn.utils.clip_grad_norm_([p for p in network.parameters() if p.requires_grad], most)


def settled_precision(precision: str, device: torch.device) -> str:
    """What is meant by `auto` on a device; any other precision as it is."""
    return precision if precision != "auto" else "bfloat16" if device.type == "cuda" else "float32"


def autocast_type(precision: str, device: torch.device) -> torch.dtype | None:
    """The type that products are computed in under autocast; None for float32.

    auto is bfloat16 on CUDA and float32 elsewhere. float16 takes the place of bfloat16 on CUDA devices that
    have no arithmetic for it (before Ampere).
    """
    precision = settled_precision(precision, device)
    if precision == "float32":
        return None
    if precision != "float16" and device.type == "cuda" and torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    return torch.float16 if precision == "float16" else torch.bfloat16
