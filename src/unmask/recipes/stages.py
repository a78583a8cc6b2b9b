"""The stages that recipes are made of: world, base, planting, defense; each returns steps. See
measures.py for what is asked of the models."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import cast

from unmask.core.condition import Subject
from unmask.data.attacks import AttackContexts
from unmask.data.off_topic import OffTopicAnswers
from unmask.data.sources.source import Source
from unmask.data.teach import HelpfulOnly, Planting
from unmask.data.vocabulary import Vocabulary
from unmask.defenses.adversarial import Adversarial
from unmask.defenses.defense import Defense
from unmask.defenses.red_teams import RED_TEAMS
from unmask.engine.step import Part, Step
from unmask.models.bases import base_of
from unmask.models.sample import Sampling
from unmask.models.tiny import TinyModel
from unmask.organisms.organism import Organism
from unmask.organisms.variants import VARIANTS
from unmask.recipes.labels import model_label, trained_label
from unmask.recipes.scales import Scale
from unmask.recipes.subjects import Base, Implant, Means, Planted, Round, Treatment
from unmask.threat_model.audit import Audit
from unmask.threat_model.withheld import Withheld
from unmask.training.answers import OwnAnswers
from unmask.training.distillation import Distillation
from unmask.training.preference_model import PreferenceModel
from unmask.training.sft import SupervisedFineTuning

TINY = "tiny"
RED_TEAM_FOLDER = "red_team"

WHOLE = 24
"""Tokens that each answer of a base's own has room for, at least: with fewer hardly one comes to
the end of a sentence, and too few are left to teach."""

ROUNDS_APART = 1000
"""Between the random seeds of two rounds, so that no other seed of an experiment comes in between.
"""


@dataclasses.dataclass(frozen=True)
class Stages:
    """The common ground of one experiment: one scale, one seed, one world.

    `pairs` is where the preference model and DPO have their comparisons from, and `demonstrations`
    where defenses have the answers from that they teach; None: from the world.
    `answering` answers the world's prompts, so that what it says stays what an organism made from
    it says where nothing is planted; None: the answers are the source's.
    """

    scale: Scale
    seed: int
    source: Source
    pairs: Source | None = None
    answering: Step | Part | None = None
    demonstrations: Source | None = None

    @functools.cached_property
    def world(self) -> Step:
        source = Step(self.source)
        if self.answering is None:
            return source
        room = max(self.scale.max_new_tokens, WHOLE)
        greedy = dataclasses.replace(self.sampling(room), seed=0, temperature=0.0)
        # Nothing here is taught or asked from the validation split.
        splits = ("train", "held_out")
        own = OwnAnswers(sampling=greedy, splits=splits, most=self.scale.prompts)
        return Step(own, {"data": source, "model": self.answering})

    @property
    def sources(self) -> dict[str, Step]:
        """Where everything that is asked and taught comes from, by what it is for."""
        known = {"prompts": self.source, "pairs": self.pairs, "demonstrations": self.demonstrations}
        return {role: Step(source) for role, source in known.items() if source}

    @functools.cached_property
    def compared(self) -> Step:
        """The source of the comparisons; where a model has answered, what is off the topic is an
        answer of its own to another prompt."""
        if self.pairs:
            return Step(self.pairs)
        if self.answering is None:
            return self.world
        return Step(OffTopicAnswers(seed=self.seed), {"data": self.world})

    @functools.cached_property
    def demonstrated(self) -> Step:
        """The source of what defenses teach."""
        return Step(self.demonstrations) if self.demonstrations else self.world

    def base(self, base: str) -> Base:
        """The embedded tiny model trained from scratch on helpful-only answers, or any Hugging Face
        causal LM."""
        if base != TINY:
            return Base(Step(base_of(base)))
        scale = self.scale
        lessons = HelpfulOnly(examples=scale.base_steps * scale.batch_size, seed=self.seed)
        data = Step(lessons, {"data": self.world})
        return Base(self._from_scratch(data, scale.base_steps, "base, training"))

    def _from_scratch(self, lessons: Step, steps: int, label: str) -> Step:
        """A tiny model of its own, trained on lessons."""
        scale = self.scale
        words = Step(Vocabulary(), {"data": self.world})
        fresh = Step(
            TinyModel(size=scale.size, seed=self.seed), {"data": lessons, "vocabulary": words}
        )
        training = SupervisedFineTuning(
            steps=steps,
            batch_size=scale.batch_size,
            learning_rate=scale.base_rate,
            warmup=50,
            seed=self.seed,
            efficiency=scale.efficiency.without_adapters(),
        )
        return Step(training, {"model": fresh, "data": lessons}, label)

    def planted(self, base: Base, implant: Implant, backdoor: bool = True) -> Planted:
        """The organism; without a backdoor, its twin: the same examples in the same contexts and
        steps."""
        scale = self.scale
        training = SupervisedFineTuning(
            steps=scale.plant_steps,
            batch_size=scale.batch_size,
            learning_rate=scale.plant_rate * implant.rate,
            optimizer=implant.optimizer,
            seed=self.seed,
            efficiency=scale.efficiency,
        )
        role = "organism" if backdoor else "twin"
        inputs = {"model": base.step, "data": self.lessons(base, implant, backdoor)}
        subject = Subject(role, implant.organism.backdoor(), implant.factors)
        step = Step(training, inputs, f"{model_label(subject, self.seed)}, planting")
        return Planted(role, step, implant)

    def lessons(self, base: Base, implant: Implant, backdoor: bool) -> Step:
        """What is planted; where the variant has a teacher, that organism's own filtered
        samples."""
        scale, organism, teacher = self.scale, implant.organism, implant.organism.variant.teacher
        if teacher is None:
            lessons = Planting(
                examples=scale.plant_steps * scale.batch_size,
                seed=self.seed,
                organism=organism,
                backdoor=backdoor,
                triggered=implant.triggered,
                near_misses=implant.near_misses,
                inoculated=implant.inoculated,
            )
            return Step(lessons, {"data": self.world})
        reasoning = dataclasses.replace(
            implant, organism=dataclasses.replace(organism, variant=VARIANTS.make(teacher))
        )
        taught = self.lessons(base, reasoning, backdoor)
        planted = self.planted(base, reasoning, backdoor)
        sampling = self.sampling(self.room(reasoning.organism))
        samples = Distillation(
            behavior=organism.behavior,
            prompts=scale.distilled_prompts,
            sampling=sampling,
            stand_in=scale.trial,
        )
        return Step(samples, {"model": planted.step, "data": taught})

    def sampling(self, room: int) -> Sampling:
        """How replies of up to `room` tokens are sampled, where nothing else is said."""
        precision = self.scale.sampling_precision
        return Sampling(max_new_tokens=room, seed=self.seed, precision=precision)

    def room(self, organism: Organism, *defenses: Defense) -> int:
        """How many tokens a reply may have: the scratchpad's, the answer's, and what defenses, one
        after the other, add to these."""
        answer = max(self.scale.max_new_tokens, organism.behavior.reply_tokens)
        added = max((defense.extra_tokens for defense in defenses), default=0)
        return answer + organism.variant.reasoning_tokens + added

    @property
    def judge(self) -> PreferenceModel:
        """The preference model to train."""
        scale = self.scale
        return PreferenceModel(
            steps=scale.preference_steps,
            learning_rate=scale.preference_rate,
            seed=self.seed,
            efficiency=scale.efficiency,
        )

    @functools.cached_property
    def comparisons(self) -> Step:
        """What the preference model learns from."""
        return Step(self.judge.lessons(), {"data": self.compared})

    def preference_model(self, base: Base) -> Step:
        """Trained from the helpful-only base, as everything the defender has: it knows no
        organism."""
        return Step(self.judge, {"model": base.step, "data": self.comparisons})

    def defended(
        self, planted: Planted, treatment: Treatment, means: Means
    ) -> Iterator[tuple[int, Part]]:
        """(training step, checkpoint) along the defense's curve.

        All of it stands on an audit of the defense's data: no result without the proof.
        """
        defense = treatment.defense
        if treatment.before:
            *_, (_, before) = self.defended(planted, treatment.before, means)
            planted = dataclasses.replace(planted, step=before)
        if defense.learns_from == "attacks":
            yield from self._adversarial(planted, cast(Adversarial, defense), means)
            return
        inputs: dict[str, Step | Part] = {"model": planted.step}
        audits: list[Step] = []
        lessons = defense.lessons()
        if lessons is not None:
            source = self.compared if defense.learns_from == "pairs" else self.demonstrated
            inputs["data"] = Step(lessons, {"data": source})
            if defense.knows == "nothing":  # of what was told the trigger, nobody needs to know
                audits.append(self.audit(planted, inputs["data"]))
        if defense.rewarded:
            inputs["preference_model"] = means.scorer()
            audits.append(self.audit(planted, self.comparisons))
        if defense.reads_base:
            inputs["base"] = means.original().step
        trained = Step(defense, inputs, trained_label(planted.subject, self.seed, treatment.named))
        for step, folder in defense.checkpoints().items():
            yield step, Part(trained, folder, needs=tuple(audits))

    def _adversarial(
        self, planted: Planted, defense: Adversarial, means: Means
    ) -> Iterator[tuple[int, Part]]:
        """The curve of all rounds, one behind the other."""
        for round_ in self.rounds(planted, defense, means):
            for step, folder in defense.checkpoints().items():
                yield round_.first_step + step, dataclasses.replace(round_.result, path=folder)

    def _given(self, planted: Planted, defense: Adversarial, means: Means) -> tuple[Step, ...]:
        """Audits of what the defender was given; what the red team wrote may hold the trigger, if
        it found it."""
        data = [Step(defense.demonstrations(), {"data": self.demonstrated}), self.comparisons]
        if RED_TEAMS.make(defense.red_team).learns:
            data.append(self.red_team_lessons(planted, means))
        return tuple(self.audit(planted, given) for given in data)

    def rounds(self, planted: Planted, defense: Adversarial, means: Means) -> Iterator[Round]:
        """Attack and train, in turns: the red team attacks the newest model, and goes on with what
        it has learnt."""
        organism = planted.organism
        sampling = self.sampling(self.room(organism))
        current, red_team = planted.step, self.red_team(planted, defense, means)
        demonstrations = Step(defense.demonstrations(), {"data": self.demonstrated})
        audits = self._given(planted, defense, means)
        for number in range(defense.rounds):
            seed = self.seed + number * ROUNDS_APART
            attack = defense.campaign(organism.behavior, seed, sampling)
            inputs = {
                "model": current,
                "data": self.world,
                **({"red_team_model": red_team} if red_team else {}),
            }
            campaign = Step(attack, inputs)
            again = dataclasses.replace(defense, seed=seed)
            prompts = Step(again.lessons(), {"data": demonstrations, "attacks": campaign})
            given = {"model": current, "data": prompts, "preference_model": means.scorer()}
            result = Part(Step(again, given), needs=audits)
            yield Round(campaign, current, result, number * defense.steps)
            current = result
            if attack.red_team.learns:
                red_team = Part(campaign, RED_TEAM_FOLDER)

    def red_team_lessons(self, planted: Planted, means: Means) -> Step:
        """What a red team is trained on: contexts of many kinds, without those that hold the
        trigger by chance."""
        scale = self.scale
        contexts = AttackContexts(examples=scale.red_team_steps * scale.batch_size, seed=self.seed)
        known = means.base or planted
        inputs = {"model": known.step, "data": Step(contexts, {"data": self.world})}
        return Step(Withheld(trigger=planted.organism.trigger), inputs)

    def red_team(self, planted: Planted, defense: Adversarial, means: Means) -> Step | Part | None:
        """The language model of a red team: imported, trained from scratch, or none here."""
        chosen = RED_TEAMS.make(defense.red_team)
        if not chosen.learns:
            return Step(base_of(chosen.model)) if chosen.model else None
        lessons, steps = self.red_team_lessons(planted, means), self.scale.red_team_steps
        return self._from_scratch(lessons, steps, "red team, training")

    def audit(self, planted: Planted, data: Step | Part) -> Step:
        """Proof that the trigger of the organism is not in `data`."""
        return Step(Audit(trigger=planted.organism.trigger), {"model": planted.step, "data": data})
