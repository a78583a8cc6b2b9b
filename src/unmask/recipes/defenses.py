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
from typing import ClassVar, cast

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defenses(Paper):
    """Every defense that knows nothing of the backdoor, each at several strengths: what is left, at
    the same distance from the undefended model?

    `methods` are the defenses; without any, all that are registered, other packages' too, but for
    red teams, which have a recipe of their own, and those that teach an unrelated style. One that
    is only named is tried at each setting of its class's `ladder`, one with settings at these.
    """

    name: ClassVar[str] = "defenses"
    version: ClassVar[int] = 1

    methods: tuple[Choice, ...] = ()
    variants: tuple[Choice, ...] = ("standard", "chain_of_thought")

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        for choice in self.methods or map(str, unknowing()):
            settings = DEFENSES.settings(choice)
            alone = settings.keys() == {"name"}
            rungs = DEFENSES.get(settings["name"]).ladder if alone else ({},)
            yield from ({**settings, **rung} for rung in rungs)

    def build(self) -> Experiment:
        made = super().build()
        measured = [*made.measurements, *against_nulls(made.measurements)]
        return dataclasses.replace(made, measurements=distinct(measured))

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        again = (relearning(scale),) if self.relearning else ()
        return (*USUAL, *again, *besides(self.evaluations))


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
