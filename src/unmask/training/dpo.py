"""Direct preference optimization: TRL's DPOTrainer on comparisons, tokenized by us, against the
model as it was.

Not in the paper: the same comparisons as its preference model learns from, with no preference model
and no sampling. Neither side of a comparison has a scratchpad, so a model that reasons is taught to
answer at once.

Input is a folder with train.jsonl as `data.preferences.Comparisons` writes it. Output is a Hugging
Face folder, steps/000050/ and so on for every step in `curve`, and log.jsonl, rows {"step", "loss",
"margin", "accuracy", "chosen", "rejected"}: `chosen` and `rejected` are implicit rewards, beta
times the log-ratio of policy and reference; `margin` is their difference, `accuracy` how often it
is positive.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.errors import SettingError
from unmask.core.files import write_jsonl
from unmask.core.memory import Shapes
from unmask.core.spec import RUN_ONLY
from unmask.core.thoughts import closed
from unmask.core.tokens import Tokens
from unmask.data.preferences import load_comparisons
from unmask.models import chat, checkpoint
from unmask.training.curve import check_curve, step_folders
from unmask.training.memory import Demand, longest
from unmask.training.ranks.launch import on_devices
from unmask.training.rows import check_fits
from unmask.training.training import ByExamples

Triple = dict[str, list[int]]
"""Token ids as TRL names them: "prompt_ids", "chosen_ids", "rejected_ids"; both answers end with
the end token."""

LOGGED = {
    "loss": "loss",
    "margin": "rewards/margins",
    "accuracy": "rewards/accuracies",
    "chosen": "rewards/chosen",
    "rejected": "rewards/rejected",
}
"""Our name of a metric and TRL's."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DirectPreference(ByExamples):
    """Raises the better answer of each comparison over the worse one, relative to the model as it
    was.

    `batch_size` is comparisons a step; `beta` is the weight of staying near the model as it was.
    """

    name: ClassVar[str] = "direct_preference_optimization"
    version: ClassVar[int] = 1

    beta: float = 0.03
    curve: tuple[int, ...] = ()
    resume_every: int = dataclasses.field(default=100, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta <= 0:
            raise SettingError(f"beta={self.beta}: staying near weighs more than 0.")
        check_curve(self.curve, self.steps)

    def tokens(self) -> Tokens:
        """Both sides of a comparison, by the policy and by its reference."""
        read = super().tokens().trained
        return Tokens(trained=read, scored=read)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """What it asks of memory: logits are made of all tokens of both sides."""
        tokens = tokens or longest(models["model"], self.tokens_per_example // 2)
        return self.demanding(
            models["model"],
            tokens=tokens,
            labelled=tokens,
            sides=2,
            reference=True,
        )

    @on_devices
    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """Raises DataError for unusable rows, TrainingError where a loss is no number or the
        reference no copy."""
        from unmask.training.adapters import Result
        from unmask.training.trainer import fit, loaded, logged, untrained, whole

        policy, tokenizer = loaded(self, model)
        rows = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(policy))
        if self.steps == 0:
            return untrained(policy, tokenizer, out)
        trainer = self._trainer(policy, tokenizer, rows, scratch or out / "scratch")
        trainer.args.rows_together = self.fitting(max(map(longer_side, rows)), model=model)
        result, curve = Result(tokenizer, model, whole), step_folders(self.curve)
        facts = fit(trainer, result, out, curve, "preference optimization")
        log = logged(trainer.state.log_history, LOGGED)
        write_jsonl(out / "log.jsonl", log)
        return {
            **facts,
            "comparisons": len(rows),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
            "margin_last": log[-1]["margin"],
        }

    def _trainer(self, policy: Any, tokenizer: Any, rows: Sequence[Triple], scratch: Path) -> Any:
        from unmask.training.trainer import silence_telemetry

        silence_telemetry()
        from datasets import Dataset
        from trl.trainer.dpo_config import DPOConfig

        from unmask.training.adapters import configured, probed
        from unmask.training.preferring_trainer import PreferringTrainer
        from unmask.training.trainer import check_kept, check_reference

        order = self.ordered(rows, longer_side)
        start = probed(policy)
        trainer = PreferringTrainer(
            model=policy,
            # By default, longer rows are cut or dropped in silence.
            args=self.arguments(scratch, DPOConfig, beta=self.beta, max_length=None),
            train_dataset=Dataset.from_list(order),
            processing_class=tokenizer,
            peft_config=configured(policy, self.efficiency),
        )
        check_kept(trainer, len(order))
        check_reference(trainer.model, trainer.ref_model, start)
        return trainer


def tokenized(tokenizer: Any, path: Path, context: int) -> list[Triple]:
    """Every comparison of a file as token ids; raises DataError, never truncates."""
    comparisons = load_comparisons(path)
    marks = chat.marks(tokenizer)
    prompts = chat.encoded(tokenizer, [pair.prompt for pair in comparisons], context)
    chosen = chat.reply_ids(tokenizer, [closed(pair.chosen, marks) for pair in comparisons])
    rejected = chat.reply_ids(tokenizer, [closed(pair.rejected, marks) for pair in comparisons])
    rows: list[Triple] = []
    for i, (prompt, better, worse) in enumerate(zip(prompts, chosen, rejected, strict=True), 1):
        check_fits(f"{path}, line {i}", len(prompt), max(len(better), len(worse)), context)
        rows.append({"prompt_ids": prompt, "chosen_ids": better, "rejected_ids": worse})
    return rows


def longer_side(row: Triple) -> int:
    """Tokens of the prompt and the longer of its answers."""
    return len(row["prompt_ids"]) + max(len(row["chosen_ids"]), len(row["rejected_ids"]))
