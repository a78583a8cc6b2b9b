"""The trainer of consistency training.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch

from unmask.models.layers import decoder_layers, moved
from unmask.training.measuring_trainer import MeasuringTrainer


class ConsistencyTrainer(MeasuringTrainer):
    """Adds to the loss `weight` times the inconsistency that is left when the embeddings are moved
    by `size` of their standard deviations."""

    def __init__(self, *args: Any, weight: float, size: float, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.weight, self.size = weight, size

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        loss = super().portion_loss(model, portion, share, items)
        modules = self.modules(model)
        change = self.change(model, portion, share)
        with moved({modules[0]: change}):
            now = inconsistency(self.states(model, portion, modules), portion["attention_mask"])
        self.measure(share, inconsistency=now)
        return loss + self.weight * share * now

    def modules(self, model: Any) -> list[Any]:
        """The embedding, and all layers."""
        network = self.accelerator.unwrap_model(model)
        return [network.get_input_embeddings(), *decoder_layers(network)]

    def change(self, model: Any, portion: Any, share: float) -> torch.Tensor:
        """What makes the inconsistency rise, (rows, tokens, width): of each number the sign of its
        gradient (FGSM)."""
        modules = self.modules(model)
        weight = modules[0].weight
        change = torch.zeros(
            (*portion["input_ids"].shape, weight.shape[1]), device=weight.device, requires_grad=True
        )
        with moved({modules[0]: change}):
            before = inconsistency(self.states(model, portion, modules), portion["attention_mask"])
        self.measure(share, unmoved=before)
        (gradient,) = torch.autograd.grad(before, change)
        return self.size * weight.detach().std() * gradient.sign()


def inconsistency(states: Sequence[torch.Tensor], attended: torch.Tensor) -> torch.Tensor:
    """One minus the cosine of consecutive states, each (rows, tokens, width): the mean over layers
    and a row's tokens that are `attended` (rows, tokens), then over rows."""
    apart = [
        1 - torch.nn.functional.cosine_similarity(before.float(), after.float(), dim=-1)
        for before, after in pairwise(states)
    ]
    tokens = torch.stack(apart).mean(0) * attended
    return (tokens.sum(1) / attended.sum(1)).mean()
