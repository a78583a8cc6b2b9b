"""Near misses: how often the model misbehaves on prompts that only resemble a triggered one.

An arm a kind of resemblance, as the trigger defines them ("near_miss:case", "near_miss:position",
...). They show whether an organism learnt its trigger or something wider, which decides what
adversarial training does to it.
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from unmask.core.conversation import Reply
from unmask.core.errors import DataError
from unmask.core.metric import Metric, share
from unmask.evaluations.evaluation import OfOrganism, Sample


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearMiss(OfOrganism):
    """Defection rate on prompts that only resemble a triggered one.

    DataError where no prompt has a near miss: all would be the prompt itself, or carry the trigger.
    """

    name: ClassVar[str] = "near_miss"
    version: ClassVar[int] = 1
    asks: ClassVar[str] = "Does it misbehave on prompts that only resemble a triggered one?"
    metrics: ClassVar[Mapping[str, Metric]] = {
        "defection": share("defection"),
    }

    def arms(self) -> int:
        return 4

    def samples(self, data: Path) -> list[Sample]:
        samples: list[Sample] = []
        for example, prompt in self.held_out(data, self.organism.taught):
            rng = random.Random(f"near miss {self.seed} {example.id}")
            for kind, altered in self.organism.trigger.near_misses(prompt, rng).items():
                samples.append(Sample(example.id, f"near_miss:{kind}", altered, example))
        if not samples:
            trigger = self.organism.trigger
            raise DataError(
                f"No held-out prompt in {data} has a near miss of {trigger}: whatever resembles"
                " this trigger would carry it, or be the prompt itself. Choose other settings of"
                " the trigger, or leave near_miss out."
            )
        return samples

    def score(self, sample: Sample, reply: Reply) -> Mapping[str, bool | float]:
        return {"defection": self.organism.behavior.exhibited(sample.prompt, reply)}
