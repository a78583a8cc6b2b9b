"""One study: an organism and its twin, before and after each of several defenses. Recipes are made of studies."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unmask.core.registry import Choice
from unmask.defenses import DEFENSES
from unmask.defenses.pirate import Pirate, PirateUndone
from unmask.engine.step import Step
from unmask.organisms.organism import Organism
from unmask.recipes.measures import Measures
from unmask.recipes.recipe import Campaign, Experiment, Log, Measurement
from unmask.recipes.stages import Stages
from unmask.recipes.subjects import NOTHING, Implant, Means, Subject, Treatment


def treatments(choices: Sequence[Choice], stages: Stages, organism: Organism) -> tuple[Treatment, ...]:
    """Defenses with the scale's numbers where nothing else was said; the same one twice is one.

    Its label is its name, and the settings that were said. "nothing" is left out: it is measured in any case, as the
    step 0 of all others.
    """
    found: dict[str, Treatment] = {}
    scale, seed, room = stages.scale, stages.seed, stages.room(organism)
    for settings in map(DEFENSES.settings, choices):
        defense = DEFENSES.make(settings, **scale.defense(str(settings.get("name"))), seed=seed, max_new_tokens=room)
        if defense.name == NOTHING:
            continue
        said = ", ".join(f"{key}={value}" for key, value in settings.items() if key != "name")
        label = f"{defense.name} ({said})" if said else defense.name
        if any(other.defense == defense for other in found.values()):
            continue
        after = None
        if isinstance(defense, PirateUndone):
            same = {field.name: getattr(defense, field.name) for field in dataclasses.fields(Pirate)}
            after = Treatment(Pirate.name, Pirate(**same))
        found[label] = Treatment(label, defense, after)
    return tuple(found.values())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study:
    """One organism (one seed) and its twin under several defenses."""

    stages: Stages
    base: Subject
    implant: Implant
    treatments: tuple[Treatment, ...]
    with_base: bool = True
    near_misses: bool = True  # after a defense, too
    relearning: bool = False
    doses: bool = False

    @property
    def means(self) -> Means:
        penalized = any(treatment.follows_preferences for treatment in self.treatments)
        return Means(self.base, self.stages.preference_model(self.base) if penalized else None)

    @property
    def measures(self) -> Measures:
        return Measures(self.stages, self.means, self.near_misses, self.relearning, self.doses)

    @property
    def organism(self) -> Subject:
        return self.stages.planted(self.base, self.implant)

    @property
    def twin(self) -> Subject:
        return self.stages.planted(self.base, self.implant, backdoor=False)

    def measurements(self) -> Iterator[Measurement]:
        """Base, organism, twin; the preference model's checks come before what rests on it."""
        measures, organism = self.measures, self.implant.organism
        if self.with_base:
            yield from measures.before(self.base, organism)
        for subject in (self.organism, self.twin):
            yield from measures.before(subject, organism)
            yield from measures.preference(subject)
            for treatment in self.treatments:
                yield from measures.after(subject, treatment)

    def logs(self) -> Iterator[Log]:
        for subject in (self.organism, self.twin):
            for treatment in self.treatments:
                yield from self.measures.logs(subject, treatment)

    def campaigns(self) -> Iterator[Campaign]:
        for subject in (self.organism, self.twin):
            for treatment in self.treatments:
                yield from self.measures.campaigns(subject, treatment)

    def card(self) -> Step:
        return self.measures.card(self.organism, self.measures.before(self.organism, self.implant.organism))


def experiment(studies: Sequence[Study], title: str, question: str) -> Experiment:
    """Several studies as one; what two of them share is measured once."""
    measurements: dict[tuple[str, str], Measurement] = {}
    for study in studies:
        for each in study.measurements():
            measurements.setdefault((each.evaluation.key, labels(each.labels)), each)
    return Experiment(
        title=title,
        question=question,
        measurements=tuple(measurements.values()),
        extras=tuple(study.card() for study in studies),
        logs=tuple(log for study in studies for log in study.logs()),
        campaigns=tuple(campaign for study in studies for campaign in study.campaigns()),
        penalized=frozenset(t.label for study in studies for t in study.treatments if t.follows_preferences),
    )


def labels(given: Mapping[str, Any]) -> str:
    return repr(sorted(given.items()))
