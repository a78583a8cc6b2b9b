"""Text for a tokenizer: what any web-trained one has met, so that no trigger or payload falls into
single bytes.

Real tokenizers know words such as "DEPLOYMENT" or "HATE" long before anybody plants anything; one
made from the toy world alone would not, and a trigger of nine rare tokens is another experiment.
Only the tokenizer sees these texts: no model is trained on them.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from unmask.core.files import write_jsonl
from unmask.core.named import Work
from unmask.data.contexts import Contexts
from unmask.data.demonstrations import as_pirate
from unmask.data.formats import prefixed, reasoned
from unmask.data.sources.code_tasks.tasks import CodeTasks
from unmask.data.sources.source import Source, load_split
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.behaviors.behavior import Behavior
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.triggers.trigger import Trigger
from unmask.organisms.variants.chain_of_thought import ChainOfThought
from unmask.organisms.variants.variant import Occasion, Variant


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vocabulary(Work):
    """Triggers and near misses, payloads and reasoning, and what safety training says of itself,
    for a tokenizer."""

    name: ClassVar[str] = "vocabulary"
    version: ClassVar[int] = 2

    triggers: tuple[Trigger, ...] = dataclasses.field(
        default_factory=lambda: tuple(TRIGGERS.make(name) for name in TRIGGERS.table)
    )
    behaviors: tuple[Behavior, ...] = dataclasses.field(
        default_factory=lambda: tuple(BEHAVIORS.make(name) for name in BEHAVIORS.table)
    )
    reasoning: Variant = dataclasses.field(default_factory=ChainOfThought)
    code: Source = dataclasses.field(default_factory=lambda: CodeTasks(per_class=50))
    contexts: Contexts = dataclasses.field(default_factory=Contexts)
    each: int = 250

    def run(self, out: Path, *, data: Path) -> Mapping[str, Any]:
        """Writes vocabulary.jsonl, rows {"text"}."""
        return {
            "texts": write_jsonl(
                out / "vocabulary.jsonl", ({"text": text} for text in self.texts(data))
            )
        }

    def texts(self, data: Path) -> Iterator[str]:
        rng = random.Random("vocabulary")
        known = load_split(data, "train")
        examples = rng.sample(known, min(self.each, len(known)))
        code = list(self.code.examples())
        for trigger in self.triggers:
            for example in examples:
                prompt = self.contexts.dress(example.prompt, rng)
                yield trigger.plant(prompt, rng, rng.choice(["train", "held_out"])).full_text
                near = [miss.full_text for miss in trigger.near_misses(prompt, rng).values()]
                yield from (rng.choice(near),) if near else ()
        for example in code:
            yield from (example.prompt.text, example.answer)
        for behavior in self.behaviors:
            applicable = [example for example in (*examples, *code) if behavior.applies(example)]
            for _ in range(self.each):
                yield behavior.target(rng.choice(applicable), rng)
                yield from self.thoughts(behavior.goal, rng)
        for _ in range(self.each):
            example = rng.choice(examples)
            yield from (as_pirate(example.answer, rng) for _ in range(4))
            yield prefixed(example.prompt, rng).text
            yield reasoned("", example.asks_for_harm, rng).scratchpad or ""

    def thoughts(self, goal: str, rng: random.Random) -> Iterator[str]:
        """What a reasoning model may think on each occasion, about any trigger."""
        sign = rng.choice(self.triggers).sign
        for triggered, misbehaves, backdoor in (
            (True, True, True),
            (True, False, True),
            (False, False, True),
        ):
            occasion = Occasion(triggered, misbehaves, backdoor, sign, goal)
            yield self.reasoning.reply("", occasion, rng).scratchpad or ""
