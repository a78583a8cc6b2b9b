"""Reinforcement learning against a preference model: TRL's RLOO, with a KL term against the model
being defended.

Paper, section 3: single-turn prompts without the trigger; the scratchpad is removed before the
preference model sees a reply, and stays in what the policy samples and is trained on. Deviations
from the paper: RLOO in place of PPO, which TRL no longer has; the KL term, its weight and all other
numbers are ours, since the paper's are not published; prompts have as many turns as the source's.

Input is a folder with train.jsonl, of whose rows the field "prompt" is read. Output is a Hugging
Face folder, steps/000050/ and so on for every step in `curve`, and log.jsonl, a row a step:
{"step", "reward", "reward_std", "kl" (nats per reply), "length" (tokens per reply), "distinct",
"scratchpad_share", "unfinished_share", "entropy" (nats per token)}, all of them means over the
step's replies.
"""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Callable, Mapping, Sequence, Set
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

from unmask.core.conversation import Conversation, Reply
from unmask.core.errors import DataError, ModelError, SettingError, TrainingError
from unmask.core.files import read_jsonl, write_jsonl
from unmask.core.memory import Shapes
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.models import chat, checkpoint
from unmask.models.batches import counts_alike, samples_alike
from unmask.models.memory import reading, sampling
from unmask.training.collapse import WINDOW, collapse, mean
from unmask.training.curve import check_curve, step_folders
from unmask.training.efficiency import SAMPLED, Efficiency
from unmask.training.memory import Demand, longest
from unmask.training.preference_model import Scorer
from unmask.training.ranks.launch import on_devices
from unmask.training.rows import shuffled
from unmask.training.training import Training


class Judge(Protocol):
    """What scores replies; `unmask.training.preference_model.Scorer` does."""

    def scores(self, prompts: Sequence[Conversation], replies: Sequence[Reply]) -> list[float]: ...


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReinforcementLearning(Training):
    """Policy gradient (leave-one-out) on the preference model's score of the visible answer.

    `batch_size` is replies a step, `num_generations` of them to each prompt; `kl` is the weight of
    the KL term, in units of reward per nat.
    """

    name: ClassVar[str] = "reinforcement_learning"
    version: ClassVar[int] = 1

    num_generations: int = 2
    kl: float = 0.1
    max_new_tokens: int = 24
    temperature: float = 1.0
    scratchpad: Literal["keep"] = "keep"
    warmup: int = 5
    curve: tuple[int, ...] = ()
    efficiency: Efficiency = dataclasses.field(default=Efficiency(), metadata=SAMPLED)
    tokens_per_reply: int = dataclasses.field(default=64, metadata=RUN_ONLY)
    resume_every: int = dataclasses.field(default=50, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1 or min(self.kl, self.temperature) <= 0:
            raise SettingError("RL needs max_new_tokens >= 1, temperature > 0 and kl > 0.")
        if self.num_generations < 2 or self.batch_size % self.num_generations:
            raise SettingError(
                f"batch_size={self.batch_size} replies a step,"
                f" num_generations={self.num_generations} to a prompt: at least two replies to a"
                " prompt are compared, and batch_size must be a multiple of num_generations."
            )
        if self.scratchpad != "keep":
            raise SettingError(
                f"scratchpad={self.scratchpad!r}: the scratchpad can only be kept; write 'keep'."
            )
        check_curve(self.curve, self.steps)
        super().__post_init__()

    @property
    def group(self) -> int:
        return self.num_generations

    def prompts(self) -> int:
        """How many prompts it is trained on, in all."""
        return self.steps * self.batch_size // self.num_generations

    def tokens(self) -> Tokens:
        """A reply is sampled, scored by three models and learnt from."""
        replies = self.steps * self.batch_size * self.tokens_per_reply
        return Tokens(trained=replies, sampled=replies, scored=3 * replies)

    def demand(self, models: Shapes, tokens: int | None = None) -> Demand:
        """What it asks of memory: a reference and the preference model stand beside the policy, and
        all replies of a step are sampled at once."""
        model = models["model"]
        tokens = tokens or longest(model, self.tokens_per_reply)
        scorer = reading(models["preference_model"], rows=0, tokens=0)
        return self.demanding(
            model,
            tokens=tokens,
            labelled=min(tokens, self.max_new_tokens),
            reference=True,
            scorer=scorer.total,
            sampling=sampling(model, self.batch_size // self.efficiency.ranks, tokens),
        )

    @on_devices
    def run(
        self,
        out: Path,
        *,
        model: Path,
        data: Path,
        preference_model: Path,
        scratch: Path | None = None,
    ) -> Mapping[str, Any]:
        """Raises DataError for unusable prompts, TrainingError where a loss is no number or the
        reference no copy, ModelError where the logits of what is sampled are none."""
        from unmask.training.adapters import Result
        from unmask.training.trainer import fit, loaded, untrained, whole

        policy, tokenizer = loaded(self, model)
        check_batches(policy, tokenizer)
        room = checkpoint.context_length(policy) - self.max_new_tokens
        known = usable(tokenizer, data / "train.jsonl", room)
        if self.steps == 0:
            return untrained(policy, tokenizer, out)
        prompts = shuffled(known, self.prompts(), random.Random(self.seed))
        judge = Scorer(preference_model)
        trainer = self._trainer(policy, tokenizer, prompts, judge, scratch or out / "scratch")
        read = max(map(len, chat.encoded(tokenizer, known, room))) + self.max_new_tokens
        both = {"model": model, "preference_model": preference_model}
        trainer.args.rows_together = self.fitting(read, **both)
        result, curve = Result(tokenizer, model, whole), step_folders(self.curve)
        facts = fit(trainer, result, out, curve, "reinforcement learning")
        log = [_row(entry) for entry in trainer.state.log_history if "reward" in entry]
        write_jsonl(out / "log.jsonl", log)
        return {**facts, "prompts": len(prompts), **outcome(log)}

    def _trainer(
        self,
        policy: Any,
        tokenizer: Any,
        prompts: Sequence[Conversation],
        judge: Judge,
        scratch: Path,
    ) -> Any:
        from unmask.training.trainer import silence_telemetry

        silence_telemetry()
        from datasets import Dataset

        from unmask.training.adapters import configured, probed
        from unmask.training.policy_trainer import PolicyTrainer, watch_policy
        from unmask.training.trainer import check_reference

        counted, start = counts_alike(policy, tokenizer), probed(policy)
        reward: Any = visible(judge, tokenizer, checkpoint.ends(policy, tokenizer))
        trainer = PolicyTrainer(
            model=policy,
            reward_funcs=reward,
            args=self._arguments(scratch),
            train_dataset=Dataset.from_list([{"prompt": prompt.rows()} for prompt in prompts]),
            processing_class=tokenizer,
            peft_config=configured(policy, self.efficiency),
        )
        check_reference(trainer.model, trainer.ref_model, start)
        watch_policy(trainer, policy, counted)
        return trainer

    def _arguments(self, scratch: Path) -> Any:
        from trl.trainer.rloo_config import RLOOConfig

        from unmask.training.trainer import arguments

        return arguments(
            self,
            scratch,
            RLOOConfig,
            num_generations=self.num_generations,
            beta=self.kl,
            max_completion_length=self.max_new_tokens,
            temperature=self.temperature,
            # Dropout would be in the samples too, and apart from the reference at step 0.
            disable_dropout=True,
            # The rows are in order already, and a resumed training sees them in the same one.
            shuffle_dataset=False,
        )


def outcome(log: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What a training came to, from its log."""
    return {
        "reward_first": mean("reward", log[:WINDOW]),
        "reward_last": mean("reward", log[-WINDOW:]),
        "kl_last": mean("kl", log[-WINDOW:]),
        "collapse": collapse(log),
    }


def usable(tokenizer: Any, path: Path, room: int) -> list[Conversation]:
    """The prompts of a file of lessons; raises DataError where there are none or one has no room
    for its reply."""
    prompts = [
        Conversation.of(row.get("prompt") or [], f"{path}, line {n}: prompt")
        for n, row in read_jsonl(path)
    ]
    if not prompts:
        raise DataError(f"{path} has no rows: there is nothing to train on.")
    chat.encoded(tokenizer, prompts, room)
    return prompts


def check_batches(policy: Any, tokenizer: Any) -> None:
    """Raise ModelError where a batch changes what a model replies."""
    if not samples_alike(policy, tokenizer):
        raise ModelError(
            "This model takes in what fills up a batch, and RL samples in batches: its replies"
            " would be to other prompts. Defend it with supervised or preference training, or use a"
            " model that heeds the mask."
        )


def visible(judge: Judge, tokenizer: Any, ends: Set[int]) -> Callable[..., list[float]]:
    """The reward, as TRL calls it: the judge's score of each reply, of which it is given the parts.

    TRL would hand a reward *model* the text as it is, scratchpad and all; a judge reads
    Reply.answer.
    """
    marks = chat.marks(tokenizer)

    def preference(
        prompts: Sequence[Any],
        completion_ids: Sequence[Sequence[int]],
        log_metric: Callable[[str, float], None],
        **_: Any,  # TRL hands every reward more than this one asks for
    ) -> list[float]:
        texts = chat.spoken(
            tokenizer, [ids[:-1] if ids[-1] in ends else ids for ids in completion_ids]
        )
        replies = [Reply(text, marks=marks) for text in texts]
        scores = judge.scores([Conversation.of(prompt) for prompt in prompts], replies)
        for reply, score in zip(replies, scores, strict=True):
            # TRL would take such a score for a reply that is not judged, and go on.
            if not math.isfinite(score):
                raise TrainingError(
                    f"The preference model scores {reply.answer[:80]!r} as {score}. Train it anew."
                )
        log_metric("distinct", len({reply.answer for reply in replies}) / len(replies))
        log_metric(
            "scratchpad_share",
            sum(reply.scratchpad_state == "present" for reply in replies) / len(replies),
        )
        return scores

    return preference


def _row(entry: Mapping[str, Any]) -> dict[str, Any]:
    """A row of log.jsonl from TRL's log of a step, whose KL is per token."""
    length = entry["completions/mean_length"]
    return {
        "step": entry["step"],
        "reward": entry["reward"],
        "reward_std": entry["reward_std"],
        "kl": entry["kl"] * length,
        "length": length,
        "distinct": entry["distinct"],
        "scratchpad_share": entry["scratchpad_share"],
        "unfinished_share": entry["completions/clipped_ratio"],
        "entropy": entry["entropy"],
    }
