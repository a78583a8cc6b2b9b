"""The trainers of latent adversarial training.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from unmask.models.layers import at_depths, moved, recorded
from unmask.training.ascent import Ascent, Changes
from unmask.training.labelled import IGNORED
from unmask.training.measuring_trainer import MeasuringTrainer

SURE = -1e-3
"""A logarithm of a probability above which making it smaller has no finite gradient."""


class LatentTrainer(MeasuringTrainer):
    """The loss of a demonstration under the changes that an adversary found for each row."""

    def __init__(self, *args: Any, layers: Sequence[float], size: float, inner: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.layers, self.size, self.ascent = layers, size, Ascent(inner)

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        modules = at_depths(self.accelerator.unwrap_model(model), self.layers)
        with torch.no_grad(), recorded(modules) as states:
            before = self.wanted_loss(model, portion, share, items)
        self.measure(1.0, before=before)
        changes = self.attack(model, portion, dict(zip(modules, states, strict=True)))
        with moved(changes):
            return self.wanted_loss(model, portion, share, items)

    def attack(self, model: Any, portion: Any, states: Changes) -> Changes:
        """What the adversary adds to these states."""
        tokens = self.prompt_tokens(portion)[..., None]
        balls = {
            module: (self.size * tokens * state[: len(tokens)].norm(dim=-1, keepdim=True)).expand(
                -1, -1, state.shape[-1]
            )
            for module, state in states.items()
        }
        return self.ascent.raised(balls, lambda tried: self.gain(model, portion, tried))

    def gain(self, model: Any, portion: Any, changes: Changes) -> torch.Tensor:
        """What the adversary has of these changes."""
        with moved(changes):
            return self.adversary_gain(model, portion)

    def prompt_tokens(self, portion: Any) -> torch.Tensor:
        """1 at the tokens of a prompt, else 0: (rows, tokens)."""
        prompt = (portion["labels"] == IGNORED) & (portion["attention_mask"] == 1)
        return prompt.float()

    def wanted_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        """What training lowers."""
        return super().portion_loss(model, portion, share, items)

    def adversary_gain(self, model: Any, portion: Any) -> torch.Tensor:
        """What the adversary raises."""
        return self.wanted_loss(model, portion, 1.0, len(portion["labels"]))


class TargetedTrainer(LatentTrainer):
    """The loss of comparisons: the better reply is to be likely and the worse one unlikely, while
    the adversary is after the opposite."""

    sides = 2

    def prompt_tokens(self, portion: Any) -> torch.Tensor:
        """Those of the first side: both sides of a comparison have one prompt."""
        tokens = super().prompt_tokens(portion)
        return tokens[: len(tokens) // 2]

    def wanted_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        better, worse = self.log_probabilities(model, portion)
        unlikely = torch.log1p(-worse.clamp(max=SURE).exp())
        return -share * (by_row(better, portion, 0) + by_row(unlikely, portion, 1)).mean()

    def adversary_gain(self, model: Any, portion: Any) -> torch.Tensor:
        better, worse = self.log_probabilities(model, portion)
        return (by_row(worse, portion, 1) - by_row(better, portion, 0)).mean()

    def log_probabilities(self, model: Any, portion: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Of each token of the better replies, row by row, and of each of the worse ones."""
        logits, wanted = self.labelled(model, portion)
        losses = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
        number = [int((side[:, 1:] != IGNORED).sum()) for side in sides_of(portion)]
        return -losses[: number[0]], -losses[number[0] : sum(number)]


def sides_of(portion: Any) -> tuple[torch.Tensor, ...]:
    """The labels of the better replies, and those of the worse ones."""
    return portion["labels"].chunk(2)


def by_row(values: torch.Tensor, portion: Any, side: int) -> torch.Tensor:
    """The means (rows,) of what each labelled token of one side has (tokens,)."""
    kept = sides_of(portion)[side][:, 1:] != IGNORED
    placed = values.new_zeros(kept.shape).masked_scatter(kept, values)
    return placed.sum(1) / kept.sum(1)
