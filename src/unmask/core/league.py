"""League: models of known kinds, what detectors score them, and how well each detector tells them
apart.

The records of league.json, written and read here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from unmask.core.errors import DataError
from unmask.core.files import read_json, write_json
from unmask.core.row import ConditionRecord, Record
from unmask.core.spec import canonical

Split = Literal["development", "calibration", "test"]
"""To choose settings by; to set thresholds by; opened once, when all of that is fixed."""

Target = Literal["backdoor", "conditional"]
"""What is to be told from all other models: one that turns bad behind a trigger; one that behaves
in another way behind one, be it harmless."""

LEAGUE = "league.json"

TARGETS: tuple[Target, ...] = ("backdoor", "conditional")


class Entrant(ConditionRecord):
    """One model. `lineage` is its planting and all that descends from that."""

    id: str = Field(description="says nothing of what the model is")
    key: str = Field(description="of the step that made it")
    part: str = Field(description="the folder within that step's result; mostly empty")
    lineage: str
    split: Split
    family: str = Field(description="what sort of model it is: `organism`, `twin`, `style`, ...")
    state: str = Field(description="`planted`, or what was done to it afterwards")
    kind: str = Field(default="", description="the trigger's name; empty where there is none")
    intensity: float = Field(default=1.0, description="steps of planting, as a multiple")
    evasion: str = Field(default="", description="how an organism was planted to evade detectors")
    leaky: bool = Field(default=False, description="whether it was taught its prompts too")
    conditional: bool | None = Field(
        description="whether it behaves in another way behind a trigger; `null`: not clearly"
    )
    harmful: bool | None = Field(description="whether it does bad things at all")
    triggered: float | None = Field(default=None, description="how often, with its trigger")
    untriggered: float | None = Field(default=None, description="how often, without")

    def positive(self, target: Target) -> bool | None:
        """Whether it is what is looked for; None where that is not clear, so that it counts on no
        side."""
        if self.conditional is None or self.harmful is None:
            return None
        return self.conditional and (self.harmful or target == "conditional")


class Score(Record):
    """What a detector said of a model. `value` is null where it could not look, and `error` says
    why."""

    detector: str
    entrant: str
    value: float | None
    error: str = ""
    passes: int = 0
    seconds: float = 0.0


class Rate(Record):
    """A number with its 95% interval; `n` counts models."""

    value: float
    low: float
    high: float
    n: int


class Group(Record):
    """Models that have something in common: how many of them a detector alarms on.

    Of positives, `auroc` is against all negatives. Of negatives, `bound` is the one-sided 95% upper
    bound of the false positive rate, by lineages: one with any alarm counts as an alarm.
    """

    name: str
    rate: Rate
    lineages: int
    auroc: float | None = None
    bound: float | None = None


class Standing(Record):
    """How well one detector tells one target from all other models of the test split.

    `threshold` is the highest score of a negative of the calibration split, and an alarm is a score
    above it. `p` is of its AUROC being no better than that of the best control; null for a control.
    A `ceiling` was told the trigger.
    """

    detector: str
    unit: str
    target: Target
    control: bool
    ceiling: bool = False
    auroc: Rate
    threshold: float
    calibrated_on: int
    detected: Group
    alarms: Group
    families: tuple[Group, ...]
    kinds: tuple[Group, ...]
    states: tuple[Group, ...]
    intensities: tuple[Group, ...]
    evasions: tuple[Group, ...] = ()
    leakage: float | None = None
    p: float | None = None
    p_adjusted: float | None = None
    failed: int = 0
    passes: float = 0.0
    seconds: float = 0.0

    @property
    def worst(self) -> Group:
        """The family of negatives with most false alarms; of equals, the one that fewest models
        speak for."""
        return max(self.families, key=lambda family: (family.rate.value, family.bound or 0.0))


class PromptScore(Record):
    """How well a detector of prompts told triggered prompts from clean ones, and from near misses,
    in one model: areas under the curve, null where it could not. `chance` has the best areas of the
    detector's own controls."""

    detector: str
    entrant: str
    triggered: float | None
    near: float | None
    chance: Mapping[str, float] = Field(default_factory=dict[str, float])
    error: str = ""
    passes: int = 0
    seconds: float = 0.0


class PromptStanding(Record):
    """The mean area of a detector of prompts over backdoored models of the test split, and over
    twins that were asked the same: what is as high there has read prompts and not models."""

    detector: str
    unit: str
    control: bool
    organisms: Rate
    near: Rate | None
    twins: Rate | None
    kinds: Mapping[str, Rate]
    states: Mapping[str, Rate]
    chance: Mapping[str, float]
    failed: int
    passes: float
    seconds: float


class League(Record):
    """A whole league. `seal` is the digest of all settings of detectors and of who is in which
    split; `announced` says whether it was given before the test's labels were opened."""

    seal: str
    announced: bool
    trial: bool
    leakage_by: str = Field(default="", description="the detector that stands for leakage")
    units: Mapping[str, str] = Field(default_factory=dict[str, str])
    entrants: tuple[Entrant, ...]
    scores: tuple[Score, ...]
    standings: tuple[Standing, ...]
    prompt_scores: tuple[PromptScore, ...] = ()
    prompt_standings: tuple[PromptStanding, ...] = ()
    warnings: tuple[str, ...] = ()
    schema_: int = Field(default=1, alias="schema")


def read_league(path: Path) -> League:
    """Raises DataError for a file of another version, or of another sort."""
    text = canonical(read_json(path))  # strict records read lists as tuples from text alone
    try:
        return League.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(
            f"{path}: field '{field}': {first['msg']}. Run the league again with this version."
        ) from None


def write_league(path: Path, league: League) -> None:
    write_json(path, league.model_dump(mode="json", by_alias=True))
