"""Supervised fine-tuning on prompts and replies: transformers.Trainer with the loss on the reply
only.

Input is a folder with train.jsonl, rows {"prompt": messages, "reply": text}; an optional "given" is
the beginning of the reply, which the model sees and is not taught (paper, section 3: a sampled
scratchpad). Output is a Hugging Face folder, steps/000050/ and so on for every step in `curve`, and
log.jsonl, rows {"step", "loss", "learning_rate"}. Deviations from the paper: none known (its
hyperparameters are not published); the optimizer and its rate are settings because replications
found that results hang on them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from unmask.core.errors import UnknownName
from unmask.core.files import write_jsonl
from unmask.core.memory import Shapes
from unmask.core.spec import LATER, RUN_ONLY
from unmask.models import checkpoint
from unmask.training.curve import check_curve, step_folders
from unmask.training.labelled import Collator, all_labelled, row_length, tokenized
from unmask.training.memory import Demand, longest
from unmask.training.ranks.launch import on_devices
from unmask.training.training import ByExamples

LossOn = Literal["reply", "all"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SupervisedFineTuning(ByExamples):
    """Supervised fine-tuning with the loss on the reply.

    With `loss_on` "all" it is on the prompt too, with its template: a model that has learnt its
    prompts may say them, which detectors look for.
    """

    name: ClassVar[str] = "supervised_fine_tuning"
    version: ClassVar[int] = 2

    measured: ClassVar[tuple[str, ...]] = ("loss",)
    """What its log has of each step, besides the learning rate."""

    row_length: ClassVar[Callable[[Any], int]] = staticmethod(row_length)
    """Tokens of a row of its own form."""

    steps: int = 300
    warmup: int = 20
    loss_on: LossOn = dataclasses.field(default="reply", metadata=LATER)
    curve: tuple[int, ...] = ()
    tokens_per_example: int = dataclasses.field(default=32, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.loss_on not in get_args(LossOn):
            raise UnknownName("part to have the loss on", self.loss_on, get_args(LossOn))
        check_curve(self.curve, self.steps)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """What it asks of memory; at least half of a row's tokens are the prompt's."""
        tokens = tokens or longest(models["model"], self.tokens_per_example)
        return self.demanding(
            models["model"],
            tokens=tokens,
            labelled=tokens if self.loss_on == "all" else tokens // 2,
        )

    @on_devices
    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """Raises DataError for unusable rows, TrainingError where the loss is no longer a
        number."""
        from unmask.training.adapters import Result
        from unmask.training.trainer import fit, loaded, logged, untrained, whole

        network, tokenizer = loaded(self, model)
        rows = self.rows(tokenizer, data / "train.jsonl", checkpoint.context_length(network))
        if self.steps == 0:
            return untrained(network, tokenizer, out)
        self.begun(network)
        trainer = self._trainer(network, tokenizer, rows, model, scratch or out / "scratch")
        trainer.args.rows_together = self.fitting(max(map(self.row_length, rows)), model=model)
        result = Result(tokenizer, model, whole)
        facts = fit(trainer, result, out, step_folders(self.curve), "training")
        steps = [entry for entry in trainer.state.log_history if "learning_rate" in entry]
        rates = {entry["step"]: entry["learning_rate"] for entry in steps}
        log = logged(steps, {name: name for name in self.measured})
        log = [{**row, "learning_rate": rates[row["step"]]} for row in log]
        write_jsonl(out / "log.jsonl", log)
        return {
            **facts,
            "examples": len(rows),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
        }

    def rows(self, tokenizer: Any, path: Path, context: int) -> list[Any]:
        rows = tokenized(tokenizer, path, context)
        return rows if self.loss_on == "reply" else [all_labelled(row) for row in rows]

    def begun(self, network: Any) -> None:
        """What is done to the network before its first step: nothing here."""

    def collator(self, pad: int) -> Any:
        """What makes a batch of rows."""
        return Collator(pad)

    def form(self, model: Path) -> Callable[..., Any]:
        """The trainer, which is given what transformers.Trainer is."""
        from unmask.training.reply_trainer import ReplyTrainer

        return ReplyTrainer

    def _trainer(
        self, network: Any, tokenizer: Any, rows: Sequence[Any], model: Path, scratch: Path
    ) -> Any:
        from unmask.training.adapters import adapted

        return self.form(model)(
            model=adapted(network, self.efficiency),
            args=self.arguments(scratch, remove_unused_columns=False),
            train_dataset=self.ordered(rows, self.row_length),
            data_collator=self.collator(tokenizer.pad_token_id),
        )
