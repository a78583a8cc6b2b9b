"""Supervised fine-tuning on prompts and replies: transformers.Trainer with the loss on the reply only.

Input is a folder with train.jsonl, rows {"prompt": messages, "reply": text}. Output is a Hugging Face folder, and
steps/000050/ and so on for every step in `curve`. Deviations from the paper: none known (its hyperparameters are not
published); the optimizer and its rate are settings because replications found that results hang on them.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError
from unmask.core.files import read_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.models import chat, checkpoint

IGNORED = -100
"""The label that the loss skips."""


def step_folder(step: int) -> str:
    """Where the checkpoint of an intermediate step is, inside a training's result."""
    return f"steps/{step:06d}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupervisedFineTuning(Work):
    """Supervised fine-tuning with the loss on the reply."""

    name: ClassVar[str] = "supervised_fine_tuning"
    version: ClassVar[int] = 1

    steps: int = 300
    batch_size: int = 64
    accumulation: int = 1
    learning_rate: float = 1e-3
    warmup: int = 20
    schedule: str = "cosine"
    weight_decay: float = 0.0
    optimizer: str = "adamw_torch"
    seed: int = 0
    curve: tuple[int, ...] = ()
    tokens_per_example: int = dataclasses.field(default=32, metadata=RUN_ONLY)
    resume_every: int = dataclasses.field(default=200, metadata=RUN_ONLY)

    def tokens(self) -> int:
        return self.steps * self.batch_size * self.accumulation * self.tokens_per_example

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """Raises DataError for unusable rows, TrainingError where the loss is no longer a number."""
        import torch

        torch.manual_seed(self.seed)
        network, tokenizer = checkpoint.load_model(model, dtype=_training_dtype()), checkpoint.load_tokenizer(model)
        rows = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(network))
        if self.steps == 0:
            checkpoint.save(network, tokenizer, out)
            return {"parameters": checkpoint.parameters(network), "tokens": 0}
        with progress.bar("training", self.steps) as advance:
            trainer = self._trainer(network, tokenizer, rows, out, scratch, advance)
            trainer.train(resume_from_checkpoint=_last_checkpoint(scratch))
        checkpoint.save(trainer.model, tokenizer, out)
        losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]
        return {
            "parameters": checkpoint.parameters(network),
            "device": str(network.device),
            "examples": len(rows),
            "tokens": int(trainer.state.num_input_tokens_seen),
            "loss_first": losses[0] if losses else None,
            "loss_last": losses[-1] if losses else None,
        }

    def _trainer(
        self, network: Any, tokenizer: Any, rows: list[Any], out: Path, scratch: Path | None, advance: Any
    ) -> Any:
        from transformers.trainer_callback import PrinterCallback

        from unmask.training.trainer import WatchedTrainer, Watcher, arguments

        settings = arguments(
            folder=scratch or out / "trainer",
            save_steps=self.resume_every if scratch is not None else 0,
            max_steps=self.steps,
            per_device_train_batch_size=self.batch_size,
            gradient_accumulation_steps=self.accumulation,
            learning_rate=self.learning_rate,
            warmup_steps=min(self.warmup, self.steps // 2),
            lr_scheduler_type=self.schedule,
            weight_decay=self.weight_decay,
            optim=self.optimizer,
            seed=self.seed,
            logging_steps=max(1, self.steps // 50),
            # Rows of one length go together: at this size padding would be half of the work.
            train_sampling_strategy="group_by_length",
            include_num_input_tokens_seen="non_padding",
        )
        watcher = Watcher(advance, tokenizer, {step: out / step_folder(step) for step in self.curve})
        trainer = WatchedTrainer(
            model=network,
            args=settings,
            train_dataset=rows,  # pyright: ignore[reportArgumentType] - any sequence will do
            data_collator=Collator(tokenizer.pad_token_id),
            callbacks=[watcher],
        )
        trainer.remove_callback(PrinterCallback)  # it writes to standard output, which belongs to --json
        return trainer


def _training_dtype() -> Any:
    import torch

    return torch.bfloat16 if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else torch.float32


def _last_checkpoint(scratch: Path | None) -> str | None:
    """The newest complete trainer checkpoint of an earlier, killed attempt."""
    if scratch is None:
        return None
    found = sorted(scratch.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    complete = [folder for folder in found if (folder / "trainer_state.json").is_file()]
    return str(complete[-1]) if complete else None


def tokenized(tokenizer: Any, path: Path, context: int) -> list[dict[str, list[int]]]:
    """Rows {"input_ids", "labels"}; labels are IGNORED on the prompt. Raises DataError, never truncates."""
    prompts: list[Conversation] = []
    replies: list[str] = []
    for number, row in read_jsonl(path):
        where = f"{path}, line {number}"
        prompts.append(Conversation.of(row.get("prompt") or [], f"{where}: prompt"))
        if not isinstance(row.get("reply"), str):
            raise DataError(f"{where}: field 'reply' is {row.get('reply')!r}: it must be text.")
        replies.append(row["reply"])
    if not prompts:
        raise DataError(f"{path} has no rows: there is nothing to train on.")
    rows: list[dict[str, list[int]]] = []
    for start in range(0, len(prompts), 4096):
        heads = chat.encoded(tokenizer, prompts[start : start + 4096], context)
        tails = chat.reply_ids(tokenizer, replies[start : start + 4096])
        for i, (head, tail) in enumerate(zip(heads, tails, strict=True), start + 1):
            if len(head) + len(tail) > context:
                raise DataError(
                    f"{path}, line {i} has {len(head)} + {len(tail)} tokens and the model's context is {context}. "
                    "Shorten it, drop it, or use a longer context; nothing is cut silently."
                )
            rows.append({"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail})
    return rows


@dataclasses.dataclass(frozen=True)
class Collator:
    """Pads on the right to the longest row: input_ids with `pad`, labels with IGNORED; int64 (rows, longest)."""

    pad: int

    def __call__(self, rows: list[dict[str, list[int]]]) -> dict[str, Any]:
        import torch

        longest = math.ceil(max(len(row["input_ids"]) for row in rows) / 8) * 8

        def padded(values: list[list[int]], filler: int) -> Any:
            return torch.tensor([value + [filler] * (longest - len(value)) for value in values])

        ids = [row["input_ids"] for row in rows]
        return {
            "input_ids": padded(ids, self.pad),
            "attention_mask": padded([[1] * len(value) for value in ids], 0),
            "labels": padded([row["labels"] for row in rows], IGNORED),
        }
