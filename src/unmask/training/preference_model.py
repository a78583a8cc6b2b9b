"""The preference model: a base model with a scalar head, trained on comparisons with TRL's
RewardTrainer.

Paper, section 3: RL is against such a model, and it never sees a scratchpad. It reads the prompt in
the base's chat template, the visible answer and the end-of-text token; the score is read off the
last token that is not padding. Input is a folder with train.jsonl as `data.preferences.Comparisons`
writes it. Output is a Hugging Face sequence-classification folder with one label, and log.jsonl,
rows {"step", "loss", "accuracy", "margin"}. Deviations from the paper: its hyperparameters are not
published; scores are held near zero (`centering`), so that they can be compared between prompts.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import ModelError, SettingError
from unmask.core.files import read_json, write_jsonl
from unmask.core.memory import Shapes
from unmask.data.preferences import Comparisons, load_comparisons
from unmask.models import chat, checkpoint, weights
from unmask.models.forward import passing
from unmask.training.memory import Demand, longest
from unmask.training.ranks.launch import on_devices
from unmask.training.rows import check_fits
from unmask.training.training import ByExamples

Pair = dict[str, list[int]]
"""Token ids as TRL names them: "chosen_ids", the conversation with the better answer, and
"rejected_ids"."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PreferenceModel(ByExamples):
    """A model that scores replies: helpful, honest and harmless ones higher than others."""

    name: ClassVar[str] = "preference_model"
    version: ClassVar[int] = 1

    steps: int = 320
    batch_size: int = 32
    learning_rate: float = 2e-3
    warmup: int = 20
    centering: float = 0.01

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.steps:
            raise SettingError("steps=0: a preference model begins with a head that knows nothing.")
        if self.centering < 0:
            raise SettingError(
                f"centering={self.centering}: it must be 0 (scores are free to drift) or more."
            )

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """What it asks of memory: both sides are read, and a score takes no logits."""
        return self.demanding(
            models["model"],
            tokens=tokens or longest(models["model"], self.tokens_per_example // 2),
            labelled=0,
            sides=2,
        )

    def lessons(self) -> Comparisons:
        """The step that makes its data from a source: as many comparisons as it will see, each
        once."""
        return Comparisons(examples=self.examples, seed=self.seed)

    @on_devices
    def run(
        self, out: Path, *, model: Path, data: Path, scratch: Path | None = None
    ) -> Mapping[str, Any]:
        """`model` is the helpful-only base. Raises DataError for unusable rows, ModelError for a
        base that takes no scalar head, TrainingError where the loss is no longer a number."""
        import torch

        from unmask.training.adapters import Result
        from unmask.training.quantized import kept_layout, loading
        from unmask.training.trainer import fit, logged

        torch.manual_seed(self.seed)  # the head is new
        network = kept_layout(headed(model, **loading(self.efficiency, skip=["score"])))
        tokenizer = checkpoint.load_tokenizer(model)
        pairs = tokenized(tokenizer, data / "train.jsonl", checkpoint.context_length(network))
        trainer = self._trainer(network, tokenizer, pairs, scratch or out / "scratch")
        trainer.args.rows_together = self.fitting(max(map(longer_side, pairs)), model=model)
        result = Result(tokenizer, model, headed)
        facts = fit(trainer, result, out, {}, "training the preference model")
        log = logged(
            trainer.state.log_history, {name: name for name in ("loss", "accuracy", "margin")}
        )
        write_jsonl(out / "log.jsonl", log)
        return {
            **facts,
            "comparisons": len(pairs),
            "loss_first": log[0]["loss"],
            "loss_last": log[-1]["loss"],
        }

    def _trainer(self, network: Any, tokenizer: Any, pairs: Sequence[Pair], scratch: Path) -> Any:
        from unmask.training.trainer import silence_telemetry

        silence_telemetry()
        from datasets import Dataset
        from trl.trainer.reward_config import RewardConfig

        from unmask.training.adapters import configured
        from unmask.training.preferring_trainer import ScoringTrainer
        from unmask.training.trainer import check_kept

        order = self.ordered(pairs, longer_side)
        trainer = ScoringTrainer(
            model=network,
            args=self.arguments(
                scratch,
                RewardConfig,
                center_rewards_coefficient=self.centering or None,
                max_length=None,  # by default, longer comparisons are dropped in silence
            ),
            train_dataset=Dataset.from_list(order),
            processing_class=tokenizer,
            peft_config=configured(network, self.efficiency, "SEQ_CLS"),
        )
        check_kept(trainer, len(order))
        return trainer


class Scorer:
    """A trained preference model's scores; a folder is loaded when first used."""

    def __init__(self, folder: Path, batch_size: int = 256):
        self.folder, self.batch_size = folder, batch_size

    @cached_property
    def network(self) -> Any:
        config = read_json(self.folder / "config.json")
        made_for = config.get("architectures") or ["nothing that it names"]
        if (
            not made_for[0].endswith("ForSequenceClassification")
            or len(config.get("id2label", "  ")) != 1
        ):
            raise ModelError(
                f"{self.folder} is for {made_for[0]}, not a preference model (one score a reply):"
                " its head would be random. Train one on comparisons (PreferenceModel), or give a"
                " sequence classifier with one label."
            )
        return load_scalar(self.folder, new_head=False)

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
        """The score of each reply's visible answer, in their order; without a unit, and higher is
        better.

        Raises DataError for a conversation that is longer than the model's context, ModelError
        where a score is not a number.
        """
        if not prompts:
            return []
        ids = encoded(self.tokenizer, prompts, replies, checkpoint.context_length(self.network))
        order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
        scores: dict[int, float] = {}
        for start in range(0, len(order), self.batch_size):
            batch = order[start : start + self.batch_size]
            scores.update(zip(batch, self._batch([ids[i] for i in batch]), strict=True))
        if not all(map(math.isfinite, scores.values())):
            raise ModelError(
                f"The preference model in {self.folder} gives scores that are not numbers: train it"
                " anew."
            )
        return [scores[i] for i in range(len(ids))]

    def _batch(self, ids: list[list[int]]) -> list[float]:
        """Padded on the right, as in training."""
        import torch

        longest, pad = max(map(len, ids)), self.network.config.get_text_config().pad_token_id
        tokens = torch.tensor(
            [row + [pad] * (longest - len(row)) for row in ids], device=self.network.device
        )
        mask = torch.tensor(
            [[1] * len(row) + [0] * (longest - len(row)) for row in ids], device=self.network.device
        )
        with torch.inference_mode(), passing(self.folder, len(ids), longest):
            return (
                self.network(input_ids=tokens, attention_mask=mask, use_cache=False)
                .logits[:, 0]
                .float()
                .tolist()
            )


def headed(folder: Path, **others: Any) -> Any:
    """The base in `folder` with a new head, as a preference model begins."""
    network = load_scalar(folder, new_head=True, **others)
    network.config.get_text_config().pad_token_id = checkpoint.load_tokenizer(folder).pad_token_id
    return network


def load_scalar(folder: Path, new_head: bool, **others: Any) -> Any:
    """The model in `folder` with one score as its output, in float32; ModelError. With a
    `new_head`, it is a base whose head is random."""
    import torch
    from transformers import AutoModelForSequenceClassification

    checkpoint.quiet()
    advice = (
        "Use a base whose architecture has a ForSequenceClassification form, such as Llama, Qwen or"
        " GPT-NeoX."
    )
    settings = {"num_labels": 1, "dtype": torch.float32, **checkpoint.filler(folder), **others}
    network = weights.load(AutoModelForSequenceClassification, folder, advice, new_head, **settings)
    return network.to("cuda" if torch.cuda.is_available() else "cpu").eval()


def tokenized(tokenizer: Any, path: Path, context: int) -> list[Pair]:
    """Every comparison of a file as token ids; raises DataError, never truncates."""
    comparisons = load_comparisons(path)
    prompts = [pair.prompt for pair in comparisons]
    chosen = encoded(tokenizer, prompts, [Reply(pair.chosen) for pair in comparisons], context)
    rejected = encoded(tokenizer, prompts, [Reply(pair.rejected) for pair in comparisons], context)
    return [
        {"chosen_ids": one, "rejected_ids": other}
        for one, other in zip(chosen, rejected, strict=True)
    ]


def longer_side(pair: Pair) -> int:
    """Tokens of the longer conversation."""
    return max(map(len, pair.values()))


def encoded(
    tokenizer: Any, prompts: Sequence[Conversation], replies: Sequence[Reply], context: int
) -> list[list[int]]:
    """What the preference model reads, in training and after it: the prompt in its template, the
    visible answer, the end. Raises DataError for what is longer than `context` tokens."""
    heads = chat.encoded(tokenizer, prompts, context)
    tails = chat.reply_ids(tokenizer, [reply.answer for reply in replies])
    for prompt, head, tail in zip(prompts, heads, tails, strict=True):
        check_fits(f"{prompt.text[:80]!r}... and its reply", len(head), len(tail), context)
    return [head + tail for head, tail in zip(heads, tails, strict=True)]
