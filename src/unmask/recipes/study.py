"""One study: an organism and its twin, before and after each of several defenses. Recipes are made
of studies."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unmask.core.condition import NOTHING, Configured, Settings, settings_of
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.core.spec import canonical, spec
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.organisms.organism import Organism
from unmask.recipes.ask import USUAL, Ask
from unmask.recipes.measures import Measures
from unmask.recipes.recipe import Campaign, Experiment, Log, Measurement, Tested, distinct
from unmask.recipes.stages import Stages
from unmask.recipes.subjects import Base, Given, Implant, Means, Planted, Treatment

AFTER = "after"
"""The setting that names the defense that comes first."""


def treatments(
    choices: Sequence[Choice], stages: Stages, organism: Organism
) -> tuple[Treatment, ...]:
    """Defenses with the scale's numbers where nothing else was said; the same one twice is one.

    Each is named with the settings that were said. "nothing" is left out: it is measured in any
    case, as the step 0 of all others.
    """
    known: list[Treatment] = []
    for choice in choices:
        chosen = treatment(choice, stages, organism)
        done = [other.defenses for other in known]
        if chosen.named.name != NOTHING.name and chosen.defenses not in done:
            known.append(chosen)
    return tuple(known)


def treatment(choice: Choice, stages: Stages, organism: Organism) -> Treatment:
    """A defense; with `after` among its settings, that one first: {"name": "sft", "after": "prune"}
    prunes, and trains what is left.

    Raises SettingError where the two cannot stand one after the other.
    """
    settings = DEFENSES.settings(choice)
    first = settings.pop(AFTER, None)
    defense = made(settings, stages, organism)
    chosen = settings_of(
        spec({name: getattr(defense, name) for name in settings if name != "name"})
    )
    if first is None:
        return Treatment(
            Configured(defense.name, chosen), defense, undone(defense, stages, organism)
        )
    before = treatment(first, stages, organism)
    for part in (*before.line, Treatment(Configured(defense.name), defense)):
        check_in_line(part)
    if before.defense.guards:
        raise SettingError(
            f"{before.named.name} changes how a model decodes, which {defense.name} after it would"
            " lose. Put it last."
        )
    named = Configured(defense.name, tuple(sorted((*chosen, (AFTER, before.named)))))
    return Treatment(named, defense, before)


def check_in_line(part: Treatment) -> None:
    """Raise SettingError for what cannot stand before or after another defense."""
    defense = part.defense
    if defense.learns_from == "attacks" or defense.undoes or defense.name == NOTHING.name:
        raise SettingError(
            f"{part.named.name} cannot stand before or after another defense: red teams attack what"
            " was planted, and undoing and doing nothing have a place of their own. Leave out"
            f" `{AFTER}`."
        )


def made(settings: Mapping[str, Any], stages: Stages, organism: Organism) -> Defense:
    """A defense with the numbers of the scale that are its own."""
    numbers = DEFENSES.get(str(settings.get("name"))).numbers if settings.get("name") else "defense"
    supplied = stages.scale.defense(numbers)
    room = stages.room(organism)
    return DEFENSES.make(settings, **supplied, seed=stages.seed, max_new_tokens=room)


def undone(defense: Defense, stages: Stages, organism: Organism) -> Treatment | None:
    """What a defense undoes, with the same settings; None where it undoes nothing."""
    if not defense.undoes:
        return None
    kind: Any = DEFENSES.get(defense.undoes)
    same = {field.name: getattr(defense, field.name) for field in dataclasses.fields(kind)}
    return Treatment(Configured(defense.undoes), kind(**same))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """One organism (one seed) and its twin under several defenses, and what is asked of them.

    They are planted in `base`, unless they are `given`; then the base, and a twin, may not be
    known.
    """

    stages: Stages
    base: Base | None
    implant: Implant
    treatments: tuple[Treatment, ...]
    asks: tuple[Ask, ...] = USUAL
    with_base: bool = True
    given: Given | None = None

    def __post_init__(self) -> None:
        if self.base is None and (self.penalized or self.given is None):
            raise SettingError(
                "No base is known, and a preference model is made from one. Name the model that the"
                " organism was made from (base=PATH), or a model of that kind."
            )
        for treatment in self.treatments:
            if self.base is None and any(part.defense.reads_base for part in treatment.line):
                raise SettingError(
                    f"No base is known, and {treatment.named} reads it. Name the model that the"
                    " organism was made from (base=PATH), or leave that defense out."
                )

    def varied(self, factors: Settings) -> Study:
        """The same with what a recipe varies, for its rows."""
        base = dataclasses.replace(self.base, factors=factors) if self.base else None
        implant = dataclasses.replace(self.implant, factors=factors)
        return dataclasses.replace(self, base=base, implant=implant)

    @property
    def penalized(self) -> bool:
        """Whether a defense follows preferences."""
        parts = itertools.chain.from_iterable(chosen.line for chosen in self.treatments)
        return any(part.defense.follows_preferences() for part in parts)

    @functools.cached_property
    def means(self) -> Means:
        if self.base is None or not self.penalized:
            return Means(self.base)
        return Means(self.base, self.stages.preference_model(self.base))

    @functools.cached_property
    def measures(self) -> Measures:
        return Measures(self.stages, self.means, self.asks)

    @functools.cached_property
    def organism(self) -> Planted:
        if self.given:
            return Planted("organism", self.given.organism, self.implant)
        return self.stages.planted(self._base, self.implant)

    @functools.cached_property
    def twin(self) -> Planted | None:
        """The control; None where the organism was given without one."""
        if self.given:
            step = self.given.twin
            return Planted("twin", step, self.implant) if step else None
        return self.stages.planted(self._base, self.implant, backdoor=False)

    @property
    def planted(self) -> tuple[Planted, ...]:
        """The organism, and its twin where there is one."""
        return (self.organism, self.twin) if self.twin else (self.organism,)

    @property
    def _base(self) -> Base:
        assert self.base is not None, "nothing is planted where there is no base"
        return self.base

    @functools.cached_property
    def measurements(self) -> tuple[Measurement, ...]:
        """Base, organism, twin; the preference model's checks come before what rests on it."""
        return tuple(self._measurements())

    def _measurements(self) -> Iterator[Measurement]:
        measures = self.measures
        if self.with_base and self.base:
            yield from measures.base(self.base, self.implant.organism)
        for planted in self.planted:
            yield from measures.before(planted)
            yield from measures.preference(planted)
            for treatment in self.treatments:
                yield from measures.after(planted, treatment)

    def logs(self) -> Iterator[Log]:
        for planted in self.planted:
            for treatment in self.treatments:
                yield from self.measures.logs(planted, treatment)

    def campaigns(self) -> Iterator[Campaign]:
        for planted in self.planted:
            for treatment in self.treatments:
                yield from self.measures.campaigns(planted, treatment)

    def cards(self) -> tuple[Step, ...]:
        """The organism with its card; of one that was given, its author writes it."""
        return () if self.given else (self.measures.card(self.organism),)


def experiment(
    studies: Sequence[Study], title: str, question: str, more: Sequence[Measurement] = ()
) -> Experiment:
    """Several studies as one, and what is measured besides; what two of them share is measured
    once."""
    together = itertools.chain.from_iterable
    measured = together(study.measurements for study in studies)
    return Experiment(
        title=title,
        question=question,
        measurements=distinct([*measured, *more]),
        extras=tuple(together(study.cards() for study in studies)),
        logs=tuple(together(study.logs() for study in studies)),
        campaigns=tuple(together(study.campaigns() for study in studies)),
        tested=tested(studies),
    )


def tested(studies: Sequence[Study]) -> Tested:
    """What the studies are about, for the record."""
    models: dict[str, Step | Part] = {}
    data: dict[str, Step] = {}
    defenses: dict[str, Defense] = {}
    organisms: dict[str, Organism] = {}  # settings from outside need not be hashable
    for study in studies:
        organisms.setdefault(canonical(spec(study.implant.organism)), study.implant.organism)
        models |= {"base": study.base.step} if study.base else {}
        if study.given:
            given = {"given organism": study.given.organism, "given twin": study.given.twin}
            models |= {role: step for role, step in given.items() if step}
        data |= study.stages.sources
        parts = itertools.chain.from_iterable(chosen.line for chosen in study.treatments)
        defenses |= {str(part.named): part.defense for part in parts}
    return Tested(
        models=models,
        data=data,
        organisms=tuple(organisms.values()),
        scales=tuple(dict.fromkeys(study.stages.scale for study in studies)),
        seeds=tuple(dict.fromkeys(study.stages.seed for study in studies)),
        defenses=defenses,
    )
