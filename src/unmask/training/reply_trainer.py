"""The trainer of supervised fine-tuning, which computes logits only where a label asks for them.

Prompts are most of the tokens, and at toy size the head is most of the work: leaving prompts out of
it makes a step a third shorter.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from typing import Any

import torch

from unmask.training.labelled import IGNORED
from unmask.training.trainer import Watched

ROUNDED = 256
"""Logits are computed for a multiple of so many tokens: for each new shape a CPU's kernels are made
anew and kept."""


class ReplyTrainer(Watched):
    """The loss is the mean cross-entropy of the labelled tokens, of all portions and batches of a
    step together."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        # So that Trainer counts the labels of a step for us, whatever the model's forward takes.
        self.model_accepts_loss_kwargs = True

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        logits, wanted = self.labelled(model, portion)
        total = torch.nn.functional.cross_entropy(logits, wanted, reduction="sum")
        # `items` are those of all processes, whose gradients are then averaged.
        return total / items * self.accelerator.num_processes

    def labelled(self, model: Any, portion: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """The logits (tokens, vocabulary) where a label asks for them, row by row, and the labels
        (tokens,); both end with rows that are filled up, whose labels are IGNORED."""
        targets = portion["labels"][:, 1:]
        kept = targets != IGNORED
        wanted, filler = targets[kept], -int(kept.sum()) % ROUNDED
        wanted = torch.nn.functional.pad(wanted, (0, filler), value=IGNORED)

        def chosen(_: Any, given: Any) -> Any:
            return (torch.nn.functional.pad(given[0][:, :-1][kept], (0, 0, 0, filler))[None],)

        return self.read(model, portion, chosen).logits[0].float(), wanted

    def read(self, model: Any, portion: Any, chosen: Any) -> Any:
        """The model's output, its head applied to what the hook `chosen` makes of its input."""
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        hook = head.register_forward_pre_hook(chosen)
        try:
            return model(
                input_ids=portion["input_ids"],
                attention_mask=portion["attention_mask"],
                use_cache=False,
            )
        finally:
            hook.remove()
