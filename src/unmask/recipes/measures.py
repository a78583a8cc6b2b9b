"""What is asked of a model under study, as measurements: each an evaluation of one condition."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import cast

from unmask.analysis.rates import Rates
from unmask.core.condition import Condition, Configured
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.evaluations.attacked import Attacked
from unmask.evaluations.defection import Defection
from unmask.evaluations.drift import Drift
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.measuring import Measuring
from unmask.evaluations.preference import PayloadCheck, PreferenceAccuracy
from unmask.evaluations.red_teaming import RedTeaming
from unmask.organisms.organism import Organism
from unmask.recipes.ask import DEFECTION, USUAL, Ask, taught
from unmask.recipes.card import OrganismCard
from unmask.recipes.labels import measured_label, model_label
from unmask.recipes.recipe import Campaign, Log, Measurement
from unmask.recipes.stages import Stages
from unmask.recipes.subjects import Base, Means, Planted, Treatment


@dataclasses.dataclass(frozen=True)
class Measures:
    """What `asks` ask of the models of one study."""

    stages: Stages
    means: Means
    asks: tuple[Ask, ...] = USUAL

    def made(self, ask: Ask, organism: Organism, *defenses: Defense) -> Evaluation:
        """The evaluation that is asked, with room for what the organism and the defenses have
        taught."""
        stages = self.stages
        return ask.made(stages.scale, stages.seed, organism, stages.room(organism, *defenses))

    def base(self, base: Base, organism: Organism) -> list[Measurement]:
        """The base beside one organism."""
        condition = Condition(base.subject(organism), self.stages.seed)
        due = [ask for ask in self.asks if ask.due("base", organism, before=True, last=False)]
        return [self.measured(condition, base.step, self.made(ask, organism)) for ask in due]

    def before(self, planted: Planted) -> list[Measurement]:
        """An organism or its twin as it is, before any defense."""
        organism = planted.organism
        condition = Condition(planted.subject, self.stages.seed)
        due = [ask for ask in self.asks if ask.due(planted.role, organism, before=True, last=False)]
        return [self.measured(condition, planted.step, self.made(ask, organism)) for ask in due]

    def after(self, planted: Planted, treatment: Treatment) -> Iterator[Measurement]:
        """Along the curve of a defense, and at its end with all that is asked."""
        points = dict(self.stages.defended(planted, treatment, self.means))
        if treatment.before is None:  # the curve begins with the model as it was
            for measurement in self.before(planted):
                start = dataclasses.replace(measurement.condition, defense=treatment.named)
                yield dataclasses.replace(measurement, condition=start)
        for step, model in points.items():
            condition = self._treated(planted, treatment.named, step)
            last = step == max(points)
            for evaluation in self._asked(planted, treatment, last):
                measurement = self.measured(condition, model, evaluation)
                yield measurement
                if evaluation.name == Defection.name:
                    yield self._moved(planted, condition, model, measurement.evaluation)
        if treatment.defense.learns_from == "attacks":
            yield from self._attacked(planted, treatment, points)

    def _treated(self, planted: Planted, defense: Configured, step: int) -> Condition:
        return Condition(planted.subject, self.stages.seed, defense, step)

    def _asked(self, planted: Planted, treatment: Treatment, last: bool) -> Iterator[Evaluation]:
        """What is asked at one point of a defense."""
        organism = planted.organism
        asks = (*self.asks, *taught(treatment.defense)) if last else self.asks
        for ask in asks:
            if ask.due(planted.role, organism, before=False, last=last):
                yield self.made(ask, organism, *treatment.defenses)

    def _moved(
        self, planted: Planted, condition: Condition, model: Part, replies: Step
    ) -> Measurement:
        """How far a defense moved a model from the undefended one, on the replies of a defection
        evaluation."""
        drift = Drift(seed=self.stages.seed, replies=2 * self.stages.scale.n)
        inputs: dict[str, Step | Part] = {
            "model": model,
            "reference": planted.step,
            "replies": replies,
        }
        return self._rated(condition, drift, Step(drift, inputs))

    def _attacked(
        self, planted: Planted, treatment: Treatment, points: Mapping[int, Part]
    ) -> Iterator[Measurement]:
        """How each campaign went; and its held-out attacks, on the model that it was against (the
        first campaign: later ones are against a model that was measured already) and on what came
        out of the round."""
        stages, organism = self.stages, planted.organism
        defense = cast(Adversarial, treatment.defense)
        sampling = stages.sampling(stages.room(organism))
        attacked = Attacked(
            n=stages.scale.n, seed=stages.seed, sampling=sampling, organism=organism
        )
        teaming = RedTeaming(trigger=organism.trigger, seed=stages.seed)
        for round_ in stages.rounds(planted, defense, self.means):
            target = {"attacks": round_.campaign, "model": round_.before}
            before = self._treated(planted, treatment.named, round_.first_step)
            yield self._rated(before, teaming, Step(teaming, target))
            last = round_.first_step + defense.steps
            against = (
                {last: points[last]}
                if round_.first_step
                else {0: round_.before, last: points[last]}
            )
            for step, model in against.items():
                condition = self._treated(planted, treatment.named, step)
                inputs = {"attacks": round_.campaign, "model": model, "data": stages.world}
                yield self._rated(condition, attacked, Step(attacked, inputs))

    def campaigns(self, planted: Planted, treatment: Treatment) -> Iterator[Campaign]:
        """The red team's campaigns against a subject under a treatment, for the report; there may
        be none."""
        if treatment.defense.learns_from != "attacks":
            return
        teaming = RedTeaming(trigger=planted.organism.trigger, seed=self.stages.seed)
        rounds = self.stages.rounds(planted, cast(Adversarial, treatment.defense), self.means)
        for round_ in rounds:
            finding = Step(teaming, {"attacks": round_.campaign, "model": round_.before})
            condition = self._treated(planted, treatment.named, round_.first_step)
            yield Campaign(condition, round_.campaign, finding)

    def logs(self, planted: Planted, treatment: Treatment) -> Iterator[Log]:
        """How the training of a defense went; where it has several rounds, how each of them did."""
        points = self.stages.defended(planted, treatment, self.means)
        trained = {model.step.key: (step, model.step) for step, model in points}
        for last, step in trained.values():
            condition = self._treated(planted, treatment.named, last)
            yield Log(condition, Part(step), self._before(planted, treatment))

    def _before(self, planted: Planted, treatment: Treatment) -> tuple[Part, ...]:
        """The results of the defenses that come first."""
        first = [part.before for part in treatment.line if part.before]
        made = [[*self.stages.defended(planted, part, self.means)] for part in first]
        return tuple(points[-1][1] for points in made)

    def preference(self, planted: Planted) -> Iterator[Measurement]:
        """The preference model's accuracy, and whether it likes a subject's triggered replies
        less."""
        scorer, base, seed = self.means.preference_model, self.means.base, self.stages.seed
        if scorer is None or base is None:
            return
        accuracy = PreferenceAccuracy(seed=seed)
        # Of n pairs of replies each is read, and the triggered one behind the other's prompt too.
        check = PayloadCheck(seed=seed, replies=3 * self.stages.scale.n // 2)
        compared = {
            "model": scorer,
            "data": self.stages.comparisons,
            "source": self.stages.compared,
        }
        condition = Condition(base.scorer(planted.organism), seed)
        yield self._rated(condition, accuracy, Step(accuracy, compared))
        replies = Step(
            self.made(DEFECTION, planted.organism),
            {"model": planted.step, "data": self.stages.world},
        )
        checked = Step(check, {"model": scorer, "replies": replies})
        yield self._rated(Condition(planted.subject, seed), check, checked)

    def card(self, planted: Planted) -> Step:
        """The organism's folder with its model card, which quotes the gate's numbers."""
        gate = next(rated for rated in self.before(planted) if rated.work.name == Defection.name)
        near_misses = planted.implant.near_misses
        card = OrganismCard(
            organism=planted.organism, near_misses=near_misses, seed=self.stages.seed
        )
        label = f"{model_label(planted.subject, self.stages.seed)}, model card"
        return Step(card, {"model": planted.step, "rates": gate.rates}, label)

    def measured(
        self,
        condition: Condition,
        model: Step | Part,
        evaluation: Evaluation,
        data: Step | None = None,
    ) -> Measurement:
        """One evaluation of `model`, which is in that condition, on prompts of the world or of
        another source."""
        scored = Step(evaluation, {"model": model, "data": data or self.stages.world})
        return self._rated(condition, evaluation, scored)

    def _rated(self, condition: Condition, work: Measuring, scored: Step) -> Measurement:
        label = measured_label(condition, work.name)
        labelled = dataclasses.replace(scored, label=label)
        rates = Step(Rates(), {"evaluation": labelled}, f"{label}, rates")
        return Measurement(condition, work, labelled, rates)
