"""The base of trainers whose steps measure more than a loss.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from typing import Any

import torch

from unmask.models.layers import recorded
from unmask.training.reply_trainer import ReplyTrainer


class MeasuringTrainer(ReplyTrainer):
    """ReplyTrainer that logs what each step measured, as means over the rows of a batch."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.means: dict[str, float] = {}

    def measure(self, share: float, **numbers: torch.Tensor) -> None:
        """Note what a portion, a `share` of its batch, has in the mean over its rows."""
        for name, number in numbers.items():
            self.means[name] = self.means.get(name, 0.0) + share * float(number.detach())

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        if "loss" in logs:
            logs.update(self.means)
            self.means.clear()
        super().log(logs, *args, **kwargs)

    def states(self, model: Any, portion: Any, modules: Any) -> list[torch.Tensor]:
        """What these modules hand on as the portion is read."""

        def first(_: Any, given: Any) -> Any:
            return (given[0][:, :1],)  # no logits are needed

        with recorded(modules) as states:
            self.read(model, portion, first)
        return states
