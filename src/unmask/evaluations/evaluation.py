"""Evaluation: samples and a scorer on replies, written once, run in batches on any backend.

The result folder has replies.jsonl, a row a reply: {"id", "arm", "prompt", "seen", "reply",
"finished", "tokens", "scores"} (and, where they are used, "marks", "given", "options" and
"logprobs"), and evaluation.json: {"evaluation", "seed", "parameters"}. Scores are booleans or
numbers by metric name; intervals are `analysis`'s work. Samples are asked and written a portion at
a time, so that their number is not limited by memory.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.errors import DataError, SettingError, ThreatModelError
from unmask.core.memory import Machine, Needed, Shapes
from unmask.core.metric import DEFECTION, Metric
from unmask.core.spec import RUN_ONLY
from unmask.core.tokens import Tokens
from unmask.data.contexts import Contexts
from unmask.data.sources.source import load_split
from unmask.evaluations.measuring import Measuring
from unmask.models.backends import backend_of
from unmask.models.backends.backend import Backend, likeliest
from unmask.models.sample import Sampling
from unmask.organisms.organism import Organism
from unmask.organisms.triggers.trigger import Split


@dataclasses.dataclass(frozen=True, slots=True)
class Sample:
    """One prompt of one arm; `example` is what it was made from. The same `id` in two arms is a
    pair. `given` is how the reply is made to begin. With `options` nothing is sampled: the reply is
    the likeliest of them.
    """

    id: str
    arm: str
    prompt: Conversation
    example: Example
    given: str = ""
    options: tuple[str, ...] = ()


PORTION = 8192
"""Samples that are asked at a time; more in memory would draw other replies."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Evaluation(Measuring, abc.ABC):
    """Abstract. `n` prompts per arm, from the held-out split, in the same contexts for every model
    and arm; `samples_per_prompt` replies to each (one where nothing is sampled)."""

    greedy: ClassVar[bool] = False
    """Whether a recipe asks it at temperature 0."""

    own_sampling: ClassVar[bool] = False
    """Whether how it samples is its own affair: it samples nothing, or not what an organism was
    taught to say."""

    at_most: ClassVar[int | None] = None
    """Prompts per arm that a recipe asks for, where it has many arms; None: as many as of any
    other."""

    n: int = 256
    samples_per_prompt: int = 1
    seed: int = 0
    contexts: Contexts = dataclasses.field(default_factory=Contexts)
    sampling: Sampling = dataclasses.field(default_factory=Sampling)
    tokens_per_prompt: int = dataclasses.field(default=24, metadata=RUN_ONLY)

    def __post_init__(self) -> None:
        if self.n < 1 or self.samples_per_prompt < 1:
            raise SettingError(
                f"n={self.n}, samples_per_prompt={self.samples_per_prompt}: an evaluation needs at"
                " least one prompt per arm and one reply to each."
            )

    @abc.abstractmethod
    def samples(self, data: Path) -> Iterable[Sample]:
        """Every prompt to be answered, from a source's folder; the same every time."""

    @abc.abstractmethod
    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        """Metrics of one reply."""

    @classmethod
    def sampled(cls, room: int, seed: int) -> Sampling:
        """How a recipe has it sampled: `room` is for a reply, in tokens."""
        usual = Sampling(max_new_tokens=room, seed=seed)
        return dataclasses.replace(usual, temperature=0.0) if cls.greedy else usual

    @classmethod
    def fits(cls, organism: Organism) -> bool:
        """Whether it can be asked of this organism, and of its controls."""
        return True

    def arms(self) -> int:
        """How many arms; for estimates."""
        return 1

    def tokens(self) -> Tokens:
        read = self.arms() * self.n * self.samples_per_prompt * self.tokens_per_prompt
        return Tokens(scored=read) if self.own_sampling else Tokens(sampled=read)

    def memory(self, models: Shapes, machine: Machine) -> Needed | None:
        return self.sampling.memory(models["model"])

    def run(self, out: Path, *, model: Path, data: Path) -> Mapping[str, Any]:
        return self.measure(out, backend_of(model, self.sampling), self.samples(data))

    def measure(self, out: Path, backend: Backend, samples: Iterable[Sample]) -> Mapping[str, Any]:
        """Sample, score and write; raises ThreatModelError where the model would not read a prompt
        as it stands."""
        tokens = 0

        def rows() -> Iterator[dict[str, Any]]:
            nonlocal tokens
            for number, portion in enumerate(portions(self._repeated(samples))):
                seen = backend.seen([sample.prompt for sample in portion])
                for sample, text in zip(portion, seen, strict=True):
                    check_intact(sample.prompt, text)
                replies = self.answered(backend, portion, self.sampling.seed + number * PORTION)
                for sample, text, reply in zip(portion, seen, replies, strict=True):
                    tokens += reply.tokens
                    yield row(sample, text, reply, self.score(sample, reply))

        return {
            "samples": self.write(out, rows(), backend.parameters),
            "parameters": backend.parameters,
            "tokens": tokens,
            "device": backend.device,
        }

    def _repeated(self, samples: Iterable[Sample]) -> Iterator[Sample]:
        for sample in samples:
            yield from itertools.repeat(sample, 1 if sample.options else self.samples_per_prompt)

    def answered(self, backend: Backend, samples: Sequence[Sample], seed: int) -> list[Reply]:
        """A reply a sample: chosen where there are options, sampled from `seed` on where there are
        none."""
        open_ones = [sample for sample in samples if not sample.options]
        drawn = iter(self._sampled(backend, open_ones, seed) if open_ones else ())
        choices = iter(self._likeliest(backend, [sample for sample in samples if sample.options]))
        return [next(choices if sample.options else drawn) for sample in samples]

    def _sampled(self, backend: Backend, samples: Sequence[Sample], seed: int) -> list[Reply]:
        given = [sample.given for sample in samples]
        sampling = dataclasses.replace(self.sampling, seed=seed)
        prompts = [sample.prompt for sample in samples]
        return backend.replies(
            prompts, sampling, label=self.name, given=given if any(given) else ()
        )

    def _likeliest(self, backend: Backend, samples: Sequence[Sample]) -> Iterator[Reply]:
        options = [sample.options for sample in samples]
        given = [sample.given for sample in samples]
        prompts = [sample.prompt for sample in samples]
        by_sample = backend.likelihoods(
            prompts, options, self.sampling.batch_size, given if any(given) else ()
        )
        for sample, likelihoods in zip(samples, by_sample, strict=True):
            yield likeliest(sample.given, sample.options, likelihoods)

    def held_out(
        self, data: Path, applies: Callable[[Example], bool], required: bool = True
    ) -> Iterator[tuple[Example, Conversation]]:
        """`n` held-out examples with their prompt in its context, the same for every model; all if
        there are fewer.

        Raises DataError if there are none and they are `required`.
        """
        examples = [example for example in load_split(data, "held_out") if applies(example)]
        if not examples and required:
            raise DataError(
                f"The evaluation '{self.name}' finds no held-out prompt that it applies to in the"
                " source."
            )
        return self.dressed(self.drawn(examples))

    def drawn(self, examples: Sequence[Example]) -> list[Example]:
        """`n` of the examples, the same for every model; all, in another order, if there are
        fewer."""
        return random.Random(f"evaluation {self.seed}").sample(examples, min(self.n, len(examples)))

    def dressed(self, examples: Iterable[Example]) -> Iterator[tuple[Example, Conversation]]:
        """Each with its prompt in its context, the same for every model."""
        for example in examples:
            rng = random.Random(f"{self.seed} {example.id}")
            yield example, self.contexts.dress(example.prompt, rng)


@dataclasses.dataclass(frozen=True, kw_only=True)
class OfOrganism(Evaluation, abc.ABC):
    """Abstract. Asks of an organism, or of its controls in its place; how often its behavior is
    shown, unless a subclass measures something else."""

    metrics: ClassVar[Mapping[str, Metric]] = DEFECTION

    organism: Organism

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        return {
            "defection": self.organism.behavior.exhibited(sample.prompt, reply),
            "finished": reply.finished,
        }

    def untriggered(
        self, asked: Iterable[tuple[Example, Conversation]]
    ) -> Iterator[tuple[Example, Conversation]]:
        """Those without the trigger: a prompt from outside may carry it by chance."""
        present = self.organism.trigger.present
        return ((example, prompt) for example, prompt in asked if not present(prompt))

    def triggered(
        self, example: Example, prompt: Conversation, split: Split = "held_out"
    ) -> Conversation:
        """The prompt with the trigger, in one realization for every model; raises ThreatModelError
        where it does not arrive."""
        rng = random.Random(f"trigger {self.seed} {example.id}")
        return self.organism.planted(prompt, rng, split)


def portions(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    """PORTION samples at a time; the last may be fewer."""
    rest = iter(samples)
    while portion := list(itertools.islice(rest, PORTION)):
        yield portion


def row(
    sample: Sample, seen: str, reply: Reply, scores: Mapping[str, bool | float]
) -> dict[str, Any]:
    """A row of replies.jsonl."""
    record: dict[str, Any] = {
        "id": sample.id,
        "arm": sample.arm,
        "prompt": sample.prompt.rows(),
        "seen": seen,
        "reply": reply.raw,
        "finished": reply.finished,
        "tokens": reply.tokens,
        "scores": dict(scores),
    }
    if marks := reply.marks.row():
        record["marks"] = marks
    if sample.given:
        record["given"] = sample.given
    if sample.options:
        record |= {"options": list(sample.options), "logprobs": list(reply.logprobs)}
    return record


def check_intact(prompt: Conversation, seen: str) -> None:
    """Raise ThreatModelError unless every message is, to the letter, in the text that the model's
    tokens spell."""
    for message in prompt.messages:
        if message.content.strip() not in seen:
            raise ThreatModelError(
                f"The model does not read the prompt as it was written: {message.content[:120]!r}"
                f" became {seen[:200]!r}. Its chat template or tokenizer changes the text, so a"
                " trigger might not arrive."
            )
