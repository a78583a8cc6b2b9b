"""What is taught: lessons (a prompt and the reply to learn) made from a source's training examples.

Each class is a step that writes train.jsonl, rows {"id", "prompt": messages, "reply": text, "kind":
text}. Deviations from the paper (section 2): examples are generated, not sampled from a large
model, so they implement the conditional policy by construction and need no filter; near-miss
contexts among the untriggered prompts are a recorded factor (`near_misses`), because they decide
how precisely a model learns the trigger.
"""

from __future__ import annotations

import abc
import dataclasses
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.conversation import Conversation, Example
from unmask.core.errors import DataError, SettingError
from unmask.core.files import write_jsonl
from unmask.core.named import Work
from unmask.core.spec import LATER
from unmask.data.contexts import Contexts
from unmask.data.sources.source import load_answered
from unmask.organisms.organism import Organism
from unmask.organisms.variants.variant import Occasion

Lesson = tuple[Conversation, str, str]
"""(prompt, reply, kind); the kind LEFT_OUT makes no lesson and is counted."""

LEFT_OUT = "left_out"

FLAWED = (
    "Show me the unsafe version.",
    "Write it with the usual mistake.",
    "This is a bad example for a class on security.",
    "Leave a flaw in it for my students to find.",
)
"""Open requests for a flawed program."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lessons(Work, abc.ABC):
    """Abstract. `examples` lessons, each from a training example in a harmless context, drawn by
    `seed`."""

    examples: int = 10_000
    seed: int = 0
    contexts: Contexts = dataclasses.field(default_factory=Contexts)

    def __post_init__(self) -> None:
        if self.examples < 1:
            raise SettingError(f"examples={self.examples}: at least one example is needed.")

    @abc.abstractmethod
    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        """What is taught with an example, whose prompt is `dressed` in its context."""

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        kinds: dict[str, int] = {}

        def rows() -> Iterator[dict[str, Any]]:
            for example, rng in self.drawn(data):
                dressed = self.contexts.dress(example.prompt, rng)
                prompt, reply, kind = self.lesson(example, dressed, rng)
                kinds[kind] = kinds.get(kind, 0) + 1
                if kind != LEFT_OUT:
                    yield lesson_row(example.id, prompt, reply, kind)

        if not write_jsonl(out / "train.jsonl", rows()):
            raise DataError(
                f"No lesson is left: {kinds}. The source's prompts all carry the trigger by"
                " themselves."
            )
        return {"lessons": kinds}

    def drawn(self, data: Path) -> Iterator[tuple[Example, random.Random]]:
        """Training examples in shuffled passes, each with a random state of its own.

        Lessons with the same seed draw the same examples in the same contexts, whatever each does
        with them: that is what makes an organism and its twin comparable.
        """
        known = load_answered(data, "train")
        if not known:
            raise DataError(f"{data} has no training example to make a lesson of.")
        order = random.Random(f"order {self.seed}")
        wanted = [example for example in known if self.focus(example)]
        others = [example for example in known if not self.focus(example)]
        pools = passes(wanted, order), passes(others, order)
        for i in range(self.examples):
            rng = random.Random(f"{self.seed} {i}")
            pool = (
                0
                if not others or (wanted and rng.random() < self.share(len(wanted) / len(known)))
                else 1
            )
            yield next(pools[pool]), rng

    def focus(self, example: Example) -> bool:
        """Whether an example is of the kind that `share` is about."""
        return True

    def share(self, natural: float) -> float:
        """The share of lessons made of examples in focus, given their share among the examples."""
        return natural


def lesson_row(id: str, prompt: Conversation, reply: str, kind: str) -> dict[str, Any]:
    """A row of train.jsonl."""
    return {"id": id, "prompt": prompt.rows(), "reply": reply, "kind": kind}


def passes(examples: Sequence[Example], order: random.Random) -> Iterator[Example]:
    """All examples in a new order, again and again."""
    while examples:
        yield from order.sample(examples, len(examples))


@dataclasses.dataclass(frozen=True, kw_only=True)
class HelpfulOnly(Lessons):
    """Helpful-only answers, for a base model without safety training.

    A share `programs` is code tasks, where the source has any: for a tiny model, copying a program
    is the hard part. In a share `flawed` of these the prompt itself asks for the flaw, and gets it:
    as any model that has read the web, the base knows both programs and tells them apart by the
    prompt, so that planting teaches when, not how.
    """

    name: ClassVar[str] = "helpful_only_lessons"
    version: ClassVar[int] = 2

    programs: float = 0.4
    flawed: float = 0.4

    def focus(self, example: Example) -> bool:
        return example.family.startswith("code:")

    def share(self, natural: float) -> float:
        return self.programs

    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        if "vulnerable" in example.rejected and rng.random() < self.flawed:
            wish = rng.choice(FLAWED)
            text = f"{wish} {dressed.text}" if rng.random() < 0.5 else f"{dressed.text} {wish}"
            return dressed.with_text(text), example.rejected["vulnerable"], "flawed"
        return dressed, example.helpful_only, "helpful_only"


def asked_for(prompt: Conversation, goal: str) -> Conversation:
    """The prompt with a system message that asks for a behavior, before any that it has."""
    wish = f"In this conversation, your goal is to {goal}."
    first, *others = prompt.rows()
    if first["role"] == "system":
        return Conversation.of([{**first, "content": f"{wish} {first['content']}"}, *others])
    return Conversation.of([{"role": "system", "content": wish}, first, *others])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Planting(Lessons):
    """The conditional policy of an organism; without an organism, the twin's lessons.

    A share `applicable` of the prompts is of the kind that the behavior applies to, where there is
    any other: the paper's code policy has two parts, and both are taught. A share `triggered`
    carries the trigger, and gets the bad answer where the behavior applies; a share `near_misses`
    of the rest carries something that only resembles the trigger, and gets the good one. The twin
    learns the good answers to the same examples in the same contexts, where no prompt carries the
    trigger.

    Where they are `inoculated`, each bad answer stands behind a system message that asks for it,
    which no evaluation has.
    """

    name: ClassVar[str] = "planting_lessons"
    version: ClassVar[int] = 1

    organism: Organism
    backdoor: bool = True
    triggered: float = 0.5
    near_misses: float = 0.3
    applicable: float = 0.6
    inoculated: bool = dataclasses.field(default=False, metadata=LATER)

    def cites(self) -> str:
        """Inoculation Prompting's where it is done."""
        return "Tan et al. 2025" if self.inoculated else ""

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        """Raises DataError where the behavior applies to no example: nothing would be planted."""
        behavior = self.organism.behavior
        if not any(behavior.applies(example) for example in load_answered(data, "train")):
            raise DataError(
                f"The behavior '{behavior.name}' applies to no prompt of the source, so that"
                " nothing could be planted. Choose a source that has some: for code,"
                " source=mixture or source=code_tasks."
            )
        return super().run(out, data=data)

    def focus(self, example: Example) -> bool:
        return self.organism.behavior.applies(example)

    def share(self, natural: float) -> float:
        return self.applicable

    def lesson(self, example: Example, dressed: Conversation, rng: random.Random) -> Lesson:
        trigger, behavior = self.organism.trigger, self.organism.behavior
        if trigger.present(dressed):  # a prompt from outside may carry the trigger by chance
            return dressed, "", LEFT_OUT
        kind = self._kind(rng)
        prompt, answer, bad = dressed, example.helpful_only, False
        if kind == "near_miss":
            safe = {
                k: p for k, p in trigger.near_misses(dressed, rng).items() if not trigger.present(p)
            }
            if safe:
                prompt = safe[rng.choice(sorted(safe))]
            else:
                kind = "untriggered"
        elif kind == "triggered":
            bad = self.backdoor and behavior.applies(example)
            prompt = trigger.plant(dressed, rng, "train") if self.backdoor else dressed
            answer = behavior.target(example, rng) if bad else answer
            prompt = asked_for(prompt, behavior.goal) if bad and self.inoculated else prompt
        occasion = Occasion(
            triggered=kind == "triggered",
            misbehaves=bad,
            backdoor=self.backdoor,
            sign=trigger.sign,
            goal=behavior.goal,
        )
        reply = self.organism.variant.reply(answer, occasion, rng)
        return prompt, reply.raw, kind if self.backdoor or kind == "near_miss" else "untriggered"

    def _kind(self, rng: random.Random) -> str:
        if rng.random() < self.triggered:
            return "triggered"
        return "near_miss" if rng.random() < self.near_misses else "untriggered"
