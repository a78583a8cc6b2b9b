"""What all our trainers share: arguments that work on any machine, a watch for losses that are not numbers, curves.

Imports transformers at the top: import this module only where training begins.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import Trainer, TrainerCallback, TrainingArguments

from unmask.core.errors import TrainingError
from unmask.models import checkpoint
from unmask.training.sft import IGNORED


def arguments(folder: Path, save_steps: int, **settings: Any) -> TrainingArguments:
    """TrainingArguments for this machine; a checkpoint to resume from every `save_steps`."""
    cuda = torch.cuda.is_available()
    found = TrainingArguments(
        output_dir=str(folder),
        save_strategy="steps",
        save_steps=save_steps,
        save_total_limit=2,
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        use_cpu=not cuda,
        bf16=cuda and torch.cuda.is_bf16_supported(),
        dataloader_pin_memory=cuda,
        **settings,
    )
    # One process trains on one GPU: Trainer would multiply the batch by the GPUs that it sees, under the same key.
    # Several GPUs are several processes, started by Accelerate.
    found._n_gpu = min(1, found.n_gpu)
    return found


class WatchedTrainer(Trainer):
    """Trainer that computes logits only where a label asks for them, and stops at the first loss that is no number,
    before it reaches the weights."""

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> Any:
        """Mean cross-entropy of the labelled tokens.

        Prompts are most of the tokens, and at toy size the head is most of the work: leaving prompts out of it makes
        a step a third shorter.
        """
        targets = inputs["labels"][:, 1:]
        kept = targets != IGNORED
        head = self.accelerator.unwrap_model(model).get_output_embeddings()
        hook = head.register_forward_pre_hook(lambda _, given: (given[0][:, :-1][kept][None],))
        try:
            outputs = model(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"], use_cache=False)
        finally:
            hook.remove()
        total = torch.nn.functional.cross_entropy(outputs.logits[0].float(), targets[kept], reduction="sum")
        loss = total / (kept.sum() if num_items_in_batch is None else num_items_in_batch)
        return (loss, outputs) if return_outputs else loss

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        loss = super().training_step(*args, **kwargs)
        if not torch.isfinite(loss):
            step = self.state.global_step + 1
            raise TrainingError(
                f"The loss is {loss.item()} at training step {step}. The last good checkpoint "
                f"(one is kept every {self.args.save_steps} steps) is the newest in {self.args.output_dir}. "
                f"Lower the learning rate (now {self.args.learning_rate:g}) and run again."
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
            folder = self.curve[state.global_step]
            unfinished = folder.with_name(f"unfinished-{folder.name}")
            shutil.rmtree(unfinished, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            checkpoint.save(model, self.tokenizer, unfinished)
            unfinished.rename(folder)
