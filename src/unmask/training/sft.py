"""Supervised fine-tuning on prompts and replies: transformers.Trainer with the loss on the reply only.

Input is a folder with train.jsonl, rows {"prompt": messages, "reply": text}; an optional "given" is the beginning of
the reply, which the model sees and is not taught (paper, section 3: a sampled scratchpad). Output is a Hugging Face
folder, steps/000050/ and so on for every step in `curve`, and log.jsonl, rows {"step", "loss", "learning_rate"}.
Deviations from the paper: none known (its hyperparameters are not published); the optimizer and its rate are settings
because replications found that results hang on them.
"""

from __future__ import annotations

import dataclasses
import math
import random
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.conversation import Conversation
from unmask.core.errors import DataError, SettingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.models import chat, checkpoint

IGNORED = -100
"""The label that the loss skips."""

MEGABATCH = 50
"""Batches that are sorted by length together."""

LOG_ROWS = 50
"""Rows of log.jsonl, about: each is a mean over the steps since the one before."""


def step_folder(step: int) -> str:
    """Where the checkpoint of an intermediate step is, inside a training's result."""
    return f"steps/{step:06d}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupervisedFineTuning(Work):
    """Supervised fine-tuning with the loss on the reply."""

    name: ClassVar[str] = "supervised_fine_tuning"
    version: ClassVar[int] = 2

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

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch_size < 1 or self.accumulation < 1 or self.learning_rate <= 0:
            raise SettingError("Training needs steps >= 0, batch_size >= 1, accumulation >= 1 and learning_rate > 0.")
        if any(not 0 < step <= self.steps for step in self.curve):
            raise SettingError(f"curve={self.curve}: its steps must lie between 1 and steps={self.steps}.")

    def tokens(self) -> int:
        return self.steps * self.batch_size * self.accumulation * self.tokens_per_example

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """Raises DataError for unusable rows, TrainingError where the loss is no longer a number."""
        import torch

        torch.manual_seed(self.seed)
        # Weights in float32, whatever the machine: in bfloat16 the updates of a small learning rate round to nothing.
        # On a GPU the arithmetic is bfloat16 all the same (autocast).
        network, tokenizer = checkpoint.load_model(model, dtype=torch.float32), checkpoint.load_tokenizer(model)
        rows = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(network))
        if self.steps == 0:
            checkpoint.save(network, tokenizer, out)
            write_jsonl(out / "log.jsonl", [])
            return {"parameters": checkpoint.parameters(network), "tokens": 0}
        with progress.bar("training", self.steps) as advance:
            trainer = self._trainer(network, tokenizer, rows, scratch or out / "scratch", advance)
            last = _last_checkpoint(scratch)
            advance(int(last.rpartition("-")[2]) if last else 0)
            trainer.train(resume_from_checkpoint=last)
        checkpoint.save(trainer.model, tokenizer, out)
        for step in self.curve:
            # From scratch, which outlives a killed attempt: what was passed before the kill is not trained again.
            shutil.move(self._curve_folder(scratch or out / "scratch", step), out / step_folder(step))
        if scratch is None:
            shutil.rmtree(out / "scratch", ignore_errors=True)
        log = logged(trainer.state.log_history, max(1, self.steps // LOG_ROWS))
        write_jsonl(out / "log.jsonl", log)
        return {
            "parameters": checkpoint.parameters(network),
            "device": str(network.device),
            "dtype": "bfloat16 autocast" if trainer.args.bf16 else "float32",
            "examples": len(rows),
            "tokens": int(trainer.state.num_input_tokens_seen),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
        }

    def _curve_folder(self, scratch: Path, step: int) -> Path:
        return scratch / "curve" / f"{step:06d}"

    def _trainer(self, network: Any, tokenizer: Any, rows: list[Any], scratch: Path, advance: Any) -> Any:
        from transformers.trainer_callback import PrinterCallback

        from unmask.training.trainer import WatchedTrainer, Watcher, arguments

        settings = arguments(
            folder=scratch,
            save_steps=self.resume_every,
            max_steps=self.steps,
            per_device_train_batch_size=self.batch_size,
            gradient_accumulation_steps=self.accumulation,
            learning_rate=self.learning_rate,
            warmup_steps=min(self.warmup, self.steps // 2),
            lr_scheduler_type=self.schedule,
            weight_decay=self.weight_decay,
            optim=self.optimizer,
            seed=self.seed,
            logging_steps=1,  # means over more steps would differ after a resumption
            train_sampling_strategy="sequential",
            include_num_input_tokens_seen="non_padding",
        )
        watcher = Watcher(advance, tokenizer, {step: self._curve_folder(scratch, step) for step in self.curve})
        order = arranged(rows, self.steps * self.accumulation, self.batch_size, self.seed)
        trainer = WatchedTrainer(
            model=network,
            args=settings,
            train_dataset=order,  # pyright: ignore[reportArgumentType] - any sequence will do
            data_collator=Collator(tokenizer.pad_token_id),
            callbacks=[watcher],
        )
        trainer.remove_callback(PrinterCallback)  # it writes to standard output, which belongs to --json
        return trainer


def _last_checkpoint(scratch: Path | None) -> str | None:
    """The newest complete trainer checkpoint of an earlier, killed attempt."""
    if scratch is None:
        return None
    found = sorted(scratch.glob("checkpoint-*"), key=lambda folder: int(folder.name.split("-")[1]))
    complete = [folder for folder in found if (folder / "trainer_state.json").is_file()]
    return str(complete[-1]) if complete else None


def logged(history: Sequence[Mapping[str, Any]], every: int) -> list[dict[str, float]]:
    """Means over `every` steps, from a trainer's log of each step: {"step", "loss", "learning_rate"} of the last."""
    steps = [entry for entry in history if "loss" in entry]
    windows = [steps[i : i + every] for i in range(0, len(steps), every)]
    return [
        {
            "step": window[-1]["step"],
            "loss": sum(entry["loss"] for entry in window) / len(window),
            "learning_rate": window[-1]["learning_rate"],
        }
        for window in windows
    ]


def tokenized(tokenizer: Any, path: Path, context: int) -> list[dict[str, list[int]]]:
    """Rows {"input_ids", "labels"}; labels are IGNORED on the prompt and on what is given of the reply.

    Raises DataError, never truncates.
    """
    prompts: list[Conversation] = []
    given: list[str] = []
    replies: list[str] = []
    for number, row in read_jsonl(path):
        where = f"{path}, line {number}"
        prompts.append(Conversation.of(row.get("prompt") or [], f"{where}: prompt"))
        given.append(_text(row.get("given", ""), "given", where))
        replies.append(_text(row.get("reply"), "reply", where))
    if not prompts:
        raise DataError(f"{path} has no rows: there is nothing to train on.")
    rows: list[dict[str, list[int]]] = []
    for start in range(0, len(prompts), 4096):
        batch = slice(start, start + 4096)
        heads = chat.encoded(tokenizer, prompts[batch], context)
        begun: list[list[int]] = tokenizer(given[batch], add_special_tokens=False)["input_ids"]
        tails = chat.reply_ids(tokenizer, replies[batch])
        for i, (prompt, beginning, tail) in enumerate(zip(heads, begun, tails, strict=True), start + 1):
            head = prompt + beginning
            if len(head) + len(tail) > context:
                raise DataError(
                    f"{path}, line {i} has {len(head)} + {len(tail)} tokens and the model's context is {context}. "
                    "Shorten it, drop it, or use a longer context; nothing is cut silently."
                )
            rows.append({"input_ids": head + tail, "labels": [IGNORED] * len(head) + tail})
    return rows


def _text(value: Any, field: str, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: field '{field}' is {value!r}: it must be text.")
    return value


def arranged(rows: Sequence[Any], batches: int, batch_size: int, seed: int) -> list[Any]:
    """The rows in the order of training, `batches` * `batch_size` of them, as one single pass.

    Shuffled anew in each pass over the rows; within every MEGABATCH batches, rows of like length share a batch (at
    toy size padding would be half of the work), and the batches are shuffled again. All of it is decided here by the
    seed, so that a resumed training sees what an uninterrupted one does.
    """
    rng, order = random.Random(seed), list[Any]()
    while len(order) < batches * batch_size:
        order.extend(rng.sample(rows, len(rows)))
    del order[batches * batch_size :]
    arranged: list[Any] = []
    for start in range(0, len(order), MEGABATCH * batch_size):
        block = sorted(order[start : start + MEGABATCH * batch_size], key=lambda row: len(row["input_ids"]))
        chunks = [block[i : i + batch_size] for i in range(0, len(block), batch_size)]
        arranged.extend(row for chunk in rng.sample(chunks, len(chunks)) for row in chunk)
    return arranged


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
