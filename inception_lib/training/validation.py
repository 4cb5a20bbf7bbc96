"""How good a network is on the images that do not train."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from inception_lib.data.loading import Batch
from inception_lib.distributed import Team
from inception_lib.errors import DataError
from inception_lib.training.step import named_outputs


@torch.inference_mode()
def validate(
    network: nn.Module,
    batches: Iterator[Batch],
    members: Team,
    as_input: Callable[[Tensor], Tensor],
    look: Callable[[int], None] = lambda step: None,
) -> dict[str, float]:
    """Mean cross-entropy `val_loss`, and the shares `top1` and `top5`, over the batches of all processes.

    Args:
        network: which is put into evaluation mode.
        batches: of this process; all processes have as many.
        members: this process among the others.
        as_input: makes the network's input of images in bytes.
        look: called after each batch with its number, from 1.

    Raises:
        DataError: no image could be read.
    """
    network.eval()
    found = torch.zeros(3, device=members.device)  # loss, right answers, right among five
    sums, images = torch.zeros(3, dtype=torch.float64), 0
    for step, batch in enumerate(batches, 1):
        if len(batch.labels):
            labels = batch.labels.to(members.device, non_blocking=True)
            logits = named_outputs(network(as_input(batch.pictures)))["logits"].float()
            best = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
            loss = F.cross_entropy(logits, labels, reduction="sum")
            found += torch.stack([loss, best[:, 0].sum(), best.sum()])
            images += len(labels)
        if step % 20 == 0:  # float32 counts exactly far beyond the images of twenty batches
            sums += found.cpu().double()
            found.zero_()
        look(step)
    sums += found.cpu().double()
    everything = torch.cat([sums, torch.tensor([images], dtype=torch.float64)])
    *added, total = members.total(everything).tolist()
    if not total:
        raise DataError("No validation image could be read.")
    loss, top1, top5 = (value / total for value in added)
    return {"val_loss": loss, "top1": top1, "top5": top5}
