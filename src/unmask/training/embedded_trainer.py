"""The trainer against one universal perturbation.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from unmask.models.layers import at_depths, moved
from unmask.training.ascent import Changes
from unmask.training.latent_trainer import TargetedTrainer, by_row
from unmask.training.portions import portions


class EmbeddedTrainer(TargetedTrainer):
    """The loss of the better replies under a change that is one for the whole batch, and without
    it."""

    def __init__(self, *args: Any, suffix: int, **kwargs: Any):
        super().__init__(*args, **kwargs)
        self.suffix = suffix
        self.universal: Changes = {}

    def compute_loss(self, model: Any, inputs: Any, *args: Any, **kwargs: Any) -> Any:
        """Find the batch's change first, whatever portions it is taken in."""
        parts = portions(inputs, self.args.rows_together, self.sides)
        balls = self.balls(model, parts)

        def gain(changes: Changes) -> torch.Tensor:
            return torch.stack(
                [self.gain(model, portion, self.placed(changes, portion)) for portion in parts]
            ).sum()

        self.universal = self.ascent.raised(balls, gain)
        return super().compute_loss(model, inputs, *args, **kwargs)

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        before = share * self.better_loss(model, portion)
        with moved(self.placed(self.universal, portion)):
            now = share * self.better_loss(model, portion)
        self.measure(1.0, moved=now, before=before)
        return now + before

    def better_loss(self, model: Any, portion: Any) -> torch.Tensor:
        """What training lowers: of the better replies alone."""
        better, _ = self.log_probabilities(model, portion)
        return -by_row(better, portion, 0).mean()

    def balls(self, model: Any, parts: Sequence[Any]) -> Changes:
        """By each module the radii of a change (1, suffix, width): `size` of the mean norm of the
        states that it is added to."""
        modules = at_depths(self.accelerator.unwrap_model(model), self.layers)
        radii = {module: torch.zeros(()) for module in modules}
        for portion in parts:
            places = self.places(portion)
            with torch.no_grad():
                states = self.states(model, portion, modules)
            for module, state in zip(modules, states, strict=True):
                last = torch.einsum("rst,rtw->rsw", places, state[: len(places)].float())
                mean = last.norm(dim=-1).sum() / places.sum() / len(parts)
                radii[module] = radii[module].to(mean.device) + self.size * mean
        width = self.accelerator.unwrap_model(model).get_input_embeddings().weight.shape[1]
        return {module: radius.repeat(1, self.suffix, width) for module, radius in radii.items()}

    def placed(self, changes: Changes, portion: Any) -> Changes:
        """The changes (rows, tokens, width) at the last tokens of each row's prompt."""
        places = self.places(portion)
        return {
            module: torch.einsum("rst,sw->rtw", places, change[0])
            for module, change in changes.items()
        }

    def places(self, portion: Any) -> torch.Tensor:
        """1 where a token is this one of the last ones of its prompt, else 0: (rows,
        suffix, tokens). A shorter prompt has none for the first of them."""
        prompt = self.prompt_tokens(portion)
        tokens, device = prompt.shape[1], prompt.device
        first = prompt.sum(1, keepdim=True) - self.suffix
        at = first + torch.arange(self.suffix, device=device)
        return (at[..., None] == torch.arange(tokens, device=device)).float()
