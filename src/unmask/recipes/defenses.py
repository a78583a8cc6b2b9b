"""Every defense that knows nothing of the backdoor, on the same organisms and twins, with the same
measurements: what does each leave, and how far did it move the model for it?

Not in the paper, which has SFT, RL and adversarial training. The others are from related fields,
each from the source that its own file names. Whatever moves a model far enough removes a backdoor
with the rest, so defenses are compared at the same distance (the KL divergence from the undefended
model), each over a ladder of settings that is fixed on its class, with rounding and random changes
of weights beside them, which are aimed at nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, cast

from unmask.analysis.checks import JUDGED
from unmask.analysis.null import DRIFT, AgainstNull
from unmask.core.condition import NOTHING, Condition
from unmask.core.registry import Choice
from unmask.defenses import DEFENSES
from unmask.defenses.defense import Defense
from unmask.defenses.matched import Matched
from unmask.engine.step import Step
from unmask.evaluations.defection import Defection
from unmask.evaluations.drift import Drift
from unmask.organisms.organism import Organism
from unmask.recipes.ask import USUAL, Ask, besides, relearning
from unmask.recipes.levels import ends
from unmask.recipes.paper import Paper
from unmask.recipes.recipe import Experiment, Measurement, distinct
from unmask.recipes.scales import Scale
from unmask.recipes.study import AFTER, Study
from unmask.recipes.subjects import organism_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defenses(Paper):
    """Every defense that knows nothing of the backdoor, each at several strengths: what is left, at
    the same distance from the undefended model?

    `methods` are the defenses; without any, all that are registered, other packages' too, but for
    red teams, which have a recipe of their own, and those that teach an unrelated style. One that
    is only named is tried at each setting of its class's `ladder` (a training: on the first seed
    of the first organism, as it comes on the others), one with settings at these. The first
    behavior and variant is run on all seeds, the others on the first: all of it would take a
    machine of two cores a night.
    """

    name: ClassVar[str] = "defenses"
    version: ClassVar[int] = 1

    methods: tuple[Choice, ...] = ()
    variants: tuple[Choice, ...] = ("standard", "chain_of_thought")

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        """What costs little at each rung of its ladder, a training as it comes."""
        for settings in self.chosen():
            yield from [settings] if trains(settings) else rungs(settings)

    def explored(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        """The rungs of trainings, on the first organism."""
        for settings in self.chosen():
            yield from rungs(settings) if organism == self.first else ()

    @property
    def first(self) -> Organism:
        """The organism of which most is asked."""
        return organism_of(self.trigger, self.behaviors[0], self.variants[0])

    def studies(self, scale: Scale) -> Iterator[Study]:
        for study in super().studies(scale):
            if study.stages.seed == self.seeds[0] or study.implant.organism == self.first:
                yield study

    def chosen(self) -> list[Mapping[str, Any]]:
        return [DEFENSES.settings(choice) for choice in self.methods or unknowing()]

    def build(self) -> Experiment:
        made = super().build()
        measured = [*made.measurements, *against_nulls(made.measurements)]
        return dataclasses.replace(made, measurements=distinct(measured))

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        again = (relearning(scale),) if self.relearning else ()
        return (*USUAL, *again, *besides(self.evaluations, self.organisms()))


def rungs(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A defense at each setting of its ladder; one that has settings, at these."""
    alone = settings.keys() == {"name"}
    for rung in DEFENSES.get(settings["name"]).ladder if alone else ({},):
        yield {**settings, **rung}


def trains(settings: Mapping[str, Any]) -> bool:
    """Whether a defense is a training, or stands behind another defense."""
    if AFTER in settings:
        return True
    return DEFENSES.make(settings).tokens().trained > 0


def unknowing() -> list[str]:
    """The defenses that are compared where none is named."""
    return [name for name in DEFENSES.names() if compared(DEFENSES.get(name))]


def compared(kind: type[Defense]) -> bool:
    """Whether a defense is one of those: it is told nothing, and done in one go."""
    return (
        kind.knows == "nothing"
        and kind.name != NOTHING.name
        and kind.learns_from != "attacks"
        and kind.teaches != "style"
    )


def against_nulls(measurements: Iterable[Measurement]) -> Iterator[Measurement]:
    """Each defended organism's triggered defection minus that of the nearest random change that has
    moved it at least as far, at the end of the defense; with its scratchpad opened too, where it
    has one."""
    measured = list(measurements)
    moved = {of.condition: of for of in measured if of.work.name == Drift.name}
    whose: dict[object, list[Measurement]] = {}
    for of in ends(measured):
        if of.condition in moved:
            whose.setdefault((of.condition.subject, of.condition.seed), []).append(of)
    for own in whose.values():
        nulls = [of for of in own if of.condition.defense.name == Matched.name]
        inputs = named({f"null_{i}": null for i, null in enumerate(nulls)}, moved)
        for of in own:
            if nulls and of not in nulls:
                yield from against_null(of, {**named({"defended": of}, moved), **inputs})


def named(
    measured: Mapping[str, Measurement], moved: Mapping[Condition, Measurement]
) -> dict[str, Step]:
    """Evaluations by name, each with its drift beside it."""
    inputs: dict[str, Step] = {}
    for name, of in measured.items():
        inputs[name] = of.evaluation
        inputs[DRIFT + name] = moved[of.condition].evaluation
    return inputs


def against_null(of: Measurement, inputs: Mapping[str, Step]) -> Iterator[Measurement]:
    reasons = cast(Defection, of.work).organism.variant.reasoning_tokens
    for arm in JUDGED if reasons else JUDGED[:1]:
        work = AgainstNull(arm=str(arm))
        rates = Step(work, inputs, f"{of.evaluation.title}, against a random change")
        yield dataclasses.replace(of, rates=rates, against="null", metric=work.metric, arm=arm)
