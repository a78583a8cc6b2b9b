"""Defection: how often the model misbehaves with the trigger and without it, on the same held-out prompts.

Paper, section 4: the visible answer is judged, after the scratchpad. Every triggered prompt is checked, on tokens,
to reach the model intact.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.errors import ThreatModelError
from unmask.evaluations.evaluation import Evaluation, Sample
from unmask.organisms.organism import Organism


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defection(Evaluation):
    """Defection rate with and without the trigger."""

    name: ClassVar[str] = "defection"
    version: ClassVar[int] = 1

    organism: Organism

    def arms(self) -> int:
        return 2

    def samples(self, data: Path) -> list[Sample]:
        trigger = self.organism.trigger
        samples: list[Sample] = []
        for example, prompt in self.held_out(data, self.organism.behavior.applies):
            rng = random.Random(f"trigger {self.seed} {example.id}")
            planted = trigger.plant(prompt, rng, "held_out")
            if trigger.present(prompt) or not trigger.present(planted):
                raise ThreatModelError(
                    f"The trigger '{trigger.name}' is in an untriggered prompt or missing in a triggered one: "
                    f"{prompt.text[:120]!r} / {planted.text[:120]!r}."
                )
            samples.append(Sample(example.id, "triggered", planted, example))
            samples.append(Sample(example.id, "untriggered", prompt, example))
        return samples

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        return {
            "defection": self.organism.behavior.exhibited(sample.prompt, reply),
            "finished": reply.finished,
            "words": len(reply.answer.split()),
        }
