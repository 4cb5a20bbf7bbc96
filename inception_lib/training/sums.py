"""What an epoch adds up to, in several processes, without making an accelerator wait at every update."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inception_lib.distributed import Team
from inception_lib.training.step import named_outputs


class EpochSums:
    """Losses, images and unreadable images of one epoch: of this process, and on request of all together.

    Losses of the last updates are float32 on the device; `gather` moves them to the others, which are float64
    on the CPU. `seconds` and `seen` (images) are those of all processes.
    """

    def __init__(self, members: Team) -> None:
        self.members = members
        self.names: list[str] = []
        self.losses = torch.zeros(0, dtype=torch.float64)
        self.images = 0.0
        self.bad = 0
        self.last_bad = ""
        self.seconds = 0.0
        self.seen = 0
        self._recent: Tensor | None = None
        self._broken = torch.zeros((), dtype=torch.bool, device=members.device)

    def add(self, output: Any, parts: list[Tensor], images: float) -> None:
        """Take in the mean losses of so many images."""
        found = torch.stack([part.detach() for part in parts]).float()
        self._broken |= ~found.isfinite().all()
        self._recent = found * images if self._recent is None else self._recent + found * images
        if not self.names:
            self.names = ["loss", *list(named_outputs(output))[1:]]

    def note_bad(self, sentences: list[str]) -> None:
        """Count images that could not be read."""
        self.bad += len(sentences)
        self.last_bad = sentences[-1] if sentences else self.last_bad

    def gather(self) -> bool:
        """Wait for the device, and add up what it has; whether all losses were finite."""
        if self._recent is not None:
            if not len(self.losses):
                self.losses = torch.zeros(len(self._recent), dtype=torch.float64)
            self.losses += self._recent.cpu().double()
            self._recent = None
        return not self._broken.item()

    def means(self) -> dict[str, float]:
        """Mean losses of this process so far, by name."""
        return {name: s / self.images for name, s in zip(self.names, self.losses.tolist(), strict=True)}

    def state(self) -> dict[str, Any]:
        """The sums of all processes together. All of them must ask for it."""
        own = [*self.losses.tolist(), self.images, float(self.bad)]
        *sums, images, bad = self.members.total(torch.tensor(own, dtype=torch.float64)).tolist()
        return {
            "names": self.names,
            "losses": sums,
            "images": images,
            "bad": int(bad),
            "seconds": self.seconds,
            "seen": self.seen,
        }

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state; the first process takes the sums, so that together they are right."""
        self.names, self.seconds, self.seen = list(state["names"]), state["seconds"], state["seen"]
        self.losses = torch.zeros(len(state["losses"]), dtype=torch.float64)
        if self.members.leads:
            self.losses += torch.tensor(state["losses"], dtype=torch.float64)
            self.images, self.bad = state["images"], state["bad"]
