"""The form in which a network trains on a device: its precision, compiled or not, and in DDP's wrapper."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from inception_lib.distributed import Team
from inception_lib.nn import lrn_triton
from inception_lib.nn.network import Network
from inception_lib.training.recipes import Recipe
from inception_lib.training.step import autocast_type, named_outputs, settled_precision

#: From so many updates on, compiling pays on a GPU: it takes a minute or two, and saves some tens of
#: milliseconds of an update at the most (an H200 made one of 256 images in 53 ms without).
PAYS_FROM = 5000


def settled(recipe: Recipe, network: nn.Module, device: torch.device, updates: int) -> Recipe:
    """The recipe with what it leaves open: `precision` and `compile`, as they suit this device.

    It depends on the whole run's updates, not on those that are left, so that a run that is resumed goes on
    in the same way.
    """
    precision: Any = settled_precision(recipe.precision, device)
    wanted = compiles(network, device, updates) if recipe.compile is None else recipe.compile
    return replace(recipe, precision=precision, compile=wanted)


def compiles(network: nn.Module, device: torch.device, updates: int) -> bool:
    """Whether a run of so many updates is compiled where nothing is said: a long one of ours on CUDA."""
    long = isinstance(network, Network) and updates >= PAYS_FROM
    return long and device.type == "cuda" and not lrn_triton.fault(device)


def trained_form(
    network: nn.Module, recipe: Recipe, members: Team, x: Tensor, say: Callable[[str], None]
) -> tuple[Any, bool]:
    """What gives the network's outputs in a training, in DDP's wrapper and compiled where it is to be so.

    What is compiled runs on `x` once, forward and back, so that a compiler that fails does so now, and not
    in the middle of an update: then `say` is told, and the network trains as it is. CUDA graphs, which
    would save the starts of kernels, are not used: they fail where gradients are accumulated
    (pytorch/pytorch issue 169545) and with DDP (128218), and large batches hide these starts.

    Args:
        network: on its device.
        recipe: which is settled.
        members: the processes that share its gradients.
        x: an input as the training has it.
        say: takes a sentence.

    Returns:
        What is called with an input, and whether it is compiled.
    """
    step = _shared(network, recipe, members)
    if not recipe.compile:
        return step, False
    say("compiling the network, which takes a minute or more")
    # inputs of another size, which are rare, are compiled for themselves
    compiled: Any = torch.compile(step, dynamic=False)
    fault = _fault(compiled, network, x, autocast_type(recipe.precision, members.device))
    if not fault:
        return compiled, True
    say(f"torch.compile does not work here ({fault}): the network trains without, more slowly.")
    torch.compiler.reset()
    del step, compiled
    return _shared(network, recipe, members), False


def _shared(network: nn.Module, recipe: Recipe, members: Team) -> nn.Module:
    """The network itself, or, of several processes, in the wrapper that adds up their gradients."""
    if members.world == 1:
        return network
    return nn.parallel.DistributedDataParallel(
        network,
        device_ids=None if members.device.type == "cpu" else [members.device.index],
        gradient_as_bucket_view=True,
        # every update of a Network uses the same layers, of another module perhaps not; and with parts of a
        # batch that wait for the last one, gradients would not be added up (pytorch/pytorch pull 187732)
        static_graph=isinstance(network, Network) and recipe.accumulate == 1,
    )


def _fault(step: Callable[[Tensor], Any], network: nn.Module, x: Tensor, kind: torch.dtype | None) -> str:
    """Why this form cannot be trained, in some words; nothing where it can. It leaves no trace."""
    before = [(buffer, buffer.clone()) for buffer in network.buffers()]
    try:
        with torch.autocast(x.device.type, kind, enabled=kind is not None):
            outputs = named_outputs(step(x)).values()
        torch.stack([y.float().mean() for y in outputs]).sum().backward()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:  # whatever a compiler says
        return (str(error).strip().splitlines() or [""])[0].rstrip(".:") or type(error).__name__
    finally:
        network.zero_grad(set_to_none=True)
        with torch.no_grad():
            for buffer, value in before:
                buffer.copy_(value)
    return ""
