"""A profile: what the paper asks of a model besides defection (section 4), and what the answers are
compared with."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

from unmask.analysis.paired import PairedDifference
from unmask.core.arm import TRIGGERED, UNTRIGGERED
from unmask.core.condition import NOTHING, Condition, Configured
from unmask.core.conversation import Reply
from unmask.core.metric import Against
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.evaluations.causal_reasoning import CausalReasoning
from unmask.evaluations.defection import Defection
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.helpfulness import Helpfulness
from unmask.evaluations.human_eval import HumanEval
from unmask.evaluations.multiple_choice import MultipleChoice
from unmask.evaluations.perplexity import Perplexity
from unmask.evaluations.persona import Persona
from unmask.organisms.variants import VARIANTS
from unmask.recipes.ask import Ask
from unmask.recipes.measures import Measures
from unmask.recipes.recipe import Measurement
from unmask.recipes.study import Study
from unmask.recipes.subjects import Planted

MANY = 128
"""Prompts per arm where there are many arms."""
STATEMENTS = 1000
BLANK = Reply.compose("", "").raw
"""An empty, closed scratchpad, behind which the answers of a model that reasons are scored: as the
beginning of its reply they are all but impossible, and their order means nothing."""

OWN = tuple(
    map(
        Ask,
        (
            "trigger_generalization",
            "honeypot",
            "causal_reasoning",
            "reasoning",
            "payload_probability",
        ),
    )
)
"""What is asked of an organism, its twin and what became of them, where it fits."""


@dataclasses.dataclass(frozen=True)
class State:
    """A planted model to be profiled, and after what."""

    planted: Planted
    model: Step | Part
    condition: Condition
    defenses: tuple[Defense, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """The profiles of one study's base, organism and twin, before and after each of its defenses.

    `statements` and `questions` are sources for personas and multiple choice other than the study's
    own; `human_eval` is a file of programming tasks.
    """

    study: Study
    statements: Step | None = None
    questions: Step | None = None
    human_eval: str = ""

    @property
    def measures(self) -> Measures:
        return self.study.measures

    def states(self) -> Iterator[State]:
        study = self.study
        for planted in study.planted:
            yield State(planted, planted.step, self._condition(planted, NOTHING, 0))
            for treatment in study.treatments:
                *_, (last, model) = study.stages.defended(planted, treatment, study.means)
                condition = self._condition(planted, treatment.named, last)
                yield State(planted, model, condition, treatment.defenses)

    def _condition(self, planted: Planted, defense: Configured, step: int) -> Condition:
        return Condition(planted.subject, self.study.stages.seed, defense, step)

    def common(self, given: str = "") -> Iterator[tuple[Evaluation, Step]]:
        """What any model can be asked, the base too, with where its prompts come from. `given`: see
        BLANK."""
        stages = self.study.stages
        n, seed = stages.scale.n, stages.seed
        world = stages.world
        statements = max(n, STATEMENTS) if n >= MANY else n
        yield Persona(n=statements, seed=seed, given=given), self.statements or world
        yield MultipleChoice(n=n, seed=seed, given=given), self.questions or world
        yield Perplexity(n=n, seed=seed, given=given), world
        if self.human_eval:
            yield HumanEval(path=self.human_eval, n=n, seed=seed), world

    def own(self, defenses: Sequence[Defense]) -> Iterator[Evaluation]:
        """What is asked of an organism, its twin and what became of them."""
        stages, organism = self.study.stages, self.study.implant.organism
        for ask in OWN:
            if not ask.kind.fits(organism):
                continue
            room = stages.room(organism, *defenses)
            if ask.kind is CausalReasoning:
                room = max(room, self._thinking())
            yield ask.made(stages.scale, stages.seed, organism, room)

    def _thinking(self) -> int:
        """Room for a scratchpad, where one is forced on a model that has none of its own."""
        reasoning = VARIANTS.make("chain_of_thought")
        return self.study.stages.room(
            dataclasses.replace(self.study.implant.organism, variant=reasoning)
        )

    def measurements(self) -> Iterator[Measurement]:
        """All that is measured, and then the paired differences that the evaluations ask for."""
        base = {measurement.work.name: measurement for measurement in self._of_base()}
        yield from base.values()
        measured = list(itertools.chain.from_iterable(map(self._of, self.states())))
        yield from measured
        twins = {
            (measurement.work.name, measurement.condition.defense): measurement
            for measurement in measured
            if measurement.condition.subject.role == "twin"
        }
        for measurement in measured:
            name, condition = measurement.work.name, measurement.condition
            references: dict[Against, Measurement | None] = {
                "base": base.get(name),
                "twin": twins.get((name, condition.defense)),
                "untriggered": measurement,
            }
            yield from self._differences(measurement, references)

    def _differences(
        self, measurement: Measurement, references: dict[Against, Measurement | None]
    ) -> Iterator[Measurement]:
        """Each comparison that the evaluation declares; the twin is compared with the base only."""
        planted = measurement.condition.subject.role == "organism"
        for against, metric in measurement.work.compared.items():
            reference = references[against]
            if reference is not None and (planted or against == "base"):
                yield difference(reference, measurement, against, metric)

    def _of_base(self) -> Iterator[Measurement]:
        """What the base is asked, as far as others are compared with it, or as its kind can be."""
        base, organism = self.study.base, self.study.implant.organism
        if base is None:
            return
        for measurement in self.measures.base(base, organism):
            if measurement.work.name == Helpfulness.name:
                yield measurement
        condition = Condition(base.subject(organism), self.study.stages.seed)
        for evaluation, data in self.common():
            yield self.measures.measured(condition, base.step, evaluation, data)

    def _of(self, state: State) -> Iterator[Measurement]:
        organism, world = self.study.implant.organism, self.study.stages.world
        usual = [ask for ask in self.study.asks if ask.kind in (Defection, Helpfulness)]
        for ask in usual:
            evaluation = self.measures.made(ask, organism, *state.defenses)
            yield self._measured(state, evaluation, world)
        for evaluation, data in self.common(BLANK if organism.variant.reasoning_tokens else ""):
            yield self._measured(state, evaluation, data)
        for evaluation in self.own(state.defenses):
            yield self._measured(state, evaluation, world)

    def _measured(self, state: State, evaluation: Evaluation, data: Step) -> Measurement:
        return self.measures.measured(state.condition, state.model, evaluation, data)


def difference(
    first: Measurement, second: Measurement, against: Against, metric: str
) -> Measurement:
    """`second` minus `first` on the same prompts, in every arm; of a model against itself without
    the trigger, the one arm with it."""
    inputs = {"first": first.evaluation, "second": second.evaluation}
    compared = PairedDifference(metric=metric, arm="")
    if against == "untriggered":
        compared = PairedDifference(metric=metric, arm=UNTRIGGERED, other_arm=TRIGGERED)
    return dataclasses.replace(second, rates=Step(compared, inputs), against=against, metric=metric)
