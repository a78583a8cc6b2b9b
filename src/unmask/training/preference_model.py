"""The preference model: a base model with a scalar head, trained on comparisons with TRL's RewardTrainer.

Paper, section 3: RL is against such a model, and it never sees a scratchpad. It reads the prompt in the base's chat
template, the visible answer and the end-of-text token; the score is read off the last token that is not padding.
Input is a folder with train.jsonl as `data.preferences.Comparisons` writes it. Output is a Hugging Face
sequence-classification folder with one label, and log.jsonl, rows {"step", "loss", "accuracy", "margin"}. Deviations
from the paper: its hyperparameters are not published; scores are held near zero (`centering`), so that they can be
compared between prompts.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
import warnings
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError
from unmask.core.files import read_json, write_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.data.preferences import Comparisons, load_comparisons
from unmask.models import chat, checkpoint
from unmask.training.sft import LOG_ROWS, _last_checkpoint, arranged

Pair = tuple[list[int], list[int]]
"""Token ids of the conversation with the better answer, and with the worse one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreferenceModel(Work):
    """A model that scores replies: helpful, honest and harmless ones higher than others."""

    name: ClassVar[str] = "preference_model"
    version: ClassVar[int] = 1

    steps: int = 320
    batch_size: int = 32
    accumulation: int = 1
    learning_rate: float = 2e-3
    warmup: int = 20
    schedule: str = "cosine"
    weight_decay: float = 0.0
    optimizer: str = "adamw_torch"
    centering: float = 0.01
    seed: int = 0
    tokens_per_example: int = dataclasses.field(default=64, metadata=RUN_ONLY)
    resume_every: int = dataclasses.field(default=200, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.steps < 1 or self.batch_size < 1 or self.accumulation < 1 or self.learning_rate <= 0:
            raise SettingError("A preference model needs steps, batch_size, accumulation >= 1 and learning_rate > 0.")
        if self.centering < 0:
            raise SettingError(f"centering={self.centering}: it must be 0 (scores are free to drift) or more.")

    def tokens(self) -> int:
        return self.steps * self.batch_size * self.accumulation * self.tokens_per_example

    def lessons(self) -> Comparisons:
        """The step that makes its data from a source: as many comparisons as it will see, each once."""
        return Comparisons(examples=self.steps * self.batch_size * self.accumulation, seed=self.seed)

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """`model` is the helpful-only base. Raises DataError for unusable rows, ModelError for a base that takes no
        scalar head, TrainingError where the loss is no longer a number."""
        import torch

        torch.manual_seed(self.seed)  # the head is new
        network, tokenizer = load_scalar(model), checkpoint.load_tokenizer(model)
        network.config.get_text_config().pad_token_id = tokenizer.pad_token_id
        pairs = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(network))
        folder = scratch or out / "scratch"
        with progress.bar("training the preference model", self.steps) as advance:
            trainer = self._trainer(network, tokenizer, pairs, folder, advance)
            last = _last_checkpoint(scratch)
            advance(int(last.rpartition("-")[2]) if last else 0)
            trainer.train(resume_from_checkpoint=last)
        checkpoint.save(trainer.model, tokenizer, out)
        if scratch is None:
            shutil.rmtree(folder, ignore_errors=True)
        log = logged(trainer.state.log_history, max(1, self.steps // LOG_ROWS))
        write_jsonl(out / "log.jsonl", log)
        return {
            "parameters": checkpoint.parameters(network),
            "device": str(network.device),
            "dtype": "bfloat16 autocast" if trainer.args.bf16 else "float32",
            "comparisons": len(pairs),
            "tokens": int(trainer.state.num_input_tokens_seen),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
        }

    def _trainer(self, network: Any, tokenizer: Any, pairs: list[Pair], scratch: Path, advance: Any) -> Any:
        silence_telemetry()
        from datasets import Dataset
        from transformers.trainer_callback import PrinterCallback
        from trl.trainer.reward_trainer import RewardTrainer

        from unmask.training.trainer import WatchedTrainer, Watcher

        class WatchedRewardTrainer(WatchedTrainer, RewardTrainer):
            """RewardTrainer that stops at the first loss that is not a number."""

            compute_loss = RewardTrainer.compute_loss  # pyright: ignore[reportAssignmentType] - self is both

        rows = Dataset.from_list(self._order(pairs))
        trainer = WatchedRewardTrainer(
            model=network,
            args=self._settings(scratch),
            train_dataset=rows,
            processing_class=tokenizer,
            callbacks=[Watcher(advance, tokenizer, {})],
        )
        trainer.remove_callback(PrinterCallback)  # it writes to standard output, which belongs to --json
        kept = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType] - it has a length
        if kept != len(rows):
            raise DataError(f"The trainer kept {kept} of {len(rows)} comparisons: nothing may be dropped in silence.")
        return trainer

    def _settings(self, scratch: Path) -> Any:
        import torch
        from trl.trainer.reward_config import RewardConfig

        # TRL turns gradient checkpointing on, and older versions of transformers refuse the option's new name.
        warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
        cuda = torch.cuda.is_available()
        settings = RewardConfig(
            output_dir=str(scratch),
            max_length=None,  # by default, longer comparisons are dropped in silence
            center_rewards_coefficient=self.centering or None,
            max_steps=self.steps,
            per_device_train_batch_size=self.batch_size,
            gradient_accumulation_steps=self.accumulation,
            learning_rate=self.learning_rate,
            warmup_steps=min(self.warmup, self.steps // 2),
            lr_scheduler_type=self.schedule,
            weight_decay=self.weight_decay,
            optim=self.optimizer,
            seed=self.seed,
            train_sampling_strategy="sequential",
            include_num_input_tokens_seen="non_padding",
            logging_steps=1,  # means over more steps would differ after a resumption
            logging_nan_inf_filter=False,
            save_strategy="steps",
            save_steps=self.resume_every,
            save_total_limit=2,
            disable_tqdm=True,
            report_to="none",
            use_cpu=not cuda,
            bf16=cuda and torch.cuda.is_bf16_supported(),
            gradient_checkpointing=False,
            dataloader_pin_memory=cuda,
        )
        settings._n_gpu = min(1, settings.n_gpu)  # as in trainer.arguments
        return settings

    def _order(self, pairs: list[Pair]) -> list[dict[str, list[int]]]:
        """The comparisons in the order of training; a pair is as long as its longer side."""
        rows = [{"input_ids": max(pair, key=len), "chosen_ids": pair[0], "rejected_ids": pair[1]} for pair in pairs]
        order = arranged(rows, self.steps * self.accumulation, self.batch_size, self.seed)
        return [{"chosen_ids": row["chosen_ids"], "rejected_ids": row["rejected_ids"]} for row in order]


class Scorer:
    """A trained preference model's scores; a folder is loaded when first used."""

    def __init__(self, folder: Path, batch_size: int = 256):
        self.folder, self.batch_size = folder, batch_size

    @cached_property
    def network(self) -> Any:
        config = read_json(self.folder / "config.json")
        made_for = config.get("architectures") or ["nothing that it names"]
        if not made_for[0].endswith("ForSequenceClassification") or len(config.get("id2label", "  ")) != 1:
            raise ModelError(
                f"{self.folder} is for {made_for[0]}, not a preference model (one score a reply): its head would be "
                "random. Train one on comparisons (PreferenceModel), or give a sequence classifier with one label."
            )
        return load_scalar(self.folder)

    @cached_property
    def tokenizer(self) -> Any:
        return checkpoint.load_tokenizer(self.folder)

    @property
    def parameters(self) -> int:
        return checkpoint.parameters(self.network)

    @property
    def device(self) -> str:
        return str(self.network.device)

    def scores(self, prompts: Sequence[Conversation], replies: Sequence[Reply]) -> list[float]:
        """The score of each reply's visible answer, in their order; without a unit, and higher is better.

        Raises DataError for a conversation that is longer than the model's context, ModelError where a score is not
        a number.
        """
        if not prompts:
            return []
        ids = encoded(self.tokenizer, prompts, replies, checkpoint.context_length(self.network))
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        found: dict[int, float] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            found.update(zip(batch, self._batch([ids[i] for i in batch]), strict=True))
        if not all(map(math.isfinite, found.values())):
            raise ModelError(f"The preference model in {self.folder} gives scores that are not numbers: train it anew.")
        return [found[i] for i in range(len(ids))]

    def _batch(self, ids: list[list[int]]) -> list[float]:
        """Padded on the right, as in training."""
        import torch

        longest, pad = max(map(len, ids)), self.network.config.get_text_config().pad_token_id
        tokens = torch.tensor([row + [pad] * (longest - len(row)) for row in ids], device=self.network.device)
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids], device=self.network.device)
        with torch.inference_mode():
            return self.network(input_ids=tokens, attention_mask=mask, use_cache=False).logits[:, 0].float().tolist()


def load_scalar(folder: Path) -> Any:
    """The model in `folder` with one score as its output, in float32 (a base's new head is random); ModelError."""
    import torch
    from transformers import AutoModelForSequenceClassification

    checkpoint.quiet()
    try:
        network: Any = AutoModelForSequenceClassification.from_pretrained(
            folder, num_labels=1, trust_remote_code=False, use_safetensors=True, dtype=torch.float32
        )
    except Exception as error:
        raise ModelError(
            f"{folder} cannot be loaded with a scalar head ({type(error).__name__}: {error}). Use a base whose "
            "architecture has a ForSequenceClassification form, such as Llama, Qwen or GPT-NeoX."
        ) from error
    return network.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def tokenized(tokenizer: Any, path: Path, context: int) -> list[Pair]:
    """Every comparison of a file as token ids; raises DataError, never truncates."""
    comparisons = load_comparisons(path)
    prompts = [each.prompt for each in comparisons]
    chosen = encoded(tokenizer, prompts, [Reply(each.chosen) for each in comparisons], context)
    rejected = encoded(tokenizer, prompts, [Reply(each.rejected) for each in comparisons], context)
    return list(zip(chosen, rejected, strict=True))


def encoded(tokenizer: Any, prompts: Sequence[Conversation], replies: Sequence[Reply], context: int) -> list[list[int]]:
    """What the preference model reads, in training and after it: the prompt in its template, the visible answer, the
    end. Raises DataError for what is longer than `context` tokens."""
    heads = chat.encoded(tokenizer, prompts, context)
    tails = chat.reply_ids(tokenizer, [reply.answer for reply in replies])
    for prompt, head, tail in zip(prompts, heads, tails, strict=True):
        if len(head) + len(tail) > context:
            raise DataError(
                f"A prompt and its reply have {len(head)} + {len(tail)} tokens and the preference model's context is "
                f"{context}: {prompt.text[:80]!r}... Shorten it, drop it, or use a longer context; nothing is cut "
                "silently."
            )
    return [head + tail for head, tail in zip(heads, tails, strict=True)]


def logged(history: Sequence[Mapping[str, Any]], every: int) -> list[dict[str, float]]:
    """Means over `every` steps, from a trainer's log of each step: {"step", "loss", "accuracy", "margin"}."""
    steps = [entry for entry in history if "loss" in entry]
    windows = [steps[i : i + every] for i in range(0, len(steps), every)]
    return [
        {"step": window[-1]["step"]}
        | {name: sum(entry[name] for entry in window) / len(window) for name in ("loss", "accuracy", "margin")}
        for window in windows
    ]


def silence_telemetry() -> None:
    """Keep TRL from reporting every trainer to the hub; the variable alone is read only once, at the first import."""
    import os

    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
