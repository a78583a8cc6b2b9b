"""What all our trainers share: arguments that work on any machine, a watch for losses that are not numbers, curves.

Imports transformers at the top: import this module only where training begins.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from unmask.core.errors import TrainingError
from unmask.models import checkpoint

os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")


def arguments(folder: Path, save_steps: int, **settings: Any) -> TrainingArguments:
    """TrainingArguments for this machine; `save_steps` 0 keeps no checkpoint to resume from."""
    cuda = torch.cuda.is_available()
    return TrainingArguments(
        output_dir=str(folder),
        save_strategy="steps" if save_steps else "no",
        save_steps=save_steps or 1,
        save_total_limit=2,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        use_cpu=not cuda,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        dataloader_pin_memory=cuda,
        **settings,
    )


class WatchedTrainer(Trainer):
    """Trainer that stops at the first loss that is not a number, before it reaches the weights."""

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            raise TrainingError(
                f"The loss is {loss.item()} at training step {step}. The last good checkpoint is kept in "
                f"{self.args.output_dir}; lower the learning rate (now {self.args.learning_rate:g}) and run again."
            )
        return loss


class Watcher(TrainerCallback):
    """Advances the bar, keeps the checkpoints of the curve, and lets no broken weights be saved to resume from."""

    def __init__(self, advance: Callable[[int], None], tokenizer: Any, curve: Mapping[int, Path]):
        self.advance, self.tokenizer, self.curve = advance, tokenizer, curve

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(1)
        model = kwargs["model"]
        if control.should_save and not all(bool(torch.isfinite(w).all()) for w in model.parameters()):
            raise TrainingError(
                f"The weights are not numbers after training step {state.global_step}. The last good checkpoint is "
                f"kept in {args.output_dir}; lower the learning rate (now {args.learning_rate:g}) and run again."
            )
        if state.global_step in self.curve:
            checkpoint.save(model, self.tokenizer, self.curve[state.global_step])
