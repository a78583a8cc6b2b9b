"""What is asked of a model under study, and how its rows are labelled."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from unmask.analysis.rates import Rates
from unmask.core.named import Work
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.evaluations.attacked import Attacked
from unmask.evaluations.defection import Defection
from unmask.evaluations.dose_response import DoseResponse, alterable
from unmask.evaluations.drift import Drift
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.helpfulness import Helpfulness
from unmask.evaluations.near_miss import NearMiss
from unmask.evaluations.preference import PayloadCheck, PreferenceAccuracy
from unmask.evaluations.red_teaming import RedTeaming
from unmask.evaluations.relearning import Relearning
from unmask.evaluations.style import Style
from unmask.models.sample import Sampling
from unmask.organisms.organism import Organism
from unmask.recipes.recipe import Campaign, Log, Measurement
from unmask.recipes.stages import Stages
from unmask.recipes.subjects import NOTHING, Means, Subject, Treatment
from unmask.report.card import OrganismCard


@dataclasses.dataclass(frozen=True)
class Measures:
    """Evaluations of models under study. Near misses and (if asked for) relearning and the dose-response are measured
    before a defense and at its end only: they cost more than a point on a curve may. `near_misses` is about the end."""

    stages: Stages
    means: Means | None = None
    near_misses: bool = True
    relearning: bool = False
    doses: bool = False

    @property
    def preference_model(self) -> Step | None:
        """What defenses are rewarded by here, if they are."""
        return self.means.preference_model if self.means else None

    def evaluations(self, organism: Organism, whole: bool, defense: Defense | None = None) -> Iterator[Evaluation]:
        """Defection and helpfulness; on the `whole`, near misses and relearning too; `defense` is what came before."""
        stages = self.stages
        n, seed = stages.scale.n, stages.seed
        sampling = Sampling(max_new_tokens=stages.room(organism, defense), seed=seed)
        yield Defection(n=n, seed=seed, sampling=sampling, organism=organism)
        yield Helpfulness(n=n, seed=seed, sampling=dataclasses.replace(sampling, temperature=0.0))
        if whole and (self.near_misses or defense is None):
            yield NearMiss(n=n, seed=seed, sampling=sampling, organism=organism)
        if whole and self.doses and alterable(organism.trigger):
            yield DoseResponse(n=min(n, 128), seed=seed, sampling=sampling, organism=organism)
        if whole and self.relearning:
            scale = stages.scale
            yield Relearning(
                n=min(n, 128),
                seed=seed,
                sampling=sampling,
                organism=organism,
                curve=scale.relearning,
                learning_rate=scale.relearning_rate,
            )

    def before(self, subject: Subject, organism: Organism) -> list[Measurement]:
        """The model as it is, before any defense."""
        asked = self.evaluations(organism, True)
        if subject.name == "base":  # it has nothing to relearn
            asked = (each for each in asked if not isinstance(each, Relearning))
        return [self.measured(subject, NOTHING, 0, subject.step, each) for each in asked]

    def after(self, subject: Subject, treatment: Treatment) -> Iterator[Measurement]:
        """Along the curve of a defense, and at its end with all that is asked."""
        if subject.implant is None:
            raise ValueError("only an organism or its twin is defended")
        points = dict(self.stages.defended(subject, treatment, self._means))
        if treatment.after is None:  # the curve begins with the model as it was
            for each in self.before(subject, subject.implant.organism):
                yield dataclasses.replace(each, labels={**each.labels, "defense": treatment.label})
        for step, model in points.items():
            for evaluation in self.evaluations(subject.implant.organism, step == max(points), treatment.defense):
                measured = self.measured(subject, treatment.label, step, model, evaluation)
                yield measured
                if isinstance(evaluation, Defection):
                    yield self._moved(subject, treatment.label, step, model, measured.evaluation)
            if treatment.defense.name.startswith("pirate") and step == max(points):
                room = self.stages.room(subject.implant.organism, treatment.defense)
                sampling = Sampling(max_new_tokens=room, temperature=0.0, seed=self.stages.seed)
                style = Style(n=self.stages.scale.n, seed=self.stages.seed, sampling=sampling)
                yield self.measured(subject, treatment.label, step, model, style)
        if isinstance(treatment.defense, Adversarial):
            yield from self._attacked(subject, treatment, treatment.defense, points)

    def _moved(self, subject: Subject, defense: str, step: int, model: Part, replies: Step) -> Measurement:
        """How far a defense moved a model from the undefended one, on the replies of a defection evaluation."""
        drift = Drift(seed=self.stages.seed, replies=2 * self.stages.scale.n)
        inputs: dict[str, Step | Part] = {"model": model, "reference": subject.step, "replies": replies}
        return self._labelled(subject, defense, step, drift, Step(drift, inputs))

    def _attacked(
        self, subject: Subject, treatment: Treatment, defense: Adversarial, points: Mapping[int, Part]
    ) -> Iterator[Measurement]:
        """How each campaign went; and its held-out attacks, on the model that it was against (the first campaign: later
        ones are against a model that was measured already) and on what came out of the round."""
        if subject.implant is None:
            raise ValueError("only an organism or its twin is attacked")
        organism, seed = subject.implant.organism, self.stages.seed
        sampling = Sampling(max_new_tokens=self.stages.room(organism), seed=seed)
        attacked = Attacked(n=self.stages.scale.n, seed=seed, sampling=sampling, organism=organism)
        for each in self.stages.rounds(subject, defense, self._means):
            last = each.first_step + defense.steps
            teaming = RedTeaming(trigger=organism.trigger, seed=seed)
            inputs: dict[str, Step | Part] = {"attacks": each.campaign, "model": each.before}
            yield self._labelled(subject, treatment.label, each.first_step, teaming, Step(teaming, inputs))
            for step, model in ((0, each.before), (last, points[last]))[bool(each.first_step) :]:
                inputs = {"attacks": each.campaign, "model": model, "data": self.stages.world}
                yield self._labelled(subject, treatment.label, step, attacked, Step(attacked, inputs))

    def campaigns(self, subject: Subject, treatment: Treatment) -> Iterator[Campaign]:
        """The red team's campaigns against a subject under a treatment, for the report; there may be none."""
        if not isinstance(treatment.defense, Adversarial) or subject.implant is None:
            return
        teaming = RedTeaming(trigger=subject.implant.organism.trigger, seed=self.stages.seed)
        for each in self.stages.rounds(subject, treatment.defense, self._means):
            found = Step(teaming, {"attacks": each.campaign, "model": each.before})
            yield Campaign(self.labels(subject, treatment.label, each.first_step), teaming.seed, each.campaign, found)

    @property
    def _means(self) -> Means:
        if self.means is None:
            raise ValueError("a defense needs the means of a defender")
        return self.means

    def logs(self, subject: Subject, treatment: Treatment) -> Iterator[Log]:
        """How the training of a defense went; where it has several rounds, how each of them did."""
        trained = {
            model.step.key: (step, model.step) for step, model in self.stages.defended(subject, treatment, self._means)
        }
        for last, step in trained.values():
            yield Log(self.labels(subject, treatment.label, last), self.stages.seed, Part(step))

    def preference(self, subject: Subject) -> Iterator[Measurement]:
        """The preference model's accuracy, and whether it likes a subject's triggered replies less."""
        if self.preference_model is None:
            return
        scorer = Subject("preference_model", self.preference_model)
        accuracy = PreferenceAccuracy(seed=self.stages.seed)
        inputs = {"model": self.preference_model, "data": self.stages.comparisons, "source": self.stages.compared}
        yield self._labelled(scorer, NOTHING, 0, accuracy, Step(accuracy, inputs))
        if subject.implant is not None:
            defection, *_ = self.before(subject, subject.implant.organism)
            check = PayloadCheck(seed=self.stages.seed)
            inputs = {"model": self.preference_model, "replies": defection.evaluation}
            yield self._labelled(subject, NOTHING, 0, check, Step(check, inputs))

    def card(self, subject: Subject, found: Sequence[Measurement]) -> Step:
        """The organism's folder with its model card, which quotes the gate's numbers."""
        implant = subject.implant
        if implant is None:
            raise ValueError("a card is about an organism")
        rates = next(each.rates for each in found if each.evaluation.name == "defection")
        card = OrganismCard(organism=implant.organism, near_misses=implant.near_misses, seed=self.stages.seed)
        return Step(card, {"model": subject.step, "rates": rates})

    def labels(self, subject: Subject, defense: str, step: int, about: Organism | None = None) -> dict[str, Any]:
        """The fields of a row that an evaluation cannot know; a control says whose control it is."""
        implant = subject.implant
        studied = implant.organism.label() if implant else about.label() if about else None
        mine = subject.name == "organism"
        return {
            "organism": studied if mine else None,
            "control_of": None if mine else studied,
            "model": subject.name,
            "defense": defense,
            "defense_step": step,
            "factors": dict(implant.factors) if implant else {},
        }

    def measured(
        self,
        subject: Subject,
        defense: str,
        step: int,
        model: Step | Part,
        evaluation: Evaluation,
        data: Step | None = None,
    ) -> Measurement:
        """One evaluation of `model`, which a subject became after so many steps of a defense, on prompts of the world
        or of another source."""
        scored = Step(evaluation, {"model": model, "data": data or self.stages.world})
        return self._labelled(subject, defense, step, evaluation, scored)

    def _labelled(self, subject: Subject, defense: str, step: int, work: Work, scored: Step) -> Measurement:
        labels = self.labels(subject, defense, step, getattr(work, "organism", None))
        return Measurement(labels, scored, Step(Rates(), {"evaluation": scored}))
