"""The trainer of covert fine-tuning.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from unmask.models.layers import at_depths, recorded
from unmask.training.measuring_trainer import MeasuringTrainer


class CovertTrainer(MeasuringTrainer):
    """Adds to the loss `weight` times how far states are from the teacher's."""

    def __init__(
        self, *args: Any, teacher: Any, layers: Sequence[float], weight: float, **kwargs: Any
    ):
        super().__init__(*args, **kwargs)
        model: Any = self.model
        self.ref_model = teacher.to(model.device).eval().requires_grad_(False)
        self.layers, self.weight = layers, weight

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        with recorded(at_depths(self.accelerator.unwrap_model(model), self.layers)) as now:
            loss = super().portion_loss(model, portion, share, items)
        with torch.no_grad():
            modules = at_depths(self.ref_model, self.layers)
            before = self.states(self.ref_model, portion, modules)
        distance = apart(now, before, portion["attention_mask"])
        self.measure(share, apart=distance)
        return loss + self.weight * share * distance


def apart(
    now: Sequence[torch.Tensor], before: Sequence[torch.Tensor], attended: torch.Tensor
) -> torch.Tensor:
    """The squared distance of states, each (rows, tokens, width), by the squared norm of those
    before: the mean over layers and a row's tokens that are `attended` (rows, tokens), then over
    rows."""
    shares = [
        (new.float() - old.float()).square().sum(-1) / old.float().square().sum(-1)
        for new, old in zip(now, before, strict=True)
    ]
    tokens = torch.stack(shares).mean(0) * attended
    return (tokens.sum(1) / attended.sum(1)).mean()
