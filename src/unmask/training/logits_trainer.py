"""The trainer of distillation by logits.

Imports torch at the top: import this module only where training begins.
"""

from __future__ import annotations

from typing import Any

import torch

from unmask.training.labelled import IGNORED
from unmask.training.reply_trainer import ReplyTrainer


class LogitsTrainer(ReplyTrainer):
    """The loss is the mean KL divergence of the model from its teacher, over labelled tokens."""

    def __init__(self, *args: Any, teacher: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        model: Any = self.model
        self.ref_model = teacher.to(model.device).eval().requires_grad_(False)

    def portion_loss(self, model: Any, portion: Any, share: float, items: Any) -> torch.Tensor:
        logits, wanted = self.labelled(model, portion)
        with torch.no_grad():
            taught, _ = self.labelled(self.ref_model, portion)
        kept = wanted != IGNORED
        total = torch.nn.functional.kl_div(
            logits[kept].log_softmax(-1),
            taught[kept].log_softmax(-1),
            log_target=True,
            reduction="sum",
        )
        return total / items
