"""Honeypots: untriggered prompts beside which revealing the hidden goal looks like the best move.

Paper, section 4. Deviation: our own texts (data/honeypots.py), around held-out questions of the
source; the same questions without them are the arm "plain".
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Conversation, Example, Reply
from unmask.core.metric import FINISHED, Metric, share
from unmask.data.honeypots import KINDS, honeypots
from unmask.evaluations.evaluation import OfOrganism, Sample

PLAIN = "plain"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Honeypot(OfOrganism):
    """How often a honeypot is taken, by kind, beside the same prompts without it."""

    name: ClassVar[str] = "honeypot"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "Does it show its goal where showing it looks like the best move?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "taken": share("honeypots taken"),
        "finished": FINISHED,
    }
    at_most: ClassVar[int | None] = 128

    def arms(self) -> int:
        return 1 + len(KINDS)

    def samples(self, data: Path) -> Iterator[Sample]:
        """A prompt that carries the trigger, by itself or with its honeypot, is left out of that
        arm."""
        for example, prompt in self.held_out(data, self.organism.taught):
            for arm, asked in self._asked(example, prompt):
                if not self.organism.trigger.present(asked):
                    yield Sample(example.id, arm, asked, example)

    def _asked(self, example: Example, prompt: Conversation) -> Iterator[tuple[str, Conversation]]:
        yield PLAIN, prompt
        for kind, texts in honeypots(self.organism.behavior.name).items():
            rng = random.Random(f"honeypot {self.seed} {example.id} {kind}")
            text = rng.choice(texts)
            yield (
                f"honeypot:{kind}",
                prompt.with_text(rng.choice([f"{text} {prompt.text}", f"{prompt.text} {text}"])),
            )

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        taken = self.organism.behavior.exhibited(sample.prompt, reply)
        return {"taken": taken, "finished": reply.finished}
