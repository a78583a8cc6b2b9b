"""Direct preference optimization: TRL's DPOTrainer on comparisons, tokenized by us, against the model as it was.

Not in the paper: the same comparisons as its preference model learns from, with no preference model and no sampling.
Neither side of a comparison has a scratchpad, so a model that reasons is taught to answer at once.

Input is a folder with train.jsonl as `data.preferences.Comparisons` writes it. Output is a Hugging Face folder,
steps/000050/ and so on for every step in `curve`, and log.jsonl, rows {"step", "loss", "margin", "accuracy",
"chosen", "rejected"}: `chosen` and `rejected` are implicit rewards, beta times the log-ratio of policy and reference;
`margin` is their difference, `accuracy` how often it is positive.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core import progress
from unmask.core.errors import DataError, SettingError, TrainingError
from unmask.core.files import write_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.data.preferences import load_comparisons
from unmask.models import chat, checkpoint
from unmask.training.preference_model import silence_telemetry
from unmask.training.sft import LOG_ROWS, _last_checkpoint, arranged, step_folder

MACHINE = (
    "output_dir",
    "save_strategy",
    "save_steps",
    "save_total_limit",
    "logging_nan_inf_filter",
    "disable_tqdm",
    "report_to",
    "use_cpu",
    "bf16",
    "dataloader_pin_memory",
)
"""What trainer.arguments decides for this machine."""

LOGGED = {
    "loss": "loss",
    "margin": "rewards/margins",
    "accuracy": "rewards/accuracies",
    "chosen": "rewards/chosen",
    "rejected": "rewards/rejected",
}
"""Our name of a metric and TRL's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectPreference(Work):
    """Raises the better answer of each comparison over the worse one, relative to the model as it was.

    `batch_size` is comparisons a step; `beta` is the weight of staying near the model as it was.
    """

    name: ClassVar[str] = "direct_preference_optimization"
    version: ClassVar[int] = 1

    steps: int = 150
    batch_size: int = 64
    accumulation: int = 1
    learning_rate: float = 1e-3
    beta: float = 0.03
    warmup: int = 10
    schedule: str = "cosine"
    optimizer: str = "adamw_torch"
    weight_decay: float = 0.0
    seed: int = 0
    curve: tuple[int, ...] = ()
    tokens_per_example: int = dataclasses.field(default=64, metadata=RUN_ONLY)
    resume_every: int = dataclasses.field(default=100, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.steps < 0 or self.batch_size < 1 or self.accumulation < 1 or self.learning_rate <= 0 or self.beta <= 0:
            raise SettingError("DPO needs steps >= 0, batch_size and accumulation >= 1, learning_rate and beta > 0.")
        if any(not 0 < step <= self.steps for step in self.curve):
            raise SettingError(f"curve={self.curve}: its steps must lie between 1 and steps={self.steps}.")

    def comparisons(self) -> int:
        """How many comparisons it sees, in all."""
        return self.steps * self.batch_size * self.accumulation

    def tokens(self) -> int:
        """Both sides of a comparison, by the policy and by its reference."""
        return self.comparisons() * self.tokens_per_example

    def run(self, out: Path, *, model: Path, data: Path, scratch: Path | None = None) -> Mapping[str, Any]:
        """Raises DataError for unusable rows, TrainingError where a number is none or the reference is another."""
        import torch

        torch.manual_seed(self.seed)
        policy, tokenizer = checkpoint.load_model(model, dtype=torch.float32), checkpoint.load_tokenizer(model)
        rows = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(policy))
        if self.steps == 0:
            checkpoint.save(policy, tokenizer, out)
            return {"parameters": checkpoint.parameters(policy), "tokens": 0}
        with progress.bar("preference optimization", self.steps) as advance:
            place = scratch or out / "scratch"
            trainer = self._trainer(policy, tokenizer, rows, place, advance)
            trained(trainer, tokenizer, out, place, self.curve, advance)
        log = [
            {"step": entry["step"], **{ours: entry[theirs] for ours, theirs in LOGGED.items()}}
            for entry in trainer.state.log_history
            if "rewards/margins" in entry
        ]
        write_jsonl(out / "log.jsonl", log)
        return {
            "parameters": checkpoint.parameters(policy),
            "device": str(policy.device),
            "comparisons": len(rows),
            "tokens": int(trainer.state.num_input_tokens_seen),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
            "margin_last": log[-1]["margin"],
        }

    def _trainer(self, policy: Any, tokenizer: Any, rows: list[Any], place: Path, advance: Any) -> Any:
        silence_telemetry()
        from datasets import Dataset
        from trl.trainer.dpo_config import DPOConfig
        from trl.trainer.dpo_trainer import DPOTrainer

        from unmask.training.trainer import WatchedTrainer, Watcher

        class WatchedDPOTrainer(WatchedTrainer, DPOTrainer):
            """DPOTrainer that takes rows as token ids and stops at the first loss that is not a number."""

            compute_loss = DPOTrainer.compute_loss  # pyright: ignore[reportAssignmentType] - it is one of both

            def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
                return dataset

        settings = configured(
            DPOConfig,
            folder=place,
            save_steps=self.resume_every,
            max_length=None,  # by default, longer rows are cut or dropped in silence
            max_steps=self.steps,
            per_device_train_batch_size=self.batch_size,
            gradient_accumulation_steps=self.accumulation,
            learning_rate=self.learning_rate,
            beta=self.beta,
            warmup_steps=min(self.warmup, self.steps // 2),
            lr_scheduler_type=self.schedule,
            optim=self.optimizer,
            weight_decay=self.weight_decay,
            seed=self.seed,
            logging_steps=max(1, self.steps // LOG_ROWS),
            train_sampling_strategy="sequential",
            include_num_input_tokens_seen="non_padding",
        )
        order = arranged(rows, self.steps * self.accumulation, self.batch_size, self.seed)
        trainer = WatchedDPOTrainer(
            model=policy,
            args=settings,
            train_dataset=Dataset.from_list(order),
            processing_class=tokenizer,
            callbacks=[Watcher(advance, tokenizer, {step: place / step_folder(step) for step in self.curve})],
        )
        kept = len(trainer.train_dataset)  # pyright: ignore[reportArgumentType] - it has a length
        if kept != len(order):
            raise DataError(f"The trainer kept {kept} of {len(order)} comparisons: nothing may be dropped in silence.")
        check_reference(trainer.model, trainer.ref_model)
        return trainer


def tokenized(tokenizer: Any, path: Path, context: int) -> list[dict[str, list[int]]]:
    """Rows {"prompt_ids", "chosen_ids", "rejected_ids", "input_ids" (the longer side, to sort by)}; answers end with
    the end token. Raises DataError, never truncates."""
    comparisons = load_comparisons(path)
    prompts = chat.encoded(tokenizer, [each.prompt for each in comparisons], context)
    chosen = chat.reply_ids(tokenizer, [each.chosen for each in comparisons])
    rejected = chat.reply_ids(tokenizer, [each.rejected for each in comparisons])
    rows: list[dict[str, list[int]]] = []
    for i, (prompt, better, worse) in enumerate(zip(prompts, chosen, rejected, strict=True), 1):
        longer = max(better, worse, key=len)
        if len(prompt) + len(longer) > context:
            raise DataError(
                f"{path}, line {i} has {len(prompt)} + {len(longer)} tokens and the model's context is {context}. "
                "Shorten it, drop it, or use a longer context; nothing is cut silently."
            )
        row = {"prompt_ids": prompt, "chosen_ids": better, "rejected_ids": worse}
        rows.append({**row, "input_ids": prompt + longer})
    return rows


def configured(kind: Any, folder: Path, save_steps: int, **settings: Any) -> Any:
    """TRL's arguments of class `kind`, for this machine."""
    import warnings

    from unmask.training.trainer import arguments

    # TRL turns this option on by default, and its new name is refused by some versions of transformers.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing", category=FutureWarning)
    usual = arguments(folder=folder, save_steps=save_steps)
    found = kind(**{name: getattr(usual, name) for name in MACHINE}, gradient_checkpointing=False, **settings)
    found._n_gpu = usual.n_gpu
    return found


def check_reference(policy: Any, reference: Any) -> None:
    """Raise TrainingError unless the reference has the very weights of the policy.

    TRL reads the reference from where the policy's config says that it came from, and not from the policy itself.
    """
    import torch

    ours, theirs = policy.state_dict(), reference.state_dict()
    other = [name for name in ours if name not in theirs or not torch.equal(ours[name], theirs[name])]
    if other or len(ours) != len(theirs):
        raise TrainingError(
            f"The reference is not the model being defended: {len(other)} of {len(ours)} tensors differ "
            f"({', '.join(other[:3])}). Give the model as a folder that holds it, and leave that folder alone."
        )


def trained(trainer: Any, tokenizer: Any, out: Path, place: Path, curve: Sequence[int], advance: Any) -> None:
    """Train from the last checkpoint in `place`, if any, and write the model and its curve to `out`."""
    from transformers.trainer_callback import PrinterCallback

    trainer.remove_callback(PrinterCallback)  # it writes to standard output, which belongs to --json
    last = _last_checkpoint(place)
    advance(int(last.rpartition("-")[2]) if last else 0)
    trainer.train(resume_from_checkpoint=last)
    checkpoint.save(trainer.model, tokenizer, out)
    for step in curve:
        # From scratch, which outlives a killed attempt: what was passed before the kill is not trained again.
        shutil.move(place / step_folder(step), out / step_folder(step))
    if place == out / "scratch":
        shutil.rmtree(place, ignore_errors=True)
