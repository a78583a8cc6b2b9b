"""Rows of results.jsonl: one measured number each, written and read here and nowhere else.

The fields, with their descriptions, are what docs/results-format.md shows.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unmask.core.arm import Arm
from unmask.core.condition import (
    Backdoor,
    Condition,
    Configured,
    Role,
    Subject,
    as_json,
    settings_of,
)
from unmask.core.errors import DataError
from unmask.core.estimate import Estimate
from unmask.core.files import read_jsonl, write_text
from unmask.core.metric import Against, Unit
from unmask.core.spec import canonical

SCHEMA = 2


class Record(BaseModel):
    """A JSON object of a file of ours; a field that it does not know is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False, strict=True)


class OrganismRecord(Record):
    """A backdoor by its three names, with the settings of each that are not the default."""

    trigger: str
    behavior: str
    variant: str
    settings: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @staticmethod
    def of(backdoor: Backdoor | None) -> OrganismRecord | None:
        if backdoor is None:
            return None
        parts = {part: getattr(backdoor, part) for part in ("trigger", "behavior", "variant")}
        names = {part: configured.name for part, configured in parts.items()}
        settings = {
            part: as_json(configured.settings)
            for part, configured in parts.items()
            if configured.settings
        }
        return OrganismRecord(**names, settings=settings)

    @functools.cached_property
    def backdoor(self) -> Backdoor:
        def configured(part: str) -> Configured:
            return Configured(getattr(self, part), settings_of(self.settings.get(part, {})))

        return Backdoor(configured("trigger"), configured("behavior"), configured("variant"))


class ModelRecord(Record):
    name: Role
    parameters: int


class ConditionRecord(Record):
    """The fields that say what was measured on: of a row, of a training's log, of a verdict."""

    organism: OrganismRecord | None = Field(
        description=(
            "`trigger`, `behavior` and `variant` by name, and their `settings` that are not "
            "the default; `null` for models without a backdoor, such as the twin and the base"
        )
    )
    control_of: OrganismRecord | None = Field(
        description=(
            "for a twin, and for what the base does with an organism's trigger: that organism; else"
            " `null`"
        )
    )
    factors: Mapping[str, Any] = Field(
        description=(
            'settings that a recipe varies, such as `{"optimizer": "adafactor"}`; mostly empty'
        )
    )
    model: ModelRecord = Field(
        description=(
            "`name` (`organism`, `twin`, `base` or `preference_model`) and the number of"
            " `parameters`"
        )
    )
    defense: str = Field(
        description=(
            "a defense's name, with the settings that were said: `sft (learning_rate=0.001)`;"
            " `nothing` where there was none"
        )
    )
    defense_name: str = Field(description="its name alone")
    defense_settings: Mapping[str, Any] = Field(description="those settings, as values")
    defense_step: int = Field(
        description="training steps of the defense so far; 0 is the model before it"
    )
    seed: int = Field(description="the seed of the evaluation, which is the run's")

    @staticmethod
    def fields(condition: Condition) -> dict[str, Any]:
        """The fields of any record that is about this condition."""
        subject, defense = condition.subject, condition.defense
        about = OrganismRecord.of(subject.about)
        return {
            "organism": about if subject.planted else None,
            "control_of": None if subject.planted else about,
            "factors": as_json(subject.factors),
            "model": ModelRecord(name=subject.role, parameters=subject.parameters),
            "defense": str(defense),
            "defense_name": defense.name,
            "defense_settings": as_json(defense.settings),
            "defense_step": condition.step,
            "seed": condition.seed,
        }

    @functools.cached_property
    def condition(self) -> Condition:
        about = self.organism or self.control_of
        subject = Subject(
            self.model.name,
            about.backdoor if about else None,
            settings_of(self.factors),
            self.model.parameters,
        )
        defense = Configured(self.defense_name, settings_of(self.defense_settings))
        return Condition(subject, self.seed, defense, self.defense_step)


def condition_of(record: Mapping[str, Any], where: str) -> Condition:
    """The condition in a JSON object that may have other fields too; raises DataError that names
    the place and the first field that is wrong."""
    try:
        return ConditionRecord.model_validate(record).condition
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise DataError(f"{where}: field '{field}': {first['msg']}.") from None


class Row(ConditionRecord):
    """One measured number."""

    evaluation: str = Field(description="what was measured ([evaluations.md](evaluations.md))")
    arm: str = Field(description="on which prompts of it")
    opened: bool = Field(description="whether the scratchpad was opened for the model")
    dose: int | None = Field(
        description=(
            "how much of what the arm is about (relearning steps, altered characters); `null` where"
            " it is not a number"
        )
    )
    metric: str = Field(description="which number of it")
    unit: Unit = Field(
        description=(
            "`share` (0 to 1), `nats`, `tokens`, `count` or `score`; a difference is in the "
            "unit of what differs"
        )
    )
    value: float = Field(description="a share from 0 to 1, or the mean of a number")
    n: int = Field(
        description=(
            "replies that it was measured on; several to one prompt count each, and the "
            "interval takes prompts, not replies, for independent"
        )
    )
    low: float = Field(
        description="95% interval: Wilson for shares, percentile bootstrap for means"
    )
    high: float = Field(description="its upper end")
    step: str = Field(description="the key of the step that measured it")
    planted: bool | None = Field(
        default=None,
        description=(
            "whether the organism of the row passed the planting gate; where it is `false`, the row"
            " says nothing about defenses. `null` for controls (twin, base) and where no gate was"
            " measured"
        ),
    )
    against: Against | None = Field(
        default=None,
        description=(
            "of a paired difference: what the model of the row is compared with, on the same"
            " prompts: the `base`, the `twin`, itself without the trigger (`untriggered`), or the"
            " first `level` of a factor"
        ),
    )
    gained: int | None = Field(
        default=None, description="of a difference: prompts where the second is higher"
    )
    lost: int | None = Field(default=None, description="of a difference: prompts where it is lower")
    p: float | None = Field(
        default=None,
        description=(
            "of a difference: the exact p of the sign test over prompts, which takes the two models"
            " as given (the report's pale bars count each seed once)"
        ),
    )
    p_adjusted: float | None = Field(
        default=None, description="Holm's, for all differences of the run"
    )
    schema_: int = Field(default=SCHEMA, alias="schema", description="the version of this table")

    @functools.cached_property
    def prompts(self) -> Arm:
        """The arm with its parts."""
        return Arm(self.arm)

    @functools.cached_property
    def estimate(self) -> Estimate:
        return Estimate(self.value, self.low, self.high, self.n)

    @property
    def identity(self) -> tuple[Condition, str, str, str, Against | None]:
        """What no two rows of a run have in common."""
        return (self.condition, self.evaluation, self.arm, self.metric, self.against)


def row_of(values: Mapping[str, Any], where: str) -> Row:
    """A row from a JSON object; raises DataError that names the place and the first field that is
    wrong."""
    schema = values.get("schema", SCHEMA)
    if schema != SCHEMA:
        raise DataError(
            f"{where}: its schema is {schema!r}, and this version reads {SCHEMA}. Run the recipe"
            " again with this version: what its store has is not computed again."
        )
    try:
        return Row.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        given = "missing" if first["type"] == "missing" else f"{first['input']!r:.80}"
        raise DataError(
            f"{where}: field '{field}' is {given}: {first['msg']}. Rows of an older version are"
            " made anew by running the recipe again; what its store has is not computed again."
        ) from None


def read_rows(path: Path) -> Iterator[Row]:
    """The rows of a results.jsonl; raises DataError naming line and field."""
    for number, values in read_jsonl(path):
        yield row_of(values, f"{path}, line {number}")


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Fields that are about differences stand in differences only."""
    texts = [canonical(fields_of(row)) + "\n" for row in rows]
    write_text(path, "".join(texts))


def fields_of(row: Row) -> dict[str, Any]:
    """The JSON object of a row."""
    values = row.model_dump(mode="json", by_alias=True)
    absent = ("against", "gained", "lost", "p", "p_adjusted")
    return {
        name: value for name, value in values.items() if value is not None or name not in absent
    }
