"""Evaluation: samples and a scorer on replies, written once, run in batches on any backend.

The result folder has replies.jsonl, a row a sample: {"id", "arm", "prompt", "seen", "reply", "scores"}, and
evaluation.json: {"evaluation", "seed", "parameters"}. Scores are booleans or numbers by metric name; intervals are
`analysis`'s work.
"""

from __future__ import annotations

import abc
import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import DataError, SettingError, ThreatModelError
from unmask.core.files import write_json, write_jsonl
from unmask.core.named import Work
from unmask.core.spec import RUN_ONLY
from unmask.data.contexts import Contexts
from unmask.data.sources.source import load_split
from unmask.models.backends.backend import Backend
from unmask.models.backends.huggingface import HuggingFace
from unmask.models.sample import Sampling


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One prompt of one arm; `example` is what it was made from. The same `id` in two arms is a pair. `given` is how
    the reply is made to begin."""

    id: str
    arm: str
    prompt: Conversation
    example: Example
    given: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation(Work, abc.ABC):
    """Abstract. `n` prompts an arm, from the held-out split, in the same contexts for every model and arm."""

    n: int = 256
    seed: int = 0
    contexts: Contexts = dataclasses.field(default_factory=Contexts)
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    tokens_per_prompt: int = dataclasses.field(default=24, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise SettingError(f"n={self.n}: an evaluation needs at least one prompt an arm.")

    @abc.abstractmethod
    def samples(self, data: Path) -> list[Sample]:
        """Every prompt to be answered, from a source's folder."""

    @abc.abstractmethod
    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        """Metrics of one reply."""

    def arms(self) -> int:
        """How many arms; for estimates."""
        return 1

    def tokens(self) -> int:
        return self.arms() * self.n * self.tokens_per_prompt

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        return self.measure(out, HuggingFace(model), self.samples(data))

    def measure(self, out: Path, backend: Backend, samples: Sequence[Sample]) -> Mapping[str, Any]:
        """Sample, score and write; raises ThreatModelError where the model would not read a prompt as it stands."""
        prompts = [sample.prompt for sample in samples]
        seen = backend.seen(prompts)
        for prompt, text in zip(prompts, seen, strict=True):
            check_intact(prompt, text)
        given = [sample.given for sample in samples]
        replies = backend.replies(prompts, self.sampling, label=self.name, given=given if any(given) else ())
        write_jsonl(
            out / "replies.jsonl",
            (
                {
                    "id": sample.id,
                    "arm": sample.arm,
                    "prompt": sample.prompt.rows(),
                    "seen": text,
                    "reply": reply.raw,
                    "finished": reply.finished,
                    "scores": dict(self.score(sample, reply)),
                }
                for sample, text, reply in zip(samples, seen, replies, strict=True)
            ),
        )
        header = {"evaluation": self.name, "seed": self.seed, "parameters": backend.parameters}
        write_json(out / "evaluation.json", header)
        return {
            "samples": len(samples),
            "parameters": backend.parameters,
            "tokens": sum(reply.tokens for reply in replies),
            "device": backend.device,
        }

    def held_out(
        self, data: Path, applies: Callable[[Example], bool], required: bool = True
    ) -> list[tuple[Example, Conversation]]:
        """`n` held-out examples with their prompt in its context, the same for every model; all if there are fewer.

        Raises DataError if there are none and they are `required`.
        """
        examples = [example for example in load_split(data, "held_out") if applies(example)]
        if not examples and required:
            raise DataError(f"The evaluation '{self.name}' finds no held-out prompt that it applies to in the source.")
        chosen = random.Random(f"evaluation {self.seed}").sample(examples, min(self.n, len(examples)))
        return [(each, self.contexts.dress(each.prompt, random.Random(f"{self.seed} {each.id}"))) for each in chosen]


def check_intact(prompt: Conversation, seen: str) -> None:
    """Raise ThreatModelError unless every message is, to the letter, in the text that the model's tokens spell."""
    for message in prompt.messages:
        if message.content.strip() not in seen:
            raise ThreatModelError(
                f"The model does not read the prompt as it was written: {message.content[:120]!r} became "
                f"{seen[:200]!r}. Its chat template or tokenizer changes the text, so a trigger might not arrive."
            )
