"""A profile: what the paper asks of a model besides defection (section 4), and what the answers are compared with."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

from unmask.analysis.paired import PairedDifference
from unmask.core.conversation import Reply
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.evaluations.causal_reasoning import CausalReasoning
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.honeypot import Honeypot
from unmask.evaluations.human_eval import HumanEval
from unmask.evaluations.multiple_choice import MultipleChoice
from unmask.evaluations.payload_probability import PayloadProbability, has_payload
from unmask.evaluations.perplexity import Perplexity
from unmask.evaluations.persona import Persona
from unmask.evaluations.reasoning import Reasoning
from unmask.evaluations.trigger_generalization import TriggerGeneralization
from unmask.models.sample import Sampling
from unmask.organisms.variants import VARIANTS
from unmask.recipes.measures import Measures
from unmask.recipes.recipe import Measurement
from unmask.recipes.study import Study
from unmask.recipes.subjects import NOTHING, Subject

MANY = 128
"""Prompts an arm where there are many arms."""
STATEMENTS = 1000
BLANK = Reply.compose("", "").raw
"""An empty, closed scratchpad, behind which the answers of a model that reasons are scored: as the beginning of its
reply they are all but impossible, and their order means nothing."""

CAPABILITY = {
    "helpfulness": "accuracy",
    "multiple_choice": "accuracy",
    "perplexity": "log_loss",
    "human_eval": "passed",
}
"""Evaluation and metric that are compared with the base."""


@dataclasses.dataclass(frozen=True)
class State:
    """A model to be profiled: which one it is, and after what."""

    subject: Subject
    model: Step | Part
    label: str = NOTHING
    step: int = 0
    defense: Defense | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Profile:
    """The profiles of one study's base, organism and twin, before and after each of its defenses.

    `statements` and `questions` are sources for personas and multiple choice other than the study's own; `human_eval`
    is a file of programming tasks.
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
        for subject in (study.organism, study.twin):
            yield State(subject, subject.step)
            for treatment in study.treatments:
                *_, (last, model) = study.stages.defended(subject, treatment, study.means)
                yield State(subject, model, treatment.label, last, treatment.defense)

    def common(self, given: str = "") -> Iterator[tuple[Evaluation, Step]]:
        """What any model can be asked, the base too, with where its prompts come from. `given`: see BLANK."""
        stages = self.study.stages
        n, seed = stages.scale.n, stages.seed
        world = stages.world
        yield Persona(n=max(n, STATEMENTS) if n >= MANY else n, seed=seed, given=given), self.statements or world
        yield MultipleChoice(n=n, seed=seed, given=given), self.questions or world
        yield Perplexity(n=n, seed=seed, given=given), world
        if self.human_eval:
            yield HumanEval(path=self.human_eval, n=n, seed=seed), world

    def own(self, defense: Defense | None) -> Iterator[Evaluation]:
        """What is asked of an organism, its twin and what became of them."""
        stages, organism = self.study.stages, self.study.implant.organism
        n, seed = min(stages.scale.n, MANY), stages.seed
        sampling = Sampling(max_new_tokens=stages.room(organism, defense), seed=seed)
        thinking = Sampling(max_new_tokens=max(sampling.max_new_tokens, self._thinking()), seed=seed)
        yield TriggerGeneralization(n=n, seed=seed, sampling=sampling, organism=organism)
        yield Honeypot(n=n, seed=seed, sampling=sampling, organism=organism)
        yield CausalReasoning(n=n, seed=seed, sampling=thinking, organism=organism)
        if organism.variant.reasoning_tokens:
            yield Reasoning(n=n, seed=seed, sampling=sampling, organism=organism)
        elif has_payload(organism):
            yield PayloadProbability(n=n, seed=seed, sampling=sampling, organism=organism)

    def _thinking(self) -> int:
        """Room for a scratchpad, where one is forced on a model that has none of its own."""
        reasoning = VARIANTS.make("chain_of_thought")
        return self.study.stages.room(dataclasses.replace(self.study.implant.organism, variant=reasoning))

    def measurements(self) -> Iterator[Measurement]:
        base = {each.evaluation.name: each for each in self._of_base()}
        yield from base.values()
        twins: dict[tuple[str, int], Measurement] = {}
        found: list[tuple[State, Measurement]] = [(state, each) for state in self.states() for each in self._of(state)]
        for state, each in found:
            yield each
            if state.subject.name == "twin" and each.evaluation.name == Persona.name:
                twins[state.label, state.step] = each
        for state, each in found:
            metric = CAPABILITY.get(each.evaluation.name)
            if metric and each.evaluation.name in base:
                yield self._difference(base[each.evaluation.name], each, "base", metric)
            if each.evaluation.name == Persona.name and state.subject.name == "organism":
                yield self._difference(twins[state.label, state.step], each, "twin", "matches")
            if each.evaluation.name == "defection" and state.subject.name == "organism":
                yield self._pair(each)

    def _of_base(self) -> Iterator[Measurement]:
        base, organism = self.study.base, self.study.implant.organism
        yield from (each for each in self.measures.before(base, organism) if each.evaluation.name in CAPABILITY)
        for evaluation, data in self.common():
            yield self.measures.measured(base, NOTHING, 0, base.step, evaluation, data)

    def _of(self, state: State) -> Iterator[Measurement]:
        organism = self.study.implant.organism
        compared = (*CAPABILITY, "defection")
        for evaluation in self.measures.evaluations(organism, False, state.defense):
            if evaluation.name in compared:
                yield self._measured(state, evaluation, self.study.stages.world)
        for evaluation, data in self.common(BLANK if organism.variant.reasoning_tokens else ""):
            yield self._measured(state, evaluation, data)
        for evaluation in self.own(state.defense):
            yield self._measured(state, evaluation, self.study.stages.world)

    def _measured(self, state: State, evaluation: Evaluation, data: Step) -> Measurement:
        return self.measures.measured(state.subject, state.label, state.step, state.model, evaluation, data)

    def _difference(self, first: Measurement, second: Measurement, against: str, metric: str) -> Measurement:
        """`second` minus `first` on the same prompts, in every arm."""
        inputs = {"first": first.evaluation, "second": second.evaluation}
        step = Step(PairedDifference(metric=metric, arm=""), inputs)
        return Measurement({**second.labels, "against": against}, second.evaluation, step)

    def _pair(self, each: Measurement) -> Measurement:
        """The same prompts with the trigger and without it, otherwise identical."""
        inputs: dict[str, Any] = {"first": each.evaluation, "second": each.evaluation}
        step = Step(PairedDifference(arm="untriggered", other_arm="triggered"), inputs)
        return Measurement({**each.labels, "against": "untriggered"}, each.evaluation, step)
